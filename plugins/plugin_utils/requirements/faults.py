# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is broken: faults that are alike become one, with the first as the example."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import NamedTuple

from ..text import commands
from ..text.escape import shell_word, visible
from .records import Check, Fault, Pair, Peer, Result

EVIDENCE = 5
"""So much evidence is kept of faults that are alike."""

_OUTCOMES = {
    "refused": "the connection was refused",
    "reset": "the connection was reset",
    "timeout": "no answer came in time",
    "unreachable": "a router or the kernel said unreachable",
    "prohibited": "a router or the kernel said prohibited",
    "too-big": "the packet was too big",
    "no-tls": "the server does not speak TLS for this host",
    "no-name": "the name is not known",
    "no-server": "no name server answered",
    "closed": "the connection was closed without an answer",
    "not-sent": "the probe was not sent",
    "error": "the probe failed",
}


class Broken(NamedTuple):
    """One check that went wrong."""

    check: Check
    where: str
    """The node of the receiver, or whatever else keeps faults apart."""
    what: str
    """What went wrong, the same for all that are alike."""
    evidence: str
    stopped: bool = True
    """Whether a packet did not get where it should: then its path is worth to be computed."""
    to: str | None = None
    """The address that was asked, where the check has a name."""
    size: int | None = None
    """Bytes of the packet, where only large ones do not pass."""


def outcome(result: Result) -> str:
    """Return how a probe ended, in words."""
    told = _OUTCOMES.get(result.outcome, visible(result.outcome))
    return f"{told} ({result.reason})" if result.reason else told


def peer(one: Peer | None) -> str:
    """Return address and port, as in ``10.244.0.2:40112``."""
    if one is None:
        return "?"
    return f"[{one.address}]:{one.port}" if ":" in one.address else f"{one.address}:{one.port}"


def merged(found: Iterable[Broken]) -> list[Fault]:
    """Return the faults, one for each sender's node, receiver's node and kind of fault."""
    groups: dict[tuple[str, str, str, str], Fault] = {}
    for one in found:
        key = (one.check.about, one.check.sender.host, one.where, one.what)
        known = groups.get(key)
        if known is None:
            groups[key] = {**fault(one.check, one.what, [one.evidence]), "pairs": pairs(one)}
            continue
        known["pairs"].extend(pairs(one))
        known["count"] += 1
        if len(known["evidence"]) < EVIDENCE:
            known["evidence"].append(one.evidence)
    return sorted(groups.values(), key=lambda one: -one["count"])


def pairs(one: Broken) -> list[Pair]:
    """Return who sent what to whom, where that has a path between addresses."""
    check, to = one.check, one.to or one.check.to
    protocol = {"udp": "udp", "dns": "udp", "path_mtu": "icmp"}.get(check.kind, "tcp")
    port = {"dns": 53, "path_mtu": None}.get(check.kind, check.port)
    try:
        number = ipaddress.ip_address(to)
    except ValueError:
        return []
    if not one.stopped or number.is_loopback or (port is None and protocol != "icmp"):
        return []
    sender = check.sender
    own = [address for address in sender.addresses if (":" in address) == (":" in to)]
    if sender.pod is None:
        source = f"node/{sender.host}"
    else:
        source = own[0] if own else f"pod/{sender.name}"
    return [
        {
            "sender": sender.name,
            "source": source,
            "to": to,
            "protocol": protocol,
            "port": port,
            "size": one.size,
            "ends": None,
        }
    ]


def fault(check: Check, what: str, evidence: list[str]) -> Fault:
    """Return what went wrong with one check."""
    return {
        "host": check.sender.host,
        "sender": check.sender.name,
        "receiver": check.receiver,
        "message": what,
        "evidence": evidence,
        "count": 1,
        "command": _command(check),
        "pairs": [],
    }


def _command(check: Check) -> str:
    """Return what a person types on the sender's node to look closer."""
    if check.kind == "dns":
        command = f"getent ahosts {shell_word(check.to)}"
    elif check.kind == "path_mtu":
        command = f"tracepath -n {shell_word(check.to)}"
    elif check.kind == "https":
        port = check.port or 443
        place = f"[{check.to}]" if ":" in check.to else check.to
        resolve = shell_word(f"{check.site}:{port}:{place}")
        command = f"curl -sSik --resolve {resolve} {shell_word(f'https://{check.site}:{port}{check.path}')}"
    elif check.site:
        place = peer(Peer(check.to, check.port or 80))
        command = f"curl -sSi -H {shell_word('Host: ' + check.site)} {shell_word(f'http://{place}{check.path}')}"
    else:
        command = f"ip route get {shell_word(check.to)}"
    inside = check.sender.inside
    return command if inside is None else commands.inside(inside, command)
