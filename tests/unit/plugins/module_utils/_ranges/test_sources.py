# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is read from the files of real distributions (tests/unit/fixtures/cidr), and from broken ones."""

from __future__ import annotations

import os
import shutil
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.podnet.lab.plugins.module_utils._files.reader import Files
from ansible_collections.podnet.lab.plugins.module_utils._ranges.cni_config import read_cni_configs
from ansible_collections.podnet.lab.plugins.module_utils._ranges.distributions import (
    calico_pools,
    parse_argument_file,
)
from ansible_collections.podnet.lab.plugins.module_utils._ranges.kubernetes import (
    add_component_document,
    add_flags,
    parse_flags,
    pod_programs,
)
from ansible_collections.podnet.lab.plugins.module_utils._ranges.network_plugins import (
    add_flannel_network,
    parse_environment,
)
from ansible_collections.podnet.lab.plugins.module_utils._ranges.records import (
    Ranges,
    in_file,
    parse_address,
    parse_network,
)
from ansible_collections.podnet.lab.plugins.module_utils._ranges.sources import add_defaults, read_sources
from ansible_collections.podnet.lab.plugins.module_utils._ranges.units import unit_arguments

WHERE = partial(in_file, "x", "/x")
FIXTURES = os.path.join(os.path.dirname(__file__), "..", "..", "..", "fixtures", "cidr")


def _read(root: Any) -> Any:
    files = Files(str(root))
    ranges = read_sources(files, read_cni_configs(files))
    add_defaults(files, ranges)
    return files, ranges


def _short(entries: Any) -> Any:
    """(cidr, scope, kind, last part of the path, key) of each range."""
    return [
        (
            one["cidr"],
            one["scope"],
            one["source"]["kind"],
            one["source"]["path"].rsplit("/", 1)[-1],
            one["source"]["key"],
        )
        for one in entries
    ]


