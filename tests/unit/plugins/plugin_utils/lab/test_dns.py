# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The names of a lab: who answers for them, and the records."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.podnet.lab.plugins.filter.lab_records import lab_records
from ansible_collections.podnet.lab.plugins.plugin_utils.lab.dns import with_dns
from ansible_collections.podnet.lab.plugins.plugin_utils.lab.plan import make_plan

DESCRIPTION: dict[str, Any] = {
    "name": "lab0",
    "nodes": ["node1"],
    "pods": [
        {"name": "web1", "node": "node1", "labels": {"app": "web"}, "address": "10.244.0.3",
         "containers": [{"name": "c", "serve": 80, "ports": [{"name": "http", "containerPort": 8080}]}]},
        {"name": "web2", "node": "node1", "labels": {"app": "web"}, "address": "10.244.0.4",
         "containers": [{"name": "c", "serve": 80}]},
    ],
    "services": [
        {"name": "web", "selector": {"app": "web"}, "ports": [{"name": "http", "port": 80, "targetPort": "http"}]},
        {"name": "each", "selector": {"app": "web"}, "headless": True,
         "ports": [{"name": "http", "port": 80, "targetPort": "http"}]},
        {"name": "unnamed", "ports": [{"port": 80}]},
    ],
    "cluster_cidr": "10.244.0.0/16",
    "service_cidr": "10.96.0.0/16",
    "node_prefix": 24,
    "bridge": "lab0",
    "mtu": 1500,
    "dns": True,
    "dns_domain": "cluster.local",
}  # fmt: skip


def plan(missing: dict[str, str] | None = None, **changes: Any) -> dict[str, Any]:
    """The plan of the description above with changes."""
    info = {"privileged": True, "missing_programs": {}, "links": [], "addresses": [], "routes": []}
    host = {"address": None, "ansible_host": "10.89.0.11", "info": {**info, "missing_for_names": missing or {}}}
    return make_plan({**DESCRIPTION, **changes}, {"node1": host}, lambda name: [name])


def records(**changes: Any) -> list[tuple[str, ...]]:
    """The records, with the port behind those that have one."""
    made = plan(**changes)
    assert made["faults"] == []
    lease = {"namespace": "kube-system", "name": "kube-dns", "address": "10.244.0.2"}
    hosts = {"node1": {"__manual_lab_addresses": {"addresses": [lease]}}}
    return [
        tuple(str(one[key]) for key in ("type", "name", "value", "port") if key in one)
        for one in lab_records(made, hosts)
    ]


def test_the_records_are_those_of_the_specification() -> None:
    found = records()
    web, each = "web.default.svc.cluster.local", "each.default.svc.cluster.local"
    assert found[0] == ("TXT", "dns-version.cluster.local", "1.1.0")
    assert [one for one in found if one[1] == web] == [("A", web, "10.96.1.1")]
    assert ("SRV", f"_http._tcp.{web}", web, "80") in found
    assert [one[2] for one in found if one[1] == each] == ["10.244.0.3", "10.244.0.4"]
    # Of a headless Service SRV leads to the pods that have the port, by the port that they have.
    assert [one for one in found if one[0] == "SRV" and each in one[1]] == [
        ("SRV", f"_http._tcp.{each}", f"10-244-0-3.{each}", "8080")
    ]
    assert ("A", f"10-244-0-3.{each}", "10.244.0.3") in found
    assert ("A", "10-244-0-2.kube-system.pod.cluster.local", "10.244.0.2") in found
    assert ("A", "kube-dns.kube-system.svc.cluster.local", "10.96.0.10") in found
    assert (
        "SRV",
        "_dns._udp.kube-dns.kube-system.svc.cluster.local",
        "kube-dns.kube-system.svc.cluster.local",
        "53",
    ) in found
    assert not [one for one in found if one[0] == "SRV" and "unnamed" in one[1]]


def test_an_address_leads_back_to_its_service_or_else_to_its_pod() -> None:
    found = records(services=[DESCRIPTION["services"][0]])
    first: dict[str, str] = {}
    for one in found:
        if one[0] == "A":
            first.setdefault(one[2], one[1])
    assert first["10.96.1.1"] == "web.default.svc.cluster.local"
    assert first["10.244.0.4"] == "10-244-0-4.default.pod.cluster.local"


def test_a_pod_answers_and_all_pods_ask_it() -> None:
    made = plan(dns_domain="lab.test", dns_address="10.96.0.53")
    node = made["nodes"]["node1"]
    server = next(pod for pod in node["pods"] if pod["namespace"] == "kube-system")
    assert server["containers"] == [{"name": "dnsmasq", "dns": True}]
    assert node["resolv_confs"][0] == {
        "netns": "/run/netns/lab0_default_web1",
        "servers": ["10.96.0.53"],
        "search": ["default.svc.lab.test", "svc.lab.test", "lab.test"],
        "options": ["ndots:5"],
    }
    assert node["pods"][0]["resolv_conf"] == "/etc/netns/lab0_default_web1/resolv.conf"
    assert made["dns"] == {"node": "node1", "domain": "lab.test", "upstreams": []}


