# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One cause, one entry: which findings are only what another one leads to.

Somebody who mends the cause sees its consequences go away; somebody who follows the remedy of a consequence, such as
"delete the pod", mends nothing. To add one, write a line in ``RULES``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import NamedTuple

from ..model import ranges
from ..model.records import Finding, Severity

SEVERITIES: tuple[Severity, ...] = ("fault", "unproven", "note")


class Rule(NamedTuple):
    """Findings of the kind `cause` explain those of the kind `effect` on one of its hosts, where `follows` says so."""

    cause: str
    effect: str
    follows: Callable[[Finding, Finding], bool]


def _about_the_same(cause: Finding, effect: Finding) -> bool:
    """Tell whether the effect's object names the cause's."""
    return cause["object"] in (effect["object"], *effect["object"].split(" "))


def _of_its_device(cause: Finding, effect: Finding) -> bool:
    """Tell whether the effect's evidence is the network of the interface that the cause is about."""
    return any(line.endswith(f" dev {cause['object']})") for line in effect["evidence"])


def _of_its_port(cause: Finding, effect: Finding) -> bool:
    """Tell whether the effect is about a port of the bridge that the cause is about."""
    return effect["object"].startswith(f"{cause['object']} ")


def _of_its_bridge(cause: Finding, effect: Finding) -> bool:
    """Tell whether the effect's evidence is an address of the bridge that the cause is about."""
    return any(line.startswith(f"{cause['object']}: ") for line in effect["evidence"])


def _of_its_pod(cause: Finding, effect: Finding) -> bool:
    """Tell whether the effect speaks of the cable of the pod that the cause is about."""
    return f" the cable of {cause['object'].split(' ')[0]}," in effect["message"]


def _in_its_ranges(cause: Finding, effect: Finding) -> bool:
    """Tell whether the effect is about an address of each range that the cause is about."""
    return all(ranges.contains(cidr, effect["object"]) for cidr in cause["object"].split(" "))


def _of_its_route(cause: Finding, effect: Finding) -> bool:
    """Tell whether the effect's evidence is the route that the cause is about."""
    return any(line.startswith(f"{cause['hosts'][0]}: {cause['object']} ") for line in effect["evidence"])


def _of_its_mtu(cause: Finding, effect: Finding) -> bool:
    """Tell whether a bridge has the MTU of one end of the cable that the cause is about: it takes the smallest."""
    return effect["evidence"][0].split()[-1] in {line.split()[-1] for line in cause["evidence"]}


def _of_the_same_pod(cause: Finding, effect: Finding) -> bool:
    """Tell whether both are about one pod, whose name their objects begin with."""
    return cause["object"].split(" ")[0] == effect["object"].split(" ")[0]


def _names_its_range(cause: Finding, effect: Finding) -> bool:
    """Tell whether one side of the effect's contradiction is the range that the cause is about."""
    return any(line.startswith(f"{cause['object']} (") for line in effect["evidence"])


def _of_its_node_alone(cause: Finding, effect: Finding) -> bool:
    """Tell whether the effect is about no other node than the cause."""
    return set(effect["hosts"]) <= set(cause["hosts"])


def _always(_cause: Finding, _effect: Finding) -> bool:
    return True


def _names_its_address(cause: Finding, effect: Finding) -> bool:
    """Tell whether the effect's evidence names the address that the cause is about."""
    return any(cause["object"] in line.split() for line in effect["evidence"])


def _of_its_tunnel(cause: Finding, effect: Finding) -> bool:
    """Tell whether the effect is about the MAC that the cause's evidence names as the right one."""
    return any(line.split()[-1] == effect["object"].split()[-1] for line in cause["evidence"])


