# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""rtnetlink messages as records, judged by what iproute2 printed of the very same kernel objects.

tests/unit/fixtures/rtnetlink holds the kernel's answers (``*.bin``) and iproute2's JSON (``*.json``), captured
one after the other in one network namespace.
"""

from __future__ import annotations

import json
import os
import struct
from typing import Any, Callable, Dict, List

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.podnet.lab.plugins.module_utils._kernel import netlink, rtnetlink
from ansible_collections.podnet.lab.plugins.module_utils._kernel.linkinfo import name_lower_links

FIXTURES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..", "fixtures", "rtnetlink")

NOT_READ = {
    "forward_delay_timer",
    "gc_timer",
    "hello_timer",
    "hold_timer",
    "message_age_timer",
    "tcn_timer",
    "topology_change_timer",
    "topology_change",
    "topology_change_ack",
    "topology_change_detected",
    "config_pending",
    "designated_cost",
    "designated_port",
    "id",
    "no",
    "bridge_id",
    "root_id",
    "group_fwd_mask",
    "group_fwd_mask_str",
    "mcast_hash_elasticity",
    "mcast_last_member_cnt",
    "mcast_last_member_intvl",
    "mcast_membership_intvl",
    "mcast_querier_intvl",
    "mcast_query_intvl",
    "mcast_query_response_intvl",
    "mcast_startup_query_cnt",
    "mcast_startup_query_intvl",
    "mcast_vlan_snooping",
    "no_linklocal_learn",
}
"""What iproute2 prints of bridges and ports and this collection leaves out: timers, state of protocols, tuning."""

Parser = Callable[[Any, int, int, List[Any]], None]


def captured(name: str) -> bytes:
    with open(os.path.join(FIXTURES, name + ".bin"), "rb") as file:
        return file.read()


def printed(name: str) -> List[Dict[str, Any]]:
    with open(os.path.join(FIXTURES, name + ".json"), encoding="utf-8") as file:
        found: List[Dict[str, Any]] = json.load(file)
        return found


def records(name: str, parse: Parser) -> List[Any]:
    data = captured(name)
    sequence = struct.unpack_from("=IHHI", data)[3]
    found: List[Any] = []
    done, _interrupted = netlink.parse_datagram(data, len(data), sequence, parse, found, netlink.Watch())
    assert done
    return found


def links() -> List[Any]:
    found = records("links", rtnetlink.parse_link)
    name_lower_links(found)
    return found


def names() -> Dict[int, str]:
    return {link["ifindex"]: link["ifname"] for link in links()}


@pytest.mark.parametrize("expected", printed("links"), ids=lambda link: str(link["ifname"]))
def test_links_are_what_iproute2_prints(expected: Dict[str, Any]) -> None:
    link = next(link for link in links() if link["ifname"] == expected["ifname"])
    for key in ("ifindex", "mtu", "qdisc", "operstate", "txqlen"):
        assert link[key] == expected[key], key
    for key in ("address", "broadcast", "ifalias", "altnames"):
        assert link.get(key) == expected.get(key), key
    assert names().get(link.get("master")) == expected.get("master")
    assert names().get(link.get("link")) == expected.get("link")
    assert {"default": 0}.get(expected["group"], expected["group"]) in (link["group"], str(link["group"]))
    info = expected.get("linkinfo", {})
    assert link.get("info_kind") == info.get("info_kind")
    assert link.get("info_slave_kind") == info.get("info_slave_kind")
    for part in ("info_data", "info_slave_data"):
        ours, theirs = link.get(part, {}), info.get(part, {})
        assert {key: ours[key] for key in ours if key in theirs} == {key: theirs[key] for key in ours if key in theirs}
        assert set(ours) - set(theirs) <= {"fdb_max_learned"}, "iproute2 6.1 does not know this one yet"
        if "bridge" in (link.get("info_kind"), link.get("info_slave_kind")):
            assert set(theirs) - set(ours) <= NOT_READ
        else:
            assert set(theirs) == set(ours)


def test_every_kind_of_link_of_the_capture_was_compared() -> None:
    kinds = {link.get("info_kind") for link in links()}
    assert kinds >= {"bridge", "veth", "vxlan", "macvlan", "macvtap", "tun", "ifb", None}
    assert len(links()) == len(printed("links"))


def test_addresses_are_what_iproute2_prints() -> None:
    ours = {
        (names()[each["ifindex"]], each["local"], each["prefixlen"], each.get("broadcast"), each.get("address"))
        for each in records("addresses", rtnetlink.parse_address)
    }
    theirs = {
        (link["ifname"], each["local"], each["prefixlen"], each.get("broadcast"), each.get("address"))
        for link in printed("addresses")
        for each in link["addr_info"]
    }
    assert ours == theirs
    labels = {each["label"] for each in records("addresses", rtnetlink.parse_address) if "label" in each}
    assert labels == {each["label"] for link in printed("addresses") for each in link["addr_info"] if "label" in each}


TYPES = {"unicast": 1, "local": 2, "broadcast": 3, "anycast": 4, "multicast": 5, "blackhole": 6}
TABLES = {"main": 254, "local": 255, "default": 253}


def test_routes_are_what_iproute2_prints() -> None:
    ours = records("routes", rtnetlink.parse_route)
    theirs = printed("routes")
    assert len(ours) == len(theirs)
    for route, expected in zip(ours, theirs):
        full = 32 if route["family"] == 2 else 128
        length = "" if route["dst_len"] == full else "/%d" % route["dst_len"]
        assert route.get("dst", "default") + (length if "dst" in route else "") == expected["dst"]
        assert names().get(route.get("oif")) == expected.get("dev")
        for key in ("gateway", "prefsrc", "metric", "nhid"):
            assert route.get(key) == expected.get(key), (key, expected)
        assert route.get("via") == expected.get("via", {}).get("host")
        assert [route["metrics"]] == expected["metrics"] if "metrics" in expected else "metrics" not in route
        assert route["type"] == TYPES[expected["type"]]
        assert route["table"] == TABLES.get(expected["table"]) or str(route["table"]) == expected["table"]
        hops = [(hop["gateway"], names()[hop["oif"]], hop["weight"]) for hop in route.get("nexthops", [])]
        assert hops == [(hop["gateway"], hop["dev"], hop["weight"]) for hop in expected.get("nexthops", [])]


def test_neighbours_are_what_iproute2_prints() -> None:
    ours = [
        (each["dst"], names()[each["ifindex"]], each.get("lladdr"))
        for each in records("neighbours", rtnetlink.parse_neighbour)
    ]
    assert ours == [(each["dst"], each["dev"], each.get("lladdr")) for each in printed("neighbours")]


def test_forwarding_entries_are_what_iproute2_prints() -> None:
    ours = [
        (
            each["lladdr"],
            names()[each["ifindex"]],
            names().get(each.get("master")),
            each.get("dst"),
            each.get("port"),
            each.get("vni"),
            each.get("vlan"),
        )
        for each in records("fdb", rtnetlink.parse_fdb)
    ]
    assert ours == [
        (
            each["mac"],
            each["ifname"],
            each.get("master"),
            each.get("dst"),
            each.get("port"),
            each.get("vni"),
            each.get("vlan"),
        )
        for each in printed("fdb")
    ]


def test_rules_are_what_iproute2_prints() -> None:
    ours = records("rules", rtnetlink.parse_rule)
    theirs = printed("rules")
    assert len(ours) == len(theirs)
    for rule, expected in zip(ours, theirs):
        assert rule["family"] == expected["family"]
        assert rule["priority"] == expected["priority"]
        assert rule.get("src", "all") == expected["src"]
        assert rule.get("dst") == expected.get("dst")
        assert rule.get("iif") == expected.get("iif")
        assert rule.get("oif") == expected.get("oif")
        assert rule.get("suppress_prefixlength") == expected.get("suppress_prefixlen")
        assert rule["table"] == TABLES.get(expected["table"]) or str(rule["table"]) == expected["table"]
        assert rule.get("invert", False) == ("not" in expected)
        mark = "0x%x" % rule["fwmark"] if rule.get("fwmark") else None
        assert mark == expected.get("fwmark")
        ports = [expected["dport_start"], expected["dport_end"]] if "dport_start" in expected else None
        assert rule.get("dport") == ports
        users = [expected["uid_start"], expected["uid_end"]] if "uid_start" in expected else None
        assert rule.get("uid_range") == users


def attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)


def test_statistics_are_decoded_only_when_they_are_asked_for() -> None:
    plain = records("links", rtnetlink.parse_link)
    counted = records("links", rtnetlink.parse_link_with_statistics)
    assert all("stats" not in link for link in plain)
    assert set(counted[0]["stats"]) >= {"rx_packets", "tx_packets", "rx_bytes", "tx_bytes", "rx_errors", "tx_dropped"}


def test_a_link_that_is_addressed_by_ip() -> None:
    body = struct.pack("=BxHiII", 0, 768, 5, 0, 0) + attribute(3, b"tunl0\0") + attribute(1, b"\x0a\x00\x00\x01")
    found: List[Any] = []
    rtnetlink.parse_link(body, 0, len(body), found)
    assert found[0]["address"] == "10.0.0.1"


def test_the_permanent_address_is_kept_only_when_it_differs() -> None:
    found: List[Any] = []
    for mac in (b"\2\0\0\0\0\1", b"\2\0\0\0\0\2"):
        body = struct.pack("=BxHiII", 0, 1, 5, 0, 0) + attribute(3, b"e\0") + attribute(1, b"\2\0\0\0\0\1")
        body += attribute(54, mac)
        rtnetlink.parse_link(body, 0, len(body), found)
    assert "permaddr" not in found[0]
    assert found[1]["permaddr"] == "02:00:00:00:00:02"


def test_cloned_routes_and_other_families_are_left_out() -> None:
    found: List[Any] = []
    for family, flags in ((2, 0x200), (28, 0), (128, 0)):
        body = struct.pack("=BBBBBBBBI", family, 0, 0, 0, 254, 0, 0, 1, flags)
        rtnetlink.parse_route(body, 0, len(body), found)
    assert found == []


def test_remembering_routes_changes_nothing_but_who_shares_them() -> None:
    remembering = rtnetlink.RouteParser()
    plain = records("routes", rtnetlink.parse_route)
    first = records("routes", remembering.parse)
    second = records("routes", remembering.parse)
    assert first == second == plain
    assert all(one is other for one, other in zip(first, second))


def test_no_more_routes_are_remembered_than_a_node_of_pods_has() -> None:
    remembering = rtnetlink.RouteParser()
    found: List[Any] = []
    for number in range(5000):
        body = struct.pack("=BBBBBBBBI", 2, 32, 0, 0, 254, 0, 0, 1, 0) + attribute(1, struct.pack(">I", number))
        remembering.parse(body, 0, len(body), found)
        remembering.parse(body, 0, len(body), found)
    assert len(found) == 10000
    assert [route["dst"] for route in found[9998:]] == ["0.0.19.135"] * 2
    assert found[0] is found[1]
    assert found[9998] is not found[9999]


def test_an_id_that_is_not_assigned_is_an_answer() -> None:
    body = bytes(4) + attribute(1, struct.pack("=i", -1))
    found: List[int] = []
    rtnetlink.parse_nsid(body, 0, len(body), found)
    assert found == [rtnetlink.NOT_ASSIGNED]


def test_no_request_names_another_namespace() -> None:
    """IFLA_TARGET_NETNSID (46) and IFA_TARGET_NETNSID (10) make the kernel allocate ids."""
    requests = [value for name, value in vars(rtnetlink).items() if name.startswith("GET_")]
    assert len(requests) >= 8
    for request in requests:
        length, kind = struct.unpack_from("=IH", request)
        assert length == len(request)
        assert (kind - 16) % 4 == 2, "not one of the RTM_GET* messages"
        header = {18: 16, 22: 8, 26: 12, 30: 12, 34: 12, 90: 4}[kind]
        types = [each[0] for each in netlink.attribute_ranges(request, 16 + header, len(request))]
        assert set(types) <= {29, 15}


def test_the_watch_hears_removed_links_and_no_bridge_ports() -> None:
    watch = rtnetlink.LinkWatch()
    for kind, family, index in ((17, 0, 4), (17, 7, 5), (16, 0, 6)):
        body = struct.pack("=BxHiII", family, 1, index, 0, 0)
        watch.notice(kind, body, 0, len(body))
    watch.notice(17, b"short", 0, 5)
    assert watch.removed == {4}
    watch.missed = True
    watch.forget()
    assert watch.removed == set()
    assert not watch.missed


PARSERS = [
    rtnetlink.parse_link,
    rtnetlink.parse_link_with_statistics,
    rtnetlink.parse_address,
    rtnetlink.parse_route,
    rtnetlink.parse_neighbour,
    rtnetlink.parse_fdb,
    rtnetlink.parse_rule,
    rtnetlink.parse_nsid,
]


@pytest.mark.parametrize("parse", PARSERS)
@given(data=st.binary(max_size=400))
def test_any_bytes_give_a_record_or_the_documented_error(parse: Parser, data: bytes) -> None:
    found: List[Any] = []
    try:
        parse(data, 0, len(data), found)
    except netlink.MalformedMessageError:
        return
    json.dumps(found).encode("utf-8")
    repr(found).encode("utf-8")


NAMES = ["links", "addresses", "routes", "neighbours", "fdb", "rules"]


@pytest.mark.parametrize(
    ("name", "parse"),
    list(zip(NAMES, [rtnetlink.parse_link, *PARSERS[2:7]])),
    ids=NAMES,
)
@given(data=st.data())
def test_a_real_answer_with_damage(name: str, parse: Parser, data: st.DataObject) -> None:
    """Bytes of a real answer are changed and its end is cut: a record, the documented error, nothing else."""
    whole = bytearray(captured(name))
    sequence = struct.unpack_from("=IHHI", whole)[3]
    for _number in range(data.draw(st.integers(0, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(whole)))
    found: List[Any] = []
    try:
        netlink.parse_datagram(whole, cut, sequence, parse, found, rtnetlink.LinkWatch())
    except (netlink.MalformedMessageError, OSError):
        pass
    repr(found).encode("utf-8")
