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


CLUSTER = ("default.svc.cluster.local", "svc.cluster.local", "cluster.local")


def give(node: NodeFile, *servers: str, search: tuple[str, ...] = CLUSTER, ndots: str | None = "5") -> NodeFile:
    """Write this into the resolv.conf of the node's first pod."""
    node.namespaces[1]["resolver"] = {
        "path": "/var/lib/containerd/io.containerd.grpc.v1.cri/sandboxes/1/resolv.conf",
        "nameservers": list(servers),
        "search": list(search),
        "options": [] if ndots is None else [f"ndots:{ndots}"],
    }
    return node


def test_a_pod_that_asks_a_name_server_which_nobody_serves() -> None:
    node = give(with_dns("10.96.0.11", told="10.96.0.11"), "10.96.0.10")
    finding = only(odd_of(node), "dns-not-served")
    assert finding["object"] == "10.96.0.10"
    assert finding["message"] == "10.96.0.10 is the name server of 1 pod, and no Service has that address at port 53"
    assert finding["evidence"][0].startswith("node1: default/pod1, nameserver 10.96.0.10 in /var/lib/containerd/")


def test_what_the_kubelet_tells_pods_is_told_once() -> None:
    only(odd_of(give(with_dns("10.96.0.11"), "10.96.0.10")), "dns-not-served")


@pytest.mark.parametrize("server", ["10.96.0.11", "192.0.2.53", "169.254.20.10", "127.0.0.1", "nonsense"])
def test_a_pod_that_asks_who_is_there_or_nobody_knows_of(server: str) -> None:
    assert odd_of(give(with_dns("10.96.0.11", told="10.96.0.11"), server)) == []


@pytest.mark.parametrize("ndots", ["1", "0", None, "x"])
def test_too_few_dots(ndots: str | None) -> None:
    finding = only(odd_of(give(NodeFile(1, pods=1), "10.96.0.10", ndots=ndots)), "dns-ndots")
    assert finding["severity"] == "note"
    assert finding["certainty"] == "seen"


def test_enough_dots_or_no_names_of_the_cluster() -> None:
    assert odd_of(give(NodeFile(1, pods=1), "10.96.0.10", ndots="2")) == []
    assert odd_of(give(NodeFile(1, pods=1), "192.0.2.53", search=("example.org",), ndots=None)) == []


def test_search_domains_that_the_kubelet_left_out() -> None:
    wanted = tuple(f"d{number}.example.org" for number in range(5))
    node = give(asking("192.0.2.1", search=wanted), "10.96.0.10", search=(*CLUSTER, *wanted[:3]))
    finding = only(odd_of(node), "dns-cut")
    assert finding["object"] == "/etc/resolv.conf"
    assert finding["message"].startswith("d3.example.org and d4.example.org of the node is left out")


def test_search_domains_that_came_later_or_are_all_there() -> None:
    wanted = tuple(f"d{number}.example.org" for number in range(5))
    for search in ((*CLUSTER, *wanted), (*CLUSTER, *wanted[:2]), (*CLUSTER, "z.org", *wanted[:2]), wanted[:2]):
        assert odd_of(give(asking("192.0.2.1", search=wanted), "10.96.0.10", search=search)) == [], search
