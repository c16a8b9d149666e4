# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A current Kubernetes and what belongs to it, from Go modules, by the ordinary Go client.

Each folder in ``modules/`` is a module of ours that names the versions of what is built and, in its go.sum, the digest
of everything that goes into it; so the same is built wherever a module proxy is reached. ``k8s.io/kubernetes`` cannot
be required without more: its go.mod names its staging modules at v0.0.0, and ours replaces them by their published
versions. The versions of etcd, CoreDNS and pause are those that kubeadm of this version asks for
(``cmd/kubeadm/app/constants/constants.go``).

What a cluster is made of is in one module, and so each library that its programs share is compiled once, in one
version: the newest that any of them asks for. containerd 2.1 needs an older k8s.io/cri-api, and its module names the
same versions of everything else, so that Go finds that compiled.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from .debian import ALONE, BUILD, within
from .recipe import PROGRAMS_OF_CONTAINERD, STAMPED, Versions
from .steps import BuildError, Steps, Words

TITLE = "Go modules"
VERSIONS = Versions("v1.34.4", "v1.34.5", "v1.35.0", previous="v1.33.13")
"""The first is what the source is, and the previous one has a source of its own. The others are the first's source
under another number: kubeadm upgrades to them by its own rules, and its API group v1beta4 is the one of 1.35 as well;
nothing else of 1.35 is in them.
"""
PACKAGES: tuple[str, ...] = ("gcc", "libc6-dev")  # to compile pause with
SOURCE: tuple[str, str] | None = None
STAND_INS: Mapping[str, str] = {}
PATIENCE = "five to ten minutes on two free cores"
DISK = 12 * 10**9


@dataclasses.dataclass(frozen=True)
class Module:
    """One of our modules: its folder in ``modules/``."""

    folder: str

    @property
    def directory(self) -> Path:
        """Where it is."""
        return Path(__file__).resolve().parent / "modules" / self.folder

    @property
    def go(self) -> str:
        """The oldest Go that may build it."""
        return self._line(r"^go (\S+)$")

    def version(self, upstream: str) -> str:
        """Return the version of a module that it requires. Raises BuildError."""
        return self._line(rf"^\s*(?:require )?{re.escape(upstream)} (v\S+)")

    def _line(self, pattern: str) -> str:
        text = (self.directory / "go.mod").read_text(encoding="utf-8")
        found = re.search(pattern, text, re.MULTILINE)
        if found is None:
            raise BuildError(f"{self.directory / 'go.mod'} has no line of the form {pattern}.")
        return found[1]


CLUSTER = Module("cluster-1.34")
"""Kubernetes, and what a cluster has beside it."""
_PREVIOUS = Module("kubernetes-1.33")
_KUBERNETES = "k8s.io/kubernetes"
_CONTAINERD = "github.com/containerd/containerd/v2"
_COREDNS = "github.com/coredns/coredns"
_FLANNEL = "github.com/flannel-io/flannel"

LEFT_OUT = {
    # A field that this client-go has no more, set to what it was without: false.
    _COREDNS: ("plugin/kubernetes/object/informer.go", "RetryOnError:"),
    # On amd64 this backend is written in C, and nobody uses it.
    _FLANNEL: ("main.go", "/pkg/backend/udp"),
}
"""Modules that cannot be built from CLUSTER as they are: a file of each, and a word of its line that is left out."""


@dataclasses.dataclass(frozen=True)
class Program:
    """A program beside Kubernetes' own."""

    upstream: str
    """The module that it is of."""
    package: str
    stamp: str = ""
    """The variable that says the version, where the program does not know it by itself."""
    module: Module = CLUSTER

    @property
    def version(self) -> str:
        """Its version."""
        return self.module.version(self.upstream)

    @property
    def linker_flags(self) -> str:
        """What writes the version into it."""
        return f"-s -w -X {self.stamp}={self.version}" if self.stamp else "-s -w"


