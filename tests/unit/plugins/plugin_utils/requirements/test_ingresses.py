# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Requirement 11: what Ingresses mean, and a controller that does otherwise is named with host and path."""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from typing import Any

import pytest

from ansible_collections.podnet.lab.plugins.plugin_utils.lab.ingresses import NAME, NAMESPACE
from ansible_collections.podnet.lab.plugins.plugin_utils.requirements import ingresses, plan
from ansible_collections.podnet.lab.plugins.plugin_utils.requirements.ingress_rules import STRANGER, chosen, questions
from ansible_collections.podnet.lab.plugins.plugin_utils.requirements.objects import essential, read_objects
from ansible_collections.podnet.lab.plugins.plugin_utils.requirements.records import Check, Result
from ansible_collections.podnet.lab.plugins.plugin_utils.requirements.scene import Expected
from ansible_collections.podnet.lab.plugins.plugin_utils.requirements.service_answers import Marks
from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.requirements.network import (
    Json,
    Network,
    broken,
    captured,
    line,
)


def path(where: str, service: str, kind: str = "Prefix", port: int | str = 80) -> Json:
    number = {"number": port} if isinstance(port, int) else {"name": port}
    return {"path": where, "pathType": kind, "backend": {"service": {"name": service, "port": number}}}


def ingress(*rules: tuple[str, Sequence[Json]], **spec: Any) -> Json:
    told = [{"host": host, "http": {"paths": list(paths)}} for host, paths in rules]
    return {"kind": "Ingress", "metadata": {"name": "web"}, "spec": {"rules": told, **spec}}


RULES = (
    ("web.example", (path("/", "web"), path("/one", "one", port="http"), path("/one/exact", "web", "Exact"))),
    ("*.web.example", (path("/", "one"),)),
)
INGRESS = ingress(*RULES)


def network(*objects: Json, change: Any = None) -> Network:
    """The cluster with a controller in pod2, behind an address, one outside and a NodePort."""
    world = captured("kubeadm_services")
    by_type = {one["type"]: one for one in world.model["services"] if one["name"] == "sticky"}
    copies: Any = copy.deepcopy(list(by_type.values()))
    for one in copies:
        one.update(namespace=NAMESPACE, name=NAME, affinity=None, source_ranges=[])
        one["virtual_address"] = {"cluster_ip": "10.96.0.30", "load_balancer": "10.89.0.241"}.get(one["type"] or "")
        one["port"] = 30090 if one["type"] == "node_port" else 80
        one["backends"] = [{**one["backends"][0], "address": "10.244.1.2", "port": 80}]
        for rule in one["rules"]:
            rule["backends"] = ["10.244.1.2:80"]
        world.model["services"].append(one)
    if change is not None:
        change(world.model)
    return Network(world, Expected(read_objects((essential(one), "given") for one in objects)))


@pytest.fixture(scope="module")
def whole() -> Network:
    return network(INGRESS)


def through(check: Check) -> bool:
    return check.requirement == "ingress" and " at " in check.receiver


def page(answer: Json, status: int, body: str = "") -> Json:
    return {**answer, "outcome": "ok", "detail": {"status": status, "body": body}}


@pytest.mark.parametrize(
    ("host", "where", "service"),
    [
        ("web.example", "/", "web"),
        ("web.example", "/ones", "web"),
        ("web.example", "/one", "one"),
        ("web.example", "/one/", "one"),
        ("web.example", "/one/more", "one"),
        ("web.example", "/one/exact", "web"),
        ("web.example", "/one/exact/", "one"),
        ("a.web.example", "/one/exact", "one"),
        ("a.b.web.example", "/", None),
        (".web.example", "/", None),
        ("other.example", "/", None),
    ],
)
def test_host_and_path_choose_a_service_as_kubernetes_says(host: str, where: str, service: str | None) -> None:
    found = chosen(read_objects([(INGRESS, "x")]).ingresses, host, where)
    assert (found.service if found else None) == service


def test_what_no_rule_has_is_the_default_backends_and_a_rule_without_a_host_is_for_all_others() -> None:
    other = ingress(("", [path("/any", "one")]), defaultBackend=path("/", "web")["backend"])
    both = read_objects([([INGRESS, other], "x")]).ingresses
    names = [("web.example", "/any"), ("other.example", "/any"), ("other.example", "/")]
    assert [(chosen(both, *one) or both[1].default).service for one in names] == ["web", "one", "web"]  # type: ignore[union-attr]


