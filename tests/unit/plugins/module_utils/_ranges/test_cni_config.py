# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which CNI configuration is in force, and what it says."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.podnet.lab.plugins.module_utils._files.reader import Files
from ansible_collections.podnet.lab.plugins.module_utils._ranges.cni_config import (
    CniConfigs,
    configured_directories,
    lease_directories,
    parse_cni_config,
    read_cni_configs,
)
from ansible_collections.podnet.lab.plugins.module_utils._ranges.cni_network import (
    cluster_ranges,
    cni_facts,
    main_plugin,
    network_in_force,
    node_ranges,
)

NET_D = "/etc/cni/net.d"


def _node(tmp_path: Path, contents: Any) -> Any:
    for path, content in contents.items():
        target = tmp_path / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content if isinstance(content, str) else json.dumps(content))
    return Files(str(tmp_path))


def _bridge(name: Any, subnet: Any, **ipam: Any) -> Any:
    return {"name": name, "type": "bridge", "ipam": dict(ipam, type="host-local", subnet=subnet)}


def test_the_first_name_wins_and_the_others_are_shadowed(tmp_path: Path) -> None:
    files = _node(
        tmp_path,
        {
            NET_D + "/20-b.conf": _bridge("b", "10.2.0.0/24"),
            NET_D + "/10-a.conflist": {"name": "a", "plugins": [_bridge("", "10.1.0.0/24"), {"type": "portmap"}]},
            NET_D + "/9-c.json": _bridge("c", "10.3.0.0/24"),
            NET_D + "/00-kubeconfig": "apiVersion: v1",
            NET_D + "/00-old.conflist.disabled": "{}",
        },
    )
    facts = cni_facts(read_cni_configs(files))
    # Names are compared as text: "10" comes before "9".
    assert facts == {
        "active": {"path": NET_D + "/10-a.conflist", "name": "a", "plugins": ["bridge", "portmap"], "through": []},
        "shadowed": [{"path": NET_D + "/20-b.conf", "name": "b"}, {"path": NET_D + "/9-c.json", "name": "c"}],
        "unreadable": [],
    }
    assert files.errors == []


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "null",
        '{"plugins": []}',
        '{"plugins": [{}]}',
        '{"plugins": [{"type": ""}]}',
        '{"plugins": "x"}',
        '{"name": 1, "plugins": [{"type": "bridge"}]}',
        '{"plugins": [1]}',
        "[" * 100000,
        "\xff",
    ],
)
def test_what_is_no_configuration_is_listed_and_the_next_one_is_in_force(tmp_path: Path, content: Any) -> None:
    files = _node(tmp_path, {NET_D + "/00-odd.conflist": content, NET_D + "/10-a.conf": _bridge("a", "10.1.0.0/24")})
    configs = read_cni_configs(files)
    assert configs["active"] is not None
    assert configs["active"]["name"] == "a"
    (error,) = configs["unreadable"]
    assert error["object"] == NET_D + "/00-odd.conflist"
    assert files.errors == []


def test_a_fifo_in_the_directory_is_unreadable_not_a_wait(tmp_path: Path) -> None:
    files = _node(tmp_path, {NET_D + "/10-a.conf": _bridge("a", "10.1.0.0/24")})
    os.mkfifo(str(tmp_path / "etc/cni/net.d/00-fifo.conf"))
    configs = read_cni_configs(files)
    assert [error["object"] for error in configs["unreadable"]] == [NET_D + "/00-fifo.conf"]
    assert configs["active"] is not None
    assert configs["active"]["name"] == "a"


def test_the_directory_that_the_runtime_names_comes_first(tmp_path: Path) -> None:
    files = _node(
        tmp_path,
        {
            "/etc/containerd/config.toml": '[plugins."cri".cni]\n  conf_dir = "/opt/cni/net.d/"\n',
            "/opt/cni/net.d/50-own.conf": _bridge("own", "10.9.0.0/24"),
            NET_D + "/10-a.conf": _bridge("a", "10.1.0.0/24"),
        },
    )
    configs = read_cni_configs(files)
    assert configs["active"] is not None
    assert configs["active"]["name"] == "own"
    assert [one["name"] for one in configs["shadowed"]] == ["a"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("network_dir = '/etc/cni/net.d/'\n", ["/etc/cni/net.d"]),
        ('# conf_dir = "/x"\n', []),
        ('conf_dir = "${SNAP_DATA}/args/cni-network"\n', []),
        ('bin_conf_dir = "/x"\n', []),
        ('conf_dir = "/"\n', []),
    ],
)
def test_directories_in_a_runtimes_toml(text: Any, expected: Any) -> None:
    assert configured_directories(text) == expected


