# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""verify.yml on a real cluster: whole, and broken on purpose.

What breaks it stands in tables of nftables of the test's own and on links: what kube-proxy writes it would write again.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
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


def test_of_a_whole_cluster_only_the_policy_is_broken_that_nobody_keeps(ready: Site) -> None:
    """The cluster's network has no policy controller, and its workload has a NetworkPolicy."""
    found = verify(ready, "whole")
    assert having(found, "broken") == {"policies"}, json.dumps(found, indent=1)
    assert having(found, "held") == found.keys() - {"policies", "ingress"}, "it has no Ingress"
    assert {one["message"] for one in found["policies"]["faults"]} == {
        "any other port is open although no policy allows it"
    }
    assert all(one["receiver"].startswith("default/web-") for one in found["policies"]["faults"])


# A stand-in for a policy controller, which this cluster does not have: it keeps the workload's NetworkPolicy, which
# allows TCP port 80 of the Pods of web to everybody and nothing else, on every node. `more` are rules before it.
KEPT = """nft -f - <<'END'
table ip test_policy {{
  chain forward {{
    type filter hook forward priority -10;
    ct state established,related accept
    {more}
    ip daddr {{ {web} }} tcp dport 80 accept
    ip daddr {{ {web} }} drop
  }}
}}
END"""


@contextmanager
def policy_kept(site: Site, more: str = "") -> Iterator[None]:
    """Keep the workload's policy on all members."""
    kept = KEPT.format(web=", ".join(addresses(site, "web")), more=more)
    with ExitStack() as stack:
        for node in (CONTROL_PLANE, *site.workers):
            stack.enter_context(damaged(site, node, kept, "nft delete table ip test_policy"))
        yield


def addresses(site: Site, app: str) -> list[str]:
    return [pod["status"]["podIP"] for pod in site.items(f"pods --selector=app={app}")]


def test_a_policy_that_is_kept_and_one_that_is_too_wide(ready: Site) -> None:
    with policy_kept(ready):
        found = verify(ready, "kept")
    assert having(found, "held") == found.keys() - {"ingress"}, json.dumps(found, indent=1)

    [pod2] = addresses(ready, "pod2")
    with policy_kept(ready, f"ip saddr {pod2} accept"):
        found = verify(ready, "wide")
    assert having(found, "broken") == {"policies"}
    faults = found["policies"]["faults"]
    assert {one["message"] for one in faults} == {"any other port is open although no policy allows it"}
    web = {f"default/{pod['metadata']['name']}" for pod in ready.items("pods --selector=app=web")}
    assert {(one["sender"], one["receiver"]) for one in faults} == {("default/pod2", name) for name in web}


def test_a_policy_that_is_too_narrow(ready: Site) -> None:
    [pod2] = addresses(ready, "pod2")
    with policy_kept(ready, f"ip saddr {pod2} tcp dport 80 drop"):
        found = verify(ready, "narrow")
    assert "policies" in having(found, "broken")
    told = {(one["sender"], one["message"]) for one in found["policies"]["faults"]}
    assert told == {("default/pod2", "port 80/tcp is closed although the policies allow it")}


CONFIGURATIONS = "/etc/cni/net.d/*.conflist"
# The worker's CNI configuration gives out the range of the control plane as well.
WIDER = f"sed -i.test-kept 's,10.244.1.0/24,10.244.0.0/23,' {CONFIGURATIONS}"
NARROWED = f"for one in {CONFIGURATIONS}.test-kept; do mv $one ${{one%.test-kept}}; done"
# A bridge of something else on the worker took a piece of the Services' range, or of the control plane's Pods.
BRIDGE = "ip link add clash type bridge; ip addr add {} dev clash; ip link set clash up"


@pytest.mark.parametrize(
    ("damage", "mend", "message"),
    [
        (WIDER, NARROWED, "the pod ranges 10.244.0.0/23 of node2 and 10.244.0.0/24 of node1 overlap"),
        (
            BRIDGE.format("10.96.200.1/24"),
            "ip link delete clash",
            "the service range 10.96.0.0/16 overlaps the node's network 10.96.200.0/24 on clash",
        ),
        (
            BRIDGE.format("10.244.0.129/25"),
            "ip link delete clash",
            "The pod range 10.244.0.0/16 overlaps the node's network 10.244.0.128/25 on clash",
        ),
    ],
    ids=["two-nodes", "services", "bridge"],
)
def test_an_overlapping_range(ready: Site, damage: str, mend: str, message: str) -> None:
    with damaged(ready, WORKER, damage, mend):
        found = verify(ready, "overlap")
    assert having(found, "broken") == {"ranges-apart", "policies"}, json.dumps(found, indent=1)
    assert {(one["host"], one["message"]) for one in found["ranges-apart"]["faults"]} == {(WORKER, message)}


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
    assert having(found, "broken") == {"pods-reach-pods", "own-address", "path-mtu", "names", "services", "policies"}
    [address] = ready.nodes.shell(WORKER, "ip -o -4 addr show eth0 | sed 's,.* inet ,,; s,/.*,,'").split()
    assert any(
        (one["host"], one["receiver"], one["message"])
        == (WORKER, "default/pod2", f"translated on the way: seen as {address}")
        for one in found["pods-reach-pods"]["faults"]
    )
    assert any(f"others saw 10.244.1.1 and {address}" in str(one["evidence"]) for one in found["own-address"]["faults"])
    # A veth takes four bytes more than its MTU, for a VLAN's tag; who sends through it may not.
    assert {(one["host"], one["message"]) for one in found["path-mtu"]["faults"]} == {
        (CONTROL_PLANE, "packets of 1500 bytes do not pass, 1404 do"),
        (WORKER, "packets of 1500 bytes do not pass, 1400 do"),
    }
    assert {one["message"] for one in found["names"]["faults"]} == {"names: no name server answered"}
    silent = {one["host"] for one in found["names"]["faults"]}
    servers = {pod["spec"]["nodeName"] for pod in ready.items("pods -n kube-system -l k8s-app=kube-dns")}
    # The other node's pods miss the name server only where all of its pods are behind the damage.
    assert WORKER in silent
    assert CONTROL_PLANE not in silent or WORKER in servers
    assert CONTROL_PLANE in silent or CONTROL_PLANE in servers
    # The name server is a Service too, which is asked over TCP.
    faults = found["services"]["faults"]
    assert all("kube-dns:dns-tcp" in one["receiver"] for one in faults), json.dumps(faults, indent=1)


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
