# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Leases of host-local: how they are read, and what is decided about them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.podnet.lab.plugins.module_utils._files.reader import Files
from ansible_collections.podnet.lab.plugins.module_utils._ranges.leases import (
    is_address,
    lease_facts,
    parse_lease,
    pod_of,
    read_leases,
)

SANDBOX = "4f0a2b6d8c1e3f5a7b9d0c2e4f6a8b1d3c5e7f9a0b2d4c6e8f1a3b5d7c9e0f2a"
HOST, POD, OTHER = 1, 2, 3


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (SANDBOX + "\r\neth0", (SANDBOX, "eth0")),
        (SANDBOX + "\neth0\n", (SANDBOX, "eth0")),
        (SANDBOX, (SANDBOX, None)),
        (SANDBOX + "\r\n", (SANDBOX, None)),
        ("", (None, None)),
        ("\r\n \n", (None, None)),
    ],
)
def test_a_lease_has_container_and_interface(text: Any, expected: Any) -> None:
    assert parse_lease(text) == expected


@given(st.text())
def test_any_text_gives_words_without_line_ends(text: Any) -> None:
    for word in parse_lease(text):
        assert word is None or (word and "\n" not in word and "\r" not in word)


@pytest.mark.parametrize(
    "name", ["lock", "last_reserved_ip.0", "last_reserved_ip.1", "10.0.0", "10.0.0.1.bak", "fe80::1%eth0", ""]
)
def test_what_is_not_named_by_an_address_is_no_lease(name: Any) -> None:
    assert not is_address(name)


def test_the_directory_is_read_with_its_odd_entries(tmp_path: Path) -> None:
    network = tmp_path / "var/lib/cni/networks/cbr0"
    network.mkdir(parents=True)
    network.joinpath("10.244.1.7").write_bytes(SANDBOX.encode() + b"\r\neth0")
    network.joinpath("fd00:10:244:1::7").write_bytes(SANDBOX.encode() + b"\r\neth0")
    network.joinpath("10.244.1.8").write_text("")
    network.joinpath("last_reserved_ip.0").write_text("10.244.1.8")
    network.joinpath("lock").write_text("")
    network.joinpath("10.244.1.9").mkdir()
    tmp_path.joinpath("var/lib/cni/networks/not-a-directory").write_text("")
    files = Files(str(tmp_path))
    leases = read_leases(files)
    assert [(lease["network"], lease["address"], lease["container_id"], lease["ifname"]) for lease in leases] == [
        ("cbr0", "10.244.1.7", SANDBOX, "eth0"),
        ("cbr0", "10.244.1.8", None, None),
        ("cbr0", "fd00:10:244:1::7", SANDBOX, "eth0"),
    ]
    assert [error["object"] for error in files.errors] == ["/var/lib/cni/networks/cbr0/10.244.1.9"]


def _namespace(inode: Any, *addresses: Any, **more: Any) -> Any:
    family = {True: 10, False: 2}
    namespace = {
        "inode": inode,
        "paths": [],
        "processes": [],
        "process_count": 0,
        "errors": [],
        "entered": True,
        "vanished": False,
        "addresses": [
            {"ifindex": 2, "family": family[":" in one], "prefixlen": 24, "scope": 0, "local": one} for one in addresses
        ],
    }
    namespace.update(more)
    return namespace


def _snapshot(*namespaces: Any) -> Any:
    return {
        "own": HOST,
        "own_pid_namespace": 9,
        "hostname": "worker-1",
        "namespaces": {one["inode"]: one for one in namespaces},
        "errors": [],
        "partial": False,
    }


def _lease(address: Any = "10.244.1.7", container_id: Any = SANDBOX, mtime: Any = 100.0) -> Any:
    return {
        "address": address,
        "network": "cbr0",
        "container_id": container_id,
        "ifname": "eth0",
        "path": "/var/lib/cni/networks/cbr0/" + address,
        "mtime": mtime,
    }


OWNERS = {POD: {"namespace": "shop", "name": "web", "uid": "u", "sandbox_id": SANDBOX}}


def _state(lease: Any, snapshot: Any, owners: Any = None, started: Any = 1000.0) -> Any:
    (fact,) = lease_facts([lease], snapshot, {} if owners is None else owners, started)
    return fact["state"], fact["pod"]


def test_a_lease_of_a_live_sandbox_is_in_use_even_before_the_address_is_set() -> None:
    assert _state(_lease(), _snapshot(_namespace(HOST), _namespace(POD)), OWNERS) == (
        "in_use",
        {"namespace": "shop", "name": "web"},
    )


def test_a_lease_whose_address_is_in_a_namespace_of_nobody_is_in_use() -> None:
    assert _state(_lease(), _snapshot(_namespace(HOST), _namespace(OTHER, "10.244.1.7"))) == ("in_use", None)


def test_ipv6_addresses_are_compared_by_value() -> None:
    lease = _lease("fd00:0:0::7")
    assert _state(lease, _snapshot(_namespace(HOST), _namespace(OTHER, "fd00::7"))) == ("in_use", None)


def test_a_lease_without_sandbox_and_address_is_leaked() -> None:
    assert _state(_lease(), _snapshot(_namespace(HOST), _namespace(POD, "10.244.1.8")), {}) == ("leaked", None)


def test_the_nodes_own_address_does_not_hold_a_lease() -> None:
    assert _state(_lease(), _snapshot(_namespace(HOST, "10.244.1.7")))[0] == "leaked"


def test_an_address_in_another_sandbox_does_not_hold_the_lease() -> None:
    snapshot = _snapshot(_namespace(HOST), _namespace(POD, "10.244.1.7"))
    assert _state(_lease(container_id="b" * 64), snapshot, OWNERS)[0] == "leaked"


def test_an_empty_file_is_empty_whatever_has_the_address() -> None:
    snapshot = _snapshot(_namespace(HOST), _namespace(OTHER, "10.244.1.7"))
    assert _state(_lease(container_id=None), snapshot)[0] == "empty"


@pytest.mark.parametrize("more", [{"entered": False}, {"addresses": None}])
def test_nothing_is_called_leaked_while_a_namespace_is_unread(more: Any) -> None:
    unread = _namespace(OTHER, **more)
    if unread["addresses"] is None:
        del unread["addresses"]
    assert _state(_lease(), _snapshot(_namespace(HOST), unread))[0] == "unknown"


def test_a_namespace_that_vanished_holds_nothing() -> None:
    assert _state(_lease(), _snapshot(_namespace(HOST), _namespace(OTHER, entered=False, vanished=True)))[0] == "leaked"


@pytest.mark.parametrize("mtime", [1001.0, 999.0, None])
def test_a_lease_written_while_the_node_was_read_is_unknown(mtime: Any) -> None:
    assert _state(_lease(mtime=mtime), _snapshot(_namespace(HOST)), started=1000.0)[0] == "unknown"


def test_a_sandbox_whose_namespace_is_gone_does_not_count() -> None:
    assert _state(_lease(), _snapshot(_namespace(HOST)), OWNERS)[0] == "leaked"


def test_a_pod_without_a_name_is_known_by_its_uid() -> None:
    assert pod_of({"namespace": None, "name": None, "uid": "u"}) == {"namespace": None, "name": None, "uid": "u"}
    assert pod_of({"namespace": None, "name": None, "uid": None, "sandbox_id": "x"}) is None
