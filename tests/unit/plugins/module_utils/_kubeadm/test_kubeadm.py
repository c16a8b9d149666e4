# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Removal after a reset: only what is Kubernetes' goes."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

from ansible_collections.podnet.lab.plugins.module_utils._bundle.manifest import (
    full_image_name,
    parse_image_list,
    read_manifest,
    safe_path,
)
from ansible_collections.podnet.lab.plugins.module_utils._kubeadm import node as parse
from ansible_collections.podnet.lab.plugins.module_utils._kubeadm.cni import foreign, kept_aside, own_results
from ansible_collections.podnet.lab.plugins.module_utils._kubeadm.remains import (
    FLANNEL_CHAINS,
    chains_to_drop,
    mounts_below,
)
from ansible_collections.podnet.lab.plugins.modules.kubeadm import as_config, what_went_wrong, with_secrets

FIXTURES = os.path.join(os.path.dirname(__file__), "..", "..", "..", "fixtures", "kubeadm")


def sample(name: str) -> str:
    with open(os.path.join(FIXTURES, name), encoding="utf-8") as opened:
        return opened.read()


def test_only_chains_of_kubernetes_and_cni_go() -> None:
    lines = chains_to_drop(sample("iptables-save.txt")).splitlines()
    assert "*filter" not in lines
    assert "-X KUBE-SVC-ABC" in lines
    assert "-X CNI-HOSTPORT-DNAT" in lines
    assert "-X KUBE-KUBELET-CANARY" in lines
    assert not any("MINE" in line for line in lines if line.startswith(("-X", ":")))
    assert not any("MASQUERADE" in line or "REDIRECT" in line for line in lines)


def test_a_rule_is_judged_by_its_target_and_not_by_its_comment() -> None:
    deleted = [line for line in chains_to_drop(sample("iptables-save.txt")).splitlines() if line.startswith("-D ")]
    assert deleted == [
        '-D PREROUTING -m comment --comment "kubernetes service portals -j MINE" -j KUBE-SERVICES',
        "-D PREROUTING -m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT",
    ]


def test_chains_of_flannel_go_only_where_it_is_the_clusters() -> None:
    saved = (
        "*nat\n:POSTROUTING ACCEPT [0:0]\n:FLANNEL-POSTRTG - [0:0]\n-A FLANNEL-POSTRTG -s 10.244.0.0/16 -j MASQUERADE\n"
        '-A POSTROUTING -m comment --comment "flanneld masq" -j FLANNEL-POSTRTG\nCOMMIT\n'
    )
    assert chains_to_drop(saved) == ""
    assert chains_to_drop(saved, FLANNEL_CHAINS).splitlines() == [
        "*nat",
        ":FLANNEL-POSTRTG - [0:0]",
        '-D POSTROUTING -m comment --comment "flanneld masq" -j FLANNEL-POSTRTG',
        "-X FLANNEL-POSTRTG",
        "COMMIT",
    ]


def test_a_node_without_kubernetes_has_nothing_to_drop() -> None:
    assert chains_to_drop("*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -i lo -j ACCEPT\nCOMMIT\n") == ""


def test_mounts_come_deepest_first_and_blanks_are_decoded() -> None:
    mounts = (
        "tmpfs /var/lib/kubelet tmpfs rw 0 0\n"
        "tmpfs /var/lib/kubelet/pods/a tmpfs rw 0 0\n"
        "tmpfs /var/lib/kubelet/pods/a/b\\040c tmpfs rw 0 0\n"
        "tmpfs /var/lib/kubelet-other tmpfs rw 0 0\n"
    )
    assert mounts_below(mounts, "/var/lib/kubelet") == ["/var/lib/kubelet/pods/a/b c", "/var/lib/kubelet/pods/a"]


def test_secrets_are_put_into_a_copy() -> None:
    documents = [{"kind": "JoinConfiguration", "controlPlane": {}, "discovery": {"bootstrapToken": {"x": 1}}}]
    filled = with_secrets(documents, "t", "sha256:h", "key")
    assert filled[0]["discovery"]["bootstrapToken"] == {"x": 1, "token": "t", "caCertHashes": ["sha256:h"]}
    assert filled[0]["controlPlane"] == {"certificateKey": "key"}
    assert "token" not in str(documents)


def test_what_kubeadm_says_is_told_without_its_token() -> None:
    err = "error execution phase preflight: token abcdef.0123456789abcdef is bad\n"
    assert "0123456789abcdef" not in what_went_wrong("", err)
    err = "[preflight] Some fatal errors occurred:\n\t[ERROR Swap]: running with swap on\n\t[ERROR Mem]: little\nmore\n"
    assert what_went_wrong("", err) == "[ERROR Swap]: running with swap on; [ERROR Mem]: little"


def test_configuration_is_a_stream_of_documents() -> None:
    assert as_config([{"a": 1}, {"b": 2}]).count("---\n") == 2


def test_programs_say_their_versions_in_many_ways() -> None:
    assert parse.parse_version("v1.20.2") == "1.20.2"
    assert parse.parse_version("crictl version v1.34.0") == "1.34.0"
    assert parse.parse_version("nothing") is None


def test_nodes_of_the_api() -> None:
    nodes = parse.parse_nodes(
        '{"items": [{"metadata": {"name": "node1", "uid": "u", "annotations": {"podnet.lab/labels": "a", "b": "c"}},'
        ' "spec": {"podCIDR": "10.244.0.0/24", "taints": [{"key": "k", "effect": "NoSchedule"}]},'
        ' "status": {"conditions": [{"type": "Ready", "status": "True"}],'
        ' "addresses": [{"type": "InternalIP", "address": "192.0.2.1"}], "nodeInfo": {"kubeletVersion": "v1.20.2"}}}]}'
    )
    assert nodes[0]["ready"] is True
    assert nodes[0]["annotations"] == {"podnet.lab/labels": "a"}
    assert nodes[0]["taints"] == [{"key": "k", "value": "", "effect": "NoSchedule"}]


