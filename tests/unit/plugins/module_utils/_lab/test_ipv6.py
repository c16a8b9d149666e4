# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the lab's modules do of IPv6 beside IPv4: decisions over records, without a kernel."""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path
from typing import Any, Dict, List

import pytest

from ansible_collections.podnet.lab.plugins.module_utils._lab import (
    bridge_redirect,
    dns_records,
    forwarding,
    masquerade,
    pod_address,
    policy_rules,
    service_rules,
    static_route,
    tunnel,
    udp_flows,
)
from ansible_collections.podnet.lab.plugins.module_utils._lab.leases import AllocationError, allocate
from ansible_collections.podnet.lab.plugins.module_utils._lab.read import View, is_link_local, prefix
from ansible_collections.podnet.lab.plugins.module_utils._lab.service_leases import ServiceLeases
from ansible_collections.podnet.lab.plugins.module_utils._lab.service_rules import chain_name

ETH0 = {"ifindex": 2, "ifname": "eth0", "flags": 1, "link_type": 1, "mtu": 1500}


def view(addresses: List[str], routes: Any = ()) -> View:
    """A namespace with eth0, these addresses on it as address/length, and these routes."""
    found: Any = []
    for text in addresses:
        local, _slash, length = text.partition("/")
        family = 10 if ":" in local else 2
        found.append({"ifindex": 2, "family": family, "prefixlen": int(length), "scope": 0, "local": local})
    links: Any = {"eth0": ETH0}
    return View(links, found, list(routes))


def route(dst: str, gateway: str, **changes: Any) -> Any:
    """A route of IPv6 through eth0; the default route has no dst."""
    address, _slash, length = dst.partition("/")
    record: Dict[str, Any] = {
        "family": 10,
        "dst_len": int(length),
        "type": 1,
        "protocol": 112,
        "scope": 0,
        "table": 254,
    }
    record.update({"oif": 2, "flags": 0, "gateway": gateway}, **({"dst": address} if int(length) else {}))
    return {**record, **changes}


def test_only_the_family_that_is_asked_for_is_changed() -> None:
    both = view(["10.244.0.2/24", "fd00::2/64", "fe80::1/64"])
    assert both.addresses_of("eth0") == ["10.244.0.2/24", "fd00::2/64"]
    assert pod_address.address_lines(both, "eth0", "fd00::2/64") == []
    assert pod_address.address_lines(both, "eth0", "fd00::3/64") == [
        "address delete fd00::2/64 dev eth0",
        "address add fd00::3/64 dev eth0 nodad",
    ]
    assert pod_address.address_lines(both, "eth0", "10.244.0.2/24") == []
    assert pod_address.address_lines(None, "eth0", "fd00::2/64") == ["address add fd00::2/64 dev eth0 nodad"]


def test_a_family_that_is_not_wanted_any_more_goes_with_its_default_route() -> None:
    both = view(["10.244.0.2/24", "fd00::2/64", "fe80::1/64"], [route("::/0", "fd00::1")])
    assert pod_address.surplus_lines(both, "eth0", ["10.244.0.2/24"]) == [
        "route delete default via fd00::1 dev eth0",
        "address delete fd00::2/64 dev eth0",
    ]
    assert pod_address.surplus_lines(both, "eth0", ["fd00::2/64"]) == ["address delete 10.244.0.2/24 dev eth0"]
    assert pod_address.surplus_lines(both, "eth0", ["fd00::2/64", "10.244.0.2/24"]) == []
    assert pod_address.surplus_lines(None, "eth0", ["fd00::2/64"]) == []


def test_a_pod_forgets_whom_it_knew_when_a_family_comes_or_goes_and_not_before() -> None:
    one, both = view(["fd00::2/64", "fe80::1/64"]), view(["10.244.0.2/24", "fd00::2/64", "fe80::1/64"])
    assert pod_address.forget_lines(one, "eth0", ["10.244.0.2/24", "fd00::2/64"]) == ["neigh flush dev eth0"]
    assert pod_address.forget_lines(both, "eth0", ["fd00::2/64"]) == ["neigh flush dev eth0"]
    assert pod_address.forget_lines(both, "eth0", ["10.244.0.9/24", "fd00::9/64"]) == []
    for fresh in (None, view(["fe80::1/64"])):
        assert pod_address.forget_lines(fresh, "eth0", ["10.244.0.2/24", "fd00::2/64"]) == []


