# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which packet shows a finding: from whom to whom, as playbooks/path.yml takes them, so that its path ends there.

Only for faults that stop packets which pods send today. What stops new pods only, or what hurts later, has none. To
add one, write a line in ``ENDS``.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping

from ..model import ranges, services
from ..model.index import NodeView
from ..model.records import Address, Cable, Finding, FindingPath, Model, Pod
from ..text import words

PORT = 80
"""The port that is asked: rules often let echoes pass, and not what pods are for."""
_PLAIN = re.compile(r"[A-Za-z0-9._-]+/[A-Za-z0-9._-]+")
"""Names that a person can give to path.yml; who has another one is given by the address."""


class Look:
    """The pods of all nodes, looked up by what findings say."""

    def __init__(self, model: Model, views: Mapping[str, NodeView]) -> None:
        """Look at *model* once."""
        self.views = views
        self.services = {services.name(one): one for one in model["services"] if one["virtual_address"] is not None}
        self.of_services = {f"{one['namespace']}/{one['name']}" for one in self.services.values()}
        self._named: dict[tuple[str, str], Pod] = {}
        self.names = Counter(words.pod_name(pod) for pod in model["pods"])
        """How many pods have a name: pods by hand may share one, and are told apart by their addresses."""
        self._nodes = {node["host"]: node for node in model["nodes"]}
        self._holding = {one["local"]: pod for view in views.values() for pod in view.pods for one in _specific(pod)}
        for host, view in views.items():
            self._named.update(((host, words.pod_name(pod)), pod) for pod in view.pods if not pod["host_network"])
        self._first = {host: next(self.pods(host), None) for host in views}
        self._homes = [host for host, pod in self._first.items() if pod is not None]

    def pods(self, host: str) -> Iterator[Pod]:
        """Yield the pods of a node that others can reach."""
        for pod in self.views[host].pods if host in self.views else ():
            if not pod["host_network"] and pod["cables"] and _specific(pod):
                yield pod

    def first(self, host: str) -> Pod | None:
        """Return one of the pods of a node, None where it has none."""
        return self._first.get(host)

    def named(self, host: str, name: str) -> Pod | None:
        """Return the pod of a node by its name."""
        return self._named.get((host, name))

    def with_address(self, local: str) -> Pod | None:
        """Return the pod that has an address."""
        return self._holding.get(local)

    def in_range(self, cidr: str) -> Pod | None:
        """Return a pod that has an address of a range."""
        hosts = {host for host in self._homes if any(one["cidr"] == cidr for one in self.views[host].ranges)}
        for host in [*(one for one in self._homes if one in hosts), *(one for one in self._homes if one not in hosts)]:
            for pod in self.pods(host):
                if any(ranges.contains(cidr, one["local"]) for one in _specific(pod)):
                    return pod
        return None

    def other(self, finding: Finding) -> Pod | None:
        """Return a pod of another node: of one that the finding names, else of any."""
        told = [line.partition(": ")[0].partition(" has ")[0] for line in finding["evidence"]]
        for host in (*finding["hosts"][1:], *told, *self._homes[:2]):
            if host != finding["hosts"][0] and self.first(host) is not None:
                return self.first(host)
        return None

    def beside(self, pod: Pod) -> Pod | None:
        """Return another pod of the same node."""
        return next((one for one in self.pods(pod["host"]) if one is not pod), None)

    def way_out(self, host: str) -> set[str | None]:
        """Return the interfaces by which a node reaches others."""
        return {route["dev"] for route in self._nodes[host]["default_route"]}


def _specific(pod: Pod) -> list[Address]:
    return [one for one in pod["addresses"] if ranges.is_specific(one["local"])]


Ends = tuple[str, str] | tuple[str, str, int] | None
"""From whom, to whom, and how large the packet is where that matters."""


def _name(look: Look, pod: Pod) -> str:
    """Return what path.yml knows a pod by."""
    name = words.pod_name(pod)
    if look.names[name] == 1 and _PLAIN.fullmatch(name):
        return f"pod/{name}" if name in look.of_services else name
    return _specific(pod)[0]["local"] if _specific(pod) else name


def _asked(look: Look, pod: Pod) -> str:
    """Return a pod as it is asked: with a port."""
    name = _name(look, pod)
    return f"{f'[{name}]' if ':' in name else name}:{PORT}"


