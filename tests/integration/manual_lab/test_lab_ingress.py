# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lab's ingress, a real nginx, judged by what node3, which is no node of the lab, gets from it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from netaddr import IPNetwork

from ansible_collections.podnet.lab.tests.integration.support.lab import Lab
from ansible_collections.podnet.lab.tests.integration.support.nodes import Nodes

NODES = ("node1", "node2")
STATE = "/run/podnet-lab/lab0"
PODS = [
    {"name": name, "node": node, "labels": {"app": name}, "containers": [{"name": "web", "serve": 80}]}
    for name, node in (("shop", "node1"), ("api", "node2"), ("cart", "node1"))
]
SERVICES = [{"name": name, "selector": {"app": name}, "ports": [{"port": 80}]} for name in ("shop", "api", "cart")]
SERVICES.append({**SERVICES[0], "name": "near", "type": "LoadBalancer", "externalTrafficPolicy": "Local"})


def path(where: str, service: str, kind: str = "Prefix") -> dict[str, Any]:
    """A path of a rule."""
    return {"path": where, "pathType": kind, "backend": {"service": {"name": service, "port": {"number": 80}}}}


def rule(host: str, *paths: dict[str, Any]) -> dict[str, Any]:
    """A rule for a host."""
    return {"host": host, "http": {"paths": list(paths)}}


RULES = [
    rule("shop.example", path("/", "shop"), path("/api", "api"), path("/api/exact", "cart", "Exact")),
    rule("*.shop.example", path("/", "cart")),
]
INGRESS: dict[str, Any] = {"name": "shop", "rules": RULES, "tls": [{"hosts": ["shop.example"]}]}


V6 = {
    "manual_lab_cluster_cidr_v6": "fd00:10:244::/56",
    "manual_lab_service_cidr_v6": "fd00:10:96::/112",
    "manual_lab_load_balancer_cidr_v6": "2001:db8::f0/124",
}
ON_V6 = {"node1": "2001:db8::11", "node2": "2001:db8::12", "node3": "2001:db8::3"}


def has_v6(lab: Lab) -> bool:
    """Whether the kernel of the nodes has IPv6; without it the lab here has IPv4 alone."""
    return lab.sh("node1", "cat /proc/sys/net/ipv6/conf/all/disable_ipv6 2>/dev/null || echo 1").strip() == "0"


@contextmanager
def addresses_of_nodes(lab: Lab) -> Iterator[None]:
    """The nodes with an IPv6 address of one network each, and those of the lab with a default route."""
    there = ON_V6 if has_v6(lab) else {}
    for node, address in there.items():
        lab.sh(node, f"ip address add {address}/64 dev eth0 nodad")
        lab.sh(node, f"ip -6 route add default via {ON_V6['node3']}") if node in NODES else None
    try:
        yield
    finally:
        for node, address in there.items():
            lab.sh(node, f"ip -6 route delete default via {ON_V6['node3']}") if node in NODES else None
            lab.sh(node, f"ip address delete {address}/64 dev eth0")


@pytest.fixture(scope="module")
def lab(ssh_nodes: Nodes) -> Iterator[Lab]:
    """The lab with its ingress, shared by the tests of this file in their order; at the end nothing is left of it."""
    made = Lab(ssh_nodes)
    for program in ("nginx", "openssl"):
        if not made.sh("node1", f"command -v {program} || true").strip():
            pytest.skip(f"the program {program} (Debian: {program}) is not here")
    with addresses_of_nodes(made):
        before = {node: made.state(node) for node in NODES}
        try:
            yield made
        finally:
            made.teardown()
        assert {node: made.state(node) for node in before} == before


def described(lab: Lab, **changes: Any) -> dict[str, Any]:
    """A lab whose ingress has an address outside."""
    subnet = IPNetwork(lab.address("node1") + "/24").cidr
    return {
        "manual_lab_pods": PODS,
        "manual_lab_services": SERVICES,
        "manual_lab_ingresses": [INGRESS],
        "manual_lab_load_balancer_cidr": f"{subnet[240]}/28",
        **(V6 if has_v6(lab) else {}),
        **changes,
    }


def entrance(lab: Lab, version: int = 4) -> str:
    """The ingress's address outside, as it is written in a URL."""
    path = "/var/lib/podnet-lab/lab0/services" + {4: ".json", 6: "_v6.json"}[version]
    noted = json.loads(lab.sh("node1", f"cat {path}"))
    address = str(noted["load_balancers"]["ingress-nginx/ingress-nginx-controller"])
    return f"[{address}]" if version == 6 else address


def get(lab: Lab, host: str, where: str, to: str = "", options: str = "") -> str:
    """The pod that answers node3 for a host and a path, or the status when none does."""
    url = f"http://{to or entrance(lab)}{where}"
    text = lab.sh("node3", f"curl -g -s -m 5 --path-as-is -w '%{{http_code}}' -H 'Host: {host}' {options} '{url}'")
    lines = dict(line.split(": ", 1) for line in text.splitlines() if ": " in line)
    return lines["pod"].partition("/")[2] if "pod" in lines else text[-3:]


