# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What each node is asked, and what its answers become."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.podnet.lab.plugins.plugin_utils.model.reading import Item, ShapeError
from ansible_collections.podnet.lab.plugins.plugin_utils.report import files
from ansible_collections.podnet.lab.plugins.plugin_utils.requirements import folder, plan, results, services
from ansible_collections.podnet.lab.plugins.plugin_utils.requirements.objects import NEEDED, essential, read_objects
from ansible_collections.podnet.lab.plugins.plugin_utils.requirements.records import Listening, Peer, Verification
from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.requirements.network import (
    FIXTURES,
    Network,
    captured,
    line,
)

GIVEN: dict[str, Any] = {
    "outside": [], "objects": [], "names": [], "policy_ports": [], "domain": "cluster.local", "pairs": 2000,
}  # fmt: skip


def test_a_probe_goes_to_the_port_at_which_its_listener_came_to_be() -> None:
    network = Network(captured("lab"))
    parts = plan.parts(network.plan)
    probes = parts["node2"].probes
    assert all(one["at"].startswith(("net:[", "node", "pid:")) for one in probes)
    listeners = {one["id"] for host in ("node1", "node2", "node3") for one in parts[host].listeners}
    assert {one["listener"] for one in probes if "listener" in one} <= listeners
    listening = {one: Listening(4000 + number, None) for number, one in enumerate(sorted(listeners))}
    for one, made in zip(probes, plan.ready(probes, listening, 2.0), strict=True):
        assert made["port"] == listening[one["listener"]].port
        assert "listener" not in made
    without = {name: Listening(None, "in use") if name == "l0" else one for name, one in listening.items()}
    assert len(plan.ready(probes, without, 2.0)) == sum(one["listener"] != "l0" for one in probes)


def test_a_port_that_was_asked_for_is_asked_whether_we_listen_there_or_not() -> None:
    probe = {"id": "1.0", "kind": "tcp", "at": "node", "to": "10.0.0.1", "port": 80}
    assert plan.ready([probe], {}, 2.0) == [probe]


def test_who_is_patient_waits_longer() -> None:
    probe = {"id": "0.0", "kind": "tcp", "to": "10.244.0.2", "port": 80}
    assert plan.ready([{**probe, "patient": True}, probe], {}, 0.5) == [{**probe, "timeout": 1.5}, probe]


def test_connections_make_a_missing_backend_improbable() -> None:
    for backends in (2, 3, 10, 24):
        made = services.connections(backends)
        assert services.miss(backends, made) <= services.MISS < services.miss(backends, made - 1)
    assert services.connections(1000) == services.MOST
    assert services.miss(1000, services.MOST) > 0.5
    assert services.miss(1, 3) == 0.0


SAMPLE = {
    "id": "0.0", "kind": "tcp", "at": "net:[4026532001]", "to": "10.244.1.2", "address": "10.244.1.2", "port": 41000,
    "outcome": "unreachable", "sent_from": {"address": "::ffff:10.244.0.2", "port": 50001}, "seen_as": None,
    "answered_by": None, "latency_ms": None, "errno": "EHOSTUNREACH",
    "icmp": {"type": 3, "code": 1, "from": "10.244.0.1"}, "detail": {},
}  # fmt: skip


def test_a_result_becomes_a_record() -> None:
    one = results.result(Item(SAMPLE, "probes[0]"))
    assert one.sent_from == Peer("10.244.0.2", 50001)
    assert one.reason == "ICMP type 3 code 1 from 10.244.0.1"
    assert results.result(Item({**SAMPLE, "icmp": None}, "x")).reason == "EHOSTUNREACH"
    records = [{"type": "CNAME", "data": "x."}, {"type": "A", "data": "10.0.0.2"}, {"type": "A", "data": "10.0.0.1"}]
    assert results.result(Item({**SAMPLE, "detail": {"records": records}}, "x")).answers == ("10.0.0.1", "10.0.0.2")
    with pytest.raises(ShapeError, match="outcome is a number"):
        results.result(Item({**SAMPLE, "outcome": 3}, "x"))