def test_each_rule_is_asked_for_what_it_has_and_for_what_is_beside_it() -> None:
    asked = {
        one.about: one.target and one.target.service for one in questions(read_objects([(INGRESS, "x")]).ingresses)
    }
    assert asked == {
        "web.example/podnet-verify": "web",
        "web.example/one/podnet-verify": "one",
        "web.example/one-podnet-verify": "web",
        "web.example/one/exact": "web",
        "web.example/one/exact/podnet-verify": "one",
        "podnet-verify.web.example/podnet-verify": "one",
        "podnet-verify.podnet-verify.web.example/": None,
        f"{STRANGER}/": None,
    }


def test_probes_have_host_and_path_and_go_through_every_address_from_nodes(whole: Network) -> None:
    asked = [check for check in whole.plan.checks if through(check) and check.about == "web.example/one/exact"]
    places = {(check.sender.name, check.to, check.port) for check in asked}
    assert {(name, to) for name, to, port in places if port == 80} == {
        (node, to) for node in ("node1", "node2") for to in ("10.96.0.30", "10.89.0.241")
    }
    assert {(name, to) for name, to, port in places if port == 30090} == {
        ("node1", "172.30.99.12"), ("node2", "172.30.99.11"),
    }  # fmt: skip
    probes = plan.parts(whole.plan)["node1"].probes
    (one,) = [one for one in probes if one["to"] == "10.96.0.30" and one.get("path") == "/one/exact"]
    assert (one["headers"], one["patient"]) == ({"Host": "web.example"}, True)
    # No policy keeps a node from its own pods.
    own = [check for check in whole.plan.checks if check.requirement == "ingress" and not through(check)]
    assert {(check.sender.name, check.to) for check in own if check.to.startswith("10.244.0.")} == {
        ("node1", "10.244.0.4")
    }


def test_a_whole_ingress_holds(whole: Network) -> None:
    found = whole.judged()
    assert broken(found) == []
    one = line(found, "ingress")
    assert (one["number"], one["verdict"], one["checked"]) == (11, "held", 48)
    assert one["summary"].startswith("4 rules, 8 questions from nodes by way of 4 addresses: a backend of the rule's")
    assert one["notes"] == []


def fault(network: Network, about: str, change: Any) -> Json:
    """The only fault when the answers to a question are changed on their way through the controller."""
    found = network.judged(lambda check, answer: change(answer) if through(check) and check.about == about else answer)
    assert broken(found) == ["ingress"]
    (one,) = line(found, "ingress")["faults"]
    assert one["receiver"].startswith(f"{about} at ")
    return dict(one)


def test_a_host_that_leads_to_another_service(whole: Network) -> None:
    one = fault(whole, "web.example/podnet-verify", lambda answer: page(answer, 200, "server: 10.244.0.4:80\n"))
    assert one["message"] == "led to default/one, and it belongs to default/web"
    assert one["evidence"][0].endswith("10.244.0.4:80 answered")
    assert one["count"] == 6  # both nodes, by way of three addresses each
    assert one["command"].startswith("curl -sSi -H 'Host: web.example' http://1")
    assert one["command"].endswith("/podnet-verify")


def test_a_host_that_is_not_led_anywhere(whole: Network) -> None:
    one = fault(whole, "web.example/one/exact", lambda answer: page(answer, 404, "404 Not Found"))
    assert one["message"] == "not led to default/web: status 404"


def test_an_exact_path_that_has_what_is_below_it_too(whole: Network) -> None:
    one = fault(
        whole, "web.example/one/exact/podnet-verify", lambda answer: page(answer, 200, "server: 10.244.1.3:8080")
    )
    assert one["message"] == "led to default/web, and it belongs to default/one"


def test_a_host_that_no_rule_has_and_is_led_somewhere(whole: Network) -> None:
    one = fault(whole, f"{STRANGER}/", lambda answer: page(answer, 200, "server: 10.244.1.3:8080"))
    assert one["message"] == "led to default/web, and no rule has it"
    one = fault(whole, f"{STRANGER}/", lambda answer: page(answer, 200, "Welcome to nginx!"))
    assert one["message"] == "answered with status 200, and no rule has it: 404"