def nginx(lab: Lab) -> list[str]:
    """The PIDs of nginx's master on node1."""
    return lab.sh("node1", "pgrep -f '^nginx: master' || true").split()


def test_check_mode_predicts_the_configuration_and_touches_nothing(lab: Lab) -> None:
    before = lab.state("node1"), lab.state("node2")
    predicted = lab.build("--check", "--diff", **described(lab))
    assert (lab.state("node1"), lab.state("node2")) == before
    assert "location = /api/exact" in predicted.output
    assert "+certificate for shop.example" in predicted.output
    real = lab.build("--diff", **described(lab))
    assert predicted.changed("node1") == real.changed("node1")
    assert "PRIVATE KEY" not in real.output
    for again in (lab.build(**described(lab)), lab.build("--check", **described(lab))):
        assert again.changed("node1") == again.changed("node2") == []


def test_requests_are_routed_by_host_and_path(lab: Lab) -> None:
    expected = {
        ("shop.example", "/"): "shop",
        ("SHOP.example:80", "/other"): "shop",
        ("shop.example", "/api"): "api",
        ("shop.example", "/api/"): "api",
        ("shop.example", "/api/v1?x=/"): "api",
        ("shop.example", "/apis"): "shop",
        ("shop.example", "/api/exact"): "cart",
        ("shop.example", "/api/exact/"): "api",
        ("shop.example", "/api/../x"): "shop",
        ("a.shop.example", "/api"): "cart",
        ("a.b.shop.example", "/"): "404",
        ("other.example", "/"): "404",
    }
    assert {asked: get(lab, *asked) for asked in expected} == expected
    if has_v6(lab):
        assert {asked: get(lab, *asked, entrance(lab, 6)) for asked in expected} == expected


def test_node_ports_lead_to_it_on_every_node(lab: Lab) -> None:
    for node in NODES:
        assert get(lab, "shop.example", "/api", f"{lab.address(node)}:30080") == "api"
        if has_v6(lab):
            assert get(lab, "shop.example", "/api", f"[{ON_V6[node]}]:30080") == "api"


def verified(lab: Lab) -> dict[str, dict[str, Any]]:
    """What verify.yml says of the lab, by the keys of its requirements."""
    report = lab.nodes.directory / "verify"
    lab.run(
        "verify.yml", "-e", f"podnet_report_dir={report}", "-e", "podnet_verify_timeout=1", variables=described(lab)
    )
    said = json.loads((report / "verify.json").read_text(encoding="utf-8"))
    return {one["key"]: one for one in said["requirements"]}


def test_verify_holds_and_names_what_somebody_leads_elsewhere(lab: Lab) -> None:
    found = verified(lab)
    assert [key for key, one in found.items() if one["verdict"] == "broken"] == []
    # Both nodes by way of the address inside, the one outside, and the other's NodePort; and over TLS for one host.
    families = 1 + has_v6(lab)
    summary = f"4 rules, 8 questions from nodes by way of {8 * families} addresses"
    assert summary in found["ingress"]["summary"]
    assert (found["ingress"]["checked"], found["ingress"]["notes"]) == ((8 + 5) * 6 * families, [])
    # The ingress's two ports, and the Service with the policy Local, asked by the node of its pod.
    outside = f"{1 + 2 * families} addresses for those outside and {4 * families} NodePorts among them"
    assert outside in found["services"]["summary"]
    config, (running,) = f"{STATE}/nginx.conf", nginx(lab)
    cart = lab.sh("node1", f"sed -n 's/.*location = .api.exact {{ proxy_pass \\(.*\\); }}/\\1/p' {config}").strip()
    lab.sh("node1", f"sed -i 's#location /api/ {{ proxy_pass .*;#location /api/ {{ proxy_pass {cart};#' {config}")
    names = "-subj /CN=lab0 -addext subjectAltName=DNS:other.example"
    files = f"-keyout {STATE}/ingress.pem -out {STATE}/ingress.pem"
    lab.sh("node1", f"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes {names} {files} 2>/dev/null")
    lab.sh("node1", f"kill -HUP {running}; sleep 1")
    try:
        found = verified(lab)
    finally:
        assert lab.build(**described(lab)).changed("node1") != []
    assert [key for key, one in found.items() if one["verdict"] == "broken"] == ["ingress"]
    faults = found["ingress"]["faults"]
    led, certified = "led to default/cart, and it belongs to default/api", "shown a certificate that is not for"
    assert {one["message"] for one in faults} == {led, f"over TLS {led}", f"over TLS {certified} shop.example"}
    paths = ("shop.example/api/podnet-verify", "shop.example/api/exact/podnet-verify")
    assert {one["receiver"].partition(" at ")[0] for one in faults if one["message"].endswith(led)} == {
        scheme + path for scheme in ("", "https://") for path in paths
    }
    of_certificate = [one for one in faults if certified in one["message"]]
    assert len({one["receiver"].partition(" at ")[0] for one in of_certificate}) == 5
    assert all(line.endswith(": it is for other.example") for one in of_certificate for line in one["evidence"])