# For each tree: what the pods' and the services' ranges are, from which file and key.
EXPECTED = {
    "kubeadm-control-plane": (
        [
            (
                "10.244.0.0/16",
                "cluster",
                "static_pod",
                "kube-controller-manager.yaml",
                "kube-controller-manager --cluster-cidr",
            ),
            ("10.244.0.0/16", "cluster", "flannel", "subnet.env", "FLANNEL_NETWORK"),
            ("10.244.0.0/24", "node", "flannel", "subnet.env", "FLANNEL_SUBNET"),
        ],
        [
            (
                "10.96.0.0/12",
                "cluster",
                "static_pod",
                "kube-apiserver.yaml",
                "kube-apiserver --service-cluster-ip-range",
            ),
            (
                "10.96.0.0/12",
                "cluster",
                "static_pod",
                "kube-controller-manager.yaml",
                "kube-controller-manager --service-cluster-ip-range",
            ),
            ("10.96.0.10/32", "hint", "kubelet", "config.yaml", "clusterDNS"),
        ],
    ),
    # The config maps of a pod in another namespace (172.30.0.0/16, 172.31.0.0/16) are not this cluster's.
    "kubeadm-worker": (
        [
            ("10.244.0.0/16", "cluster", "config_map", "config.conf", "clusterCIDR"),
            ("10.244.0.0/16", "cluster", "config_map", "net-conf.json", "Network"),
            ("10.244.0.0/16", "cluster", "flannel", "subnet.env", "FLANNEL_NETWORK"),
            ("10.244.1.0/24", "node", "flannel", "subnet.env", "FLANNEL_SUBNET"),
        ],
        [("10.96.0.10/32", "hint", "kubelet", "config.yaml", "clusterDNS")],
    ),
    "kubeadm-dual-stack": (
        [
            (
                "10.244.0.0/16",
                "cluster",
                "static_pod",
                "kube-controller-manager.yaml",
                "kube-controller-manager --cluster-cidr",
            ),
            (
                "fd00:10:244::/56",
                "cluster",
                "static_pod",
                "kube-controller-manager.yaml",
                "kube-controller-manager --cluster-cidr",
            ),
            ("10.244.0.0/16", "cluster", "kubeadm", "kubeadm-config.yaml", "networking.podSubnet"),
            ("fd00:10:244::/56", "cluster", "kubeadm", "kubeadm-config.yaml", "networking.podSubnet"),
        ],
        [
            (
                "10.96.0.0/16",
                "cluster",
                "static_pod",
                "kube-controller-manager.yaml",
                "kube-controller-manager --service-cluster-ip-range",
            ),
            (
                "fd00:10:96::/112",
                "cluster",
                "static_pod",
                "kube-controller-manager.yaml",
                "kube-controller-manager --service-cluster-ip-range",
            ),
            ("10.96.0.0/16", "cluster", "kubeadm", "kubeadm-config.yaml", "networking.serviceSubnet"),
            ("fd00:10:96::/112", "cluster", "kubeadm", "kubeadm-config.yaml", "networking.serviceSubnet"),
        ],
    ),
    "flannel-dual-stack": (
        [
            ("10.244.0.0/16", "cluster", "config_map", "net-conf.json", "Network"),
            ("2001:db8:42::/56", "cluster", "config_map", "net-conf.json", "IPv6Network"),
            ("10.244.0.0/16", "cluster", "flannel", "subnet.env", "FLANNEL_NETWORK"),
            ("10.244.2.0/24", "node", "flannel", "subnet.env", "FLANNEL_SUBNET"),
            ("2001:db8:42::/56", "cluster", "flannel", "subnet.env", "FLANNEL_IPV6_NETWORK"),
            ("2001:db8:42:2::/64", "node", "flannel", "subnet.env", "FLANNEL_IPV6_SUBNET"),
        ],
        [],
    ),
    # 10-ranges.yaml replaces the cluster-cidr of config.yaml.
    "k3s-server": (
        [
            ("10.52.0.0/16", "cluster", "k3s", "10-ranges.yaml", "cluster-cidr"),
            ("2001:cafe:42::/56", "cluster", "k3s", "10-ranges.yaml", "cluster-cidr"),
            ("10.52.0.0/16", "cluster", "flannel", "net-conf.json", "Network"),
            ("2001:cafe:42::/56", "cluster", "flannel", "net-conf.json", "IPv6Network"),
            ("10.52.0.0/16", "cluster", "flannel", "subnet.env", "FLANNEL_NETWORK"),
            ("10.52.0.0/25", "node", "flannel", "subnet.env", "FLANNEL_SUBNET"),
            ("2001:cafe:42::/56", "cluster", "flannel", "subnet.env", "FLANNEL_IPV6_NETWORK"),
            ("2001:cafe:42::/72", "node", "flannel", "subnet.env", "FLANNEL_IPV6_SUBNET"),
        ],
        [
            ("10.53.0.0/16", "cluster", "k3s", "10-ranges.yaml", "service-cidr"),
            ("2001:cafe:43::/112", "cluster", "k3s", "10-ranges.yaml", "service-cidr"),
            ("10.53.0.10/32", "hint", "k3s", "10-ranges.yaml", "cluster-dns"),
        ],
    ),
    # The installer wrote the option into the unit; what no file says is the default, on a server the real one.
    "k3s-server-default": (
        [("10.50.0.0/16", "cluster", "k3s", "k3s.service", "cluster-cidr")],
        [("10.43.0.0/16", "cluster", "k3s_default", "server", "default")],
    ),
    # On an agent the default is a hint. The "::/0" of the switched-off family is no range.
    "k3s-agent": (
        [
            ("10.42.0.0/16", "cluster", "flannel", "net-conf.json", "Network"),
            ("10.42.0.0/16", "cluster", "flannel", "subnet.env", "FLANNEL_NETWORK"),
            ("10.42.1.0/24", "node", "flannel", "subnet.env", "FLANNEL_SUBNET"),
        ],
        [
            ("10.43.0.10/32", "hint", "kubelet", "00-k3s-defaults.conf", "clusterDNS"),
            ("10.43.0.0/16", "hint", "k3s_default", "agent", "default"),
        ],
    ),
    "rke2-server": (
        [
            (
                "10.60.0.0/16",
                "cluster",
                "static_pod",
                "kube-controller-manager.yaml",
                "kube-controller-manager --cluster-cidr",
            ),
            ("10.60.0.0/16", "cluster", "static_pod", "kube-proxy.yaml", "kube-proxy --cluster-cidr"),
            ("10.60.0.0/16", "cluster", "rke2", "config.yaml", "cluster-cidr"),
        ],
        [
            (
                "10.43.0.0/16",
                "cluster",
                "static_pod",
                "kube-apiserver.yaml",
                "kube-apiserver --service-cluster-ip-range",
            ),
            (
                "10.43.0.0/16",
                "cluster",
                "static_pod",
                "kube-controller-manager.yaml",
                "kube-controller-manager --service-cluster-ip-range",
            ),
        ],
    ),
    "rke2-agent": (
        [("10.60.0.0/16", "cluster", "static_pod", "kube-proxy.yaml", "kube-proxy --cluster-cidr")],
        [("10.43.0.0/16", "hint", "rke2_default", "agent", "default")],
    ),
    "microk8s": (
        [
            ("10.1.0.0/16", "cluster", "microk8s", "kube-proxy", "kube-proxy --cluster-cidr"),
            ("10.1.0.0/16", "cluster", "microk8s", "cni.yaml", "CALICO_IPV4POOL_CIDR"),
        ],
        [
            ("10.152.183.0/24", "cluster", "microk8s", "kube-apiserver", "kube-apiserver --service-cluster-ip-range"),
            ("10.152.183.10/32", "hint", "microk8s", "kubelet", "kubelet --cluster-dns"),
        ],
    ),
    "k0s-controller": (
        [
            ("10.245.0.0/16", "cluster", "k0s", "k0s.yaml", "spec.network.podCIDR"),
            ("fd00::/108", "cluster", "k0s", "k0s.yaml", "spec.network.dualStack.IPv6podCIDR"),
        ],
        [
            ("10.97.0.0/16", "cluster", "k0s", "k0s.yaml", "spec.network.serviceCIDR"),
            ("fd01::/108", "cluster", "k0s", "k0s.yaml", "spec.network.dualStack.IPv6serviceCIDR"),
        ],
    ),
    "k0s-worker": (
        [
            ("10.244.1.0/24", "node", "cni", "10-kuberouter.conflist", "plugins[0].ipam.subnet"),
            ("10.244.0.0/16", "hint", "k0s_default", "k0s", "default"),
        ],
        [("10.96.0.0/12", "hint", "k0s_default", "k0s", "default")],
    ),
    "kind-worker": (
        [
            ("10.244.0.0/16", "cluster", "kind", "kubeadm.conf", "networking.podSubnet"),
            ("fd00:10:244::/56", "cluster", "kind", "kubeadm.conf", "networking.podSubnet"),
            ("10.244.1.0/24", "node", "cni", "10-kindnet.conflist", "plugins[0].ipam.ranges[0][0].subnet"),
            ("fd00:10:244:1::/64", "node", "cni", "10-kindnet.conflist", "plugins[0].ipam.ranges[1][0].subnet"),
        ],
        [
            ("10.96.0.0/16", "cluster", "kind", "kubeadm.conf", "networking.serviceSubnet"),
            ("fd00:10:96::/112", "cluster", "kind", "kubeadm.conf", "networking.serviceSubnet"),
        ],
    ),
    "minikube": (
        [
            ("10.244.0.0/16", "cluster", "minikube", "kubeadm.yaml", "networking.podSubnet"),
            ("10.244.0.0/16", "cluster", "minikube", "kubeadm.yaml", "clusterCIDR"),
            ("10.244.0.0/16", "node", "cni", "1-k8s.conflist", "plugins[0].ipam.subnet"),
        ],
        [("10.96.0.0/12", "cluster", "minikube", "kubeadm.yaml", "networking.serviceSubnet")],
    ),
    # A pool may be named instead of written: a name is no range and no error.
    "calico": ([("192.168.0.0/16", "cluster", "cni", "10-calico.conflist", "plugins[0].ipam.ipv4_pools")], []),
    # CRI-O's own bridge configuration is shadowed: its 10.85.0.0/16 is not in force.
    "cilium": ([("10.0.0.0/8", "cluster", "config_map", "cluster-pool-ipv4-cidr", "cluster-pool-ipv4-cidr")], []),
}