def _in_force(files: Files) -> Any:
    """Return (file, key, ranges of the node) of the network that pods get."""
    network = network_in_force(read_cni_configs(files))
    assert network is not None
    key, plugin = main_plugin(network)
    return network.path.rsplit("/", 1)[-1], key, [value for _place, value in node_ranges(key, plugin)]


MULTUS = {"name": "multus-cni-network", "type": "multus"}
INSIDE = {"name": "in", "plugins": [_bridge("", "10.1.0.0/24")]}
STORAGE = _bridge("storage", "192.0.2.0/25")


@pytest.mark.parametrize(
    ("meta", "expected"),
    [
        # Thin, with what pods get written in it; what follows are additional networks.
        ({"delegates": [INSIDE, STORAGE]}, ("00-meta.conf", "plugins[0].delegates[0].plugins[0]", ["10.1.0.0/24"])),
        ({"delegates": [STORAGE]}, ("00-meta.conf", "plugins[0].delegates[0].plugins[0]", ["192.0.2.0/25"])),
        # By file as a daemon sees it, by folder, by name; delegates are of no effect then.
        ({"type": "multus-shim", "clusterNetwork": "/host/etc/cni/net.d/20-b.conf"}, "b"),
        ({"type": "multus-cni", "clusterNetwork": "/etc/cni/net.d/20-b.conf"}, "b"),
        ({"clusterNetwork": "/host/etc/cni/net.d"}, "a"),
        ({"clusterNetwork": "b", "delegates": [INSIDE], "defaultNetworks": ["a"]}, "b"),
        # A file outside of the runtime's directory.
        ({"type": "multus-shim", "clusterNetwork": "/host/run/multus/cni/net.d/10-ovn.conf"}, "ovn"),
        ({"type": "multus-shim", "clusterNetwork": "/host/run/multus/cni/net.d"}, "ovn"),
        ({"type": "multus-shim", "readinessindicatorfile": "/host/etc/cni/net.d/20-b.conf"}, "b"),
        ({"type": "genie", "default_plugin": "bridge,calico"}, "a"),
    ],
)
def test_meta_plugins_lead_to_the_network_that_pods_get(tmp_path: Path, meta: Any, expected: Any) -> None:
    files = _node(
        tmp_path,
        {
            NET_D + "/00-meta.conf": {**MULTUS, **meta},
            NET_D + "/10-a.conf": _bridge("a", "10.2.0.0/24", dataDir="/run/leases/"),
            NET_D + "/20-b.conf": _bridge("b", "10.3.0.0/24", dataDir="/srv/leases"),
            "/run/multus/cni/net.d/10-ovn.conf": _bridge("ovn", "10.4.0.0/24"),
        },
    )
    named = {
        "a": ("10-a.conf", "plugins[0]", ["10.2.0.0/24"]),
        "b": ("20-b.conf", "plugins[0]", ["10.3.0.0/24"]),
        "ovn": ("10-ovn.conf", "plugins[0]", ["10.4.0.0/24"]),
    }
    assert _in_force(files) == named.get(str(expected), expected)
    configs = read_cni_configs(files)
    facts = cni_facts(configs)
    assert [one["path"] for one in facts["active"]["through"]] == [NET_D + "/00-meta.conf"]
    assert facts["active"]["path"] not in [one["path"] for one in facts["shadowed"]]
    assert NET_D + "/00-meta.conf" not in [one["path"] for one in facts["shadowed"]]
    assert lease_directories(configs) == ["/run/leases", "/srv/leases"]
    assert files.errors == []


@pytest.mark.parametrize(
    "meta", [{"type": "danm"}, {"type": "multus-shim"}, {"clusterNetwork": "gone"}, {"type": "genie"}]
)
def test_of_a_meta_plugin_that_names_no_network_nothing_is_guessed(tmp_path: Path, meta: Any) -> None:
    files = _node(
        tmp_path,
        {NET_D + "/00-meta.conf": {**MULTUS, **meta}, NET_D + "/10-a.conf": _bridge("a", "10.2.0.0/24")},
    )
    assert _in_force(files) == ("00-meta.conf", "plugins[0]", [])
    # It may lead to any of the others.
    assert cni_facts(read_cni_configs(files))["shadowed"] == []


def test_meta_plugins_that_name_each_other_end(tmp_path: Path) -> None:
    files = _node(
        tmp_path,
        {
            NET_D + "/00.conf": {"name": "m", "type": "multus", "clusterNetwork": "n"},
            NET_D + "/01.conf": {"name": "n", "type": "multus", "clusterNetwork": "m"},
        },
    )
    network = network_in_force(read_cni_configs(files))
    assert network is not None
    assert not network.known


