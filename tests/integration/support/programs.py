# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Programs of Debian packages on nodes, without anything being installed on the machine."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from ansible_collections.podnet.lab.tests.integration.support.nodes import Nodes

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "podnet-lab" / "programs"
PLACE = "/usr/local/sbin"
"""Where a node gets the programs: of the machine's /usr a node sees all, and cannot change it."""


def unpacked(packages: Sequence[str]) -> Path:
    """The root of a tree with the files of these packages, or skip when apt cannot download them."""
    root = CACHE / "-".join(packages)
    if not root.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        command = ["apt-get", "-qq", "download", *packages]
        try:
            done = subprocess.run(command, cwd=CACHE, capture_output=True, text=True, check=False)
        except FileNotFoundError:
            pytest.skip("no apt-get on this machine")
        if done.returncode != 0:
            pytest.skip(f"{', '.join(packages)} cannot be downloaded with apt-get: {done.stderr.strip()[-300:]}")
        making = root.with_suffix(".new")
        for name in packages:
            subprocess.run(["dpkg", "-x", str(sorted(CACHE.glob(f"{name}_*.deb"))[-1]), str(making)], check=True)
        making.rename(root)
    return root


def put(nodes: Nodes, node: str, files: Sequence[Path]) -> None:
    """Have files in a directory of a node's PATH, which is its own until :func:`take_away`."""
    nodes.shell(node, f"mount -t tmpfs tmpfs {PLACE}")
    for path in files:
        with path.open("rb") as content:
            command = nodes.ssh(node, f"cat > {PLACE}/{path.name}")
            subprocess.run(command, stdin=content, check=True, capture_output=True)
    nodes.shell(node, f"chmod 755 {PLACE}/*")


def put_with_library(nodes: Nodes, node: str, files: Sequence[Path]) -> None:
    """As :func:`put`, for a program, the first file, that needs a library which the machine does not have."""
    put(nodes, node, files)
    if files:
        name = files[0].name
        script = f'#!/bin/sh\nLD_LIBRARY_PATH={PLACE} exec {PLACE}/real/{name} "$@"\n'
        nodes.shell(node, f"mkdir {PLACE}/real && mv {PLACE}/{name} {PLACE}/real/")
        nodes.shell(node, f"printf '%s' '{script}' > {PLACE}/{name}; chmod 755 {PLACE}/{name}")


def take_away(nodes: Nodes, node: str) -> None:
    """Give a node its own directory back."""
    nodes.shell(node, f"umount -l {PLACE}")


@contextmanager
def of_network(nodes: Nodes, network: str) -> Iterator[None]:
    """Have on node1 and node2 what a way to join them needs beside the kernel; or skip."""
    names = ("node1", "node2")
    if network == "wireguard":
        files = found(["wireguard-tools", "wireguard-go"], "wg", "wireguard-go")
        for node in names:
            nodes.shell(node, "[ -e /dev/net/tun ] || { mkdir -p /dev/net; mknod /dev/net/tun c 10 200; }")
            put(nodes, node, files)
    elif network == "bgp":
        files = found(["bird2", "libssh-gcrypt-4"], "bird", "birdc", "libssh-gcrypt.so.4")
        for node in names:
            put_with_library(nodes, node, files)
    try:
        yield
    finally:
        for node in names if network in ("wireguard", "bgp") else ():
            take_away(nodes, node)
            # What the node was made with is mounted there, and stays.
            nodes.shell(node, "rm -f /dev/net/tun 2>/dev/null && rmdir /dev/net 2>/dev/null || true")


def found(packages: Sequence[str], *names: str) -> list[Path]:
    """The files of these names: those that are installed on the machine, else those of the packages; or skip."""
    if all(shutil.which(name) for name in names if ".so." not in name):
        return []
    root = unpacked(packages)
    places = ("usr/*bin", "usr/lib/*")
    files = [
        next((path for place in places for path in root.glob(f"{place}/{name}") if path.is_file()), None)
        for name in names
    ]
    assert None not in files, f"{packages} have not all of {names}"
    return [path for path in files if path is not None]
