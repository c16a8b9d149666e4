# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""playbooks/bundle.yml against a stand-in of upstream: real downloads, a real registry, skopeo."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.podnet.lab.plugins.plugin_utils.bundle.bundles import load, unpack
from ansible_collections.podnet.lab.tests.integration.kubernetes_bundle.upstream import (
    IMAGES,
    VERSION,
    WORKLOAD,
    UnavailableError,
    Upstream,
    open_upstream,
)
from ansible_collections.podnet.lab.tests.integration.support import keep_compiled
from ansible_collections.podnet.lab.tests.integration.support.starting import ansible_playbook
from ansible_collections.podnet.lab.tests.integration.support.world import CHECKOUT, COLLECTIONS

PLAYBOOK = CHECKOUT / "playbooks" / "bundle.yml"
FLANNEL = ("ghcr.io/flannel-io/flannel:v0.27.4", "ghcr.io/flannel-io/flannel-cni-plugin:v1.8.0-flannel1")


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Upstream]:
    """A whole release with its images; what a test changes there it changes back."""
    with ExitStack() as stack:
        try:
            opened = stack.enter_context(open_upstream(tmp_path_factory.mktemp("upstream")))
        except UnavailableError as error:
            pytest.skip(str(error))
        opened.release()
        for name in (*IMAGES, WORKLOAD):
            opened.push(name)
        yield opened


