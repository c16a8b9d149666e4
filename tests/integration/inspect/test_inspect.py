# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""playbooks/inspect.yml and report.yml against nodes over SSH, with nodes that fail and names that bite."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from ansible_collections.podnet.lab.tests.integration.support.nodes import Nodes
from ansible_collections.podnet.lab.tests.integration.support.starting import ansible_playbook
from ansible_collections.podnet.lab.tests.integration.support.world import CHECKOUT

INSPECT = CHECKOUT / "playbooks" / "inspect.yml"
REPORT = CHECKOUT / "playbooks" / "report.yml"
SCHEMAS = CHECKOUT / "docs" / "schema"

# A namespace whose name is a template, markup and an escape sequence, and that a bridge joins to the node.
HOSTILE = "{{ 'a'*3 }}<b>|`x`\x1b[31m"
_PREPARE = """
- hosts: nodes
  gather_facts: false
  vars:
    number: "{{ groups['nodes'].index(inventory_hostname) + 1 }}"
  tasks:
    - ansible.builtin.shell: |
        set -eu
        ip link show dev br7 >/dev/null 2>&1 && exit 0
        name=$(printf '%b' "$NAME")
        ip netns add "$name"
        ip link add br7 type bridge
        ip addr add 10.201.{{ number }}.1/24 dev br7
        ip link add port7 type veth peer name eth0 netns "$name"
        ip link set port7 master br7 up
        ip link set br7 up
        ip -n "$name" addr add 10.201.{{ number }}.2/24 dev eth0
        ip -n "$name" link set lo up
        ip -n "$name" link set eth0 up
      environment:
        NAME: "{{ hostile }}"
"""
# Beside the three nodes: one that nobody answers for, one without Python, one whose user cannot become root.
_STRANGE = """
strange:
  hosts:
    silent:
      ansible_host: 127.0.0.1
      ansible_port: 1
    "no/../python":
      ansible_host: "{{ hostvars['node2'].ansible_host }}"
      ansible_python_interpreter: /nonexistent/python3
    rootless:
      ansible_host: "{{ hostvars['node3'].ansible_host }}"
      ansible_become_exe: /nonexistent/sudo
      ansible_become_user: daemon
  vars:
"""


