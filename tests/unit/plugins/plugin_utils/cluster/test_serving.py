# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Requests of kubelets for serving certificates: only what is the node's own is approved.

The sample was made by openssl, with the subject and the names that a kubelet asks for.
"""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.podnet.lab.plugins.plugin_utils.cluster.certificate_request import read_request
from ansible_collections.podnet.lab.plugins.plugin_utils.cluster.serving import judge_requests

SAMPLE = (Path(__file__).parents[3] / "fixtures" / "kubeadm" / "serving.csr").read_text(encoding="ascii")
NODES = {"host1": {"name": "node1", "addresses": ["192.0.2.11", "fd00:192:0::11"]}}


def request(text: str = SAMPLE, **changes: Any) -> dict[str, Any]:
    return {
        "name": "csr-1", "user": "system:node:node1", "state": "pending",
        "usages": ["digital signature", "server auth"], "request": base64.b64encode(text.encode()).decode(), **changes,
    }  # fmt: skip


def altered(old: bytes, new: bytes) -> str:
    """The sample with other bytes, as many: its signature is not looked at here."""
    body = "".join(SAMPLE.splitlines()[1:-1])
    der = base64.b64decode(body)
    assert old in der
    assert len(old) == len(new)
    text = base64.b64encode(der.replace(old, new)).decode()
    return f"-----BEGIN CERTIFICATE REQUEST-----\n{text}\n-----END CERTIFICATE REQUEST-----\n"


def test_a_request_says_for_whom_it_is() -> None:
    found = read_request(SAMPLE)
    assert found.common_names == ["system:node:node1"]
    assert found.organisations == ["system:nodes"]
    assert found.names == ["node1"]
    assert found.addresses == ["192.0.2.11", "fd00:192::11"]
    assert found.others == 0


def test_what_is_the_nodes_own_is_approved() -> None:
    assert judge_requests(NODES, [request()]) == {"approve": ["csr-1"], "left": []}


@pytest.mark.parametrize("state", ["approved", "denied", "failed"])
def test_what_is_settled_is_left_alone(state: str) -> None:
    assert judge_requests(NODES, [request(state=state)]) == {"approve": [], "left": []}


@pytest.mark.parametrize(
    ("one", "words"),
    [
        (request(user="system:node:node9"), "of no node of the inventory"),
        (request(user="kubernetes-admin"), "of no node of the inventory"),
        (request(altered(b"system:node:node1", b"system:node:node2")), "its subject is not the node"),
        (request(altered(b"system:nodes", b"system:admin")), "its subject is not the node"),
        (request(altered(bytes([192, 0, 2, 11]), bytes([192, 0, 2, 99]))), "asks for 192.0.2.99"),
        (request(altered(b"\x82\x05node1", b"\x82\x05nodeX")), "asks for nodeX"),
        (request(altered(b"\x82\x05node1", b"\x81\x05node1")), "asks for more"),
        (request(usages=["digital signature", "client auth"]), "it is for client auth, digital signature"),
        (request(usages=[]), "it is for nothing"),
        (request("no request"), "it cannot be read"),
        (request(request="%"), "it cannot be read"),
    ],
)
def test_anything_else_is_left_and_named(one: dict[str, Any], words: str) -> None:
    result = judge_requests(NODES, [one])
    assert result["approve"] == []
    [told] = result["left"]
    assert words in told
    assert "csr-1" in told


def test_addresses_that_no_node_has_are_left() -> None:
    nodes = {"host1": {"name": "node1", "addresses": []}}
    [told] = judge_requests(nodes, [request()])["left"]
    assert "192.0.2.11, fd00:192::11" in told


@given(st.binary(max_size=200))
def test_bytes_that_are_no_request_are_refused(data: bytes) -> None:
    text = base64.b64encode(data).decode()
    with pytest.raises(ValueError):
        read_request(f"-----BEGIN CERTIFICATE REQUEST-----\n{text}\n-----END CERTIFICATE REQUEST-----\n")


@given(st.integers(min_value=0, max_value=len(SAMPLE) - 1), st.integers(min_value=0, max_value=255))
def test_damage_never_does_more_than_refuse(at: int, byte: int) -> None:
    body = bytearray(base64.b64decode("".join(SAMPLE.splitlines()[1:-1])))
    body[at % len(body)] = byte
    for data in (bytes(body), bytes(body[: at % len(body)])):
        text = base64.b64encode(data).decode()
        try:
            read_request(f"-----BEGIN CERTIFICATE REQUEST-----\n{text}\n-----END CERTIFICATE REQUEST-----\n")
        except ValueError:
            pass
