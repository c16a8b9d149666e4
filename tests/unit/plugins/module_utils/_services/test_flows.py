# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Flows are stale where the rules of their Service are understood and lead elsewhere."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Tuple

import pytest

from ansible_collections.podnet.lab.plugins.module_utils._kernel.flows import Flow
from ansible_collections.podnet.lab.plugins.module_utils._services import flows
from ansible_collections.podnet.lab.plugins.module_utils._services.records import Service, ServiceName, service

NODE = ["10.89.0.11", "fd00:89::11"]
OLD, NEW = ("10.244.1.2", 53), ("10.244.1.3", 53)


def dns(
    ends: List[Tuple[str, Optional[int]]], address: Optional[str] = "10.96.0.10", port: int = 53, **changes: Any
) -> Service:
    name = ServiceName("kube-system", changes.pop("name", "kube-dns"), "dns")
    family = "inet6" if ":" in (address or "") else "inet"
    rule: Any = {"command": "show", "table": "nat", "chain": None, "text": "", "target": None}
    made = service(name, None, (changes.pop("family", family), address, port, "udp"), "iptables", rule)
    made["action"] = "forward" if ends else "reject"
    made["backends"] = [{"address": end, "port": number, "weight": None} for end, number in ends]
    merged: Dict[str, Any] = {**made, **changes}
    return merged  # type: ignore[return-value]


def flow(answers: Tuple[str, int] = OLD, asked: Tuple[str, int] = ("10.96.0.10", 53), port: int = 4000) -> Flow:
    return Flow(("10.244.1.9", port), asked, answers)


def stale(*found: Flow, services: List[Service]) -> List[Tuple[Any, ...]]:
    return [tuple(one.values()) for one in flows.stale_flows(found, services, NODE)]


def test_flows_to_one_end_are_counted_together() -> None:
    found = [flow(), flow(port=4001), flow(("10.244.1.4", 53)), flow(NEW)]
    assert stale(*found, services=[dns([NEW])]) == [
        ("udp", "10.96.0.10", 53, *OLD, 2),
        ("udp", "10.96.0.10", 53, "10.244.1.4", 53, 1),
    ]


@pytest.mark.parametrize(
    "services",
    [
        [],
        [dns([OLD, NEW])],
        [dns([(OLD[0], None)])],
        [dns([NEW], protocol="tcp")],
        [dns([NEW], port=5353)],
        [dns([NEW], address="10.96.0.11")],
        [dns([])],
        [dns([NEW], action="unknown")],
        [dns([NEW]), dns([], name="other", action="unknown")],
        [dns([NEW]), dns([NEW, OLD], address=None, port=30053)],
        [dns([NEW], name=None), dns([OLD], name=None)],
    ],
)
def test_nothing_is_said_of_other_flows(services: List[Service]) -> None:
    assert stale(flow(), services=services) == []


def test_services_without_a_name_have_nothing_in_common() -> None:
    other = dns([OLD], name=None, address="10.96.0.11")
    assert len(stale(flow(), services=[dns([NEW], name=None), other])) == 1


def test_node_ports_are_those_at_addresses_of_the_node() -> None:
    services = [dns([NEW], address=None, port=30053), dns([NEW], address=None, port=30053, family="inet6")]
    assert len(stale(flow(asked=(NODE[0], 30053)), services=services)) == 1
    assert len(stale(flow(("fd00:244::2", 53), (NODE[1], 30053)), services=services)) == 1
    assert stale(flow(asked=("10.89.0.12", 30053)), services=services) == []


def test_only_so_many_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flows, "MOST_STALE", 1)
    found = stale(flow(), flow(("10.244.1.4", 53)), flow(("10.244.1.4", 53), port=1), services=[dns([NEW])])
    assert [one[3] for one in found] == ["10.244.1.4"]
