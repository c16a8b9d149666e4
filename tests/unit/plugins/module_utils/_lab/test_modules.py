# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the lab's modules decide, from what they read: no root, no namespaces."""

from __future__ import annotations

from typing import Any, Dict, List, Optional

import pytest

from ansible_collections.podnet.lab.plugins.module_utils._lab import (
    bridge,
    bridge_port,
    forwarding,
    masquerade,
    netns_link,
    pod_address,
    pod_container,
    pod_sandbox,
    static_route,
    tunnel,
    veth,
)
from ansible_collections.podnet.lab.plugins.module_utils._lab import info as lab_info
from ansible_collections.podnet.lab.plugins.module_utils._lab.processes import Process
from ansible_collections.podnet.lab.plugins.module_utils._lab.read import NOT_A_NAMESPACE, Neighbours, View

ALIAS = "podnet.lab:lab0"
UP = 0x1


def link(ifindex: int, ifname: str, kind: str = "", **changes: Any) -> Any:
    """A link record as the kernel's answer gives it."""
    record = {"ifindex": ifindex, "ifname": ifname, "flags": UP, "link_type": 1, "mtu": 1500}
    if kind:
        record["info_kind"] = kind
    return {**record, **changes}


def view(*links: Any, addresses: Any = (), routes: Any = ()) -> View:
    """A namespace with these links, addresses (link, address, length) and routes."""
    return View(
        {entry["ifname"]: entry for entry in links},
        [
            {"ifindex": index, "family": 2, "prefixlen": length, "scope": 0, "local": local}
            for index, local, length in addresses
        ],
        list(routes),
    )


def route(
    dst: Optional[str], length: int, gateway: Optional[str], protocol: int = 112, oif: int = 2, flags: int = 0
) -> Any:
    """A route record."""
    record: Dict[str, Any] = {"family": 2, "dst_len": length, "type": 1, "protocol": protocol, "scope": 0, "table": 254}
    record["oif"] = oif
    record["flags"] = flags
    if dst:
        record["dst"] = dst
    if gateway:
        record["gateway"] = gateway
    return record


# -- pod_sandbox -----------------------------------------------------------------------------------------

ALIVE = Process(812, 90412)


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        (pod_sandbox.Seen(None, None, None), pod_sandbox.Repair(False, "new", True)),
        (pod_sandbox.Seen(None, None, 5), pod_sandbox.Repair(False, "named", False)),
        (pod_sandbox.Seen(None, None, NOT_A_NAMESPACE), pod_sandbox.Repair(True, "new", True)),
        (pod_sandbox.Seen(ALIVE, 5, 5), pod_sandbox.Repair(False, "", False)),
        (pod_sandbox.Seen(ALIVE, 5, None), pod_sandbox.Repair(False, "", True)),
        (pod_sandbox.Seen(ALIVE, 5, 6), pod_sandbox.Repair(True, "", True)),
        (pod_sandbox.Seen(ALIVE, 5, NOT_A_NAMESPACE), pod_sandbox.Repair(True, "", True)),
    ],
)
def test_a_sandbox_is_repaired_by_what_it_lacks(seen: Any, expected: Any) -> None:
    assert pod_sandbox.decide(seen) == expected


# -- veth --------------------------------------------------------------------------------------------------

PAIR = veth.Pair("veth1", "/run/netns/lab0_default_pod1", "eth0", 1500)


def near(**changes: Any) -> Any:
    """The node's end of a good cable."""
    return link(9, "veth1", "veth", **{"link": 2, "link_netnsid": 0, "ifalias": ALIAS, **changes})


def far(**changes: Any) -> Any:
    """The pod's end of a good cable."""
    return link(2, "eth0", "veth", **{"link": 9, "link_netnsid": 0, "ifalias": ALIAS, **changes})


