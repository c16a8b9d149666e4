# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What goes into a bundle: Debian's archive, versions in programs, libraries and images; and its manifest."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ansible_collections.podnet.lab.plugins.plugin_utils.bundle.bundles import load, unpack
from ansible_collections.podnet.lab.tests.cluster_bundle import NODE_PACKAGES, VERSIONS, WORKLOAD_IMAGE, debian
from ansible_collections.podnet.lab.tests.cluster_bundle.compile import linker_flags
from ansible_collections.podnet.lab.tests.cluster_bundle.images import Source, component, libraries, names_of
from ansible_collections.podnet.lab.tests.cluster_bundle.manifest import manifest_of
from ansible_collections.podnet.lab.tests.cluster_bundle.steps import BuildError, Steps, Words

# As `kubeadm config images list --kubernetes-version v1.20.2` prints it.
LISTING = """\
k8s.gcr.io/kube-apiserver:v1.20.2
k8s.gcr.io/kube-controller-manager:v1.20.2
k8s.gcr.io/kube-scheduler:v1.20.2
k8s.gcr.io/kube-proxy:v1.20.2
k8s.gcr.io/pause:3.2
k8s.gcr.io/etcd:3.4.13-0
k8s.gcr.io/coredns:1.7.0
"""


def test_debians_main_archive_is_taken_from_apt() -> None:
    targets = """\
Google|Google Cloud SDK|http://cloud.example/apt/
|Debian|http://no-origin.example/
Debian|Debian-Security|http://mirror.example/debian-security/
Debian|Debian|http://mirror.example/debian/
Debian|Debian|http://second.example/debian/
"""
    assert debian.archive_of(targets) == "http://mirror.example/debian/"


@pytest.mark.parametrize("targets", ["", "Ubuntu|Ubuntu|http://mirror.example/ubuntu/\n", "Debian|Debian|\n"])
def test_an_apt_without_debian_is_refused_with_advice(targets: str) -> None:
    with pytest.raises(BuildError, match=r"sources\.list\.d"):
        debian.archive_of(targets)


def test_an_architecture_never_tried_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "riscv64")
    with pytest.raises(BuildError, match="riscv64"):
        debian.architecture()


def test_the_version_is_stamped_as_a_release_does_it() -> None:
    words = linker_flags("v1.21.0").split()
    for package in ("client-go/pkg/version", "component-base/version"):
        for stamp in ("gitVersion=v1.21.0", "gitMajor=1", "gitMinor=21"):
            assert f"k8s.io/kubernetes/vendor/k8s.io/{package}.{stamp}" in words


def test_libraries_of_one_and_of_several_files() -> None:
    # As ldd of glibc 2.36 prints it.
    text = """\
/usr/bin/wget:
\tlinux-vdso.so.1 (0x00007ffd6a5f2000)
\tlibpcre2-8.so.0 => /lib/x86_64-linux-gnu/libpcre2-8.so.0 (0x00007f4c0a9c6000)
\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f4c0a7e5000)
\t/lib64/ld-linux-x86-64.so.2 (0x00007f4c0ab2f000)
/build/out/pause:
\tnot a dynamic executable
/bin/busybox:
\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f8ab9924000)
"""
    assert libraries(text) == [
        "lib/x86_64-linux-gnu/libc.so.6",
        "lib/x86_64-linux-gnu/libpcre2-8.so.0",
        "lib64/ld-linux-x86-64.so.2",
    ]


class BuildRoot(Steps):
    """Answers as a build root would in which the loader is a link to an absolute path, as on Debian 12."""

    def ask(self, command: Words) -> str:
        script = str(command[-1])
        if script == "ldd /usr/bin/etcd":
            return "\t/lib64/ld-linux-x86-64.so.2 (0x00007f4c0ab2f000)\n"
        assert script == "realpath --canonicalize-existing /usr/bin/etcd /lib64/ld-linux-x86-64.so.2"
        return "/usr/bin/etcd\n/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2\n"


def test_programs_come_with_their_libraries_from_the_build_root(tmp_path: Path) -> None:
    source = Source(tmp_path, {}, BuildRoot(tmp_path / "log"))
    assert [(entry.path, entry.source) for entry in source.debian("usr/bin/etcd")] == [
        ("usr/bin/etcd", tmp_path / "usr/bin/etcd"),
        ("lib64/ld-linux-x86-64.so.2", tmp_path / "usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2"),
    ]


def test_there_is_a_recipe_for_every_image_that_kubeadm_asks_for() -> None:
    names = names_of(LISTING)
    assert names[-1] == WORKLOAD_IMAGE
    assert len({component(name) for name in names}) == 8


def test_an_image_without_recipe_is_refused_by_its_name() -> None:
    with pytest.raises(BuildError, match=r"k8s\.gcr\.io/kube-dns:1\.14"):
        component("k8s.gcr.io/kube-dns:1.14")


def test_packages_can_be_given_to_apt_and_come_once() -> None:
    for packages in (NODE_PACKAGES, debian.PACKAGES):
        assert len(set(packages)) == len(packages)


@pytest.mark.parametrize("version", VERSIONS)
def test_the_role_accepts_the_manifest(version: str, tmp_path: Path) -> None:
    for name in ("bin/kubeadm", "bin/kubelet", "bin/kubectl", "bin/crictl", "units/kubelet.service",
                 "units/10-kubeadm.conf", "images/pause.tar", "images/app.tar"):  # fmt: skip
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    images = {"pause.tar": "k8s.gcr.io/pause:3.2", "app.tar": WORKLOAD_IMAGE}
    manifest = manifest_of(tmp_path, version, "amd64", images, dict.fromkeys(debian.PACKAGES, "1-1"))
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))

    raw, understood = load(tmp_path)
    assert understood.kubernetes_version == version
    assert set(unpack(tmp_path, understood, list(understood.sums), tmp_path / "scratch")) == {
        *(f"bin/{name}" for name in ("kubeadm", "kubelet", "kubectl", "crictl")),
        *("units/kubelet.service", "units/10-kubeadm.conf", "images/pause.tar", "images/app.tar"),
    }
    assert {file.mode for file in understood.files if file.path.startswith("bin/")} == {0o755}
    assert [image.names for image in understood.images] == [(WORKLOAD_IMAGE,), ("k8s.gcr.io/pause:3.2",)]
    assert {"crictl", "coredns"} < set(understood.stand_ins) | {""}
    assert any(version in name for name in understood.stand_ins) == (version != "v1.20.2")
    assert "really1.20.2" in raw["components"]["source"]