def test_a_result_of_another_plan_is_refused() -> None:
    network = Network(captured("lab"))
    with pytest.raises(ShapeError, match="none of this plan's probes"):
        results.answers(network.plan, [({"probes": [{**SAMPLE, "id": "99999.0"}]}, "node1.json")])


def prepared(tmp_path: Path, **given: Any) -> Path:
    shutil.copytree(FIXTURES / "lab", tmp_path / "nodes")
    folder.write_given(tmp_path, {**GIVEN, **given})
    network = Network(captured("lab"))
    folder.write_plan(tmp_path, network.plan, ["node1", "node2", "node3"])
    return tmp_path


def run(path: Path, silent: str = "") -> Verification:
    """Do what the playbook's steps do, with the stand-in in place of nodes; *silent* fails when it should send."""
    network = Network(captured("lab"))
    ports = network.scene.listening
    for host in ("node1", "node2", "node3"):
        asked = folder.asked(path, host, "listen", 2.0) or {"listeners": []}
        opened = [{**one, "port": ports[one["id"]].port, "error": None, "seen": []} for one in asked["listeners"]]
        folder.keep(path, host, "listen", {"listeners": opened, "held": {"token": f"t{host}"}})
    everything = {one["id"]: one for one in network.document()["probes"]}
    for host in ("node1", "node2", "node3"):
        asked = folder.asked(path, host, "send", 2.0) or {"probes": []}
        if host == silent:
            error = {"object": host, "cause": "it went away", "remedy": ""}
            folder.keep(path, host, "send", {"error": error})
            continue
        folder.keep(path, host, "send", {"probes": [everything[one["id"]] for one in asked["probes"]]})
        assert folder.asked(path, host, "collect", 2.0) == {"collect": f"t{host}"}
    return folder.verification(path)


def test_the_steps_hand_to_each_other_by_files(tmp_path: Path) -> None:
    found = run(prepared(tmp_path))
    assert (found["held"], found["broken"], found["unsent"]) == (6, 0, [])


def test_a_node_that_goes_away_is_said(tmp_path: Path) -> None:
    found = run(prepared(tmp_path), silent="node2")
    assert found["unsent"] == [{"host": "node2", "cause": "it went away"}]
    assert "2 probes of node2 without a result" in line(found, "pods-reach-pods")["notes"][0]


def test_nothing_is_done_for_a_node_that_is_not_in_the_plan(tmp_path: Path) -> None:
    for phase in folder.PHASES:
        assert folder.asked(prepared(tmp_path / phase), "node9", phase, 2.0) is None


def test_a_host_outside_must_be_in_the_play(tmp_path: Path) -> None:
    with pytest.raises(ShapeError, match="podnet_verify_outside names node9, which is no host of this play"):
        folder.read_scene(prepared(tmp_path, outside=["node9"]))


def test_a_part_that_is_missing_is_said(tmp_path: Path) -> None:
    with pytest.raises(files.FolderError, match=r"given.json: No such file or directory. Plan the verification anew"):
        folder.verification(tmp_path)


@pytest.mark.parametrize(("text", "port"), [("80", (80, "tcp")), ("53/udp", (53, "udp"))])
def test_ports(text: str, port: tuple[int, str]) -> None:
    assert folder.port_numbers([text]) == [port]


@pytest.mark.parametrize("text", ["0", "70000", "http", "80/sctp", "80 "])
def test_what_is_no_port(text: str) -> None:
    with pytest.raises(ShapeError, match="podnet_verify_policy_ports has"):
        folder.port_numbers([text])


