# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From whom to whom a packet goes that a finding stops, as path.yml takes its ends."""

from __future__ import annotations

import shlex

import pytest

from ansible_collections.podnet.lab.plugins.plugin_utils.findings import ends, kinds
from ansible_collections.podnet.lab.plugins.plugin_utils.model.records import FindingPath
from ansible_collections.podnet.lab.plugins.plugin_utils.text import commands
from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.findings import fleets
from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.findings.found import only
from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.model.node_files import HOSTILE, NodeFile, odd_of


def without_route(fleet: list[NodeFile]) -> list[NodeFile]:
    """Take the route of the first node to the second away."""
    own = fleet[0].own
    own["routes"] = [route for route in own["routes"] if route["dst"] != "10.244.2.0/24"]
    return fleet


def named(fleet: list[NodeFile]) -> list[NodeFile]:
    """Give each pod a name of its own, as pods of a cluster have."""
    for node in fleet:
        new = {f"pod{number}": f"n{node.number}p{number}" for number in range(1, len(node.namespaces))}
        ports = [port for bridge in node.bridges for port in bridge["ports"]]
        for owned in (*(one["owner"] for one in node.namespaces[1:]), *(one["pod"] for one in (*node.pairs, *ports))):
            if owned is not None:
                owned["name"] = new.get(owned["name"], owned["name"])
    return fleet


def path(finding_kind: str, *fleet: NodeFile) -> FindingPath:
    finding = only(odd_of(*fleet), finding_kind)
    assert "path" in finding
    return finding["path"]


def test_every_kind_of_the_table_is_a_kind() -> None:
    assert set(ends.ENDS) <= set(kinds.KINDS)


def test_a_missing_route_is_shown_by_a_packet_to_the_range() -> None:
    fleet = without_route(named(fleets.routed(3)))
    assert path("route-missing", *fleet) == {"sender": "default/n1p1", "receiver": "default/n2p1:80"}


def test_pods_of_one_name_go_by_their_addresses() -> None:
    fleet = without_route(fleets.routed(3))
    assert path("route-missing", *fleet) == {"sender": "10.244.1.2", "receiver": "10.244.2.2:80"}


def test_a_pod_with_the_name_of_a_service_is_told_from_it() -> None:
    fleet = without_route(named(fleets.routed(2)))
    for node in fleet:
        node.service("n2p1", [("10.244.2.2", 80)], address="10.96.0.20")
    assert path("route-missing", *fleet)["receiver"] == "pod/default/n2p1:80"


def test_a_service_that_a_node_does_not_know_is_asked_from_a_pod_there() -> None:
    fleet = named(fleets.routed(3))
    for node in fleet[1:]:
        node.service("api", [("10.244.2.2", 80)], address="10.96.0.20")
    for node in fleet:
        node.service("web", [("10.244.2.2", 80)], address="10.96.0.21")
    assert path("service-missing", *fleet) == {"sender": "default/n1p1", "receiver": "default/api:80"}


def test_forwarding_that_is_off_where_packets_come_from_outside_is_shown_from_outside() -> None:
    fleet = named(fleets.routed(2))
    fleet[0].settings(ipv4__conf__eth0__forwarding=0)
    assert path("forwarding-off", *fleet) == {"sender": "default/n2p1", "receiver": "default/n1p1:80"}


def test_a_fault_that_stops_no_packet_has_no_path() -> None:
    fleet = named(fleets.routed(2))
    fleet[0].lease("10.244.1.77", "leaked")
    assert "path" not in only(odd_of(*fleet), "lease-leaked")


@pytest.mark.parametrize("text", HOSTILE)
def test_names_that_nobody_can_type_go_by_addresses(text: str) -> None:
    fleet = without_route(named(fleets.routed(2)))
    for node in fleet:
        for pair, namespace in zip(node.pairs, node.namespaces[1:], strict=True):
            namespace["owner"]["name"] = text
            pair["pod"] = {**pair["pod"], "name": text}
    found = [one["path"] for one in odd_of(*fleet) if "path" in one]
    for one in found:
        assert one["receiver"] == "10.244.2.2:80"
        assert len(shlex.split(commands.path(one, text))) == 10
