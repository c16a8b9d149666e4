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
    cni_facts,
    configured_directories,
    ipam_ranges,
    lease_directories,
    parse_cni_config,
    plugins_in_force,
    read_cni_configs,
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
        "active": {"path": NET_D + "/10-a.conflist", "name": "a", "plugins": ["bridge", "portmap"]},
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


def test_multus_leads_to_its_delegates_and_to_the_network_that_it_names(tmp_path: Path) -> None:
    files = _node(
        tmp_path,
        {
            NET_D + "/00-multus.conf": {
                "name": "multus-cni-network",
                "type": "multus",
                "delegates": [{"name": "in", "plugins": [_bridge("", "10.1.0.0/24")]}],
                "clusterNetwork": "/host/etc/cni/net.d/10-a.conf",
            },
            NET_D + "/10-a.conf": _bridge("a", "10.2.0.0/24", dataDir="/run/leases/"),
            NET_D + "/20-b.conf": _bridge("b", "10.3.0.0/24", dataDir="/srv/leases"),
        },
    )
    configs = read_cni_configs(files)
    found = [
        (path.rsplit("/", 1)[-1], place, value)
        for path, key, plugin in plugins_in_force(configs)
        for place, value in ipam_ranges(key, plugin)
    ]
    assert found == [
        ("00-multus.conf", "plugins[0].delegates[0].plugins[0].ipam.subnet", "10.1.0.0/24"),
        ("10-a.conf", "plugins[0].ipam.subnet", "10.2.0.0/24"),
    ]
    assert lease_directories(configs) == ["/run/leases", "/srv/leases"]


def test_multus_that_names_itself_ends(tmp_path: Path) -> None:
    multus = {"name": "m", "type": "multus", "clusterNetwork": "m"}
    files = _node(tmp_path, {NET_D + "/00.conf": multus, NET_D + "/01.conf": multus})
    assert len(list(plugins_in_force(read_cni_configs(files)))) == 2


def test_flannels_delegate_may_have_ranges() -> None:
    plugin = {
        "type": "flannel",
        "delegate": {"ipam": {"ranges": [[{"subnet": "10.1.0.0/24"}], [{"subnet": "fd00::/64"}]]}},
    }
    assert [value for _key, value in ipam_ranges("plugins[0]", plugin)] == ["10.1.0.0/24", "fd00::/64"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["bridge", "multus", "10.1.0.0/24", "/x", ""]),
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
    configs: CniConfigs = {"active": config, "shadowed": [config], "unreadable": []}
    for _path, key, plugin in plugins_in_force(configs):
        for place, text in ipam_ranges(key, plugin):
            assert place.startswith("plugins[")
            assert isinstance(text, str)
    assert all(path.startswith("/") for path in lease_directories(configs))
    assert cni_facts(configs)["active"]["plugins"]
