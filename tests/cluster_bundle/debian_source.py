# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Kubernetes 1.20 and two stand-ins, from Debian's source package, in the build root: where no module proxy is reached.

The vendored tree is built as its own Makefile does it: in a GOPATH, static, after `make generated_files`. The version
is stamped by the linker, as in a release; so further versions take a minute each.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from .debian import BUILD, SUITE, within
from .recipe import STAMPED, Versions
from .steps import Steps

TITLE = "Debian's source package"
VERSIONS = Versions("v1.20.2", "v1.20.3", "v1.21.0")
"""The first is what the source is. The others are the same source under another number. kubeadm upgrades to them by its
own rules (one minor version at most, no newer than kubeadm itself), and its API group v1beta2 is the one of 1.21 as
well. Nothing else of 1.21 is in it: kubeadm's own constants, such as the oldest version that it supports and CoreDNS's
version, are those of 1.20.
"""
PACKAGES: tuple[str, ...] = (
    # to compile with
    "gcc",
    "golang-1.19-go",
    "libc6-dev",
    "make",
    "patch",
    "rsync",
    "xz-utils",
    # The source's own copy is of version 1.0.1, which dereferences nil in programs of Go 1.18 and newer.
    "golang-github-modern-go-reflect2-dev",
    # to make images of
    "etcd-client",
    "etcd-server",
)
SOURCE: tuple[str, str] | None = ("kubernetes", "1.20.5+really1.20.2-1.1+deb12u1")
"""Its upstream version is 1.20.2."""
STAND_INS: Mapping[str, str] = {
    "crictl": "Debian has none: a small program of ours with the same commands",
    "coredns": "Debian has none: a small DNS server of ours",
}
PATIENCE = "ten to fifteen minutes on two free cores"
DISK = 7 * 10**9

_PACKAGE_OF = {"crictl": "podnet-crictl", "coredns": "podnet-dns"}
"""The stand-ins' packages in the source tree."""
_COMMIT = "faecb196815e248d3ecfb03c680a4507229c2a56"  # v1.20.2
_DATE = "2021-01-13T13:20:00Z"
_KUBERNETES = "k8s.io/kubernetes"
_GOPATH = f"{BUILD}/kubernetes/_output/local/go"
_PACKAGE = f"{_GOPATH}/src/{_KUBERNETES}"
_REFLECT2 = "github.com/modern-go/reflect2"
_GO = {
    "PATH": "/usr/lib/go-1.19/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "GOCACHE": f"{BUILD}/cache",
    "GOPATH": _GOPATH,
    "GO111MODULE": "off",
    "GOPROXY": "off",
    "CGO_ENABLED": "0",
}
_GO_FLAGS = {**_GO, "GOFLAGS": "-trimpath -tags=selinux,notest"}
_PAUSE_VERSION = "3.2"
_STAND_INS = Path(__file__).resolve().parent / "standins"

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


def compile_programs(_tree: Path, root: Path, version: str, steps: Steps) -> dict[str, Path]:
    """Return the programs of a version by name, compiled when missing. Raises BuildError."""
    _prepare(root, steps)
    programs = _compile_stand_ins(root, steps)
    for name in STAMPED:
        programs[name] = root / BUILD[1:] / "out" / version / name
        if not programs[name].exists():
            with steps.step(f"{name} {version}"):
                _go_build(root, name, f"out/{version}/{name}", linker_flags(version), steps)
    return programs


def components(_version: str) -> dict[str, str]:
    """Return what the programs of a version were made from."""
    return {"source": f"Debian {SUITE}, source package {' '.join(SOURCE or ())}"}


def _prepare(root: Path, steps: Steps) -> None:
    """Unpack and patch the source, and generate what its Makefile generates."""
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


def _compile_stand_ins(root: Path, steps: Steps) -> dict[str, Path]:
    """Return crictl and coredns, which are stand-ins, and pause, which is not.

    The stand-ins' own tests run before they are compiled.
    """
    out = root / BUILD[1:] / "out"
    programs = {name: out / name for name in (*_PACKAGE_OF, "pause")}
    for name, package in _PACKAGE_OF.items():
        if not programs[name].exists():
            with steps.step(f"stand-in for {name}"):
                shutil.copytree(
                    _STAND_INS / package.removeprefix("podnet-"),
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
