# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The images of a cluster and of its workload, each from programs of the build root."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from . import archive
from .archive import Entry
from .debian import within
from .steps import BuildError, Steps

WORKLOAD_IMAGE = "docker.io/library/app:1.0"
"""For pods: sh, sleep, hostname, httpd, ip, ping and the like from busybox, nslookup too, and GNU wget."""

FURTHER = {
    "kube-router": "docker.io/cloudnativelabs/kube-router:v2.1.0",
    "flannel": "ghcr.io/flannel-io/flannel:v0.27.4",
    "flannel-cni-plugin": "docker.io/library/flannel-cni-plugin:v0.9.1",
}
"""Images of what a cluster can have: a policy engine and another network. Their names are upstream's, but the plugin's,
which is an image in newer versions only."""

_LIBRARY = re.compile(r"(?:=>\s+)?(/\S+)\s+\(0x[0-9a-f]+\)$")
_IPTABLES = [family + suffix for family in ("iptables", "ip6tables") for suffix in ("", "-save", "-restore")]
_USERS = (
    Entry("etc/passwd", 0o644, content=b"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n"),
    Entry("etc/group", 0o644, content=b"root:x:0:\nnogroup:x:65534:\n"),
    Entry("etc/nsswitch.conf", 0o644, content=b"hosts: files dns\n"),
)
_TMP = Entry("tmp", 0o1777)


