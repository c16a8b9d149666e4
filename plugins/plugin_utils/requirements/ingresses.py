# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Requirement 11: an Ingress leads each host and path to its Service.

Nodes ask the Service of the controller at its addresses of both families, and over TLS where the Ingress has it. Who
answered is told as it is of Services, by what the answers of backends have in common: each is asked the same by its own
node, to which no policy forbids it. Whether a certificate is to be trusted nobody can know here; that it names the host
that was asked for is part of what an Ingress promises.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from ..model import services as model_services
from ..model.records import Service
from ..text import words
from ..text.escape import shortened, visible
from . import services
from .faults import Broken, merged, outcome, peer
from .ingress_rules import Ingress, Question, Target, has_host, questions
from .records import Answer, Check, Line, Party, Peer, Result
from .scene import Scene, of
from .service_answers import Marks, marks
from .services import Way

KEY = "ingress"
CONTROLLER = ("ingress-nginx", "ingress-nginx-controller")
"""Namespace and name of the Service that leads to the controller: the lab's, and that of ingress-nginx's Helm chart."""
PORT_NAME, TLS_PORT_NAME = "http", "https"
MOST = 600
"""So many questions are asked at most by every node through every address; with more, these take turns."""
BACKENDS = 24
"""Of a Service with more backends, none is asked itself."""
UNANSWERED = (502, 503, 504)
"""What a proxy says for a backend from which it has nothing (RFC 9110, 15.6)."""


class Asked(NamedTuple):
    """A question, whom it is put to, and who may answer."""

    question: Question
    ways: list[Way]
    """Those over TLS too, when there is to be TLS for the host."""
    backends: list[str]
    """Those of its Service, as in ``10.244.1.2:80``; empty when nobody has it."""


class Plan(NamedTuple):
    """What is asked, and of what is not the reason."""

    asked: list[Asked]
    notes: list[str]


def entrances(scene: Scene) -> list[Way]:
    """Return the ways from nodes to the controller: those of requirement 6."""
    return [
        way
        for way in services.ways(scene)
        if (way.service["namespace"], way.service["name"]) == CONTROLLER
        and way.service["port_name"] in (PORT_NAME, TLS_PORT_NAME)
        and way.sender.pod is None
        and way.backends
    ]


def is_secured(way: Way) -> bool:
    """Tell whether a way is over TLS."""
    return way.service["port_name"] == TLS_PORT_NAME


def plan(scene: Scene) -> Plan:
    """Return what is asked of the Ingresses that were given."""
    given = scene.expected.objects.ingresses
    ways = entrances(scene) if given else []
    notes = [f"not asked: {one.name}, as {one.unclear}" for one in given if one.unclear]
    notes += [f"over TLS not asked: {one.name}, as it names no hosts for it" for one in given if one.tls_of_nobody]
    asked = []
    left: dict[str, list[str]] = {}
    for question in questions(given) if ways else ():
        backends: list[str] = []
        if question.target is not None:
            service = _service(scene, question.target)
            why = _why_not(scene, question.target, service, ways)
            if service is None or why:
                left.setdefault(why, []).append(question.about)
                continue
            backends = [model_services.endpoint(one) for one in service["backends"]]
        asked.append(Asked(question, [way for way in ways if question.tls or not is_secured(way)], backends))
    asked = [one for one in asked if one.ways]
    notes += [f"not asked, as {why}: {words.listed(several)}" for why, several in left.items()]
    if any(one.question.tls and not any(map(is_secured, one.ways)) for one in asked):
        notes.append(f"over TLS nothing was asked: no node leads to the port {TLS_PORT_NAME} of {'/'.join(CONTROLLER)}")
    if sum(len(one.ways) for one in asked) > MOST:
        asked = [one._replace(ways=[one.ways[turn % len(one.ways)]]) for turn, one in enumerate(asked)]
    return Plan(asked, notes)


def _service(scene: Scene, target: Target) -> Service | None:
    """Return what the rules of nodes say of a port of a Service."""
    found = [
        one
        for one in scene.cast.world.model["services"]
        if (one["namespace"], one["name"]) == (target.namespace, target.service)
        and one["type"] in ("cluster_ip", None)
        and one["protocol"] == "tcp"
        and target.port in (one["port"], one["port_name"])
    ]
    return next((one for one in found if one["family"] == "inet"), found[0] if found else None)


