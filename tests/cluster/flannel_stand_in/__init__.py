# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A stand-in for flannel, which is in no Debian package: two small programs in images made from the test bundle's.

What is real: the manifest, its account and rights at the API, the init containers, VXLAN in the kernel.
"""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import tarfile
from collections.abc import Mapping
from pathlib import Path

from ansible_collections.podnet.lab.plugins.module_utils._bundle.manifest import digest_of

IMAGE = "docker.io/library/flannel-stand-in:1.0"
PLUGIN_IMAGE = "docker.io/library/flannel-cni-plugin-stand-in:1.0"
HERE = Path(__file__).parent


def flannel_bundle(bundle: Path, target: Path, bridge: bytes) -> Path:
    """Make `target` the bundle with the stand-in's images in it; `bridge` is the nodes' program of that name."""
    shutil.copytree(bundle, target)
    manifest = json.loads((bundle / "manifest.json").read_text(encoding="utf-8"))
    archives = {name: bundle / image["file"] for image in manifest["images"] for name in image["names"]}
    app = next(path for name, path in archives.items() if "/app:" in name)
    proxy = next(path for name, path in archives.items() if "/kube-proxy:" in name)
    daemon = {"opt/bin/flanneld": (HERE / "flanneld").read_bytes(), "sbin/bridge": bridge}
    _write(target / "images" / "flannel-stand-in.tar", IMAGE, [app, proxy], daemon)
    plugin = {"flannel": b"#!/usr/bin/python3\n" + (HERE / "cni_plugin.py").read_bytes()}
    _write(target / "images" / "flannel-cni-plugin-stand-in.tar", PLUGIN_IMAGE, [app], plugin)
    for name in (IMAGE, PLUGIN_IMAGE):
        file = f"images/{name.rpartition('/')[2].partition(':')[0]}.tar"
        manifest["images"].append({"file": file, "sha256": digest_of(str(target / file)), "names": [name]})
    manifest["stand_ins"].append("flannel")
    (target / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    return target


def _write(target: Path, name: str, bases: list[Path], programs: Mapping[str, bytes]) -> None:
    """Write an image: the layers of other images' archives, and one of programs on top."""
    layers = [layer for base in bases for layer in _layers(base)] + [_tar(programs, 0o755)]
    sums = [hashlib.sha256(layer).hexdigest() for layer in layers]
    description = {
        "architecture": "amd64",
        "os": "linux",
        "config": {"Env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"], "WorkingDir": "/"},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}" for digest in sums]},
    }
    config = json.dumps(description).encode()
    config_name = hashlib.sha256(config).hexdigest() + ".json"
    files = {f"{digest}.tar": layer for digest, layer in zip(sums, layers, strict=True)}
    manifest = [{"Config": config_name, "RepoTags": [name], "Layers": list(files)}]
    target.write_bytes(_tar({"manifest.json": json.dumps(manifest).encode(), config_name: config, **files}, 0o644))


def _layers(path: Path) -> list[bytes]:
    with tarfile.open(path) as archive:
        [entry] = json.load(_open(archive, "manifest.json"))
        return [_open(archive, layer).read() for layer in entry["Layers"]]


def _open(archive: tarfile.TarFile, name: str) -> io.BufferedReader:
    opened = archive.extractfile(name)
    assert isinstance(opened, io.BufferedReader), f"{name} is not in the archive"
    return opened


def _tar(files: Mapping[str, bytes], mode: int) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(data), mode
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()
