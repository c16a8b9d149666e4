# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Identity from the files of a node and the cgroups of its processes; every parser against hostile input."""

from __future__ import annotations

import contextlib
import json
import os
from typing import Any, Callable, Dict, List, Optional, Tuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.podnet.lab.plugins.module_utils._files.reader import Files
from ansible_collections.podnet.lab.plugins.module_utils._pods.cgroups import NOBODY, CgroupIdentity, parse_cgroup
from ansible_collections.podnet.lab.plugins.module_utils._pods.cni_cache import parse_cni_result, read_cni_cache
from ansible_collections.podnet.lab.plugins.module_utils._pods.identity import read_evidence
from ansible_collections.podnet.lab.plugins.module_utils._pods.lab import (
    parse_lab_pod,
    parse_starttime,
    read_lab_pods,
)
from ansible_collections.podnet.lab.plugins.module_utils._pods.names import (
    parse_pod_directory,
    read_container_names,
    read_pod_directories,
)
from ansible_collections.podnet.lab.plugins.module_utils._pods.oci_bundles import parse_bundle, read_bundles

ID = "1da4c8de" * 8
OTHER = "77a10000" * 8
UID = "b935428f-7d1c-4f0e-9d55-0f2f6d0f9a11"
UID_ = UID.replace("-", "_")
STATIC = "0123456789abcdef0123456789abcdef"


# ---------------------------------------------------------------- cgroups


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0::/\n", NOBODY),
        ("", NOBODY),
        ("garbage\nwithout:colons\n", NOBODY),
        ("0::/user.slice/user-0.slice/session-1.scope\n", NOBODY),
        (
            "0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod%s.slice/cri-containerd-%s.scope\n"
            % (UID_, ID),
            CgroupIdentity(UID, ID, "containerd"),
        ),
        (
            "0::/kubepods.slice/kubepods-pod%s.slice/cri-containerd-%s.scope\n" % (UID_, ID),
            CgroupIdentity(UID, ID, "containerd"),
        ),
        (
            "0::/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod%s.slice/crio-%s.scope/container\n"
            % (UID_, ID),
            CgroupIdentity(UID, ID, "cri-o"),
        ),
        (
            "0::/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-besteffort.slice/"
            "kubelet-kubepods-besteffort-pod%s.slice/cri-containerd-%s.scope\n" % (UID_, ID),
            CgroupIdentity(UID, ID, "containerd"),
        ),
        ("0::/kubepods/besteffort/pod%s/%s\n" % (UID, ID), CgroupIdentity(UID, ID, None)),
        ("0::/kubepods/pod%s/%s\n" % (UID, ID), CgroupIdentity(UID, ID, None)),
        ("0::/kubelet/kubepods/burstable/pod%s/%s\n" % (UID, ID), CgroupIdentity(UID, ID, None)),
        ("0::/kubepods/burstable/pod%s/%s\n" % (STATIC, ID), CgroupIdentity(STATIC, ID, None)),
        (
            "0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod%s.slice/docker-%s.scope\n"
            % (STATIC, ID),
            CgroupIdentity(STATIC, ID, "docker"),
        ),
        (
            "12:cpu:/system.slice/containerd.service/kubepods-besteffort-pod%s.slice:cri-containerd:%s\n" % (UID_, ID),
            CgroupIdentity(UID, ID, "containerd"),
        ),
        (
            "12:cpuset:/\n11:memory:/kubepods/besteffort/pod%s/%s\n1:name=systemd:/kubepods/besteffort/pod%s/%s\n0::/\n"
            % (UID, ID, UID, ID),
            CgroupIdentity(UID, ID, None),
        ),
        ("0::/system.slice/docker-%s.scope\n" % ID, CgroupIdentity(None, ID, "docker")),
        ("0::/docker/%s\n" % ID, CgroupIdentity(None, ID, "docker")),
        ("0::/machine.slice/libpod-%s.scope/container\n" % ID, CgroupIdentity(None, ID, "podman")),
        ("0::/libpod_parent/libpod-%s\n" % ID, CgroupIdentity(None, ID, "podman")),
        # a kind node seen from its host: the pod inside counts, and its container
        (
            "0::/docker/%s/kubelet/kubepods/besteffort/pod%s/%s\n" % (OTHER, UID, ID),
            CgroupIdentity(UID, ID, None),
        ),
        # nobody's: 64 hexadecimal digits alone are no container
        ("0::/system.slice/%s\n" % ID, NOBODY),
    ],
)
def test_cgroup(text: str, expected: CgroupIdentity) -> None:
    assert parse_cgroup(text) == expected