@pytest.mark.parametrize(
    ("node", "inside", "expected"),
    [
        (view(near()), view(far()), "keep"),
        (view(), None, "create"),
        (view(), view(), "create"),
        (view(near()), None, "delete create"),
        (view(near()), view(), "delete create"),
        (view(), view(far()), "create"),
        (view(near()), view(far(link=77)), "delete create"),
        (view(near(link=77)), view(far()), "delete create"),
        (view(near(ifalias=None)), view(far()), "mark"),
        (view(near(mtu=1400)), view(far()), "mtu_here"),
        (view(near()), view(far(mtu=1400)), "mtu_there"),
        (view(link(9, "veth1", "dummy")), None, "conflict"),
        (view(near(ifalias=None)), view(), "conflict"),
        (view(near(ifalias="podnet.lab:lab00")), view(), "conflict"),
        (view(), view(link(2, "eth0", "macvlan")), "conflict"),
        (view(), view(far(ifalias="somebody")), "conflict"),
    ],
)
def test_a_cable_is_laid_kept_or_refused(node: View, inside: Optional[View], expected: str) -> None:
    plan = veth.decide(PAIR, node, inside, ALIAS)
    actions = [name for name in ("delete", "create", "mtu_here", "mtu_there") if getattr(plan, name)]
    actions += ["mark"] if plan.mark and not plan.create else []
    actions += ["conflict"] if plan.conflict else []
    assert " ".join(actions or ["keep"]) == expected


def test_only_cables_with_the_labs_own_mark_are_others() -> None:
    node = view(
        near(),
        link(10, "veth2", "veth", ifalias=ALIAS),
        link(11, "veth3", "veth", ifalias="podnet.lab:lab00"),
        link(12, "lab0", "bridge", ifalias=ALIAS),
        link(13, "veth4", "veth"),
    )
    assert veth.others([PAIR], node, ALIAS) == ["veth2"]


# -- bridge, bridge_port -----------------------------------------------------------------------------------


def test_a_bridge_is_created_corrected_or_left() -> None:
    mac = "0a:58:0a:f4:00:01"
    assert bridge.create_lines(view(), "lab0", 1400, mac, ALIAS) == [
        "link add lab0 mtu 1400 address 0a:58:0a:f4:00:01 type bridge",
        "link set lab0 alias podnet.lab:lab0",
    ]
    node = view(link(3, "lab0", "bridge", ifalias=ALIAS, address="0a:58:00:00:00:00"))
    assert bridge.create_lines(node, "lab0", 1400, mac, ALIAS) == [
        "link set lab0 mtu 1400",
        "link set lab0 address 0a:58:0a:f4:00:01",
    ]
    assert bridge.create_lines(node, "lab0", 1500, None, ALIAS) == []


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (link(3, "lab0", "bridge", ifalias=ALIAS), None),
        (link(3, "lab0", "bridge"), "a bridge of this name is on the node, and lab lab0 did not make it"),
        (link(3, "lab0", "bridge", ifalias="podnet.lab:lab1"), "a bridge of this name"),
        (link(3, "lab0", "veth", ifalias=ALIAS), "a link of kind veth of this name"),
        (link(3, "lab0"), "a link of kind device of this name"),
        (link(3, "other"), None),
    ],
)
def test_a_foreign_link_cannot_be_the_bridge(other: Any, expected: Optional[str]) -> None:
    found = bridge.conflict(view(other), "lab0", ALIAS)
    assert (found is None) == (expected is None)
    assert expected is None or (found is not None and found.startswith(expected))


def test_ports_are_attached_and_only_the_labs_are_detached() -> None:
    node = view(
        link(3, "lab0", "bridge", ifalias=ALIAS, flags=0),
        link(4, "good", "veth", ifalias=ALIAS, master=3),
        link(5, "down", "veth", ifalias=ALIAS, master=3, flags=0),
        link(6, "loose", "veth", ifalias=ALIAS),
        link(7, "gone", "veth", ifalias=ALIAS, master=3),
        link(8, "foreign", "veth", master=3),
    )
    assert bridge_port.port_lines(node, "lab0", ["good", "down", "loose", "coming"], ALIAS) == [
        "link set lab0 up",
        "link set gone nomaster",
        "link set down up",
        "link set loose master lab0",
        "link set coming master lab0 up",
    ]


