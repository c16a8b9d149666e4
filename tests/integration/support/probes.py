# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Probes: what this kernel and machine can do. A missing feature skips the test and says what is missing."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from ansible_collections.podnet.lab.plugins.module_utils._local_nodes import cgroups
from ansible_collections.podnet.lab.plugins.module_utils._local_nodes import root as roots
from ansible_collections.podnet.lab.tests.integration.support.world import PATH, World

NODE_PYTHONS = ("3.8", "3.9", "3.10", "3.11", "3.12", "3.13", "3.14")


def require_root() -> None:
    """Skip unless the test runs as root of the machine."""
    if os.geteuid() != 0:
        pytest.skip("needs root of this machine")


def require_tool(name: str, package: str) -> str:
    """The path of a program, or skip with the Debian package that has it."""
    found = shutil.which(name, path=PATH)
    if found is None:
        pytest.skip(f"no {name} on this machine (Debian: {package})")
    return found


def require_full_nodes(data: Path) -> None:
    """Skip unless full nodes can be made here that keep their files in `data`."""
    require_root()
    require_tool("sshd", "openssh-server")
    require_tool("mmdebstrap", "mmdebstrap")
    if "\toverlay\n" not in Path("/proc/filesystems").read_text():
        pytest.skip("this kernel has no overlayfs (modprobe overlay)")
    faults = [
        *cgroups.faults_of_machine(),
        *roots.check_disk("data", str(data), *roots.see_disk(str(data)), roots.SPACE_FOR_NODES, is_upper=True),
    ]
    for fault in faults:
        pytest.skip(fault)


def missing_controllers(hierarchies: Sequence[cgroups.Hierarchy], available: str) -> list[str]:
    """The controllers that runtimes need and no hierarchy has; *available* is version 2's ``cgroup.controllers``."""
    offered = {name for one in hierarchies if one.fstype == "cgroup" for name in one.options.split(",")}
    offered.update(available.split())
    return [name for name in cgroups.CONTROLLERS if name not in offered]


def require_controllers() -> None:
    """Skip where control groups have no controllers: docker, podman and services with limits do not start there."""
    hierarchies = cgroups.see_hierarchies()
    tops = [Path(one.mountpoint) / "cgroup.controllers" for one in hierarchies if one.fstype == "cgroup2"]
    missing = missing_controllers(hierarchies, " ".join(top.read_text() for top in tops if top.exists()))
    if missing:
        pytest.skip(f"this machine's control groups have no controller {', '.join(missing)}")


def require_link_kind(world: World, kind: str, *options: str) -> None:
    """Skip unless this kernel makes links of the kind (probed in a namespace of its own)."""
    made = world.run(
        "unshare", "--net", "ip", "link", "add", "probe0", "type", kind, *options, check=False
    )  # fmt: skip
    if made.returncode != 0:
        pytest.skip(f"this kernel makes no link of kind {kind}: {made.stderr.strip()}")


def _version(interpreter: str) -> str | None:
    """``X.Y`` as the interpreter itself says, or None when it does not run."""
    try:
        said = subprocess.run(
            [interpreter, "-c", "import sys; print('%d.%d' % sys.version_info[:2]); print(sys.executable)"],
            capture_output=True,
            text=True,
            check=False,
            timeout=20,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return said.stdout.split("\n", 1)[0] if said.returncode == 0 else None


@functools.cache
def find_python(version: str) -> str | None:
    """The absolute path of a working ``pythonX.Y``: from PATH, else one that pyenv keeps."""
    if "%d.%d" % sys.version_info[:2] == version:
        return sys.executable
    name = "python" + version
    found = shutil.which(name)
    if found and _version(found) == version:
        return os.path.realpath(found)
    pyenv = shutil.which("pyenv")
    if pyenv is None:
        return None
    listed = subprocess.run([pyenv, "versions", "--bare"], capture_output=True, text=True, check=False).stdout.split()
    for kept in listed:
        if kept == version or kept.startswith(version + "."):
            prefix = subprocess.run([pyenv, "prefix", kept], capture_output=True, text=True, check=False).stdout.strip()
            candidate = os.path.join(prefix, "bin", name)
            if prefix and _version(candidate) == version:
                return candidate
    return None


def require_python(version: str) -> str:
    """The absolute path of a working ``pythonX.Y``, or skip."""
    found = find_python(version)
    if found is None:
        pytest.skip(f"no python{version} on this machine")
    return found