@pytest.mark.parametrize("name", sorted(os.listdir(FIXTURES)))
def test_every_distribution_is_read_completely_and_without_errors(name: Any) -> None:
    files, ranges = _read(os.path.join(FIXTURES, name))
    assert (_short(ranges.pod), _short(ranges.service)) == EXPECTED[name]
    assert files.errors == []
    assert ranges.errors == []


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("kubeadm-dual-stack", [("inet", 25), ("inet6", 80), ("inet", 25), ("inet6", 80)]),
        ("k3s-server", [("inet", 25), ("inet6", 72)]),
        ("cilium", [("inet", 24)]),
        ("kubeadm-control-plane", []),
    ],
)
def test_the_length_of_the_nodes_prefixes_is_read(name: Any, expected: Any) -> None:
    _files, ranges = _read(os.path.join(FIXTURES, name))
    assert [(one["family"], one["prefixlen"]) for one in ranges.prefix_lengths] == expected


def test_no_secret_of_a_file_comes_along() -> None:
    for name in os.listdir(FIXTURES):
        files, ranges = _read(os.path.join(FIXTURES, name))
        told = repr((ranges.pod, ranges.service, ranges.prefix_lengths, files.errors, ranges.errors))
        assert "not-for-anyone-else" not in told
        assert "abcdef.0123456789abcdef" not in told


