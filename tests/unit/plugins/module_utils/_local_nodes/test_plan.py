# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which nodes are refused, kept, replaced and removed: decisions over records, without root."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Optional, Sequence

import pytest

from ansible_collections.podnet.lab.plugins.module_utils._local_nodes import plan as nodes

WANTED = nodes.Wanted(
    fabric="podfab0",
    subnet="10.89.0.0/24",
    count=3,
    prefix="node",
    directory="/home/me/lab",
    public_key="ssh-ed25519 AAAA me",
    binds=(),
    owner=1000,
)


def seen_node(spec: nodes.NodeSpec, **changes: Any) -> nodes.NodeSeen:
    node = nodes.NodeSeen(
        name=spec.name,
        spec=spec,
        init=nodes.ProcessId(100, 1),
        host_key="ssh-ed25519 BBBB",
        alive=True,
        answers=True,
    )
    return replace(node, **changes)


def seen_fabric(found: Optional[Sequence[nodes.NodeSeen]] = None, **changes: Any) -> nodes.FabricSeen:
    fabric = nodes.FabricSeen(
        name=WANTED.fabric,
        subnet=WANTED.subnet,
        directory=WANTED.directory,
        owner=WANTED.owner,
        holder=nodes.ProcessId(99, 1),
        holder_alive=True,
        uplink_faults=(),
        nodes=tuple([seen_node(spec) for spec in nodes.node_specs(WANTED)] if found is None else found),
    )
    return replace(fabric, **changes)


# --- what is refused -------------------------------------------------------------------------------------------


def test_the_defaults_are_accepted() -> None:
    assert nodes.check_wanted(WANTED) == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"fabric": "a-name-of-16-chr"}, "has 16 characters, and a link of Linux can have 15"),
        ({"fabric": ""}, "cannot name a link"),
        ({"fabric": "../etc"}, "cannot name a link"),
        ({"fabric": "a/b"}, "cannot name a link"),
        ({"fabric": "all"}, "the name by which Linux sets all links"),
        ({"fabric": "default"}, "the name by which Linux sets all links"),
        ({"count": 0}, "count is 0"),
        ({"count": -1}, "count is -1"),
        ({"prefix": "Node"}, "does not make host names"),
        ({"prefix": "1node"}, "does not make host names"),
        ({"prefix": "n" * 63}, "does not make host names"),
        ({"prefix": "../x"}, "does not make host names"),
        ({"subnet": "10.89.0.0"}, "has room for 0 nodes"),
        ({"subnet": "10.89.0.1/24"}, "is not an IPv4 network"),
        ({"subnet": "fd00::/64"}, "is not an IPv4 network"),
        ({"subnet": "garbage"}, "is not an IPv4 network"),
        ({"subnet": "10.89.0.0/28", "count": 5}, "has room for 4 nodes"),
        ({"binds": ("opt",)}, "'opt' is not the absolute path"),
        ({"binds": ("/",)}, "'/' is not the absolute path"),
        ({"binds": ("/opt/../etc",)}, "'/opt/../etc' is not the absolute path"),
        ({"binds": ("/a\nb",)}, "is not the absolute path"),
    ],
)
def test_a_bad_option_is_named_with_its_remedy(changes: Any, words: str) -> None:
    faults = nodes.check_wanted(replace(WANTED, **changes))
    assert any(words in fault for fault in faults)
    assert all(":" in fault and fault.endswith(".") for fault in faults)


def test_all_bad_options_are_named_at_once() -> None:
    faults = nodes.check_wanted(replace(WANTED, fabric="x" * 20, count=0, subnet="?", prefix="?"))
    assert len(faults) == 4


@pytest.mark.parametrize(("subnet", "room"), [("10.0.0.0/28", 4), ("10.0.0.0/24", 244), ("10.0.0.0/30", 0)])
def test_the_last_node_of_a_full_subnet_is_below_the_broadcast_address(subnet: str, room: int) -> None:
    network = nodes.ipv4_network(subnet)
    assert network is not None
    assert nodes.capacity_of(network) == room
    if room:
        assert nodes.check_wanted(replace(WANTED, subnet=subnet, count=room)) == []
        last = nodes.node_specs(replace(WANTED, subnet=subnet, count=room))[-1]
        assert last.address == str(network.broadcast_address - 1)


