# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Image archives: what a container runtime reads must be what the entries said."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

from ansible_collections.podnet.lab.tests.cluster_bundle.archive import Entry, complete, write


def read(path: Path) -> tuple[dict[str, Any], dict[str, Any], tarfile.TarFile, bytes]:
    """Return manifest, configuration and layer of an archive, found as a runtime finds them."""
    with tarfile.open(path) as archive:

        def member(name: str) -> bytes:
            opened = archive.extractfile(name)
            assert opened is not None
            return opened.read()

        (manifest,) = json.loads(member("manifest.json"))
        config = member(manifest["Config"])
        (layer,) = (member(name) for name in manifest["Layers"])
    assert manifest["Config"] == hashlib.sha256(config).hexdigest() + ".json"
    return manifest, json.loads(config), tarfile.open(fileobj=io.BytesIO(layer)), layer


def test_an_archive_says_and_holds_what_was_given(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_bytes(b"\x7fELF")
    target = tmp_path / "image.tar"
    entries = [
        Entry("usr/local/bin/program", source=program),
        Entry("bin/sh", target="busybox"),
        Entry("etc/passwd", 0o644, content=b"root:x:0:0\n"),
        Entry("tmp", 0o1777),
    ]
    write(target, "k8s.gcr.io/program:v1", "arm64", entries, {"Entrypoint": ["/program"], "User": "65535:65535"})

    manifest, config, layer, raw = read(target)
    assert manifest["RepoTags"] == ["k8s.gcr.io/program:v1"]
    assert (config["architecture"], config["os"]) == ("arm64", "linux")
    assert config["config"]["Entrypoint"] == ["/program"]
    assert config["config"]["User"] == "65535:65535"
    assert config["rootfs"] == {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(raw).hexdigest()]}
    found = {member.name: member for member in layer.getmembers()}
    assert list(found) == sorted(found)
    assert {name for name, member in found.items() if member.isdir()} == {
        "bin", "etc", "tmp", "usr", "usr/local", "usr/local/bin"
    }  # fmt: skip
    assert found["usr/local/bin/program"].mode == 0o755
    assert found["etc/passwd"].mode == 0o644
    assert found["tmp"].mode == 0o1777
    assert found["bin/sh"].linkname == "busybox"
    assert {member.uid for member in found.values()} == {0}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["image.tar", "program"]


def test_the_same_entries_make_the_same_bytes(tmp_path: Path) -> None:
    entries = [Entry("b", 0o644, content=b"2"), Entry("a", 0o644, content=b"1")]
    write(tmp_path / "first.tar", "name:1", "amd64", entries, {})
    write(tmp_path / "second.tar", "name:1", "amd64", reversed(entries), {})
    assert (tmp_path / "first.tar").read_bytes() == (tmp_path / "second.tar").read_bytes()


def test_of_one_path_the_last_entry_counts() -> None:
    entries = complete(
        [Entry("bin/wget", target="busybox"), Entry("bin", 0o700), Entry("bin/wget", target="/usr/bin/wget")]
    )
    assert [(entry.path, entry.mode, entry.target) for entry in entries] == [
        ("bin", 0o700, None),
        ("bin/wget", 0o755, "/usr/bin/wget"),
    ]