def test_ports_send_frames_back_when_they_are_to() -> None:
    on = {"info_slave_data": {"hairpin": True}}
    node = view(
        link(3, "lab0", "bridge", ifalias=ALIAS),
        link(4, "off", "veth", ifalias=ALIAS, master=3),
        link(5, "on", "veth", ifalias=ALIAS, master=3, **on),
    )
    assert bridge_port.port_lines(node, "lab0", ["off", "on"], ALIAS, True) == [
        "link set off type bridge_slave hairpin on"
    ]
    assert bridge_port.port_lines(node, "lab0", ["off", "on"], ALIAS) == ["link set on type bridge_slave hairpin off"]
    assert bridge_port.port_lines(view(node.links["lab0"]), "lab0", ["coming"], ALIAS, True) == [
        "link set coming master lab0 up",
        "link set coming type bridge_slave hairpin on",
    ]


# -- netns_link --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("inside", "mtu", "alias", "expected"),
    [
        (None, None, False, "link set eth0 up"),
        (None, 1400, True, "link set eth0 mtu 1400 alias podnet.lab:lab0 up"),
        (view(link(2, "eth0", flags=0)), None, False, "link set eth0 up"),
        (view(link(2, "eth0")), 1400, True, "link set eth0 mtu 1400 alias podnet.lab:lab0"),
        (view(link(2, "eth0", ifalias=ALIAS)), 1500, True, None),
    ],
)
def test_a_link_is_set_up_as_far_as_needed(
    inside: Optional[View], mtu: Optional[int], alias: bool, expected: Optional[str]
) -> None:
    assert netns_link.line({"ifname": "eth0", "mtu": mtu, "alias": alias}, inside, ALIAS) == expected


# -- static_route ------------------------------------------------------------------------------------------


def test_routes_are_added_replaced_deleted_and_not_taken_from_others() -> None:
    routes = [
        route("10.244.1.0", 24, "10.89.0.12"),
        route("10.244.2.0", 24, "10.89.0.99"),
        route("10.244.3.0", 24, "10.89.0.14"),
        route("10.245.0.0", 24, "10.89.0.12"),
        route("10.244.4.0", 24, "10.89.0.15", protocol=4),
    ]
    own = static_route.own_routes(routes, [("10.244.1.0/24", "10.89.0.12")], [("10.245.0.0/24", "10.89.0.12")])
    assert own == routes[:3]
    wanted = {
        "10.244.1.0/24": static_route.Way("10.89.0.12"),
        "10.244.2.0/24": static_route.Way("10.89.0.13"),
        "10.244.4.0/24": static_route.Way("10.89.0.15"),
        "10.244.5.0/24": static_route.Way("10.89.0.16"),
    }
    plan = static_route.decide(wanted, routes, own, {2: "eth0"})
    assert plan.add == [("10.244.5.0/24", static_route.Way("10.89.0.16"))]
    assert plan.replace == [("10.244.2.0/24", static_route.Way("10.89.0.13"))]
    assert plan.delete == [("10.244.3.0/24", static_route.Way("10.89.0.14"))]
    assert plan.conflicts == ["10.244.4.0/24 via 10.89.0.15"]


def test_a_route_moves_into_a_tunnel_and_back() -> None:
    direct, inside = static_route.Way("10.89.0.12"), static_route.Way("10.244.1.0", "vxlan1")
    assert inside.words() == "via 10.244.1.0 dev vxlan1 onlink"
    names = {2: "eth0", 7: "vxlan1", 8: "vxlan2"}
    plain = [route("10.244.1.0", 24, "10.89.0.12", flags=0)]
    onlink = [route("10.244.1.0", 24, "10.244.1.0", oif=7, flags=static_route.RTNH_F_ONLINK)]
    other = [route("10.244.1.0", 24, "10.244.1.0", oif=8, flags=static_route.RTNH_F_ONLINK)]
    for have, wanted, change in (
        (plain, direct, False),
        (plain, inside, True),
        (onlink, inside, False),
        (onlink, direct, True),
        (other, inside, True),
    ):
        plan = static_route.decide({"10.244.1.0/24": wanted}, have, have, names)
        assert plan.replace == ([("10.244.1.0/24", wanted)] if change else []), (have, wanted)
        assert not plan.add + plan.delete
        assert not plan.conflicts