@pytest.mark.parametrize("cidr", ["10.89.0.0/24", "10.0.0.0/8", "10.89.0.128/32"])
def test_a_network_of_the_machine_that_overlaps_is_named_with_its_link(cidr: str) -> None:
    (fault,) = nodes.check_overlap(WANTED, [nodes.Network(cidr, "eth0"), nodes.Network("192.0.2.0/24", "eth1")])
    assert "subnet 10.89.0.0/24 overlaps %s, which this machine reaches through eth0" % cidr in fault


@pytest.mark.parametrize(
    "network",
    [
        nodes.Network("0.0.0.0/0", "eth0"),
        nodes.Network("10.88.0.0/16", "eth0"),
        nodes.Network("10.89.0.0/24", "podfab0"),
        nodes.Network("not a network", "eth0"),
    ],
)
def test_what_does_not_overlap_is_no_obstacle(network: nodes.Network) -> None:
    assert nodes.check_overlap(WANTED, [network]) == []


def test_the_subnet_that_is_proposed_is_free() -> None:
    taken = [nodes.Network("10.89.0.0/24", "a"), nodes.Network("10.90.0.0/15", "b"), nodes.Network("10.92.0.5/32", "c")]
    (fault,) = nodes.check_overlap(WANTED, taken)
    assert "as in 10.93.0.0/24" in fault


def test_a_fabric_of_another_directory_is_refused() -> None:
    (fault,) = nodes.check_owner(WANTED, seen_fabric(directory="/home/you/lab"))
    assert "belongs to /home/you/lab, not to /home/me/lab" in fault


def test_another_subnet_for_a_fabric_that_runs_is_refused() -> None:
    (fault,) = nodes.check_owner(WANTED, seen_fabric(subnet="10.88.0.0/24"))
    assert "is there with subnet 10.88.0.0/24" in fault


# --- what is done ----------------------------------------------------------------------------------------------


def test_from_nothing_everything_is_made() -> None:
    plan = nodes.plan_present(WANTED, None)
    assert plan.changes
    assert plan.rebuild_fabric
    assert [(spec.name, spec.address) for spec in plan.create] == [
        ("node1", "10.89.0.11"),
        ("node2", "10.89.0.12"),
        ("node3", "10.89.0.13"),
    ]
    assert nodes.describe("podfab0", plan) == ["built fabric podfab0", "made node1", "made node2", "made node3"]


def test_what_is_as_wanted_stays() -> None:
    plan = nodes.plan_present(WANTED, seen_fabric())
    assert not plan.changes
    assert plan.keep == ("node1", "node2", "node3")
    assert nodes.describe("podfab0", plan) == []


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"alive": False}, "died"),
        ({"alive": False, "answers": None}, "died"),
        ({"answers": False}, "does not answer on 10.89.0.12 port 22"),
        ({"host_key": ""}, "was not finished"),
        ({"spec": None}, "was not finished"),
    ],
)
def test_a_node_that_is_no_use_is_replaced_and_the_others_stay(changes: Any, reason: str) -> None:
    found = [seen_node(spec) for spec in nodes.node_specs(WANTED)]
    found[1] = replace(found[1], **changes)
    plan = nodes.plan_present(WANTED, seen_fabric(found))
    assert plan.remove == (("node2", reason),)
    assert [spec.name for spec in plan.create] == ["node2"]
    assert plan.keep == ("node1", "node3")
    assert nodes.describe("podfab0", plan) == ["replaced node2 (%s)" % reason]


def test_a_node_that_could_not_be_tried_stays() -> None:
    found = [seen_node(spec, answers=None) for spec in nodes.node_specs(WANTED)]
    assert not nodes.plan_present(WANTED, seen_fabric(found)).changes


@pytest.mark.parametrize(
    ("changes", "reason"),
    [({"public_key": "ssh-ed25519 CCCC"}, "admits another SSH key"), ({"binds": ("/srv/x",)}, "has other binds")],
)
def test_nodes_made_from_other_options_are_replaced(changes: Any, reason: str) -> None:
    plan = nodes.plan_present(replace(WANTED, **changes), seen_fabric())
    assert plan.remove == (("node1", reason), ("node2", reason), ("node3", reason))
    assert len(plan.create) == 3


def test_a_smaller_count_removes_the_last_nodes_only() -> None:
    plan = nodes.plan_present(replace(WANTED, count=1), seen_fabric())
    assert plan.remove == (("node2", "not wanted any more"), ("node3", "not wanted any more"))
    assert plan.create == ()
    assert nodes.describe("podfab0", plan)[0] == "removed node2 (not wanted any more)"


