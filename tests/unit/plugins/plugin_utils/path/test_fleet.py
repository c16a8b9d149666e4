# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Node files of a fleet: which are read again and again, which are searched, and which take the place of others."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.podnet.lab.plugins.plugin_utils.path import fleet
from ansible_collections.podnet.lab.plugins.plugin_utils.path.records import number_of
from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.path.node_documents import node, write


def with_local(number: int) -> dict[str, object]:
    """A node that says its addresses as node files do."""
    document = node(number)
    host = document["podnet_netns"]["namespaces"][0]
    host["interfaces"][0]["addr_info"] = [
        {"family": "inet", "local": f"192.0.2.{number}", "prefixlen": 24, "scope": "global"}
    ]
    del host["interfaces"][0]["addresses"]
    return document


def test_many_addresses_are_found_by_few_searches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = fleet.NodeFiles(write(tmp_path, with_local(1), with_local(2)))
    read: list[Path] = []
    real = fleet._bytes

    def counted(path: Path) -> bytes:
        read.append(path)
        return real(path)

    monkeypatch.setattr(fleet, "_bytes", counted)
    for last in range(100, 200):
        assert files.owners(*number_of(f"192.0.2.{last}")) == []
    assert len(read) == 2 * (fleet.SEARCHES + 1)
    for number in (1, 2):
        ((owner, _namespace, link),) = files.owners(*number_of(f"192.0.2.{number}"))
        assert (owner.host, link.ifname) == (f"node{number}", "eth0")
    assert len(read) == 2 * (fleet.SEARCHES + 1)


def test_a_file_that_was_read_later_takes_the_place_of_the_first(tmp_path: Path) -> None:
    (tmp_path / "later").mkdir()
    write(tmp_path, node(1), node(2))
    write(tmp_path / "later", {**node(2), "collected_at": "2026-11-20T12:00:00Z"})
    files = fleet.NodeFiles(tmp_path, tmp_path / "later")
    times = [one.collected_at for name in ("node1", "node2") if (one := files.named(name)) is not None]
    assert times == ["2026-11-20T11:05:04Z", "2026-11-20T12:00:00Z"]
    assert fleet.NodeFiles(tmp_path, tmp_path / "none").named("node2") is not None