def test_tls_ends_at_the_ingress_with_a_certificate_whose_key_root_alone_can_read(lab: Lab) -> None:
    assert lab.sh("node1", f"stat -c '%a %U' {STATE}/ingress.pem").split() == ["600", "root"]
    certificate = lab.sh("node1", f"openssl x509 -in {STATE}/ingress.pem")
    assert "PRIVATE" not in certificate
    ask = f"curl -s -m 5 --cacert $file --resolve shop.example:443:{entrance(lab)} https://shop.example/api"
    answer = lab.sh("node3", f"file=$(mktemp); cat > $file <<'END'\n{certificate}END\n{ask}; rm $file")
    assert "pod: default/api" in answer
    if has_v6(lab):
        over_v6 = f"curl -sk -m 5 --resolve shop.example:443:{entrance(lab, 6)} https://shop.example/api"
        assert "pod: default/api" in lab.sh("node3", over_v6)
    resolve = f"--resolve other.example:443:{entrance(lab)}"
    refused = lab.sh("node3", f"curl -sk -m 5 {resolve} https://other.example/ || echo failed $?")
    assert refused.strip() == "failed 35", "a host without a certificate gets no handshake"


def test_a_change_is_loaded_without_a_dropped_connection(lab: Lab) -> None:
    (before,) = nginx(lab)
    url = f"http://{entrance(lab)}/"
    loop = (
        f"while [ ! -e $stop ]; do curl -s -m 5 -o /dev/null -w '%{{http_code}}\\n' -H 'Host: shop.example' {url}; done"
    )
    script = f"stop=/tmp/podnet-stop; rm -f $stop; {loop} || true; rm $stop"
    with subprocess.Popen(
        ["ssh", "-F", str(lab.nodes.directory / "ssh_config"), "node3", script], stdout=subprocess.PIPE, text=True
    ) as stream:
        changed = {**INGRESS, "rules": [rule("shop.example", path("/", "cart"))]}
        try:
            run = lab.build(**described(lab, manual_lab_ingresses=[changed]))
            lab.build(**described(lab))
        finally:
            lab.sh("node3", "touch /tmp/podnet-stop")
        codes = stream.communicate(timeout=60)[0].split()
    assert f"kill -HUP {before}" in run.commands("node1")
    assert len(codes) > 20
    assert set(codes) == {"200"}, codes
    assert nginx(lab) == [before]
    assert get(lab, "shop.example", "/") == "shop"


@pytest.mark.release
def test_what_was_not_loaded_is_loaded_by_the_next_run(lab: Lab) -> None:
    (before,) = nginx(lab)
    lab.sh("node1", f"rm {STATE}/nginx.loaded")
    assert f"kill -HUP {before}" in lab.build(**described(lab)).commands("node1")
    lab.sh("node1", f"echo garbage > {STATE}/nginx.conf; rm {STATE}/ingress.pem; kill -9 {before}")
    lab.build(**described(lab))
    assert get(lab, "shop.example", "/api") == "api"
    assert lab.build(**described(lab)).changed("node1") == []


def test_values_that_would_become_configuration_are_refused_before_anything_is_touched(lab: Lab) -> None:
    before = lab.state("node1"), lab.state("node2")
    bad = {"name": "bad", "rules": [rule("a.example; }", path("/", "shop")), rule("b.example", path("/;", "shop"))]}
    run = lab.run("lab.yml", variables=described(lab, manual_lab_ingresses=[INGRESS, bad], manual_lab_bridge="other0"))
    assert run.status != 0
    assert "There are 2 faults" in run.output
    assert "rules[0].host: 'a.example; }' is not a host" in run.output
    assert "paths[0].path: '/;' is not a path" in run.output
    assert (lab.state("node1"), lab.state("node2")) == before


@pytest.mark.release
def test_an_ingress_that_is_not_listed_goes_with_all_that_came_with_it(lab: Lab) -> None:
    lab.build(**described(lab, manual_lab_ingresses=[]))
    state = lab.state("node1")
    assert not any(word in state for word in ("nginx", "ingress"))
    assert nginx(lab) == []
    lab.build(**described(lab))
    lab.sh("node1", "rm -r /run/podnet-lab")
    lab.teardown()
    assert nginx(lab) == []
    # The earlier value of ip_forward and who made /var/lib/cni/networks were noted in what is lost.
    lab.sh("node1", "echo 0 > /proc/sys/net/ipv4/ip_forward; echo 0 > /proc/sys/net/ipv6/conf/all/forwarding || true")
    lab.sh("node1", "rmdir /var/lib/cni/networks || true")
