# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each requirement: held by a healthy network, broken with the right pair by another, and else not applicable."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from ansible_collections.podnet.lab.plugins.plugin_utils.requirements import services
from ansible_collections.podnet.lab.plugins.plugin_utils.requirements.objects import GivenName, read_objects
from ansible_collections.podnet.lab.plugins.plugin_utils.requirements.records import Check
from ansible_collections.podnet.lab.plugins.plugin_utils.requirements.scene import Expected
from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.requirements.network import (
    Json,
    Network,
    broken,
    captured,
    line,
)


@pytest.fixture(scope="module")
def lab() -> Network:
    return Network(captured("lab"))


@pytest.fixture(scope="module")
def cluster() -> Network:
    return Network(captured("kubeadm_services"))


def lost(answer: Json, outcome: str = "timeout") -> Json:
    return {**answer, "outcome": outcome, "seen_as": None, "answered_by": None, "detail": {}}


def test_a_healthy_network_has_no_broken_line(lab: Network, cluster: Network) -> None:
    for network, held in ((lab, 6), (cluster, 8)):
        found = network.judged()
        assert broken(found) == []
        assert found["held"] == held
        assert found["held"] + found["not_applicable"] == 11


def test_a_missing_route_is_named_by_its_nodes(lab: Network) -> None:
    def cut(check: Check, answer: Json) -> Json:
        return lost(answer) if check.sender.host == "node1" and check.to.startswith("10.244.1.") else answer

    found = lab.judged(cut)
    assert broken(found) == ["pods-reach-pods", "nodes-and-pods", "path-mtu"]
    (fault,) = line(found, "pods-reach-pods")["faults"]
    assert (fault["host"], fault["sender"], fault["receiver"], fault["count"]) == (
        "node1",
        "default/pod1",
        "default/pod2",
        2,
    )
    assert fault["message"] == "not reached: no answer came in time"
    assert fault["evidence"][0] == "default/pod1 to default/pod2: 10.244.0.2:50000 → 10.244.1.2: no answer came in time"
    assert fault["command"] == "ip netns exec lab0_default_pod1 ip route get 10.244.1.2"


def test_a_masquerade_too_many(lab: Network) -> None:
    def masquerade(check: Check, answer: Json) -> Json:
        if check.sender.name == "default/pod2" and check.receiver == "default/pod1":
            return {**answer, "seen_as": {"address": "10.94.0.12", "port": 50000}}
        return answer

    found = lab.judged(masquerade)
    assert broken(found) == ["pods-reach-pods", "own-address"]
    (fault,) = line(found, "pods-reach-pods")["faults"]
    assert fault["message"] == "translated on the way: seen as 10.94.0.12"
    assert line(found, "own-address")["faults"][0]["evidence"] == ["default/pod2 has 10.244.1.2, others saw 10.94.0.12"]


def test_another_one_answers(lab: Network) -> None:
    def stolen(check: Check, answer: Json) -> Json:
        return {**answer, "answered_by": "l9"} if check.receiver == "default/pod2" else answer

    assert "another one answered" in line(lab.judged(stolen), "pods-reach-pods")["faults"][0]["message"]


def test_a_container_elsewhere(lab: Network) -> None:
    def apart(check: Check, answer: Json) -> Json:
        return lost(answer, "refused") if check.about == "container2" else answer

    found = lab.judged(apart)
    assert broken(found) == ["containers-share-localhost"]
    assert line(found, "containers-share-localhost")["faults"][0]["message"].startswith("container container2: ")


@pytest.mark.parametrize("size", [1450, None])
def test_a_wrong_mtu(lab: Network, size: int | None) -> None:
    def narrow(check: Check, answer: Json) -> Json:
        if check.kind == "path_mtu" and check.sender.host == "node1" and check.receiver == "default/pod2":
            return {**answer, "outcome": "ok" if size else "timeout", "detail": {"mtu": size}}
        return answer

    found = lab.judged(narrow)
    assert broken(found) == ["path-mtu"]
    (fault,) = line(found, "path-mtu")["faults"]
    assert (fault["host"], fault["receiver"]) == ("node1", "default/pod2")
    assert ("1450 do" in fault["message"]) == (size is not None)