def test_a_larger_count_adds_nodes_only() -> None:
    plan = nodes.plan_present(replace(WANTED, count=5), seen_fabric())
    assert plan.remove == ()
    assert [spec.name for spec in plan.create] == ["node4", "node5"]


def test_a_fabric_without_its_namespace_is_built_anew_with_all_nodes() -> None:
    plan = nodes.plan_present(WANTED, seen_fabric(holder_alive=False))
    assert plan.rebuild_fabric
    assert len(plan.remove) == len(plan.create) == 3


def test_a_broken_uplink_is_repaired_and_the_nodes_stay() -> None:
    plan = nodes.plan_present(WANTED, seen_fabric(uplink_faults=("link podfab0 is down",)))
    assert plan.changes
    assert plan.keep == ("node1", "node2", "node3")
    assert nodes.describe("podfab0", plan) == ["repaired fabric podfab0 (link podfab0 is down)"]


# --- what a diff shows -----------------------------------------------------------------------------------------


def test_a_diff_of_what_is_as_wanted_is_empty() -> None:
    assert nodes.picture("podfab0", seen_fabric()) == nodes.picture_wanted(WANTED)


def test_a_diff_shows_what_is_dead() -> None:
    found = [seen_node(spec, alive=False) for spec in nodes.node_specs(replace(WANTED, count=1))]
    assert nodes.picture("podfab0", seen_fabric(found)).endswith("node1 10.89.0.11 (dead)\n")
    assert nodes.picture("podfab0", None) == ""


# --- full nodes ------------------------------------------------------------------------------------------------

FULL = replace(WANTED, kind="full", root="/cache/bookworm-1/root", data="/data")


def seen_full(wanted: nodes.Wanted = FULL, **changes: Any) -> nodes.FabricSeen:
    return seen_fabric([seen_node(spec, **changes) for spec in nodes.node_specs(wanted)])


def test_full_nodes_write_to_directories_of_their_own() -> None:
    specs = nodes.node_specs(FULL)
    assert [spec.data for spec in specs] == ["/data/podfab0/node1", "/data/podfab0/node2", "/data/podfab0/node3"]
    assert {(spec.kind, spec.root) for spec in specs} == {("full", "/cache/bookworm-1/root")}


def test_light_nodes_have_neither_root_file_system_nor_data() -> None:
    assert {(spec.kind, spec.root, spec.data) for spec in nodes.node_specs(WANTED)} == {("light", "", "")}


def test_full_nodes_that_are_as_wanted_stay() -> None:
    assert not nodes.plan_present(FULL, seen_full()).changes


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        (WANTED, FULL, "is a light node"),
        (FULL, WANTED, "is a full node"),
        (FULL, replace(FULL, root="/cache/bookworm-2/root"), "has another root file system"),
        (FULL, replace(FULL, data="/elsewhere"), "writes to another directory"),
    ],
)
def test_nodes_of_another_kind_or_content_are_replaced(before: nodes.Wanted, after: nodes.Wanted, reason: str) -> None:
    plan = nodes.plan_present(after, seen_full(before))
    assert [told for _name, told in plan.remove] == [reason] * 3
    assert plan.create == tuple(nodes.node_specs(after))
    assert not plan.rebuild_fabric


def test_a_root_file_system_that_is_missing_is_built_and_nodes_over_it_are_replaced() -> None:
    assert nodes.plan_present(FULL, None, root_built=False).build_root == FULL.root
    assert nodes.plan_present(FULL, None, root_built=True).build_root == ""
    plan = nodes.plan_present(FULL, seen_full(), root_built=False)
    assert plan.build_root == FULL.root
    assert {reason for _name, reason in plan.remove} == {"its root file system is gone"}
    dead = nodes.plan_present(FULL, replace(seen_full(), holder_alive=False), root_built=False)
    assert (dead.build_root, dead.rebuild_fabric) == (FULL.root, True)
    assert nodes.describe("podfab0", plan)[0] == "built root file system /cache/bookworm-1/root"


def test_pictures_say_what_full_nodes_lie_over() -> None:
    line = "node1 10.89.0.11 over /cache/bookworm-1/root"
    assert line in nodes.picture("podfab0", seen_full()).splitlines()
    assert line in nodes.picture_wanted(FULL).splitlines()
