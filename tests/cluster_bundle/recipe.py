# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a way to build Kubernetes says of itself."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Protocol

from .steps import Steps

STAMPED = (
    "kubeadm",
    "kubelet",
    "kubectl",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kube-proxy",
)
"""Programs that carry Kubernetes' version."""

PROGRAMS_OF_CONTAINERD = ("containerd", "containerd-shim-runc-v2", "ctr")
"""Those of one version are in a folder of the bundle, and the folder is in their names: containerd-2.1/ctr."""


@dataclasses.dataclass(frozen=True)
class Versions:
    """The versions of the bundles: the source's own, and for upgrades a next patch and a next minor one, if any.

    A previous minor version is one that is really another; it is built only when it is asked for.
    """

    base: str
    patch: str | None
    minor: str | None
    previous: str | None = None

    def __iter__(self) -> Iterator[str]:
        """Those that are built together."""
        return (version for version in (self.base, self.patch, self.minor) if version)


class Recipe(Protocol):
    """A way to get the programs of a cluster: ``go_modules`` and ``debian_source`` are the two."""

    TITLE: str
    """What it is called in messages."""
    VERSIONS: Versions
    PACKAGES: tuple[str, ...]
    """Debian's packages in the build root, beside those of ``debian.PACKAGES``."""
    SOURCE: tuple[str, str] | None
    """Name and version of the source package in the build root."""
    STAND_INS: Mapping[str, str]
    """Programs that are in the place of others, and the reason."""
    PATIENCE: str
    """How long a build takes, for people."""
    DISK: int
    """What a build of all versions needs of the disk meanwhile, in bytes."""

    def compile_programs(self, tree: Path, root: Path, version: str, steps: Steps) -> dict[str, Path]:
        """Return the programs of a version by name: those STAMPED, crictl, coredns and pause; and maybe etcd, which is
        Debian's otherwise, a containerd, and those of the images ``FURTHER``. What an earlier start compiled stays.
        Raises BuildError.
        """

    def components(self, version: str) -> dict[str, str]:
        """Return what the programs of a version were made from, for the manifest's readers."""
