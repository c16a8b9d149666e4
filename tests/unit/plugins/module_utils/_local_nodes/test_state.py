# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Directories of full nodes: whose they are, and that nothing of others is removed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ansible_collections.podnet.lab.plugins.module_utils._local_nodes import state
from ansible_collections.podnet.lab.plugins.module_utils._local_nodes.plan import NodeSpec

SPEC = NodeSpec(
    name="node1",
    address="10.89.0.11",
    prefixlen=24,
    gateway="10.89.0.1",
    port="port1",
    public_key="ssh-ed25519 AAAA me",
    binds=(),
    kind="full",
    root="/cache/bookworm-1/root",
)


def make(data: Path, name: str = "node1") -> Path:
    state.make_data("podfab0", replace(SPEC, name=name, data=str(data / "podfab0" / name)))
    return data / "podfab0"


def test_a_node_begins_with_an_empty_directory_that_is_its_own(tmp_path: Path) -> None:
    directory = make(tmp_path / "data")
    (directory / "node1" / "upper").mkdir()
    make(tmp_path / "data")
    assert list((directory / "node1").iterdir()) == []
    assert (directory / "node1").stat().st_mode & 0o077 == 0
    assert state.check_data(str(tmp_path / "data"), "podfab0") == []
    assert state.has_data(str(tmp_path / "data"), "podfab0")


def test_the_last_node_takes_the_directories_along(tmp_path: Path) -> None:
    directory = make(tmp_path / "data")
    make(tmp_path / "data", "node2")
    state.remove_data(str(directory), {"node1"})
    assert sorted(path.name for path in directory.iterdir()) == ["node2", "podnet-nodes"]
    state.remove_data(str(directory), {"node2"})
    assert not (tmp_path / "data").exists()


def test_all_can_be_removed_without_knowing_their_names(tmp_path: Path) -> None:
    directory = make(tmp_path / "data")
    (tmp_path / "data" / "podfab1").mkdir()
    state.remove_data(str(directory))
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["podfab1"]


def test_a_directory_that_is_not_ours_is_neither_used_nor_removed(tmp_path: Path) -> None:
    (tmp_path / "podfab0" / "home").mkdir(parents=True)
    (fault,) = state.check_data(str(tmp_path), "podfab0")
    assert "is there already, and is not ours" in fault
    assert not state.has_data(str(tmp_path), "podfab0")
    state.remove_data(str(tmp_path / "podfab0"))
    assert (tmp_path / "podfab0" / "home").exists()


def test_a_container_s_fabric_of_the_same_name_keeps_its_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path)
    monkeypatch.setattr(state, "fabric_mark", lambda fabric: f"{fabric}@1")
    (fault,) = state.check_data(str(tmp_path), "podfab0")
    assert "in another network namespace of this machine" in fault


def test_what_the_machine_s_last_life_left_is_in_nobody_s_way(tmp_path: Path) -> None:
    directory = make(tmp_path)
    (directory / "podnet-nodes").write_text("00000000-0000-0000-0000-000000000000 podfab0@1\n")
    assert state.check_data(str(tmp_path), "podfab0") == []
