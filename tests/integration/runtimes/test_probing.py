# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Probes from and to real containers of docker and podman, with nothing from their images."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from ansible_collections.podnet.lab.tests.integration.support import lookup
from ansible_collections.podnet.lab.tests.integration.support.runtimes import Site

Json = dict[str, Any]


class Pair(NamedTuple):
    """Two containers on one network of a runtime: one that does nothing, and one with a web server."""

    runtime: str
    idle: str
    serving: str


PAIRS = (Pair("docker", "cart", "shelf"), Pair("podman", "alone", "store"))
# A stand-in for a name server: it gives one address for every name.
NAME_SERVER = r"""
import socket
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.bind(("10.88.0.1", 5353))
while True:
    data, peer = sock.recvfrom(512)
    record = b"\xc0\x0c\0\1\0\1\0\0\0\5\0\4" + socket.inet_aton("10.96.0.10")
    sock.sendto(data[:2] + b"\x85\x80\0\1\0\1\0\0\0\0" + data[12:] + record, peer)
"""


def address(site: Site, runtime: str, container: str) -> str:
    """The address of a container, as iproute2 says in its namespace."""
    inside = f"nsenter -t {site.pid(runtime, container)} -n ip -j -4 addr show dev eth0"
    return str(json.loads(site.nodes.shell("node1", inside))[0]["addr_info"][0]["local"])


def ways_to_name(site: Site, runtime: str, container: str) -> list[str]:
    """Everything that a person may write for the network namespace of a container."""
    namespace = site.namespace(runtime, container)
    (entry,) = [one for one in namespace["containers"] if one["name"] == container]
    return [
        f"container:{container}",
        f"container:{entry['id']}",
        f"container:{entry['id'][:12]}",
        lookup.paths(namespace)[0],
        f"pid:{site.pid(runtime, container)}",
        f"net:[{namespace['inode']}]",
    ]


@pytest.mark.parametrize("pair", PAIRS, ids=[pair.runtime for pair in PAIRS])
def test_a_container_is_named_in_every_way_and_seen_by_its_own_address(site: Site, pair: Pair) -> None:
    here, there = address(site, pair.runtime, pair.idle), address(site, pair.runtime, pair.serving)
    ways = ways_to_name(site, pair.runtime, pair.idle)
    listeners = [
        {"id": protocol, "at": f"container:{pair.serving}", "protocol": protocol, "port": 4000}
        for protocol in ("tcp", "udp")
    ]
    probes = [
        {"id": f"{kind} {way}", "kind": kind, "at": way, "to": f"container:{pair.serving}", "port": 4000}
        for way in ways
        for kind in ("tcp", "udp")
    ]
    said = site.probe(listeners=listeners, probes=probes)
    assert len(said["probes"]) == 12
    for one in said["probes"]:
        assert (one["outcome"], one["answered_by"], one["address"]) == ("ok", one["kind"], there), one
        assert one["sent_from"] == one["seen_as"]
        assert one["seen_as"]["address"] == here
    for one in said["listeners"]:
        assert (one["count"], {seen["peer"] for seen in one["seen"]}) == (6, {here})


@pytest.mark.parametrize("pair", PAIRS, ids=[pair.runtime for pair in PAIRS])
def test_echoes_pages_and_path_mtu_between_containers(site: Site, pair: Pair) -> None:
    at, to = f"container:{pair.idle}", f"container:{pair.serving}"
    probes = [{"id": kind, "kind": kind, "at": at, "to": to} for kind in ("icmp", "http", "path_mtu")]
    echo, page, path = site.probe(probes=probes)["probes"]
    assert echo["outcome"] == "ok"
    assert (page["outcome"], page["detail"]["status"], page["detail"]["body"]) == ("ok", 200, "goods\n")
    inside = f"nsenter -t {site.pid(pair.runtime, pair.idle)} -n ip -j link show dev eth0"
    assert path["detail"]["mtu"] == json.loads(site.nodes.shell("node1", inside))[0]["mtu"]


