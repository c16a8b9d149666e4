# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a walk through a node consists of."""

from __future__ import annotations

from typing import NamedTuple

from ..model.records import Bridge, Cable, Container, Model, Namespace, Node, Pod, Range, Service


class Request(NamedTuple):
    """A connection from a namespace to an address, for a node that has no program for it."""

    doors: tuple[str, ...]
    """Files that lead to the namespace."""
    inode: int
    address: str
    port: int


class Command(NamedTuple):
    """What a step shows: the first of *choices* whose programs the node has."""

    choices: tuple[tuple[str, ...], ...]
    """Words of commands, never a shell's."""
    request: Request | None = None
    """What is done when the node has none of them."""


class Step(NamedTuple):
    """One thing to look at."""

    key: str
    title: str
    question: str
    """What the output answers."""
    look: str
    """Two sentences: what to look at, and what it means here."""
    commands: tuple[Command, ...]
    lacking: str | None = None
    """Why there is nothing to look at here; no command is run then."""


class Scene(NamedTuple):
    """Who is on the stage: a node, a pod on it, and what belongs to that pod."""

    model: Model
    node: Node
    namespaces: dict[int, Namespace]
    """Those of the node, by inode."""
    pod: Pod
    inside: Namespace
    """The pod's namespace."""
    containers: list[Container]
    """Those of the pod that run."""
    cable: Cable | None
    bridge: Bridge | None
    beside: Pod | None
    """Another pod on the same node."""
    far: Pod | None
    """A pod on another node."""
    ranges: list[Range]
    """Those that the node has written down."""
    services: list[Service]
    """Those that the node's rules know."""
    ports: dict[tuple[str, int], list[int]]
    """TCP ports that others can connect to, by host and namespace; the subset ``sockets`` of the facts says so."""


class Answer(NamedTuple):
    """What one command of a step showed."""

    argv: tuple[str, ...] | None
    """None: the node has no program for it, and the request was made without."""
    code: int
    output: list[str]
    """Lines; of a long output the first ones."""
    left_out: int
    """So many lines were left out."""
    missing: tuple[str, ...]
    """Programs that the node lacks, when nothing was run because of that."""


class Told(NamedTuple):
    """One step on one side, as it is shown."""

    host: str
    step: Step
    answers: list[Answer]