def test_each_family_has_its_own_default_route() -> None:
    inside = view(["fd00::2/64"], [route("::/0", "fd00::1")])
    assert prefix(inside.routes[0]) == "::/0"
    assert pod_address.route_lines(inside, "eth0", "fd00::1", False) == []
    assert pod_address.route_lines(inside, "eth0", "10.244.0.1", False) == ["route add default via 10.244.0.1 dev eth0"]
    assert pod_address.route_lines(inside, "eth0", "fd00::9", False) == [
        "route delete default via fd00::1 dev eth0",
        "route add default via fd00::9 dev eth0",
    ]
    without_gateway = view([], [{key: value for key, value in route("::/0", "x").items() if key != "gateway"}])
    assert pod_address.route_lines(without_gateway, "eth0", "fd00::1", False)[0] == "route delete ::/0 dev eth0"


def test_ipv6_has_no_broadcast_address_and_its_first_is_not_for_pods() -> None:
    network, gateway = ipaddress.ip_network("fd00::/126"), ipaddress.ip_address("fd00::1")
    made = allocate(network, gateway, [("aa1", None), ("aa2", None)], {}, "aa")
    assert made.addresses == {"aa1": "fd00::2", "aa2": "fd00::3"}
    kept = allocate(network, gateway, [("aa2", None)], {"fd00::3": "aa2", "fd00::2": "aa1"}, "aa")
    assert (kept.addresses, kept.lease, kept.release) == ({"aa2": "fd00::3"}, {}, ["fd00::2"])
    for wanted in ("fd00::", "fd00::1", "fd00::4"):
        with pytest.raises(AllocationError):
            allocate(network, gateway, [("aa1", wanted)], {}, "aa")


def test_a_range_of_many_addresses_is_not_listed() -> None:
    made = allocate(ipaddress.ip_network("fd00::/16"), ipaddress.ip_address("fd00::1"), [("aa1", None)], {}, "aa")
    assert made.addresses == {"aa1": "fd00::2"}


def test_a_link_local_gateway_is_on_a_link_and_needs_no_onlink() -> None:
    assert [is_link_local(text) for text in ("fe80::1", "febf::1", "fd00::1", "169.254.0.1", "")] == [
        True, True, False, False, False
    ]  # fmt: skip
    way = static_route.Way("fe80::1", "eth0")
    assert way.words() == "via fe80::1 dev eth0"
    assert static_route.Way("fd00:1::", "vxlan1").words() == "via fd00:1:: dev vxlan1 onlink"
    there = route("fd00:1::/64", "fe80::1")
    assert static_route.way_of(there, {2: "eth0"}) == way
    plan = static_route.decide({"fd00:1::/64": way}, [there], [there], {2: "eth0"})
    assert plan == static_route.Plan([], [], [], [])
    elsewhere = static_route.decide({"fd00:1::/64": way}, [there], [there], {2: "eth1"})
    assert elsewhere.replace == [("fd00:1::/64", way)]


def test_a_default_route_from_a_router_is_lost_by_forwarding_and_said() -> None:
    learned = route("::/0", "fe80::1", protocol=forwarding.RTPROT_RA)
    found = forwarding.advertised([learned], {2: "eth0"}, {"eth0": "1"})
    assert len(found) == 1
    assert "`sysctl -w net.ipv6.conf.eth0.accept_ra=2`" in found[0]
    assert forwarding.advertised([learned], {2: "eth0"}, {"eth0": "2"}) == []
    assert forwarding.advertised([route("::/0", "fe80::1", protocol=3)], {2: "eth0"}, {"eth0": "1"}) == []
    assert forwarding.advertised([route("fd00::/64", "x", protocol=9)], {2: "eth0"}, {"eth0": "1"}) == []


def test_chains_that_drop_are_those_of_the_family() -> None:
    chains = [
        {"chain": {"family": family, "table": "t", "name": "c", "hook": "forward", "policy": "drop"}}
        for family in ("ip", "ip6", "inet")
    ]
    assert forwarding.drop_chains({"nftables": chains}, forwarding.V6) == ["ip6 t c", "inet t c"]
    said = forwarding.obstacles(["inet t c"], True, False, "fd00::/56", forwarding.V6)
    assert "`nft insert rule inet t c ip6 saddr fd00::/56 accept`" in said[0]
    assert "`ip6tables-legacy -I FORWARD -s fd00::/56 -j ACCEPT`" in said[1]


