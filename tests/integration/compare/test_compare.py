# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""playbooks/compare.yml: over report folders, and over nodes with SSH that a lab is built on and then changed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from ansible_collections.podnet.lab.tests.integration.support.nodes import Nodes
from ansible_collections.podnet.lab.tests.integration.support.starting import ansible_playbook
from ansible_collections.podnet.lab.tests.integration.support.world import CHECKOUT, COLLECTIONS

COMPARE = CHECKOUT / "playbooks" / "compare.yml"
FIXTURES = CHECKOUT / "tests" / "unit" / "fixtures" / "nodes"
SCHEMA = json.loads((CHECKOUT / "docs" / "schema" / "comparison.schema.json").read_text(encoding="utf-8"))
Done = subprocess.CompletedProcess[str]

# Nobody answers on these: what is refused must be refused before they are asked.
_SILENT = """
all:
  children:
    lab: {hosts: {a: {ansible_host: 127.0.0.1, ansible_port: 1}}}
    cluster: {hosts: {b: {ansible_host: 127.0.0.1, ansible_port: 1}}}
    nobody: {}
"""


def play(directory: Path, *argv: str, env: dict[str, str] | None = None, **options: Any) -> Done:
    """Run the playbook with *directory* as the working directory; *options* are extra variables."""
    own = {
        **os.environ,
        "ANSIBLE_CONFIG": str(CHECKOUT / "ansible.cfg"),
        "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
        "ANSIBLE_NOCOLOR": "1",
    }
    return ansible_playbook(str(COMPARE), *argv, "-e", json.dumps(options), env=env or own, cwd=directory)


def result(directory: Path, where: str = "out") -> Any:
    """Return a comparison, held against its schema."""
    found = json.loads((directory / where / "comparison.json").read_text(encoding="utf-8"))
    jsonschema.validate(found, SCHEMA)
    return found


def shown(done: Done) -> list[str]:
    """Return the lines of the summary."""
    lines = done.stdout.split("\n")
    start = next(number for number, line in enumerate(lines) if line.startswith("COMPARISON of"))
    end = next(number for number, line in enumerate(lines[start:], start) if "unexpected difference" in line)
    return lines[start : end + 1]


# Report folders


def test_two_worlds_from_folders(tmp_path: Path) -> None:
    done = play(
        tmp_path,
        podnet_left_from=str(FIXTURES / "lab_of_two"),
        podnet_right_from=[str(FIXTURES / "kubeadm")],
        podnet_report_dir="out",
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = result(tmp_path)
    assert (found["mode"], found["left"]["name"], found["right"]["name"]) == ("worlds", "lab_of_two", "kubeadm")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "comparison.html",
        "comparison.json",
        "comparison.md",
        "html",
        "left",
        "right",
    ]
    assert sorted(path.name for path in (tmp_path / "out/left/nodes").iterdir()) == ["node1.json", "node2.json"]
    assert "### 8. NAT rules" in (tmp_path / "out/comparison.md").read_text(encoding="utf-8")
    assert "changed=0" in done.stdout


@pytest.mark.parametrize("callback", ["default", "minimal", "oneline"])
def test_summary_reads_alike_under_any_callback(tmp_path: Path, callback: str) -> None:
    env = {
        **os.environ,
        "ANSIBLE_CONFIG": str(CHECKOUT / "ansible.cfg"),
        "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
        "ANSIBLE_STDOUT_CALLBACK": callback,
    }
    done = play(
        tmp_path,
        env=env,
        podnet_left_from=str(FIXTURES / "kubeadm"),
        podnet_right_from=str(FIXTURES / "kubeadm_after"),
    )
    assert done.returncode == 0, done.stderr
    lines = shown(done)
    assert all(len(line) <= 80 and (line == "" or line.isprintable()) for line in lines)
    assert "  RECREATED pod default/pod2 on node2: the same name, another pod: it was made" in lines


