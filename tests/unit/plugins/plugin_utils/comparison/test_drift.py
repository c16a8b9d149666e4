# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One world at two times: a real kubeadm cluster before and after, and made-up nodes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.podnet.lab.plugins.plugin_utils.comparison import markdown, terminal
from ansible_collections.podnet.lab.plugins.plugin_utils.comparison.records import Comparison
from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.comparison.sides import (
    FIXTURES,
    compared,
    differences,
    drift_of,
    made,
    real,
    with_service,
)
from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.model.node_files import NodeFile, unread


@pytest.fixture(scope="module")
def before_and_after() -> Comparison:
    return compared(real("kubeadm"), real("kubeadm_after"))


def test_drift_of_a_real_cluster(before_and_after: Comparison) -> None:
    assert before_and_after["mode"] == "drift"
    found = differences(before_and_after)
    assert {key: one["change"] for key, one in found.items() if one["what"] == "pod"} == {
        "pod:default/pod2": "recreated",
        "pod:default/web-7744c7cf4c-5hk7f": "removed",
        "pod:default/web-7744c7cf4c-67lq6": "added",
    }
    counts = {one["what"]: one for one in drift_of(before_and_after)["counts"]}
    assert counts["pod"]["unchanged"] == 11
    assert counts["bridge"] == {
        "what": "bridge",
        "unchanged": 2,
        "added": 0,
        "removed": 0,
        "changed": 0,
        "recreated": 0,
        "renamed": 0,
        "not_read": 0,
    }


def test_a_recreated_pod_is_said_as_such_with_old_and_new_values(before_and_after: Comparison) -> None:
    pod = differences(before_and_after)["pod:default/pod2"]
    fields = {field["field"]: field for field in pod["fields"]}
    assert fields["addresses"] == {
        "field": "addresses",
        "old": "10.244.1.4/24",
        "new": "10.244.1.7/24",
        "name_only": False,
    }
    assert fields["ends on the node"]["name_only"]
    assert fields["sandbox"]["name_only"]


def test_nothing_changes_between_a_snapshot_and_itself() -> None:
    found = compared(real("kubeadm"), real("kubeadm"))
    assert drift_of(found)["differences"] == []
    assert found["unexpected"] == []


def test_what_the_kernel_numbers_anew_is_no_difference(tmp_path: Path) -> None:
    """As after a reboot: every inode, ifindex, pid and nsid is another."""
    document = json.loads((FIXTURES / "kubeadm" / "node1.json").read_text(encoding="utf-8"))
    found = compared(made(tmp_path, document), made(tmp_path, _renumbered(document)))
    assert found["mode"] == "drift"
    assert drift_of(found)["differences"] == []


def _renumbered(value: Any, key: str = "") -> Any:
    if isinstance(value, dict):
        return {name: _renumbered(one, name) for name, one in value.items()}
    if isinstance(value, list):
        return [_renumbered(one, key) for one in value]
    moved = ("inode", "netns", "ifindex", "pid", "pids", "nsid", "pid_namespace", "link_index", "link_netnsid")
    return value + 1000 if key in moved and isinstance(value, int) else value


def test_only_new_names_is_renamed_and_does_not_count(tmp_path: Path) -> None:
    """A sandbox that was made anew for the same pod, as after a reboot of the node."""
    text = json.dumps(NodeFile(1, 1).document())
    sandbox = json.loads(text)["podnet_netns"]["namespaces"][1]["owner"]["sandbox_id"]
    again = text.replace(sandbox, "ab" * 32).replace("veth00010001", "vethdeadbeef")
    assert again != text
    found = compared(made(tmp_path, json.loads(text)), made(tmp_path, json.loads(again)))
    pod = differences(found)["pod:default/pod1"]
    assert pod["change"] == "renamed"
    assert found["unexpected"] == []