def test_nat66_is_a_table_of_its_own() -> None:
    inside = ["10.244.0.0/16", "fd00::/56", "10.89.0.11", "2001:db8::1", "fd00::/56"]
    assert masquerade.of_family(inside, "ip") == ["10.244.0.0/16", "10.89.0.11"]
    wanted = masquerade.wanted_rules("fd00::/64", masquerade.of_family(inside, "ip6"), "ip6")
    assert wanted == [
        "ip6 daddr fd00::/56 return",
        "ip6 daddr 2001:db8::1 return",
        "ip6 saddr fd00::/64 counter masquerade",
    ]
    assert masquerade.ruleset("ip6 podnet_lab0", wanted)[0] == "table ip6 podnet_lab0 {"


def test_a_vxlan_carries_both_families_to_one_mac() -> None:
    peer = tunnel.Peer("10.89.0.12", "0a:58:0a:f4:01:00", "10.244.1.0", "fe80::858:aff:fef4:100")
    made = tunnel.Tunnel("vxlan1", 1, 4789, "10.89.0.11", 1450, "0a:58:0a:f4:00:00", "10.244.0.0", [peer])
    assert made.addresses() == ["10.244.0.0/32"]
    assert tunnel.neighbour_lines([], made.name, made.neighbours()) == [
        "neigh replace 10.244.1.0 lladdr 0a:58:0a:f4:01:00 dev vxlan1 nud permanent",
        "neigh replace fe80::858:aff:fef4:100 lladdr 0a:58:0a:f4:01:00 dev vxlan1 nud permanent",
    ]
    assert tunnel.fdb_lines([], made) == ["fdb add 0a:58:0a:f4:01:00 dev vxlan1 dst 10.89.0.12"]


def test_policies_of_ipv6_let_neighbour_discovery_pass_before_they_look_at_anything() -> None:
    rule = {"policy": "default/web", "number": 0, "peers": ["fd00::2"], "ports": None, "pairs": []}
    option = {"namespace": "default", "name": "web1", "address": "fd00::3", "ingress": [rule], "egress": []}
    pods = policy_rules.read_pods([option], "ip6")
    lines = [line.strip() for block in policy_rules.blocks(pods, "ip6") for line in block]
    assert not [line for line in lines if line.startswith("ip ") or "ipv4" in line]
    assert "fd00::3 : goto " + chain_name("ingress", "default/web1") + "," in lines
    for chain in ("chain forward {", "chain input {"):
        start = lines.index(chain)
        discovery = lines.index("icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept", start)
        assert discovery < lines.index("jump egress", start)
    with pytest.raises(ValueError, match=r"10\.244"):
        policy_rules.read_pods([{**option, "address": "10.244.0.2"}], "ip6")


def test_frames_of_both_families_are_redirected_but_those_of_neighbour_discovery() -> None:
    lines = bridge_redirect.blocks("10.244.0.0/24", "0a:58:0a:f4:00:01", "fd00::/64")[0]
    assert [line.split()[0] for line in lines[2:-1]] == ["ip", "icmpv6", "ip6"]
    assert bridge_redirect.blocks("10.244.0.0/24", "0a:58:0a:f4:00:01")[0][2:-1] == lines[2:3]


def test_an_ipv6_address_of_a_name_is_a_record_too() -> None:
    record = {"type": "AAAA", "name": "fd00--2.default.pod.cluster.local", "value": "fd00::2", "port": None}
    assert dns_records.record_line(record) == "host-record=fd00--2.default.pod.cluster.local,fd00::2"
    with pytest.raises(ValueError, match=r"10\.244"):
        dns_records.record_line({**record, "value": "10.244.0.2"})


def a_service(**changes: Any) -> Any:
    """A Service as the option of ``service_rules`` has it, with an endpoint on this node and one elsewhere."""
    ends = [("fd00:10:244::3", True), ("fd00:10:244:1::d", False)]
    port = {"name": None, "protocol": "TCP", "port": 80, "node_port": 30080}
    return {
        "namespace": "default",
        "name": "web",
        "address": "fd00:10:96::29",
        "ports": [{**port, "endpoints": [{"address": text, "port": 8080, "local": local} for text, local in ends]}],
        "load_balancer": None,
        "affinity_timeout": 600,
        "internal_traffic_policy": "Cluster",
        "external_traffic_policy": "Local",
        **changes,
    }