def test_leaving(lab: Network) -> None:
    assert line(lab.judged(), "leaves-with-node-address")["summary"].startswith("the rules of node1 and node2 were not")
    network = Network(captured("lab"), outside=("node3",))

    def bare(check: Check, answer: Json) -> Json:
        return (
            {**answer, "seen_as": {"address": check.sender.addresses[0], "port": 1}}
            if check.receiver == "node3"
            else answer
        )

    assert line(network.judged(), "leaves-with-node-address")["verdict"] == "held"
    found = network.judged(bare)
    assert broken(found) == ["leaves-with-node-address"]
    assert line(found, "leaves-with-node-address")["faults"][0]["message"] == "leaves with the pod's address"
    # Where rules treat other nodes as the outside, these stand for it.
    assert line(Network(captured("kubeadm_all")).judged(), "leaves-with-node-address")["verdict"] == "held"


def test_a_backend_that_gets_nothing(cluster: Network) -> None:
    def skipped(check: Check, answer: Json) -> Json:
        if check.to == "10.105.212.48" and "10.244.1.5:8080" in answer["detail"]["body"]:
            body = answer["detail"]["body"].replace("10.244.1.5", "10.244.1.4")
            return {**answer, "detail": {"status": 200, "body": body}}
        return answer

    found = cluster.judged(skipped)
    assert broken(found) == ["services"]
    faults = line(found, "services")["faults"]
    assert {fault["message"] for fault in faults} == {"backend 10.244.1.5:8080 gets no connection"}
    assert (
        "default/web:http at 10.105.212.48:80" in faults[0]["evidence"][0]
        or "default/web at" in faults[0]["evidence"][0]
    )
    assert "37 connections" in faults[0]["evidence"][0]


def test_somebody_who_is_no_backend(cluster: Network) -> None:
    def stranger(check: Check, answer: Json) -> Json:
        if check.to == "10.105.212.48" and check.sender.name == "node1":
            return {**answer, "detail": {"status": 200, "body": "server: 10.244.9.9:80\n"}}
        return answer

    messages = {fault["message"] for fault in line(cluster.judged(stranger), "services")["faults"]}
    assert "somebody who is no backend answers" in messages


def test_a_dead_backend_and_hairpin_off(cluster: Network) -> None:
    def dead(check: Check, answer: Json) -> Json:
        return lost(answer) if check.to == "10.244.1.5" and check.kind == "http" else answer

    messages = {fault["message"] for fault in line(cluster.judged(dead), "services")["faults"]}
    assert messages >= {"backend 10.244.1.5:8080 does not answer itself"}

    def no_hairpin(check: Check, answer: Json) -> Json:
        mine = f"server: {next(iter(check.sender.own))}:" if check.sender.pod else "-"
        through = check.kind == "http" and check.times > 2
        return lost(answer) if through and mine in answer["detail"].get("body", "") else answer

    faults = line(cluster.judged(no_hairpin), "services")["faults"]
    assert faults
    assert {fault["message"] for fault in faults} == {"connections fail (it is a backend itself: hairpin)"}


def test_services_without_a_backend_must_not_answer(cluster: Network) -> None:
    def opened(check: Check, answer: Json) -> Json:
        if check.to == "10.103.176.208":
            return {**answer, "outcome": "ok", "detail": {"status": 200, "body": "x"}}
        return answer

    messages = {fault["message"] for fault in line(cluster.judged(opened), "services")["faults"]}
    assert messages == {"answers although no backend is ready"}


def test_answers_that_are_alike_prove_only_that_they_come(cluster: Network) -> None:
    def alike(check: Check, answer: Json) -> Json:
        return {**answer, "detail": {"status": 200, "body": "hello"}} if answer["detail"].get("body") else answer

    found = line(cluster.judged(alike), "services")
    assert found["verdict"] == "held"
    assert any("it was only seen that somebody answers" in note for note in found["notes"])
    assert "overlooked" not in found["summary"]