RULES = (
    Rule("machine-id-shared", "mac-shared-by-nodes", _always),
    Rule("mac-shared-by-nodes", "tunnel-mac-changed", _about_the_same),
    Rule("mac-shared-by-nodes", "tunnel-fdb-missing", _about_the_same),
    Rule("mac-shared-by-nodes", "tunnel-neighbour-wrong", _names_its_address),
    Rule("tunnel-mac-changed", "tunnel-fdb-missing", _about_the_same),
    Rule("tunnel-neighbour-wrong", "tunnel-fdb-missing", _of_its_tunnel),
    Rule("address-shared-by-nodes", "tunnel-fdb-wrong", _names_its_address),
    Rule("address-shared-by-nodes", "route-wrong", _names_its_address),
    Rule("range-stale", "range-out-of-range", _about_the_same),
    Rule("range-stale", "range-disagreement", _about_the_same),
    Rule("range-stale", "range-overlap", _names_its_range),
    Rule("range-stale", "node-ranges-overlap", _about_the_same),
    Rule("bridge-down", "port-not-forwarding", _of_its_port),
    Rule("bridge-wrong-address", "range-overlap", _of_its_device),
    Rule("bridge-wrong-address", "pod-gateway-missing", _of_its_bridge),
    Rule("bridge-second-address", "range-overlap", _of_its_device),
    Rule("bridge-left-over", "range-overlap", _of_its_device),
    Rule("leases-full", "lease-leaked", _about_the_same),
    Rule("leases-full", "lease-empty", _about_the_same),
    Rule("leases-nearly-full", "lease-leaked", _about_the_same),
    Rule("leases-nearly-full", "lease-empty", _about_the_same),
    Rule("node-ranges-overlap", "address-shared-by-pods", _in_its_ranges),
    Rule("route-wrong", "route-asymmetric", _of_its_route),
    Rule("address-twice-on-bridge", "neighbour-wrong", _names_its_address),
    Rule("address-of-pod-and-node", "neighbour-wrong", _names_its_address),
    Rule("range-duplicate", "neighbour-wrong", _names_its_address),
    Rule("service-rules-mixed", "iptables-variants-mixed", _of_its_node_alone),
    Rule("service-rules-stale", "service-missing", _of_its_node_alone),
    Rule("service-rules-stale", "service-backend-gone", _of_its_node_alone),
    Rule("service-rules-stale", "service-backends-differ", _always),
    Rule("cni-wrong-first", "cni-shadowed", _about_the_same),
    Rule("pod-interface-down", "port-not-forwarding", _of_its_pod),
    Rule("pod-interface-down", "pod-without-default-route", _of_the_same_pod),
    Rule("mtu-mismatch", "bridge-mtu", _of_its_mtu),
)


def folded(found: Iterable[Finding]) -> list[Finding]:
    """Return *found* with each consequence under its cause, which takes over the severity of what it leads to."""
    entries = list(found)
    by_place: dict[tuple[str, str], list[int]] = defaultdict(list)
    for number, finding in enumerate(entries):
        for host in finding["hosts"]:
            by_place[finding["kind"], host].append(number)
    cause_of: dict[int, int] = {}
    for rule in RULES:
        causes = dict.fromkeys(
            number for (kind, _host), numbers in by_place.items() if kind == rule.cause for number in numbers
        )
        for number in causes:
            cause = entries[number]
            for host in cause["hosts"]:
                for other in by_place.get((rule.effect, host), ()):
                    if other != number and other not in cause_of and rule.follows(cause, entries[other]):
                        cause_of[other] = number
    return _joined(entries, cause_of)


def _joined(entries: list[Finding], cause_of: dict[int, int]) -> list[Finding]:
    effects: dict[int, list[Finding]] = defaultdict(list)
    for number in cause_of:
        effects[_first_cause(number, cause_of)].append(entries[number])
    result: list[Finding] = []
    for number, finding in enumerate(entries):
        if number in cause_of:
            continue
        below = effects.get(number)
        if below:
            finding = {
                **finding,
                "severity": min((one["severity"] for one in (finding, *below)), key=SEVERITIES.index),
                "consequences": [
                    {"kind": one["kind"], "hosts": one["hosts"], "object": one["object"], "message": one["message"]}
                    for one in below
                ],
            }
        result.append(finding)
    return result


def _first_cause(number: int, cause_of: dict[int, int]) -> int:
    """Follow causes up to the one that nothing leads to; rules make no circle."""
    while number in cause_of:
        number = cause_of[number]
    return number