def test_a_machine_without_any_distribution_states_nothing(tmp_path: Path) -> None:
    files, ranges = _read(tmp_path)
    assert (ranges.pod, ranges.service, ranges.prefix_lengths, files.errors, ranges.errors) == ([], [], [], [], [])


def _copy(tmp_path: Path, name: Any) -> Any:
    root = tmp_path / name
    shutil.copytree(os.path.join(FIXTURES, name), str(root), symlinks=True)
    return root


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text.replace("apiVersion: v1", "apiVersion: &anchor v1"),
        lambda text: text[: len(text) // 2] + "\n\t- x",
        lambda text: text.replace("spec:", "<<: x\nspec:"),
        lambda text: text + "\x00",
    ],
)
def test_a_manifest_outside_of_the_subset_is_an_error_and_gives_nothing(tmp_path: Path, damage: Any) -> None:
    root = _copy(tmp_path, "kubeadm-control-plane")
    path = root / "etc/kubernetes/manifests/kube-controller-manager.yaml"
    path.write_text(damage(path.read_text()))
    files, ranges = _read(root)
    (error,) = files.errors
    assert error["object"] == "/etc/kubernetes/manifests/kube-controller-manager.yaml"
    assert "line " in error["cause"]
    assert [one for one in _short(ranges.pod) if one[2] == "static_pod"] == []
    assert len(ranges.service) == 2  # the other files are read all the same


def test_the_kubelets_links_in_a_config_map_volume_are_followed(tmp_path: Path) -> None:
    root = _copy(tmp_path, "kubeadm-worker")
    (volume,) = root.glob("var/lib/kubelet/pods/*/volumes/*configmap/kube-proxy")
    dated = volume / "..2026_01_15_08_30_12.123456789"
    dated.mkdir()
    (volume / "config.conf").rename(dated / "config.conf")
    (volume / "..data").symlink_to(dated.name)
    (volume / "config.conf").symlink_to("..data/config.conf")
    files, ranges = _read(root)
    assert files.errors == []
    assert _short(ranges.pod)[0] == ("10.244.0.0/16", "cluster", "config_map", "config.conf", "clusterCIDR")