def test_unexpected_differences_fail_when_asked(tmp_path: Path) -> None:
    sides: dict[str, Any] = {
        "podnet_left_from": str(FIXTURES / "kubeadm"),
        "podnet_right_from": str(FIXTURES / "kubeadm_after"),
        "podnet_compare_fail": True,
        "podnet_show": False,
    }
    done = play(tmp_path, podnet_compare_expected=["pod:default/web-*"], podnet_report_dir="out", **sides)
    assert done.returncode == 2
    assert "5 unexpected differences: pod:default/pod2, lease:node2/k8s-bridge/10.244.1.3" in done.stdout + done.stderr
    assert result(tmp_path)["unexpected"][0] == "pod:default/pod2"
    done = play(tmp_path, podnet_compare_expected=["pod:*", "lease:*"], **sides)
    assert done.returncode == 0, done.stdout


def test_check_mode_shows_and_leaves_nothing(tmp_path: Path) -> None:
    done = play(
        tmp_path,
        "--check",
        podnet_left_from=str(FIXTURES / "kubeadm"),
        podnet_right_from=str(FIXTURES / "kubeadm_after"),
    )
    assert done.returncode == 0, done.stderr
    assert shown(done)
    assert list(tmp_path.iterdir()) == []


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({}, "There is no left side. Give nodes with podnet_left, or report folders with podnet_left_from."),
    ({"podnet_left": "lab"}, "There is no right side."),
    ({"podnet_left": "lab", "podnet_right": "nobody"}, "No node of the inventory fits podnet_right, which is nobody."),
    ({"podnet_left": "lab", "podnet_right": "all"}, "a would be on both sides."),
    ({"podnet_left": "lab", "podnet_left_from": "x", "podnet_right": "cluster"}, "The left side is given twice"),
    ({"podnet_left": "lab", "podnet_right_from": "nowhere"}, "nowhere cannot be read: No such file or directory."),
    ({"podnet_left_from": ".", "podnet_right_from": "."}, "holds no node files (nodes/*.json)."),
    (
        {"podnet_left_from": str(FIXTURES / "lab"), "podnet_right": "cluster", "podnet_compare": "sideways"},
        "value of mode must be one of: auto, worlds, drift, got: sideways",
    ),
]


