# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lab's rules of Services and what it knows of its tables, from what is read: no root, no namespaces."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any, Dict, List, Optional

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.podnet.lab.plugins.module_utils._kernel.flows import Flow
from ansible_collections.podnet.lab.plugins.module_utils._lab import service_rules, udp_flows
from ansible_collections.podnet.lab.plugins.module_utils._lab.nft import Table, fingerprint, kept_elements, one_line
from ansible_collections.podnet.lab.plugins.module_utils._lab.service_leases import ServiceLeases
from ansible_collections.podnet.lab.plugins.module_utils._lab.store import Store

FIXTURES = Path(__file__).parents[3] / "fixtures" / "services"
CLUSTER, INSIDE = "10.244.0.0/16", ["10.244.0.0/16", "10.89.0.11"]


def end(address: str, local: bool, port: int = 8080) -> Dict[str, Any]:
    """An endpoint as the module's option has it."""
    return {"address": address, "port": port, "local": local}


def service(*ends: Dict[str, Any], **changes: Any) -> Dict[str, Any]:
    """A Service with one port as the module's option has it; `node_port` is the port's."""
    port = {"name": None, "protocol": "TCP", "port": 80, "node_port": changes.pop("node_port", None)}
    return {
        "namespace": "default",
        "name": "web",
        "address": "10.96.0.41",
        "ports": [{**port, "endpoints": list(ends)}],
        "load_balancer": None,
        "affinity_timeout": None,
        "internal_traffic_policy": "Cluster",
        "external_traffic_policy": "Cluster",
        **changes,
    }


HERE, THERE = end("10.244.0.3", True), end("10.244.1.13", False)


def chains(*services: Dict[str, Any]) -> Dict[str, List[str]]:
    """The chains, sets and maps of a table by the kind and name in their headers."""
    ports = service_rules.read_ports(list(services))
    made = service_rules.blocks(ports, "10.96.0.0/16", CLUSTER, INSIDE, ["10.89.0.11"])
    return {block[0][:-2]: [line.strip() for line in block[1:-1]] for block in made}


def kube_proxys(name: str) -> List[str]:
    """The rules of a chain in what kube-proxy itself wrote."""
    text = (FIXTURES / "kube-proxy.nft").read_text(encoding="utf-8")
    start = text.index("chain %s {" % name)
    return [line.strip() for line in text[start : text.index("\t}", start)].splitlines()[1:] if line.strip()]


def test_an_endpoint_is_written_as_kube_proxy_writes_it() -> None:
    found = chains(service(HERE, end("10.244.0.4", True), THERE))
    for name in (
        "endpoint-GLFSBF6I-default/web/tcp/__10.244.0.3/8080",
        "endpoint-DV7WY2KP-default/web/tcp/__10.244.1.13/8080",
    ):
        assert found["chain " + name] == kube_proxys(name)
    own, other = found["chain service-PFISGYVC-default/web/tcp/"], kube_proxys("service-PFISGYVC-default/web/tcp/")
    assert own[1] == other[1], "the spread"
    # Nodes are no strangers: they have routes to the pods, and pods to them.
    assert own[0] == other[0].replace("10.244.0.0/16", "{ 10.244.0.0/16, 10.89.0.11 }")


def test_affinity_and_local_policies_are_written_as_kube_proxy_writes_them() -> None:
    sticky = {"name": "sticky", "address": "10.96.0.44", "affinity_timeout": 10800, "node_port": 30082}
    made = service(HERE, end("10.244.0.4", True), **sticky)
    made["ports"][0]["name"] = "http"
    found = chains(made)
    name = "service-H6U4RGLG-default/sticky/tcp/http"
    assert found["chain " + name][1:] == kube_proxys(name)[1:]
    name = "endpoint-CYOUET2V-default/sticky/tcp/http__10.244.0.3/8080"
    assert found["chain " + name] == kube_proxys(name)
    assert found["set " + name.replace("endpoint", "affinity")] == [
        "type ipv4_addr",
        "flags dynamic,timeout",
        "timeout 10800s",
    ]
    assert found["chain external-H6U4RGLG-default/sticky/tcp/http"] == [
        "jump mark-for-masquerade",
        "goto service-H6U4RGLG-default/sticky/tcp/http",
    ]
    front = service(HERE, THERE, name="front", node_port=30080, external_traffic_policy="Local")
    front["ports"][0]["name"] = "http"
    found = chains(front)
    theirs = [rule.partition(" comment ")[0] for rule in kube_proxys("external-47HOX222-default/front/tcp/http")]
    assert found["chain external-47HOX222-default/front/tcp/http"] == theirs
    assert found["chain local-47HOX222-default/front/tcp/http"] == kube_proxys("local-47HOX222-default/front/tcp/http")


