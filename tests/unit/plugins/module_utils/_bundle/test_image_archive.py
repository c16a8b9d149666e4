# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Image archives: whole, cut off, for another architecture, of another image, hostile."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from typing import Any, Dict

import pytest

from ansible_collections.podnet.lab.plugins.module_utils._bundle.image_archive import fault_of, is_reference

NAME = "registry.k8s.io/pause:3.10"


def tar_of(files: Dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def image() -> Dict[str, bytes]:
    """The files of an image archive: the manifest, the configuration and a layer."""
    layer = tar_of({"pause": b"x" * 100})
    config = {
        "architecture": "amd64",
        "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(layer).hexdigest()]},
    }
    raw = json.dumps(config).encode()
    name = hashlib.sha256(raw).hexdigest() + ".json"
    manifest = [{"Config": name, "RepoTags": [NAME], "Layers": ["layer.tar"]}]
    return {"manifest.json": json.dumps(manifest).encode(), name: raw, "layer.tar": layer}


def fault(tmp_path: Any, data: bytes, name: str = NAME, architecture: str = "amd64") -> Any:
    path = tmp_path / "image.tar"
    path.write_bytes(data)
    return fault_of(str(path), name, architecture)


def test_a_whole_archive_has_no_fault(tmp_path: Any) -> None:
    assert fault(tmp_path, tar_of(image())) is None


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"layer.tar": b"y" * 100}, "its layer layer.tar has another SHA-256 sum"),
        ({"config": b"{}"}, "its configuration has another SHA-256 sum"),
        ({"manifest.json": b"["}, "it is no whole image archive"),
        ({"manifest.json": b"{}"}, "it has no image"),
        ({"manifest.json": b'[{"RepoTags": 3}]'}, "it is no whole image archive"),
        ({"manifest.json": json.dumps([{"Config": "../x", "RepoTags": [NAME]}]).encode()}, "it is no whole"),
    ],
)
def test_a_damaged_archive_is_known(tmp_path: Any, changes: Dict[str, bytes], words: str) -> None:
    files = image()
    config = list(files)[1]
    files.update({config if key == "config" else key: value for key, value in changes.items()})
    assert words in fault(tmp_path, tar_of(files))


def test_another_image_and_another_architecture_are_known(tmp_path: Any) -> None:
    assert (
        fault(tmp_path, tar_of(image()), name="registry.k8s.io/pause:3.9")
        == "it has no image registry.k8s.io/pause:3.9"
    )
    assert fault(tmp_path, tar_of(image()), architecture="arm64") == "its image is for amd64, not for arm64"


def test_an_archive_that_is_cut_off_anywhere_is_known(tmp_path: Any) -> None:
    whole = tar_of(image())
    end = len(whole.rstrip(b"\0"))
    for length in range(0, end, 97):
        assert fault(tmp_path, whole[:length]) is not None


@pytest.mark.parametrize(
    ("name", "good"),
    [
        (NAME, True),
        ("localhost:5000/a/b_c:v1.0-x", True),
        ("docker.io/library/busybox:1.37", True),
        ("busybox:1.37", False),
        ("registry.k8s.io/pause", False),
        ("registry.k8s.io/pause@sha256:ab", False),
        ("registry.k8s.io/pause:3.10 --all", False),
        ("-x/y:1", False),
        ("a/b:1\n", False),
    ],
)
def test_names_of_images(name: str, good: bool) -> None:
    assert is_reference(name) is good
