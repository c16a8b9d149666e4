# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The eight duties of a CNI plugin, and what is compared in each.

To compare one thing more, write a function from World to Measured here (of a scope: in
comparison_scopes.py) and name it in the table at the end.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..model import ranges
from ..model.records import Pod
from ..report import rows
from ..text import commands, words
from ..text.escape import shell_word
from .measured import (
    NO_PODS,
    Measured,
    Question,
    absent,
    bridge_command,
    inside,
    not_read,
    pod_bridges,
    pod_cables,
    seen,
    spread,
    sysctl,
)
from .world import Nat, World

TUNNELS = frozenset(("vxlan", "geneve", "ipip", "sit", "gre", "gretap", "ip6gre", "ip6tnl", "wireguard"))
"""Kinds of links that wrap packets (IFLA_INFO_KIND, as ``ip -d link`` shows it)."""


# 1. Create the namespace


def _namespace_of_its_own(world: World) -> Measured:
    if not world.pods:
        return absent(NO_PODS)
    places = {(pod["host"], pod["netns"]) for pod in world.pods}
    text = f"{words.counted(len(world.pods), 'pod')} in {words.counted(len(places), 'namespace')}"
    return seen(len(places) == len(world.pods), text, (world.pods[0]["host"], commands.NAMESPACES))


def _mount(world: World) -> Measured:
    if not world.pods:
        return absent(NO_PODS)
    paths = [path for pod in world.pods for path in world.namespace(pod)["paths"][:1]]
    if not paths:
        return absent("no mount: only processes hold the namespaces", (world.pods[0]["host"], commands.NAMESPACES))
    folders = {path.rpartition("/")[0].replace("/var/run/", "/run/") for path in paths}
    return seen(
        (frozenset(folders), len(paths) == len(world.pods)),
        paths[0],
        (world.pods[0]["host"], "ip netns list"),
        (path.rpartition("/")[2] for path in paths),
    )


def _sandbox(world: World) -> Measured:
    if not world.pods:
        return absent(NO_PODS)
    held = [world.sandboxes.get((pod["host"], pod["sandbox_id"] or "")) for pod in world.pods]
    names = [one for one in held if one is not None]
    if not names:
        return absent("no process of a sandbox was seen")
    _values, text = spread(names, "pod")
    return seen(len(names) == len(held), text, (world.pods[0]["host"], "lsns -t net -o NS,PID,COMMAND"), names)


# 2. Create interfaces


def _bridge(world: World) -> Measured:
    hosts = {pod["host"] for pod in world.pods}
    if not hosts:
        return absent(NO_PODS)
    bridges = pod_bridges(world)
    if not bridges:
        return absent("no bridge: the pods are routed one by one", (min(hosts), commands.BRIDGES))
    counts = frozenset(sum(one["host"] == host for one in bridges) for host in hosts)
    names = [one["ifname"] for one in bridges]
    _values, text = spread(names, "node")
    host = bridges[0]["host"]
    return seen(counts, text, (host, "ip -d link show type bridge"), names)


def _bridge_mtu(world: World) -> Measured:
    bridges = pod_bridges(world)
    if not bridges:
        return absent("no bridge with pods")
    values, text = spread((str(one["mtu"]) for one in bridges), "bridge")
    return seen(values, f"MTU {text}", (bridges[0]["host"], commands.link(bridges[0]["ifname"])))


# 3. Create the veth pair


def _pair(world: World) -> Measured:
    if not world.pods:
        return absent(NO_PODS)
    if any(cable["resolution"] != "exact" for _pod, cable, _near, _far in pod_cables(world)):
        return not_read("the other end of a pod's cable is not proven; see the report of the nodes")
    counts = [len(pod["cables"]) for pod in world.pods]
    values, text = spread((words.counted(count, "cable") for count in counts), "pod")
    return seen(values, f"{text} for each pod" if len(values) == 1 else text, (world.pods[0]["host"], commands.LINKS))


