# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A current Kubernetes and what belongs to it, from Go modules, by the ordinary Go client.

Each folder in ``modules/`` is a module of ours that names one version of what is built and, in its go.sum, the digest
of everything that goes into it; so the same is built wherever a module proxy is reached. ``k8s.io/kubernetes`` cannot
be required without more: its go.mod names its staging modules at v0.0.0, and ours replaces them by their published
versions. The versions of etcd, CoreDNS and pause are those that kubeadm of this version asks for
(``cmd/kubeadm/app/constants/constants.go``).
"""

from __future__ import annotations

import dataclasses
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from .debian import ALONE, BUILD, within
from .recipe import CONTAINERD, STAMPED, Versions
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
PATIENCE = "six to ten minutes on two free cores"
DISK = 12 * 10**9


@dataclasses.dataclass(frozen=True)
class Module:
    """One of our modules: its folder in ``modules/``, and the module that it is there for."""

    folder: str
    upstream: str
    stamp: str = ""
    """The variable that says the version, where the module does not say it by itself."""

    @property
    def directory(self) -> Path:
        """Where it is."""
        return Path(__file__).resolve().parent / "modules" / self.folder

    @property
    def version(self) -> str:
        """The version of the module that it is there for."""
        return self._line(rf"^\s*(?:require )?{re.escape(self.upstream)} (v\S+)")

    @property
    def linker_flags(self) -> str:
        """What writes the version into its programs."""
        return f"-s -w -X {self.stamp}={self.version}" if self.stamp else "-s -w"

    @property
    def go(self) -> str:
        """The oldest Go that may build it."""
        return self._line(r"^go (\S+)$")

    def _line(self, pattern: str) -> str:
        text = (self.directory / "go.mod").read_text(encoding="utf-8")
        found = re.search(pattern, text, re.MULTILINE)
        if found is None:
            raise BuildError(f"{self.directory / 'go.mod'} has no line of the form {pattern}.")
        return found[1]


KUBERNETES = Module("kubernetes-1.34", "k8s.io/kubernetes")
_PREVIOUS = Module("kubernetes-1.33", "k8s.io/kubernetes")
_CONTAINERD = Module(
    "containerd", "github.com/containerd/containerd/v2", "github.com/containerd/containerd/v2/version.Version"
)
OTHERS = {
    "coredns": (Module("coredns", "github.com/coredns/coredns"), "podnet.lab/bundle/coredns"),
    "crictl": (
        Module("crictl", "sigs.k8s.io/cri-tools", "sigs.k8s.io/cri-tools/pkg/version.Version"),
        "sigs.k8s.io/cri-tools/cmd/crictl",
    ),
    "etcd": (Module("etcd", "go.etcd.io/etcd/server/v3"), "go.etcd.io/etcd/server/v3"),
    **{name: (_CONTAINERD, f"github.com/containerd/containerd/v2/cmd/{name}") for name in CONTAINERD},
}
"""Programs beside Kubernetes' own: the module and the package of each."""
_PAUSE_VERSION = "3.10.1"
_TAGS = "selinux,notest,grpcnotrace"  # KUBE_GOFLAGS of a release: hack/lib/golang.sh
_PATIENCE_WITH_A_PROXY = 120
"""Seconds that the first module may take to arrive."""


def why_not() -> str | None:
    """Return what keeps this process from building from modules, in one line; None when nothing does."""
    if shutil.which("go") is None:
        return "there is no Go on this machine"
    # In the module's folder: a Go that may fetch a newer one for it says that one's version.
    needed, found = KUBERNETES.go, _said(["env", "GOVERSION"], KUBERNETES.directory)
    if found is None or _numbers(found) < _numbers(needed):
        return f"its Go is {(found or 'of an unknown version').removeprefix('go')}, and {needed} is needed"
    with tempfile.TemporaryDirectory() as empty:
        asked = ["list", "-m", f"k8s.io/kubernetes@{KUBERNETES.version}"]
        answer = _said(asked, Path(empty), GOMODCACHE=f"{empty}/mod", GOFLAGS="-modcacherw")
    return None if answer else "no Go module proxy is reached"


def compile_programs(tree: Path, root: Path, version: str, steps: Steps) -> dict[str, Path]:
    """Return the programs of a version by name, compiled when missing. Raises BuildError."""
    out = tree / "out"
    programs = {name: out / version / name for name in STAMPED}
    for name, target in programs.items():
        if not target.exists():
            with steps.step(f"{name} {version}"):
                _go_build(
                    tree, source_of(version), f"k8s.io/kubernetes/cmd/{name}", target, linker_flags(version), steps
                )
    for name, (module, package) in OTHERS.items():
        programs[name] = out / name
        if not programs[name].exists():
            with steps.step(f"{name} {module.version}"):
                _go_build(tree, module, package, programs[name], module.linker_flags, steps)
    programs["pause"] = root / BUILD[1:] / "out" / "pause"
    if not programs["pause"].exists():
        with steps.step("pause"):
            _compile_pause(tree, root, steps)
    return programs


def components(version: str) -> dict[str, str]:
    """Return what the programs of a version were made from."""
    source = source_of(version)
    return {
        "source": f"Go module {source.upstream} {source.version}",
        **{name: f"Go module {module.upstream} {module.version}" for name, (module, _package) in OTHERS.items()},
    }


def source_of(version: str) -> Module:
    """Return the module of ours that a version is built from."""
    return _PREVIOUS if version == VERSIONS.previous else KUBERNETES


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
    return {**caches, **os.environ, **fixed}


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


def _go_build(tree: Path, module: Module, package: str, target: Path, flags: str, steps: Steps) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    half = target.with_suffix(".half")
    command: Words = [
        *(*ALONE, "--mount-proc", "--"),
        *(
            "go",
            "-C",
            module.directory,
            "build",
            "-trimpath",
            f"-tags={_TAGS}",
            f"-ldflags={flags}",
            "-o",
            half,
            package,
        ),
    ]
    steps.run(command, env=_environment(tree))
    half.rename(target)


def _compile_pause(tree: Path, root: Path, steps: Steps) -> None:
    """Compile pause as ``build/pause/Makefile`` does, in the build root."""
    environment = _environment(tree)
    module = steps.ask(
        ["go", "-C", KUBERNETES.directory, "list", "-m", "-f", "{{.Dir}}", "k8s.io/kubernetes"], env=environment
    )
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