def test_a_config_map_of_a_pod_that_is_not_known_is_a_hint(tmp_path: Path) -> None:
    root = _copy(tmp_path, "kubeadm-worker")
    shutil.rmtree(str(root / "var/log/pods"))
    _files, ranges = _read(root)
    scopes = {(one[0], one[1]) for one in _short(ranges.pod) if one[2] == "config_map"}
    assert scopes == {("10.244.0.0/16", "hint"), ("172.30.0.0/16", "hint"), ("172.31.0.0/16", "hint")}


@pytest.mark.parametrize(
    ("kind", "state", "scope"),
    [("k3s", "server", "cluster"), ("k3s", "agent", "hint"), ("rke2", "server", "cluster"), ("rke2", "agent", "hint")],
)
def test_a_default_says_that_it_is_one(tmp_path: Path, kind: Any, state: Any, scope: Any) -> None:
    (tmp_path / "var/lib/rancher" / kind / state).mkdir(parents=True)
    _files, ranges = _read(tmp_path)
    assert _short(ranges.pod) == [("10.42.0.0/16", scope, kind + "_default", state, "default")]
    assert _short(ranges.service) == [("10.43.0.0/16", scope, kind + "_default", state, "default")]


@pytest.mark.parametrize(
    ("directory", "pod", "service"),
    [
        ("var/snap/microk8s/current/args", "10.1.0.0/16", "10.152.183.0/24"),
        ("var/lib/k0s", "10.244.0.0/16", "10.96.0.0/12"),
        ("kind/version", "10.244.0.0/16", "10.96.0.0/16"),
    ],
)
def test_the_defaults_of_other_distributions_are_hints(tmp_path: Path, directory: Any, pod: Any, service: Any) -> None:
    (tmp_path / directory).mkdir(parents=True)
    _files, ranges = _read(tmp_path)
    assert [one[:2] for one in _short(ranges.pod)] == [(pod, "hint")]
    assert [one[:2] for one in _short(ranges.service)] == [(service, "hint")]


def test_a_labs_ranges_are_read(tmp_path: Path) -> None:
    (tmp_path / "run/podnet-lab/lab0").mkdir(parents=True)
    (tmp_path / "run/podnet-lab/lab0/ranges.json").write_text(
        '{"cluster_cidr": "10.244.0.0/16,fd00::/56", "pod_cidr": "10.244.1.0/24"}'
    )
    _files, ranges = _read(tmp_path)
    assert [one[:3] for one in _short(ranges.pod)] == [
        ("10.244.0.0/16", "cluster", "lab"),
        ("fd00::/56", "cluster", "lab"),
        ("10.244.1.0/24", "node", "lab"),
    ]
    assert not ranges.service
    (tmp_path / "var/lib/podnet-lab/lab0").mkdir(parents=True)
    (tmp_path / "var/lib/podnet-lab/lab0/services.json").write_text('{"service_cidr": "10.96.0.0/16", "services": {}}')
    _files, ranges = _read(tmp_path)
    assert [one[:3] for one in _short(ranges.service)] == [("10.96.0.0/16", "cluster", "lab")]
    (tmp_path / "var/lib/podnet-lab/lab0/services_v6.json").write_text('{"service_cidr": "fd00:10:96::/112"}')
    _files, ranges = _read(tmp_path)
    assert [one[0] for one in _short(ranges.service)] == ["10.96.0.0/16", "fd00:10:96::/112"]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (
            ["kube-proxy", "--a=b", "--c", "d", "--e", "--f=g=h", "-v", "2"],
            [("a", "b"), ("c", "d"), ("e", ""), ("f", "g=h")],
        ),
        (
            ["/bin/sh", "-c", "exec kube-proxy --cluster-cidr='10.4.0.0/14' --v=2 1>>/x 2>&1"],
            [("cluster-cidr", "10.4.0.0/14"), ("v", "2")],
        ),
        (["sh", "-c", "kube-proxy --a=' "], [("a", "'")]),
        (["--a"], [("a", "")]),
        (["--", "--=", 7, None, "--a=b"], [("", ""), ("a", "b")]),
    ],
)
def test_flags_have_two_forms(arguments: Any, expected: Any) -> None:
    assert list(parse_flags(arguments)) == expected