OTHERS = {
    "coredns": Program(_COREDNS, "podnet.lab/bundle/cluster/coredns"),
    "crictl": Program(
        "sigs.k8s.io/cri-tools", "sigs.k8s.io/cri-tools/cmd/crictl", "sigs.k8s.io/cri-tools/pkg/version.Version"
    ),
    "etcd": Program("go.etcd.io/etcd/server/v3", "go.etcd.io/etcd/server/v3"),
    **{
        f"containerd-2.1/{name}": Program(
            _CONTAINERD, f"{_CONTAINERD}/cmd/{name}", f"{_CONTAINERD}/version.Version", Module("containerd-2.1")
        )
        for name in PROGRAMS_OF_CONTAINERD
    },
    "kube-router": Program(
        "github.com/cloudnativelabs/kube-router/v2",
        "github.com/cloudnativelabs/kube-router/v2/cmd/kube-router",
        "github.com/cloudnativelabs/kube-router/v2/pkg/version.Version",
    ),
    "flannel": Program(_FLANNEL, _FLANNEL, f"{_FLANNEL}/pkg/version.Version"),
    # Newer versions have it no more, and where it went is reached by no module proxy.
    "flannel-cni-plugin": Program(
        "github.com/containernetworking/plugins",
        "github.com/containernetworking/plugins/plugins/meta/flannel",
        module=Module("flannel-cni-plugin"),
    ),
}
"""Programs beside Kubernetes' own, by name."""
_PAUSE_VERSION = "3.10.1"
_TAGS = "selinux,notest,grpcnotrace"  # KUBE_GOFLAGS of a release: hack/lib/golang.sh
_PATIENCE_WITH_A_PROXY = 120
"""Seconds that the first module may take to arrive."""


def why_not() -> str | None:
    """Return what keeps this process from building from modules, in one line; None when nothing does."""
    if shutil.which("go") is None:
        return "there is no Go on this machine"
    # In the module's folder: a Go that may fetch a newer one for it says that one's version.
    needed, found = CLUSTER.go, _said(["env", "GOVERSION"], CLUSTER.directory)
    if found is None or _numbers(found) < _numbers(needed):
        return f"its Go is {(found or 'of an unknown version').removeprefix('go')}, and {needed} is needed"
    with tempfile.TemporaryDirectory() as empty:
        asked = ["list", "-m", f"{_KUBERNETES}@{CLUSTER.version(_KUBERNETES)}"]
        answer = _said(asked, Path(empty), GOMODCACHE=f"{empty}/mod", GOFLAGS="-modcacherw")
    return None if answer else "no Go module proxy is reached"


def compile_programs(tree: Path, root: Path, version: str, steps: Steps) -> dict[str, Path]:
    """Return the programs of a version by name, compiled when missing. Raises BuildError."""
    out = tree / "out"
    programs = {name: out / version / name for name in STAMPED} | {name: out / name for name in OTHERS}
    packages = {name: f"{_KUBERNETES}/cmd/{name}" for name in STAMPED}
    if not all(programs[name].exists() for name in STAMPED):
        with steps.step(f"Kubernetes {version}"):
            _go_build(tree, source_of(version), packages, programs, linker_flags(version), steps)
    for module in dict.fromkeys(program.module for program in OTHERS.values()):
        of_module = {name: program for name, program in OTHERS.items() if program.module == module}
        if not all(programs[name].exists() for name in of_module):
            with steps.step(", ".join(name.rpartition("/")[2] for name in of_module)):
                packages = {name: program.package for name, program in of_module.items()}
                flags = " ".join(dict.fromkeys(program.linker_flags for program in of_module.values()))
                _go_build(tree, module, packages, programs, flags, steps)
    programs["pause"] = root / BUILD[1:] / "out" / "pause"
    if not programs["pause"].exists():
        with steps.step("pause"):
            _compile_pause(tree, root, steps)
    return programs


def components(version: str) -> dict[str, str]:
    """Return what the programs of a version were made from."""
    source = source_of(version)
    return {
        "source": f"Go module {_KUBERNETES} {source.version(_KUBERNETES)}",
        **{name: f"Go module {program.upstream} {program.version}" for name, program in OTHERS.items()},
    }


def source_of(version: str) -> Module:
    """Return the module of ours that a version is built from."""
    return _PREVIOUS if version == VERSIONS.previous else CLUSTER


def linker_flags(version: str) -> str:
    """Return the flags that write a version into a program of Kubernetes.

    The variables are those of ``hack/lib/version.sh`` in the source.
    """
    major, minor, _patch = version.removeprefix("v").split(".")
    stamps = {"gitVersion": version, "gitMajor": major, "gitMinor": minor, "gitTreeState": "archive"}
    packages = (f"k8s.io/{name}/version" for name in ("client-go/pkg", "component-base"))
    words = [f"-X {package}.{name}={value}" for package in packages for name, value in stamps.items()]
    return " ".join(["-s", "-w", *words])