def test_affinity(cluster: Network) -> None:
    def fickle(check: Check, answer: Json) -> Json:
        if check.to == "10.103.82.62":
            cluster.turn += 1
            body = f"server: 10.244.1.{3 + cluster.turn % 3}:8080\n"
            return {**answer, "detail": {"status": 200, "body": body}}
        return answer

    messages = {fault["message"] for fault in line(cluster.judged(fickle), "services")["faults"]}
    assert messages == {"a sender does not stay with one backend"}


def endpoints(*addresses: str) -> list[Any]:
    return [
        {"kind": "Endpoints", "metadata": {"namespace": "default", "name": "web"},
         "subsets": [{"addresses": [{"ip": one} for one in addresses], "ports": [{"port": 8080}]}]},
    ]  # fmt: skip


def test_rules_that_lead_elsewhere_than_the_api_says() -> None:
    objects = read_objects([(endpoints("10.244.1.3", "10.244.1.4"), "x")])
    found = Network(captured("kubeadm_services"), Expected(objects)).judged()
    messages = [fault["message"] for fault in line(found, "services")["faults"]]
    assert messages == [
        f"default/web: the rule of {node} leads to 10.244.1.5:8080 as well, unlike the API"
        for node in ("node1", "node2")
    ]


def test_rules_of_one_node_that_lead_elsewhere() -> None:
    world = captured("kubeadm_services")
    (web,) = [one for one in world.model["services"] if one["virtual_address"] == "10.105.212.48"]
    web["rules"][1]["backends"].append("10.244.9.9:8080")
    faults = line(Network(world).judged(), "services")["faults"]
    assert "default/web: the rule of node2 leads to 10.244.9.9:8080 as well, unlike the other nodes" in [
        fault["message"] for fault in faults
    ]


def test_a_dead_name_server(cluster: Network) -> None:
    def dead(check: Check, answer: Json) -> Json:
        return {**lost(answer, "no-server"), "detail": {"server": "10.96.0.10"}} if check.kind == "dns" else answer

    found = cluster.judged(dead)
    assert broken(found) == ["names"]
    (first, _second) = line(found, "names")["faults"]
    assert first["message"] == "names: no name server answered"
    assert first["count"] > 20


def test_a_wrong_answer_and_another_name_server(cluster: Network) -> None:
    def wrong(check: Check, answer: Json) -> Json:
        if check.to == "web.default":
            return {**answer, "detail": {"records": [{"type": "A", "data": "10.0.0.1"}], "server": "10.96.0.10"}}
        return answer

    told = line(cluster.judged(wrong), "names")["faults"][0]["evidence"][0]
    assert told.endswith("for web.default (A): 10.0.0.1, not 10.105.212.48")

    def elsewhere(check: Check, answer: Json) -> Json:
        return {**answer, "detail": {"server": "192.0.2.53"}} if check.kind == "dns" else answer

    found = line(cluster.judged(elsewhere), "names")
    assert (found["verdict"], found["summary"]) == ("not_applicable", "no pod asks the cluster's name server")


def test_without_a_name_server_names_are_not_applicable_and_one_that_is_dead_is_broken() -> None:
    world = captured("kubeadm_services")
    world.model["services"][:] = [one for one in world.model["services"] if one["port"] != 53]
    network = Network(world)

    def asks(server: str) -> Any:
        def answered(check: Check, answer: Json) -> Json:
            return {**lost(answer, "no-server"), "detail": {"server": server}} if check.kind == "dns" else answer

        return answered

    found = line(network.judged(asks("127.0.0.1")), "names")
    assert (found["verdict"], found["summary"]) == ("not_applicable", "no pod asks the cluster's name server")
    assert broken(network.judged(asks("10.96.0.10"))) == ["names"]


def test_names_that_are_given() -> None:
    names = (GivenName("there.example.", ("192.0.2.1",)), GivenName("gone.example.", ()))
    network = Network(captured("lab"), Expected(names=names))
    assert line(network.judged(), "names")["checked"] == 4

    def known(check: Check, answer: Json) -> Json:
        records = [{"type": "A", "data": "192.0.2.9"}]
        return {**answer, "detail": {"records": records}} if check.to == "gone.example." else answer

    faults = line(network.judged(known), "names")["faults"]
    assert [fault["message"] for fault in faults] == ["names: is known, and should not be"] * 2


