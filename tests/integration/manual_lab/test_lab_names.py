# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lab's names, as libc in a pod resolves them; SRV, which libc does not ask for, by the module probe."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.podnet.lab.plugins.plugin_utils.walkthrough.commands import with_names_of_pod
from ansible_collections.podnet.lab.tests.integration.support.lab import Lab
from ansible_collections.podnet.lab.tests.integration.support.name_server import ANSWER, name_server
from ansible_collections.podnet.lab.tests.integration.support.nodes import Nodes

CLIENT, WEB = "lab0_default_client", "lab0_shop_web"
HTTP = [{"name": "http", "containerPort": 8080}]
PODS: list[dict[str, Any]] = [
    {"name": "client", "node": "node2", "containers": [{"name": "idle", "command": ["sleep", "infinity"]}]},
    {"name": "web", "namespace": "shop", "node": "node1", "labels": {"app": "web"},
     "containers": [{"name": "web", "serve": 8080, "ports": HTTP}]},
    {"name": "web2", "namespace": "shop", "node": "node2", "labels": {"app": "web"},
     "containers": [{"name": "web", "serve": 8080, "ports": HTTP}]},
]  # fmt: skip
WEB_PORTS = [{"name": "http", "port": 80, "targetPort": "http"}]
SERVICES: list[dict[str, Any]] = [
    {"name": "web", "namespace": "shop", "selector": {"app": "web"}, "ports": WEB_PORTS, "address": "10.96.0.20"},
    {"name": "each", "namespace": "shop", "selector": {"app": "web"}, "headless": True, "ports": WEB_PORTS},
]
DESCRIBED = {"manual_lab_pods": PODS, "manual_lab_services": SERVICES, "manual_lab_dns": True}


@pytest.fixture(scope="module")
def lab(ssh_nodes: Nodes) -> Iterator[Lab]:
    """The lab with its names, shared by the tests of this file in their order; at the end nothing is left of it."""
    made = Lab(ssh_nodes)
    if not made.sh("node1", "command -v dnsmasq || true").strip():
        pytest.skip("the program dnsmasq (Debian: dnsmasq-base) is not here")
    before = {node: made.state(node) for node in ("node1", "node2")}
    try:
        yield made
    finally:
        made.teardown()
    assert {node: made.state(node) for node in before} == before


def looked_up(lab: Lab, node: str, netns: str, name: str, database: str = "ahostsv4") -> list[str]:
    """What libc in a pod says of a name."""
    answer = lab.sh(node, f"ip netns exec {netns} getent {database} {name} || true")
    return sorted({line.split()[0 if database != "hosts" else 1] for line in answer.splitlines()})


def test_check_mode_predicts_names_and_touches_nothing(lab: Lab) -> None:
    before = lab.state("node1"), lab.state("node2")
    predicted = lab.build("--check", "--diff", **DESCRIBED)
    assert (lab.state("node1"), lab.state("node2")) == before
    assert "+host-record=web.shop.svc.cluster.local,10.96.0.20" in predicted.output
    real = lab.build(**DESCRIBED)
    assert predicted.changed("node1") == real.changed("node1")
    assert predicted.changed("node2") == real.changed("node2")
    assert lab.build(**DESCRIBED).changed("node1") == []
    assert lab.build("--check", **DESCRIBED).changed("node2") == []


def test_services_and_pods_have_names(lab: Lab) -> None:
    web, web2 = lab.pod_address("node1", WEB), lab.pod_address("node2", WEB + "2")
    for name in ("web.shop", "web.shop.svc", "web.shop.svc.cluster.local", "web.shop.svc.cluster.local."):
        assert looked_up(lab, "node2", CLIENT, name) == ["10.96.0.20"], name
    assert looked_up(lab, "node1", WEB, "web") == ["10.96.0.20"]
    assert looked_up(lab, "node2", CLIENT, "web") == [], "web is in another namespace"
    assert looked_up(lab, "node2", CLIENT, "each.shop") == sorted([web, web2])
    dashed = web.replace(".", "-")
    assert looked_up(lab, "node2", CLIENT, f"{dashed}.shop.pod.cluster.local") == [web]
    assert looked_up(lab, "node2", CLIENT, f"{dashed}.each.shop") == [web]
    assert looked_up(lab, "node2", CLIENT, "10.96.0.20", "hosts") == ["web.shop.svc.cluster.local"]
    assert looked_up(lab, "node2", CLIENT, "example.org") == []
    answer = lab.sh("node2", f"ip netns exec {CLIENT} curl -s -m 5 http://web.shop/")
    assert "pod: shop/web" in answer


def test_named_ports_are_where_srv_says(lab: Lab) -> None:
    name = "_http._tcp.{}.shop.svc.cluster.local."
    asked = [
        {"id": one, "at": "default/client", "kind": "dns", "to": name.format(one), "type": "SRV"}
        for one in ("web", "each")
    ]
    done = lab.adhoc("node2", "podnet.lab.probe", {"probes": asked})
    found = {
        one["id"]: sorted(str(record["data"]) for record in one["detail"]["records"] if record["type"] == "SRV")
        for one in done["probes"]
    }
    ends = [lab.pod_address("node1", WEB), lab.pod_address("node2", WEB + "2")]
    assert [value.split()[-2:] for value in found["web"]] == [["80", "web.shop.svc.cluster.local."]]
    assert [value.split()[-2:] for value in found["each"]] == [
        ["8080", f"{end.replace('.', '-')}.each.shop.svc.cluster.local."] for end in sorted(ends)
    ]


