# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whom pods ask for names, and whom those ask."""

from __future__ import annotations

import pytest

from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.findings.found import only
from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.model.node_files import NodeFile, odd_of

REAL = "/run/systemd/resolve/resolv.conf"


def asking(*servers: str, path: str = "/etc/resolv.conf", pods: bool = True, search: tuple[str, ...] = ()) -> NodeFile:
    """Return a node with this resolv.conf."""
    node = NodeFile(1, pods=1)
    one = {"path": path, "pods": pods, "nameservers": list(servers), "search": list(search), "options": []}
    node.machine = {"id": "a" * 32, "boot": "b" * 32, "resolvers": [one]}
    return node


@pytest.mark.parametrize("server", ["127.0.0.53", "127.0.0.1", "::1"])
def test_the_nodes_own_stub(server: str) -> None:
    finding = only(odd_of(asking(server)), "dns-loop")
    assert finding["object"] == "/etc/resolv.conf"
    assert finding["command"] == "cat /etc/resolv.conf"


def test_nodes_with_the_same_stub_are_one_finding() -> None:
    nodes = [asking("127.0.0.53"), NodeFile(2, pods=1)]
    nodes[1].machine = {**(nodes[0].machine or {}), "id": "c" * 32, "boot": "d" * 32}
    assert only(odd_of(*nodes), "dns-loop")["hosts"] == ["node1", "node2"]


def test_servers_that_pods_reach() -> None:
    assert odd_of(asking("192.0.2.53", "2001:db8::53", path=REAL)) == []
    assert odd_of(asking("169.254.20.10")) == []
    assert odd_of(asking("127.0.0.53", pods=False)) == []
    assert odd_of(asking("127.0.0.53%lo", "nonsense")) == []


def test_more_than_a_pod_can_get() -> None:
    finding = only(odd_of(asking("192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4")), "dns-cut")
    assert finding["message"] == "/etc/resolv.conf has 4 name servers, of which pods get 3"
    many = tuple(f"d{number}.example.org" for number in range(30))
    assert "30 search domains" in only(odd_of(asking("192.0.2.1", search=many)), "dns-cut")["message"]
    assert odd_of(asking("192.0.2.1", "192.0.2.2", "192.0.2.3", search=many[:29])) == []


def with_dns(served: str, port: int = 53, told: str = "10.96.0.10") -> NodeFile:
    """Return a node whose kubelet tells pods to ask one address, and whose rules serve another."""
    node = NodeFile(1, pods=2)
    node.service("kube-dns", [("10.244.1.2", 53)], address=served, port=port, protocol="udp")
    node.service_ranges.append(
        node.range_("hint", f"{told}/32", "kubelet", "/var/lib/kubelet/config.yaml", "clusterDNS")
    )
    return node


def test_a_name_server_that_nobody_serves() -> None:
    finding = only(odd_of(with_dns("10.96.0.11")), "dns-not-served")
    assert finding["object"] == "10.96.0.10"
    assert finding["command"] == "cat /var/lib/kubelet/config.yaml"
    assert finding["evidence"][-1] == "Services at port 53: 10.96.0.11"


def test_name_servers_that_somebody_serves() -> None:
    assert odd_of(with_dns("10.96.0.10")) == []
    assert odd_of(with_dns("10.96.0.11", told="192.0.2.53")) == [], "not of the cluster"
    assert odd_of(with_dns("10.96.0.11", port=80)) == [], "who serves names is not among the rules"
    local = with_dns("10.96.0.11")
    local.addresses.append({"ifname": "nodelocaldns", "family": "inet", "local": "10.96.0.10", "prefixlen": 32})
    assert odd_of(local) == []


def test_rules_that_were_not_read() -> None:
    node = with_dns("10.96.0.11")
    node.services = None
    assert odd_of(node) == []
