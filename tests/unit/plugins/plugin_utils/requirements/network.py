# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A stand-in for a network: answers probes as podnet.lab.probe reports them, healthy unless a test breaks something."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ansible_collections.podnet.lab.plugins.plugin_utils.comparison.world import World, world_of
from ansible_collections.podnet.lab.plugins.plugin_utils.report import gathering
from ansible_collections.podnet.lab.plugins.plugin_utils.requirements import ingresses, judgement, plan, results
from ansible_collections.podnet.lab.plugins.plugin_utils.requirements.cast import cast, family
from ansible_collections.podnet.lab.plugins.plugin_utils.requirements.records import (
    Check,
    Listening,
    Plan,
    Requirement,
    Verification,
)
from ansible_collections.podnet.lab.plugins.plugin_utils.requirements.scene import Expected, Scene, scene

FIXTURES = next(one for one in Path(__file__).parents if one.name == "unit") / "fixtures" / "nodes"
Json = dict[str, Any]
Change = Callable[[Check, Json], Json | None]
"""What a test does to the answer to a check; None takes the answer away."""


def captured(name: str) -> World:
    """Return nodes as they were captured."""
    return world_of(*gathering.read_model([FIXTURES / name]))


class Network:
    """Nodes, what is expected of them, and how probes are answered."""

    def __init__(self, world: World, expected: Expected | None = None, outside: tuple[str, ...] = ()) -> None:
        """Plan for *world*; all listeners get a port."""
        first = scene(cast(world, outside), expected or Expected())
        self.plan: Plan = plan.plan(first)
        listening = {
            one.id: Listening(one.port or 40000 + number, None) for number, one in enumerate(self.plan.listeners)
        }
        self.scene: Scene = first._replace(listening=listening)
        self.turn = 0

    def sent_from(self, check: Check) -> str:
        """The sender's address of the family of what is asked."""
        if check.to in ("127.0.0.1", "::1") or check.to in check.sender.own:
            return check.to
        return next((one for one in check.sender.addresses if family(one) == family(check.to)), "")

    def healthy(self, check: Check) -> Json:
        """Answer a probe as a network that keeps all promises."""
        mine = self.sent_from(check)
        found: Json = {
            "kind": check.kind, "outcome": "ok", "address": check.to, "sent_from": {"address": mine, "port": 50000},
            "seen_as": None, "answered_by": None, "errno": None, "icmp": None, "latency_ms": 0.1, "detail": {},
        }  # fmt: skip
        if check.kind == "dns":
            records = [{"type": check.record, "data": one} for one in check.receiver.split()]
            found["detail"] = {"records": records, "server": "10.96.0.10"}
        elif check.kind in ("http", "https"):
            found.update(self.served(check))
            if check.kind == "https":
                found["detail"] = {**found["detail"], "certificate": {"names": [check.site]}}
        elif check.kind == "path_mtu":
            found["detail"] = {"mtu": check.sender.mtu}
        else:
            seen = mine
            if check.requirement == "leaves-with-node-address":
                seen = next(one for one in self.scene.cast.nodes if one.host == check.sender.host).addresses[0]
            found.update(answered_by=check.listener, seen_as={"address": seen, "port": 50000})
        return found

    def served(self, check: Check) -> Json:
        """Answer as the backends of a Service in turn, or as a backend itself."""
        asked = f"{check.to}:{check.port}"
        if check.requirement == ingresses.KEY and " at " in check.receiver:
            return self.led(check)
        for one in self.scene.cast.world.model["services"]:
            nodes = [address for node in self.scene.cast.nodes for address in node.addresses]
            if (
                one["protocol"] == "tcp"
                and one["port"] == check.port
                and check.to
                in (
                    one["virtual_address"],
                    *(nodes if not one["virtual_address"] else ()),
                )
            ):
                target = next((node.host for node in self.scene.cast.nodes if check.to in node.addresses), None)
                host = check.sender.host if one["virtual_address"] else target
                rule = next((rule for rule in one["rules"] if rule["host"] == host), None)
                if rule is None or not rule["backends"]:
                    return {"outcome": "refused", "errno": "ECONNREFUSED"}
                self.turn += not one["affinity"]
                asked = rule["backends"][0 if one["affinity"] else self.turn % len(rule["backends"])]
        return {"detail": {"status": 200, "body": f"server: {asked}\nclient: {self.sent_from(check)}\n"}}

    def led(self, check: Check) -> Json:
        """Answer as the controller of Ingresses: by a backend of the Service that a host and a path lead to."""
        (one,) = [one for one in ingresses.plan(self.scene).asked if one.question.about == check.about]
        if one.question.target is None:
            return {"detail": {"status": 404, "body": "404 Not Found"}}
        self.turn += 1
        backend = one.backends[self.turn % len(one.backends)]
        return {"detail": {"status": 200, "body": f"server: {backend}\nclient: 10.244.0.9\n"}}

    def document(self, change: Change | None = None) -> Json:
        """Return all results as podnet.lab.probe gives them, each changed as a test wants."""
        probes = []
        for number, check in enumerate(self.plan.checks):
            for turn in range(check.times):
                answer: Json | None = self.healthy(check)
                if change is not None and answer is not None:
                    answer = change(check, answer)
                if answer is not None:
                    probes.append({"id": f"{number}.{turn}", **answer})
        return {"probes": probes}

    def judged(self, change: Change | None = None) -> Verification:
        """Return the verification of the answers."""
        answers = results.answers(self.plan, [(self.document(change), "node.json")])
        return judgement.verification(self.scene, self.plan, answers)


def line(found: Verification, key: str) -> Requirement:
    """Return the line of one requirement."""
    (one,) = [one for one in found["requirements"] if one["key"] == key]
    return one


def broken(found: Verification) -> list[str]:
    """Return the keys of what is broken."""
    return [one["key"] for one in found["requirements"] if one["verdict"] == "broken"]