@pytest.mark.parametrize(
    ("ends", "changes", "service_ips", "empty", "node_ports", "empty_node_ports"),
    [
        ([HERE, THERE], {}, "goto service-", None, None, None),
        ([HERE, THERE], {"internal_traffic_policy": "Local"}, "goto local-", None, None, None),
        ([THERE], {"internal_traffic_policy": "Local"}, None, "drop", None, None),
        ([], {}, None, "goto reject-chain", None, None),
        ([], {"node_port": 30080}, None, "goto reject-chain", None, "goto reject-chain"),
        ([THERE], {"node_port": 30080}, "goto service-", None, "goto external-", None),
        (
            [THERE],
            {"node_port": 30080, "external_traffic_policy": "Local"},
            "goto service-",
            None,
            "goto external-",
            "drop",
        ),
        (
            [HERE],
            {"node_port": 30080, "external_traffic_policy": "Local"},
            "goto service-",
            None,
            "goto external-",
            None,
        ),
    ],
)
def test_where_an_address_leads(
    ends: List[Any],
    changes: Dict[str, Any],
    service_ips: Optional[str],
    empty: Optional[str],
    node_ports: Optional[str],
    empty_node_ports: Optional[str],
) -> None:
    found = chains(service(*ends, **changes))
    expected = {"service-ips": service_ips, "no-endpoint-services": empty}
    expected.update({"service-nodeports": node_ports, "no-endpoint-nodeports": empty_node_ports})
    for name, wanted in expected.items():
        members = [line for line in found["map " + name] if " : " in line and not line.startswith("type")]
        assert len(members) == (wanted is not None), name
        assert wanted is None or (" : " + wanted) in members[0]


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({"name": "Web"}, "a name of it is not of the form"),
        ({"name": "w}; flush ruleset; #"}, "a name of it is not of the form"),
        ({"address": "10.96.0.1; flush ruleset"}, "10.96.0.1; flush ruleset"),
        ({"node_port": 70000}, "not a number from 1 to 65535"),
    ],
)
def test_what_nft_would_read_as_something_else_is_refused(changes: Dict[str, Any], cause: str) -> None:
    with pytest.raises(ValueError, match=cause):
        service_rules.read_ports([service(HERE, **changes)])


def test_one_address_and_port_for_two_is_refused() -> None:
    with pytest.raises(ValueError, match=r"two Services have tcp port 80 of 10\.96\.0\.41"):
        service_rules.read_ports([service(HERE), service(HERE, name="other")])


# -- tables ------------------------------------------------------------------------------------------------

LISTING: Dict[str, Any] = json.loads(
    (FIXTURES / "nft-list-table-ip-podnet_lab0_services.json").read_text(encoding="utf-8")
)


def test_a_print_is_the_same_whatever_changes_by_itself() -> None:
    other = copy.deepcopy(LISTING)
    other["nftables"][0]["metainfo"]["version"] = "9.9"
    for item in other["nftables"]:
        for value in item.values():
            value["handle"] = 77
            if "elem" in value:
                value["elem"] = list(reversed(value["elem"]))
            if "timeout" in value.get("flags", ()):
                value["elem"] = [{"elem": {"val": "10.244.0.2", "expires": 5}}]
    assert fingerprint(other) == fingerprint(LISTING)


def test_a_print_changes_with_every_rule_set_and_element() -> None:
    prints = {fingerprint(LISTING)}
    for number, item in enumerate(LISTING["nftables"][1:], 1):
        other = copy.deepcopy(LISTING)
        del other["nftables"][number]
        prints.add(fingerprint(other))
        for value in item.values():
            if value.get("elem"):
                other = copy.deepcopy(LISTING)
                next(iter(other["nftables"][number].values()))["elem"].pop()
                prints.add(fingerprint(other))
    assert len(prints) > len(LISTING["nftables"])


def test_clients_stay_with_their_endpoints_when_a_table_is_replaced() -> None:
    name = "affinity-A-default/sticky/tcp/http__10.244.0.3/8080"
    members = [{"elem": {"val": "10.244.0.2", "expires": 599}}, {"elem": {"val": "10.244.0.9", "expires": 0}}]
    found = {"set": {"name": name, "flags": ["timeout"], "timeout": 600, "elem": members}}
    table = Table("ip", "t", [["set %s {" % name, "}"]])
    assert list(kept_elements({"nftables": [found]}, table)) == [
        "add element ip t %s { 10.244.0.2 timeout 600s expires 599s }" % name
    ]
    assert not list(kept_elements({"nftables": [found]}, Table("ip", "t", [["set other {", "}"]])))


def test_a_block_is_shown_as_one_argument() -> None:
    lines = ["table ip t {", "  set s {", "    elements = {", "      10.0.0.1,", "    }", "  }", "}"]
    assert one_line(lines) == "table ip t { set s { elements = { 10.0.0.1, }; }; }"


