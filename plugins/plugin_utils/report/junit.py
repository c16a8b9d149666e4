# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A report as JUnit XML, which CI systems show: a test case for each node.

It fails where a fault concerns the node, and is an error where the node could not be read. What is only a note, not
proven, or set aside stands in its output. The form is the one that pytest and most CI systems agree on.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from xml.etree import ElementTree

from ..model.records import Finding, Model, Node
from ..text.escape import visible

SUITE = "podnet.lab.inspect"


def report(model: Model) -> str:
    """Return the XML document."""
    odd: dict[str, list[Finding]] = defaultdict(list)
    for finding in model["odd"]:
        for host in finding["hosts"]:
            odd[host].append(finding)
    suite = ElementTree.Element("testsuite", {"name": SUITE})
    failures = errors = 0
    for node in model["nodes"]:
        case = ElementTree.SubElement(
            suite, "testcase", {"classname": SUITE, "name": visible(node["host"]), "time": "0"}
        )
        faults = [one for one in odd[node["host"]] if one["severity"] == "fault"]
        others = [one for one in odd[node["host"]] if one["severity"] != "fault"]
        if node["error"] is not None:
            errors += 1
            _unread(case, node)
        elif faults:
            failures += 1
            message = "; ".join(one["message"] for one in faults)
            _told(ElementTree.SubElement(case, "failure", {"message": visible(message)}), faults)
        if others and node["error"] is None:
            _told(ElementTree.SubElement(case, "system-out"), others)
    figures = {"tests": str(len(model["nodes"])), "failures": str(failures), "errors": str(errors), "skipped": "0"}
    suite.attrib.update(figures)
    suites = ElementTree.Element("testsuites", figures)
    suites.append(suite)
    _set_aside(suite, model)
    ElementTree.indent(suites)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{ElementTree.tostring(suites, encoding="unicode")}\n'


def _unread(case: ElementTree.Element, node: Node) -> None:
    error = node["error"]
    if error is not None:
        told = ElementTree.SubElement(case, "error", {"message": visible(f"{error['object']}: {error['cause']}")})
        told.text = visible(error["remedy"])


def _told(element: ElementTree.Element, found: list[Finding]) -> None:
    element.text = "\n".join(line for one in found for line in _lines(one))


def _lines(one: Finding) -> Iterator[str]:
    sure = ", inferred" if one.get("certainty") == "inferred" else ""
    yield visible(f"{one['severity']} {one['kind']}{sure}, {one['object']}: {one['message']}")
    yield from (visible(f"  {line}") for line in one["evidence"])
    yield visible(f"  remedy: {one['remedy']}")
    if one["command"]:
        yield visible(f"  see: {one['command']}")


def _set_aside(suite: ElementTree.Element, model: Model) -> None:
    if model["ignored"]:
        told = [f"{one['kind']}, {one['object']}: {one['reason']}" for one in model["ignored"]]
        ElementTree.SubElement(suite, "system-out").text = visible("set aside: " + "; ".join(told))