# -- tunnel ------------------------------------------------------------------------------------------------

MAC1, MAC2, MAC3 = ("0a:58:0a:f4:0%d:00" % number for number in range(3))
TUNNEL = tunnel.Tunnel(
    name="vxlan1",
    vni=1,
    port=4789,
    local="10.89.0.11",
    mtu=1450,
    lladdr=MAC1,
    vtep="10.244.0.0",
    peers=[tunnel.Peer("10.89.0.12", MAC2, "10.244.1.0"), tunnel.Peer("10.89.0.13", MAC3, "10.244.2.0")],
)


def vtep(ifname: str = "vxlan1", **changes: Any) -> Any:
    """The node's end of a good tunnel."""
    data = {"id": 1, "port": 4789, "local": "10.89.0.11", "learning": False}
    return link(7, ifname, "vxlan", **{"ifalias": ALIAS, "mtu": 1450, "address": MAC1, "info_data": data, **changes})


CREATED = [
    "link add vxlan1 mtu 1450 address 0a:58:0a:f4:00:00 type vxlan id 1 local 10.89.0.11 dstport 4789 nolearning",
    "link set vxlan1 alias podnet.lab:lab0",
    "address add 10.244.0.0/32 dev vxlan1",
    "link set vxlan1 up",
]
OTHER_PORT = {"id": 1, "port": 8472, "local": "10.89.0.11", "learning": False}
LEARNS = {"id": 1, "port": 4789, "local": "10.89.0.11", "learning": True}


@pytest.mark.parametrize(
    ("links", "address", "expected"),
    [
        ([], None, CREATED),
        ([vtep()], "10.244.0.0", []),
        ([vtep(mtu=1500)], "10.244.0.0", ["link set vxlan1 mtu 1450"]),
        ([vtep(address=MAC2)], "10.244.0.0", ["link set vxlan1 address " + MAC1]),
        ([vtep(flags=0)], None, ["address add 10.244.0.0/32 dev vxlan1", "link set vxlan1 up"]),
        ([vtep(info_data=OTHER_PORT)], "10.244.0.0", ["link delete vxlan1", *CREATED]),
        ([vtep(info_data=LEARNS)], "10.244.0.0", ["link delete vxlan1", *CREATED]),
    ],
)
def test_a_tunnel_is_made_corrected_or_left(links: Any, address: Optional[str], expected: List[str]) -> None:
    node = view(*links, addresses=[(7, address, 32)] if address else [])
    assert tunnel.link_lines(node, TUNNEL, ALIAS) == expected


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (vtep(), None),
        (vtep(ifalias=None), "a link of this name is on the node, and lab lab0 did not make it"),
        (vtep("flannel.1", ifalias=None), "the link flannel.1 has its VNI 1 and port 4789"),
        (vtep("flannel.1", ifalias=None, info_data=OTHER_PORT), None),
        (vtep("vxlan2"), None),
    ],
)
def test_a_foreign_link_cannot_be_the_tunnel(other: Any, expected: Optional[str]) -> None:
    assert tunnel.conflict(view(other), TUNNEL, ALIAS) == expected


def entry(state: int, lladdr: str, dst: str, **more: Any) -> Any:
    """A neighbour or forwarding entry."""
    return {"family": 2, "ifindex": 7, "state": state, "flags": 2, "lladdr": lladdr, "dst": dst, **more}