def _why_not(scene: Scene, target: Target, service: Service | None, ways: Sequence[Way]) -> str:
    """Return why nothing can be said of questions for a Service; empty when something can."""
    if service is None:
        return f"no node has rules of port {target.port} of {target.name}"
    if not service["backends"]:
        return f"{target.name} has no backend"
    controllers = {address for way in ways for address, _port in map(services.split, way.backends)}
    for address in sorted(controllers):
        controller = scene.cast.holder(address)
        if controller is not None and not services.may_ask(scene, controller, service):
            return f"policies forbid the controller to ask {target.name}, or may"
    return ""


def planned(scene: Scene) -> Iterator[Check]:
    """Yield each question through each address of the controller, and to the backends that should answer it."""
    nodes = {node.host: node for node in scene.cast.nodes}
    for one in plan(scene).asked:
        about, site, path = one.question.about, one.question.host, one.question.path
        for way in one.ways:
            yield Check(
                KEY, about, way.sender, _by_way(one.question, way), "https" if is_secured(way) else "http", way.address,
                port=way.service["port"], patient=True, site=site, path=path,
            )  # fmt: skip
        for backend in one.backends if len(one.backends) <= BACKENDS else ():
            address, port = services.split(backend)
            holder = scene.cast.holder(address)
            sender = nodes.get(holder.host if holder else "", one.ways[0].sender)
            yield Check(
                KEY, about, sender, backend, "http", address, port=port, times=services.DIRECT,
                patient=True, site=site, path=path,
            )  # fmt: skip


def _by_way(question: Question, way: Way) -> str:
    scheme = "https://" if is_secured(way) else ""
    return f"{scheme}{question.about} at {peer(Peer(way.address, way.service['port']))}"


class Told(NamedTuple):
    """What one answer came to."""

    what: str = ""
    """What is wrong; empty when nothing is."""
    evidence: str = ""
    proven: bool = True
    """Whether it is known who answered."""


class Known(NamedTuple):
    """What was learnt of backends when they were asked themselves."""

    marks: Marks
    own: frozenset[str]
    """Those that should answer."""
    statuses: frozenset[int | None]
    """What these said."""
    owners: Mapping[str, str]
    """The Service of each backend."""

    @property
    def sick(self) -> bool:
        """Whether one of those that should answer did not, which is for requirement 6 to say."""
        return any(name in self.marks.dead or name in self.marks.idle for name in self.own)

    def who(self, result: Result) -> str | None:
        """Return the backend whose marks an answer has, more than half of them and more than any other's.

        A line of them may be somebody else's too, who was not asked, such as the name of the node.
        """
        said = frozenset(line.strip() for line in result.body.splitlines())
        shares = {name: len(own & said) / len(own) for name, own in self.marks.of.items() if own}
        best = max(shares.values(), default=0.0)
        fitting = [name for name, share in shares.items() if share == best > 0.5]
        return fitting[0] if len(fitting) == 1 else None


def of_answer(question: Question, result: Result, known: Known) -> Told:
    """Judge one answer to a question."""
    target = question.target
    if result.outcome != "ok":
        return Told(proven=False) if known.sick else Told(f"no answer: {outcome(result)}", outcome(result))
    status = f"status {result.status}"
    who = known.who(result)
    if who is not None and who in known.own:
        return Told()
    if who is not None:
        belongs = "no rule has it" if target is None else f"it belongs to {target.name}"
        return Told(f"led to {known.owners[who]}, and {belongs}", f"{who} answered")
    if target is None:
        wrong = result.status != 404
        return Told(f"answered with {status}, and no rule has it: 404", _shown(result)) if wrong else Told()
    if result.status in known.statuses:
        if any(not known.marks.of.get(name) for name in known.own):
            return Told(proven=False)
        return Told(f"somebody answers who is no backend of {target.name}", _shown(result))
    if result.status in UNANSWERED:
        what = f"{status}: the controller has no answer from {target.name}"
        return Told(proven=False) if known.sick else Told(what, _shown(result))
    # A controller may send to HTTPS; and of a Service whose backends were not asked nobody knows what they say.
    if result.status in range(300, 400) or not known.statuses:
        return Told(proven=False)
    if result.status == 404:
        return Told(f"not led to {target.name}: {status}", _shown(result))
    return Told(f"answered with {status}, unlike the backends of {target.name}", _shown(result))