def _between(look: Look, one: Pod | None, other: Pod | None) -> Ends:
    """Return the packet of one pod to another."""
    if one is None or other is None or one is other:
        return None
    return _name(look, one), _asked(look, other)


def _to_others(look: Look, finding: Finding) -> Ends:
    """From a pod of the node to one of another."""
    return _between(look, look.first(finding["hosts"][0]), look.other(finding))


def _from_others(look: Look, finding: Finding) -> Ends:
    """From a pod of another node to one of this."""
    return _between(look, look.other(finding), look.first(finding["hosts"][0]))


def _to_range(look: Look, finding: Finding) -> Ends:
    """From a pod of the node to one that has an address of the range that the finding is about."""
    return _between(look, look.first(finding["hosts"][0]), look.in_range(finding["object"].split(" ")[0]))


def _forwarding(look: Look, finding: Finding) -> Ends:
    """By the interface that passes nothing on: from outside, or from pods."""
    host = finding["hosts"][0]
    if finding["object"] in look.way_out(host):
        return _from_others(look, finding)
    through = [pod for pod in look.pods(host) if any(one["peer"] == finding["object"] for one in pod["cables"])]
    sender = through[0] if through else look.first(host)
    other = look.other(finding)
    return _between(look, sender, other if other is not None or sender is None else look.beside(sender))


_TRIPS = (("from pods of other nodes", True), ("to pods of other nodes", False))
"""How findings of the firewall say which way a packet goes, and whether it comes from outside."""


def _firewall(look: Look, finding: Finding) -> Ends:
    """The way that the chain drops."""
    for trip, inward in _TRIPS:
        if trip in finding["message"]:
            return _from_others(look, finding) if inward else _to_others(look, finding)
    one = look.first(finding["hosts"][0])
    return None if one is None else _between(look, one, look.beside(one))


def _second_address(look: Look, finding: Finding) -> Ends:
    """To a pod in the network of the address that the bridge has beside its own."""
    sender = look.first(finding["hosts"][0])
    for line in finding["evidence"]:
        network = ranges.network(line.partition(": ")[2])
        pod = look.in_range(str(network.cidr)) if network is not None else None
        if pod is not None and pod["host"] != finding["hosts"][0]:
            return _between(look, sender, pod)
    return None


def _of_pod(look: Look, finding: Finding) -> Ends:
    """From the pod that the finding is about to one elsewhere."""
    pod = look.named(finding["hosts"][0], finding["object"].split(" ")[0])
    if pod is None:
        return None
    return _between(look, pod, look.other(finding) or look.beside(pod))


def _interface_down(look: Look, finding: Finding) -> Ends:
    """From the pod, unless it only does not reach itself."""
    return None if finding["object"].endswith(" lo") else _of_pod(look, finding)


def _behind_port(look: Look, finding: Finding) -> Ends:
    """From the pod behind the bridge's port, or the cable, that the finding names, to another one at the bridge."""
    for pod in look.pods(finding["hosts"][0]):
        if any(one["peer"] in finding["object"].split(" ") for one in pod["cables"]):
            return _between(look, pod, look.beside(pod) or look.other(finding))
    return None


def _on_bridge(look: Look, finding: Finding) -> Ends:
    """From a pod at the bridge to one elsewhere."""
    for pod in look.pods(finding["hosts"][0]):
        if any(one["bridge"] == finding["object"] for one in pod["cables"]):
            return _between(look, pod, look.other(finding) or look.beside(pod))
    return None


def _by_mac(look: Look, finding: Finding) -> Ends:
    """From the node itself to the pod whose MAC the bridge's table has wrong."""
    host = finding["hosts"][0]
    netns = _having(look, host, finding["object"].rpartition(" ")[2])
    pod = next((one for one in look.pods(host) if one["netns"] in netns), None)
    return None if pod is None else (host, _asked(look, pod))


def _having(look: Look, host: str, mac: str) -> set[int | None]:
    """Return the namespaces that have an end of a cable with a MAC."""
    return {end["netns"] for cable in look.views[host].cables for end in cable["ends"] if end["address"] == mac}


