# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Routes into WireGuard interfaces whose peers do not have what is sent there, and firewalls before them."""

from __future__ import annotations

from typing import Any

from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.findings import fleets
from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.findings.found import only
from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.model.node_files import NodeFile, odd_of


def meshed(*left_out: int) -> fleets.Fleet:
    """Return nodes that reach each other by WireGuard; the first has no peer for those left out."""
    fleet = fleets.nodes()
    for node in fleet:
        link = node.link(30, "wg0", "wireguard", None, full=True)  # type: ignore[arg-type]
        link.update(mtu=1420, link_type="none", operstate="UNKNOWN")
        node.own["interfaces"].append(link)
        node.bridges[0]["mtu"] = node.interface(node.own, "cni0")["mtu"] = 1420
        for number, pod in enumerate(node.namespaces[1:]):
            pod["interfaces"][0]["mtu"] = node.port_link(number)["mtu"] = 1420
        others = [other for other in fleet if other is not node]
        for other in others:
            fleets.route(node, str(other.range), None, "wg0", scope="link")
        known = [other for other in others if node is not fleet[0] or other.number not in left_out]
        peers = [{"public_key": f"key{other.number}", "allowed_ips": [str(other.range)]} for other in known]
        node.wireguard = [{"ifname": "wg0", "port": 51820, "peers": peers}]
    return fleet


def test_a_mesh_of_all_nodes() -> None:
    assert odd_of(*meshed()) == []


def test_a_peer_that_is_missing() -> None:
    finding = only(odd_of(*meshed(3)), "wireguard-peer-missing")
    assert (finding["hosts"], finding["object"]) == (["node1"], "wg0")
    assert "10.244.3.0/24, the pods of node3" in finding["message"]
    assert finding["command"] == "wg show wg0 allowed-ips"


def test_a_peer_with_a_part_of_the_range_or_with_everything() -> None:
    for allowed in ("10.244.3.0/26", "0.0.0.0/0"):
        fleet = meshed(3)
        (fleet[0].wireguard or [])[0]["peers"].append({"public_key": "key3", "allowed_ips": [allowed]})
        assert odd_of(*fleet) == []


def test_peers_that_were_not_read() -> None:
    fleet = meshed(2, 3)
    fleet[0].wireguard = None
    assert odd_of(*fleet) == []


def blocked(node: NodeFile, *rules: dict[str, Any]) -> None:
    """Give the node a firewall with these rules at its input."""
    chain = {"name": "INPUT", "type": "filter", "hook": "input", "policy": "accept", "rules": list(rules)}
    table = {"family": "inet", "table": "filter", "variant": "iptables-nft", "command": "iptables-nft-save -t filter"}
    node.firewall = {"complete": True, "tables": [{**table, "chains": [chain]}]}


def rule(verdict: str, **matches: str) -> dict[str, Any]:
    known = [{"key": key, "negated": False, "one_of": [value]} for key, value in matches.items()]
    return {"text": f"-j {verdict}", "verdict": verdict, "target": None, "matches": known}


def test_a_firewall_before_its_port() -> None:
    fleet = meshed()
    blocked(fleet[0], rule("drop", protocol="udp", dport="51820"))
    finding = only(odd_of(*fleet), "tunnel-blocked")
    assert "wg0 (UDP port 51820)" in finding["message"]


def test_a_firewall_that_lets_answers_pass_may_let_all_of_it_pass() -> None:
    fleet = meshed()
    blocked(fleet[0], rule("accept", ct_state="established"), rule("drop", protocol="udp"))
    assert odd_of(*fleet) == []
