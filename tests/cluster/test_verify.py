# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""verify.yml on a real cluster: whole, and broken on purpose.

What breaks it stands in tables of nftables of the test's own and on links: what kube-proxy writes it would write again.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import jsonschema
import pytest

from ansible_collections.podnet.lab.tests.cluster.site import CONTROL_PLANE, PLAYBOOKS, Site
from ansible_collections.podnet.lab.tests.integration.support.world import CHECKOUT

SCHEMA = json.loads((CHECKOUT / "docs" / "schema" / "verify.schema.json").read_text(encoding="utf-8"))
WORKER = "node2"
OUTSIDE = "node3"


def verify(site: Site, name: str, **options: Any) -> dict[str, Any]:
    """Run verify.yml over the members and a host outside, and return each requirement by its key."""
    folder = site.directory / name
    site.nodes.playbook(
        PLAYBOOKS / "verify.yml",
        "--limit",
        ",".join((CONTROL_PLANE, *site.workers, OUTSIDE)),
        "-e",
        json.dumps(
            {
                "podnet_report_dir": str(folder),
                "podnet_verify_api": CONTROL_PLANE,
                "podnet_verify_outside": [OUTSIDE],
                **options,
            }
        ),
    )
    said = json.loads((folder / "verify.json").read_text(encoding="utf-8"))
    jsonschema.validate(said, SCHEMA)
    return {one["key"]: one for one in said["requirements"]}


def having(found: dict[str, Any], verdict: str) -> set[str]:
    return {key for key, one in found.items() if one["verdict"] == verdict}


@contextmanager
def damaged(site: Site, node: str, damage: str, mend: str) -> Iterator[None]:
    """Break something on a node, and mend it."""
    try:
        site.nodes.shell(node, damage)
        yield
    finally:
        site.nodes.shell(node, mend)


@pytest.fixture(scope="module")
def ready(cluster: Site) -> Site:
    cluster.kubectl("wait pods --all --all-namespaces --for=condition=Ready --timeout=180s")
    return cluster


def test_of_a_whole_cluster_only_the_policy_is_broken_that_nobody_keeps(ready: Site) -> None:
    """The cluster's network has no policy controller, and its workload has a NetworkPolicy."""
    found = verify(ready, "whole")
    assert having(found, "broken") == {"policies"}, json.dumps(found, indent=1)
    assert having(found, "held") == found.keys() - {"policies"}
    assert {one["message"] for one in found["policies"]["faults"]} == {
        "port any other is open although no policy allows it"
    }
    assert all(one["receiver"].startswith("default/web-") for one in found["policies"]["faults"])


def test_a_missing_route(ready: Site) -> None:
    [other] = [line.split()[0] for line in routes(ready) if " via " in line and line.startswith("10.244.")]
    lost = f"ip route show {other} > /run/route; ip route delete {other}"
    with damaged(ready, CONTROL_PLANE, lost, "ip route add $(cat /run/route); rm /run/route"):
        found = verify(ready, "route")
    assert "pods-reach-pods" in having(found, "broken")
    # Whoever sends from the node without the route finds none, and who sends to it gets no answer.
    assert {one["host"] for one in found["pods-reach-pods"]["faults"]} == {CONTROL_PLANE, WORKER}


def routes(site: Site) -> list[str]:
    return site.nodes.shell(CONTROL_PLANE, "ip route").splitlines()


def test_a_masquerade_too_many_a_narrow_cable_and_a_dead_dns(ready: Site) -> None:
    damage = r"""nft -f - <<'END'
table ip test_damage {
  chain post { type nat hook postrouting priority 80; ip saddr 10.244.0.0/16 ip daddr 10.244.0.0/16 masquerade; }
  chain names { type filter hook forward priority -10; udp dport 53 drop; tcp dport 53 drop; }
}
END
ip link set eth0 mtu 1400"""
    with damaged(ready, WORKER, damage, "nft delete table ip test_damage; ip link set eth0 mtu 1500"):
        found = verify(ready, "damaged")
    assert having(found, "broken") >= {"pods-reach-pods", "own-address", "path-mtu", "names"}
    assert any("translated on the way" in one["message"] for one in found["pods-reach-pods"]["faults"])


def test_a_wrong_backend_and_hairpin_off(ready: Site) -> None:
    [web] = [one["spec"]["clusterIP"] for one in ready.items("services") if one["metadata"]["name"] == "web"]
    [pod1] = [one["status"]["podIP"] for one in ready.items("pods") if one["metadata"]["name"] == "pod1"]
    damage = f"""nft -f - <<'END'
table ip test_damage {{
  chain pre {{ type nat hook prerouting priority -110; ip daddr {web} tcp dport 80 dnat to {pod1}:80; }}
}}
END
"""
    off = "for port in $(ls /sys/class/net/cni0/brif); do bridge link set dev $port hairpin {}; done"
    with (
        damaged(ready, CONTROL_PLANE, damage, "nft delete table ip test_damage"),
        damaged(ready, WORKER, off.format("off"), off.format("on")),
    ):
        found = verify(ready, "wrong")
    assert having(found, "broken") == {"services", "policies"}
    told = {(one["host"], one["message"]) for one in found["services"]["faults"]}
    assert (CONTROL_PLANE, "somebody who is no backend answers") in told
    if ready.nodes.shell(WORKER, "cat /proc/sys/net/bridge/bridge-nf-call-iptables || true").strip() == "1":
        assert (WORKER, "connections fail (it is a backend itself: hairpin)") in told
