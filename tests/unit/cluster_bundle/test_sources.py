# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What goes into a bundle: Debian's archive, versions in programs, libraries and images; and its manifest."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from ansible_collections.podnet.lab.plugins.plugin_utils.bundle.bundles import load, unpack
from ansible_collections.podnet.lab.tests.cluster_bundle import NODE_PACKAGES, debian, debian_source, go_modules
from ansible_collections.podnet.lab.tests.cluster_bundle.images import (
    FURTHER,
    WORKLOAD_IMAGE,
    Source,
    component,
    libraries,
    names_of,
)
from ansible_collections.podnet.lab.tests.cluster_bundle.manifest import manifest_of
from ansible_collections.podnet.lab.tests.cluster_bundle.recipe import STAMPED, Recipe
from ansible_collections.podnet.lab.tests.cluster_bundle.steps import BuildError, Steps, Words

ROLE = Path(__file__).resolve().parents[3] / "roles" / "kubeadm_cluster"
RECIPES: tuple[Recipe, ...] = (go_modules, debian_source)
# As `kubeadm config images list` prints it, of 1.20.2 and of 1.34.4.
LISTINGS = (
    """\
k8s.gcr.io/kube-apiserver:v1.20.2
k8s.gcr.io/kube-controller-manager:v1.20.2
k8s.gcr.io/kube-scheduler:v1.20.2
k8s.gcr.io/kube-proxy:v1.20.2
k8s.gcr.io/pause:3.2
k8s.gcr.io/etcd:3.4.13-0
k8s.gcr.io/coredns:1.7.0
""",
    """\
registry.k8s.io/kube-apiserver:v1.34.4
registry.k8s.io/kube-controller-manager:v1.34.4
registry.k8s.io/kube-scheduler:v1.34.4
registry.k8s.io/kube-proxy:v1.34.4
registry.k8s.io/coredns/coredns:v1.12.1
registry.k8s.io/pause:3.10.1
registry.k8s.io/etcd:3.6.5-0
""",
)


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
    of_debian = debian_source.linker_flags("v1.21.0").split()
    of_modules = go_modules.linker_flags("v1.21.0").split()
    for package in ("client-go/pkg/version", "component-base/version"):
        for stamp in ("gitVersion=v1.21.0", "gitMajor=1", "gitMinor=21"):
            assert f"k8s.io/kubernetes/vendor/k8s.io/{package}.{stamp}" in of_debian
            assert f"k8s.io/{package}.{stamp}" in of_modules


@pytest.mark.parametrize("version", [go_modules.VERSIONS.base, go_modules.VERSIONS.previous])
def test_every_part_of_kubernetes_is_of_its_version(version: str) -> None:
    """A staging module of another version would be another Kubernetes."""
    module = go_modules.source_of(version)
    text = (module.directory / "go.mod").read_text()
    replaced = re.findall(r"^\t(k8s.io/\S+) => (\S+) v0\.(\S+)$", text, re.MULTILINE)
    assert len(replaced) > 25
    assert {f"v1.{number}" for _name, _by, number in replaced} == {version}
    assert all(name == by for name, by, _number in replaced)
    assert module.version("k8s.io/kubernetes") == version


def test_every_module_names_what_it_is_there_for() -> None:
    for program in go_modules.OTHERS.values():
        sums = (program.module.directory / "go.sum").read_text()
        assert f"{program.upstream} {program.version} h1:" in sums
    with pytest.raises(BuildError, match="has no line of the form"):
        go_modules.CLUSTER.version("example.org/absent")


def test_containerd_is_built_from_the_same_libraries() -> None:
    """Go compiles one again that is of another version."""

    def required(module: go_modules.Module) -> dict[str, str]:
        text = (module.directory / "go.mod").read_text()
        return dict(re.findall(r"^\t(\S+) (v\S+)(?: // indirect)?$", text, re.MULTILINE))

    containerd = required(go_modules.OTHERS["containerd-2.1/containerd"].module)
    cluster = required(go_modules.CLUSTER)
    shared = containerd.keys() & cluster.keys()
    assert len(shared) > 80
    assert {name: containerd[name] for name in shared} == {name: cluster[name] for name in shared}