@pytest.mark.parametrize(
    ("plugins", "main"),
    [
        ([{"type": "aws-cni"}, {"type": "egress-cni", "ipam": {"type": "host-local", "subnet": "169.254.0.0/24"}}], 0),
        ([{"type": "ptp"}, {"type": "cilium-cni", "ipam": {"type": "host-local", "subnet": "10.9.0.0/24"}}], 0),
        ([{"type": "portmap"}, {"type": "bridge"}], 1),
        ([{"type": "cilium-cni"}], 0),
        ([{"type": "loopback"}], 0),
    ],
)
def test_of_a_chain_one_plugin_gives_the_address(tmp_path: Path, plugins: Any, main: Any) -> None:
    files = _node(tmp_path, {NET_D + "/10-a.conflist": {"name": "a", "plugins": plugins}})
    assert _in_force(files) == ("10-a.conflist", "plugins[%d]" % main, [])


def test_a_folder_in_the_directory_is_passed_over(tmp_path: Path) -> None:
    files = _node(tmp_path, {NET_D + "/10-a.conf": _bridge("a", "10.1.0.0/24"), NET_D + "/05-x.conf/keep": ""})
    configs = read_cni_configs(files)
    assert (configs["unreadable"], files.errors) == ([], [])


@pytest.mark.parametrize(("toml", "wanted"), [('conf_dir = "{}"\n', "flannel"), ("version = 2\n", "calico")])
def test_k3s_reads_its_own_directory_only_when_it_brings_the_network(tmp_path: Path, toml: Any, wanted: Any) -> None:
    own = "/var/lib/rancher/k3s/agent/etc/cni/net.d"
    files = _node(
        tmp_path,
        {
            "/var/lib/rancher/k3s/agent/etc/containerd/config.toml": toml.format(own),
            own + "/10-flannel.conflist": {"name": "flannel", "plugins": [{"type": "flannel"}]},
            NET_D + "/10-calico.conflist": {"name": "calico", "plugins": [{"type": "calico"}]},
        },
    )
    network = network_in_force(read_cni_configs(files))
    assert network is not None
    assert network.name == wanted


def test_every_way_to_write_a_range() -> None:
    subnets = {"ipam": {"ranges": [[{"subnet": "10.1.0.0/24"}], [{"subnet": "fd00::/64"}]]}}
    kindnet = {"type": "cni-kindnet", "ranges": ["10.244.2.0/24", "fd00:10:244:2::/64", 7]}
    for plugin, wanted in (
        ({"type": "flannel", "delegate": subnets}, ["10.1.0.0/24", "fd00::/64"]),
        ({"type": "bridge", **subnets}, ["10.1.0.0/24", "fd00::/64"]),
        (kindnet, ["10.244.2.0/24", "fd00:10:244:2::/64"]),
        ({"type": "calico", "ipam": {"type": "host-local", "subnet": "usePodCidr"}}, []),
    ):
        assert [value for _key, value in node_ranges("plugins[0]", plugin)] == wanted
    for ipam, shared in (
        ({"range": "192.168.2.225/28"}, ["192.168.2.225/28"]),
        ({"ipRanges": [{"range": "192.168.10.0/24"}, {"range": "abcd::/64"}, "x"]}, ["192.168.10.0/24", "abcd::/64"]),
        ({"range": "192.168.2.100-192.168.2.150/24"}, ["192.168.2.150/24"]),
    ):
        found = cluster_ranges("plugins[0]", {"type": "bridge", "ipam": {"type": "whereabouts", **ipam}})
        assert [value for _key, value in found if value] == shared


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from(["bridge", "multus", "genie", "whereabouts", "10.1.0.0/24", "/x", ""]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "name",
                    "type",
                    "plugins",
                    "ipam",
                    "ranges",
                    "subnet",
                    "delegate",
                    "delegates",
                    "dataDir",
                    "clusterNetwork",
                    "default_plugin",
                    "ipRanges",
                    "range",
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)


@given(JSON)
def test_any_json_is_a_configuration_or_a_value_error(value: Any) -> None:
    try:
        config = parse_cni_config(json.dumps(value), "/etc/cni/net.d/10-x.conflist")
    except ValueError:
        return
    configs: CniConfigs = {"active": config, "shadowed": [config], "elsewhere": [], "unreadable": []}
    network = network_in_force(configs)
    assert network is not None
    key, plugin = main_plugin(network)
    for place, text in node_ranges(key, plugin):
        assert place.startswith("plugins[")
        assert isinstance(text, str)
    list(cluster_ranges(key, plugin))
    assert all(path.startswith("/") for path in lease_directories(configs))
    assert cni_facts(configs)["active"]["plugins"]