def test_containers_see_their_pods_resolv_conf_and_the_node_keeps_its_own(lab: Lab) -> None:
    before = lab.sh("node1", "cat /etc/resolv.conf")
    pid = lab.sh("node1", "pgrep -f '[p]odnet-web.* 8080'").split()[0]
    assert "nameserver 10.96.0.10" in lab.sh("node1", f"nsenter --target {pid} --mount cat /etc/resolv.conf")
    assert "10.96.0.10" not in before


def test_verify_holds_with_services_and_names(lab: Lab) -> None:
    done = lab.run(
        "verify.yml", "-e", f"podnet_report_dir={lab.nodes.directory}/names", "-e", "podnet_verify_timeout=1"
    )
    told = json.loads((lab.nodes.directory / "names" / "verify.json").read_text(encoding="utf-8"))
    verdicts = {one["key"]: one["verdict"] for one in told["requirements"]}
    assert verdicts["services"] == verdicts["names"] == "held", done.output
    assert "broken" not in verdicts.values(), done.output


def test_the_walk_asks_for_a_short_name_by_the_pods_own_resolv_conf(lab: Lab) -> None:
    folder = lab.nodes.directory / "walk"
    done = lab.run("walkthrough.yml", "-e", f"podnet_report_dir={folder}", "-e", "podnet_walk_pod=shop/web")
    page = (folder / "walkthrough.md").read_text(encoding="utf-8")
    said = page.partition("Who tells the pod what a name means?")[2].partition("\n## ")[0]
    assert f"cat /etc/netns/{WEB}/resolv.conf" in said, done.output
    assert "search shop.svc.cluster.local svc.cluster.local cluster.local" in said
    assert f"ip netns exec {WEB} getent -s dns ahosts" in said
    assert re.search(r"^10\.96\.0\.\d+ +STREAM [a-z-]+\.[a-z-]+\.svc\.cluster\.local$", said, re.MULTILINE), said


def test_a_resolv_conf_that_ip_netns_does_not_know_is_bound_over_the_nodes_for_one_command(lab: Lab) -> None:
    # By its path, as one of docker: ip netns exec would bind what is below /etc/netns over it again.
    namespace: Any = {"paths": [f"/run/netns/../netns/{CLIENT}"], "pid": None}
    path = "/run/sandbox-of-a-runtime"
    before = lab.sh("node2", "cat /etc/resolv.conf /proc/mounts")
    lab.sh("node2", f"cp /etc/netns/{CLIENT}/resolv.conf {path}")
    try:
        asked = with_names_of_pod(namespace, path, "getent", "-s", "dns", "ahostsv4", "each.shop")
        assert asked[0] == "unshare"
        said = lab.sh("node2", shlex.join(asked))
        ends = {lab.pod_address("node1", WEB), lab.pod_address("node2", WEB + "2")}
        assert {line.split()[0] for line in said.splitlines()} == ends
    finally:
        lab.sh("node2", f"rm {path}")
    assert lab.sh("node2", "cat /etc/resolv.conf /proc/mounts") == before


def test_a_change_reaches_the_names_in_the_same_run(lab: Lab) -> None:
    lab.build(
        **{
            **DESCRIBED,
            "manual_lab_services": [{**SERVICES[0], "name": "renamed"}],
            "manual_lab_dns_domain": "lab.test",
        }
    )
    assert looked_up(lab, "node2", CLIENT, "renamed.shop") == ["10.96.0.20"]
    assert looked_up(lab, "node2", CLIENT, "renamed.shop.svc.lab.test") == ["10.96.0.20"]
    assert looked_up(lab, "node2", CLIENT, "web.shop") == []


def test_other_names_are_asked_for_where_an_upstream_is_named(lab: Lab) -> None:
    with name_server(lab, "node3", lab.address("node3")) as outside:
        lab.build(**DESCRIBED, manual_lab_dns_upstreams=[outside])
        assert looked_up(lab, "node2", CLIENT, "example.org.") == [ANSWER]
        assert looked_up(lab, "node2", CLIENT, "nobody.shop.svc.cluster.local.") == []


@pytest.mark.release
def test_a_foreign_resolv_conf_is_refused_and_kept(lab: Lab) -> None:
    lab.teardown()
    path = f"/etc/netns/{CLIENT}/resolv.conf"
    lab.sh("node2", f"mkdir -p /etc/netns/{CLIENT}; echo nameserver 192.0.2.1 > {path}")
    try:
        run = lab.run("lab.yml", variables=DESCRIBED)
        assert run.status != 0
        assert f"file {path}: lab lab0 did not write it" in run.output
        lab.teardown()
        assert lab.sh("node2", f"cat {path}") == "nameserver 192.0.2.1\n"
    finally:
        lab.sh("node2", f"rm -r {path}; rmdir -p /etc/netns/{CLIENT} || true")


def test_a_node_without_a_resolv_conf_is_told_to_make_one(lab: Lab) -> None:
    lab.teardown()
    lab.sh("node2", "touch /etc/resolv.conf; mv /etc/resolv.conf /etc/resolv.conf.kept")
    try:
        run = lab.run("lab.yml", variables=DESCRIBED)
        assert run.status != 0
        assert "/etc/resolv.conf: this node has none, and containers get their pod's own over it" in run.output
        assert "touch /etc/resolv.conf" in run.output
        assert lab.sh("node2", "pgrep -f podnet-web || true") == ""
    finally:
        lab.sh("node2", "mv /etc/resolv.conf.kept /etc/resolv.conf")
    lab.build(**DESCRIBED)
