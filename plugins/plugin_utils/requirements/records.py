# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The records of a verification: what is sent, what came back, and what ``verify.json`` holds.

docs/schema/verify.schema.json describes the shape of ``verify.json`` for other programs.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, TypedDict

from ..model.records import Namespace, Pod
from ..path.records import Path

SCHEMA_VERSION = 1
"""Version of ``verify.json``; raised when a key changes its meaning."""

Verdict = Literal["held", "broken", "not_applicable"]

ANSWERED = ("ok", "closed", "reset")
"""Outcomes of a probe over TCP in which somebody was there, whatever was said."""


class Party(NamedTuple):
    """Somebody who sends and receives: a pod with a network of its own, or a node."""

    name: str
    """``default/pod1``, or the node's inventory name."""
    host: str
    at: str
    """Where its probes start, as podnet.lab.probe takes it: ``net:[4026532001]`` or ``node``."""
    addresses: tuple[str, ...]
    """The first address of each family, by which others reach it."""
    own: frozenset[str]
    """All its addresses."""
    bridges: frozenset[str]
    """The bridges of its node that it hangs on."""
    mtu: int | None
    """The smallest MTU of its interfaces."""
    pod: Pod | None
    """None for a node."""
    inside: Namespace | None
    """The pod's namespace; None for a node."""

    @property
    def key(self) -> str:
        """What tells it from every other one."""
        return f"{self.host} {self.at}"


class Listener(NamedTuple):
    """What waits for probes."""

    id: str
    host: str
    at: str
    owner: str
    """Name of the party."""
    protocol: str = "tcp"
    port: int = 0
    """0: any that is free."""


class Check(NamedTuple):
    """One probe, with what it is for."""

    requirement: str
    """Key of the requirement."""
    about: str
    """What it belongs to within the requirement, such as a Service."""
    sender: Party
    receiver: str
    """Who is asked, for people."""
    kind: str
    """``tcp``, ``udp``, ``http``, ``https``, ``dns`` or ``path_mtu``, as podnet.lab.probe knows them."""
    to: str
    """Address or name."""
    listener: str | None = None
    """Id of the listener that is meant: its port is known only once it listens."""
    port: int | None = None
    times: int = 1
    """So many times, each a probe of its own."""
    at: str | None = None
    """Where it starts when that is not the sender's namespace by its number: ``pid:812``."""
    record: str = ""
    """What is asked of a name server, as in ``A``."""
    patient: bool = False
    """Whether it waits longer than others: an answer is expected, of a server that many ask at the same time."""
    site: str = ""
    """Of ``http`` and ``https``, the host that is asked for; empty: the address."""
    path: str = ""
    """Of ``http`` and ``https``, the path that is asked for; empty: ``/``."""


class Plan(NamedTuple):
    """Everything that is to be sent."""

    listeners: list[Listener]
    checks: list[Check]
    pairs_possible: int
    """Pairs of pods, each in both directions."""
    pairs_planned: int


class Peer(NamedTuple):
    """An address and a port."""

    address: str
    port: int


class Listening(NamedTuple):
    """A listener as its node opened it."""

    port: int | None
    error: str | None
    """Why it does not listen; None when it does."""


class Result(NamedTuple):
    """What came of one probe."""

    outcome: str
    address: str | None = None
    """The address that was really asked."""
    sent_from: Peer | None = None
    seen_as: Peer | None = None
    """What the listener said that it saw."""
    answered_by: str | None = None
    """Id of the listener."""
    reason: str = ""
    """Errno, the ICMP message and who sent it, or why there is no TLS."""
    status: int | None = None
    """Of an HTTP answer."""
    body: str = ""
    names: tuple[str, ...] = ()
    """For whom the certificate of a server is that was asked over TLS."""
    answers: tuple[str, ...] = ()
    """What a name server said."""
    server: str | None = None
    """Which name server."""
    mtu: int | None = None
    """Size of the largest packet that passed, in bytes with its IP header."""
    connected: bool = False
    """Whether a connection came about, even when nobody answered on it."""


Answer = tuple[Check, list[Result]]
"""A check, with as many results as it had probes; fewer when some were not sent."""


class Pair(TypedDict):
    """Who sent what to whom, of one that went wrong; playbooks/path.yml takes ``source`` and the address."""

    sender: str
    """For people."""
    source: str
    to: str
    """The address that was asked."""
    protocol: str
    """``tcp``, ``udp`` or ``icmp``."""
    port: int | None
    size: int | None
    """Bytes of the packet, where only large ones do not pass."""
    ends: int | None
    """Number of where its computed path ends; null where none was computed."""


class Ends(TypedDict):
    """Where paths of broken pairs end, computed from what decides on the nodes."""

    number: int
    verdict: str
    """``dropped``, ``unknown``, ``left``; ``delivered`` where nothing that was read explains it."""
    answer: bool
    """Whether it is the answer that ends there."""
    host: str | None
    name: str | None
    """The namespace: a pod, or the node itself."""
    reason: str
    command: str | None
    """What shows it on ``host``."""
    pairs: int
    """So many pairs end so, each in ``pairs`` of its fault."""
    sender: str
    """The first of them."""
    to: str
    path: Path | None
    """Its whole path, as ``path.json`` has it; null where its ends could not be used."""


class Fault(TypedDict):
    """One thing in which a requirement is broken."""

    host: str
    """The node on which it shows, or that has the sender."""
    sender: str
    receiver: str
    message: str
    evidence: list[str]
    count: int
    """So many pairs or answers are alike; the message and the names are those of the first."""
    command: str | None
    """What a person would type on ``host`` to look closer."""
    pairs: list[Pair]
    """All pairs that are alike, of whom a path can be computed."""


class Requirement(TypedDict):
    """One requirement, and whether it holds."""

    number: int
    key: str
    title: str
    verdict: Verdict
    checked: int
    """So many probes or facts were judged."""
    summary: str
    """What was found, in one sentence; for ``not_applicable`` the reason."""
    notes: list[str]
    faults: list[Fault]


class Unsent(TypedDict):
    """A node that could not take part, and why."""

    host: str
    cause: str


class Sent(TypedDict):
    """What was sent."""

    pods: int
    nodes: int
    pairs_possible: int
    pairs_planned: int
    pairs_chosen: str
    """How they were chosen, in words."""
    probes: int
    """Probes that have a result."""
    listeners: int


class TruthRow(TypedDict):
    """One row of the truth table of NetworkPolicies."""

    sender: str
    receiver: str
    port: str
    expected: bool
    measured: bool | None
    """None when it could not be measured."""
    because: str


class Verification(TypedDict):
    """Everything that ``verify.json`` holds."""

    schema_version: int
    collected_at: str | None
    sent: Sent
    left_out: list[str]
    """Who takes no part, each with the reason."""
    unsent: list[Unsent]
    held: int
    broken: int
    not_applicable: int
    requirements: list[Requirement]
    ends: list[Ends]
    """Where the packets of broken pairs end; empty where none is broken, and where that was not to be computed."""
    not_computed: int
    """So many broken pairs are too many to compute."""
    policies: list[TruthRow]


class Line(NamedTuple):
    """What a requirement's own file says of it, before it is numbered."""

    checked: int
    summary: str
    faults: list[Fault]
    notes: list[str]
    reason: str
    """Why it is not applicable; counts when nothing was checked."""