class Site:
    """The nodes, an inventory with strange ones beside them, and a working directory of its own."""

    def __init__(self, nodes: Nodes, directory: Path) -> None:
        """Write the inventory of the strange nodes: they are reached as the others are."""
        self.nodes = nodes
        self.directory = directory
        settings = nodes.inventory.read_text(encoding="utf-8").partition("  vars:\n")[2]
        self.strange = directory / "strange.yml"
        self.strange.write_text(_STRANGE + settings, encoding="utf-8")

    def play(self, playbook: Path, *argv: str, strange: bool = False, **env: str) -> subprocess.CompletedProcess[str]:
        """Run a playbook with the working directory as the current one."""
        inventories = ["-i", str(self.nodes.inventory), *(["-i", str(self.strange)] if strange else [])]
        return ansible_playbook(str(playbook), *inventories, *argv, env={**self.nodes.env, **env}, cwd=self.directory)

    def report(self, where: str = "reports/latest") -> Any:
        """Return the model of a report."""
        return json.loads((self.directory / where / "report.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def site(ssh_nodes: Nodes, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    directory = tmp_path_factory.mktemp("inspect")
    play = directory / "prepare.yml"
    play.write_text(_PREPARE, encoding="utf-8")
    written = HOSTILE.replace("\x1b", r"\033")
    ssh_nodes.playbook(play, "-e", json.dumps({"hostile": {"__ansible_unsafe": written}}))
    yield Site(ssh_nodes, directory)
    ssh_nodes.playbook(_away(directory))


def _away(directory: Path) -> Path:
    path = directory / "away.yml"
    path.write_text(
        "- hosts: nodes\n  gather_facts: false\n  tasks:\n"
        "    - ansible.builtin.shell: ip link del port7; ip link del br7; ip -all netns del\n",
        encoding="utf-8",
    )
    return path


@pytest.fixture(scope="module")
def inspected(site: Site) -> subprocess.CompletedProcess[str]:
    """One run over the three nodes."""
    done = site.play(INSPECT)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def schema(name: str) -> Any:
    return json.loads((SCHEMAS / f"{name}.schema.json").read_text(encoding="utf-8"))


@pytest.mark.usefixtures("inspected")
def test_files(site: Site) -> None:
    latest = site.directory / "reports" / "latest"
    assert latest.is_symlink()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d{6}Z", os.readlink(latest))
    assert sorted(path.name for path in (latest / "nodes").iterdir()) == ["node1.json", "node2.json", "node3.json"]
    for path in (latest / "nodes").iterdir():
        document = json.loads(path.read_text(encoding="utf-8"))
        jsonschema.validate(document, schema("node"))
        for key in ("podnet_netns", "podnet_veth", "podnet_bridge", "podnet_pod_cidr"):
            jsonschema.validate(document[key], schema(key))
    jsonschema.validate(site.report(), schema("report"))
    assert sorted(path.name for path in latest.iterdir()) == [
        "html",
        "nodes",
        "report.html",
        "report.json",
        "report.md",
        "report.xml",
    ]
    assert "node-node3.html" in {path.name for path in (latest / "html").iterdir()}


def test_summary(inspected: subprocess.CompletedProcess[str]) -> None:
    text = inspected.stdout
    assert "POD NETWORKS of 3 nodes, read " in text
    assert "Nothing odd was found." in text
    assert re.search(r"^  bridge br7: 10\.201\.1\.1/24, 1 port, MTU 1500$", text, re.MULTILINE)
    assert re.search(r"10\.201\.2\.2/24 +eth0 - port7 +br7$", text, re.MULTILINE)
    assert "changed=0" in text
    assert "changed=1" not in text


@pytest.mark.usefixtures("inspected")
def test_hostile_name_is_never_templated_and_always_escaped(
    site: Site, inspected: subprocess.CompletedProcess[str]
) -> None:
    assert "\x1b" not in inspected.stdout
    assert r"({{ 'a'*3 }}<b>|`x`\x1b[31m)" in inspected.stdout
    names = {name for namespace in site.report()["namespaces"] for name in namespace["names"]}
    assert names == {HOSTILE}
    markdown = (site.directory / "reports" / "latest" / "report.md").read_text(encoding="utf-8")
    assert "\x1b" not in markdown
    assert "aaa" not in inspected.stdout + markdown
    assert "<b>" not in re.sub("`[^`]*`", "", markdown)


@pytest.mark.parametrize("callback", ["default", "minimal", "oneline"])
@pytest.mark.parametrize("style", ["json", "yaml"])
def test_summary_reads_alike_under_any_callback(site: Site, callback: str, style: str) -> None:
    done = site.play(INSPECT, ANSIBLE_STDOUT_CALLBACK=callback, ANSIBLE_CALLBACK_RESULT_FORMAT=style)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.split("\n")
    start = next(number for number, line in enumerate(lines) if line.startswith("POD NETWORKS"))
    end = next(number for number, line in enumerate(lines) if line.startswith("Page:"))
    assert lines[end - 1].startswith("Report: ")
    assert lines[end].endswith("/report.html")
    assert all(len(line) <= 80 and (line == "" or line.isprintable()) for line in lines[start : end + 1])
    assert "  3 pods" not in lines[start + 1]
    assert "Nothing odd was found." in lines[start:end]


def test_strange_nodes_do_not_stop_the_others(site: Site) -> None:
    done = site.play(INSPECT, "-e", "podnet_report_dir=strange", strange=True)
    assert done.returncode == 2, done.stdout
    report = site.report("strange")
    jsonschema.validate(report, schema("report"))
    found = {node["host"]: node for node in report["nodes"]}
    assert {host: node["status"] for host, node in found.items()} == {
        "node1": "read",
        "node2": "read",
        "node3": "read",
        "silent": "unreachable",
        "no/../python": "failed",
        "rootless": "partial",
    }
    # On a busy machine ssh may still be ending when ansible-core finds its pipe closed, and then says only that.
    cause = found["silent"]["error"]["cause"]
    assert "Connection refused" in cause or "Data could not be sent to remote host '127.0.0.1'" in cause
    assert "python3" in found["no/../python"]["error"]["remedy"]
    assert "/nonexistent/sudo: not found" in found["rootless"]["errors"][0]["cause"]
    assert "rootless could not be read" not in done.stdout
    assert "silent could not be read; the report says why" in done.stdout
    assert (site.directory / "strange" / "nodes" / "no%2F..%2Fpython.json").exists()
    assert not (site.directory / "strange" / "latest").exists()
    assert not (site.directory / "latest").exists()


def test_report_when_no_node_can_be_read(site: Site) -> None:
    done = site.play(INSPECT, "--limit", "silent", "-e", "podnet_report_dir=none", strange=True)
    assert done.returncode == 2
    assert "POD NETWORKS of 0 of 1 node" in done.stdout
    assert site.report("none")["nodes"][0]["status"] == "unreachable"


@pytest.mark.parametrize(
    ("wanted", "limit", "code"), [("never", "silent", 0), ("all", "silent", 2), ("all", "silent,node1", 0)]
)
def test_exit_code_as_asked(site: Site, wanted: str, limit: str, code: int) -> None:
    options = ("-e", f"podnet_fail_unread={wanted}", "-e", "podnet_report_dir=codes", "--limit", limit)
    assert site.play(INSPECT, *options, strange=True).returncode == code


def test_task_that_is_stopped_is_reported(site: Site) -> None:
    slow = site.directory / "slow"
    slow.write_text("#!/bin/sh\nexec sleep 60\n", encoding="utf-8")
    slow.chmod(0o755)
    options = ("-e", "podnet_task_timeout=2", "-e", f"ansible_ssh_executable={slow}", "--limit", "node1")
    done = site.play(INSPECT, *options, "-e", "podnet_report_dir=slow-report")
    assert done.returncode == 2
    assert "nothing came back" in site.report("slow-report")["nodes"][0]["error"]["cause"]


def test_limit_and_hosts(site: Site) -> None:
    site.play(INSPECT, "--limit", "node2", "-e", "podnet_report_dir=limited")
    assert [node["host"] for node in site.report("limited")["nodes"]] == ["node2"]
    site.play(INSPECT, "-e", "podnet_hosts=node1,node3", "-e", "podnet_report_dir=chosen")
    assert [node["host"] for node in site.report("chosen")["nodes"]] == ["node1", "node3"]


def test_diagnosing_reads_what_findings_look_at(site: Site) -> None:
    done = site.play(INSPECT, "--limit", "node1", "-e", "podnet_diagnose=true podnet_report_dir=diagnosed")
    assert done.returncode == 0, done.stdout + done.stderr
    (node,) = site.report("diagnosed")["nodes"]
    assert node["settings"]["net.ipv4.ip_forward"] in (0, 1)
    assert len(node["machine"]["boot"]) == 32
    assert node["service_mode"] is not None
    said = json.loads((site.directory / "diagnosed" / "nodes" / "node1.json").read_text(encoding="utf-8"))
    own = next(one for one in said["podnet_netns"]["namespaces"] if one["kind"] == "host")
    assert own.keys() >= {"neighbours", "rules", "sockets", "settings"}
    assert "source_nat" in said["podnet_pod_cidr"]


def test_what_is_accepted_stands_aside_with_its_reason(site: Site) -> None:
    odd = site.report()["odd"]
    accepted = {"podnet_ignore": [{"kind": "*", "reason": "known since Monday"}], "podnet_report_dir": "accepted"}
    done = site.play(REPORT, "-e", "podnet_report_from=reports/latest", "-e", json.dumps(accepted))
    assert done.returncode == 0, done.stdout + done.stderr
    model = site.report("accepted")
    assert [one["kind"] for one in model["ignored"]] == [one["kind"] for one in odd]
    assert model["odd"] == []
    assert ("why: known since Monday" in done.stdout) == bool(odd)


def test_slices_add_up_in_one_folder(site: Site) -> None:
    for host in ("node1", "node2"):
        site.play(INSPECT, "--limit", host, "-e", "podnet_report_dir=slices")
    assert [node["host"] for node in site.report("slices")["nodes"]] == ["node1", "node2"]


@pytest.mark.usefixtures("inspected")
def test_check_mode_reads_and_leaves_nothing(site: Site, tmp_path: Path) -> None:
    before = sorted(str(path) for path in site.directory.rglob("*"))
    done = site.play(INSPECT, "--check", TMPDIR=str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "bridge br7: 10.201.3.1/24" in done.stdout
    assert sorted(str(path) for path in site.directory.rglob("*")) == before
    assert not list(tmp_path.glob("podnet-check-*"))


def test_query(site: Site) -> None:
    query = "bridges[?host=='node2'].addr_info[].local"
    done = site.play(INSPECT, "-e", json.dumps({"podnet_query": query}), "-e", "podnet_report_dir=queried")
    assert done.returncode == 0
    assert '\n[\n  "10.201.2.1"' in done.stdout
    assert "POD NETWORKS" not in done.stdout


def test_bad_query_is_one_error_before_a_node_is_touched(site: Site) -> None:
    done = site.play(INSPECT, "-e", json.dumps({"podnet_query": "pods[?x=]"}))
    assert done.returncode == 2
    assert "Unknown token '=' at character 8: pods[?x >>>=]" in done.stdout + done.stderr
    assert "Read the node" not in done.stdout


def test_missing_library_is_one_plain_sentence(site: Site) -> None:
    """A control node without netaddr: a finder in sitecustomize hides it."""
    hidden = site.directory / "hidden"
    hidden.mkdir()
    (hidden / "sitecustomize.py").write_text(
        "import sys\n"
        "class Hide:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.partition('.')[0] == 'netaddr':\n"
        "            raise ModuleNotFoundError(name)\n"
        "sys.meta_path.insert(0, Hide())\n",
        encoding="utf-8",
    )
    done = site.play(INSPECT, PYTHONPATH=str(hidden))
    assert done.returncode == 2
    assert "has no netaddr, which the report needs" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert "Read the node" not in done.stdout


@pytest.mark.usefixtures("inspected")
def test_report_is_rebuilt_alike_without_a_node(site: Site) -> None:
    folder = site.directory / "reports" / os.readlink(site.directory / "reports" / "latest")
    done = site.play(REPORT, "-e", f"podnet_report_from={folder}", "-e", "podnet_report_dir=again")
    assert done.returncode == 0, done.stdout
    for name in ("report.json", "report.md", "report.html", "html/node-node1.html", "nodes/node1.json"):
        assert (site.directory / "again" / name).read_bytes() == (folder / name).read_bytes(), name


def test_rebuilding_with_inspect_touches_no_node(site: Site) -> None:
    site.play(INSPECT, "-e", "podnet_report_dir=first", "--limit", "node1")
    done = site.play(
        INSPECT, "-e", "podnet_report_from=first,first/nodes", "-e", "podnet_report_dir=second",
        "-e", "ansible_host=192.0.2.1", ANSIBLE_TIMEOUT="1",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert [node["host"] for node in site.report("second")["nodes"]] == ["node1"]
    assert "Older node files of node1 were left out" in done.stdout


def test_report_is_made_anew_in_its_place(site: Site) -> None:
    site.play(INSPECT, "-e", "podnet_report_dir=place", "--limit", "node1")
    before = (site.directory / "place" / "report.md").read_bytes()
    (site.directory / "place" / "report.md").unlink()
    assert site.play(REPORT, "-e", "podnet_report_dir=place").returncode == 0
    assert (site.directory / "place" / "report.md").read_bytes() == before


def test_nothing_to_build_from(site: Site) -> None:
    for argv in ((INSPECT, "--tags", "report"), (REPORT, "-e", "podnet_report_from=missing")):
        done = site.play(*argv)
        assert done.returncode == 2
        assert "podnet_report_from" in done.stdout + done.stderr or "Name a report folder" in done.stdout + done.stderr