def test_a_container_cannot_rename_itself_below_its_own_cgroup() -> None:
    own = "0::/kubepods/besteffort/pod%s/%s" % (UID, ID)
    forged = "/kubepods/pod%s/%s" % (UID.replace("b9", "ff"), OTHER)
    assert parse_cgroup(own + forged) == CgroupIdentity(UID, ID, None)


@given(st.text())
def test_cgroup_of_any_text(text: str) -> None:
    found = parse_cgroup(text)
    assert found.container_id is None or len(found.container_id) == 64


# ------------------------------------------------------------- CNI cache


def cni_cache(**changes: Any) -> Dict[str, Any]:
    """A result as libcni 1.x keeps it."""
    cached: Dict[str, Any] = {
        "kind": "cniCacheV1",
        "containerId": ID,
        "config": "eyJjbmlWZXJzaW9uIjoiMS4wLjAifQ==",
        "ifName": "eth0",
        "networkName": "k8s-bridge",
        "netns": "/var/run/netns/cni-6d1c2f7e",
        "cniArgs": [
            ["K8S_POD_INFRA_CONTAINER_ID", ID],
            ["K8S_POD_UID", UID],
            ["IgnoreUnknown", "1"],
            ["K8S_POD_NAMESPACE", "default"],
            ["K8S_POD_NAME", "pod2"],
        ],
        "result": {
            "cniVersion": "1.0.0",
            "interfaces": [
                {"name": "cni0", "mac": "aa:aa:aa:aa:aa:aa"},
                {"name": "eth0", "mac": "bb:bb:bb:bb:bb:bb", "sandbox": "/var/run/netns/cni-6d1c2f7e"},
            ],
            "ips": [{"interface": 1, "address": "10.244.1.7/24", "gateway": "10.244.1.1"}],
        },
    }
    cached.update(changes)
    return {key: value for key, value in cached.items() if value is not None}


def test_cached_result() -> None:
    claim = parse_cni_result(cni_cache(), "/x/k8s-bridge-%s-eth0" % ID)
    assert claim is not None
    assert (claim.namespace, claim.name, claim.uid, claim.sandbox_id) == ("default", "pod2", UID, ID)
    assert (claim.netns, claim.addresses) == ("/var/run/netns/cni-6d1c2f7e", ("10.244.1.7",))


def test_result_from_before_2023_names_the_namespace_in_its_interfaces() -> None:
    claim = parse_cni_result(cni_cache(netns=None), "/x/k8s-bridge-%s-eth0" % ID)
    assert claim is not None
    assert claim.netns == "/var/run/netns/cni-6d1c2f7e"


@pytest.mark.parametrize(
    ("result", "addresses"),
    [
        ({"cniVersion": "0.3.1", "ips": [{"version": "4", "address": "10.1.0.5/16"}], "dns": {}}, ("10.1.0.5",)),
        ({"cniVersion": "0.2.0", "ip4": {"ip": "10.1.0.5/16"}, "ip6": {"ip": "fd00::5/64"}}, ("10.1.0.5", "fd00::5")),
    ],
)
def test_bare_result_from_before_2019(result: Dict[str, Any], addresses: Tuple[str, ...]) -> None:
    claim = parse_cni_result(result, "/var/lib/cni/results/my-net-%s-eth0" % ID)
    assert claim is not None
    assert (claim.sandbox_id, claim.name, claim.addresses) == (ID, None, addresses)


def test_the_name_that_podman_4_gives_is_no_pods() -> None:
    found = cni_cache(networkName="podman", netns=None, cniArgs=[["IgnoreUnknown", "1"], ["K8S_POD_NAME", "web"]])
    claim = parse_cni_result(found, "/var/lib/cni/results/podman-%s-eth0" % ID)
    assert claim is not None
    assert (claim.namespace, claim.name, claim.sandbox_id) == (None, None, ID)


def test_loopback_says_nothing() -> None:
    assert parse_cni_result(cni_cache(ifName="lo"), "/x/cni-loopback-%s-lo" % ID) is None


@pytest.mark.parametrize("value", [[], None, 1, "x", {}, {"kind": "cniCacheV2"}, {"hello": "world"}])
def test_no_cni_result(value: Any) -> None:
    with pytest.raises(ValueError):
        parse_cni_result(value, "/x/y")


