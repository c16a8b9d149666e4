# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""containerd's configuration in the form of each of its versions, from the role's template."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from ansible.plugins.test.core import version_compare
from jinja2 import Environment

TEMPLATE = Path(__file__).parents[5] / "roles" / "kubeadm_cluster" / "templates" / "containerd.toml.j2"


def configuration(version: str, **changes: Any) -> dict[str, Any]:
    wanted = {
        "sandbox_image": "registry.k8s.io/pause:3.10.1",
        "cni_bin_dir": "/opt/cni/bin",
        "systemd_cgroup": True,
        "restrict_oom_score_adj": False,
    }
    environment = Environment(trim_blocks=True)
    environment.tests["version"] = version_compare
    text = environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        __kubeadm_cluster_node={"containerd": {**wanted, **changes}},
        __kubeadm_cluster_containerd_version=version,
        __kubeadm_cluster_state_dir="/etc/x",
    )
    return tomllib.loads(text)


@pytest.mark.parametrize("version", ["1.6.20~ds1", "1.7.24", "1.7.28-0ubuntu1"])
def test_containerd_1_has_all_in_one_plugin(version: str) -> None:
    found = configuration(version)
    cri = found["plugins"]["io.containerd.grpc.v1.cri"]
    assert found["version"] == 2
    assert cri["sandbox_image"] == "registry.k8s.io/pause:3.10.1"
    assert cri["registry"] == {"config_path": "/etc/containerd/certs.d"}
    assert cri["cni"] == {"bin_dir": "/opt/cni/bin", "conf_dir": "/etc/cni/net.d"}
    assert cri["containerd"]["runtimes"]["runc"]["options"]["SystemdCgroup"] is True


@pytest.mark.parametrize(
    ("version", "directories"), [("2.0.6", {"bin_dir": "/opt/cni/bin"}), ("2.1.4", {"bin_dirs": ["/opt/cni/bin"]})]
)
def test_containerd_2_has_images_apart_from_what_runs(version: str, directories: dict[str, Any]) -> None:
    found = configuration(version)
    assert found["version"] == 3
    images, runtime = (found["plugins"][f"io.containerd.cri.v1.{part}"] for part in ("images", "runtime"))
    assert images["pinned_images"] == {"sandbox": "registry.k8s.io/pause:3.10.1"}
    assert images["registry"] == {"config_path": "/etc/containerd/certs.d"}
    assert runtime["cni"] == {**directories, "conf_dir": "/etc/cni/net.d"}
    assert runtime["containerd"]["runtimes"]["runc"]["options"]["SystemdCgroup"] is True
    assert "io.containerd.grpc.v1.cri" not in found["plugins"]


@pytest.mark.parametrize(("version", "plugin"), [("1.7.24", "grpc.v1.cri"), ("2.1.4", "cri.v1.runtime")])
def test_what_the_node_cannot_do_is_left_out(version: str, plugin: str) -> None:
    found = configuration(version, restrict_oom_score_adj=True, systemd_cgroup=False)
    cri = found["plugins"]["io.containerd." + plugin]
    assert cri["restrict_oom_score_adj"] is True
    assert cri["containerd"]["runtimes"]["runc"]["options"]["SystemdCgroup"] is False