def test_of_given_objects_no_secret_is_kept() -> None:
    pod = {
        "kind": "Pod",
        "metadata": {"name": "a", "labels": {"app": "a"}, "annotations": {"x": "secret"}},
        "spec": {"containers": [{"env": [{"value": "secret"}], "ports": [{"name": "http", "containerPort": 80}]}]},
        "status": {"x": "secret"},
    }  # fmt: skip
    other = {"kind": "Secret", "metadata": {"name": "s"}, "data": {"x": "secret"}}
    service = {"kind": "Service", "metadata": {"name": "s"}, "spec": {"clusterIP": "None", "externalName": "secret"}}
    kept = essential({"kind": "List", "items": [pod, other, service]})
    assert "secret" not in json.dumps(kept)
    found = read_objects([(kept, "x")])
    assert found.pods["default", "a"].ports == {("http", "tcp"): 80}
    assert found.services["default", "s"].headless


def test_the_api_is_asked_for_every_kind_that_is_read() -> None:
    """EndpointSlices say what Endpoints say, and of both together every end would be there twice."""
    checkout = next(one for one in Path(__file__).parents if one.name == "tests").parent
    (play,) = yaml.safe_load((checkout / "playbooks" / "verify.yml").read_text(encoding="utf-8"))
    (asking,) = [task for task in play["tasks"] if "ansible.builtin.command" in task]
    argv = asking["ansible.builtin.command"]["argv"]
    plurals = {kind: f"{kind.lower()}s" for kind in NEEDED}
    plurals.update(NetworkPolicy="networkpolicies", Endpoints="endpoints", Ingress="ingresses.networking.k8s.io")
    assert set(argv[argv.index("get") + 1].split(",")) == set(plurals.values()) - {"endpointslices"}


def test_an_ingress_as_the_api_has_it() -> None:
    """As ``kubectl get ingresses.networking.k8s.io --all-namespaces --output=json`` prints it."""
    backend = {"service": {"name": "web", "port": {"number": 80}}}
    paths = [{"backend": backend, "path": "/", "pathType": "Prefix"}]
    piece = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {
            "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "secret"},
            "creationTimestamp": "2026-01-01T00:00:00Z",
            "generation": 1,
            "name": "web",
            "namespace": "shop",
            "resourceVersion": "1",
            "uid": "11111111-2222-3333-4444-555555555555",
        },
        "spec": {
            "ingressClassName": "nginx",
            "rules": [{"host": "shop.example", "http": {"paths": paths}}],
            "tls": [{"hosts": ["shop.example"], "secretName": "secret"}],
        },
        "status": {"loadBalancer": {"ingress": [{"ip": "10.89.0.241"}]}},
    }
    listed = {"apiVersion": "v1", "items": [piece], "kind": "List", "metadata": {"resourceVersion": ""}}
    (one,) = read_objects([(essential(listed), "x")]).ingresses
    assert (one.name, one.tls, one.tls_of_nobody, one.unclear) == ("shop/web", ("shop.example",), False, "")
    assert [(rule.host, rule.path, rule.exact, rule.target.name) for rule in one.rules] == [
        ("shop.example", "/", False, "shop/web")
    ]


def test_endpoint_slices_without_those_that_are_not_ready() -> None:
    piece = {
        "kind": "EndpointSlice",
        "metadata": {"name": "web-x", "labels": {"kubernetes.io/service-name": "web"}},
        "ports": [{"name": "http", "port": 80}],
        "endpoints": [
            {"addresses": ["10.0.0.1"], "conditions": {"ready": True}},
            {"addresses": ["10.0.0.2"], "conditions": {"ready": False}},
            {"addresses": ["10.0.0.3"]},
        ],
    }
    found = read_objects([(essential(piece), "x")])
    assert [one.address for one in found.endpoints["default", "web"]] == ["10.0.0.1", "10.0.0.3"]


@pytest.mark.parametrize(("document", "told"), [("x", "x is a string"), ({"items": []}, "x.kind is missing")])
def test_what_is_no_object_is_refused(document: Any, told: str) -> None:
    with pytest.raises(ShapeError, match=told):
        read_objects([(essential(document), "x")])