def test_a_controller_without_an_answer_from_the_service(whole: Network) -> None:
    one = fault(whole, "web.example/one/podnet-verify", lambda answer: page(answer, 502, "502 Bad Gateway"))
    assert one["message"] == "status 502: the controller has no answer from default/one"
    assert one["evidence"][0].endswith("status 502: 502 Bad Gateway")


def test_a_controller_that_says_nothing(whole: Network) -> None:
    one = fault(whole, "web.example/one/exact", lambda answer: {**answer, "outcome": "timeout", "detail": {}})
    assert one["message"] == "no answer: no answer came in time"


def test_somebody_who_is_no_backend(whole: Network) -> None:
    one = fault(whole, "web.example/one/exact", lambda answer: page(answer, 200, "server: 10.244.9.9:80\n"))
    assert one["message"] == "somebody answers who is no backend of default/web"
    assert "10.244.9.9" in one["evidence"][0]


def test_who_has_only_the_smaller_part_of_a_backends_marks_is_somebody_else() -> None:
    of = {"10.244.1.3:80": frozenset({"pod: default/web", "server: 10.244.1.3", "node: node2"})}
    known = ingresses.Known(Marks(of, {}, frozenset()), frozenset(of), frozenset({200}), {})
    bodies = ("pod: default/other\nserver: 10.244.1.9\nnode: node2\n", "pod: default/web\nserver: 10.244.1.3\n")
    said = [Result("ok", status=200, body=body) for body in bodies]
    assert [known.who(one) for one in said] == [None, "10.244.1.3:80"]


def test_a_service_that_does_not_answer_itself_is_no_fault_of_the_ingress(whole: Network) -> None:
    def dead(check: Check, answer: Json) -> Json:
        if check.to == "10.244.0.4" and check.kind == "http":
            return {**answer, "outcome": "timeout", "detail": {}}
        led = through(check) and "server: 10.244.0.4:80" in answer["detail"]["body"]
        return page(answer, 504, "504 Gateway Time-out") if led else answer

    found = whole.judged(dead)
    assert "ingress" not in broken(found)
    assert "services" in broken(found)
    assert any("it was only seen that somebody" in note for note in line(found, "ingress")["notes"])


@pytest.mark.parametrize("status", [200, 404])
def test_answers_that_are_alike_prove_only_that_they_come(whole: Network, status: int) -> None:
    """Also where a backend itself knows no such page."""

    def alike(check: Check, answer: Json) -> Json:
        return (
            page(answer, status, "hello") if check.kind == "http" and answer["detail"].get("status") == 200 else answer
        )

    one = line(whole.judged(alike), "ingress")
    assert (one["verdict"], one["faults"]) == ("held", [])
    assert one["notes"][0].startswith("of web.example/podnet-verify, ")


def test_who_is_sent_to_https_is_not_told_of_as_lost(whole: Network) -> None:
    found = whole.judged(lambda check, answer: page(answer, 308) if through(check) and check.to and
                         answer["detail"]["status"] == 200 else answer)  # fmt: skip
    assert line(found, "ingress")["verdict"] == "held"


@pytest.mark.parametrize(
    ("objects", "change", "reason"),
    [
        ([], None, "no Ingress was given"),
        (
            [INGRESS],
            lambda model: model.update(services=[one for one in model["services"] if one["name"] != NAME]),
            "no node leads to ingress-nginx/ingress-nginx-controller, the Service of the controller",
        ),
        ([{**INGRESS, "spec": {**INGRESS["spec"], "ingressClassName": "traefik"}}], None, "none of the Ingresses can"),
    ],
)
def test_where_there_is_nothing_to_ask_nothing_is_sent(objects: list[Json], change: Any, reason: str) -> None:
    found = network(*objects, change=change)
    assert not [check for check in found.plan.checks if check.requirement == "ingress"]
    one = line(found.judged(), "ingress")
    assert one["verdict"] == "not_applicable"
    assert one["summary"].startswith(reason)


def test_what_only_a_controller_understands_is_not_asked_for_and_said() -> None:
    unclear = copy.deepcopy(INGRESS)
    unclear["metadata"] = {
        "name": "odd", "annotations": {"nginx.ingress.kubernetes.io/rewrite-target": "/secret", "x": "secret"},
    }  # fmt: skip
    assert "secret" not in json.dumps(essential(unclear))
    clear = ingress(("clear.example", [path("/", "web")]))
    found = network(clear, unclear)
    asked = {check.site for check in found.plan.checks if through(check)}
    assert asked == {"clear.example", STRANGER}
    (note,) = line(found.judged(), "ingress")["notes"]
    assert note == "not asked: default/odd, as it has the annotation nginx.ingress.kubernetes.io/rewrite-target"


