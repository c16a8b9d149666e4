# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Node files become one model."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.podnet.lab.plugins.plugin_utils.model import merge, node_file
from ansible_collections.podnet.lab.plugins.plugin_utils.model.reading import ShapeError
from ansible_collections.podnet.lab.plugins.plugin_utils.text import words
from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.model.node_files import (
    NodeFile,
    model_of,
    three_nodes,
    unread,
)
from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.model.versions import in_version_2

SCHEMAS = next(parent for parent in Path(__file__).parents if (parent / "galaxy.yml").exists()) / "docs" / "schema"


def schema(name: str) -> Any:
    return json.loads((SCHEMAS / f"{name}.schema.json").read_text())


@pytest.mark.parametrize("key", node_file.FACT_KEYS)
def test_node_files_of_the_tests_are_what_the_facts_are(key: str) -> None:
    for node in (*three_nodes(), NodeFile(4, pods=2, bridge=None)):
        jsonschema.validate(node.document()[key], schema(key))


def test_node_files_match_their_schema() -> None:
    for document in (NodeFile(1, pods=1).document(), unread("node2")):
        jsonschema.validate(document, schema("node"))


def test_model_matches_its_schema() -> None:
    jsonschema.validate(model_of(*three_nodes(), unread("node9")), schema("report"))


def test_totals() -> None:
    found = model_of(*three_nodes(), unread("node9"))
    assert found["totals"] == {
        "nodes": 4,
        "nodes_read": 3,
        "namespaces": 15,
        "pods": 16,
        "cables": 12,
        "bridges": 3,
        "odd": 1,
    }
    assert found["first_collected_at"] == "2026-11-20T11:05:04.120Z"
    assert found["last_collected_at"] == "2026-11-20T11:05:14.120Z"


def test_pod_knows_its_addresses_and_cables() -> None:
    pod = model_of(NodeFile(1, pods=1))["pods"][0]
    assert (pod["host"], pod["namespace"], pod["name"]) == ("node1", "default", "pod1")
    assert [(one["ifname"], one["local"], one["prefixlen"]) for one in pod["addresses"]] == [("eth0", "10.244.1.2", 24)]
    assert pod["cables"] == [{"ifname": "eth0", "peer": "veth00010001", "bridge": "cni0", "resolution": "exact"}]
    assert pod["containers"] == [{"id": f"{pod['netns']:064x}", "name": "web", "pids": [1001]}]


def test_containers_of_no_pod_are_those_of_their_namespace() -> None:
    node = NodeFile(1, pods=1)
    namespace = node.namespaces[1]
    namespace["kind"] = "container"
    namespace["names"] = ["5afd363798d8"]
    node.pairs[0]["ends"][1]["netns_name"] = "5afd363798d8"
    namespace["owner"].update(namespace=None, name=None, uid=None)
    found = model_of(node)
    assert found["pods"] == []
    assert found["totals"]["pods"] == 0
    assert found["namespaces"][1]["pod"] is None
    assert found["namespaces"][1]["containers"] == [{"id": f"{namespace['inode']:064x}", "name": "web", "pids": [1001]}]
    assert words.namespace_name(found["namespaces"][1]) == "web"
    namespace["containers"][0]["name"] = None
    assert words.namespace_name(model_of(node)["namespaces"][1]) == "5afd363798d8"


def test_host_network_pod_has_neither() -> None:
    node = NodeFile(1)
    node.host_pod("etcd")
    pod = model_of(node)["pods"][0]
    assert pod["host_network"]
    assert pod["addresses"] == []
    assert pod["cables"] == []


def test_what_a_view_leaves_out_comes_from_the_interface() -> None:
    found = model_of(NodeFile(1, pods=1))
    near, far = found["cables"][0]["ends"]
    assert (near["mtu"], near["operstate"], near["address"]) == (1500, "UP", "1e:00:00:01:00:01")
    assert far["address"] == "0a:58:00:01:00:01"
    assert found["bridges"][0]["ports"][0]["peer"] == "eth0"


def test_what_was_not_read_is_not_empty_but_unknown() -> None:
    node = NodeFile(1)
    del node.own["routes"]
    found = model_of(node)
    assert found["namespaces"][0]["routes"] is None
    assert found["bridges"][0]["fdb_count"] is None