def _environment(tree: Path) -> dict[str, str]:
    """Return the machine's own settings of Go, such as its proxy, with caches in the build tree unless they are set."""
    caches = {"GOCACHE": str(tree / "go" / "build"), "GOMODCACHE": str(tree / "go" / "mod")}
    # -modcacherw: the tree is removed like any other. -p: linking the API server takes 2 GB of memory.
    fixed = {"CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly -modcacherw -buildvcs=false -p=2", "GOWORK": "off"}
    # GOGC: the compiler's own garbage is left alone for longer.
    return {**caches, "GOGC": "400", **os.environ, **fixed}


def _said(words: Sequence[str], directory: Path, **variables: str) -> str | None:
    """Return what Go prints in a directory; None when it says no."""
    try:
        return subprocess.run(
            ["go", *words],
            cwd=directory,
            env={**os.environ, **variables},
            capture_output=True,
            text=True,
            check=True,
            timeout=_PATIENCE_WITH_A_PROXY,
        ).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None


def _go_build(
    tree: Path, module: Module, packages: Mapping[str, str], targets: Mapping[str, Path], flags: str, steps: Steps
) -> None:
    """Compile packages of a module, given by the program's name, all in one go."""
    half = tree / "half"
    shutil.rmtree(half, ignore_errors=True)
    half.mkdir()
    command: Words = [
        *(*ALONE, "--mount-proc", "--"),
        *("go", "-C", module.directory, "build", "-trimpath", f"-tags={_TAGS}", f"-ldflags={flags}"),
        *("-gcflags=all=-dwarf=false", "-o", f"{half}/"),
        *([f"-modfile={_without_lines(tree, steps)}"] if module == CLUSTER else []),
        *packages.values(),
    ]
    steps.run(command, env=_environment(tree))
    for name, package in packages.items():
        targets[name].parent.mkdir(parents=True, exist_ok=True)
        (half / _executable(package)).rename(targets[name])


def _executable(package: str) -> str:
    """Return the name that Go gives to a program.

    >>> _executable("go.etcd.io/etcd/server/v3"), _executable("k8s.io/kubernetes/cmd/kubeadm")
    ('server', 'kubeadm')
    """
    return [part for part in package.split("/") if not re.fullmatch(r"v\d+", part)][-1]


def _without_lines(tree: Path, steps: Steps) -> Path:
    """Return a go.mod like that of CLUSTER, which has copies without the lines LEFT_OUT in the place of modules."""
    modules = tree / "modules"
    shutil.rmtree(modules, ignore_errors=True)
    modules.mkdir()
    text = (CLUSTER.directory / "go.mod").read_text(encoding="utf-8")
    shutil.copyfile(CLUSTER.directory / "go.sum", modules / "go.sum")
    for upstream, (name, word) in LEFT_OUT.items():
        download: Words = ["go", "-C", CLUSTER.directory, "mod", "download", "-json", upstream]
        found = json.loads(steps.ask(download, env=_environment(tree)))["Dir"]
        copy = modules / Path(upstream).name
        shutil.copytree(found, copy, copy_function=shutil.copyfile)
        lines = (copy / name).read_text(encoding="utf-8").splitlines(keepends=True)
        kept = [line for line in lines if word not in line]
        if len(kept) != len(lines) - 1:
            raise BuildError(f"{upstream} has another number of lines with {word} in {name} than one: read it anew.")
        (copy / name).write_text("".join(kept), encoding="utf-8")
        text += f'\nreplace {upstream} => "{copy}"\n'
    (modules / "go.mod").write_text(text, encoding="utf-8")
    return modules / "go.mod"


def _compile_pause(tree: Path, root: Path, steps: Steps) -> None:
    """Compile pause as ``build/pause/Makefile`` does, in the build root."""
    environment = _environment(tree)
    module = steps.ask(["go", "-C", CLUSTER.directory, "list", "-m", "-f", "{{.Dir}}", _KUBERNETES], env=environment)
    out = root / BUILD[1:] / "out"
    out.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(Path(module.strip()) / "build" / "pause" / "linux" / "pause.c", out / "pause.c")
    flags = f"-Os -Wall -Werror -static -s -DVERSION=v{_PAUSE_VERSION}"
    steps.run(within(root, f"cd {BUILD}/out && gcc {flags} -o pause.half pause.c && mv pause.half pause"))


def _numbers(version: str) -> list[int]:
    """Return the numbers of a version of Go.

    >>> _numbers("go1.24.11"), _numbers("1.24.0"), _numbers("go1.25rc1")
    ([1, 24, 11], [1, 24, 0], [1, 25])
    """
    return [int(number) for number in re.findall(r"(?:^|[.]|go)(\d+)", version)]
