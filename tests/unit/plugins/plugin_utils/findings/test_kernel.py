# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Kernel settings that stop pods, resolved as the kernel does."""

from __future__ import annotations

import pytest

from ansible_collections.podnet.lab.plugins.plugin_utils.findings.kernel import is_strict, setting
from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.findings import fleets
from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.findings.found import only
from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.model.node_files import NodeFile, odd_of

NF_CALL = "net.bridge.bridge-nf-call-iptables"


def with_settings(pods: int = 2) -> NodeFile:
    """Return a healthy node whose settings were read."""
    node = NodeFile(1, pods=pods)
    node.settings()
    return node


@pytest.mark.parametrize("layout", fleets.HEALTHY)
def test_healthy_settings_are_not_odd(layout: str) -> None:
    fleet = fleets.HEALTHY[layout]()
    for node in fleet:
        node.settings()
        node.host_pod(f"kube-proxy-{node.number}")
    assert odd_of(*fleet) == []


@pytest.mark.parametrize(
    ("own", "everywhere", "strict"),
    [(0, 0, False), (1, 0, True), (0, 1, True), (1, 2, False), (2, 1, False), (None, 1, True), (None, None, False)],
)
def test_rp_filter_is_the_higher_one(own: int | None, everywhere: int | None, strict: bool) -> None:
    settings = {"net.ipv4.conf.eth0.rp_filter": own, "net.ipv4.conf.all.rp_filter": everywhere}
    assert is_strict(dict(settings), "eth0") is strict


def test_an_interface_that_is_not_named_is_as_new_ones() -> None:
    settings: dict[str, int | str | None] = {
        "net.ipv4.conf.default.forwarding": 0,
        "net.ipv4.conf.all.forwarding": 1,
        "net.ipv4.conf.eth0/5.forwarding": 1,
    }
    assert setting(settings, "eth1", "forwarding") == 0
    assert setting(settings, "eth0.5", "forwarding") == 1


def test_forwarding_off_on_the_node() -> None:
    node = with_settings()
    node.settings(ipv4__ip_forward=0, ipv4__conf__all__forwarding=0, ipv4__conf__default__forwarding=0)
    finding = only(odd_of(node), "forwarding-off")
    assert finding["object"] == "net.ipv4.ip_forward"
    assert finding["evidence"] == ["no interface forwards IPv4: cni0, eth0"]
    assert finding["command"] == "sysctl net.ipv4.ip_forward"


@pytest.mark.parametrize("ifname", ["cni0", "eth0"])
def test_forwarding_off_on_one_interface(ifname: str) -> None:
    node = with_settings()
    node.own["settings"][f"net.ipv4.conf.{ifname}.forwarding"] = 0
    finding = only(odd_of(node), "forwarding-off")
    assert finding["object"] == ifname
    assert finding["remedy"].startswith(f"sysctl -w net.ipv4.conf.{ifname}.forwarding=1")


def test_forwarding_off_on_the_end_of_a_routed_pod() -> None:
    node = fleets.calico(1)[0]
    node.settings()
    name = node.pairs[0]["ends"][0]["ifname"]
    node.own["settings"][f"net.ipv4.conf.{name}.forwarding"] = 0
    assert only(odd_of(node), "forwarding-off")["object"] == name


def test_forwarding_off_where_it_is_nobodys_way() -> None:
    node = with_settings()
    node.own["settings"]["net.ipv4.conf.docker0.forwarding"] = 0
    node.own["settings"]["net.ipv4.ip_forward"] = 0  # OVN-Kubernetes sets its interfaces alone
    node.own["settings"]["net.ipv6.conf.all.forwarding"] = 0  # no pod has IPv6
    assert odd_of(node) == []


def test_a_node_without_pods_forwards_nothing() -> None:
    node = NodeFile(1)
    node.settings(ipv4__ip_forward=0, ipv4__conf__default__forwarding=0)
    node.host_pod("etcd")
    assert odd_of(node) == []


