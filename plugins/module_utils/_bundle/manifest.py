# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""The offline bundle: what its manifest says, and where its files go on a node.

The control node and the managed node read the same manifest with the same functions; docs/bundle.md
describes the format. Nothing here touches a system but :func:`digest_of`.
"""

from __future__ import annotations

import hashlib
import re
from typing import Any, Dict, Iterable, List, NamedTuple, Optional, Tuple

FORMAT = 1
MANIFEST = "manifest.json"
LARGEST_MANIFEST = 4 * 1024 * 1024
"""In bytes."""

_SHA256 = re.compile(r"[0-9a-f]{64}\Z")
_VERSION = re.compile(r"v[0-9]+\.[0-9]+\.[0-9]+[0-9A-Za-z.+-]*\Z")
_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+@-]*\Z")
_MODE = re.compile(r"0?[0-7]{3}\Z")

REQUIRED = (
    "bin/kubeadm",
    "bin/kubelet",
    "bin/kubectl",
    "bin/crictl",
    "units/kubelet.service",
    "units/10-kubeadm.conf",
)
"""Without these no node can be made."""

# Unit files name /usr/bin/kubelet, as those of the upstream packages do.
_DESTINATIONS = {
    "bin/": "/usr/bin/",
    "cni/bin/": "/opt/cni/bin/",
    "manifests/": "/etc/podnet-lab/kubeadm_cluster/manifests/",
}
_UNITS = {
    "units/kubelet.service": "/etc/systemd/system/kubelet.service",
    "units/10-kubeadm.conf": "/etc/systemd/system/kubelet.service.d/10-kubeadm.conf",
}
# uname -m and the names that Go and Kubernetes use.
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "ppc64le": "ppc64le", "s390x": "s390x", "armv7l": "arm"}


class BundleFile(NamedTuple):
    """A file that is installed: its place in the bundle and on the node."""

    path: str
    sha256: str
    mode: int
    destination: str


class BundleImage(NamedTuple):
    """An image archive (docker-archive or OCI layout in a tar) and the names of the images in it."""

    path: str
    sha256: str
    names: Tuple[str, ...]


class Bundle(NamedTuple):
    """A manifest as far as it could be understood."""

    kubernetes_version: str
    architecture: str
    files: Tuple[BundleFile, ...]
    images: Tuple[BundleImage, ...]
    stand_ins: Tuple[str, ...]

    @property
    def sums(self) -> Dict[str, str]:
        """SHA-256 of every file of the bundle, by its path in it."""
        sums = {item.path: item.sha256 for item in self.files}
        sums.update((item.path, item.sha256) for item in self.images)
        return sums


def full_image_name(name: str) -> str:
    """Return an image's name as containerd has it, with registry and tag.

    >>> full_image_name("busybox")
    'docker.io/library/busybox:latest'
    >>> full_image_name("registry.k8s.io/pause:3.9")
    'registry.k8s.io/pause:3.9'
    """
    first, slash, rest = name.partition("/")
    if not slash:
        name = "docker.io/library/" + name
    elif "." not in first and ":" not in first and first != "localhost":
        name = "docker.io/%s/%s" % (first, rest)
    last = name.rpartition("/")[2]
    return name if ":" in last or "@" in last else name + ":latest"


def safe_path(path: Any) -> bool:
    """Tell whether `path` is relative, without ``..``, hidden or odd parts."""
    return isinstance(path, str) and bool(path) and all(_PART.match(part) for part in path.split("/"))


def destination(path: str) -> Optional[str]:
    """Return where a file of the bundle goes on a node; None when it goes nowhere."""
    if path in _UNITS:
        return _UNITS[path]
    for prefix, directory in _DESTINATIONS.items():
        name = path[len(prefix) :]
        if path.startswith(prefix) and name and "/" not in name:
            return directory + name
    return None


def _files(raw: Any, faults: List[str]) -> List[BundleFile]:
    files: Dict[str, BundleFile] = {}
    for index, entry in enumerate(raw if isinstance(raw, list) else []):
        where = "files[%d]" % index
        if not isinstance(entry, dict):
            faults.append("%s is not a mapping" % where)
            continue
        path, sha256, mode = entry.get("path"), entry.get("sha256"), entry.get("mode", "0644")
        if not isinstance(path, str) or not safe_path(path):
            faults.append("%s.path %r is not a plain relative path" % (where, path))
            continue
        target = destination(path)
        if target is None:
            faults.append(
                "%s.path %r is in no directory of the format (bin, cni/bin, units, manifests)" % (where, path)
            )
            continue
        if not isinstance(sha256, str) or not _SHA256.match(sha256):
            faults.append("%s.sha256 of %s is not a SHA-256 sum" % (where, path))
            continue
        if not isinstance(mode, str) or not _MODE.match(mode):
            faults.append("%s.mode %r of %s is not a mode like 0755" % (where, mode, path))
            continue
        if path in files:
            faults.append("%s: %s is listed twice" % (where, path))
        files[path] = BundleFile(path, sha256, int(mode, 8), target)
    return list(files.values())


def _images(raw: Any, faults: List[str]) -> List[BundleImage]:
    images: Dict[str, BundleImage] = {}
    for index, entry in enumerate(raw if isinstance(raw, list) else []):
        where = "images[%d]" % index
        if not isinstance(entry, dict):
            faults.append("%s is not a mapping" % where)
            continue
        path, sha256, names = entry.get("file"), entry.get("sha256"), entry.get("names")
        if isinstance(path, str) and "/" not in path:
            path = "images/" + path
        if not isinstance(path, str) or not safe_path(path) or not path.startswith("images/"):
            faults.append("%s.file %r is not a file below images/" % (where, path))
            continue
        if not isinstance(sha256, str) or not _SHA256.match(sha256):
            faults.append("%s.sha256 of %s is not a SHA-256 sum" % (where, path))
            continue
        if not isinstance(names, list) or not names or not all(isinstance(name, str) and name for name in names):
            faults.append("%s.names of %s is not a list of image names" % (where, path))
            continue
        if path in images:
            faults.append("%s: %s is listed twice" % (where, path))
        images[path] = BundleImage(path, sha256, tuple(full_image_name(name) for name in names))
    return list(images.values())


def read_manifest(raw: Any) -> Tuple[Bundle, List[str]]:
    """Return a bundle and everything that is wrong with its manifest, as sentences.

    `raw` is the parsed ``manifest.json``::

        {"format": 1, "kubernetes_version": "v1.20.2", "architecture": "amd64",
         "files": [{"path": "bin/kubeadm", "sha256": "…", "mode": "0755", "version": "v1.20.2"}],
         "images": [{"file": "images/pause.tar", "sha256": "…", "names": ["k8s.gcr.io/pause:3.2"]}],
         "components": {"containerd": "debian"}, "stand_ins": ["crictl"]}
    """
    faults: List[str] = []
    if not isinstance(raw, dict):
        return Bundle("", "", (), (), ()), ["it is not a mapping"]
    if raw.get("format") != FORMAT:
        faults.append("its format is %r, and this collection reads format %d" % (raw.get("format"), FORMAT))
    version = raw.get("kubernetes_version")
    if not isinstance(version, str) or not _VERSION.match(version):
        faults.append("kubernetes_version %r is not a version like v1.34.2" % (version,))
    architecture = raw.get("architecture")
    if architecture not in ARCHITECTURES.values():
        faults.append("architecture %r is none of %s" % (architecture, ", ".join(sorted(ARCHITECTURES.values()))))
    files, images = _files(raw.get("files"), faults), _images(raw.get("images"), faults)
    have = {item.path for item in files}
    faults += ["%s is not in it" % path for path in REQUIRED if path not in have]
    stand_ins = raw.get("stand_ins") or []
    if not isinstance(stand_ins, list):
        faults.append("stand_ins is not a list")
        stand_ins = []
    bundle = Bundle(
        str(version), str(architecture), tuple(files), tuple(images), tuple(str(name) for name in stand_ins)
    )
    return bundle, faults


def manifest_of(
    version: str,
    architecture: str,
    files: Iterable[Tuple[str, str, int]],
    images: Iterable[Tuple[str, str, List[str]]],
    components: Dict[str, str],
    stand_ins: List[str],
) -> Dict[str, Any]:
    """Return a manifest without ``created_at``; `files` are path, sum and mode, `images` path, sum and names."""
    return {
        "format": FORMAT,
        "kubernetes_version": version,
        "architecture": architecture,
        "files": [{"path": path, "sha256": sha256, "mode": "%04o" % mode} for path, sha256, mode in sorted(files)],
        "images": [{"file": path, "sha256": sha256, "names": names} for path, sha256, names in sorted(images)],
        "components": components,
        "stand_ins": stand_ins,
    }


def digest_of(path: str) -> str:
    """Return the SHA-256 sum of a file in hexadecimal.

    Raises OSError when it cannot be read.
    """
    total = hashlib.sha256()
    with open(path, "rb") as opened:
        for block in iter(lambda: opened.read(1 << 20), b""):
            total.update(block)
    return total.hexdigest()


def parse_image_list(text: str) -> Dict[str, str]:
    """Return name and digest of each image that ``ctr -n k8s.io images ls`` shows.

    Its lines::

        REF                   TYPE                                                 DIGEST       SIZE    PLATFORMS   …
        k8s.gcr.io/pause:3.2  application/vnd.docker.distribution.manifest.v2+json sha256:ab12… 690 KiB linux/amd64 …
    """
    images = {}
    for line in text.splitlines()[1:]:
        words = line.split()
        digest = next((word for word in words[1:] if word.startswith("sha256:")), None)
        if digest is not None:
            images[words[0]] = digest
    return images
