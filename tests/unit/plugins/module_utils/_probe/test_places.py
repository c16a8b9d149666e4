# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Reading the resolv.conf of a container, which controls every step of the way to it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import List

import pytest

from ansible_collections.podnet.lab.plugins.module_utils._probe.places import _open_below

STEPS = ("etc", "resolv.conf")


def _read(root: Path, careful: bool) -> bytes:
    descriptor = _open_below(str(root), STEPS, careful)
    with os.fdopen(descriptor, "rb") as stream:
        return stream.read()


@pytest.fixture
def roots(tmp_path: Path) -> List[Path]:
    """A root as it should be, one whose /etc leads out of it, and one whose file does."""
    plain, folder, file = tmp_path / "plain", tmp_path / "folder", tmp_path / "file"
    (plain / "etc").mkdir(parents=True)
    (plain / "etc" / "resolv.conf").write_bytes(b"nameserver 10.96.0.10\n")
    folder.mkdir()
    (folder / "etc").symlink_to(plain / "etc")
    (file / "etc").mkdir(parents=True)
    (file / "etc" / "resolv.conf").symlink_to(plain / "etc" / "resolv.conf")
    return [plain, folder, file]


def test_no_link_of_a_container_is_followed(roots: List[Path]) -> None:
    before = sorted(os.listdir("/proc/self/fd"))
    plain, folder, file = roots
    assert _read(plain, True) == b"nameserver 10.96.0.10\n"
    for root in (folder, file):
        with pytest.raises(OSError):
            _read(root, True)
    assert sorted(os.listdir("/proc/self/fd")) == before


def test_the_nodes_own_may_be_a_link(roots: List[Path]) -> None:
    assert [_read(root, False) for root in roots] == [b"nameserver 10.96.0.10\n"] * 3
