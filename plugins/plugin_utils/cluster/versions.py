# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What follows from a version of Kubernetes."""

from __future__ import annotations

import re
from typing import NamedTuple

_VERSION = re.compile(r"v?(\d+)\.(\d+)\.(\d+)([-+][0-9A-Za-z.+-]+)?\Z")


class Version(NamedTuple):
    """A version of Kubernetes. Versions compare as their numbers do; `precedence` heeds pre-releases as well."""

    major: int
    minor: int
    patch: int
    rest: str = ""

    def __str__(self) -> str:
        return f"v{self.major}.{self.minor}.{self.patch}{self.rest}"

    @property
    def series(self) -> str:
        """Major and minor, as in the name of a package repository: ``1.34``."""
        return f"{self.major}.{self.minor}"

    @property
    def precedence(self) -> tuple[int, int, int, bool, str]:
        """A key by which a pre-release comes before its release (semver.org, 11)."""
        return (self.major, self.minor, self.patch, not self.rest.startswith("-"), self.rest)


OLDEST = Version(1, 19, 0)
"""The first whose kubeadm takes everything that this role writes (v1beta2 with kubelet configuration)."""


DUAL_STACK = Version(1, 23, 0)
"""Both families are stable from here on (KEP 563); before, they hung on a feature gate."""

NFTABLES_PROXY = Version(1, 31, 0)
"""kube-proxy's mode nftables is on by itself from here on (KEP 3866: beta)."""

KUBELET_DROP_INS = Version(1, 30, 0)
"""The kubelet's ``--config-dir`` needs no environment variable from here on (KEP 3983: beta)."""

CGROUP_2_ONLY = Version(1, 35, 0)
"""The kubelet does not start on control groups of version 1 from here on, unless failCgroupV1 is false (KEP 5573)."""

TIMEOUTS = Version(1, 31, 0)
"""kubeadm's configuration has timeouts for all that it does from v1beta4 on."""

CERTIFICATES_AS_JSON = Version(1, 30, 0)
"""``kubeadm certs check-expiration`` has ``--output json`` from here on."""


def parse_version(text: object) -> Version | None:
    """Return the version in a text like ``v1.34.2`` or ``1.34.2``, or None.

    >>> str(parse_version("1.20.2"))
    'v1.20.2'
    """
    found = _VERSION.match(text.strip()) if isinstance(text, str) else None
    if found is None:
        return None
    return Version(int(found[1]), int(found[2]), int(found[3]), found[4] or "")


def config_api(version: Version) -> str:
    """Return the newest version of kubeadm's configuration API that a version of kubeadm knows.

    v1beta2 came with 1.15, v1beta3 with 1.22, v1beta4 with 1.31 (kubernetes/kubernetes,
    cmd/kubeadm/app/apis/kubeadm).
    """
    if version >= (1, 31, 0):
        return "v1beta4"
    if version >= (1, 22, 0):
        return "v1beta3"
    return "v1beta2"


# From, image: PauseVersion in kubernetes/kubernetes, cmd/kubeadm/app/constants/constants.go.
_PAUSE = (
    ((1, 36, 0), "3.10.2"),
    ((1, 34, 0), "3.10.1"),
    ((1, 31, 0), "3.10"),
    ((1, 26, 0), "3.9"),
    ((1, 25, 0), "3.8"),
    ((1, 24, 0), "3.7"),
    ((1, 23, 0), "3.6"),
    ((1, 22, 0), "3.5"),
    ((1, 21, 0), "3.4.1"),
    ((1, 0, 0), "3.2"),
)


def image_repository(version: Version) -> str:
    """Return where upstream's images of a version are; registry.k8s.io replaced k8s.gcr.io in 1.25."""
    return "registry.k8s.io" if version >= (1, 25, 0) else "k8s.gcr.io"


def sandbox_image(version: Version, repository: str | None = None) -> str:
    """Return the image of a pod's sandbox for a version."""
    tag = next(tag for since, tag in _PAUSE if version >= since)
    return f"{repository or image_repository(version)}/pause:{tag}"


def control_plane_taint(version: Version) -> str:
    """Return the key of the taint that kubeadm gives nodes of the control plane (renamed in 1.24)."""
    return "node-role.kubernetes.io/control-plane" if version >= (1, 24, 0) else "node-role.kubernetes.io/master"