def test_a_tunnel_forwards_to_its_peers_and_to_nobody_else() -> None:
    lasting = tunnel.NUD_PERMANENT
    assert tunnel.fdb_lines([], TUNNEL) == [
        "fdb add 0a:58:0a:f4:01:00 dev vxlan1 dst 10.89.0.12",
        "fdb add 0a:58:0a:f4:02:00 dev vxlan1 dst 10.89.0.13",
    ]
    have = [
        entry(lasting, MAC2, "10.89.0.12"),
        entry(2, MAC3, "10.89.0.13"),
        entry(lasting, MAC3, "10.89.0.99", port=8472, vni=5),
        entry(lasting, "00:00:00:00:00:00", "10.89.0.12"),
    ]
    assert tunnel.fdb_lines(have, TUNNEL) == [
        "fdb delete 0a:58:0a:f4:02:00 dev vxlan1 dst 10.89.0.13",
        "fdb delete 0a:58:0a:f4:02:00 dev vxlan1 dst 10.89.0.99 port 8472 vni 5",
        "fdb delete 00:00:00:00:00:00 dev vxlan1 dst 10.89.0.12",
        "fdb add 0a:58:0a:f4:02:00 dev vxlan1 dst 10.89.0.13",
    ]


def test_a_tunnel_has_lasting_neighbours_and_no_others() -> None:
    lasting = tunnel.NUD_PERMANENT
    have = [
        entry(lasting, MAC2, "10.244.1.0"),
        entry(2, MAC3, "10.244.2.0"),
        entry(lasting, MAC3, "10.244.9.0"),
        entry(2, MAC3, "10.244.8.0"),
    ]
    assert tunnel.neighbour_lines(have, TUNNEL.name, TUNNEL.neighbours()) == [
        "neigh delete 10.244.9.0 dev vxlan1",
        "neigh replace 10.244.2.0 lladdr 0a:58:0a:f4:02:00 dev vxlan1 nud permanent",
    ]


def test_a_tunnel_as_it_should_be_is_described_as_it_is() -> None:
    lasting = tunnel.NUD_PERMANENT
    peers = TUNNEL.peers
    # The kernel lists them in an order of its own.
    entries = Neighbours(
        [entry(lasting, peer.lladdr, peer.remote) for peer in reversed(peers)],
        [entry(lasting, peer.lladdr, address) for peer in reversed(peers) for address in peer.vteps()],
    )
    node = view(vtep(), addresses=[(7, "10.244.0.0", 32)])
    assert tunnel.describe_now(node, "vxlan1", entries) == TUNNEL.describe()


# -- pod_address -------------------------------------------------------------------------------------------

WANTED = "10.244.0.2/24"


@pytest.mark.parametrize(
    ("have", "expected"),
    [
        ([], ["address add 10.244.0.2/24 dev eth0"]),
        (["10.244.0.2/24"], []),
        (["10.9.0.2/24"], ["address add 10.244.0.2/24 dev eth0", "address delete 10.9.0.2/24 dev eth0"]),
        (["10.244.0.2/16"], ["address add 10.244.0.2/24 dev eth0", "address delete 10.244.0.2/16 dev eth0"]),
        # The new address would be secondary to the old one, and go with it.
        (["10.244.0.9/24"], ["address delete 10.244.0.9/24 dev eth0", "address add 10.244.0.2/24 dev eth0"]),
        # Secondary addresses go before their primary one takes them along.
        (
            ["10.244.0.9/24", "10.244.0.2/24", "10.244.0.7/24"],
            [
                "address delete 10.244.0.7/24 dev eth0",
                "address delete 10.244.0.2/24 dev eth0",
                "address delete 10.244.0.9/24 dev eth0",
                "address add 10.244.0.2/24 dev eth0",
            ],
        ),
        (["10.244.0.2/24", "10.9.0.2/24"], ["address delete 10.9.0.2/24 dev eth0"]),
    ],
)
def test_a_link_is_left_with_one_address(have: List[str], expected: List[str]) -> None:
    pairs = [item.split("/") for item in have]
    inside = view(link(2, "eth0"), addresses=[(2, local, int(length)) for local, length in pairs])
    assert pod_address.address_lines(inside, "eth0", WANTED) == expected