def test_rules_of_services_are_those_of_ipv4_in_the_words_of_ipv6() -> None:
    ports = service_rules.read_ports([a_service()], "ip6")
    made = service_rules.blocks(ports, "fd00:10:96::/112", "fd00:10:244::/56", ["fd00:10:244::/56"], [], "ip6")
    chains = {block[0][:-2]: [line.strip() for line in block[1:-1]] for block in made}
    # Names of nftables have no colon; kube-proxy writes dots.
    name = service_rules.chain_name("endpoint", "default/web/tcp/__fd00.10.244..3/8080")
    affinity = "affinity" + name[len("endpoint") :]
    assert chains["chain " + name] == [
        "ip6 saddr fd00:10:244::3 jump mark-for-masquerade",
        "update @%s { ip6 saddr }" % affinity,
        "meta l4proto tcp dnat to [fd00:10:244::3]:8080",
    ]
    assert chains["set " + affinity][0] == "type ipv6_addr"
    assert chains["map service-ips"][0] == "type ipv6_addr . inet_proto . inet_service : verdict"
    assert chains["chain cluster-ips-check"] == ["ip6 daddr @cluster-ips reject", "ip6 daddr fd00:10:96::/112 drop"]
    at_node = "fib daddr type local ip6 daddr != ::1 meta l4proto . th dport vmap @service-nodeports"
    assert chains["chain services"] == ["ip6 daddr . meta l4proto . th dport vmap @service-ips", at_node]
    text = " ".join(line for block in made for line in block).replace("ip6 ", "").replace("ipv6_addr", "")
    assert not [word for word in text.split() if word == "ip" or "ipv4" in word]


def test_an_ipv6_address_of_a_load_balancer_is_refused_at_other_ports_at_once() -> None:
    ports = service_rules.read_ports([a_service(load_balancer="2001:db8:89::f1")], "ip6")
    made = service_rules.blocks(ports, "fd00:10:96::/112", "fd00:10:244::/56", ["fd00:10:244::/56"], [], "ip6")
    chains = {block[0][:-2]: [line.strip() for line in block[1:-1]] for block in made}
    assert "2001:db8:89::f1 . tcp . 80 : goto external-" in " ".join(chains["map service-ips"])
    assert chains["set load-balancer-ips"] == ["type ipv6_addr", "elements = {", "2001:db8:89::f1,", "}"]
    assert chains["chain load-balancer-ips-check"] == [
        "meta l4proto tcp ip6 daddr @load-balancer-ips reject with tcp reset",
        "meta l4proto { udp, sctp } ip6 daddr @load-balancer-ips reject",
    ]


@pytest.mark.parametrize("family", ["ip", "ip6"])
def test_addresses_of_the_other_family_are_refused(family: str) -> None:
    port: Any = {"name": None, "protocol": "TCP", "port": 80, "node_port": None, "endpoints": []}
    for address in ({"ip": "fd00:10:96::29", "ip6": "10.96.0.41"}[family], "fd00:10:96::29%x; drop"):
        with pytest.raises(ValueError, match=re.escape(address)):
            service_rules.read_ports([a_service(address=address, ports=[port])], family)


def test_addresses_of_services_of_each_family_are_noted_beside_each_other(tmp_path: Path) -> None:
    four, six = (ServiceLeases("lab0", str(tmp_path / "lib"), family) for family in ("ip", "ip6"))
    for leases, address, part in ((four, "10.96.1.1", "10.96.0.0/16"), (six, "fd00:10:96::101", "fd00:10:96::/112")):
        leases.change({"default/web": address}, {}, part, real=True)
        assert (leases.read(), leases.service_cidr()) == ({"default/web": address}, part)
    assert (four.files(), six.files()) == ([four.path], [six.path])
    four.change({}, {}, None, real=True)
    assert four.files() == []
    assert six.files() == [six.directory, six.path]
    six.change({}, {}, None, real=True)
    assert list(tmp_path.iterdir()) == []


def test_udp_flows_of_each_family_are_those_of_its_services() -> None:
    flows = udp_flows.Flows(
        "fd00:10:96::/112", "fd00:10:244::/56", [], {("fd00:10:96::a", 53): [("fd00:10:244::7", 53)]}
    )
    line = "udp 17 29 src=fd00:10:244::2 dst=%s sport=4000 dport=53 src=%s dst=fd00:10:244::2 sport=53 dport=4000"
    lines = [line % ("fd00:10:96::a", "fd00:10:244::7"), line % ("fd00:10:96::a", "fd00:10:244::8")]
    lines.append(
        "udp 17 29 src=10.244.0.2 dst=10.96.0.10 sport=4 dport=53 src=10.244.0.9 dst=10.244.0.2 sport=53 dport=4"
    )
    assert [udp_flows.stale(flow, flows) for flow in udp_flows.parse("\n".join(lines))] == [False, True, False]