@dataclasses.dataclass(frozen=True)
class Image:
    """What is in an image, and its container's configuration (keys of the image specification)."""

    entries: tuple[Entry, ...]
    config: Mapping[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Source:
    """What images are made from: the build root, and compiled programs by name."""

    root: Path
    programs: Mapping[str, Path]
    steps: Steps

    def program(self, name: str, path: str) -> Entry:
        """Return a compiled program, which is static, at its path in an image."""
        return Entry(path, source=self.programs[name])

    def debian(self, *paths: str) -> list[Entry]:
        """Return files of the build root at the same paths in an image, with the libraries that they load.

        Raises BuildError when one is missing.
        """
        needed = libraries(self._said("ldd", paths))
        # Resolved there: a link to an absolute path would lead out of the build root.
        files = self._said("realpath --canonicalize-existing", (*paths, *needed)).splitlines()
        return [Entry(path, source=self.root / file[1:]) for path, file in zip((*paths, *needed), files, strict=True)]

    def _said(self, command: str, paths: Iterable[str]) -> str:
        return self.steps.ask(within(self.root, " ".join([command, *(f"/{path}" for path in paths)])))


def libraries(text: str) -> list[str]:
    """Return the paths of libraries in what ``ldd`` prints, without their leading slash.

    Its lines: ``libc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f…)`` and ``/lib64/ld-linux-x86-64.so.2 (0x0…)``;
    before the lines of each of several files one that names it, ``/usr/bin/wget:``.
    """
    found = (_LIBRARY.search(line.strip()) for line in text.splitlines())
    return sorted({match.group(1).lstrip("/") for match in found if match})


def _pause(source: Source) -> Image:
    return Image((source.program("pause", "pause"),), {"Entrypoint": ["/pause"], "User": "65535:65535"})


def _etcd(source: Source) -> Image:
    compiled = "etcd" in source.programs
    own = (
        [source.program("etcd", "usr/local/bin/etcd")] if compiled else source.debian("usr/bin/etcd", "usr/bin/etcdctl")
    )
    return Image((*own, _TMP, Entry("var/lib/etcd", 0o700)))


def _coredns(source: Source) -> Image:
    return Image((source.program("coredns", "coredns"),), {"Entrypoint": ["/coredns"]})


def _control_plane(name: str) -> Callable[[Source], Image]:
    return lambda source: Image((source.program(name, f"usr/local/bin/{name}"), _TMP))


def _with_netfilter(name: str, path: str) -> Callable[[Source], Image]:
    """Return how to make the image of a program that writes rules, with what it calls for that."""
    return lambda source: _netfilter(source, source.program(name, path))


def _netfilter(source: Source, program: Entry) -> Image:
    extensions = {str(path.relative_to(source.root)): path for path in source.root.glob("usr/lib/*/xtables/*.so")}
    aliases = {path: str(file.readlink()) for path, file in extensions.items() if file.is_symlink()}
    return Image(
        (
            program,
            *source.debian(
                "usr/sbin/xtables-nft-multi", "usr/sbin/conntrack", "usr/sbin/ipset", "usr/sbin/nft",
                "bin/kmod", "bin/ip",
                "bin/busybox", *(path for path in sorted(extensions) if path not in aliases),
            ),
            # As on the nodes: Debian's iptables is the nft one.
            *(Entry(f"usr/sbin/{name}", target="xtables-nft-multi") for name in _IPTABLES),
            *(Entry(path, target=target) for path, target in aliases.items()),
            Entry("sbin/modprobe", target="/bin/kmod"),
            *(Entry(f"bin/{name}", target="busybox") for name in ("sh", "ls", "cat")),
            *_USERS,
            # nft names protocols by it. Without it kube-proxy in mode nftables reads its own maps with numbers in
            # place of names, and at every start takes away the Services that it found there.
            Entry("etc/protocols", 0o644, source=source.root / "etc" / "protocols"),
            *(Entry(path) for path in ("lib/modules", "run")),
            _TMP,
        )
    )  # fmt: skip


def _flannel_cni_plugin(source: Source) -> Image:
    """Its container copies the plugin to the node."""
    plugin = source.program("flannel-cni-plugin", "flannel")
    return Image((plugin, *source.debian("bin/busybox"), Entry("bin/cp", target="busybox"), _TMP))


def _workload(source: Source) -> Image:
    applets = source.steps.ask(within(source.root, "busybox --list")).split()
    return Image(
        (
            *(Entry(f"bin/{name}", target="busybox") for name in applets if name != "busybox"),
            # busybox's own is built without timeouts, and then its option -T ends in a segmentation fault. A static
            # busybox is no way out: it could not resolve names, for which the C library loads another.
            *source.debian("bin/busybox", "usr/bin/wget"),
            Entry("bin/wget", target="/usr/bin/wget"),
            # As busybox does: a server that does not answer is asked once, not twenty times.
            Entry("etc/wgetrc", 0o644, content=b"tries = 1\n"),
            *_USERS,
            Entry("root", 0o700),
            _TMP,
        ),
        {"Cmd": ["/bin/sh", "-c", "mkdir -p /tmp/www; hostname > /tmp/www/index.html; exec httpd -f -h /tmp/www"]},
    )


_IMAGES: Mapping[str, Callable[[Source], Image]] = {
    "pause": _pause,
    "etcd": _etcd,
    "coredns": _coredns,
    "kube-proxy": _with_netfilter("kube-proxy", "usr/local/bin/kube-proxy"),
    "kube-router": _with_netfilter("kube-router", "usr/local/bin/kube-router"),
    "flannel": _with_netfilter("flannel", "opt/bin/flanneld"),
    "flannel-cni-plugin": _flannel_cni_plugin,
    **{name: _control_plane(name) for name in ("kube-apiserver", "kube-controller-manager", "kube-scheduler")},
    "app": _workload,
}


def component(name: str) -> str:
    """Return the component of an image's name. Raises BuildError for one that has no recipe here.

    >>> component("k8s.gcr.io/kube-proxy:v1.20.2")
    'kube-proxy'
    """
    found = name.rpartition("/")[2].partition(":")[0]
    if found not in _IMAGES:
        raise BuildError(f"kubeadm asks for the image {name}, which this program cannot make: add it to images.py.")
    return found


def names_of(listing: str) -> list[str]:
    """Return the images of a bundle: those of ``kubeadm config images list``, a line each, and the workload's."""
    return [*listing.split(), WORKLOAD_IMAGE]


def write_images(folder: Path, names: Iterable[str], architecture: str, source: Source) -> dict[str, str]:
    """Write an archive of each image into `folder`; return the images' names by file name. Raises BuildError."""
    written = {}
    for name in names:
        recipe = component(name)
        image = _IMAGES[recipe](source)
        archive.write(folder / f"{recipe}.tar", name, architecture, image.entries, image.config)
        written[f"{recipe}.tar"] = name
    return written
