# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The resolv.conf of a pod, from its runtime's file."""

from __future__ import annotations

from pathlib import Path
from typing import List, Optional

import pytest

from ansible_collections.podnet.lab.plugins.module_utils._facts.resolvers import resolver_facts
from ansible_collections.podnet.lab.plugins.module_utils._files.reader import Files
from ansible_collections.podnet.lab.plugins.module_utils._pods.identity import Identity

SANDBOX = "1da4" * 16
TEXT = "search default.svc.cluster.local svc.cluster.local\nnameserver 10.96.0.10\noptions ndots:5\n"
PLACES = (
    "/var/lib/containerd/io.containerd.grpc.v1.cri/sandboxes/%s/resolv.conf",
    "/var/lib/rancher/k3s/agent/containerd/io.containerd.grpc.v1.cri/sandboxes/%s/resolv.conf",
    "/run/containers/storage/overlay-containers/%s/userdata/resolv.conf",
    "/var/lib/docker/containers/%s/resolv.conf",
)


def identity(sandbox: Optional[str], kind: str = "pod") -> Identity:
    owner = {"namespace": "default", "name": "web", "uid": None, "sandbox_id": sandbox, "runtime": None}
    return Identity(kind, {**owner, "sources": [], "contradictions": []}, {}, [], {})  # type: ignore[arg-type]


def put(root: Path, path: str, text: str = TEXT) -> Path:
    place = root / path.lstrip("/")
    place.parent.mkdir(parents=True)
    place.write_text(text)
    return place


@pytest.mark.parametrize("place", PLACES)
def test_the_file_of_each_runtime(tmp_path: Path, place: str) -> None:
    put(tmp_path, place % SANDBOX)
    files = Files(str(tmp_path))
    assert resolver_facts(files, identity(SANDBOX), []) == {
        "path": place % SANDBOX,
        "nameservers": ["10.96.0.10"],
        "search": ["default.svc.cluster.local", "svc.cluster.local"],
        "options": ["ndots:5"],
    }
    assert files.errors == []


def test_a_pod_of_the_lab(tmp_path: Path) -> None:
    put(tmp_path, "/etc/netns/lab0_default_pod1/resolv.conf")
    found = resolver_facts(Files(str(tmp_path)), identity(None, "lab"), ["lab0_default_pod1"])
    assert found is not None
    assert found["path"] == "/etc/netns/lab0_default_pod1/resolv.conf"


@pytest.mark.parametrize("sandbox", ["../../../../etc", "", "abc", SANDBOX + "/..", None])
def test_an_id_that_is_none_leads_nowhere(tmp_path: Path, sandbox: Optional[str]) -> None:
    put(tmp_path, "/etc/resolv.conf")
    files = Files(str(tmp_path))
    assert resolver_facts(files, identity(sandbox), ["..", "a/b"]) is None
    assert files.errors == []


@pytest.mark.parametrize("kind", ["host", "container", "named"])
def test_what_is_no_pod_has_none(tmp_path: Path, kind: str) -> None:
    put(tmp_path, PLACES[0] % SANDBOX)
    assert resolver_facts(Files(str(tmp_path)), identity(SANDBOX, kind), []) is None


def test_a_link_out_of_the_runtimes_directory_is_not_followed(tmp_path: Path) -> None:
    secret = put(tmp_path, "/root/secret")
    place = put(tmp_path, PLACES[0] % SANDBOX)
    place.unlink()
    place.symlink_to(secret)
    files = Files(str(tmp_path))
    assert resolver_facts(files, identity(SANDBOX), []) is None
    assert len(files.errors) == 1


@pytest.mark.parametrize("text", ["nameserver 10.96.0.10\n" * 100000, "\0" * 100000])
def test_a_file_that_a_container_made_long_is_refused(tmp_path: Path, text: str) -> None:
    put(tmp_path, PLACES[0] % SANDBOX, text)
    files = Files(str(tmp_path))
    assert resolver_facts(files, identity(SANDBOX), []) is None
    assert len(files.errors) == 1


def test_what_is_in_it_is_data(tmp_path: Path) -> None:
    words: List[str] = ["{{ lookup('pipe', 'id') }}", "$(id)", "<b>"]
    put(tmp_path, PLACES[0] % SANDBOX, "search %s\n" % " ".join(words) + "nameserver \x1b[31m\n")
    found = resolver_facts(Files(str(tmp_path)), identity(SANDBOX), [])
    assert found is not None
    assert found["search"] == " ".join(words).split()
    assert found["nameservers"] == ["\x1b[31m"]