def _inner_end(world: World) -> Measured:
    ends = [(pod, near["ifname"]) for pod, _cable, near, _far in pod_cables(world) if near["ifname"]]
    if not ends:
        return absent("no pod with a cable")
    names = [name for _pod, name in ends]
    _values, text = spread((name or "?" for name in names), "pod")
    at = inside(world.namespace(ends[0][0]), "ip -br link")
    return seen("in the pod", text, at, (name or "?" for name in names))


def _outer_end(world: World) -> Measured:
    ends = [(pod, far) for pod, _cable, _near, far in pod_cables(world)]
    if not ends:
        return absent("no pod with a cable")
    hosts = {host: view.own_namespace for host, view in world.views.items()}
    at_home = {(own := hosts[pod["host"]]) is not None and far["netns"] == own["inode"] for pod, far in ends}
    names = [words.end(far) for _pod, far in ends]
    place = "on the node" if at_home == {True} else "not on the node"
    return seen(frozenset(at_home), f"{names[0]} {place}", (ends[0][0]["host"], commands.LINKS), names)


def _pod_mtu(world: World) -> Measured:
    ends = [(pod, near["mtu"]) for pod, _cable, near, _far in pod_cables(world)]
    if not ends:
        return absent("no pod with a cable")
    values, text = spread((str(mtu) for _pod, mtu in ends), "pod")
    return seen(values, f"MTU {text}", inside(world.namespace(ends[0][0]), "ip link"))


# 4. Set up the namespace's network


def _loopback(world: World) -> Measured:
    """Loopback that is up and as usual is left out of the facts (docs/facts.md), so what is not there is up."""
    if not world.pods:
        return absent(NO_PODS)
    states = []
    for pod in world.pods:
        links = [one for one in world.namespace(pod)["interfaces"] if one["ifname"] == "lo"]
        states.append("down" if any("UP" not in (one["flags"] or []) for one in links) else "up")
    values, text = spread(states, "pod")
    return seen(values, f"lo is {text}", inside(world.namespace(world.pods[0]), "ip -br link"))


def _link_state(world: World) -> Measured:
    states = [(pod, near["operstate"] or "UNKNOWN") for pod, _cable, near, _far in pod_cables(world)]
    if not states:
        return absent("no pod with a cable")
    values, text = spread((state for _pod, state in states), "pod")
    return seen(values, f"the pod's end is {text}", inside(world.namespace(states[0][0]), "ip -br link"))


# 5. Static routes


def _default_route(world: World) -> Measured:
    if not world.pods:
        return absent(NO_PODS)
    ways, shown = [], None
    for pod in world.pods:
        routes = world.namespace(pod)["routes"]
        if routes is None:
            return not_read("routes were not read (subset routes)")
        route = next((one for one in routes if one["dst"] == "default"), None)
        if route is None:
            ways.append("none")
            continue
        own = {one["local"] for bridge in world.views[pod["host"]].bridges for one in bridge["addr_info"]}
        ways.append("the bridge" if route["gateway"] in own else "another gateway" if route["gateway"] else "the link")
        shown = shown or f"default via {route['gateway'] or 'the link'} dev {route['dev']}"
    values, text = spread(ways, "pod")
    at = inside(world.namespace(world.pods[0]), "ip route")
    return seen(values, f"{shown}: {text}" if shown else "no default route", at)


