# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A verification as JUnit XML, which CI systems show: a test case for each requirement.

The form is the one that pytest and most CI systems agree on (testsuites, testsuite, testcase with failure or skipped).
"""

from __future__ import annotations

from xml.etree import ElementTree

from ..text.escape import visible
from .records import Verification
from .terminal import called

SUITE = "podnet.lab.verify"


def report(found: Verification) -> str:
    """Return the XML document."""
    requirements = found["requirements"]
    figures = {
        "tests": str(len(requirements)),
        "failures": str(found["broken"]),
        "errors": "0",
        "skipped": str(found["not_applicable"]),
    }
    suites = ElementTree.Element("testsuites", figures)
    suite = ElementTree.SubElement(suites, "testsuite", {"name": SUITE, **figures})
    for one in requirements:
        case = ElementTree.SubElement(
            suite, "testcase", {"classname": SUITE, "name": f"{one['number']} {one['title']}", "time": "0"}
        )
        if one["verdict"] == "broken":
            failure = ElementTree.SubElement(case, "failure", {"message": visible(one["summary"])})
            lines = []
            for fault in one["faults"]:
                lines.append(visible(f"{called(fault)}: {fault['message']}"))
                lines.extend(visible(f"  {told}") for told in fault["evidence"])
            failure.text = "\n".join(lines)
        elif one["verdict"] == "not_applicable":
            ElementTree.SubElement(case, "skipped", {"message": visible(one["summary"])})
        else:
            ElementTree.SubElement(case, "system-out").text = visible(one["summary"])
    ElementTree.indent(suites)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{ElementTree.tostring(suites, encoding="unicode")}\n'