def of_certificate(question: Question, result: Result) -> Told:
    """Judge for whom the certificate is that came with an answer."""
    if result.outcome != "ok" or any(name and has_host(name.lower(), question.host) for name in result.names):
        return Told()
    names = words.listed([visible(name) for name in result.names]) if result.names else "nobody"
    return Told(f"shown a certificate that is not for {question.host}", f"it is for {names}")


def _shown(result: Result) -> str:
    body = shortened(visible(" ".join(result.body.split())), 60)
    return f"status {result.status}: {body}" if body else f"status {result.status}"


def _known(asked: Asked, answers: Sequence[Answer], everybody: Party, owners: Mapping[str, str]) -> Known:
    """Return what is known of backends for one question: its own by their answers to it, others by all of theirs."""
    direct: dict[str, list[Result]] = {}
    for check, results in answers:
        if check.receiver in owners and (check.about == asked.question.about or check.receiver not in asked.backends):
            direct.setdefault(check.receiver, []).extend(results)
    own = frozenset(asked.backends)
    said = frozenset(one.status for name in own for one in direct.get(name, ()) if one.outcome == "ok")
    return Known(marks(direct, everybody), own, said, owners)


def judged(scene: Scene, answers: Sequence[Answer]) -> Line:
    """Judge requirement 11."""
    given = scene.expected.objects.ingresses
    found = plan(scene)
    came = of(answers, KEY)
    owners = {
        backend: one.question.target.name for one in found.asked for backend in one.backends if one.question.target
    }
    broken: list[Broken] = []
    firsts: dict[tuple[str, str], Check] = {}
    unproven: dict[str, None] = {}
    proven: set[str] = set()
    addresses: dict[str, None] = {}
    through = 0
    for one in found.asked:
        # Lines with an address of a node tell who asked, not who answered.
        nodes = frozenset(address for node in scene.cast.nodes for address in node.own)
        known = _known(one, came, one.ways[0].sender._replace(own=nodes), owners)
        places = {_by_way(one.question, way): way for way in one.ways}
        for check, results in of(came, KEY, one.question.about):
            if check.receiver not in places:
                continue
            through += 1
            addresses.setdefault(peer(Peer(check.to, check.port or 0)))
            way, result = places[check.receiver], results[0]
            routed = of_answer(one.question, result, known)
            if routed.proven:
                proven.add(check.about)
            else:
                unproven.setdefault(check.about)
            for told in [routed, of_certificate(one.question, result)] if is_secured(way) else [routed]:
                if told.what:
                    what = f"over TLS {told.what}" if is_secured(way) else told.what
                    # The same from every node is one fault of the controller.
                    first = firsts.setdefault((check.about, what), check)
                    broken.append(Broken(first, "", what, f"{check.sender.name} to {check.receiver}: {told.evidence}"))
    unsure = [about for about in unproven if about not in proven]
    return Line(
        through, _summary(given, found, list(addresses)), merged(broken), _notes(found, unsure), _reason(given, found)
    )


def _summary(given: Sequence[Ingress], found: Plan, addresses: Sequence[str]) -> str:
    rules = sum(len(one.rules) for one in given if not one.unclear)
    secured = any(is_secured(way) for one in found.asked for way in one.ways)
    return (
        f"{words.counted(rules, 'rule')}, {words.counted(len(found.asked), 'question')} from nodes by way of "
        f"{words.counted(len(addresses), 'address', 'addresses')}: a backend of the rule's Service answers, and 404 is "
        f"the answer where there is no rule{', and over TLS the certificate is for the host' if secured else ''}"
    )


def _notes(found: Plan, unproven: Sequence[str]) -> list[str]:
    notes = list(found.notes)
    if unproven:
        notes.append(f"of {words.listed(unproven)} it was only seen that somebody answers, or that no backend does")
    return notes


def _reason(given: Sequence[Ingress], found: Plan) -> str:
    if not given:
        return "no Ingress was given"
    if found.notes:
        return "none of the Ingresses can be asked"
    return f"no node leads to {'/'.join(CONTROLLER)}, the Service of the controller"