def routes_between(world: World) -> list[tuple[str, str, str, str, str]]:
    """Return (host, other host, way, route as text, mark) for the ways of each node to the pods of each other node."""
    found = []
    known = {node["host"]: {one["local"] for one in node["addresses"]} for node in world.read}
    firsts = {
        host: words.address(pods[0]["addresses"][0])
        for host, pods in world.pods_on.items()
        if pods and pods[0]["addresses"]
    }
    for host in known:
        own = world.views[host].own_namespace
        if own is None or own["routes"] is None:
            continue
        kinds = {link["ifname"]: link["kind"] for link in own["interfaces"]}
        direct = {route["dst"]: route for route in own["routes"] if route["dst"] != "default"}
        for other, target in firsts.items():
            if other == host:
                continue
            network = ranges.network(target)
            route = direct.get(str(network.cidr)) if network is not None else None
            route = route or next((one for one in direct.values() if ranges.contains(one["dst"], target)), None)
            if route is None:
                found.append((host, other, "no route", f"{host} has no route to the pods of {other}", ""))
                continue
            kind = kinds.get(route["dev"] or "")
            way = "the node's address" if route["gateway"] in known[other] else "another gateway"
            way = f"a tunnel ({kind})" if kind in TUNNELS else way
            text = f"{route['dst']} via {route['gateway'] or 'the link'} dev {route['dev']}"
            found.append((host, other, way, text, route["protocol"] or "boot"))
    return found


def _between(world: World, *, mark: bool) -> Measured:
    if any(view.own_namespace and view.own_namespace["routes"] is None for view in world.views.values()):
        return not_read("routes were not read (subset routes)")
    found = routes_between(world)
    if not found:
        return absent("no second node with pods")
    host = found[0][0]
    if mark:
        marks = [one[4] for one in found if one[4]]
        if not marks:
            return absent("no route")
        return seen("marked", f"protocol {spread(marks, 'route')[1]}", (host, "ip -d route"), marks)
    values, way = spread((one[2] for one in found), "route")
    text = found[0][3] if values == {"no route"} else f"{found[0][3]}: {way}"
    return seen(values, text, (host, "ip route"))


# 6. Configure the bridge


def _ports(world: World) -> Measured:
    ends = list(pod_cables(world))
    if not ends:
        return absent("no pod with a cable")
    plugged = ["plugged into the bridge" if cable["bridge"] else "no port of a bridge" for _p, cable, _n, _f in ends]
    values, text = spread(plugged, "cable")
    bridges = pod_bridges(world)
    return seen(values, text, bridge_command(world, bridges[0]) if bridges else None)


def _gateway(world: World) -> Measured:
    bridges = pod_bridges(world)
    if not bridges:
        return absent("no bridge with pods")
    kinds: list[str] = []
    shown: list[str] = []
    for bridge in bridges:
        addresses = [one for one in bridge["addr_info"] if ranges.is_specific(one["local"])]
        shown.extend(words.address(one) for one in addresses)
        kinds.extend("first of its range" if _is_first(words.address(one)) else "within its range" for one in addresses)
        if not addresses:
            kinds.append("no address")
    values, text = spread(kinds, "bridge")
    at = (bridges[0]["host"], f"ip addr show dev {shell_word(bridges[0]['ifname'])}")
    return seen(values, f"{words.listed(shown, 2)}: {text}" if shown else text, at)


def _is_first(address: str) -> bool:
    one = ranges.network(address)
    return one is not None and int(one.ip) == one.first + 1


def _port_flag(world: World, flag: str) -> Measured:
    bridges = pod_bridges(world)
    if not bridges:
        return absent("no bridge with pods")
    ports = [port for bridge in bridges for port in bridge["ports"] if port["pod"] is not None]
    states = [port["hairpin"] if flag == "hairpin" else port["isolated"] for port in ports]
    if any(state is None for state in states):
        return not_read(f"{flag} was not read")
    values, text = spread(("on" if state else "off" for state in states), "port")
    return seen(values, f"{flag} {text}", bridge_command(world, bridges[0]))


def _bridge_settings(world: World) -> Measured:
    bridges = pod_bridges(world)
    if not bridges:
        return absent("no bridge with pods")
    told = [f"STP {_switch(one['stp_state'])}, VLAN filtering {_switch(one['vlan_filtering'])}" for one in bridges]
    values, text = spread(told, "bridge")
    return seen(values, text, (bridges[0]["host"], commands.link(bridges[0]["ifname"])))


