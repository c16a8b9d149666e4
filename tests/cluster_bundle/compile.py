# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Kubernetes and the stand-ins, from source to programs, in the build root.

The vendored tree is built as its own Makefile does it: in a GOPATH, static, after `make generated_files`. The version
is stamped by the linker, as in a release; so further versions take a minute each.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from .debian import BUILD, within
from .steps import Steps

BASE_VERSION = "v1.20.2"
"""What the source is."""

VERSIONS = (BASE_VERSION, "v1.20.3", "v1.21.0")
"""What is built: the source's own version, and stand-ins for the next patch and the next minor version.

A stand-in is the same source with another number. kubeadm upgrades to it by its own rules (one minor version at most,
no newer than kubeadm itself), and its API group v1beta2 is the one of 1.21 as well. Nothing else of 1.21 is in it:
kubeadm's own constants, such as the oldest version that it supports and CoreDNS's version, are those of 1.20.
"""

STAMPED = (
    "kubeadm",
    "kubelet",
    "kubectl",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kube-proxy",
)
"""Programs that carry a version."""

STAND_INS = {"crictl": "podnet-crictl", "coredns": "podnet-dns"}
"""Programs in the place of others, and the name of their package in the source tree."""

_COMMIT = "faecb196815e248d3ecfb03c680a4507229c2a56"  # v1.20.2
_DATE = "2021-01-13T13:20:00Z"
_KUBERNETES = "k8s.io/kubernetes"
_GOPATH = f"{BUILD}/kubernetes/_output/local/go"
_PACKAGE = f"{_GOPATH}/src/{_KUBERNETES}"
_REFLECT2 = "github.com/modern-go/reflect2"
_GO = {
    "GOCACHE": f"{BUILD}/cache",
    "GOPATH": _GOPATH,
    "GO111MODULE": "off",
    "GOPROXY": "off",
    "CGO_ENABLED": "0",
}
_GO_FLAGS = {**_GO, "GOFLAGS": "-trimpath -tags=selinux,notest"}
_PAUSE_VERSION = "3.2"

_UNPACK = f"""
cd {BUILD}
rm -rf kubernetes debian
tar xf kubernetes_*.orig.tar.*
mv kubernetes-*/ kubernetes
tar xf kubernetes_*.debian.tar.*
cd kubernetes
while read -r name; do patch --strip=1 --silent < "../debian/patches/$name"; done < ../debian/patches/series
rm -rf vendor/{_REFLECT2}
cp -rL /usr/share/gocode/src/{_REFLECT2} vendor/{_REFLECT2}
"""


def prepare(root: Path, steps: Steps) -> None:
    """Unpack and patch the source, and generate what its Makefile generates. Raises BuildError."""
    done = root / BUILD[1:] / "source.done"
    if done.exists():
        return
    with steps.step("source of Kubernetes: unpack and patch"):
        steps.run(within(root, _UNPACK))
    with steps.step("source of Kubernetes: make generated_files"):
        steps.run(within(root, f"cd {BUILD}/kubernetes && make generated_files", **_GO))
    done.touch()


def linker_flags(version: str) -> str:
    """Return the flags that write a version into a program of Kubernetes.

    The variables are those of ``hack/lib/version.sh`` in the source.
    """
    major, minor, _patch = version.removeprefix("v").split(".")
    stamps = {
        "gitVersion": version,
        "gitMajor": major,
        "gitMinor": minor,
        "gitCommit": _COMMIT,
        "gitTreeState": "archive",
        "buildDate": _DATE,
    }
    packages = (f"{_KUBERNETES}/vendor/k8s.io/{name}/version" for name in ("client-go/pkg", "component-base"))
    words = [f"-X {package}.{name}={value}" for package in packages for name, value in stamps.items()]
    return " ".join(["-s", "-w", *words])


def compile_programs(root: Path, version: str, steps: Steps) -> dict[str, Path]:
    """Return the programs of Kubernetes of a version by name, compiled when missing. Raises BuildError."""
    programs = {}
    for name in STAMPED:
        programs[name] = root / BUILD[1:] / "out" / version / name
        if not programs[name].exists():
            with steps.step(f"{name} {version}"):
                _go_build(root, name, f"out/{version}/{name}", linker_flags(version), steps)
    return programs


def compile_stand_ins(root: Path, sources: Path, steps: Steps) -> dict[str, Path]:
    """Return crictl and coredns, which are stand-ins, and pause, which is not. Raises BuildError.

    The stand-ins' own tests run before they are compiled.
    """
    out = root / BUILD[1:] / "out"
    programs = {name: out / name for name in (*STAND_INS, "pause")}
    for name, package in STAND_INS.items():
        if not programs[name].exists():
            with steps.step(f"stand-in for {name}"):
                shutil.copytree(
                    sources / package.removeprefix("podnet-"),
                    root / BUILD[1:] / "kubernetes" / "cmd" / package,
                    dirs_exist_ok=True,
                )
                test = f"cd {_PACKAGE} && go vet ./cmd/{package} && go test ./cmd/{package}"
                steps.run(within(root, test, **_GO_FLAGS))
                _go_build(root, package, f"out/{name}", "-s -w", steps)
    if not programs["pause"].exists():
        with steps.step("pause"):
            source = f"{BUILD}/kubernetes/build/pause/linux/pause.c"
            flags = f"-Os -Wall -Werror -static -s -DVERSION={_PAUSE_VERSION}"
            steps.run(within(root, f"cd {BUILD}/out && gcc {flags} -o pause.half {source} && mv pause.half pause"))
    return programs


def _go_build(root: Path, package: str, target: str, flags: str, steps: Steps) -> None:
    script = f"""
        cd {_PACKAGE}
        go build -ldflags '{flags}' -o {BUILD}/{target}.half ./cmd/{package}
        mv {BUILD}/{target}.half {BUILD}/{target}
    """
    steps.run(within(root, script, **_GO_FLAGS))
