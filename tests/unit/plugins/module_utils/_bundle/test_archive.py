# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Archives of bundles: each kind written and read again, and nothing left of one that failed."""

from __future__ import annotations

import os
import shutil
from typing import Any

import pytest

from ansible_collections.podnet.lab.plugins.module_utils._bundle.archive import (
    MODES,
    archive_kind,
    first_member,
    reading,
    write_archive,
)
from ansible_collections.podnet.lab.plugins.module_utils._bundle.manifest import manifest_of, read_manifest

FILES = [("manifest.json", 0o644), ("bin/kubelet", 0o755)]


@pytest.fixture
def folder(tmp_path: Any) -> Any:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "kubelet").write_bytes(b"kubelet" * 100000)
    (tmp_path / "manifest.json").write_bytes(b"{}")
    return tmp_path


@pytest.mark.parametrize("ending", sorted(MODES))
def test_what_is_written_is_read_again(folder: Any, ending: str) -> None:
    if ending == ".tar.zst" and shutil.which("zstd") is None:
        pytest.skip("zstd is not installed")
    path = str(folder / ("bundle" + ending))
    write_archive(path, str(folder), FILES)
    with reading(path) as archive:
        assert [(member.name, member.mode, member.uid) for member in archive] == [(*file, 0) for file in FILES]
    assert first_member(path, "manifest.json", 100) == b"{}"
    assert first_member(path, "bin/kubelet", 100) is None
    assert os.path.getsize(path) < 100000 or ending == ".tar"


@pytest.mark.parametrize("ending", [".tar.gz", ".tar.zst"])
def test_nothing_is_left_of_an_archive_that_failed(folder: Any, ending: str) -> None:
    if ending == ".tar.zst" and shutil.which("zstd") is None:
        pytest.skip("zstd is not installed")
    with pytest.raises(OSError):
        write_archive(str(folder / ("bundle" + ending)), str(folder), [*FILES, ("bin/absent", 0o755)])
    assert sorted(os.listdir(str(folder))) == ["bin", "manifest.json"]


@pytest.mark.parametrize("content", [b"", b"not an archive", b"\x28\xb5\x2f\xfdbroken", b"\x1f\x8bbroken"])
def test_what_is_no_archive_has_no_first_file(folder: Any, content: bytes) -> None:
    (folder / "bundle").write_bytes(content)
    assert first_member(str(folder / "bundle"), "manifest.json", 100) is None
    assert first_member(str(folder / "absent"), "manifest.json", 100) is None


def test_other_endings_are_no_archives() -> None:
    assert archive_kind("/srv/bundle.zip") is None


def test_a_manifest_is_read_as_it_was_made() -> None:
    paths = ["bin/" + name for name in ("kubeadm", "kubelet", "kubectl", "crictl")]
    paths += ["units/kubelet.service", "units/10-kubeadm.conf"]
    images = [("images/a.tar", "b" * 64, ["x.org/a:1", "x.org/b:1"])]
    files = [(path, "a" * 64, 0o755) for path in paths]
    bundle, faults = read_manifest(manifest_of("v1.34.2", "amd64", files, images, {"crictl": "v1.34.0"}, ["crictl"]))
    assert faults == []
    assert bundle.sums == {**dict.fromkeys(paths, "a" * 64), "images/a.tar": "b" * 64}
    assert {item.mode for item in bundle.files} == {0o755}
    assert bundle.stand_ins == ("crictl",)