def _switch(value: int | None) -> str:
    return "unknown" if value is None else "on" if value else "off"


# 7. Assign addresses


def _networks(world: World) -> Measured:
    if not world.pods:
        return absent(NO_PODS)
    lengths = [f"/{one['prefixlen']} of {one['family']}" for pod in world.pods for one in pod["addresses"]]
    if not lengths:
        return absent("no pod has an address")
    nets = [f"{host} {', '.join(cidrs)}" for host in world.views if (cidrs := sorted(_pod_networks(world, host)))]
    values, text = spread(lengths, "address")
    at = inside(world.namespace(world.pods[0]), "ip -br addr")
    return seen(values, f"{text}: {words.listed(nets, 2)}", at)


def _pod_networks(world: World, host: str) -> Iterable[str]:
    pods = [pod for pod in world.pods if pod["host"] == host]
    found = {ranges.network(words.address(one)) for pod in pods for one in pod["addresses"]}
    return {str(one.cidr) for one in found if one is not None}


def _leases(world: World) -> Measured:
    if not world.pods:
        return absent(NO_PODS)
    held = {(one["host"], one["address"]): one for one in world.model["leases"] if one["state"] == "in_use"}
    addresses = [(pod["host"], one["local"]) for pod in world.pods for one in pod["addresses"]]
    with_lease = [held[key] for key in addresses if key in held]
    if not with_lease:
        return absent("no lease of host-local", (world.pods[0]["host"], "ls /var/lib/cni/networks/"))
    lease = with_lease[0]
    complete = "each address" if len(with_lease) == len(addresses) else "some addresses"
    return seen(
        complete,
        f"{complete} has a lease: {lease['path']}",
        (lease["host"], commands.leases(lease)),
        (one["network"] for one in with_lease),
    )


def _leaked(world: World) -> Measured:
    bad = [one for one in world.model["leases"] if one["state"] in ("leaked", "empty")]
    if not bad:
        return absent("none")
    at = (bad[0]["host"], commands.leases(bad[0]))
    return seen("leaked", f"{words.counted(len(bad), 'lease')} of nobody", at)


def _written_down(world: World) -> Measured:
    own = [one for one in world.model["ranges"] if one["what"] == "pod" and one["scope"] in ("node", "block")]
    if not own:
        return absent("no file on the nodes says it")
    source = own[0]["sources"][0]
    return seen("written", source["place"], (source["host"], commands.source(source) or ""))


# 8. NAT rules


def _rules(world: World) -> Measured | list[tuple[str, Nat]]:
    """Return the rules for pods, each with its host; kube-proxy's own are for Services and not among them."""
    unknown = [node["host"] for node in world.read if node["host"] not in world.nat]
    if unknown:
        return not_read(f"NAT rules were not read on {words.listed(unknown, 2)} (subset firewall)")
    return [(host, rule) for host, rules in world.nat.items() for rule in rules if not is_kube_proxy(rule)]


def is_kube_proxy(rule: Nat) -> bool:
    """Tell whether kube-proxy made *rule*: it asks for a mark that only packets to Services carry.

    ``KUBE-POSTROUTING`` in kubernetes ``pkg/proxy/iptables``, table ``kube-proxy`` in ``pkg/proxy/nftables``.
    """
    return rule["chain"] == "chain KUBE-POSTROUTING" or rule["command"].endswith(" kube-proxy")


def _touches(pods: list[Pod], rule: Nat) -> bool:
    return rule["saddr"] is None or any(
        ranges.contains(rule["saddr"], one["local"]) for pod in pods for one in pod["addresses"]
    )


