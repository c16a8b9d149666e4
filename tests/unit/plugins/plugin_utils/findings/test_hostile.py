# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whatever a node says of itself, it is looked at as data, and what a person may type is quoted."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.findings import fleets
from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.model.node_files import HOSTILE, NodeFile, odd_of


def routes(node: NodeFile, text: str) -> None:
    """Give routes hostile destinations, gateways and devices."""
    fleets.route(node, text, text, text)
    node.own["routes"][1].update(gateway=text, dev=text)


def tunnel(node: NodeFile, text: str) -> None:
    """Give a tunnel a hostile MAC, entries and neighbours."""
    link = node.interface(node.own, "flannel.1")
    link["address"] = text
    link["fdb"].append({"mac": text, "dst": text, "state": "permanent"})
    node.own["neighbours"].append({"dst": text, "dev": text, "lladdr": text, "state": ["PERMANENT"]})
    node.own["neighbours"][0]["lladdr"] = text


def settings(node: NodeFile, text: str) -> None:
    """Give settings hostile values, and interfaces hostile names."""
    known = node.settings()
    known.update(dict.fromkeys(list(known), text))
    known[f"net.ipv4.conf.{text}.forwarding"] = 0
    node.own["routes"][0]["dev"] = text


def machine(node: NodeFile, text: str) -> None:
    """Give the files of a machine hostile content."""
    one = {"path": text, "pods": True, "nameservers": [text] * 5, "search": [text] * 40, "options": [text]}
    node.machine = {"id": text, "boot": f"{text}{node.number}", "resolvers": [one]}


def pods(node: NodeFile, text: str) -> None:
    """Give pods and bridges hostile addresses, gateways and leases."""
    pod = node.namespaces[1]
    address = {"family": "inet", "local": text or "?", "prefixlen": 24, "scope": "global"}
    pod["interfaces"][0]["addr_info"].append(address)
    pod["routes"] = [{"dst": text, "family": "inet", "gateway": text, "dev": text}]
    node.bridges[0]["addr_info"].append(address)
    node.bridges[0]["ifname"] = text
    node.lease(text, "leaked")
    node.pod_ranges.append(node.range_("node", text, "cni", f"/{text}", text))


@pytest.mark.parametrize("spoil", [routes, tunnel, settings, machine, pods])
@pytest.mark.parametrize("text", HOSTILE)
def test_findings_of_hostile_nodes(spoil: Callable[[NodeFile, str], None], text: str) -> None:
    fleet: list[Any] = fleets.flannel_diagnosed(2)
    for node in fleet:
        spoil(node, text)
    for finding in odd_of(*fleet):
        assert finding["message"]
        for word in shlex.split(finding["command"] or ""):
            assert "\n" not in word
            assert "\x1b" not in word
