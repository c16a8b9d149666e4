# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""playbooks/path.yml over node files, without a node: what it shows, writes and returns, and what it says otherwise."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from ansible_collections.podnet.lab.tests.integration.support.playbooks import without_inventory
from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.path.node_documents import chain, node, rules, write


def play(folder: Path, *argv: str) -> subprocess.CompletedProcess[str]:
    """Run the playbook without any inventory, each option by -e."""
    return without_inventory(folder, "path.yml", *argv)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A directory with a report of two nodes, one of which forwards nothing to the web."""
    two = node(2)
    ask = {"match": {"op": "==", "left": {"payload": {"protocol": "tcp", "field": "dport"}}, "right": 81}}
    rules(two, *chain("forward", [ask, {"drop": None}]))
    (tmp_path / "reports" / "latest").mkdir(parents=True)
    write(tmp_path / "reports" / "latest", node(1), two)
    return tmp_path


def test_a_path_is_shown_and_written(folder: Path) -> None:
    done = play(folder, "-e", "podnet_from=default/a1", "-e", "podnet_to=default/b2:80", "-e", "podnet_fail_path=true")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "WARNING" not in done.stdout + done.stderr
    assert "PATH of tcp from default/a1 (10.244.1.2) to default/b2:80 (10.244.2.3)" in done.stdout
    assert "1 way: 1 delivered.\nAll hops: reports/latest/path.json\n" in done.stdout
    written = json.loads((folder / "reports" / "latest" / "path.json").read_text(encoding="utf-8"))
    assert (written["verdict"], len(written["ways"])) == ("delivered", 1)
    assert "Page:     reports/latest/path.html\n" in done.stdout
    assert 'href="html/style.css"' in (folder / "reports" / "latest" / "path.html").read_text(encoding="utf-8")
    assert (folder / "reports" / "latest" / "html" / "style.css").is_file()


def test_a_path_that_breaks_fails_where_that_is_asked_for_and_check_mode_writes_nothing(folder: Path) -> None:
    options = ["-e", "podnet_from=default/a1", "-e", "podnet_to=default/b2:81", "--check"]
    done = play(folder, *options, "-e", "podnet_fail_path=true")
    assert done.returncode == 2
    assert "node2: ip t, forward chain c, rule 1: drops it. 1 of 1 ways" in " ".join(done.stdout.split())
    assert not (folder / "reports" / "latest" / "path.json").exists()
    assert not (folder / "reports" / "latest" / "path.html").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "Say who sends with -e podnet_from=default/pod1 and to whom with -e podnet_to=default/web:80"),
        (
            ["podnet_from=default/none", "podnet_to=node1"],
            "podnet_from is 'default/none': there is no such pod or node in",
        ),
        (
            ["podnet_from=default/a1", "podnet_to=default/b2:80", "podnet_live=true"],
            "podnet_live needs each node on the way, and the inventory lacks node1, node2. Give the inventory of",
        ),
        (
            ["podnet_from=198.51.100.7", "podnet_to=default/b2:80", "podnet_live=true"],
            "podnet_from is '198.51.100.7': no node that was read has this address, nor a pod there",
        ),
        (["podnet_from=default/a1", "podnet_to=node2", "podnet_report_dir=gone"], "gone cannot be read: No such file"),
    ],
)
def test_what_is_missing_is_said(folder: Path, options: list[str], said: str) -> None:
    done = play(folder, *(word for option in options for word in ("-e", option)))
    assert done.returncode == 2
    assert said in " ".join((done.stdout + done.stderr).split())