def _nat_rule(world: World) -> Measured:
    found = _rules(world)
    if isinstance(found, Measured):
        return found
    own = [(host, rule) for host, rule in found if _touches(world.pods_on[host], rule)]
    if not own:
        return absent("no rule for the pods' addresses")
    host, rule = own[0]
    told = f"{rule['action']} from {rule['saddr'] or 'anywhere'}"
    if rule["not_daddr"]:
        told += f", not to {words.listed(rule['not_daddr'], 3)}"
    place = f"{rule['command']}, {rule['chain']}"
    return seen("rule", told, (host, rule["command"]), {place})


OUTSIDE = "198.51.100.1"
"""Stands for everything outside of the cluster (RFC 5737, TEST-NET-2)."""


def _translated(world: World, host: str, source: str, target: str) -> str:
    for rule in world.nat[host]:
        if is_kube_proxy(rule) or any(ranges.contains(one, target) for one in rule["not_daddr"]):
            continue
        if rule["saddr"] is not None and not ranges.contains(rule["saddr"], source):
            continue
        if rule["daddr"] is not None and not ranges.contains(rule["daddr"], target):
            continue
        if rule["conditional"]:
            return "depends on more than addresses"
        return "the node's address" if rule["action"] == "masquerade" else "a given address"
    return "the pod's own address"


def _source_towards(world: World, what: str) -> Measured:
    """Return which source address packets of pods have on their way to *what*: outside, nodes, or pods."""
    found = _rules(world)
    if isinstance(found, Measured):
        return found
    answers: list[str] = []
    at: tuple[str, str] | None = None
    firsts = {
        host: pods[0]["addresses"][0]["local"] for host, pods in world.pods_on.items() if pods and pods[0]["addresses"]
    }
    targets = {"outside": {"": OUTSIDE}, "pods": firsts}.get(what) or {
        node["host"]: addresses[0] for node in world.read if (addresses := rows.node_addresses(node))
    }
    for host, source in firsts.items():
        answers.extend(_translated(world, host, source, target) for other, target in targets.items() if other != host)
        at = at or next(((host, rule["command"]) for rule in world.nat[host] if not is_kube_proxy(rule)), None)
    if not answers:
        return absent(NO_PODS if what == "outside" else "no second node with pods")
    values, text = spread(dict.fromkeys(answers), "kind")
    return seen(values, f"packets carry {text}", at)