@pytest.mark.parametrize(
    ("status", "out", "expected"),
    [
        (0, '[{"dst":"10.244.0.3","lladdr":"1a:7d:3f:d2:ce:0f","state":["STALE"]},{"dst":"10.244.0.9"}]', True),
        (0, "[]", False),
        (0, "", False),
        (1, "", False),
    ],
)
def test_the_node_knows_which_macs_it_remembers(status: int, out: str, expected: bool) -> None:
    class Module:
        """Answers in the place of ``ip``."""

        def run_command(self, _command: List[str]) -> Any:
            return status, out, ""

    class AStep:
        """As much of a step as is asked."""

        module = Module()

        def tool(self, name: str) -> str:
            return name

    step: Any = AStep()
    assert ("10.244.0.3" in pod_address.neighbours(step, "lab0")) is expected


def test_a_link_that_is_not_there_yet_gets_its_address_in_check_mode() -> None:
    assert pod_address.address_lines(None, "eth0", WANTED) == ["address add 10.244.0.2/24 dev eth0"]
    assert pod_address.route_lines(None, "eth0", "10.244.0.1", True) == ["route add default via 10.244.0.1 dev eth0"]


@pytest.mark.parametrize(
    ("routes", "changing", "expected"),
    [
        ([route(None, 0, "10.244.0.1")], False, []),
        ([], False, ["route add default via 10.244.0.1 dev eth0"]),
        ([route(None, 0, "10.244.0.1")], True, ["route replace default via 10.244.0.1 dev eth0"]),
        (
            [route(None, 0, "10.9.0.1")],
            False,
            ["route delete default via 10.9.0.1 dev eth0", "route add default via 10.244.0.1 dev eth0"],
        ),
        ([route("10.0.0.0", 8, "10.244.0.1")], False, ["route add default via 10.244.0.1 dev eth0"]),
    ],
)
def test_a_pod_is_left_with_one_default_route(routes: List[Any], changing: bool, expected: List[str]) -> None:
    inside = view(link(2, "eth0"), routes=routes)
    assert pod_address.route_lines(inside, "eth0", "10.244.0.1", changing) == expected


# -- masquerade --------------------------------------------------------------------------------------------


def listing(*items: Dict[str, Any]) -> Dict[str, Any]:
    """The answer of ``nft -j list table ip podnet_lab0`` (nftables 1.0.6)."""
    head = {"metainfo": {"version": "1.0.6", "release_name": "Lester Gooch #5", "json_schema_version": 1}}
    return {"nftables": [head, {"table": {"family": "ip", "name": "podnet_lab0", "handle": 2}}, *items]}


def chain(**changes: Any) -> Dict[str, Any]:
    """The lab's chain in such an answer."""
    record = {"family": "ip", "table": "podnet_lab0", "name": "postrouting", "handle": 1}
    hook = {"type": "nat", "hook": "postrouting", "prio": 100, "policy": "accept"}
    return {"chain": {**record, **hook, **changes}}


def rule(*expressions: Dict[str, Any]) -> Dict[str, Any]:
    """A rule in such an answer."""
    record = {"family": "ip", "table": "podnet_lab0", "chain": "postrouting", "handle": 3}
    return {"rule": {**record, "expr": list(expressions)}}


def match(field: str, right: Any, op: str = "==") -> Dict[str, Any]:
    """A comparison in such a rule."""
    return {"match": {"op": op, "left": {"payload": {"protocol": "ip", "field": field}}, "right": right}}


RETURN = rule(match("daddr", {"prefix": {"addr": "10.244.0.0", "len": 16}}), {"return": None})
RETURN_NODE = rule(match("daddr", "10.89.0.11"), {"return": None})
MASQUERADE = rule(
    match("saddr", {"prefix": {"addr": "10.244.0.0", "len": 24}}),
    {"counter": {"packets": 7, "bytes": 420}},
    {"masquerade": None},
)


def test_the_labs_own_table_is_recognised_whatever_its_counters_say() -> None:
    wanted = masquerade.wanted_rules("10.244.0.0/24", ["10.244.0.0/16", "10.89.0.11"])
    assert masquerade.parse_listing(listing(chain(), RETURN, RETURN_NODE, MASQUERADE)) == wanted


