# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Wrong checksums are told where they are far more than noise, and as severe as their share."""

from __future__ import annotations

import pytest

from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.findings.found import only
from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.model.node_files import NodeFile, odd_of


def counting(**counters: int) -> NodeFile:
    """Return a node with a tunnel whose counters were read."""
    node = NodeFile(1, pods=1)
    tunnel = node.link(40, "flannel.1", "vxlan", "ce:00:00:00:00:01", full=True)
    node.own["interfaces"].append(tunnel)
    node.own["counters"] = {"TcpInSegs": 1000, "TcpInCsumErrors": 0, "UdpInDatagrams": 1000, "UdpInCsumErrors": 0}
    node.own["counters"].update(counters)
    return node


@pytest.mark.parametrize(
    "counters",
    [
        {},
        {"UdpInCsumErrors": 99},
        {"UdpInDatagrams": 1_000_000, "UdpInCsumErrors": 10_000},
        {"TcpInSegs": 20_001, "TcpInCsumErrors": 200},
    ],
)
def test_noise(counters: dict[str, int]) -> None:
    assert odd_of(counting(**counters)) == []


def test_a_node_that_was_not_asked() -> None:
    node = counting(UdpInCsumErrors=5000)
    del node.own["counters"]
    assert odd_of(node) == []


@pytest.mark.parametrize(("received", "severity"), [(900, "fault"), (901, "note"), (9900, "note")])
def test_a_tunnel(received: int, severity: str) -> None:
    finding = only(odd_of(counting(UdpInDatagrams=received, UdpInCsumErrors=100)), "checksum-errors")
    assert finding["severity"] == severity
    assert finding["certainty"] == "inferred"
    assert finding["evidence"] == ["UdpInCsumErrors = 100", f"UdpInDatagrams = {received}"]
    assert "ethtool -K flannel.1 tx-checksum-ip-generic off" in finding["remedy"]


def test_tcp_is_no_tunnel() -> None:
    finding = only(odd_of(counting(TcpInSegs=20_000, TcpInCsumErrors=200)), "checksum-errors")
    assert "1 % of what this node received by TCP" in finding["message"]
    assert "flannel.1" not in finding["message"] + finding["remedy"]


def test_counters_that_contradict_each_other() -> None:
    finding = only(odd_of(counting(TcpInSegs=0, TcpInCsumErrors=200)), "checksum-errors")
    assert finding["message"].startswith("100 %")