def test_headless_services_are_known_from_the_api() -> None:
    service = {"kind": "Service", "metadata": {"namespace": "default", "name": "web"}, "spec": {"clusterIP": "None"}}
    end = endpoints("10.244.1.3", "10.244.1.4")
    end[0]["subsets"][0]["addresses"][0]["hostname"] = "web-0"
    network = Network(captured("kubeadm_services"), Expected(read_objects([([service, *end], "x")])))
    asked = {check.to: check.receiver for check in network.plan.checks if check.kind == "dns"}
    assert asked["web.default"] == "10.244.1.3 10.244.1.4"
    assert asked["web-0.web.default.svc.cluster.local."] == "10.244.1.3"


def test_ranges() -> None:
    world = captured("lab")
    world.model["ranges"].append({
        "what": "service", "cidr": "10.244.1.0/26", "family": "inet", "scope": "cluster", "hosts": ["node1"],
        "sources": [{"host": "node1", "kind": "kubeadm", "place": "/etc/x", "key": None}],
    })  # fmt: skip
    messages = [fault["message"] for fault in line(Network(world).judged(), "ranges-apart")["faults"]]
    assert "the pod range 10.244.1.0/24 and the service range 10.244.1.0/26 overlap" in messages

    world = captured("lab")
    world.model["ranges"].append({
        "what": "service", "cidr": "10.96.0.0/16", "family": "inet", "scope": "cluster", "hosts": ["node1", "node3"],
        "sources": [{"host": "node1", "kind": "kubeadm", "place": "/etc/x", "key": None}],
    })  # fmt: skip
    assert line(Network(world).judged(), "ranges-apart")["verdict"] == "held"
    for node in world.model["nodes"]:
        node["networks"].append({"cidr": "10.96.200.0/24", "dev": "clash"})
    # What the others would say of themselves is in their facts, which say nothing here.
    (fault,) = line(Network(world).judged(), "ranges-apart")["faults"]
    assert (fault["host"], fault["command"]) == ("node2", "ip route show dev clash")
    assert fault["message"] == "the service range 10.96.0.0/16 overlaps the node's network 10.96.200.0/24 on clash"

    world = captured("lab")
    pod = next(one for one in world.pods if one["name"] == "pod2")
    pod["addresses"][0]["local"] = "10.244.7.2"
    (fault,) = line(Network(world).judged(), "ranges-apart")["faults"]
    assert fault["message"] == "default/pod2 has 10.244.7.2, and its node node2 10.244.1.0/24"


def test_who_is_left_out_is_said(cluster: Network) -> None:
    assert cluster.judged()["left_out"] == ["6 pods on the network of the node: what is sent there is the node's"]
    assert Network(captured("broken_lab")).judged()["left_out"] == ["1 pod without an address: default/pod2"]


def test_what_was_not_sent_proves_nothing(lab: Network) -> None:
    found = lab.judged(lambda check, answer: None if check.sender.host == "node2" else answer)
    one = line(found, "pods-reach-pods")
    assert (one["verdict"], one["checked"]) == ("held", 4)
    assert one["notes"] == ["2 probes of node2 without a result: that proves nothing"]
    nothing = lab.judged(lambda _check, _answer: None)
    assert line(nothing, "pods-reach-pods")["summary"] == "nothing was sent"
    assert nothing["held"] == 1  # the ranges, which need no packet


def test_nodes_ask_for_pods_that_a_policy_selects_only_on_the_pods_own_node() -> None:
    closed = {"kind": "NetworkPolicy", "metadata": {"name": "closed"}, "spec": {"podSelector": {}}}
    found = {}
    for given in ([], [(closed, "given")]):
        network = Network(captured("kubeadm_services"), Expected(objects=read_objects(given)))
        ways = [way for way in services.ways(network.scene) if way.sender.pod is None and way.backends]
        assert ways
        holders = [(way, network.scene.cast.holder(services.split(end)[0])) for way in ways for end in way.backends]
        found[len(given)] = {
            (way.about, way.sender.host)
            for way, holder in holders
            if holder is not None and holder.pod is not None and holder.host != way.sender.host
        }
    assert found[0]
    assert not found[1]


