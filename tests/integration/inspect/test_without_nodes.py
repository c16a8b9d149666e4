# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What needs no node asks for no inventory, and what needs nodes says that there are none."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.podnet.lab.tests.integration.support.playbooks import without_inventory
from ansible_collections.podnet.lab.tests.integration.support.world import CHECKOUT

EARLIER = CHECKOUT / "tests" / "unit" / "fixtures" / "nodes" / "lab"


@pytest.fixture
def earlier(tmp_path: Path) -> str:
    """The folder of an earlier report."""
    nodes = tmp_path / "monday" / "nodes"
    nodes.mkdir(parents=True)
    for file in EARLIER.iterdir():
        (nodes / file.name).write_bytes(file.read_bytes())
    return str(nodes.parent)


@pytest.mark.parametrize(
    ("playbook", "options"),
    [
        ("report.yml", ["podnet_report_from={0}"]),
        ("inspect.yml", ["podnet_report_from={0}"]),
        ("compare.yml", ["podnet_left_from={0}", "podnet_right_from={0}"]),
    ],
)
def test_earlier_reports_are_read_without_a_warning(
    tmp_path: Path, earlier: str, playbook: str, options: list[str]
) -> None:
    done = without_inventory(
        tmp_path, playbook, *(word for option in options for word in ("-e", option.format(earlier)))
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "WARNING" not in done.stdout + done.stderr
    assert "3 nodes" in done.stdout


def test_nodes_that_are_not_there_are_asked_for(tmp_path: Path) -> None:
    done = without_inventory(tmp_path, "inspect.yml", "-e", "podnet_hosts=web")
    assert done.returncode == 2
    assert "No node of the inventory fits podnet_hosts, which is web." in " ".join((done.stdout + done.stderr).split())
    assert not (tmp_path / "reports").exists()