@pytest.mark.parametrize("pair", PAIRS, ids=[pair.runtime for pair in PAIRS])
def test_between_a_container_and_its_node(site: Site, pair: Pair) -> None:
    """Towards the node no source is translated, and the node speaks from its address on the container's bridge."""
    here = address(site, pair.runtime, pair.idle)
    own = site.nodes.shell("node1", "ip -j route get 192.0.2.1")
    said = site.probe(
        listeners=[
            {"id": "node", "at": "node", "port": 4001},
            {"id": "box", "at": f"container:{pair.idle}", "port": 4002},
        ],
        probes=[
            {"id": "out", "kind": "tcp", "at": f"container:{pair.idle}", "to": "node", "port": 4001},
            {"id": "echo", "kind": "icmp", "at": f"container:{pair.idle}", "to": "node"},
            {"id": "in", "kind": "tcp", "at": "node", "to": f"container:{pair.idle}", "port": 4002},
        ],
    )
    out, echo, into = said["probes"]
    assert (out["outcome"], out["address"]) == ("ok", json.loads(own)[0]["prefsrc"])
    assert out["seen_as"]["address"] == here
    assert echo["outcome"] == "ok"
    gateway = json.loads(
        site.nodes.shell("node1", f"nsenter -t {site.pid(pair.runtime, pair.idle)} -n ip -j route show default")
    )[0]["gateway"]
    assert (into["outcome"], into["seen_as"]["address"]) == ("ok", gateway)


def test_dockers_own_name_server_answers_inside_a_container(site: Site) -> None:
    """It listens on 127.0.0.11 in the namespace of each container, whose resolv.conf names it."""
    found, reached, unknown = site.probe(
        probes=[
            {"id": "name", "kind": "dns", "at": "container:cart", "to": "shelf"},
            {"id": "page", "kind": "http", "at": "container:cart", "to": "shelf"},
            {"id": "none", "kind": "dns", "at": "container:cart", "to": "nobody.invalid.", "timeout": 10},
        ]
    )["probes"]
    assert (found["outcome"], found["detail"]["server"]) == ("ok", "127.0.0.11")
    assert [one["data"] for one in found["detail"]["records"]] == [address(site, "docker", "shelf")]
    assert (reached["outcome"], reached["detail"]["body"]) == ("ok", "goods\n")
    assert unknown["outcome"] in ("no-name", "no-server")


@pytest.fixture
def name_server(site: Site) -> Iterator[str]:
    """A name server on the node, at its address on podman's bridge."""
    start = f"nohup python3 -c '{NAME_SERVER}' </dev/null >/dev/null 2>&1 & echo $!"
    pid = site.nodes.shell("node1", start).strip()
    site.nodes.shell("node1", "until ss -lun | grep -q 10.88.0.1:5353; do sleep 0.1; done")
    yield "10.88.0.1"
    site.nodes.shell("node1", f"kill {pid}")


def test_names_from_a_container_of_podman(site: Site, name_server: str) -> None:
    (one,) = site.probe(
        probes=[{"id": "n", "kind": "dns", "at": "container:alone", "to": "web.", "server": name_server, "port": 5353}]
    )["probes"]
    assert (one["outcome"], [record["data"] for record in one["detail"]["records"]]) == ("ok", ["10.96.0.10"])


def test_containers_of_one_pod_of_podman_share_localhost(site: Site) -> None:
    said = site.probe(
        listeners=[{"id": "right", "at": "container:right", "address": "127.0.0.1", "port": 4003}],
        probes=[
            {"id": name, "kind": "tcp", "at": f"container:{name}", "to": "127.0.0.1", "port": 4003}
            for name in ("left", "alone")
        ],
    )
    assert [(one["outcome"], one["answered_by"]) for one in said["probes"]] == [("ok", "right"), ("refused", None)]


def test_a_container_on_the_nodes_network_sends_from_the_node_and_one_without_a_network_nowhere(site: Site) -> None:
    to = address(site, "docker", "shelf")
    agent, hermit, nobody = site.probe(
        probes=[
            {"id": name, "kind": "http", "at": f"container:{name}", "to": to} for name in ("agent", "hermit", "nobody")
        ]
    )["probes"]
    assert (agent["outcome"], agent["detail"]["body"]) == ("ok", "goods\n")
    assert (hermit["outcome"], hermit["errno"]) == ("unreachable", "ENETUNREACH")
    assert nobody["outcome"] == "error"
    assert "container:nobody: no container of this node is called so" in nobody["detail"]["cause"]