def outside_of_web(kind: str, policy: str, **changes: Any) -> Any:
    """The cluster with an address outside of default/web, whose backends are all on node2."""
    world = captured("kubeadm_services")
    (web,) = [one for one in world.model["services"] if one["virtual_address"] == "10.105.212.48"]
    outside: Any = copy.deepcopy(web)
    outside["type"], outside["virtual_address"], outside["traffic_policy"] = kind, "10.89.0.241", policy
    for rule in outside["rules"]:
        rule["action"] = "drop" if policy == "local" and rule["host"] == "node1" else "forward"
        rule.update(changes)
    world.model["services"].append(outside)
    return world


@pytest.mark.parametrize("kind", ["external", "load_balancer"])
def test_addresses_outside_are_asked_for_from_pods_and_nodes(kind: str) -> None:
    found = [
        way for way in services.ways(Network(outside_of_web(kind, "cluster")).scene) if way.address == "10.89.0.241"
    ]
    assert {(way.sender.host, way.sender.pod is None) for way in found} == {
        (host, is_node) for host in ("node1", "node2") for is_node in (True, False)
    }
    assert all(len(way.backends) == 3 for way in found)
    summary = line(Network(outside_of_web(kind, "cluster")).judged(), "services")["summary"]
    assert "1 address for those outside and 8 NodePorts among them" in summary


def test_an_address_that_a_node_answers_at_for_a_service_is_not_its_own() -> None:
    world = outside_of_web("external", "cluster")
    node = next(one for one in world.model["nodes"] if one["host"] == "node1")
    usual = Network(world).scene.cast.nodes[0].addresses
    link = next(one["ifname"] for one in node["addresses"] if one["local"] in usual)
    node["addresses"].insert(0, {"ifname": link, "local": "10.89.0.241", "prefixlen": 32})
    party = Network(world).scene.cast.nodes[0]
    assert party.addresses == usual
    assert "10.89.0.241" in party.own


def test_an_address_outside_with_the_policy_local_is_asked_for_by_nodes_that_have_a_backend() -> None:
    network = Network(outside_of_web("external", "local", backends=["10.244.1.3:8080"]))
    (way,) = [way for way in services.ways(network.scene) if way.address == "10.89.0.241"]
    assert (way.sender.name, way.sender.pod) == ("node2", None)
    assert len(way.backends) == 3, "what nodes send themselves is led to every backend"
    ipvs = Network(outside_of_web("external", "local", mode="ipvs"))
    assert not [way for way in services.ways(ipvs.scene) if way.address == "10.89.0.241"]
    (note,) = [one for one in line(ipvs.judged(), "services")["notes"] if "for those outside" in one]
    assert note.endswith(": 10.89.0.241:80")


def test_a_block_of_one_family_says_nothing_of_connections_of_the_other() -> None:
    world = captured("kubeadm_services")
    one, other = (pod for pod in Network(world).scene.cast.pods[:2])
    assert one.pod is not None
    assert other.pod is not None
    documents: list[Any] = [
        {"kind": "Pod", "metadata": {"name": party.pod["name"], "namespace": party.pod["namespace"]}, "spec": {}}
        for party in (one, other)
        if party.pod is not None
    ]
    spec = {"podSelector": {}, "ingress": [{"from": [{"ipBlock": {"cidr": "fd00::/64"}}]}]}
    namespace = other.pod["namespace"]
    documents.append({"kind": "NetworkPolicy", "metadata": {"name": "v6", "namespace": namespace}, "spec": spec})
    objects = read_objects([(document, "given") for document in documents])
    asked = Network(world, Expected(objects=objects)).scene
    one, other = (
        party._replace(own=frozenset({f"10.244.0.{number}", f"fd00::{number}"}))
        for number, party in ((2, one), (3, other))
    )
    assert asked.is_open(one, other, 80, to="fd00::3")
    assert not asked.is_open(one, other, 80, to="10.244.0.3")
