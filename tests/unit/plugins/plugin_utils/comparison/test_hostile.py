# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Comparisons of nodes whose names try to act where they are shown."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from ansible_collections.podnet.lab.plugins.plugin_utils.comparison import compare, markdown, terminal
from ansible_collections.podnet.lab.plugins.plugin_utils.comparison.records import Mode
from ansible_collections.podnet.lab.plugins.plugin_utils.comparison.world import World
from ansible_collections.podnet.lab.plugins.plugin_utils.text.escape import width
from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.comparison.sides import made, nat_rule
from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.model.node_files import HOSTILE, NodeFile, unread


def hostile(tmp_path: Path, offset: int) -> World:
    node = NodeFile(1)
    for text in HOSTILE:
        pod = node.pod(text + "x" * offset, namespace=text)
        pod["names"], pod["paths"] = [text], [f"/run/netns/{text}"]
        pod["owner"].update(runtime=text, uid=f"{text}{offset}")
        pod["containers"][0]["name"] = text
        pod["interfaces"][0]["ifname"] = node.pairs[-1]["ends"][1]["ifname"] = text
        node.own["routes"].append({"dst": text, "family": "inet", "gateway": f"10.0.0.{offset}", "dev": text})
    node.own["sysctls"] = {text: f"{text}{offset}" for text in HOSTILE}
    document = node.document()
    document["podnet_pod_cidr"]["source_nat"] = [
        nat_rule(saddr=None, source={"kind": "nftables", "command": f"{text}{offset}", "key": text}) for text in HOSTILE
    ]
    node.cni["active"] = {"path": HOSTILE[0], "name": HOSTILE[1], "plugins": list(HOSTILE)}
    return made(tmp_path, document, unread("gone", HOSTILE[0]))


@pytest.mark.parametrize("mode", ["worlds", "drift"])
def test_hostile_names_cannot_act(tmp_path: Path, mode: Mode) -> None:
    found = compare.compare(
        hostile(tmp_path, 1), hostile(tmp_path, 2), (HOSTILE[0], HOSTILE[1]), ((), ()), mode, [HOSTILE[2]]
    )
    for line in terminal.summary(found, "reports/x/comparison.md").split("\n"):
        assert width(line) <= 80, line
        assert line == "" or line.isprintable()
    page = markdown.report(found)
    assert all(line == "" or line.isprintable() for line in page.split("\n"))
    outside_of_code = re.sub(r"(?<!`)(`+)(?!`).*?(?<!`)\1(?!`)", "", page)
    assert "<script" not in outside_of_code
    assert not re.search(r"<(?!br>|code>|/code>)", outside_of_code)
    for table in re.findall(r"(?:^\|.*\n)+", page, re.MULTILINE):
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}) == 1, table
    json.dumps(found).encode("ascii")