class Made:
    """The folder of a bundle, and how it is made."""

    def __init__(self, upstream: Upstream, path: Path, home: Path) -> None:
        self.upstream = upstream
        self.path = path
        self.home = home

    def play(self, *argv: str, programs: str | None = None, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run the playbook with these options of the role, whatever comes of it."""
        values = {"kubernetes_bundle_path": str(self.path), **self.upstream.options()}
        values |= {f"kubernetes_bundle_{name}": value for name, value in options.items()}
        env = {
            **os.environ,
            "ANSIBLE_CONFIG": str(CHECKOUT / "ansible.cfg"),
            "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
            "ANSIBLE_HOME": str(self.home / "ansible"),
            "ANSIBLE_NOCOLOR": "1",
            "PYTHONPATH": str(self.home),
            "PATH": programs or os.environ["PATH"],
        }
        return ansible_playbook(str(PLAYBOOK), "-e", json.dumps(values), *argv, env=env, cwd=CHECKOUT)

    def make(self, *argv: str, **options: Any) -> int:
        """Run the playbook, which must succeed; return how many tasks changed something."""
        done = self.play(*argv, **options)
        assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-3000:]
        return int(done.stdout.rpartition("changed=")[2].split()[0])

    def refused(self, **options: Any) -> str:
        """Run the playbook, which must fail; return what it said."""
        done = self.play(**options)
        assert done.returncode != 0
        return " ".join((done.stdout + done.stderr).replace("\\n", " ").split())

    def files(self) -> dict[str, float]:
        """Every file of the folder and when it was written."""
        return {
            str(file.relative_to(self.path)): file.stat().st_mtime for file in self.path.rglob("*") if file.is_file()
        }


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where Ansible has its files, and Python what it compiled of the many modules that a bundle takes."""
    home = tmp_path_factory.mktemp("home")
    program = Path(keep_compiled.__file__).read_text(encoding="utf-8")
    (home / "sitecustomize.py").write_text(f'{program}\nkeep_compiled("{home}")\n', encoding="utf-8")
    return home


@pytest.fixture
def made(upstream: Upstream, tmp_path: Path, home: Path) -> Made:
    """A place for a bundle."""
    return Made(upstream, tmp_path / "bundle", home)


def verified(path: Path, scratch: Path) -> dict[str, Any]:
    """Return the manifest of a bundle all of whose files have the sums that it says."""
    raw, bundle = load(path)
    found = unpack(path, bundle, list(bundle.sums), scratch)
    assert set(found) == set(bundle.sums)
    return raw


def names(raw: dict[str, Any]) -> set[str]:
    return {name for image in raw["images"] for name in image["names"]}


def test_a_bundle_is_made_kept_and_repaired(made: Made, tmp_path: Path) -> None:
    archive = tmp_path / "bundle.tar.zst"
    assert made.make("--check") == 1
    assert not made.path.exists()
    assert made.make(archive=str(archive)) > 1
    raw = verified(made.path, tmp_path / "a")
    assert raw == verified(archive, tmp_path / "b")
    assert raw["kubernetes_version"] == VERSION
    assert names(raw) == {*IMAGES, WORKLOAD}
    modes = {item["path"]: item["mode"] for item in raw["files"]}
    assert modes == {
        **dict.fromkeys(("bin/kubeadm", "bin/kubelet", "bin/kubectl", "bin/crictl"), "0755"),
        **dict.fromkeys(("cni/bin/bridge", "cni/bin/host-local"), "0755"),
        **dict.fromkeys(("units/kubelet.service", "units/10-kubeadm.conf"), "0644"),
    }

    # A second run, predicted and done, changes nothing and downloads nothing but sums.
    before = made.files()
    made.upstream.asked.clear()
    assert made.make(archive=str(archive)) == 0
    assert made.make("--check", archive=str(archive)) == 0
    assert made.files() == before
    assert all(line.endswith(".sha256") for line in made.upstream.asked)

    # What a run that was killed leaves half done is fetched again, and nothing else. An image that is not wanted any
    # more leaves the folder.
    kubelet = made.path / "bin" / "kubelet"
    image = next((made.path / "images").glob("*coredns*"))
    plugin = made.path / "cni" / "bin" / "bridge"
    for file in (kubelet, image, plugin):
        file.write_bytes(file.read_bytes()[:-1])
    half = {str(file.relative_to(made.path)) for file in (kubelet, image, plugin)}
    busybox = str(next((made.path / "images").glob("*busybox*")).relative_to(made.path))
    whole = {path: time for path, time in made.files().items() if path not in {*half, busybox, "manifest.json"}}
    made.make(workload_image="")
    repaired = verified(made.path, tmp_path / "c")
    assert repaired["files"] == raw["files"]
    assert names(repaired) == set(IMAGES)
    after = made.files()
    assert {path: after[path] for path in whole} == whole
    assert busybox not in after


def test_a_file_with_another_sum_is_refused(made: Made) -> None:
    published = made.upstream.folder / "release" / VERSION / "bin" / "linux" / "amd64" / "kubelet"
    right = published.read_bytes()
    published.write_bytes(b"something else")
    try:
        said = made.refused()
    finally:
        published.write_bytes(right)
    assert "is not complete" in said
    assert "/kubelet: The checksum for" in said
    assert not (made.path / "bin" / "kubelet").exists()
    assert not (made.path / "manifest.json").exists()


def test_what_cannot_be_reached_is_named(made: Made) -> None:
    said = made.refused(version="1.34.99")
    assert "/v1.34.99/bin/linux/amd64/kubeadm" in said
    assert "404" in said
    said = made.refused(release_url="http://127.0.0.1:1/release")
    assert f"http://127.0.0.1:1/release/{VERSION}/bin/linux/amd64/kubelet" in said
    assert "kubernetes_bundle_release_url" in said


def test_images_that_cannot_be_had_are_named(made: Made) -> None:
    made.upstream.push("docker.io/library/other:1", architecture="arm64")
    said = made.refused(
        images=["docker.io/library/absent:1", "docker.io/library/other:1", "busybox"], workload_image=""
    )
    assert "/library/absent:1: it could not be fetched" in said
    assert "its image is for arm64, not for amd64" in said
    assert "image busybox: this is no name with registry and tag" in said
    assert not (made.path / "manifest.json").exists()
    assert len(list((made.path / "images").iterdir())) == len(IMAGES)


def test_a_missing_skopeo_is_named(made: Made, tmp_path: Path) -> None:
    # All programs but skopeo.
    programs = tmp_path / "programs"
    programs.mkdir()
    for directory in reversed(os.environ["PATH"].split(os.pathsep)):
        for file in Path(directory).glob("*") if directory else ():
            target = programs / file.name
            target.unlink(missing_ok=True)
            target.symlink_to(file)
    (programs / "skopeo").unlink()
    done = made.play(programs=str(programs))
    assert done.returncode != 0
    assert "Install the package skopeo" in " ".join(done.stdout.split())


def test_another_architecture_and_what_is_wanted_beside(made: Made, tmp_path: Path) -> None:
    made.upstream.release("arm64")
    for name in (*IMAGES, *FLANNEL, "docker.io/library/extra:1"):
        made.upstream.push(name, architecture="arm64", below="arm64")
    options = {"architecture": "arm64", "flannel": True, "workload_image": "", "cni_plugins_version": ""}
    options["registries"] = made.upstream.options("arm64")["kubernetes_bundle_registries"]
    made.make(images=["docker.io/library/extra:1"], **options)
    raw = verified(made.path, tmp_path / "a")
    assert raw["architecture"] == "arm64"
    assert names(raw) == {*IMAGES, *FLANNEL, "docker.io/library/extra:1"}
    assert not [item for item in raw["files"] if item["path"].startswith("cni/")]
    assert (made.path / "bin" / "kubeadm").read_bytes().endswith(b"# arm64\n")


def test_what_makes_no_bundle_is_refused_at_once(made: Made) -> None:
    said = made.refused(version="latest", architecture="x86_64", path="bundle", archive="/tmp/bundle.zip")
    assert "Set it to a version like 1.34.2" in said
    assert "Set it to one of amd64" in said
    assert "must begin with /" in said
    assert "must end in .tar" in said