@pytest.mark.parametrize(("options", "message"), REFUSED, ids=[message[:30] for _options, message in REFUSED])
def test_what_cannot_be_compared_is_one_error(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    inventory = tmp_path / "inventory.yml"
    inventory.write_text(_SILENT, encoding="utf-8")
    done = play(tmp_path, "-i", str(inventory), **options)
    assert done.returncode == 2
    assert message in done.stdout + done.stderr
    if "podnet_compare" not in options:
        assert "Connection refused" not in done.stdout
        assert [path.name for path in tmp_path.iterdir()] == ["inventory.yml"]


def test_nodes_that_cannot_be_read_are_said_and_fail(tmp_path: Path) -> None:
    inventory = tmp_path / "inventory.yml"
    inventory.write_text(_SILENT, encoding="utf-8")
    sides: dict[str, Any] = {"podnet_left": "lab", "podnet_right": "cluster", "podnet_report_dir": "out"}
    done = play(tmp_path, "-i", str(inventory), **sides)
    assert done.returncode == 2
    found = result(tmp_path)
    assert [one["host"] for one in found["left"]["unread"]] == ["a"]
    assert {aspect["verdict"] for one in found["duties"] for aspect in one["aspects"]} == {"not_read"}
    done = play(tmp_path, "-i", str(inventory), podnet_fail_unread="never", **sides)
    assert done.returncode == 0


def test_tags(tmp_path: Path) -> None:
    inventory = tmp_path / "inventory.yml"
    inventory.write_text(_SILENT, encoding="utf-8")
    sides: dict[str, Any] = {"podnet_left": "lab", "podnet_right": "cluster", "podnet_report_dir": "out"}
    done = play(tmp_path, "-i", str(inventory), "--tags", "report", **sides)
    assert done.returncode == 2
    assert "Let the nodes be read (without --tags report)" in done.stdout + done.stderr
    done = play(tmp_path, "-i", str(inventory), "--skip-tags", "report", **sides)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["left", "right"]


# Nodes


@pytest.fixture(scope="module")
def lab(ssh_nodes: Nodes) -> Iterator[Nodes]:
    """A lab on two of three nodes."""
    hosts = ("-e", "podnet_hosts=node1:node2")
    ssh_nodes.playbook(CHECKOUT / "playbooks" / "lab.yml", *hosts)
    yield ssh_nodes
    ssh_nodes.playbook(CHECKOUT / "playbooks" / "teardown.yml", *hosts)


def test_groups_of_nodes(lab: Nodes, tmp_path: Path) -> None:
    done = play(
        tmp_path,
        "-i",
        str(lab.inventory),
        env=lab.env,
        podnet_left="node1:node2",
        podnet_right="node3",
        podnet_report_dir="out",
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = result(tmp_path)
    assert found["left"]["hosts"] == ["node1", "node2"]
    assert found["right"]["hosts"] == ["node3"]
    seen = {aspect["key"]: aspect for one in (*found["duties"], *found["scopes"]) for aspect in one["aspects"]}
    assert seen["namespace.own"]["verdict"] == "missing"
    assert seen["nat.rule"]["left"]["command"] == "nft list table ip podnet_lab0"
    assert seen["nat.rule"]["right"]["state"] == "absent"
    assert seen["nat.pods"]["left"]["text"] == "packets carry the pod's own address"
    assert seen["nat.nodes"]["left"]["text"] == "packets carry the pod's own address"
    assert seen["routes.nodes"]["left"]["text"].endswith("the node's address")
    assert seen["cluster.range"]["left"]["state"] == "seen", "the lab notes its ranges"
    assert {key: aspect for key, aspect in seen.items() if aspect["verdict"] == "not_read"} == {}
    _each_command_runs(lab, [side for aspect in seen.values() for side in (aspect["left"], aspect["right"])])


def _each_command_runs(nodes: Nodes, sides: list[Any]) -> None:
    """What the comparison tells people to type has to work, on the node that it names."""
    commands = {(one["host"], one["command"]) for one in sides if one["state"] == "seen" and one["command"]}
    assert len(commands) > 10
    for host in sorted({host for host, _command in commands}):
        mine = sorted(command for name, command in commands if name == host)
        script = "\n".join(f"{{ {command}; }} >/dev/null || echo FAILED: {json.dumps(command)}" for command in mine)
        done = subprocess.run(
            [
                str(Path(sys.executable).parent / "ansible"),
                "-i",
                str(nodes.inventory),
                host,
                "-m",
                "shell",
                "-a",
                script,
            ],
            env=nodes.env,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert "FAILED" not in done.stdout, done.stdout


def test_drift_of_nodes_since_a_report(lab: Nodes, tmp_path: Path) -> None:
    nodes = ("-i", str(lab.inventory))
    left: dict[str, Any] = {"podnet_left": "node1:node2", "podnet_right": "node3", "podnet_show": False}
    assert play(tmp_path, *nodes, env=lab.env, podnet_report_dir="before", **left).returncode == 0
    since: dict[str, Any] = {
        "podnet_left_from": "before/left",
        "podnet_right": "node1:node2",
        "podnet_compare_fail": True,
    }
    done = play(tmp_path, *nodes, env=lab.env, podnet_report_dir="same", **since)
    assert done.returncode == 0, done.stdout
    assert result(tmp_path, "same")["drift"]["differences"] == []
    assert "Nothing changed." in done.stdout

    change = tmp_path / "change.yml"
    change.write_text(
        "- hosts: node1\n  gather_facts: false\n  tasks:\n"
        "    - ansible.builtin.shell: sysctl -w net.ipv4.ip_forward=0; ip link set lab0 mtu 1400; ip netns add stray\n",
        encoding="utf-8",
    )
    lab.playbook(change)
    try:
        done = play(tmp_path, *nodes, env=lab.env, podnet_report_dir="after", **since)
    finally:
        change.write_text(change.read_text().replace("=0", "=1").replace("1400", "1500").replace("add", "del"))
        lab.playbook(change)
    assert done.returncode == 2
    found = result(tmp_path, "after")
    assert found["mode"] == "drift"
    assert {"namespace:node1/stray", "bridge:node1/lab0", "sysctl:node1/net.ipv4.ip_forward"} <= set(
        found["unexpected"]
    )
    assert all("node2" not in key for key in found["unexpected"])
    done = play(tmp_path, *nodes, env=lab.env, podnet_report_dir="mended", **since)
    assert done.returncode == 0, done.stdout
