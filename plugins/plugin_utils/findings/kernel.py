# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Kernel settings that stop pods: forwarding, bridge-nf-call, connection tracking.

What is set for an interface is found as the kernel finds it: IPv4 is forwarded where the interface by which a packet
comes in allows it (net/ipv4/route.c, ip_route_input_slow), IPv6 where ``all`` does (net/ipv6/ip6_output.c,
ip6_forward), and rp_filter is the higher one of the interface's and of ``all`` (include/linux/inetdevice.h,
IN_DEV_RPFILTER).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..model import ranges
from ..model.index import NodeView
from ..model.records import Finding, Model, Node, Settings
from ..text import words
from ..text.escape import shell_word
from .bridges import pods_at
from .nodes import cut

_NEARLY_FULL, _FULL = 0.8, 0.95
"""Shares of the table of connections from which on it is a note, and a fault (nf_conntrack-sysctl.rst)."""


def setting(settings: Settings, ifname: str, name: str, family: str = "ipv4") -> int | str | None:
    """Return what an interface has: its own value, or that of ``default``, which it was made with."""
    part = ifname.replace(".", "/")
    usual = settings.get(f"net.{family}.conf.default.{name}")
    return settings.get(f"net.{family}.conf.{part}.{name}", usual)


def is_strict(settings: Settings, ifname: str) -> bool:
    """Tell whether the interface takes only packets whose way back leads out by it (rp_filter 1; 2 is loose)."""
    both = (setting(settings, ifname, "rp_filter"), settings.get("net.ipv4.conf.all.rp_filter"))
    return max((value for value in both if isinstance(value, int)), default=0) == 1


def forwarding_off(model: Model, views: Mapping[str, NodeView]) -> Iterator[Finding]:
    """Nodes, or single interfaces, that do not pass on what pods send or get."""
    for node in model["nodes"]:
        settings, view = node["settings"], views[node["host"]]
        if settings is None:
            continue
        families = {
            address["family"]
            for pod in view.pods
            if pod["cables"]
            for address in pod["addresses"]
            if ranges.is_specific(address["local"])
        }
        names = _interfaces_of_pods(node, view)
        off = [name for name in names if setting(settings, name, "forwarding") == 0]
        if "inet" in families and off and len(off) == len(names):
            yield _forwarding(node["host"], "net.ipv4.ip_forward", f"no interface forwards IPv4: {', '.join(off)}")
        elif "inet" in families:
            for name in off:
                key = f"net.ipv4.conf.{name.replace('.', '/')}.forwarding"
                yield _forwarding(node["host"], key, f"{key} = 0", name)
        if "inet6" in families and settings.get("net.ipv6.conf.all.forwarding") == 0:
            yield _forwarding(node["host"], "net.ipv6.conf.all.forwarding", "net.ipv6.conf.all.forwarding = 0")


def _interfaces_of_pods(node: Node, view: NodeView) -> list[str]:
    """Return the node's interfaces by which packets of pods come in: from the pods, and from outside."""
    own = view.own_namespace
    if own is None:
        return []
    names = [bridge["ifname"] for bridge in view.bridges if bridge["netns"] == own["inode"] and pods_at(bridge, view)]
    for cable in view.cables:
        if cable["pod"] is not None and cable["bridge"] is None and cable["resolution"] == "exact":
            ends = [end for end in cable["ends"] if end["netns"] == own["inode"] and end["master"] is None]
            names.extend(end["ifname"] for end in ends if end["ifname"] is not None and len(ends) == 1)
    names.extend(route["dev"] for route in node["default_route"] if route["dev"] is not None)
    return list(dict.fromkeys(names))


def _forwarding(host: str, key: str, evidence: str, ifname: str | None = None) -> Finding:
    what = "this node does not pass packets on" if ifname is None else f"what comes in by {ifname} is not passed on"
    family = "IPv6" if ".ipv6." in key else "IPv4"
    return {
        "kind": "forwarding-off",
        "severity": "fault",
        "hosts": [host],
        "object": ifname or key,
        "message": f"{what} ({family}): its pods reach nobody beyond their own network"
        if ifname is None
        else f"{what} ({family}), so it is lost on its way from or to pods",
        "evidence": [evidence],
        "remedy": f"sysctl -w {shell_word(key)}=1, and in /etc/sysctl.d/; look what set it to 0 "
        "(a firewall's or a hardening tool's sysctl file, sysctl --system)",
        "command": f"sysctl {shell_word(key)}",
    }


