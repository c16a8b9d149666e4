# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bundles by version: the cache, one build at a time, nothing half-built, and what keeps a build from beginning.

The long part, compiling, is replaced here; the tests on a real cluster use what it makes.
"""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ansible_collections.podnet.lab.tests.cluster_bundle import (
    BuildError,
    build,
    bundle,
    bundles,
    cache,
    debian,
    debian_source,
    go_modules,
    versions,
    workload_image,
)
from ansible_collections.podnet.lab.tests.cluster_bundle.__main__ import main
from ansible_collections.podnet.lab.tests.cluster_bundle.steps import Steps

CHECKOUT = Path(__file__).resolve().parents[3]
BASE, PATCH, MINOR = VERSIONS = tuple(go_modules.VERSIONS)


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and nothing else of this machine's."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv(build.GIVEN, raising=False)
    monkeypatch.setattr(go_modules, "why_not", lambda: None)
    build.recipe.cache_clear()
    return tmp_path / "podnet-lab" / "cluster"


@pytest.fixture
def assembled(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The versions that a build assembled, while its long steps do nothing."""
    versions: list[str] = []

    def assemble(folder: Path, version: str, *_rest: object) -> None:
        folder.mkdir()
        (folder / "manifest.json").write_text(version)
        versions.append(version)

    monkeypatch.setattr(debian, "why_not", lambda: None)
    monkeypatch.setattr(debian, "build_root", lambda tree, *_rest: tree / "root")
    monkeypatch.setattr(go_modules, "compile_programs", lambda *_rest: {})
    monkeypatch.setattr(debian_source, "compile_programs", lambda *_rest: {})
    monkeypatch.setattr(build, "_assemble", assemble)
    return versions


def test_one_call_builds_all_versions_and_the_next_nothing(assembled: list[str], own_cache: Path) -> None:
    folder = bundle(PATCH)
    assert (folder / "manifest.json").read_text() == PATCH
    assert sorted(assembled) == sorted(VERSIONS)
    assert bundle(PATCH) == folder
    assert bundle(MINOR).is_dir()
    assert len(assembled) == len(VERSIONS)
    left = sorted(path.name for path in own_cache.iterdir())
    assert left == sorted(["build.log", "lock", *(cache.place(version).name for version in VERSIONS)])


def test_only_what_is_asked_for_and_missing_is_built(assembled: list[str]) -> None:
    bundles([BASE])
    assert assembled == [BASE]
    bundles([BASE, MINOR, MINOR])
    assert assembled == [BASE, MINOR]


def test_the_previous_version_is_built_when_it_is_asked_for(assembled: list[str]) -> None:
    previous = go_modules.VERSIONS.previous
    assert previous is not None
    bundles()
    assert previous not in assembled
    assert bundle(previous).is_dir()
    assert assembled == [*VERSIONS, previous]


def test_a_version_that_there_is_not(assembled: list[str]) -> None:
    with pytest.raises(BuildError, match=rf"v1\.2\.3 cannot be built; there are {BASE}, "):
        bundle("v1.2.3")
    assert assembled == []


def test_a_build_that_fails_leaves_its_tree_and_no_bundle(
    assembled: list[str], own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_tree: Path, _root: Path, version: str, steps: Steps) -> dict[str, Path]:
        if version == PATCH:
            with steps.step(f"kubelet {PATCH}"):
                steps.run(["sh", "-c", "echo out of memory; exit 2"])
        return {}

    monkeypatch.setattr(go_modules, "compile_programs", fail)
    with pytest.raises(BuildError, match=f"'kubelet {PATCH}' ended with exit code 2") as caught:
        bundles()
    assert "out of memory" in str(caught.value)
    assert str(own_cache / "build.log") in str(caught.value)
    assert cache.place(BASE).is_dir()
    assert not cache.place(PATCH).exists()
    assert cache.build_tree().is_dir()
    monkeypatch.setattr(go_modules, "compile_programs", lambda *_rest: {})
    assert bundle(PATCH).is_dir()
    assert not cache.build_tree().exists()


def test_what_other_states_of_the_checkout_left_half_is_removed(assembled: list[str], own_cache: Path) -> None:
    (own_cache / "building-0123456789abcdef" / "root").mkdir(parents=True)
    (own_cache / f"{BASE}-0123456789abcdef").mkdir()
    bundles([BASE])
    assert not (own_cache / "building-0123456789abcdef").exists()
    assert (own_cache / f"{BASE}-0123456789abcdef").exists()
    assert main(["--prune"]) == 0
    assert not (own_cache / f"{BASE}-0123456789abcdef").exists()
    assert cache.place(BASE).exists()


def test_a_full_disk_is_said_before_anything_is_built(assembled: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage("/")._replace(free=10**9)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage)
    with pytest.raises(BuildError, match=r"1\.0 GB left.*XDG_CACHE_HOME"):
        bundles()
    assert assembled == []


def test_a_cache_that_cannot_be_written_is_named(assembled: list[str], own_cache: Path) -> None:
    own_cache.parent.write_text("a file where the directory should be")
    with pytest.raises(BuildError, match=f"Building in {own_cache} failed"):
        bundles()