def test_a_flag_of_k3s_may_be_given_for_each_family(tmp_path: Path) -> None:
    """As its installer writes the unit for dual stack; the unit's flags take the place of the configuration's."""
    (tmp_path / "etc/systemd/system").mkdir(parents=True)
    (tmp_path / "etc/systemd/system/k3s.service").write_text(
        "[Service]\nExecStart=/usr/local/bin/k3s \\\n    server \\\n"
        "\t'--cluster-cidr=10.56.0.0/16' \\\n\t'--cluster-cidr=2001:db8:56::/56' \\\n"
        "\t'--service-cidr' \\\n\t'10.57.0.0/16,2001:db8:57::/112' \\\n"
        "\t'--kube-controller-manager-arg=node-cidr-mask-size-ipv4=22' \\\n"
        "\t'--kube-controller-manager-arg=node-cidr-mask-size-ipv6=64' \\\n"
    )
    (tmp_path / "etc/rancher/k3s").mkdir(parents=True)
    (tmp_path / "etc/rancher/k3s/config.yaml").write_text("cluster-cidr: 10.99.0.0/16\n")
    files, ranges = _read(tmp_path)
    assert [one["cidr"] for one in ranges.pod] == ["10.56.0.0/16", "2001:db8:56::/56"]
    assert [one["cidr"] for one in ranges.service] == ["10.57.0.0/16", "2001:db8:57::/112"]
    assert [(one["family"], one["prefixlen"]) for one in ranges.prefix_lengths] == [("inet", 22), ("inet6", 64)]
    assert files.errors == []


def test_a_folder_among_the_manifests_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "etc/kubernetes/manifests/kube-apiserver-backup").mkdir(parents=True)
    files, ranges = _read(tmp_path)
    assert (files.errors, ranges.pod) == ([], [])


@pytest.mark.parametrize(
    ("flags", "flat"),
    [
        (["--allocate-node-cidrs=false"], True),
        (["--configure-cloud-routes=false", "--allocate-node-cidrs=true"], True),
        (["--allocate-node-cidrs=true"], False),
        ([], False),
    ],
)
def test_a_controller_that_gives_nodes_no_ranges(flags: Any, flat: Any) -> None:
    ranges = Ranges()
    add_flags(ranges, "kube-controller-manager", list(parse_flags(["--cluster-cidr=10.0.0.0/8", *flags])), WHERE)
    assert ranges.flat is flat


def test_the_last_of_equal_flags_counts() -> None:
    ranges = Ranges()
    add_flags(ranges, "kube-proxy", [("cluster-cidr", "10.1.0.0/16"), ("cluster-cidr", "10.2.0.0/16")], WHERE)
    assert [one["cidr"] for one in ranges.pod] == ["10.2.0.0/16"]


def test_a_mask_size_without_family_is_that_of_the_clusters_only_family() -> None:
    ranges = Ranges()
    add_flags(ranges, "kube-controller-manager", [("cluster-cidr", "fd00::/56"), ("node-cidr-mask-size", "64")], WHERE)
    assert [(one["family"], one["prefixlen"]) for one in ranges.prefix_lengths] == [("inet6", 64)]


@pytest.mark.parametrize(
    "value",
    [
        "10.244.0.0",
        "10.244.0.0/33",
        "@POD_SUBNET@",
        "10.244.0.0/255.255.0.0",
        "010.1.0.0/16",
        "fe80::1%eth0/64",
        "x",
        5,
        {},
    ],
)
def test_a_value_that_is_no_range_is_an_error_with_file_and_key(value: Any) -> None:
    ranges = Ranges()
    ranges.add("pod", value, "cluster", in_file("kubeadm", "/etc/x.yaml", "networking.podSubnet"))
    assert ranges.pod == []
    (error,) = ranges.errors
    assert error["object"] == "/etc/x.yaml: networking.podSubnet"