def test_services_that_the_controller_cannot_or_may_not_ask_are_left_out_and_said() -> None:
    given = ingress(("a.example", [path("/", "empty")]), ("b.example", [path("/", "gone")]), *RULES)
    notes = line(network(given).judged(), "ingress")["notes"]
    assert notes == [
        "not asked, as default/empty has no backend: a.example/podnet-verify",
        "not asked, as no node has rules of port 80 of default/gone: b.example/podnet-verify",
    ]
    closed = {
        "kind": "NetworkPolicy",
        "metadata": {"name": "closed"},
        "spec": {"podSelector": {"matchLabels": {"app": "one"}}, "ingress": []},
    }
    pods = [
        {"kind": "Pod", "metadata": {"name": name, "labels": {"app": app}}}
        for name, app in (("pod1", "one"), ("pod2", "controller"))
    ]
    found = network(INGRESS, closed, *pods)
    # Labels of the others were not given, so that nobody knows whether the policy selects them.
    assert {one.question.target for one in ingresses.plan(found.scene).asked} == {None}


def test_with_many_rules_nodes_and_addresses_take_turns() -> None:
    hosts = [(f"h{number}.example", [path("/", "web")]) for number in range(120)]
    found = network(ingress(*hosts))
    asked = [check for check in found.plan.checks if through(check)]
    assert len(asked) == 121
    assert len({(check.sender.name, check.to) for check in asked}) == 6
    assert line(found.judged(), "ingress")["verdict"] == "held"


def https(model: Any) -> None:
    """Give the controller a port for TLS beside each of its own, with another NodePort."""
    for one in [one for one in model["services"] if one["name"] == NAME]:
        number = 30443 if one["type"] == "node_port" else 443
        model["services"].append({**copy.deepcopy(one), "port_name": "https", "port": number})


def ipv6(model: Any) -> None:
    """Give nodes an IPv6 address, and the controller one beside its own."""
    for number, node in enumerate(model["nodes"]):
        link = next(one["ifname"] for one in node["addresses"] if one["local"].startswith("172.30.99."))
        node["addresses"].append({"ifname": link, "local": f"2001:db8::1{number}", "prefixlen": 64})
    (own,) = [one for one in model["services"] if (one["name"], one["type"]) == (NAME, "cluster_ip")]
    six = {**copy.deepcopy(own), "family": "inet6", "virtual_address": "fd00:10:96::30"}
    for rule in six["rules"]:
        rule["backends"] = ["[fd00:10:244:1::2]:80"]
    model["services"].append({**six, "backends": [{**own["backends"][0], "address": "fd00:10:244:1::2"}]})


TLS = ingress(*RULES, tls=[{"hosts": ["web.example"]}])


@pytest.fixture(scope="module")
def secured() -> Network:
    """As `whole`, with TLS for one of the two hosts."""
    return network(TLS, change=https)


def test_hosts_with_tls_are_asked_for_both_ways_and_others_not(secured: Network) -> None:
    asked = [check for check in secured.plan.checks if through(check)]
    over = [check for check in asked if check.kind == "https"]
    assert {check.site for check in over} == {"web.example"}
    assert {check.site for check in asked} > {"web.example", STRANGER}
    assert {check.port for check in over} == {443, 30443}
    assert {check.port for check in asked if check.kind == "http"} == {80, 30090}
    assert len(over) * 2 == len([check for check in asked if check.site == "web.example"])
    probe = next(one for one in plan.parts(secured.plan)["node1"].probes if one["kind"] == "https")
    assert probe["headers"] == {"Host": "web.example"}
    found = secured.judged()
    assert broken(found) == []
    one = line(found, "ingress")
    assert (one["checked"], one["notes"]) == (48 + len(over), [])
    assert "by way of 8 addresses: " in one["summary"]
    assert one["summary"].endswith(
        "404 is the answer where there is no rule, and over TLS the certificate is for the host"
    )


def certified(names: list[str]) -> Any:
    """Answers with another certificate."""

    def change(check: Check, answer: Json) -> Json:
        if check.kind == "https" and check.about == "web.example/one/exact":
            answer["detail"]["certificate"]["names"] = names
        return answer

    return change