@pytest.mark.parametrize(
    "items",
    [
        [chain(), MASQUERADE, RETURN],
        [chain(), RETURN],
        [chain(), RETURN, rule({"accept": None}), MASQUERADE],
        [chain(), RETURN, MASQUERADE, rule(match("saddr", "10.0.0.1", "!="), {"masquerade": None})],
        [chain(policy="drop"), RETURN, MASQUERADE],
        [chain(hook="prerouting"), RETURN, MASQUERADE],
        [chain(), chain(name="more"), RETURN, MASQUERADE],
        [chain(), RETURN, MASQUERADE, {"set": {"family": "ip", "name": "s", "table": "podnet_lab0"}}],
        [],
    ],
)
def test_an_altered_table_is_recognised(items: List[Dict[str, Any]]) -> None:
    wanted = masquerade.wanted_rules("10.244.0.0/24", ["10.244.0.0/16"])
    assert masquerade.parse_listing(listing(*items)) != wanted


# -- forwarding, lab_info, pod_container ---------------------------------------------------------------------


def test_only_ipv4_forward_chains_that_drop_are_obstacles() -> None:
    def item(**changes: Any) -> Dict[str, Any]:
        record = {"family": "ip", "table": "filter", "name": "FORWARD", "hook": "forward", "policy": "drop"}
        return {"chain": {**record, **changes}}

    answer = {
        "nftables": [
            item(),
            item(family="inet", table="fw", name="fwd"),
            item(family="ip6"),
            item(policy="accept"),
            item(hook="input"),
            {"chain": {"family": "ip", "table": "t", "name": "plain"}},
        ]
    }
    assert forwarding.drop_chains(answer) == ["ip filter FORWARD", "inet fw fwd"]
    found = forwarding.obstacles(["inet fw fwd"], True, True, "10.244.0.0/16")
    assert "`nft insert rule inet fw fwd ip saddr 10.244.0.0/16 accept`" in found[0]
    assert "between pods of one node" in found[0]
    assert "iptables-legacy -I FORWARD -s 10.244.0.0/16 -j ACCEPT" in found[1]
    assert forwarding.obstacles([], False, True, "10.244.0.0/16") == []


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("CapEff:\t000001ffffffffff\n", True),
        ("CapEff:\t0000000000201000\n", True),
        ("CapEff:\t0000000000001000\n", False),
        ("CapEff:\t0000000000000000\n", False),
        ("Name:\tx\n", False),
    ],
)
def test_the_rights_that_a_lab_needs(status: str, expected: bool) -> None:
    assert lab_info.privileged(status) is expected


@pytest.mark.parametrize(
    ("command", "running", "netns", "pod", "expected"),
    [
        (("sleep", "1"), True, 5, 5, True),
        (("sleep", "2"), True, 5, 5, False),
        (("sleep", "1"), False, None, 5, False),
        (("sleep", "1"), True, 5, 6, False),
        (("sleep", "1"), True, None, None, False),
    ],
)
def test_a_container_is_started_anew_when_it_is_not_as_wanted(
    command: Any, running: bool, netns: Optional[int], pod: Optional[int], expected: bool
) -> None:
    wanted = pod_container.Wanted("default/pod1", "default", "pod1", "node1", "aa1", "c", command)
    state: Any = {"name": "c", "id": "x", "pid": 1, "starttime": 2, "command": ["sleep", "1"]}
    state["resolv_conf"] = None
    assert pod_container.is_current(wanted, state, running, netns, pod) is expected
    named = wanted._replace(resolv_conf="/etc/netns/lab0_default_pod1/resolv.conf")
    assert not pod_container.is_current(named, state, running, netns, pod)
    assert pod_container.is_current(wanted, None, running, netns, pod) is False


def test_commands_are_shown_so_that_they_can_be_typed() -> None:
    assert pod_container.show(("sh", "-c", "echo 'a b'; sleep 1")) == "sh -c 'echo '\"'\"'a b'\"'\"'; sleep 1'"