def test_changed_values_come_old_and_new(tmp_path: Path) -> None:
    old, new = NodeFile(1, 2), NodeFile(1, 2)
    new.bridges[0]["mtu"] = 1450
    new.bridges[0]["ports"][0]["hairpin"] = False
    new.own["routes"][0]["gateway"] = "10.89.0.254"
    old.own["routes"].append({"dst": "10.244.2.0/24", "family": "inet", "gateway": "10.89.0.12", "dev": "eth0"})
    old.lease("10.244.1.90", "in_use")
    new.lease("10.244.1.90", "leaked")
    old.own["sysctls"] = {"net.ipv4.ip_forward": 1, "net.ipv4.conf.veth00010001.rp_filter": 0}
    new.own["sysctls"] = {"net.ipv4.ip_forward": 0, "net.ipv4.conf.vethdeadbeef.rp_filter": 1}
    found = compared(made(tmp_path, old), made(tmp_path, new))
    changes = {
        key: {field["field"]: (field["old"], field["new"]) for field in one["fields"]}
        for key, one in differences(found).items()
        if one["what"] in ("bridge", "route", "lease", "sysctl", "finding")
    }
    assert changes == {
        "bridge:node1/cni0": {
            "MTU": ("1500", "1450"),
            "modes of pods' ports": (
                "forwarding hairpin on isolated off",
                "forwarding hairpin off isolated off, forwarding hairpin on isolated off",
            ),
        },
        "route:node1/10.244.2.0/24": {"via": ("10.89.0.12 dev eth0 protocol boot", None)},
        "route:node1/default": {
            "via": ("10.89.0.1 dev eth0 protocol boot", "10.89.0.254 dev eth0 protocol boot"),
        },
        "lease:node1/pods/10.244.1.90": {"state": ("in_use", "leaked")},
        "sysctl:node1/net.ipv4.ip_forward": {"value": ("1", "0")},
        "finding:node1/lease-leaked": {"number": (None, "1")},
        "finding:node1/bridge-mtu": {"number": (None, "1")},
    }


def test_a_bridge_under_another_name_is_renamed(tmp_path: Path) -> None:
    found = compared(made(tmp_path, NodeFile(1, 0)), made(tmp_path, NodeFile(1, 0, bridge="br7")))
    bridge = differences(found)["bridge:node1/br7"]
    assert (bridge["change"], bridge["fields"][0]["old"], bridge["fields"][0]["new"]) == ("renamed", "cni0", "br7")


def test_a_pod_that_moved_under_its_name_is_recreated_elsewhere(tmp_path: Path) -> None:
    old = [NodeFile(1), NodeFile(2)]
    new = [NodeFile(1), NodeFile(2)]
    old[0].pod("db-0")
    new[1].pod("db-0")
    found = differences(compared(made(tmp_path, *old), made(tmp_path, *new)))["pod:default/db-0"]
    assert found["change"] == "recreated"
    assert {"field": "node", "old": "node1", "new": "node2", "name_only": False} in found["fields"]


def test_nodes_that_came_and_went_are_one_difference_each(tmp_path: Path) -> None:
    found = compared(
        made(tmp_path, NodeFile(1, 1), NodeFile(2, 5)), made(tmp_path, NodeFile(1, 1), NodeFile(3, 4)), "drift"
    )
    assert {key: (one["change"], one["note"]) for key, one in differences(found).items() if one["what"] != "range"} == {
        "node:node2": ("removed", "with 5 pods, 1 bridge"),
        "node:node3": ("added", "with 4 pods, 1 bridge"),
    }


def test_a_node_that_was_not_read_is_not_gone(tmp_path: Path) -> None:
    found = compared(made(tmp_path, NodeFile(1, 1), NodeFile(2, 3)), made(tmp_path, NodeFile(1, 1), unread("node2")))
    assert {key: one["change"] for key, one in differences(found).items()} == {"node:node2": "not_read"}
    assert found["unexpected"] == ["node:node2"]


def test_what_is_gone_from_a_node_that_was_read_in_part_is_not_read(tmp_path: Path) -> None:
    new = NodeFile(1, 1)
    new.errors.append({"object": "namespace 7", "cause": "no right", "remedy": "become root"})
    found = differences(compared(made(tmp_path, NodeFile(1, 2)), made(tmp_path, new)))
    assert found["pod:default/pod2"]["change"] == "not_read"
    assert found["pod:default/pod2"]["note"] == "not seen after, when node1 was read only in part"