def _same_mac(look: Look, finding: Finding) -> Ends:
    """From one to the other of two pods with one MAC."""
    host = finding["hosts"][0]
    netns = _having(look, host, finding["object"])
    pods = [one for one in look.pods(host) if one["netns"] in netns]
    return _between(look, pods[0], pods[1]) if len(pods) > 1 else None


def _too_large(look: Look, finding: Finding) -> Ends:
    """A packet as large as the larger end of the cable takes, from that end."""
    host = finding["hosts"][0]
    cable = next((one for one in look.views[host].cables if words.cable(one) == finding["object"]), None)
    sizes = [end["mtu"] or 0 for end in cable["ends"]] if cable is not None else []
    pod = None if cable is None else next((one for one in look.pods(host) if _has_end(one, cable)), None)
    if cable is None or pod is None:
        return None
    larger = cable["ends"][sizes.index(max(sizes))]
    if larger["netns"] == pod["netns"]:
        ends = _between(look, pod, look.other(finding) or look.beside(pod))
    else:
        ends = host, _asked(look, pod)
    return None if ends is None else (*ends[:2], max(sizes))


def _has_end(pod: Pod, cable: Cable) -> bool:
    return any(end["netns"] == pod["netns"] for end in cable["ends"])


def _neighbour(look: Look, finding: Finding) -> Ends:
    """From who has the wrong entry: to the pod that it is about, or beyond the gateway."""
    host = finding["hosts"][0]
    where, _space, local = finding["object"].rpartition(" ")
    owner = look.with_address(local)
    if where:
        sender = look.named(host, where)
        if sender is None:
            return None
        return _between(look, sender, owner if owner is not None else look.other(finding) or look.beside(sender))
    if owner is not None and owner["host"] == host:
        return host, _asked(look, owner)
    return _to_others(look, finding)


def _service(look: Look, finding: Finding) -> Ends:
    """From a pod of the node to the Service, or to the first that the evidence names."""
    told = (finding["object"], *finding["evidence"])
    one = next((one for name, one in look.services.items() for line in told if name in line), None)
    sender = look.first(finding["hosts"][0])
    if one is None or sender is None or one["virtual_address"] is None or one["port"] is None:
        return None
    name = f"{one['namespace']}/{one['name']}"
    if one["name"] is not None and _PLAIN.fullmatch(name):
        return _name(look, sender), f"{'service/' if name in look.names else ''}{name}:{one['port']}"
    place = f"[{one['virtual_address']}]" if ":" in one["virtual_address"] else one["virtual_address"]
    return _name(look, sender), f"{place}:{one['port']}"


ENDS: Mapping[str, Callable[[Look, Finding], Ends]] = {
    "forwarding-off": _forwarding,
    "forward-dropped": _firewall,
    "bridge-down": _on_bridge,
    "bridge-wrong-address": _to_others,
    "bridge-second-address": _second_address,
    "route-wrong": _to_range,
    "route-missing": _to_range,
    "rp-filter-strict": _from_others,
    "tunnel-blocked": _from_others,
    "tunnel-differs": _to_others,
    "tunnel-mac-changed": _from_others,
    "tunnel-fdb-wrong": _to_others,
    "tunnel-fdb-missing": _to_others,
    "tunnel-neighbour-wrong": _to_others,
    "neighbour-wrong": _neighbour,
    "service-rules-stale": _service,
    "service-missing": _service,
    "service-without-backends": _service,
    "service-backend-gone": _service,
    "pod-without-address": _of_pod,
    "pod-interface-down": _interface_down,
    "cable-unplugged": _behind_port,
    "port-not-forwarding": _behind_port,
    "bridge-fdb-wrong": _by_mac,
    "pod-without-default-route": _of_pod,
    "pod-gateway-missing": _of_pod,
    "mac-twice-on-bridge": _same_mac,
    "mtu-mismatch": _too_large,
}
"""Kinds of findings whose fault a packet's path shows, and from whom to whom it goes."""


def path_of(look: Look, finding: Finding) -> FindingPath | None:
    """Return from whom to whom a packet goes that the finding stops; None where none is known, or none is stopped."""
    rule = ENDS.get(finding["kind"])
    ends = rule(look, finding) if rule is not None and finding["severity"] == "fault" else None
    if ends is None:
        return None
    path: FindingPath = {"sender": ends[0], "receiver": ends[1]}
    return {**path, "size": ends[2]} if len(ends) == 3 else path