# ------------------------------------------------------------ OCI bundles


def bundle(kind: str, prefix: str = "io.kubernetes.cri.", **changes: Any) -> Dict[str, Any]:
    """A bundle as containerd writes it; of CRI-O with its prefix."""
    annotations = {
        prefix + "container-type": kind,
        prefix + "sandbox-id": ID,
        prefix + "sandbox-namespace": "default",
        prefix + "sandbox-name": "pod2",
        prefix + "sandbox-uid": UID,
        prefix + "container-name": "web",
    }
    namespaces = [{"type": "pid"}, {"type": "network", "path": "/var/run/netns/cni-6d1c2f7e"}]
    config = {
        "ociVersion": "1.1.0",
        "process": {"args": ["secret"], "env": ["TOKEN=hidden"]},
        "annotations": annotations,
        "linux": {"namespaces": namespaces},
    }
    config.update(changes)
    return config


def test_sandbox_bundle() -> None:
    claims = parse_bundle(bundle("sandbox"), "/x/config.json", ID)
    (claim,) = claims.sandboxes
    assert (claim.namespace, claim.name, claim.uid, claim.sandbox_id) == ("default", "pod2", UID, ID)
    assert (claim.runtime, claim.netns, claim.host_network) == ("containerd", "/var/run/netns/cni-6d1c2f7e", False)
    assert [(c.container_id, c.name, c.sandbox_id) for c in claims.containers] == [(ID, None, ID)]


def test_container_bundle_shows_no_arguments_and_no_environment() -> None:
    claims = parse_bundle(bundle("container"), "/x/config.json", OTHER)
    assert claims.sandboxes == []
    assert [(c.container_id, c.name, c.sandbox_id) for c in claims.containers] == [(OTHER, "web", ID)]
    assert "secret" not in repr(claims)
    assert "TOKEN" not in repr(claims)


def test_bundle_without_network_namespace_is_of_a_host_network_pod() -> None:
    (claim,) = parse_bundle(bundle("sandbox", linux={"namespaces": [{"type": "pid"}]}), "/x", ID).sandboxes
    assert claim.host_network is True
    assert claim.netns is None


def test_path_of_a_process_proves_nothing() -> None:
    linux = {"namespaces": [{"type": "network", "path": "/proc/4711/ns/net"}]}
    (claim,) = parse_bundle(bundle("sandbox", linux=linux), "/x", ID).sandboxes
    assert (claim.netns, claim.host_network) == (None, False)


@pytest.mark.parametrize("host_network", [True, False])
def test_crio_bundle(host_network: bool) -> None:
    annotations = {
        "io.kubernetes.cri-o.ContainerType": "sandbox",
        "io.kubernetes.cri-o.SandboxID": ID,
        "io.kubernetes.cri-o.KubeName": "pod2",
        "io.kubernetes.cri-o.Namespace": "default",
        "io.kubernetes.pod.uid": UID,
        "io.kubernetes.cri-o.HostNetwork": "true" if host_network else "false",
    }
    linux = {"namespaces": [{"type": "network", "path": "/var/run/netns/0f2c9c4a"}]}
    (claim,) = parse_bundle({"annotations": annotations, "linux": linux}, "/x", ID).sandboxes
    assert (claim.namespace, claim.name, claim.uid, claim.runtime) == ("default", "pod2", UID, "cri-o")
    assert claim.host_network is host_network


def test_bundle_that_kubernetes_did_not_order_says_nothing() -> None:
    claims = parse_bundle({"ociVersion": "1.0.0", "linux": {}}, "/x", ID)
    assert (claims.sandboxes, claims.containers) == ([], [])


# ---------------------------------------------------------------- the lab


def lab_pod(**changes: Any) -> Dict[str, Any]:
    """State as the lab keeps it."""
    state: Dict[str, Any] = {
        "schema_version": 1,
        "lab": "lab0",
        "namespace": "default",
        "name": "pod1",
        "uid": UID,
        "sandbox_id": ID,
        "netns": "/run/netns/lab0-pod1",
        "labels": {},
        "pid": 812,
        "starttime": 90412,
        "containers": [{"name": "web", "id": OTHER, "pid": 815, "starttime": 90415}],
    }
    state.update(changes)
    return state