@pytest.mark.parametrize(
    ("names", "evidence"),
    [
        ([], "it is for nobody"),
        (["shop.example", "*.web.example"], "it is for shop.example and *.web.example"),
        (["*.example"], None),
        (["x", "WEB.example"], None),
        (["\x1b[2J", "*", ""], "it is for \\x1b[2J, * and "),
    ],
)
def test_a_certificate_that_is_not_for_the_host_is_said_with_whom_it_is_for(
    secured: Network, names: list[str], evidence: str | None
) -> None:
    found = line(secured.judged(certified(names)), "ingress")
    if evidence is None:
        assert found["verdict"] == "held"
        return
    (one,) = found["faults"]
    assert one["message"] == "over TLS shown a certificate that is not for web.example"
    assert one["count"] == 6
    assert one["receiver"].startswith("https://web.example/one/exact at ")
    assert one["evidence"][0].endswith(": " + evidence)
    resolve = f"--resolve web.example:{one['receiver'].rpartition(':')[2]}:"
    command = one["command"] or ""
    assert command.startswith("curl -sSik " + resolve)
    assert "https://web.example:" in command


def test_a_host_that_has_no_tls_though_it_is_asked_for(secured: Network) -> None:
    said = {"outcome": "no-tls", "detail": {"connected": True, "cause": "tlsv1 unrecognized\nname"}}
    found = line(
        secured.judged(lambda check, answer: {**answer, **said} if check.kind == "https" else answer), "ingress"
    )
    assert {one["message"] for one in found["faults"]} == {
        "over TLS no answer: the server does not speak TLS for this host (tlsv1 unrecognized\\x0aname)"
    }
    closed = {"outcome": "refused", "errno": "ECONNREFUSED", "detail": {}}
    found = line(secured.judged(lambda check, answer: {**answer, **closed} if check.port == 443 else answer), "ingress")
    assert {one["message"] for one in found["faults"]} == {
        "over TLS no answer: the connection was refused (ECONNREFUSED)"
    }


def test_a_host_that_leads_elsewhere_over_tls_alone(secured: Network) -> None:
    def elsewhere(check: Check, answer: Json) -> Json:
        if check.kind == "https" and check.about == "web.example/podnet-verify":
            answer["detail"]["body"] = "server: 10.244.0.4:80\n"
        return answer

    (one,) = line(secured.judged(elsewhere), "ingress")["faults"]
    assert one["message"] == "over TLS led to default/one, and it belongs to default/web"


def test_who_is_sent_to_https_is_proven_there(secured: Network) -> None:
    found = secured.judged(lambda check, answer: page(answer, 308) if through(check) and check.kind == "http"
                           and answer["detail"]["status"] == 200 else answer)  # fmt: skip
    (note,) = line(found, "ingress")["notes"]
    assert note.startswith("of podnet-verify.web.example/podnet-verify it was only seen that")


def test_tls_without_hosts_or_a_port_for_it_is_said_to_be_left_out() -> None:
    assert line(network(TLS).judged(), "ingress")["notes"] == [
        "over TLS nothing was asked: no node leads to the port https of ingress-nginx/ingress-nginx-controller"
    ]
    unnamed = network(ingress(*RULES, tls=[{"hosts": ["web.example"]}, {"secretName": "own"}]), change=https)
    assert line(unnamed.judged(), "ingress")["notes"] == [
        "over TLS not asked: default/web, as it names no hosts for it"
    ]
    assert any(check.kind == "https" for check in unnamed.plan.checks)


def test_the_controller_is_asked_by_both_families() -> None:
    found = network(INGRESS, change=ipv6)
    asked = {(check.sender.name, check.to) for check in found.plan.checks if through(check) and ":" in check.to}
    assert asked == {(node, "fd00:10:96::30") for node in ("node1", "node2")}
    one = line(found.judged(), "ingress")
    assert (one["verdict"], one["checked"]) == ("held", 64)
    silent = found.judged(
        lambda check, answer: {**answer, "outcome": "timeout", "detail": {}} if ":" in check.to else answer
    )
    (fault, *_more) = line(silent, "ingress")["faults"]
    assert "[fd00:10:96::30]:80" in fault["receiver"]
    assert fault["count"] == 2


def test_the_controller_is_the_labs() -> None:
    assert (NAMESPACE, NAME) == ingresses.CONTROLLER