def test_images_beside_the_bundle_name_the_versions_that_are_built() -> None:
    for name, image in FURTHER.items():
        assert component(image) == name
        assert image.endswith(f":{go_modules.OTHERS[name].version}")


def test_the_role_has_a_manifest_of_the_policy_engine_that_is_built() -> None:
    manifest = ROLE / "files" / "kube-router-firewall.yml"
    assert f"image: {FURTHER['kube-router']}\n" in manifest.read_text()


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ({}, "its Go is of an unknown version, and 1.24.1 is needed"),
        ({"env": "go1.19.8"}, "its Go is 1.19.8, and 1.24.1 is needed"),
        ({"env": "go1.24.4"}, "no Go module proxy is reached"),
        ({"env": "go1.24.4", "list": "k8s.io/kubernetes v1.34.4"}, None),
    ],
)
def test_what_keeps_from_building_from_modules(
    answers: dict[str, str], said: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = "#!/bin/sh\ncase $1 in\n" + "".join(f"{word}) echo {text};;\n" for word, text in answers.items())
    (tmp_path / "go").write_text(f"{script}*) exit 1;;\nesac\n")
    (tmp_path / "go").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert go_modules.why_not() == said


def test_a_machine_without_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert go_modules.why_not() == "there is no Go on this machine"


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

    def ask(self, command: Words, env: Mapping[str, str] | None = None) -> str:
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


@pytest.mark.parametrize("listing", LISTINGS)
def test_there_is_a_recipe_for_every_image_that_kubeadm_asks_for(listing: str) -> None:
    names = names_of(listing)
    assert names[-1] == WORKLOAD_IMAGE
    assert len({component(name) for name in names}) == 8


def test_an_image_without_recipe_is_refused_by_its_name() -> None:
    with pytest.raises(BuildError, match=r"k8s\.gcr\.io/kube-dns:1\.14"):
        component("k8s.gcr.io/kube-dns:1.14")


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda one: one.TITLE)
def test_packages_can_be_given_to_apt_and_come_once(recipe: Recipe) -> None:
    for packages in (NODE_PACKAGES, (*debian.PACKAGES, *recipe.PACKAGES)):
        assert len(set(packages)) == len(packages)


@pytest.mark.parametrize(
    ("recipe", "version"), [(recipe, version) for recipe in RECIPES for version in recipe.VERSIONS]
)
def test_the_role_accepts_the_manifest(recipe: Recipe, version: str, tmp_path: Path) -> None:
    for name in ("bin/kubeadm", "bin/kubelet", "bin/kubectl", "bin/crictl", "units/kubelet.service",
                 "units/10-kubeadm.conf", "images/pause.tar", "images/app.tar"):  # fmt: skip
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    images = {"pause.tar": "k8s.gcr.io/pause:3.2", "app.tar": WORKLOAD_IMAGE}
    packages = dict.fromkeys((*debian.PACKAGES, *recipe.PACKAGES), "1-1")
    manifest = manifest_of(tmp_path, version, recipe, "amd64", images, packages)
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))

    raw, understood = load(tmp_path)
    assert understood.kubernetes_version == version
    assert set(unpack(tmp_path, understood, list(understood.sums), tmp_path / "scratch")) == {
        *(f"bin/{name}" for name in ("kubeadm", "kubelet", "kubectl", "crictl")),
        *("units/kubelet.service", "units/10-kubeadm.conf", "images/pause.tar", "images/app.tar"),
    }
    assert {file.mode for file in understood.files if file.path.startswith("bin/")} == {0o755}
    assert {file["version"] for file in raw["files"] if file["path"].rpartition("/")[2] in STAMPED} == {version}
    assert [image.names for image in understood.images] == [(WORKLOAD_IMAGE,), ("k8s.gcr.io/pause:3.2",)]
    assert set(recipe.STAND_INS) <= set(understood.stand_ins)
    assert any(version in name for name in understood.stand_ins) == (version != recipe.VERSIONS.base)
    assert recipe.VERSIONS.base.removeprefix("v") in raw["components"]["source"]