def test_subsets_of_one_side_only_are_not_compared(tmp_path: Path) -> None:
    found = compared(real("kubeadm_default"), real("kubeadm"))
    skipped = {(one["what"], one["host"]) for one in drift_of(found)["not_compared"]}
    assert skipped == {(what, host) for what in ("sysctl", "nat", "service") for host in ("node1", "node2")}
    assert found["unexpected"] == ["nat:node1/nat", "nat:node2/nat", "sysctl:node1/sysctl", "sysctl:node2/sysctl"]
    both = compared(real("kubeadm_default"), real("kubeadm_default"))
    assert both["unexpected"] == []
    assert len(drift_of(both)["not_compared"]) == 6


def test_reading_more_is_no_drift() -> None:
    """With all subsets loopback, routes of the kernel and other tables come in addition: nothing that changed."""
    found = compared(real("kubeadm_default"), real("kubeadm_all"))
    assert {one["change"] for one in drift_of(found)["differences"]} == {"not_read"}
    assert {one["what"] for one in drift_of(found)["differences"]} == {"nat", "sysctl"}


def test_one_pod_in_two_sandboxes_is_told_apart(tmp_path: Path) -> None:
    old, new = NodeFile(1, 1), NodeFile(1, 2)
    first, second = new.namespaces[1]["owner"], new.namespaces[2]["owner"]
    second.update(uid=first["uid"], name=first["name"])
    found = compared(made(tmp_path, old), made(tmp_path, new))
    assert differences(found)["pod:default/pod1"]["change"] == "added"


def test_backends_of_a_service_that_changed(tmp_path: Path) -> None:
    old = made(tmp_path, with_service(1, ["10.244.1.2"]), with_service(2, ["10.244.1.2"]))
    new = made(tmp_path, with_service(1, ["10.244.1.2", "10.244.2.2"]), with_service(2, ["10.244.1.2"]))
    found = differences(compared(old, new))["service:default/web 10.96.0.7 port 80/tcp (cluster_ip)"]
    assert found["change"] == "changed"
    assert [(field["old"], field["new"]) for field in found["fields"]] == [
        ("10.244.1.2:80", "10.244.1.2:80, 10.244.2.2:80")
    ]


def test_expected_differences_are_marked_and_the_others_are_named() -> None:
    patterns = ["pod:default/web-*", "lease:*", "bridge:node9/cni0"]
    found = compared(real("kubeadm"), real("kubeadm_after"), expected=patterns)
    assert found["unexpected"] == ["pod:default/pod2"]
    assert found["expected_unmet"] == ["bridge:node9/cni0"]
    assert differences(found)["lease:node2/k8s-bridge/10.244.1.3"]["expected"]


def test_keys_with_signs_of_patterns_fit_literally(tmp_path: Path) -> None:
    new = NodeFile(1)
    new.pod("a[1]")
    found = compared(made(tmp_path, NodeFile(1)), made(tmp_path, new), expected=["pod:default/a[1]"])
    assert found["unexpected"] == [key for key in found["unexpected"] if not key.startswith("pod:")]


def test_terminal_of_drift(before_and_after: Comparison) -> None:
    text = terminal.summary(before_and_after, "reports/x/comparison.md")
    assert "  RECREATED pod default/pod2 on node2: the same name, another pod" in text
    assert "    addresses: 10.244.1.4/24 -> 10.244.1.7/24\n" in text
    assert text.endswith("Report: reports/x/comparison.md")


def test_terminal_counts_what_it_does_not_tell(tmp_path: Path) -> None:
    found = compared(made(tmp_path, NodeFile(1)), made(tmp_path, NodeFile(1, 60)))
    text = terminal.summary(found, "r.md")
    assert "  and 52 more of pod added, all in r.md\n" in text
    assert len(markdown.report(found).split("\n")) > 60
