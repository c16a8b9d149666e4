# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the test nodes of stages live that run at the same time."""

from __future__ import annotations

import ipaddress

import pytest

from ansible_collections.podnet.lab.tests.runner.job import environment, other_fabric

NAMES = ("PODNET_TEST_FABRIC", "PODNET_TEST_SUBNET")


def test_a_stage_beside_the_others_has_a_fabric_of_its_own() -> None:
    usual, other = environment(), other_fabric("cluster")
    assert all(usual[name] != other[name] for name in NAMES)
    assert len(other["PODNET_TEST_FABRIC"]) <= 12
    assert ipaddress.IPv4Network(other["PODNET_TEST_SUBNET"]).subnet_of(ipaddress.IPv4Network("10.89.0.0/16"))
    assert {name: value for name, value in usual.items() if name not in NAMES} == {
        name: value for name, value in other.items() if name not in NAMES
    }


def test_it_follows_the_fabric_that_the_user_chose(monkeypatch: pytest.MonkeyPatch) -> None:
    before = other_fabric("cluster")
    monkeypatch.setenv("PODNET_TEST_FABRIC", "mine")
    assert other_fabric("cluster")["PODNET_TEST_FABRIC"] not in (before["PODNET_TEST_FABRIC"], "mine")