DUTIES: tuple[tuple[str, str, tuple[Question, ...]], ...] = (
    (
        "namespace",
        "Create the namespace",
        (
            Question(
                "namespace.own", "a network namespace of its own for each pod", _namespace_of_its_own,
                "Pods in one namespace share addresses, ports and routes, and are one pod to the network.",
            ),
            Question(
                "namespace.mount", "a mount that keeps the namespace", _mount,
                "Without a mount a namespace is gone with its last process, and `ip netns` does not show it.",
            ),
            Question(
                "namespace.sandbox", "a sandbox process that holds it", _sandbox,
                "Without a process of its own a pod's network would not outlive a restart of its containers.",
            ),
        ),
    ),
    (
        "interfaces",
        "Create interfaces",
        (
            Question(
                "interfaces.bridge", "a bridge on each node with pods", _bridge,
                "Without a bridge each pod is routed by itself, and one looks for routes instead of ports.",
            ),
            Question(
                "interfaces.bridge-mtu", "the bridge's MTU", _bridge_mtu,
                "Larger packets than the smallest MTU on the way are cut up or dropped.",
            ),
        ),
    ),
    (
        "veth",
        "Create the veth pair",
        (
            Question(
                "veth.pair", "a cable for each pod", _pair,
                "A pod without a cable reaches nobody; one with several has more than one network.",
            ),
            Question("veth.inner-end", "its end in the pod", _inner_end, "Applications may ask for eth0 by name."),
            Question(
                "veth.outer-end", "its end on the node", _outer_end,
                "An end that is not on the node itself is no port of its bridge and passes by its firewall.",
            ),
            Question(
                "veth.mtu", "the pod's MTU", _pod_mtu,
                "Larger packets than the smallest MTU on the way are cut up or dropped.",
            ),
        ),
    ),
    (
        "setup",
        "Set up the namespace's network",
        (
            Question(
                "setup.loopback", "loopback", _loopback,
                "With lo down, the containers of a pod cannot reach each other at 127.0.0.1.",
            ),
            Question("setup.up", "the pod's interface", _link_state, "An interface that is not up passes nothing."),
        ),
    ),
    (
        "routes",
        "Static routes",
        (
            Question(
                "routes.default", "the pod's default route", _default_route,
                "It decides who forwards what leaves the pod's own network.",
            ),
            Question(
                "routes.nodes", "a node's routes to the pods of others", lambda world: _between(world, mark=False),
                "Without them pods of different nodes do not reach each other; through a tunnel the MTU is smaller.",
            ),
            Question(
                "routes.mark", "the mark of who made these routes", lambda world: _between(world, mark=True),
                "By the mark their maker finds them again.",
            ),
            Question(
                "routes.forwarding", "forwarding on the node", lambda world: sysctl(world, "net.ipv4.ip_forward"),
                "A node with ip_forward 0 drops what comes from its pods for others.",
            ),
        ),
    ),
    (
        "bridge",
        "Configure the bridge",
        (
            Question("bridge.ports", "the pods' cables as its ports", _ports, "A cable that is no port leads nowhere."),
            Question(
                "bridge.gateway", "its address, the pods' gateway", _gateway,
                "The pods' default route leads to this address.",
            ),
            Question(
                "bridge.hairpin", "hairpin mode of its ports", lambda world: _port_flag(world, "hairpin"),
                "A pod that calls a Service may be sent back to itself; a port without hairpin mode drops that packet.",
            ),
            Question(
                "bridge.isolated", "isolation of its ports", lambda world: _port_flag(world, "isolated"),
                "Isolated ports do not reach each other: pods of one node would not.",
            ),
            Question(
                "bridge.settings", "spanning tree and VLANs", _bridge_settings,
                "With STP a new port waits before it forwards; with VLAN filtering a port without the VLAN is cut off.",
            ),
            Question(
                "bridge.netfilter", "whether the firewall sees bridged packets",
                lambda world: sysctl(world, "net.bridge.bridge-nf-call-iptables"),
                "With 0, packets between pods of one node pass by the firewall, and Services fail on the same node. "
                "With 1, a FORWARD policy of DROP cuts them off.",
            ),
        ),
    ),
    (
        "addresses",
        "Assign addresses",
        (
            Question(
                "addresses.network", "a network for each node", _networks,
                "The length decides how many pods a node can have.",
            ),
            Question(
                "addresses.leases", "a lease for each address", _leases,
                "Without leases nothing keeps two pods from getting one address.",
            ),
            Question(
                "addresses.leaked", "leases of pods that are gone", _leaked,
                "Each takes an address out of the range; when all are taken, new pods do not start.",
            ),
            Question(
                "addresses.written", "where the node's range is written", _written_down,
                "Where no file says it, only whoever assigned the addresses knows the range.",
            ),
        ),
    ),
    (
        "nat",
        "NAT rules",
        (
            Question("nat.rule", "a rule for what pods send", _nat_rule, "Without one, no answer comes from outside."),
            Question(
                "nat.outside", "pods to outside of the cluster", lambda world: _source_towards(world, "outside"),
                "Nobody outside knows a way back to a pod's own address.",
            ),
            Question(
                "nat.nodes", "pods to other nodes", lambda world: _source_towards(world, "nodes"),
                "It decides which address a node's log and firewall see: the pod's, or that of the node it runs on.",
            ),
            Question(
                "nat.pods", "pods to pods of other nodes", lambda world: _source_towards(world, "pods"),
                "Kubernetes asks for pods that see each other's own addresses; policies depend on it.",
            ),
        ),
    ),
)  # fmt: skip
"""Key, title and questions of each duty, in the order in which a plugin does them."""