def test_tables_and_leases_are_noted_until_the_last_is_gone(tmp_path: Path) -> None:
    store = Store("lab0", str(tmp_path / "run"))
    store.write_table("ip t", {"lines": ["table ip t {", "}"], "print": "9f31"})
    assert store.tables() == {"ip t": {"lines": ["table ip t {", "}"], "print": "9f31"}}
    store.write_table("ip t", None)
    leases = ServiceLeases("lab0", str(tmp_path / "lib"))
    wanted = {"default/web": "10.96.1.1"}
    (shown,) = leases.change(wanted, {"default/web": "10.89.0.241"}, "10.96.0.0/16", real=True)
    assert shown.startswith("echo '{")
    assert (leases.read(), leases.service_cidr()) == (wanted, "10.96.0.0/16")
    assert leases.files() == [leases.directory, leases.path]
    assert leases.load_balancers() == {"default/web": "10.89.0.241"}
    leases.change({}, {}, None, real=True)
    assert (leases.read(), leases.service_cidr()) == ({}, None)
    assert list(tmp_path.iterdir()) == []


# -- udp_flows ---------------------------------------------------------------------------------------------

FLOWS = udp_flows.Flows("10.96.0.0/16", CLUSTER, ["10.89.0.11"], {("10.96.0.10", 53): [("10.244.0.7", 53)]})
LINE = "udp      17 29 src=10.244.0.2 dst=%s sport=4000 dport=%d %ssrc=%s dst=10.244.0.2 sport=%d dport=4000 use=1"


@pytest.mark.parametrize(
    ("asked", "answers", "expected"),
    [
        (("10.96.0.10", 53), ("10.244.0.7", 53), False),
        (("10.96.0.10", 53), ("10.244.1.7", 53), True),
        (("10.96.0.10", 53), ("10.96.0.10", 53), True),
        (("10.96.0.99", 53), ("10.244.1.7", 53), True),
        (("10.89.0.11", 30053), ("10.244.1.7", 53), True),
        (("10.89.0.11", 30053), ("10.89.0.11", 30053), False),
        (("9.9.9.9", 53), ("9.9.9.9", 53), False),
        (("10.244.0.7", 53), ("10.244.0.7", 53), False),
    ],
)
@pytest.mark.parametrize("unreplied", ["", "[UNREPLIED] "])
def test_only_flows_of_services_that_lead_elsewhere_are_stale(
    asked: Any, answers: Any, expected: bool, unreplied: str
) -> None:
    (flow,) = udp_flows.parse(LINE % (*asked, unreplied, *answers))
    assert flow == Flow(("10.244.0.2", 4000), asked, answers)
    assert udp_flows.stale(flow, FLOWS) == expected


@given(st.text())
def test_whatever_conntrack_prints_is_read(text: str) -> None:
    assert all(isinstance(udp_flows.stale(flow, FLOWS), bool) for flow in udp_flows.parse(text))


def test_a_load_balancer_leads_outside_and_is_refused_at_other_ports() -> None:
    made = chains(service(HERE, THERE, load_balancer="10.89.0.241"))
    outside = service_rules.chain_name("external", "default/web/tcp/")
    assert "10.89.0.241 . tcp . 80 : goto %s," % outside in made["map service-ips"]
    assert made["chain " + outside][-1].startswith("goto service-")
    assert made["set load-balancer-ips"][-2:] == ["10.89.0.241,", "}"]
    for hook in ("input", "forward", "output"):
        assert made["chain filter-" + hook][-1] == "ct state new jump load-balancer-ips-check"
    assert "map service-nodeports" in made
    assert not any("elements" in line for line in made["map service-nodeports"])
    assert not any("load-balancer" in line for lines in chains(service(HERE)).values() for line in lines)


@pytest.mark.parametrize(("ends", "verdict"), [([], "goto reject-chain"), ([THERE], "drop"), ([HERE, THERE], None)])
def test_a_load_balancer_with_the_policy_local_leads_to_pods_of_the_node_alone(
    ends: List[Dict[str, Any]], verdict: Optional[str]
) -> None:
    made = chains(service(*ends, load_balancer="10.89.0.241", external_traffic_policy="Local"))
    empty = [line for line in made["map no-endpoint-services"] if line.startswith("10.89.0.241")]
    expected = ['10.89.0.241 . tcp . 80 comment "default/web" : %s,' % verdict] if verdict else []
    assert empty == expected
    outside = made.get("chain " + service_rules.chain_name("external", "default/web/tcp/"), [])
    assert any(rule.startswith("goto local-") for rule in outside) == (HERE in ends)


def test_an_address_of_a_load_balancer_must_be_one() -> None:
    with pytest.raises(ValueError):
        service_rules.read_ports([service(HERE, load_balancer="10.89.0.241; drop")])