def test_addresses_and_routes_of_iproute2() -> None:
    assert parse.parse_addresses("") == []
    assert parse.parse_addresses("not json") == []
    routes = parse.parse_routes(
        '[{"dst":"default","gateway":"192.0.2.1","dev":"eth0"},{"dst":"10.0.0.0/24","protocol":113}]'
    )
    assert [(route["dst"], route["protocol"]) for route in routes] == [("0.0.0.0/0", ""), ("10.0.0.0/24", "113")]


def test_units_swaps_memory_and_controllers() -> None:
    text = "Id=a.service\nActiveState=active\nUnitFileState=enabled\n\n"
    text += "Id=b.service\nActiveState=inactive\nUnitFileState=\n"
    assert parse.parse_units(text) == {
        "a.service": {"active": "active", "enabled": "enabled"},
        "b.service": {"active": "inactive", "enabled": ""},
    }
    assert parse.parse_swaps("Filename Type Size Used Priority\n/dev/sda2 partition 1 0 -2\n") == ["/dev/sda2"]
    assert parse.parse_memory("MemTotal:       2048000 kB\n") == 2000
    assert parse.parse_cgroups("#subsys_name\thierarchy\tnum_cgroups\tenabled\ncpu\t1\t2\t1\nmemory\t0\t1\t0\n") == [
        "cpu"
    ]


def manifest() -> dict:  # type: ignore[type-arg]
    paths = [
        "bin/kubeadm",
        "bin/kubelet",
        "bin/kubectl",
        "bin/crictl",
        "units/kubelet.service",
        "units/10-kubeadm.conf",
    ]
    return {
        "format": 1,
        "kubernetes_version": "v1.20.2",
        "architecture": "amd64",
        "files": [{"path": path, "sha256": "0" * 64, "mode": "0755"} for path in paths],
        "images": [{"file": "pause.tar", "sha256": "1" * 64, "names": ["k8s.gcr.io/pause:3.2"]}],
    }


def test_a_good_manifest_has_no_faults() -> None:
    bundle, faults = read_manifest(manifest())
    assert faults == []
    assert bundle.images[0].path == "images/pause.tar"
    assert {item.destination for item in bundle.files} >= {"/usr/bin/kubelet", "/etc/systemd/system/kubelet.service"}


def test_all_faults_of_a_manifest_come_together() -> None:
    raw = manifest()
    raw["files"][0]["path"] = "bin/../../etc/passwd"
    raw["files"][1]["sha256"] = "short"
    raw["images"][0]["names"] = []
    raw["architecture"] = "vax"
    _bundle, faults = read_manifest(raw)
    text = "; ".join(faults)
    for word in ("etc/passwd", "bin/kubelet", "names", "vax", "bin/kubeadm is not in it"):
        assert word in text


def test_paths_that_lead_elsewhere_are_refused() -> None:
    for path in ("/etc/passwd", "../x", "bin/../x", "", "bin//x", "bin/.hidden", "bin/a b", None, 3):
        assert not safe_path(path)


def test_image_names_are_completed_as_containerd_does() -> None:
    assert full_image_name("registry:5000/a") == "registry:5000/a:latest"
    assert full_image_name("user/app:1") == "docker.io/user/app:1"


def test_images_of_containerd() -> None:
    text = "REF TYPE DIGEST SIZE PLATFORMS LABELS\nk8s.gcr.io/pause:3.2 application/x sha256:ab 690 KiB linux/amd64 -\n"
    assert parse_image_list(text) == {"k8s.gcr.io/pause:3.2": "sha256:ab"}


def cni_state(tmp_path: Path) -> str:
    state = tmp_path / "cni"
    for path, text in {
        "networks/podnet-cluster/10.244.0.2": "abc",
        "networks/lab0/10.200.0.2": "lab",
        "results/podnet-cluster-abc-eth0": json.dumps({"containerId": "abc"}),
        "results/cni-loopback-abc-lo": "{}",
        "results/cni-loopback-other-lo": "{}",
        "cache/x": "x",
    }.items():
        (state / path).parent.mkdir(parents=True, exist_ok=True)
        (state / path).write_text(text)
    return str(state)


def test_cni_state_of_others_outlasts_a_reset(tmp_path: Path) -> None:
    state, aside = cni_state(tmp_path), str(tmp_path / "aside")
    assert foreign(state) == ["cache", "networks/lab0", "results/cni-loopback-other-lo"]
    assert [os.path.basename(path) for path in own_results(state)] == ["podnet-cluster-abc-eth0", "cni-loopback-abc-lo"]
    with kept_aside(state, aside):
        assert foreign(state) == []
        shutil.rmtree(state)
    assert foreign(state) == ["cache", "networks/lab0", "results/cni-loopback-other-lo"]
    assert Path(state, "networks/lab0/10.200.0.2").read_text() == "lab"
    assert not os.path.exists(aside)
    assert not os.path.exists(os.path.join(state, "networks/podnet-cluster"))


def test_what_a_killed_reset_left_aside_comes_back(tmp_path: Path) -> None:
    state, aside = cni_state(tmp_path), str(tmp_path / "aside")
    shutil.move(state, aside)
    with kept_aside(state, aside):
        pass
    assert "networks/lab0" in foreign(state)
