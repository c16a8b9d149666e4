# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who sends and who is asked, from what a person writes, and which files are read for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.podnet.lab.plugins.plugin_utils.path.compute import Asked, compute
from ansible_collections.podnet.lab.plugins.plugin_utils.path.ends import EndError
from ansible_collections.podnet.lab.plugins.plugin_utils.path.fleet import NodeFiles
from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.path.node_documents import node, spaces, write


@pytest.mark.parametrize(
    ("sender", "receiver", "protocol", "src", "dst"),
    [
        ("default/a1", "default/b2", "icmp", "10.244.1.2", "10.244.2.3"),
        ("default/a1", "default/b2:80", "tcp", "10.244.1.2", "10.244.2.3"),
        ("pod/default/a1", "pod/default/b2:80", "tcp", "10.244.1.2", "10.244.2.3"),
        ("node1", "node/node2", "icmp", "192.0.2.1", "192.0.2.2"),
        ("10.244.2.2", "10.244.1.3:80", "tcp", "10.244.2.2", "10.244.1.3"),
        ("default/a1", "default/web", "tcp", "10.244.1.2", "10.96.0.1"),
        ("default/a1", "service/default/web:80", "tcp", "10.244.1.2", "10.96.0.1"),
    ],
)
def test_ends_are_found(tmp_path: Path, sender: str, receiver: str, protocol: str, src: str, dst: str) -> None:
    found = compute(NodeFiles(write(tmp_path, node(1), node(2))), Asked(sender, receiver))
    assert (found["protocol"], found["sender"]["address"], found["receiver"]["address"]) == (protocol, src, dst)
    assert found["port"] == (None if protocol == "icmp" else 80)


@pytest.mark.parametrize(
    ("sender", "receiver", "protocol", "said"),
    [
        ("default/none", "node1", None, "podnet_from is 'default/none': there is no such pod or node in"),
        ("default/a1", "default/none", None, "podnet_to is 'default/none': there is no such pod, Service or node in"),
        ("10.9.9.9", "node1", None, "podnet_from is '10.9.9.9': no node that was read has this address"),
        ("default/a1", "default/b2:99999", None, "podnet_to is 'default/b2:99999', which is no pod"),
        ("default/a1", "default/b2", "tcp", "podnet_to is 'default/b2', and tcp needs a port: default/b2:80"),
        ("default/a1", "default/web:81", None, "the Service default/web has the ports 80: say which"),
        ("default/a1", "{{ 7*7 }}", None, "podnet_to is '{{ 7*7 }}': there is no such pod"),
    ],
)
def test_what_cannot_be_found_is_said(
    tmp_path: Path, sender: str, receiver: str, protocol: str | None, said: str
) -> None:
    with pytest.raises(EndError) as problem:
        compute(NodeFiles(write(tmp_path, node(1), node(2))), Asked(sender, receiver, protocol))
    assert str(problem.value).startswith(said)


def test_a_pod_and_a_service_of_one_name_are_told_apart(tmp_path: Path) -> None:
    two = node(2)
    spaces(two)["b2"]["owner"]["name"] = "web"
    nodes = NodeFiles(write(tmp_path, node(1), two))
    with pytest.raises(EndError, match="say service/default/web:80 or pod/default/web:80"):
        compute(nodes, Asked("default/a1", "default/web:80"))
    assert compute(nodes, Asked("default/a1", "pod/default/web:80"))["receiver"]["what"] == "pod"
    assert compute(nodes, Asked("default/a1", "service/default/web:80"))["receiver"]["what"] == "service"


def test_a_family_is_chosen(tmp_path: Path) -> None:
    nodes = NodeFiles(write(tmp_path, node(1), node(2)))
    with pytest.raises(EndError, match="podnet_to is 'default/b2': it has no IPv6 address"):
        compute(nodes, Asked("default/a1", "default/b2", family="inet6"))


def test_only_files_on_the_way_are_taken_apart(tmp_path: Path) -> None:
    third = tmp_path / "nodes" / "node3.json"
    write(tmp_path, node(1), node(2))
    third.write_text("{ this is no JSON", encoding="utf-8")
    nodes = NodeFiles(tmp_path)
    assert compute(nodes, Asked("default/a1", "default/b2"))["verdict"] == "delivered"
    assert nodes.unusable == []


def test_a_file_that_is_needed_and_broken_is_named(tmp_path: Path) -> None:
    write(tmp_path, node(1), node(2))
    two = tmp_path / "nodes" / "node2.json"
    two.write_text(two.read_text(encoding="utf-8")[:-9], encoding="utf-8")
    nodes = NodeFiles(tmp_path)
    found = compute(nodes, Asked("default/a1", "10.244.2.3"))
    assert found["verdict"] == "left", "nobody else has the address 192.0.2.2"
    assert len(nodes.unusable) == 1
    assert "node2.json: it is not complete JSON" in nodes.unusable[0]