def bridge_nf_call_off(model: Model, views: Mapping[str, NodeView]) -> Iterator[Finding]:
    """Bridges that pass packets between pods unseen by the rules of Services.

    A pod that reaches another one of its own node through a Service gets the answer from the pod's own address, which
    it does not know. Between nodes it works. A node needs it where kube-proxy runs, or where the rules say so.
    """
    behind: dict[str, dict[tuple[str, str], str]] = {}
    for service in model["services"]:
        for backend in service["backends"]:
            if service["name"] is not None and backend["pod"] is not None and backend["host"] is not None:
                key = (backend["pod"]["namespace"], backend["pod"]["name"])
                behind.setdefault(backend["host"], {}).setdefault(key, service["name"])
    for node in model["nodes"]:
        settings, view, host = node["settings"], views[node["host"]], node["host"]
        name = "net.bridge.bridge-nf-call-iptables"
        if settings is None or name not in settings or settings[name] == 1:
            continue
        proxies = [words.pod_name(pod) for pod in view.pods if pod["host_network"] and _is_kube_proxy(pod["name"])]
        for bridge in view.bridges:
            pods = [pod for _port, pod in pods_at(bridge, view)]
            served = [pod for pod in pods if (pod["namespace"], pod["name"]) in behind.get(host, {})]
            needed = served if node["service_mode"] is not None else pods if proxies else []
            if bridge["nf_call_iptables"] == 1 or len(pods) < 2 or not needed:
                continue
            loaded = settings[name] is not None
            yield {
                "kind": "bridge-nf-call-off",
                "severity": "fault",
                "hosts": [host],
                "object": bridge["ifname"],
                "message": f"{bridge['ifname']} does not show its packets to the rules of Services: a pod on this node "
                "that is sent to another one at the same bridge gets no answer",
                "evidence": cut(
                    [
                        f"{name} = 0" if loaded else f"{name} is not there: the module br_netfilter is not loaded",
                        f"at {bridge['ifname']}: {words.listed([words.pod_name(pod) for pod in needed])}",
                        *(f"kube-proxy runs here: {proxy}" for proxy in proxies),
                    ]
                ),
                "remedy": ("" if loaded else "modprobe br_netfilter, and in /etc/modules-load.d/; ")
                + f"sysctl -w {name}=1, and in /etc/sysctl.d/",
                "command": f"sysctl {name}",
            }


def _is_kube_proxy(name: str) -> bool:
    return name.startswith("kube-proxy")


def conntrack_nearly_full(model: Model, _views: Mapping[str, NodeView]) -> Iterator[Finding]:
    """Nodes whose table of connections is nearly full; then new ones are dropped, whoever they are for."""
    for node in model["nodes"]:
        settings = node["settings"] or {}
        count, limit = (settings.get(f"net.netfilter.nf_conntrack_{name}") for name in ("count", "max"))
        if not isinstance(count, int) or not isinstance(limit, int) or limit <= 0 or count < limit * _NEARLY_FULL:
            continue
        yield {
            "kind": "conntrack-nearly-full",
            "severity": "fault" if count >= limit * _FULL else "note",
            "hosts": [node["host"]],
            "object": "nf_conntrack",
            "message": f"connection tracking is {100 * count // limit} % full, and then new connections are lost",
            "evidence": [f"net.netfilter.nf_conntrack_count = {count}", f"net.netfilter.nf_conntrack_max = {limit}"],
            "remedy": "Look who has so many connections (conntrack -L), and raise the limit: kube-proxy's "
            "conntrack.maxPerCore, or sysctl -w net.netfilter.nf_conntrack_max=NUMBER",
            "command": "sysctl net.netfilter.nf_conntrack_count net.netfilter.nf_conntrack_max",
        }


def neighbour_table_full(model: Model, views: Mapping[str, NodeView]) -> Iterator[Finding]:
    """Nodes whose ARP or NDP table is nearly full; then addresses are not found, and it looks like a broken network.

    The table and its limit are one for the node and all its pods (kernel log: "neighbour: arp_cache: neighbor table
    overflow!"). What somebody set for good does not count.
    """
    for node in model["nodes"]:
        for family, number in (("inet", 4), ("inet6", 6)):
            key = f"net.ipv{number}.neigh.default.gc_thresh3"
            limit = (node["settings"] or {}).get(key)
            counts = [one["neighbour_counts"] for one in views[node["host"]].namespaces.values()]
            count = sum(one.get(family, 0) for one in counts if one is not None)
            if not isinstance(limit, int) or limit <= 0 or count < limit * _NEARLY_FULL:
                continue
            yield {
                "kind": "neighbour-table-nearly-full",
                "severity": "fault" if count >= limit * _FULL else "note",
                "hosts": [node["host"]],
                "object": key,
                "message": f"the {'NDP' if number == 6 else 'ARP'} table of the node and its pods is "
                f"{100 * count // limit} % full, and then addresses are not found any more",
                "evidence": [f"{words.counted(count, 'entry', 'entries')}", f"{key} = {limit}"],
                "remedy": f"Raise the limits, gc_thresh1 and gc_thresh2 with it: sysctl -w {key}={4 * limit}",
                "command": f"sysctl {key}; ip -s -{number} neigh show nud all | wc -l",
            }


ALL = (forwarding_off, bridge_nf_call_off, conntrack_nearly_full, neighbour_table_full)
