# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Odd things about the rules of Services, on a node and between nodes."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping

from ..model import ranges, services
from ..model.index import NodeView
from ..model.records import Finding, Model, Service
from ..text import words
from .nodes import cut


def no_backends(model: Model, _views: Mapping[str, NodeView]) -> Iterator[Finding]:
    """Services that every node rejects, because nothing is behind them."""
    empty: dict[str, list[Service]] = defaultdict(list)
    for one in model["services"]:
        if not one["backends"] and any(rule["action"] == "reject" for rule in one["rules"]):
            empty[services.name(one)].append(one)
    for name, entries in empty.items():
        rules = [rule for one in entries for rule in one["rules"]]
        hosts = list(dict.fromkeys(rule["host"] for rule in rules))
        yield {
            "kind": "service-without-backends",
            "severity": "fault",
            "hosts": hosts,
            "object": name,
            "message": f"{name} has no backend: connections to "
            f"{words.listed([services.place(one) for one in entries])} are rejected",
            "evidence": cut([f"{rule['host']}: {rule['text']}" for rule in rules]),
            "remedy": "Look whether pods match the Service's selector and are ready",
            "command": rules[0]["command"],
        }


def nodes_disagree(model: Model, _views: Mapping[str, NodeView]) -> Iterator[Finding]:
    """Services that nodes send to different backends, or that a node does not know."""
    modes = {node["host"]: node["service_mode"] for node in model["nodes"]}
    for one in model["services"]:
        # Which addresses of a node answer NodePorts is a setting of each node, and Local means different backends.
        if one["virtual_address"] is None or one["traffic_policy"] == "local":
            continue
        ends = _ends_by_host(one)
        spoken = {rule["mode"] for rule in one["rules"]}
        missing = [host for host, mode in modes.items() if mode in spoken and host not in ends]
        if not missing and len({frozenset(found) for found in ends.values()}) < 2:
            continue
        name, place = services.name(one), services.place(one)
        called = name if name == place else f"{name} ({place})"
        if missing:
            message = f"{words.listed(missing)} without a rule for {called}, which {words.listed(list(ends))} have"
        else:
            message = f"nodes send connections to {called} to different backends"
        yield {
            "kind": "service-missing" if missing else "service-backends-differ",
            "severity": "fault" if missing else "note",
            "hosts": missing or list(ends),
            "object": name,
            "message": message,
            "evidence": cut(
                [f"{host}: {', '.join(found) or 'no backend'}" for host, found in ends.items()]
                + [f"{host}: no rule" for host in missing]
            ),
            "remedy": "Read the nodes again: the rules may have been about to change. If it stays, look whether "
            "kube-proxy runs there and reaches the API"
            + ("" if missing else "; with topology-aware routing nodes differ by design"),
            "command": one["rules"][0]["command"],
        }


_SERVED_OTHERWISE = ("cilium_host", "bpfin.cali", "ovn-k8s-mp0", "antrea-gw0")
"""Interfaces of network plugins that may serve Services by eBPF or Open vSwitch, where no rule is missed: Cilium,
Calico with eBPF, OVN-Kubernetes, Antrea."""


def none_on_node(model: Model, views: Mapping[str, NodeView]) -> Iterator[Finding]:
    """Nodes with pods on which there is no rule of any Service, and others have them.

    Said only where the rules were read without an error, and where no more nodes are without rules than with them:
    elsewhere kube-proxy may be about to be replaced.
    """
    nodes = [node for node in model["nodes"] if node["service_mode"] is not None]
    having = [node["host"] for node in nodes if node["service_mode"] != "none"]
    bare = [
        node["host"]
        for node in nodes
        if node["service_mode"] == "none" and not node["errors"] and _needs_rules(views[node["host"]])
    ]
    known = [one for one in model["services"] if one["virtual_address"] is not None]
    if not known or len(bare) > len(having):
        return
    named = list(dict.fromkeys(f"{services.name(one)} ({services.place(one)})" for one in known))
    for host in bare:
        pods = [pod for pod in views[host].pods if not pod["host_network"]]
        yield {
            "kind": "service-missing",
            "severity": "fault",
            "hosts": [host],
            "object": "rules of Services",
            "message": f"{host} has no rule of any Service, and {words.listed(having)} "
            f"{'has' if len(having) == 1 else 'have'} rules for {len(named)} of them: "
            f"{words.counted(len(pods), 'pod')} here {'reaches' if len(pods) == 1 else 'reach'} none",
            "evidence": cut([f"{host}: no rule"] + [f"on the others: {one}" for one in named]),
            "remedy": "Read the node again: it may just have started. If it stays, look whether kube-proxy runs there "
            "and reaches the API, and whether something flushed its tables; a restart of kube-proxy writes them anew",
            "command": known[0]["rules"][0]["command"],
        }


def _needs_rules(view: NodeView) -> bool:
    """Tell whether a node has pods that would reach Services by its rules, and by nothing else."""
    own = view.own_namespace
    otherwise = own is None or any(link["ifname"] in _SERVED_OTHERWISE for link in own["interfaces"])
    return not otherwise and any(not pod["host_network"] for pod in view.pods)


_STALE = 2
"""From so many Services on in which a node differs from all others, its rules are called out of date."""


