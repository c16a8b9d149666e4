# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A verification as it is shown: terminal, Markdown, JUnit, and the JSON's schema."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import jsonschema
import pytest

from ansible_collections.podnet.lab.plugins.plugin_utils.requirements import junit, markdown, terminal
from ansible_collections.podnet.lab.plugins.plugin_utils.requirements.records import Check, Verification
from ansible_collections.podnet.lab.plugins.plugin_utils.text.escape import width
from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.requirements.network import (
    Json,
    Network,
    captured,
)
from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.requirements.test_policies import (
    ONLY_POD3,
    lab_with,
)

CHECKOUT = next(one for one in Path(__file__).parents if (one / "galaxy.yml").exists())
SCHEMA = json.loads((CHECKOUT / "docs" / "schema" / "verify.schema.json").read_text(encoding="utf-8"))
HOSTILE = "{{ 7*7 }}```\x1b[31m|<b>&]]>\u202e"


def hostile() -> Verification:
    world = captured("kubeadm_services")
    for pod in world.model["pods"]:
        pod["name"] = f"{pod['name']}{HOSTILE}"

    def wrong(check: Check, answer: Json) -> Json:
        if check.kind == "http":
            return {**answer, "detail": {"status": 200, "body": f"{HOSTILE} {answer['detail'].get('body', '')[:25]}"}}
        return {**answer, "outcome": HOSTILE, "errno": HOSTILE, "seen_as": None, "answered_by": None}

    return Network(world).judged(wrong)


@pytest.fixture(scope="module", params=["healthy", "hostile", "policies"])
def found(request: pytest.FixtureRequest) -> Verification:
    made = {"healthy": Network(captured("lab")).judged, "hostile": hostile, "policies": lab_with(ONLY_POD3).judged}
    return made[request.param]()


def test_the_terminal_has_eighty_columns_and_nothing_that_acts(found: Verification) -> None:
    text = terminal.summary(found, "reports/latest/verify.md")
    assert all(width(line) <= 80 for line in text.splitlines()), text
    assert text.replace("\n", "").isprintable()
    for one in found["requirements"]:
        assert f"{one['number']:>2} {terminal.VERDICTS[one['verdict']]}" in text


def test_one_line_says_how_it_stands() -> None:
    text = terminal.summary(Network(captured("lab")).judged(), None)
    assert text.splitlines()[:2] == [
        "VERIFICATION of the network of 3 pods on 3 nodes", "  30 probes; 6 of 6 pairs of pods: all of them",
    ]  # fmt: skip
    assert text.splitlines()[-1] == "6 held, 0 broken, 5 not applicable."


def test_markdown_shows_every_fault_and_no_markup_of_others(found: Verification) -> None:
    page = markdown.report(found)
    assert "\x1b" not in page
    assert "<b>" not in page
    assert "\u202e" not in page
    assert page.count("- **") == sum(len(one["faults"]) for one in found["requirements"])
    assert ("## The truth table of policies" in page) == bool(found["policies"])


def test_junit_is_what_ci_systems_read(found: Verification) -> None:
    root = ElementTree.fromstring(junit.report(found))
    cases = root.findall("./testsuite/testcase")
    assert len(cases) == int(root.attrib["tests"]) == 11
    assert len(root.findall(".//failure")) == int(root.attrib["failures"]) == found["broken"]
    assert len(root.findall(".//skipped")) == int(root.attrib["skipped"]) == found["not_applicable"]
    for failure in root.findall(".//failure"):
        assert failure.text


def test_the_json_is_as_its_schema_says(found: Verification) -> None:
    jsonschema.validate(json.loads(json.dumps(found)), SCHEMA)


def test_many_faults_are_counted() -> None:
    found = hostile()
    one = found["requirements"][0]
    one["faults"] = one["faults"][:1] * 20
    assert "and 14 more faults" in terminal.summary(found, None)


@pytest.mark.parametrize("pods", [1, 2])
def test_one_is_singular(pods: int) -> None:
    """Lines of a network with next to nothing in it: one of most things."""
    world = captured("lab")
    del world.model["pods"][pods:]
    del world.model["nodes"][1:]
    network = Network(world)
    for found in (network.judged(), network.judged(lambda _check, answer: {**answer, "outcome": "timeout"})):
        for text in (terminal.summary(found, None), markdown.report(found)):
            assert not re.search(r"\b1 (answers|connections|nodes|others|pairs|paths|pods|probes|ranges)\b", text), text
            assert not re.search(r"\b1 (pods|nodes|listeners|names|addresses|requirements|more faults)\b", text), text