def test_a_second_process_waits_and_finds_it_built(
    assembled: list[str], own_cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = own_cache / cache.place(BASE).name
    # The other process builds, in the way of this program: the lock, then the folder, then the lock's end.
    code = (
        "import fcntl, pathlib, sys, time\n"
        "lock = open(sys.argv[1], 'w'); fcntl.flock(lock, fcntl.LOCK_EX); print('locked', flush=True)\n"
        "time.sleep(0.5); pathlib.Path(sys.argv[2]).mkdir()\n"
    )
    own_cache.mkdir(parents=True)
    command = [sys.executable, "-c", code, str(own_cache / "lock"), str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"locked\n"
        assert bundles([BASE]) == {BASE: folder}
    assert other.returncode == 0
    assert assembled == []
    assert "waiting for another process" in capsys.readouterr().err


def test_the_key_follows_the_recipe(tmp_path: Path) -> None:
    def recipe(name: str, **files: str) -> Path:
        for path, content in {
            "images.py": "a",
            "units/kubelet.service": "b",
            "standins/dns/main.go": "c",
            **files,
        }.items():
            target = tmp_path / name / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(content)
        return tmp_path / name

    first = cache.key(recipe("first"))
    assert cache.key(recipe("same")) == first
    assert cache.key(recipe("other", **{"__main__.py": "not of the content"})) == first
    assert cache.key(recipe("image", **{"images.py": "x"})) != first
    assert cache.key(recipe("stand-in", **{"standins/dns/main.go": "x"})) != first
    assert cache.key(recipe("more", **{"units/10-kubeadm.conf": ""})) != first


def test_without_root_one_sentence_says_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert main([]) == 1
    said = capsys.readouterr().err
    assert "Only root can build" in said
    assert said.count("\n") == 1


def test_without_mmdebstrap_its_package_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    assert main([]) == 1
    assert "install the Debian package mmdebstrap" in capsys.readouterr().err


def test_a_ready_bundle_needs_neither_root_nor_mmdebstrap(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    cache.place(BASE).mkdir(parents=True)
    assert main([BASE]) == 0
    assert capsys.readouterr().out == f"{BASE} {cache.place(BASE)}\n"


def test_a_question_that_fails_is_told_with_what_the_command_said(tmp_path: Path) -> None:
    steps = Steps(tmp_path / "log")
    with pytest.raises(BuildError, match=r"'list images' failed: .*no such version"), steps.step("list images"):
        steps.ask(["sh", "-c", "echo no such version >&2; exit 1"])


def test_a_program_that_is_not_here_is_named(tmp_path: Path) -> None:
    steps = Steps(tmp_path / "log")
    with pytest.raises(BuildError, match="apt-absent cannot be started: No such file"):
        steps.ask(["apt-absent", "update"])
    with pytest.raises(BuildError, match="apt-absent cannot be started: No such file"):
        steps.run(["apt-absent", "update"])


@pytest.mark.skipif(bool(os.geteuid()), reason="namespaces need root")
def test_nothing_that_was_started_outlives_a_killed_build(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    code = (
        "import sys; from pathlib import Path\n"
        "from tests.cluster_bundle.debian import ALONE; from tests.cluster_bundle.steps import Steps\n"
        "Steps(Path(sys.argv[1])).run([*ALONE, '--', 'sh', '-c', f'sleep 300 > {sys.argv[2]}; :'])\n"
    )
    with (
        subprocess.Popen([sys.executable, "-c", code, tmp_path / "log", pipe], cwd=CHECKOUT) as process,
        pipe.open("rb") as reader,  # which waits until the other end is open
    ):
        assert select.select([reader], [], [], 0.2)[0] == []
        process.send_signal(signal.SIGKILL)
        assert select.select([reader], [], [], 10)[0] == [reader], "it is still running"
        assert reader.read() == b""


def test_without_a_module_proxy_debians_source_is_built_and_a_line_says_so(
    assembled: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(go_modules, "why_not", lambda: "no Go module proxy is reached")
    assert list(bundles()) == list(debian_source.VERSIONS) == assembled
    said = capsys.readouterr().err
    assert f"Kubernetes v1.20.2 instead of {BASE}, because no Go module proxy is reached\n" in said


def test_what_is_ready_needs_no_module_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for version in VERSIONS:
        cache.place(version).mkdir(parents=True)
    monkeypatch.setattr(go_modules, "why_not", lambda: "no Go module proxy is reached")
    assert versions() == go_modules.VERSIONS


def given_bundle(folder: Path, *images: str) -> Path:
    folder.mkdir()
    manifest = {"kubernetes_version": "v1.33.1", "images": [{"names": [name]} for name in images]}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def test_a_given_bundle_takes_the_place_of_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = given_bundle(tmp_path / "given", "registry.k8s.io/pause:3.10", "docker.io/library/busybox:1.37")
    monkeypatch.setenv(build.GIVEN, str(folder))
    assert list(versions()) == ["v1.33.1"]
    assert versions().patch is None
    assert bundle("v1.33.1") == folder
    assert workload_image() == "docker.io/library/busybox:1.37"
    with pytest.raises(BuildError, match=f"{BASE} cannot be built; there are v1.33.1"):
        bundle(BASE)


def test_a_given_bundle_that_is_none_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(build.GIVEN, str(tmp_path / "absent"))
    with pytest.raises(BuildError, match=r"PODNET_CLUSTER_BUNDLE is .*absent, which has no manifest\.json"):
        versions()


def test_a_given_bundle_without_an_image_for_pods_is_told_what_it_lacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(build.GIVEN, str(given_bundle(tmp_path / "given", "registry.k8s.io/pause:3.10")))
    with pytest.raises(BuildError, match="has no image of busybox"):
        workload_image()