def rules_stale(model: Model, _views: Mapping[str, NodeView]) -> Iterator[Finding]:
    """Nodes whose rules are not those of the other nodes for several Services: kube-proxy there is stuck in the past.

    What most nodes say counts, and of two nodes the one that knows a Service. With topology-aware routing each node has
    its own backends, and no two agree.
    """
    modes = {node["host"]: node["service_mode"] for node in model["nodes"]}
    differing: dict[str, list[tuple[str, str, str]]] = defaultdict(list)
    for one in model["services"]:
        if one["virtual_address"] is None or one["traffic_policy"] == "local" or one["name"] is None:
            continue
        spoken = {rule["mode"] for rule in one["rules"]}
        found = _ends_by_host(one)
        said = {host: tuple(sorted(found[host])) if host in found else None for host in modes if modes[host] in spoken}
        usual = _usual(list(said.values()))
        for host, ends in said.items() if usual is not None else ():
            if ends != usual:
                own = "no rule" if ends is None else ", ".join(ends) or "no backend"
                differing[host].append((services.name(one), own, ", ".join(usual or ()) or "no backend"))
    commands = {rule["host"]: rule["command"] for one in model["services"] for rule in one["rules"]}
    for host, deviations in differing.items():
        if len(deviations) < _STALE:
            continue
        yield {
            "kind": "service-rules-stale",
            "severity": "fault",
            "hosts": [host],
            "object": "rules of Services",
            "message": f"{host} has other rules than the other nodes for {words.counted(len(deviations), 'Service')}: "
            "kube-proxy there does not keep them up to date",
            "evidence": cut([f"{name}: {own}; on the others {usual}" for name, own, usual in deviations]),
            "remedy": "Look whether kube-proxy runs there, and at its log for errors of the API, of the firewall "
            "commands and of the lock /run/xtables.lock; restart its pod",
            "command": commands.get(host) or next(iter(commands.values()), None),
        }


def _usual(said: list[tuple[str, ...] | None]) -> tuple[str, ...] | None:
    """Return the backends that more than half of the nodes with rules name, None when there are no such."""
    known = [ends for ends in said if ends is not None]
    ends, count = Counter(known).most_common(1)[0] if known else ((), 0)
    return ends if 2 * count > len(known) else None


def _ends_by_host(one: Service) -> dict[str, list[str]]:
    """Return the backends in the rules of each node, each once; nearly all nodes have one rule for a Service."""
    ends: dict[str, dict[str, None]] = {}
    for rule in one["rules"]:
        found = dict.fromkeys(rule["backends"])
        known = ends.setdefault(rule["host"], found)
        if known is not found:
            known.update(found)
    return {host: list(found) for host, found in ends.items()}


def backend_gone(model: Model, views: Mapping[str, NodeView]) -> Iterator[Finding]:
    """Backends in the range of a node on which no pod, and nothing else, has the address."""
    own = ranges_of_read_nodes(model, views)
    for one in model["services"]:
        for backend in one["backends"]:
            if backend["host"] is not None:
                continue
            home = home_of_gone(backend["address"], own, views)
            if home is None:
                continue
            end = services.endpoint(backend)
            rules = [rule for rule in one["rules"] if end in rule["backends"]]
            if not rules:
                continue
            yield {
                "kind": "service-backend-gone",
                "severity": "fault",
                "hosts": list(dict.fromkeys(rule["host"] for rule in rules)),
                "object": services.name(one),
                "message": f"{services.name(one)} ({services.place(one)}) sends connections to {end}, an address of "
                f"{home} that nothing there has",
                "evidence": cut([f"{rule['host']}: {rule['text']}" for rule in rules]),
                "remedy": "Read the nodes again: a pod may just have gone. If it stays, look whether kube-proxy and "
                f"the kubelet of {home} reach the API",
                "command": rules[0]["command"],
            }


def ranges_of_read_nodes(model: Model, views: Mapping[str, NodeView]) -> list[tuple[str, str]]:
    """Return the ranges from which one node's pods get addresses, each with the node, if all of that was read."""
    complete = {
        node["host"]
        for node in model["nodes"]
        if node["status"] == "read" and not any(one["errors"] for one in views[node["host"]].namespaces.values())
    }
    return [
        (one["cidr"], one["hosts"][0])
        for one in model["ranges"]
        if one["what"] == "pod" and one["scope"] == "node" and len(one["hosts"]) == 1 and one["hosts"][0] in complete
    ]


def home_of_gone(address: str, ranges_of_nodes: Iterable[tuple[str, str]], views: Mapping[str, NodeView]) -> str | None:
    """Return the node on which a pod had *address* that nothing there has any more; None when that is not certain."""
    homes = [host for cidr, host in ranges_of_nodes if ranges.contains(cidr, address)]
    return homes[0] if len(homes) == 1 and not _is_there(views[homes[0]], address) else None


def _is_there(view: NodeView, address: str) -> bool:
    return any(
        one["local"] == address
        for namespace in view.namespaces.values()
        for interface in namespace["interfaces"]
        for one in interface["addr_info"]
    )


def variants_mixed(model: Model, _views: Mapping[str, NodeView]) -> Iterator[Finding]:
    """Nodes on which both variants of iptables, or several modes, have rules of Services."""
    for node in model["nodes"]:
        used = [one for one in node["service_sources"] if one["services"] and not one["table"].startswith("podnet_")]
        kinds = {(one["mode"], one["variant"]) for one in used}
        if len(kinds) < 2:
            continue
        yield {
            "kind": "service-rules-mixed",
            "severity": "fault",
            "hosts": [node["host"]],
            "object": "rules of Services",
            "message": "Services have rules in several places at once, of which only one is kept up to date",
            "evidence": cut([f"{one['command']}: {words.counted(one['services'], 'rule')}" for one in used]),
            "remedy": "Find out which one kube-proxy writes, and remove the rules of the others, which "
            "`kube-proxy --cleanup` or a restart of the node does",
            "command": used[0]["command"],
        }


ALL = (no_backends, rules_stale, nodes_disagree, none_on_node, backend_gone, variants_mixed)
