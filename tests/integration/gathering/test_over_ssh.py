# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The way users take: real SSH to several nodes at once, one task, facts that differ from node to node."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.podnet.lab.tests.integration.support import lookup
from ansible_collections.podnet.lab.tests.integration.support.nodes import Nodes

# Every node gets the same names and indexes and its own MACs: only the node tells the cables apart.
_PLAY = """
- hosts: nodes
  gather_facts: false
  become: false
  vars:
    number: "{{ groups['nodes'].index(inventory_hostname) + 1 }}"
  tasks:
    - name: A pod by hand
      ansible.builtin.shell: |
        set -eu
        ip netns add proof
        ip link add proof0 index 700 address 02:00:00:00:0{{ number }}:01 type veth \
          peer name eth0 index 2 address 02:00:00:00:0{{ number }}:02 netns proof
        ip -n proof addr add 10.200.{{ number }}.2/24 dev eth0
        ip -n proof link set eth0 up
        ip link set proof0 up
        stat -Lc %i /run/netns/proof /proc/self/ns/net
        ip netns list-id
      register: made
    - name: The facts
      podnet.lab.pod_network_facts:
        gather_subset: [default, ends, links]
      register: first
    - name: What iproute2 says
      ansible.builtin.command: ip netns exec proof ip -d -j addr show dev eth0
      register: oracle
    - name: Again, gathered in check mode
      podnet.lab.netns_facts:
      check_mode: true
      register: again
    - name: Ids that namespaces have on the node afterwards
      ansible.builtin.command: ip netns list-id
      register: ids
    - name: Away with the pod
      ansible.builtin.command: ip netns del proof
    - name: Keep it for the test
      delegate_to: localhost
      vars:
        ansible_connection: local
        ansible_python_interpreter: "{{ ansible_playbook_python }}"
      ansible.builtin.copy:
        content: >-
          {{ {'facts': first.ansible_facts, 'made': made.stdout_lines, 'oracle': oracle.stdout | from_json,
          'again': again, 'ids': ids.stdout_lines} | to_json }}
        dest: "{{ out }}/{{ inventory_hostname }}.json"
"""


@pytest.fixture(scope="module")
def gathered(ssh_nodes: Nodes) -> dict[str, Any]:
    """What each node said, by its name."""
    directory: Path = ssh_nodes.directory
    play = directory / "proof.yml"
    play.write_text(_PLAY, encoding="utf-8")
    ssh_nodes.playbook(play, "-e", json.dumps({"out": str(directory)}))
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(directory.glob("*.json"))}


def test_every_node_answers_for_itself(gathered: dict[str, Any]) -> None:
    assert len(gathered) == 3
    owns = {lookup.host(node["facts"])["inode"] for node in gathered.values()}
    assert len(owns) == 3
    names = [node["facts"]["podnet_pod_cidr"]["node"]["name"] for node in gathered.values()]
    assert names == sorted(gathered)


def test_the_cable_of_each_node_is_exact(gathered: dict[str, Any]) -> None:
    for number, node in enumerate(gathered.values(), 1):
        pod, own = int(node["made"][0]), int(node["made"][1])
        assert lookup.host(node["facts"])["inode"] == own
        assert lookup.namespace(node["facts"], pod)["names"] == ["proof"]
        pair = lookup.pair(node["facts"], own, "proof0")
        assert "resolution" not in pair
        assert {(end["netns"], end["ifname"], end["ifindex"], end["address"]) for end in pair["ends"]} == {
            (own, "proof0", 700, f"02:00:00:00:0{number}:01"),
            (pod, "eth0", 2, f"02:00:00:00:0{number}:02"),
        }


def test_a_cable_to_the_machine_is_unresolved(gathered: dict[str, Any]) -> None:
    """The node's own uplink leads into a namespace outside the node: nobody in it can see that, and it says so."""
    for node in gathered.values():
        host = lookup.host(node["facts"])
        uplink = lookup.interface(host, "eth0")
        assert uplink["peer"] is None
        assert uplink["peer_resolution"] == "unresolved"
        assert uplink["peer_reason"]


def test_addresses_are_those_of_iproute2(gathered: dict[str, Any]) -> None:
    keys = ("family", "local", "prefixlen", "scope")
    for node in gathered.values():
        eth0 = lookup.interface(lookup.namespace(node["facts"], int(node["made"][0])), "eth0")
        (theirs,) = (entry for entry in node["oracle"] if entry)
        for key in ("ifindex", "mtu", "address", "link_type", "link_index", "link_netnsid"):
            assert eth0[key] == theirs[key], key
        inet = [[a[k] for k in keys] for a in eth0["addr_info"] if a["family"] == "inet"]
        assert inet == [[a[k] for k in keys] for a in theirs["addr_info"] if a["family"] == "inet"]


def test_nothing_changed_on_the_nodes(gathered: dict[str, Any]) -> None:
    for node in gathered.values():
        assert node["again"]["changed"] is False
        assert node["ids"] == node["made"][2:], "asking gave out namespace ids"
