# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The build root: a Debian with a compiler, the programs that go into images, and what else a recipe asks for.

It is made by mmdebstrap with an apt configuration of its own, so that it is the same on every Debian that hosts it,
and nothing is installed there. Its packages come from the archive that the machine's own apt uses.
"""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

from .steps import BuildError, Steps, Words

SUITE = "bookworm"
"""The last Debian that has Kubernetes as a source package, for the recipe that builds from it."""

PACKAGES = (
    "busybox",
    "conntrack",
    "iproute2",
    "ipset",
    "iptables",
    "kmod",
    "nftables",
    "wget",
)
"""What images are made of."""

NEWER = ("trixie", "containerd")
"""The next Debian and its package of containerd 1.7, whose programs run on SUITE as well."""

CONTAINERD = "containerd-1.7"
"""The folder of its programs, in BUILD and in a bundle."""

BUILD = "/build"
"""The directory of everything that is built, in the build root."""

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LC_ALL": "C.UTF-8"}

ALONE = ("setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--pid", "--fork", "--kill-child")
"""Runs a command in namespaces of its own. What ends this program, even a signal that it cannot catch, ends the command
and all that it started, and its mounts vanish with it.
"""


def architecture() -> str:
    """Return this machine's architecture as Kubernetes and Debian name it. Raises BuildError for one never tried."""
    try:
        return _ARCHITECTURES[platform.machine()]
    except KeyError:
        raise BuildError(
            f"This machine is {platform.machine()}; bundles are built for {' and '.join(_ARCHITECTURES)} only."
        ) from None


def why_not() -> str | None:
    """Return what keeps this process from building, and what to do; None when nothing does."""
    if os.geteuid():
        return "Only root can build one (the build root is a chroot): run this as root, or with sudo."
    if shutil.which("mmdebstrap") is None:
        return "mmdebstrap is not here: install the Debian package mmdebstrap, as `tools/setup --tests` does."
    return None


INDEX_TARGETS = ("apt-get", "indextargets", "--format", "$(ORIGIN)|$(LABEL)|$(REPO_URI)")
"""Prints the repositories of the machine's apt, for `archive_of`."""


def archive_of(targets: str) -> str:
    """Return the address of Debian's main archive among the repositories that `INDEX_TARGETS` prints.

    Raises BuildError when there is none.

    >>> archive_of("Debian|Debian-Security|http://mirror.example/security/\\nDebian|Debian|http://mirror.example/d/\\n")
    'http://mirror.example/d/'
    """
    for line in targets.splitlines():
        origin, _bar, rest = line.partition("|")
        label, _bar, address = rest.partition("|")
        if (origin, label) == ("Debian", "Debian") and address:
            return address
    raise BuildError(
        "This machine's apt names no archive of Debian: add one to /etc/apt/sources.list.d and run `apt-get update`."
    )


def build_root(tree: Path, packages: Sequence[str], source: tuple[str, str] | None, steps: Steps) -> Path:
    """Return the build root below a build tree, made when it is missing. Raises BuildError.

    It has PACKAGES and `packages`, and in BUILD a folder CONTAINERD and the files of a source package, given by name
    and version.
    """
    root = tree / "root"
    if root.exists():
        return root
    half = tree / "root.half"
    with steps.step(f"Debian {SUITE}, by mmdebstrap"):
        shutil.rmtree(half, ignore_errors=True)
        archive = archive_of(steps.ask(INDEX_TARGETS))
        # A proxy, for instance: mmdebstrap's apt does not read the machine's settings.
        settings = steps.ask(["apt-config", "dump", "--format", '%F "%v";%n', "Acquire::http", "Acquire::https"])
        newer, containerd = NEWER
        fetch = [
            'export APT_CONFIG="$MMDEBSTRAP_APT_CONFIG"',
            f"apt-get download --quiet {containerd}/{newer}",
            f"dpkg-deb --extract {containerd}_*.deb {containerd}",
            f"mv {containerd}/usr/bin {CONTAINERD}",
        ]
        if source:
            fetch.append(f"apt-get source --download-only --quiet {'='.join(source)}")
        command: Words = [
            *(
                *ALONE,
                "--mount-proc",
                "--",
                "mmdebstrap",
                "--variant=minbase",
                "--mode=root",
                f"--architecture={architecture()}",
            ),
            *(f"--aptopt={line}" for line in settings.splitlines() if not line.endswith('"";')),
            f"--include={','.join((*PACKAGES, *packages))}",
            f'--aptopt=APT::Default-Release "{SUITE}"',
            f'--customize-hook=mkdir "$1{BUILD}" && cd "$1{BUILD}" && {" && ".join(fetch)}',
            *(SUITE, half, f"deb {archive} {SUITE} main", f"deb-src {archive} {SUITE} main"),
            f"deb {archive} {newer} main",
        ]
        steps.run(command)
        half.rename(root)
    return root


def within(root: Path, script: str, **variables: str) -> list[str]:
    """Return the command line that runs a shell script in the build root, without network and by itself."""
    environment = {**_ENVIRONMENT, **variables}
    return [
        *(*ALONE, "--net", f"--root={root}", "--mount-proc"),
        *("--", "env", "-i", *(f"{name}={value}" for name, value in environment.items()), "sh", "-euc", script),
    ]


def versions_of(root: Path, packages: Iterable[str], steps: Steps) -> dict[str, str]:
    """Return the version of each package in the build root."""
    text = steps.ask(within(root, "dpkg-query --show " + " ".join(packages)))
    return dict(line.split("\t") for line in text.splitlines())