def test_ipv6_forwarding_is_that_of_all() -> None:
    node = with_settings()
    node.namespaces[1]["interfaces"][0]["addr_info"].append(node.address("fd00:10:244:1::2/64"))
    node.own["settings"]["net.ipv6.conf.all.forwarding"] = 0
    assert only(odd_of(node), "forwarding-off")["object"] == "net.ipv6.conf.all.forwarding"


@pytest.mark.parametrize("value", [0, None])
def test_a_bridge_that_the_rules_of_services_do_not_see(value: int | None) -> None:
    node = with_settings()
    node.own["settings"][NF_CALL] = value
    node.service("web", [("10.244.1.2", 80)])
    finding = only(odd_of(node), "bridge-nf-call-off")
    assert finding["object"] == "cni0"
    assert finding["remedy"].startswith("modprobe br_netfilter" if value is None else "sysctl -w net.bridge")


def test_kube_proxy_shows_that_there_are_services() -> None:
    node = with_settings()
    node.own["settings"][NF_CALL] = 0
    node.host_pod("kube-proxy-x7k2p")
    assert (
        only(odd_of(node), "bridge-nf-call-off")["evidence"][-1] == "kube-proxy runs here: kube-system/kube-proxy-x7k2p"
    )


def test_bridges_that_need_no_rules() -> None:
    without_services, elsewhere, own_setting, alone = (with_settings(pods) for pods in (2, 2, 2, 1))
    for node in (without_services, elsewhere, own_setting, alone):
        node.own["settings"][NF_CALL] = 0
    elsewhere.service("web", [("10.244.2.2", 80)])
    for node in (own_setting, alone):
        node.service("web", [("10.244.1.2", 80)])
    own_setting.interface(own_setting.own, "cni0")["linkinfo"]["info_data"] = {"nf_call_iptables": 1}
    for node in (without_services, elsewhere, own_setting, alone):
        assert odd_of(node) == []


def test_settings_that_were_not_read() -> None:
    node = NodeFile(1, pods=2)
    node.host_pod("kube-proxy-x7k2p")
    assert odd_of(node) == []


@pytest.mark.parametrize(("count", "severity"), [(262144, "fault"), (250000, "fault"), (220000, "note")])
def test_connection_tracking_that_is_nearly_full(count: int, severity: str) -> None:
    node = with_settings()
    node.settings(netfilter__nf_conntrack_count=count)
    finding = only(odd_of(node), "conntrack-nearly-full")
    assert finding["severity"] == severity
    assert finding["evidence"][0] == f"net.netfilter.nf_conntrack_count = {count}"


@pytest.mark.parametrize(("count", "severity"), [(1024, "fault"), (900, "note"), (700, None)])
def test_a_neighbour_table_that_is_nearly_full(count: int, severity: str | None) -> None:
    """It is one table for the node and its pods; what somebody set for good does not count."""
    node = with_settings()
    node.settings(ipv4__neigh__default__gc_thresh3=1024)
    for number in range(count):
        space = node.namespaces[number % 3]
        known = space.setdefault("neighbours", [])
        known.append({"dst": f"10.250.{number // 256}.{number % 256}", "dev": "eth0", "state": ["STALE"]})
        known.append({"dst": f"10.251.{number // 256}.{number % 256}", "dev": "eth0", "state": ["PERMANENT"]})
    found = odd_of(node)
    assert [one["severity"] for one in found] == ([severity] if severity else [])
    if severity:
        assert only(found, "neighbour-table-nearly-full")["evidence"][0] == f"{count} entries"


@pytest.mark.parametrize(("count", "limit"), [(1000, None), (None, 262144), (0, 0), (200000, 262144)])
def test_connection_tracking_with_room(count: int | None, limit: int | None) -> None:
    node = with_settings()
    node.settings(netfilter__nf_conntrack_count=count, netfilter__nf_conntrack_max=limit)
    assert odd_of(node) == []
