# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is computed is what the kernel does: packets in generated networks of real namespaces.

A network is a router with four pods, some on its bridge and some on cables of their own, with routes, policy rules,
kernel settings, neighbours and rules of nftables by chance, a Service among them.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from ansible_collections.podnet.lab.plugins.plugin_utils.path import records
from ansible_collections.podnet.lab.plugins.plugin_utils.path.node import read_node
from ansible_collections.podnet.lab.plugins.plugin_utils.path.walk import Request, all_ways
from ansible_collections.podnet.lab.tests.integration.support.world import COLLECTIONS, PATH, World

NETWORKS = 200
PORTS = [53, 80, 8080]
PODS = ["a", "b", "c", "d"]


class Driver:
    """The program in the world that builds networks and sends packets."""

    def __init__(self, world: World) -> None:
        """Start it."""
        self._process = subprocess.Popen(
            [*world.enter(), sys.executable, str(Path(__file__).with_name("driver.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={"PATH": PATH, "PYTHONPATH": str(COLLECTIONS), "PYTHONDONTWRITEBYTECODE": "1", "LC_ALL": "C.UTF-8"},
        )

    def tried(self, network: dict[str, Any]) -> dict[str, Any]:
        """Build a network and send its packets."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(network) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        assert isinstance(answer, dict)
        return answer

    def close(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=20)


@pytest.fixture
def driver(world: World) -> Iterator[Driver]:
    """The driver, in a world of its own."""
    found = Driver(world)
    yield found
    found.close()


# ----------------------------------------------------------- generated networks


class Addresses:
    """The addresses of a network of one family."""

    def __init__(self, family: str, bridged: list[bool]) -> None:
        """Give each pod its own."""
        self.six = family == "inet6"
        self.length = 64 if self.six else 24
        self.host = 128 if self.six else 32
        self.bridged = bridged
        self.vip = "fd00:96::1" if self.six else "10.96.0.1"
        self.nowhere = "fd00:77::7" if self.six else "10.77.0.7"
        self.far = "fd00:99::9" if self.six else "10.99.9.9"

    def of(self, net: int, number: int) -> str:
        """Return an address of a network."""
        return f"fd00:{net}::{number}" if self.six else f"10.1.{net}.{number}"

    def net(self, net: int) -> str:
        """Return a network."""
        return f"fd00:{net}::/64" if self.six else f"10.1.{net}.0/24"

    def place(self, pod: int) -> int:
        """Return the number of the network that a pod is in."""
        return 50 if self.bridged[pod] else 10 + pod

    def pod(self, pod: int) -> str:
        """Return a pod's address."""
        return self.of(self.place(pod), 2 + pod)

    def gateway(self, pod: int) -> str:
        """Return the router's address that a pod sees."""
        return self.of(self.place(pod), 1)

    def pod_net(self, pod: int) -> str:
        """Return the network that a pod is in."""
        return self.net(self.place(pod))


def seldom(draw: st.DrawFn, one_of: int = 8) -> bool:
    """Draw True once in a while."""
    return draw(st.integers(0, one_of - 1)) == one_of - 1


@st.composite
def networks(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a network and the packets that are sent in it."""
    family = draw(st.sampled_from(["inet", "inet", "inet6"]))
    bridged = [draw(st.booleans()) for _pod in PODS]
    at = Addresses(family, bridged)
    nodad = " nodad" if at.six else ""
    links, ip = ["link add br0 netns r type bridge"], {"r": ["link set lo up"]}
    router = ip["r"]
    router += ["link set br0 up", f"addr add {at.of(50, 1)}/{at.length} dev br0{nodad}"]
    for number, pod in enumerate(PODS):
        mac = f"address 02:00:00:00:00:1{number}"
        links.append(
            f"link add n{number} netns r {mac} type veth peer name eth0 address 02:00:00:00:00:2{number} netns {pod}"
        )
        if bridged[number]:
            options = [f"hairpin {draw(st.sampled_from(['on', 'off']))}"]
            if seldom(draw, 4):
                options.append("isolated on")
            if seldom(draw, 12):
                options.append("flood off")
            router += [
                f"link set n{number} master br0",
                f"link set n{number} up",
                f"link set n{number} type bridge_slave {' '.join(options)}",
            ]
        else:
            router += [f"link set n{number} up", f"addr add {at.of(10 + number, 1)}/{at.length} dev n{number}{nodad}"]
        ip[pod] = ["link set lo up", "link set eth0 up", f"addr add {at.pod(number)}/{at.length} dev eth0{nodad}"]
        ip[pod].append(_default(draw, at.gateway(number)))
        if seldom(draw, 12):
            router.append(f"link set n{number} down")
    if seldom(draw, 4):
        ip["d"] += [f"addr add {at.far}/{at.host} dev lo{nodad}"]
        router.append(f"route add {at.far} via {at.pod(3)}")
    router += _second_way(draw, at, links, ip)
    router += _routes(draw, at)
    router += _neighbours(draw, at)
    nft, restore = {}, {}
    by = draw(st.sampled_from(["nft", "nft", "legacy", "iptables-nft"]))
    if by == "nft":
        nft["r"] = _rules(draw, at)
    else:
        program = "ip6tables" if at.six else "iptables"
        restore["r"] = [f"{program}-{by.removeprefix('iptables-')}-restore", _iptables(draw, at)]
    if seldom(draw, 4):
        rule = _filter_rule(draw, at, "own")
        nft[draw(st.sampled_from(PODS))] = "\n".join(
            ["table inet own {", "chain incoming {", f"type filter hook input priority 0; {rule}", "}", "}", ""]
        )
    packets = [_packet(draw, at, number) for number in range(draw(st.integers(1, 2)))]
    return {
        "family": family, "spaces": ["r", *PODS], "links": links, "ip": ip, "nft": nft, "restore": restore,
        "ports": PORTS,
        "packets": packets, "sysctls": {"r": _settings(draw, at)},
    }  # fmt: skip


def _default(draw: st.DrawFn, gateway: str) -> str:
    if seldom(draw, 20):
        return f"route add {draw(st.sampled_from(['blackhole', 'unreachable', 'prohibit']))} default"
    return f"route add default via {gateway}"


def _second_way(draw: st.DrawFn, at: Addresses, links: list[str], ip: dict[str, list[str]]) -> list[str]:
    """A second cable to the first pod, and a route that takes either."""
    if at.bridged[0] or not seldom(draw, 3):
        return []
    nodad = " nodad" if at.six else ""
    links.append(
        "link add m0 netns r address 02:00:00:00:00:30 type veth peer name eth1 address 02:00:00:00:00:31 netns a"
    )
    ip["a"] += ["link set eth1 up", f"addr add {at.of(20, 2)}/{at.length} dev eth1{nodad}"]
    ip["a"].append(f"addr add {at.nowhere}/{at.host} dev lo{nodad}")
    weight = " weight 2" if draw(st.booleans()) else ""
    return [
        "link set m0 up",
        f"addr add {at.of(20, 1)}/{at.length} dev m0{nodad}",
        f"route add {at.nowhere} nexthop via {at.pod(0)} dev n0 nexthop via {at.of(20, 2)} dev m0{weight}",
    ]


def _routes(draw: st.DrawFn, at: Addresses) -> list[str]:
    """Routes that hide others, a table of its own, and rules that lead there."""
    found = []
    kinds = ["blackhole", "unreachable", "prohibit", "throw"]
    for _number in range(draw(st.sampled_from([0, 0, 1, 2]))):
        pod = draw(st.integers(0, 3))
        target = draw(st.sampled_from([at.pod(pod), at.pod(pod), at.net(77)]))
        found.append(f"route add {draw(st.sampled_from(kinds))} {target} metric {draw(st.sampled_from([1, 5000]))}")
    if seldom(draw, 3):
        pod = draw(st.integers(0, 3))
        via = draw(st.integers(0, 3))
        found.append(f"route add {at.pod(pod)} via {at.pod(via)} metric {draw(st.sampled_from([1, 5000]))}")
    for _number in range(draw(st.integers(0, 2))):
        pod = draw(st.integers(0, 3))
        target = draw(st.sampled_from(["default", at.pod_net(pod), at.pod(pod)]))
        how = draw(st.sampled_from([f"via {at.pod(draw(st.integers(0, 3)))}", *kinds]))
        found.append(
            f"route add {target} {how} table 100" if how.startswith("via") else f"route add {how} {target} table 100"
        )
    for number in range(draw(st.sampled_from([0, 0, 1, 2]))):
        pod = draw(st.integers(0, 3))
        selector = draw(
            st.sampled_from(
                [
                    f"from {at.pod(pod)}", f"from {at.pod_net(pod)}", f"to {at.pod(pod)}", f"iif n{pod}", "iif br0",
                    "iif lo", "fwmark 0x1", "fwmark 0x2/0x2", "ipproto udp", "ipproto tcp", "dport 80", "dport 50-60",
                    f"not from {at.pod(pod)}", f"oif n{pod}", "from all",
                ]
            )
        )  # fmt: skip
        action = draw(
            st.sampled_from(
                [
                    "lookup 100",
                    "lookup 100",
                    "lookup main suppress_prefixlength 0",
                    "prohibit",
                    "blackhole",
                    "unreachable",
                    "goto 32766",
                ]
            )
        )
        found.append(f"rule add {selector} pref {100 + number} {action}")
    return found


def _neighbours(draw: st.DrawFn, at: Addresses) -> list[str]:
    found = []
    for number in range(4):
        if seldom(draw, 10):
            mac = draw(st.sampled_from([f"02:00:00:00:00:2{number}", "02:00:00:00:00:99"]))
            device = "br0" if at.bridged[number] else f"n{number}"
            found.append(f"neigh replace {at.pod(number)} lladdr {mac} dev {device} nud permanent")
    return found


def _settings(draw: st.DrawFn, at: Addresses) -> dict[str, str]:
    forwarding = "0" if seldom(draw, 12) else "1"
    if at.six:
        return {"net/ipv6/conf/all/forwarding": forwarding}
    found = {"net/ipv4/ip_forward": forwarding}
    for name in ("all", "br0", *(f"n{number}" for number in range(4))):
        found[f"net/ipv4/conf/{name}/rp_filter"] = draw(st.sampled_from(["0", "0", "1", "2"]))
    return found


def _condition(draw: st.DrawFn, at: Addresses, hook: str) -> str:
    ip = "ip6" if at.six else "ip"
    pod, other = draw(st.integers(0, 3)), draw(st.integers(0, 3))
    port = draw(st.sampled_from(PORTS))
    choices = [
        f"{ip} saddr {at.pod(pod)}", f"{ip} daddr {at.pod(pod)}", f"{ip} saddr != {at.pod_net(pod)}",
        f"{ip} daddr {{ {at.pod(pod)}, {at.vip} }}", f"udp dport {port}", f"udp dport {{ 50-60, {port} }}",
        f"th dport != {port}", "tcp dport 80", "meta l4proto udp", "meta l4proto { tcp, udp }", "ct state new",
        "ct state established,related", "ct state != new", "ct state invalid", "meta mark 1", "meta mark & 2 == 2",
        f"{ip} saddr . {ip} daddr {{ {at.pod(pod)} . {at.pod(other)}, {at.pod(other)} . {at.pod(pod)} }}",
        "ct status dnat", f"udp sport 40000-40001 udp dport {port}",
        "meta protocol ip", "fib daddr type local", "ct direction original", "udp dport >= 80", "counter",
    ]  # fmt: skip
    if hook != "own":
        choices += [f"{ip} daddr @pods", f"{ip} saddr @nets"]
    if hook in ("forward", "input", "prerouting"):
        choices += [f"iifname n{pod}", 'iifname "n*"', "iifname { br0, n1 }", "iif lo"]
    if hook in ("forward", "output", "postrouting"):
        choices += [f"oifname n{pod}", "oifname != br0"]
    return draw(st.sampled_from(choices))


def _filter_rule(draw: st.DrawFn, at: Addresses, hook: str) -> str:
    conditions = " ".join(_condition(draw, at, hook) for _number in range(draw(st.integers(1, 2))))
    ip = "ip6" if at.six else "ip"
    pod = draw(st.integers(0, 3))
    verdicts = ["accept", "accept", "accept", "drop", "reject", "return", "counter"]
    verdicts += [
        f"{ip} saddr vmap {{ {at.pod(pod)} : drop, {at.vip} : accept }}",
        "meta l4proto . th dport vmap { udp . 53 : drop, udp . 80 : accept, tcp . 80 : drop }",
        "meta mark set 1",
        "meta mark set meta mark | 2",
    ]
    if hook != "own":
        verdicts += ["jump more", "goto more", f"{ip} daddr . udp dport vmap @verdicts"]
    verdict = draw(st.sampled_from(verdicts))
    return f"{conditions} {verdict};".replace("counter counter", "counter")


def _rules(draw: st.DrawFn, at: Addresses) -> str:
    """The router's rules: filters at some hooks, and a Service with its translation."""
    kind = "ipv6_addr" if at.six else "ipv4_addr"
    table = draw(st.sampled_from(["inet", "ip6" if at.six else "ip"]))
    members = ", ".join(sorted({at.pod(draw(st.integers(0, 3))), at.pod(draw(st.integers(0, 3)))}))
    verdict = draw(st.sampled_from(["drop", "accept", "jump more"]))
    text = [
        f"table {table} filters {{",
        f"set pods {{ type {kind}; elements = {{ {members} }} }}",
        f"set nets {{ type {kind}; flags interval; elements = {{ {at.pod_net(draw(st.integers(0, 3)))} }} }}",
        f"map verdicts {{ type {kind} . inet_service : verdict; elements = {{ {at.pod(1)} . 80 : {verdict} }} }}",
        f"chain more {{ {_plain_rule(draw, at)} }}",
    ]
    for number in range(draw(st.integers(0, 3))):
        hook = draw(st.sampled_from(["prerouting", "forward", "forward", "input", "output", "postrouting"]))
        priority = draw(st.sampled_from([-150, -50, 0, 10, 150]))
        policy = "drop" if seldom(draw, 6) else "accept"
        rules = " ".join(_filter_rule(draw, at, hook) for _rule in range(draw(st.integers(1, 3))))
        kind_of = "route" if hook == "output" and draw(st.booleans()) else "filter"
        text.append(f"chain c{number} {{ type {kind_of} hook {hook} priority {priority}; policy {policy}; {rules} }}")
    text.append("}")
    if draw(st.booleans()):
        text += _service(draw, at, table)
    return "\n".join(text) + "\n"


def _plain_rule(draw: st.DrawFn, at: Addresses) -> str:
    pod = draw(st.integers(0, 3))
    ip = "ip6" if at.six else "ip"
    return draw(
        st.sampled_from(
            [f"{ip} saddr {at.pod(pod)} drop;", "udp dport 53 drop;", "accept;", "return;", "meta mark set 2;"]
        )
    )


def _service(draw: st.DrawFn, at: Addresses, table: str) -> list[str]:
    """A Service as kube-proxy and others write it, for packets of pods and of the router itself."""
    ip = "ip6" if at.six else "ip"
    of = f"{ip} " if table == "inet" else ""
    backends = [at.pod(draw(st.integers(0, 3))) for _number in range(draw(st.integers(1, 3)))]
    written = [f"[{one}]" if at.six else one for one in backends]
    how = draw(st.sampled_from(["vmap", "map", "one", "port"]))
    mark = "meta mark set 0x4000; " if draw(st.booleans()) else ""
    chains = [
        f"chain e{number} {{ {mark}meta l4proto udp dnat {of}to {one}:8080; }}" for number, one in enumerate(written)
    ]
    if how == "vmap":
        chosen = ", ".join(f"{number} : goto e{number}" for number in range(len(written)))
        rule = f"numgen random mod {len(written)} vmap {{ {chosen} }};"
    elif how == "map":
        chosen = ", ".join(f"{number} : {one}" for number, one in enumerate(backends))
        rule = f"dnat {of}to numgen random mod {len(written)} map {{ {chosen} }};"
    elif how == "one":
        rule = f"dnat {of}to {backends[0]};"
    else:
        rule = f"meta l4proto udp dnat {of}to {written[0]}:53;"
    source = draw(
        st.sampled_from(
            ["meta mark & 0x4000 != 0 masquerade;", "masquerade;", f"{ip} saddr {at.pod(0)} masquerade;",
             "ct status dnat masquerade;", f"oifname n1 snat {of}to {at.gateway(1)};", "",
             f"{ip} saddr {at.pod_net(1)} {ip} daddr != {at.pod_net(1)} masquerade;"]
        )
    )  # fmt: skip
    hit = f"{ip} daddr {at.vip} udp dport 80"
    return [
        f"table {table} services {{",
        *chains,
        f"chain service {{ {rule} }}",
        f"chain pre {{ type nat hook prerouting priority dstnat; {hit} jump service; }}",
        f"chain out {{ type nat hook output priority -100; {hit} jump service; }}",
        f"chain post {{ type nat hook postrouting priority srcnat; {source} }}",
        "}",
    ]


def _iptables(draw: st.DrawFn, at: Addresses) -> str:
    """The router's rules as iptables-restore takes them: filters, marks, and a Service as kube-proxy writes it."""
    text = ["*mangle", ":PREROUTING ACCEPT [0:0]", ":OUTPUT ACCEPT [0:0]"]
    for _number in range(draw(st.sampled_from([0, 0, 1]))):
        hook = draw(st.sampled_from(["PREROUTING", "OUTPUT"]))
        text.append(
            f"-A {hook} {_asks(draw, at, hook)} -j MARK"
            f" --set-xmark {draw(st.sampled_from(['0x1/0x1', '0x2/0x2', '0x1']))}"
        )
    text += ["COMMIT", "*filter", ":MORE - [0:0]"]
    text += [f":{hook} {'DROP' if seldom(draw, 10) else 'ACCEPT'} [0:0]" for hook in ("INPUT", "FORWARD", "OUTPUT")]
    targets = ["ACCEPT", "ACCEPT", "DROP", "REJECT", "MORE", "RETURN", "LOG", "MARK --set-mark 1"]
    for _number in range(draw(st.integers(0, 4))):
        hook = draw(st.sampled_from(["FORWARD", "FORWARD", "INPUT", "OUTPUT", "MORE"]))
        target = draw(st.sampled_from(targets))
        target = "RETURN" if hook == "MORE" and target == "MORE" else target
        target = "ACCEPT" if target.startswith("MARK") else target
        text.append(
            f"-A {hook} {_asks(draw, at, hook)} {'-g' if target == 'MORE' and draw(st.booleans()) else '-j'} {target}"
        )
    text.append("COMMIT")
    if draw(st.booleans()):
        text += _kube_proxy(draw, at)
    return "\n".join(text) + "\n"


def _asks(draw: st.DrawFn, at: Addresses, hook: str) -> str:
    """Conditions of iptables."""
    pod, port = draw(st.integers(0, 3)), draw(st.sampled_from(PORTS))
    choices = [
        f"-s {at.pod(pod)}/{at.host}", f"-d {at.pod(pod)}/{at.host}", f"! -s {at.pod_net(pod)}",
        f"-d {at.pod_net(pod)}",
        f"-p udp -m udp --dport {port}", "-p udp -m udp ! --dport 50:80", f"-p udp -m multiport --dports 53,{port}",
        "-p tcp", "! -p tcp", "-m conntrack --ctstate NEW", "-m conntrack --ctstate RELATED,ESTABLISHED",
        "-m conntrack ! --ctstate NEW", "-m conntrack --ctstate INVALID", "-m conntrack --ctstate DNAT",
        "-m state --state NEW", "-m mark --mark 0x1/0x1", "-m mark ! --mark 0x2/0x2", "-m addrtype --dst-type LOCAL",
        "-m addrtype ! --src-type LOCAL", '-m comment --comment "what -j DROP is not"', "",
        "-p udp -m udp --sport 40000 -m statistic --mode random --probability 0.5",
    ]  # fmt: skip
    if hook in ("FORWARD", "INPUT", "PREROUTING"):
        choices += [f"-i n{pod}", "-i n+", "! -i br0"]
    if hook in ("FORWARD", "OUTPUT"):
        choices += [f"-o n{pod}", "! -o br0"]
    return " ".join(draw(st.lists(st.sampled_from(choices), min_size=1, max_size=1)))


def _kube_proxy(draw: st.DrawFn, at: Addresses) -> list[str]:
    """A Service as kube-proxy writes it (pkg/proxy/iptables/proxier.go)."""
    backends = [at.pod(draw(st.integers(0, 3))) for _number in range(draw(st.integers(1, 3)))]
    chains = ["SERVICES", "SVC", "MARK-MASQ", "POSTROUTING", *(f"SEP-{number}" for number in range(len(backends)))]
    comment = '-m comment --comment "default/web:http cluster IP"'
    text = ["*nat", ":PREROUTING ACCEPT [0:0]", ":OUTPUT ACCEPT [0:0]", ":POSTROUTING ACCEPT [0:0]"]
    text += [f":KUBE-{name} - [0:0]" for name in chains]
    text += [f"-A {hook} -j KUBE-SERVICES" for hook in ("PREROUTING", "OUTPUT")]
    text += [
        "-A POSTROUTING -j KUBE-POSTROUTING",
        f"-A KUBE-SERVICES -d {at.vip}/{at.host} -p udp {comment} -m udp --dport 80 -j KUBE-SVC",
        "-A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000",
        "-A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN",
        "-A KUBE-POSTROUTING -j MARK --set-xmark 0x4000/0x0",
        f"-A KUBE-POSTROUTING -j MASQUERADE{draw(st.sampled_from(['', ' --random-fully']))}",
    ]
    if draw(st.booleans()):
        text.append(f"-A KUBE-SVC ! -s {at.pod_net(draw(st.integers(0, 3)))} {comment} -j KUBE-MARK-MASQ")
    for number, backend in enumerate(backends):
        left = len(backends) - number
        chance = f" -m statistic --mode random --probability {1 / left:.11f}" if left > 1 else ""
        text.append(f"-A KUBE-SVC{chance} -j KUBE-SEP-{number}")
        written = f"[{backend}]" if at.six else backend
        text.append(f"-A KUBE-SEP-{number} -s {backend}/{at.host} -j KUBE-MARK-MASQ")
        text.append(f"-A KUBE-SEP-{number} -p udp -m udp -j DNAT --to-destination {written}:8080")
    return [*text, "COMMIT"]


def _packet(draw: st.DrawFn, at: Addresses, number: int) -> dict[str, Any]:
    sender = draw(st.sampled_from([*PODS, *PODS, "r"]))
    pod = draw(st.integers(0, 3))
    dst = draw(
        st.sampled_from([at.pod(pod), at.pod(pod), at.pod(pod), at.vip, at.vip, at.gateway(pod), at.nowhere, at.far])
    )
    port = 80 if dst == at.vip else draw(st.sampled_from(PORTS))
    return {"from": sender, "dst": dst, "dport": port, "sport": 40000 + number}


# ------------------------------------------------------------------- the proof


def request(document: dict[str, Any], packet: dict[str, Any]) -> Request:
    """Return what is asked of the engine for a packet."""
    node = read_node(document, "node.json")
    namespace = next(one for one in node.namespaces.values() if one.name == packet["from"])
    family, dst = records.number_of(packet["dst"])
    return Request(node, namespace, family, 17, None, dst, packet["sport"], packet["dport"], 84)


class Fleet:
    """There is nothing but the one node."""

    def owners(self, family: str, number: int) -> list[Any]:
        """Return nobody."""
        del family, number
        return []


def ends(document: dict[str, Any], packet: dict[str, Any]) -> tuple[set[Any], list[str]]:
    """Return how the packet may end as it is computed, and the reasons of what is unknown."""
    found: set[Any] = set()
    unknown = []
    for way in all_ways(Fleet(), request(document, packet)):
        there, back = way["there"], way["back"]
        for one in (there, back):
            if one is not None and one["verdict"] == "unknown":
                unknown.append(one["reason"])
        if there["verdict"] != "delivered":
            found.add(None)
            continue
        words = there["packet"]
        answered = back is not None and back["verdict"] == "delivered"
        found.add((there["receiver"], words["src"], words["sport"], words["dst"], words["dport"], answered))
    return found, unknown


def seen(result: dict[str, Any], computed: set[Any]) -> bool:
    """Tell whether the packet ended in earnest as one of its ways; a port by chance is None there."""
    got = result["got"]
    if got is None:
        return None in computed
    ports = {got["sport"], None}
    return any(
        (got["space"], got["src"], port, got["dst"], got["dport"], result["answered"]) in computed for port in ports
    )


def test_what_is_computed_is_what_packets_do(driver: Driver) -> None:
    counts = {"networks": 0, "packets": 0, "unknown": 0, "delivered": 0, "refused": 0}
    reasons: list[str] = []

    @settings(
        max_examples=NETWORKS, deadline=None, database=None, derandomize=True, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(networks())
    def check(network: dict[str, Any]) -> None:
        answer = driver.tried(network)
        counts["networks"] += 1
        counts["refused"] += any("nft" in error or "restore" in error for error in answer["errors"])
        for packet, result in zip(network["packets"], answer["results"], strict=True):
            computed, unknown = ends(result.pop("facts"), packet)
            counts["packets"] += 1
            counts["delivered"] += result["got"] is not None
            if unknown:
                counts["unknown"] += 1
                reasons.extend(unknown)
                continue
            assert seen(result, computed), (packet, result, computed, json.dumps(network, indent=1), answer["errors"])

    check()
    assert counts["networks"] >= NETWORKS
    assert counts["delivered"] > counts["packets"] / 5, counts
    assert counts["refused"] < counts["networks"] / 5, "too many of the generated rules are refused"
    assert counts["unknown"] < counts["packets"] * 0.02, (counts, reasons[:20])
