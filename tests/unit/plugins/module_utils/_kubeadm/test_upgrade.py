# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an upgrade reads of a node and its cluster, and what it calls."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict, List

import pytest

from ansible_collections.podnet.lab.plugins.module_utils._bundle.manifest import Bundle, BundleFile, digest_of
from ansible_collections.podnet.lab.plugins.module_utils._kubeadm import node as parse
from ansible_collections.podnet.lab.plugins.modules import kubeadm_info, offline_bundle
from ansible_collections.podnet.lab.plugins.modules.kubeadm import upgrade_arguments

STATIC_POD = """\
apiVersion: v1
kind: Pod
metadata:
  annotations:
    kubeadm.kubernetes.io/kube-apiserver.advertise-address.endpoint: 192.0.2.11:6443
  creationTimestamp: null
  name: kube-apiserver
spec:
  containers:
  - command:
    - kube-apiserver
    - --advertise-address=192.0.2.11
    image: k8s.gcr.io/kube-apiserver:v1.20.2
    name: kube-apiserver
"""


@pytest.mark.parametrize(
    ("image", "version"),
    [
        ("k8s.gcr.io/kube-proxy:v1.20.2", "v1.20.2"),
        ("registry.example.org:5000/kube-proxy:v1.34.0-rc.1", "v1.34.0-rc.1"),
        ("example.org/kube-proxy:v1.34.0_vendor.1@sha256:ab", "v1.34.0+vendor.1"),
        ("registry.example.org:5000/kube-proxy", None),
        ("example.org/kube-proxy:latest", None),
        ("", None),
    ],
)
def test_an_image_says_its_version(image: str, version: Any) -> None:
    assert parse.image_version(image) == version


def test_static_pods_say_the_versions_of_the_control_plane(monkeypatch: pytest.MonkeyPatch) -> None:
    files = {
        "/etc/kubernetes/manifests/kube-apiserver.yaml": STATIC_POD,
        "/etc/kubernetes/manifests/kube-scheduler.yaml": STATIC_POD[:100] + "\n\t{half written",
    }
    monkeypatch.setattr(kubeadm_info, "read", lambda path: files.get(path, ""))
    assert kubeadm_info.static_pod_versions() == {"kube-apiserver": "v1.20.2"}


@pytest.mark.parametrize("pod", [None, [], {"spec": None}, {"spec": {"containers": [None, {"name": "x"}]}}])
def test_other_documents_say_no_version(pod: Any) -> None:
    assert parse.container_version(pod, "kube-proxy") is None


def test_kubectl_prints_a_list_or_one_object_or_nothing() -> None:
    one: Dict[str, Any] = {"kind": "ConfigMap", "metadata": {"name": "a"}, "data": {}}
    assert parse.parse_objects(json.dumps(one)) == {"ConfigMap/a": one}
    all_three = {"kind": "List", "items": [one, dict(one, metadata={"name": "b"}), {"kind": "DaemonSet"}]}
    assert sorted(parse.parse_objects(json.dumps(all_three))) == ["ConfigMap/a", "ConfigMap/b", "DaemonSet/None"]
    assert parse.parse_objects("") == parse.parse_objects("error") == parse.parse_objects("[]") == {}


def test_bare_pods_are_those_that_a_drain_would_end() -> None:
    lines = (
        "default pod1 Running node2 podnet-lab\n"
        "default once Succeeded node2\n"
        "default waits Pending - \n"
        "mine data Running node3\n"
        "cut\n"
    )
    assert parse.parse_bare_pods(lines) == [
        {"namespace": "default", "name": "pod1", "node": "node2", "part_of": "podnet-lab"},
        {"namespace": "mine", "name": "data", "node": "node3", "part_of": ""},
    ]


def test_arguments_of_kubeadm_upgrade() -> None:
    assert upgrade_arguments("upgrade_apply", "v1.34.3", []) == ["upgrade", "apply", "v1.34.3", "--yes"]
    assert upgrade_arguments("upgrade_node", "v1.34.3", ["A", "B"]) == [
        "upgrade",
        "node",
        "--ignore-preflight-errors=A,B",
    ]


def test_a_part_of_a_bundle_is_named_by_file_or_folder() -> None:
    paths = ["bin/kubeadm", "bin/kubelet", "images/pause.tar", "imagesx/a"]
    only = ["images", "bin/kubeadm"]
    assert [path for path in paths if offline_bundle.is_wanted(path, only)] == ["bin/kubeadm", "images/pause.tar"]
    assert all(offline_bundle.is_wanted(path, []) for path in paths)


class Module:
    """What the installer asks of an Ansible module that has no programs."""

    check_mode = False

    def __init__(self, only: List[str]) -> None:
        self.params = {"only": only}
        self.warnings: List[str] = []

    def warn(self, text: str) -> None:
        self.warnings.append(text)


def test_files_that_a_newer_bundle_lacks_are_removed_unless_somebody_changed_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stays, goes, changed = (tmp_path / name for name in ("stays", "goes", "changed"))
    for path in (stays, goes, changed):
        path.write_text("as installed")
    record = tmp_path / "bundle.json"
    digest = digest_of(str(stays))
    images = {"k8s.gcr.io/pause:3.2": {"archive": "a", "digest": "b"}}
    record.write_text(json.dumps({"files": {str(path): digest for path in (stays, goes, changed)}, "images": images}))
    changed.write_text("by somebody")
    monkeypatch.setattr(offline_bundle, "RECORD", str(record))
    item = Bundle("v1.20.3", "amd64", (BundleFile("bin/x", digest, 0o755, str(stays)),), (), ())
    module = Module([])
    run = offline_bundle.Installer(module)
    assert run.outdated(item) == [str(changed), str(goes)]
    assert run.remove_files(run.outdated(item)) == [str(goes)]
    assert stays.exists()
    assert changed.exists()
    assert not goes.exists()
    assert "was changed" in module.warnings[0]
    assert json.loads(record.read_text()) == {"files": {str(stays): digest}, "images": images}
    assert offline_bundle.Installer(Module(["images"])).outdated(item) == []
