# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A stand-in of upstream on the loopback: release files over HTTP, and images in Debian's docker-registry.

The programs in the release are small scripts, the images hold one file each. The server, the registry and skopeo are
real ones.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import socket
import subprocess
import tarfile
import threading
import time
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

VERSION = "v1.34.2"
PAUSE = "registry.k8s.io/pause:3.10.1"
IMAGES = (f"registry.k8s.io/kube-apiserver:{VERSION}", "registry.k8s.io/coredns/coredns:v1.12.1", PAUSE)
WORKLOAD = "docker.io/library/busybox:1.37"

KUBEADM = """#!/bin/sh
# kubeadm-stand-in: lists images, as `kubeadm config images list` does.
[ "$1 $2 $3 $4 $5" = "config images list --kubernetes-version {version}" ] || exit 64
echo "I1120 12:00:00.000000 a warning as kubeadm prints them" >&2
printf '%s\\n' {images}
"""
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "podnet-lab" / "docker-registry"


class UnavailableError(Exception):
    """The stand-in cannot be made here; the message says why."""


def tar_of(files: Iterable[tuple[str, bytes]], mode: str = "w") -> bytes:
    """Return a tar archive of files, executable ones, owned by somebody as upstream's are."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:  # type: ignore[call-overload]
        for name, data in files:
            info = tarfile.TarInfo(name)
            info.size, info.mode, info.uid, info.gid = len(data), 0o755, 1001, 127
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def image_archive(name: str, architecture: str = "amd64") -> bytes:
    """Return an image archive of one layer, as ``docker save`` makes them."""
    layer = tar_of([("content", name.encode())])
    configuration = {
        "architecture": architecture,
        "os": "linux",
        "config": {},
        "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(layer).hexdigest()]},
    }
    raw = json.dumps(configuration).encode()
    config = hashlib.sha256(raw).hexdigest() + ".json"
    manifest = [{"Config": config, "RepoTags": [name], "Layers": ["layer.tar"]}]
    return tar_of([("manifest.json", json.dumps(manifest).encode()), (config, raw), ("layer.tar", layer)])


class _Handler(SimpleHTTPRequestHandler):
    """Serves files and notes which were asked for."""

    asked: list[str]

    def log_request(self, code: Any = "-", size: Any = "-") -> None:
        self.asked.append(f"{self.command} {self.path}")

    def log_message(self, format: str, *args: Any) -> None:
        pass


class Upstream:
    """Release files and images, and what was asked for."""

    def __init__(self, folder: Path, url: str, registry: str, asked: list[str]) -> None:
        self.folder = folder
        self.url = url
        self.registry = registry
        self.asked = asked

    def publish(self, path: str, data: bytes, named: bool = False) -> None:
        """Offer a file, and beside it its sum, as upstream does: alone, or `named` with the file's name."""
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
        name = f"  {file.name}" if named else ""
        file.with_name(file.name + ".sha256").write_text(hashlib.sha256(data).hexdigest() + name + "\n")

    def push(self, name: str, architecture: str = "amd64", below: str = "amd64") -> None:
        """Put an image into the registry, `below` a path there in place of its own registry."""
        archive = self.folder.parent / "push.tar"
        archive.write_bytes(image_archive(name, architecture))
        target = f"{self.registry}/{below}/{name.partition('/')[2]}"
        subprocess.run(
            ["skopeo", "copy", "--dest-tls-verify=false", f"docker-archive:{archive}", f"docker://{target}"],
            check=True, capture_output=True,
        )  # fmt: skip

    def release(self, architecture: str = "amd64", images: Iterable[str] = IMAGES) -> None:
        """Offer a release of Kubernetes, crictl and the CNI plugins for an architecture."""
        kubeadm = KUBEADM.format(version=VERSION, images=" ".join(images)).encode()
        for program, data in {"kubeadm": kubeadm, "kubelet": b"kubelet\n" * 4096, "kubectl": b"kubectl\n"}.items():
            self.publish(f"release/{VERSION}/bin/linux/{architecture}/{program}", data + f"# {architecture}\n".encode())
        crictl = tar_of([("crictl", b"crictl " + architecture.encode())], "w:gz")
        self.publish(f"crictl/v1.34.0/crictl-v1.34.0-linux-{architecture}.tar.gz", crictl)
        plugins = tar_of(
            [("./LICENSE", b"text"), ("./README.md", b"text"), ("./bridge", b"b"), ("./host-local", b"h")], "w:gz"
        )
        self.publish(f"cni/v1.8.0/cni-plugins-linux-{architecture}-v1.8.0.tgz", plugins, named=True)

    def options(self, below: str = "amd64") -> dict[str, Any]:
        """The options of the role that lead here instead of to the real upstream."""
        registries = dict.fromkeys(("registry.k8s.io", "docker.io", "ghcr.io"), f"{self.registry}/{below}")
        return {
            "kubernetes_bundle_version": VERSION,
            "kubernetes_bundle_release_url": f"{self.url}/release",
            "kubernetes_bundle_crictl_url": f"{self.url}/crictl",
            "kubernetes_bundle_cni_plugins_url": f"{self.url}/cni",
            "kubernetes_bundle_registries": registries,
            "kubernetes_bundle_validate_certs": False,
        }


@contextmanager
def open_upstream(scratch: Path) -> Iterator[Upstream]:
    """Serve an empty upstream; end it at the end. Raises UnavailableError."""
    if shutil.which("skopeo") is None:
        raise UnavailableError("skopeo is not installed")
    folder = scratch / "upstream"
    folder.mkdir()
    asked: list[str] = []
    handler = type("Handler", (_Handler,), {"asked": asked})
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        with _registry(scratch) as registry:
            yield Upstream(folder, f"http://127.0.0.1:{server.server_port}", registry, asked)
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def _registry(scratch: Path) -> Iterator[str]:
    """Run a registry with room in `scratch`; give its host and port."""
    program = _registry_program()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    configuration = scratch / "registry.yml"
    configuration.write_text(
        f"version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {scratch / 'registry'}}}}}\n"
        f"http: {{addr: {address}}}\n"
    )
    with (scratch / "registry.log").open("wb") as log:
        process = subprocess.Popen([program, "serve", str(configuration)], stdout=log, stderr=log)
    try:
        _wait(f"http://{address}/v2/", process, scratch / "registry.log")
        yield address
    finally:
        process.terminate()
        process.wait(timeout=30)


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + 20
    while time.monotonic() < end and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:
            time.sleep(0.05)
    raise AssertionError(f"the registry does not answer at {url}:\n{log.read_text()}")


def _registry_program() -> str:
    """Return the path of docker-registry: the installed one, or Debian's, unpacked so that no service is installed."""
    program = shutil.which("docker-registry")
    unpacked = CACHE / "usr" / "bin" / "docker-registry"
    if program is None and not unpacked.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(
            ["apt-get", "-qq", "download", "docker-registry"], cwd=CACHE, capture_output=True, text=True, check=False
        )
        packages = sorted(CACHE.glob("docker-registry_*.deb"))
        if done.returncode != 0 or not packages:
            raise UnavailableError(f"docker-registry cannot be downloaded with apt-get: {done.stderr.strip()[-300:]}")
        subprocess.run(["dpkg", "-x", str(packages[-1]), str(CACHE)], check=True)
    return program or str(unpacked)
