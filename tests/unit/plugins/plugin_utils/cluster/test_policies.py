# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""NetworkPolicies that nobody holds are named."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.cluster.clusters import described, plan, running


def warnings(names: list[str], **options: Any) -> list[str]:
    seen = running()
    seen["node1"]["api"]["policies"] = names
    found: list[str] = plan(described(**options), seen)["warnings"]
    return found


def test_policies_are_named() -> None:
    [warning] = warnings(["shop/db", "shop/web"])
    assert "shop/db, shop/web" in warning
    assert "kubeadm_cluster_policy_manifest" in warning


def test_the_workloads_own_is_named_before_it_is_there() -> None:
    assert "(default/web)" in warnings([], workload=True)[0]


def test_many_are_counted() -> None:
    assert "and 3 more" in warnings([f"shop/p{number:02}" for number in range(13)])[0]


@pytest.mark.parametrize(
    "options", [{"policy_manifest": "policies.yml"}, {"cni": "manifest", "cni_manifest": "x"}, {"cni": "none"}]
)
def test_nothing_is_said_where_somebody_may_hold_them(options: dict[str, Any]) -> None:
    assert warnings(["shop/db"], **options) == []


def test_nothing_is_said_where_there_are_none() -> None:
    assert warnings([]) == []