def test_ranges_are_joined_and_keep_every_source() -> None:
    ranges = model_of(*three_nodes())["ranges"]
    assert [(one["what"], one["scope"], one["cidr"], one["hosts"]) for one in ranges] == [
        ("pod", "cluster", "10.244.0.0/16", ["node1", "node2", "node3"]),
        ("pod", "node", "10.244.1.0/24", ["node1"]),
        ("pod", "node", "10.244.2.0/24", ["node2"]),
        ("pod", "node", "10.244.3.0/24", ["node3"]),
        ("service", "cluster", "10.96.0.0/12", ["node1", "node2", "node3"]),
    ]
    assert [source["host"] for source in ranges[0]["sources"]] == ["node1", "node2", "node3"]


def test_hosts_are_in_the_order_of_their_numbers() -> None:
    found = model_of(NodeFile(10), NodeFile(2), NodeFile(1), unread("a"))
    assert [node["host"] for node in found["nodes"]] == ["a", "node1", "node2", "node10"]


@given(st.lists(st.text(max_size=12), max_size=8))
def test_host_order_is_an_order(hosts: list[str]) -> None:
    once = sorted(hosts, key=merge.host_order)
    backwards = hosts[::-1]
    backwards.sort(key=merge.host_order)
    assert backwards == once


def test_order_does_not_depend_on_the_order_of_the_files() -> None:
    nodes = [node.document() for node in three_nodes()]
    assert model_of(*nodes) == model_of(*reversed(nodes))


def test_unread_node() -> None:
    node = model_of(unread("node2", "No route to host"))["nodes"][0]
    assert (node["host"], node["status"]) == ("node2", "unreachable")
    assert node["error"] == {"object": "node2", "cause": "No route to host", "remedy": "Look at its address"}


def test_newer_schema_is_refused() -> None:
    for place, newer in (([], 2), (["podnet_veth"], 3)):
        document = NodeFile(1).document()
        part = document
        for key in place:
            part = part[key]
        part["schema_version"] = newer
        with pytest.raises(ShapeError, match="written by a newer one"):
            node_file.node_part(document, "node1.json")


def test_both_versions_say_the_same() -> None:
    for node in (*three_nodes(), NodeFile(4, pods=2, bridge=None)):
        first, second = node.first_version(), node.document()
        assert (first["podnet_veth"]["schema_version"], second["podnet_veth"]["schema_version"]) == (1, 2)
        assert node_file.node_part(first, node.host) == node_file.node_part(second, node.host)


FIXTURES = next(parent for parent in Path(__file__).parents if parent.name == "unit") / "fixtures" / "nodes"


@pytest.mark.parametrize("path", sorted(FIXTURES.glob("*/*.json")), ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_reports_of_the_first_version_are_read_as_those_of_the_second(path: Path) -> None:
    """The samples were recorded on nodes with version 1."""
    document = json.loads(path.read_text(encoding="utf-8"))
    assert document["podnet_netns"]["schema_version"] == 1
    short = in_version_2(document)
    for key in ("podnet_netns", "podnet_veth", "podnet_bridge"):
        jsonschema.validate(short[key], schema(key))
    assert node_file.node_part(short, path.name) == node_file.node_part(document, path.name)
    assert len(json.dumps(short)) < len(json.dumps(document))


def test_error_names_the_place() -> None:
    document = NodeFile(1, pods=1).document()
    document["podnet_veth"]["pairs"][0]["ends"][1]["ifindex"] = "two"
    with pytest.raises(
        ShapeError, match=r"node1.json.podnet_veth.pairs\[0\].ends\[1\].ifindex is a string, not an int"
    ):
        node_file.node_part(document, "node1.json")


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path] if path else []
    if isinstance(value, dict):
        for key, one in value.items():
            found.extend(_places(one, (*path, key)))
    elif isinstance(value, list):
        for index, one in enumerate(value[:2]):
            found.extend(_places(one, (*path, index)))
    return found


DOCUMENT = NodeFile(1, pods=2).document()
JUNK: st.SearchStrategy[Any] = st.sampled_from([None, True, 0, -1, 1.5, "", "x", [], [None], {}, {"x": 1}, [[]], [{}]])


@given(st.sampled_from(_places(DOCUMENT)), JUNK)
def test_junk_anywhere_is_read_or_refused_with_its_place(place: tuple[Any, ...], junk: Any) -> None:
    document = copy.deepcopy(DOCUMENT)
    part: Any = document
    for key in place[:-1]:
        part = part[key]
    part[place[-1]] = junk
    try:
        found = model_of(document)
    except ShapeError as exc:
        said = str(exc)
    else:
        said = ""
        jsonschema.validate(found, schema("report"))
    assert said == "" or said.startswith(f"{document['host']}.json")