def test_without_names_nothing_of_them_is_planned() -> None:
    made = plan(dns=False)
    assert made["dns"] is None
    assert made["nodes"]["node1"]["resolv_confs"] == []
    assert [pod["resolv_conf"] for pod in made["nodes"]["node1"]["pods"]] == [None, None]
    assert lab_records(made, {}) == []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"dns": "yes"}, "manual_lab_dns: 'yes' is neither true nor false"),
        ({"dns_domain": "Cluster.Local"}, "manual_lab_dns_domain: 'Cluster.Local' is not a domain"),
        ({"dns_domain": "a..b"}, "manual_lab_dns_domain: 'a..b' is not a domain"),
        ({"dns_domain": None}, "manual_lab_dns_domain: None is not a domain"),
        ({"dns_address": "10.97.0.10"}, "10.97.0.10 is not an address in 10.96.0.0/16"),
        ({"dns_upstreams": "192.0.2.53"}, "manual_lab_dns_upstreams: '192.0.2.53' is not a list"),
        ({"dns_upstreams": ["x"]}, "manual_lab_dns_upstreams[0]: 'x' is not an address. Write it as 192.0.2.53"),
        ({"dns_upstreams": ["2001:db8::53"]}, "the server would ask 2001:db8::53 by IPv6, and the lab has none"),
        ({"dns_upstreams": ["::ffff:10.96.0.10"]}, "10.96.0.10 is in 10.96.0.0/16, the lab's own"),
        (
            {"dns_upstreams": ["10.96.0.10"]},
            "10.96.0.10 is in 10.96.0.0/16, the lab's own: a question would go round in a loop",
        ),
        ({"dns_upstreams": ["10.244.0.2"]}, "10.244.0.2 is in 10.244.0.0/16, the lab's own"),
        ({"dns_upstreams": ["127.0.0.53"]}, "127.0.0.53 is the pod itself"),
        ({"dns_upstreams": ["0.0.0.0"]}, "0.0.0.0 is the pod itself"),
        (
            {"missing": {"dnsmasq": "dnsmasq-base"}},
            "node node1: the program dnsmasq, which answers for names, is not there. Install",
        ),
    ],
)
def test_a_fault_says_where_it_is(changes: dict[str, Any], expected: str) -> None:
    made = plan(**changes)
    assert any(expected in fault for fault in made["faults"]), made["faults"]
    assert made["nodes"] == {}


@pytest.mark.parametrize(
    "changes", [{"pods": None}, {"pods": 7}, {"nodes": []}, {"services": "x"}, {"service_cidr": 7}]
)
def test_what_cannot_be_understood_is_left_to_those_who_say_so(changes: dict[str, Any]) -> None:
    assert with_dns({**DESCRIPTION, **changes})["dns"] is True
    assert plan(**changes)["faults"]


def test_a_pod_with_a_hostname_and_a_subdomain_has_a_name_behind_the_headless_service() -> None:
    first, *others = DESCRIPTION["pods"]
    named = {**first, "hostname": "alpha", "subdomain": "each"}
    found = records(pods=[named, *others])
    each = "each.default.svc.cluster.local"
    assert ("A", f"alpha.{each}", "10.244.0.3") in found
    assert ("SRV", f"_http._tcp.{each}", f"alpha.{each}", "8080") in found
    assert not any(one[1] == f"10-244-0-3.{each}" for one in found), "the host name takes the place of the address"
    assert sorted(one[2] for one in found if one[1] == each) == ["10.244.0.3", "10.244.0.4"]


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"hostname": "Alpha"}, "manual_lab_pods[0].hostname: 'Alpha' is not a name"),
        ({"hostname": "a,10.0.0.1"}, "manual_lab_pods[0].hostname: 'a,10.0.0.1' is not a name"),
        ({"subdomain": "web"}, "manual_lab_pods[0].subdomain: there is no headless Service default/web"),
        ({"hostname": "a", "subdomain": "nobody"}, "there is no headless Service default/nobody that selects the pod"),
    ],
)
def test_a_name_that_nobody_would_find_is_a_fault(changes: dict[str, str], text: str) -> None:
    first, *others = DESCRIPTION["pods"]
    (fault,) = plan(pods=[{**first, **changes}, *others])["faults"]
    assert text in fault


def test_two_pods_with_one_name_are_a_fault() -> None:
    same = {"hostname": "alpha", "subdomain": "each"}
    pods = [{**pod, **same} if pod["labels"].get("app") == "web" else pod for pod in DESCRIPTION["pods"]]
    (fault,) = plan(pods=pods)["faults"]
    assert fault.startswith("manual_lab_pods[1].hostname: manual_lab_pods[0] is alpha.each too")