def test_lab_pod() -> None:
    claims = parse_lab_pod(lab_pod(), "/run/podnet-lab/lab0/pods/x.json")
    (claim,) = claims.sandboxes
    assert (claim.namespace, claim.name, claim.uid, claim.sandbox_id) == ("default", "pod1", UID, ID)
    assert (claim.runtime, claim.netns) == ("lab", "/run/netns/lab0-pod1")
    assert claim.processes == ((812, 90412), (815, 90415))
    assert claims.containers[0].name == "web"


@pytest.mark.parametrize("value", [[], {}, lab_pod(schema_version=2), lab_pod(sandbox_id=7), lab_pod(name="")])
def test_no_lab_pod(value: Any) -> None:
    with pytest.raises(ValueError):
        parse_lab_pod(value, "/x")


def test_process_id_without_start_time_proves_nothing() -> None:
    (claim,) = parse_lab_pod(lab_pod(starttime=None, containers=[]), "/x").sandboxes
    assert claim.processes == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("812 (sleep) S 1 7 7 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 90412 5787648 1 2 3", 90412),
        ("812 (a) R 5) S 1 7 7 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 90412 5787648 1 2 3", 90412),
        ("", None),
        ("812 (sleep) S 1", None),
    ],
)
def test_starttime(text: str, expected: Optional[int]) -> None:
    assert parse_starttime(text) == expected


# ------------------------------------------------------------- any input


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
    max_leaves=20,
)
_KEYS = st.sampled_from(
    [
        "kind", "containerId", "ifName", "netns", "cniArgs", "result", "ips", "interfaces", "cniVersion",
        "annotations", "linux", "namespaces", "type", "path", "schema_version", "sandbox_id", "name", "pid",
        "containers",
    ]
)  # fmt: skip
_LIKELY = st.recursive(
    JSON | st.sampled_from(["cniCacheV1", "network", "sandbox", 1]),
    lambda children: st.lists(children) | st.dictionaries(_KEYS, children),
    max_leaves=30,
)


@pytest.mark.parametrize(
    "parse",
    [
        lambda value: parse_cni_result(value, "/x/y"),
        lambda value: parse_bundle(value, "/x/y", ID),
        lambda value: parse_lab_pod(value, "/x/y"),
    ],
)
@given(value=JSON | _LIKELY)
def test_parsers_refuse_or_answer(parse: Callable[[Any], object], value: Any) -> None:
    with contextlib.suppress(ValueError):
        parse(value)


@given(st.text())
def test_any_name_of_a_pod_directory(name: str) -> None:
    found = parse_pod_directory(name)
    assert found is None or "%s_%s_%s" % (found.namespace, found.name, found.uid) == name


@given(st.text())
def test_any_text_of_stat(text: str) -> None:
    found = parse_starttime(text)
    assert found is None or found >= 0


@pytest.fixture
def root(tmp_path: Any) -> Any:
    """A node's root directory."""
    return tmp_path


def put(root: Any, path: str, content: Any) -> Any:
    """Write a file below the root; what is no text is written as JSON."""
    target = root / path.lstrip("/")
    target.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, bytes):
        target.write_bytes(content)
    else:
        target.write_text(content if isinstance(content, str) else json.dumps(content))
    return target


@given(cut=st.integers(min_value=0, max_value=600), junk=st.binary(max_size=20))
def test_truncated_and_damaged_files_become_errors(
    tmp_path_factory: pytest.TempPathFactory, cut: int, junk: bytes
) -> None:
    root = tmp_path_factory.mktemp("node")
    data = json.dumps(cni_cache()).encode()
    path = "/var/lib/cni/results/k8s-bridge-%s-eth0" % ID
    put(root, path, data[:cut] + junk)
    files = Files(str(root))
    claims = read_cni_cache(files)
    assert len(claims) + len(files.errors) == 1
    for error in files.errors:
        assert error["object"] == path
        assert error["cause"]
        assert error["remedy"]
        json.dumps(error).encode("utf-8")


def traps(directory: Any, good_name: str) -> List[str]:
    """Fill a directory with what must not be read; the answer is their names."""
    os.mkfifo(str(directory / "fifo.json"))
    (directory / "loop.json").symlink_to("loop.json")
    (directory / "device.json").symlink_to("/dev/zero")
    (directory / "huge.json").write_bytes(b"[" * (3 * 1024 * 1024))
    (directory / "deep.json").write_bytes(b"[" * 200000)
    (directory / "nan.json").write_text("NaN")
    (directory / "surrogate.json").write_text('{"kind": "\\ud800"}')
    (directory / "directory.json").mkdir()
    return sorted(set(os.listdir(str(directory))) - {good_name})