@pytest.mark.parametrize("value", [None, "", [], [""], [None], " , "])
def test_nothing_is_no_range_and_no_error(value: Any) -> None:
    ranges = Ranges()
    ranges.add("pod", value, "cluster", in_file("kubeadm", "/etc/x.yaml", "k"))
    assert (ranges.pod, ranges.errors) == ([], [])


def test_one_bad_part_of_a_list_does_not_hide_the_good_one() -> None:
    ranges = Ranges()
    ranges.add("pod", "10.244.0.0/16, fd00::/x", "cluster", in_file("kubeadm", "/etc/x.yaml", "k"))
    assert [one["cidr"] for one in ranges.pod] == ["10.244.0.0/16"]
    assert len(ranges.errors) == 1


@given(st.ip_addresses().flatmap(lambda one: st.tuples(st.just(one), st.integers(0, one.max_prefixlen))))
def test_every_network_is_parsed_with_its_host_bits_cleared(pair: Any) -> None:
    address, length = pair
    network = parse_network("%s/%d" % (address, length))
    assert network is not None
    assert network.prefixlen == length
    assert address in network
    assert parse_address(str(address)) == str(address)


@given(st.text(alphabet="0123456789abcdefg.:/%- \n", max_size=30) | st.text(max_size=20))
def test_any_text_is_a_network_or_none(text: Any) -> None:
    network = parse_network(text)
    assert network is None or text.count("/") == 1
    parse_address(text)


@given(st.text(max_size=200))
def test_any_text_has_assignments_without_line_ends(text: Any) -> None:
    for name, value in parse_environment(text).items():
        assert name.isidentifier()
        assert "\n" not in value


@given(
    st.lists(
        st.tuples(st.from_regex(r"[A-Z_]{1,10}", fullmatch=True), st.from_regex(r"[0-9a-f.:/]{0,20}", fullmatch=True))
    )
)
def test_what_a_shell_would_read_is_read(pairs: Any) -> None:
    assert parse_environment("".join("%s=%s\n" % pair for pair in pairs)) == dict(pairs)


@given(st.text(max_size=200))
def test_any_text_is_a_file_of_arguments_a_unit_and_a_manifest(text: Any) -> None:
    parse_argument_file(text)
    unit_arguments(text)
    calico_pools(text)


def test_commented_pools_are_not_read() -> None:
    assert calico_pools('   - name: CALICO_IPV4POOL_CIDR\n     value: "10.1.0.0/16"\n') == [
        ("CALICO_IPV4POOL_CIDR", "10.1.0.0/16")
    ]
    assert calico_pools('   # - name: CALICO_IPV4POOL_CIDR\n   #   value: "10.1.0.0/16"\n') == []


def test_the_last_start_command_of_a_unit_counts() -> None:
    assert unit_arguments("ExecStart=\nExecStart=/a 'b c' \\\n  --d\n# ExecStart=/x\n") == ["/a", "b c", "--d"]


@pytest.mark.parametrize("text", ["", "[]", "5", "{", '"x"'])
def test_what_is_no_flannel_network_is_a_value_error(text: Any) -> None:
    with pytest.raises(ValueError):
        add_flannel_network(Ranges(), text, "flannel", "/x")


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=10)
    | st.just("10.0.0.0/8"),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "kind",
                    "spec",
                    "containers",
                    "command",
                    "args",
                    "name",
                    "networking",
                    "podSubnet",
                    "extraArgs",
                    "value",
                    "controllerManager",
                    "clusterCIDR",
                    "clusterDNS",
                    "podCIDR",
                ]
            ),
            inner
            | st.sampled_from(["ClusterConfiguration", "KubeProxyConfiguration", "KubeletConfiguration", "kube-proxy"]),
            max_size=5,
        )
    ),
    max_leaves=20,
)


@settings(deadline=None)
@given(JSON)
def test_documents_of_any_shape_do_no_harm(document: Any) -> None:
    ranges = Ranges()
    add_component_document(ranges, document, WHERE)
    for program, flags in pod_programs(document):
        add_flags(ranges, program, flags, WHERE)
    for one in ranges.pod + ranges.service:
        assert parse_network(one["cidr"]) is not None
