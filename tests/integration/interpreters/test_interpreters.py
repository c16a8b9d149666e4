# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One node, every Python that a managed node may have: the modules run and say the same."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.podnet.lab.tests.integration.support import holders, lookup, probes
from ansible_collections.podnet.lab.tests.integration.support.world import FULL, World


@pytest.fixture(scope="module")
def quiet_world(module_world: World) -> World:
    """Pods on a bridge, a namespace that a thread holds, odd names, CNI files; nothing in it changes."""
    world = module_world
    world.sh("ip link add br0 type bridge; ip link set br0 up; ip addr add 10.1.0.1/24 dev br0")
    for number in range(4):
        name = f"pod{number}"
        world.netns(name)
        world.ip("link", "add", f"v{number}", "type", "veth", "peer", "name", "eth0", "netns", name)
        world.sh('ip link set "$1" master br0 up', f"v{number}")
        # nodad: an address that is tentative now and not in a second is not a quiet world
        world.sh(
            'ip addr add "$1/24" dev eth0; ip -6 addr add "$2/64" dev eth0 nodad; ip link set eth0 up addrgenmode none;'
            "ip route add default via 10.1.0.1",
            f"10.1.0.{number + 2}",
            f"fd00::{number + 2}",
            netns=name,
        )
        world.spawn("sleep", "100000", netns=name)
    holders.by_thread(world, "pod3")
    world.sh(': > "/run/netns/$1"; mount --bind /run/netns/pod2 "/run/netns/$1"', b"\xffodd {{ name }}\n")
    world.sh("mkdir -p /var/lib/cni/networks/net; printf 'abc\\r\\neth0' > /var/lib/cni/networks/net/10.1.0.9")
    world.sh("sleep 2")  # the bridge ports reach their last state, IPv6 settles
    return world


def _comparable(facts: Any) -> Any:
    """Facts without what the run itself changes: the host's processes (Python's own among them)."""
    facts = json.loads(json.dumps(facts))
    for entry in facts["podnet_netns"]["namespaces"]:
        if entry["kind"] == "host":
            for key in ("processes", "process_count", "containers"):
                entry.pop(key, None)
    for bridge in facts["podnet_bridge"]["bridges"]:
        for timer in ("hello_timer", "gc_timer", "tcn_timer", "topology_change_timer"):
            bridge.pop(timer, None)
    return facts


@pytest.fixture(scope="module")
def reference(quiet_world: World) -> Any:
    """What the module says under the Python that the tests run on."""
    return _comparable(quiet_world.facts("pod_network_facts", FULL))


def test_the_world_is_worth_comparing(reference: Any, quiet_world: World) -> None:
    assert len(reference["podnet_netns"]["namespaces"]) == 5
    assert ["resolution" in p for p in reference["podnet_veth"]["pairs"]] == [False] * 4
    assert lookup.host(reference)["inode"] == quiet_world.inode()


@pytest.mark.parametrize("version", probes.NODE_PYTHONS)
def test_facts_are_the_same(version: str, quiet_world: World, reference: Any) -> None:
    interpreter = probes.require_python(version)
    facts = quiet_world.facts("pod_network_facts", FULL, interpreter=interpreter)
    assert _comparable(facts) == reference


def test_the_nodes_own_python(quiet_world: World, reference: Any) -> None:
    """The distribution's python3, which is not the one that the tests run on."""
    facts = quiet_world.facts("pod_network_facts", FULL, interpreter="/usr/bin/python3")
    assert _comparable(facts) == reference


def test_order_is_stable(quiet_world: World) -> None:
    """Two runs are equal as text, not only as data: lists and keys come in the same order."""
    # Counters and neighbours' states change by themselves, and the node's own processes include Ansible's.
    subset = ["all", "!statistics", "!neighbours", "!host_processes"]
    first, second = (json.dumps(_comparable(quiet_world.facts("pod_network_facts", subset))) for _round in range(2))
    assert first == second