def test_cni_cache_full_of_traps(root: Any) -> None:
    good = put(root, "/var/lib/cni/results/k8s-bridge-%s-eth0" % ID, cni_cache())
    names = traps(good.parent, good.name)
    files = Files(str(root))
    assert [claim.name for claim in read_cni_cache(files)] == ["pod2"]
    assert sorted(error["object"].rsplit("/", 1)[-1] for error in files.errors) == names


def test_lab_state_full_of_traps(root: Any) -> None:
    good = put(root, "/run/podnet-lab/lab0/pods/%s.json" % ID, lab_pod())
    names = traps(good.parent, good.name)
    files = Files(str(root))
    claims = read_lab_pods(files)
    assert [claim.name for claim in claims.sandboxes] == ["pod1"]
    assert claims.sandboxes[0].processes == (), "process 812 is another one, or none"
    assert sorted(error["object"].rsplit("/", 1)[-1] for error in files.errors) == names


def test_lab_process_is_proven_by_its_start_time(root: Any) -> None:
    put(root, "/run/podnet-lab/lab0/pods/%s.json" % ID, lab_pod())
    stat = "812 (sh) S 1 7 7 0 -1 0 1 0 0 0 0 0 0 0 20 0 1 0 90412 5787648"
    put(root, "/proc/812/stat", stat)
    put(root, "/proc/815/stat", stat.replace("812", "815"))
    claims = read_lab_pods(Files(str(root)))
    assert claims.sandboxes[0].processes == ((812, 90412),)
    assert claims.containers[0].process is None


@pytest.mark.parametrize(
    "directory",
    [
        "/run/containerd/io.containerd.runtime.v2.task/k8s.io/%s",
        "/run/containerd/io.containerd.runtime.v1.linux/k8s.io/%s",
        "/run/k3s/containerd/io.containerd.runtime.v2.task/k8s.io/%s",
        "/run/k0s/containerd/io.containerd.runtime.v2.task/k8s.io/%s",
        "/var/snap/microk8s/common/run/containerd/io.containerd.runtime.v2.task/k8s.io/%s",
        "/run/containers/storage/overlay-containers/%s/userdata",
    ],
)
def test_bundles_of_every_distribution(root: Any, directory: str) -> None:
    put(root, directory % ID + "/config.json", bundle("sandbox"))
    put(root, directory % OTHER + "/config.json", bundle("container"))
    claims = read_bundles(Files(str(root)))
    assert [claim.name for claim in claims.sandboxes] == ["pod2"]
    assert {claim.name for claim in claims.containers} == {None, "web"}


def test_names_of_containers_and_pods(root: Any) -> None:
    put(
        root,
        "/var/lib/docker/containers/%s/config.v2.json" % ID,
        {"ID": ID, "Name": "/web", "Config": {"Env": ["S=x"]}},
    )
    put(root, "/var/lib/docker/containers/%s/config.v2.json" % OTHER, {"ID": OTHER})
    put(root, "/var/lib/containers/storage/overlay-containers/containers.json", [{"id": "0f3e", "names": ["db"]}, 7])
    put(root, "/var/log/pods/default_pod2_%s/web/0.log" % UID, "")
    put(root, "/var/log/pods/not-a-pod/x", "")
    files = Files(str(root))
    assert read_container_names(files) == {ID: "web", "0f3e": "db"}
    assert [(entry.namespace, entry.name, entry.uid) for entry in read_pod_directories(files)] == [
        ("default", "pod2", UID)
    ]
    assert [error["object"] for error in files.errors] == ["/var/lib/docker/containers/%s/config.v2.json" % OTHER]


def test_nothing_there_is_no_error(root: Any) -> None:
    files = Files(str(root))
    evidence = read_evidence(files)
    assert (evidence.sandboxes, evidence.containers, evidence.errors) == ([], [], [])


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_what_may_not_be_read_is_named(root: Any) -> None:
    put(root, "/var/lib/cni/results/x", "{}").parent.chmod(0)
    evidence = read_evidence(Files(str(root)))
    assert [error["object"] for error in evidence.errors] == ["/var/lib/cni/results"]
