# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A path as it is shown: the terminal, and the JSON's schema."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from ansible_collections.podnet.lab.plugins.plugin_utils.path import terminal
from ansible_collections.podnet.lab.plugins.plugin_utils.path.compute import Asked, compute
from ansible_collections.podnet.lab.plugins.plugin_utils.path.fleet import NodeFiles
from ansible_collections.podnet.lab.plugins.plugin_utils.path.records import Path as ComputedPath
from ansible_collections.podnet.lab.plugins.plugin_utils.text.escape import width
from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.path.node_documents import (
    chain,
    node,
    rules,
    spaces,
    write,
)

CHECKOUT = next(one for one in Path(__file__).parents if (one / "galaxy.yml").is_file())
SCHEMA = json.loads((CHECKOUT / "docs" / "schema" / "path.schema.json").read_text(encoding="utf-8"))
HOSTILE = "{{ 7*7 }}\x1b[31m\nx"


def found(
    folder: Path, receiver: str = "default/b2:80", *, drop: bool = False, name: str | None = None
) -> ComputedPath:
    one, two = node(1), node(2)
    if drop:
        rules(two, *chain("forward", policy="drop"))
    if name is not None:
        spaces(two)["b2"]["owner"]["name"] = name
    return compute(NodeFiles(write(folder, one, two)), Asked("default/a1", receiver))


def test_the_json_is_as_its_schema_says(tmp_path: Path) -> None:
    for receiver in ("default/b2:80", "198.51.100.7", "default/web", "node2"):
        jsonschema.validate(json.loads(json.dumps(found(tmp_path, receiver))), SCHEMA)
    jsonschema.validate(json.loads(json.dumps(found(tmp_path, drop=True))), SCHEMA)


def test_a_way_is_told_hop_by_hop(tmp_path: Path) -> None:
    text = terminal.summary(found(tmp_path), "reports/latest/path.json")
    assert text.startswith(
        "PATH of tcp from default/a1 (10.244.1.2) to default/b2:80 (10.244.2.3)\n\n"
        "The way: delivered to default/b2 as tcp 10.244.1.2:40000 to 10.244.2.3:80; path\n  MTU 1500\n"
        "  1 default/a1 on node1\n    tcp 10.244.1.2:40000 to 10.244.2.3:80\n"
        "    - route default via 10.244.1.1 dev eth0\n      # ip netns exec ns12 ip route get 10.244.2.3\n"
    )
    assert "  3 node node2 itself, in by eth0\n" in text
    assert text.endswith("1 way: 1 delivered.\nAll hops: reports/latest/path.json")


def test_what_is_dropped_is_told_first_of_all(tmp_path: Path) -> None:
    text = terminal.summary(found(tmp_path, drop=True), None)
    assert "The way: DROPPED: node2: ip t, forward chain c, the policy: drops it\n" in text
    assert "      # nft -a list chain ip t c\n" in text
    assert text.endswith("1 way: 1 DROPPED.")


@pytest.mark.parametrize("receiver", ["10.244.2.3:80", "198.51.100.7:80", "node2"])
def test_lines_fit_and_nothing_acts_on_the_terminal(tmp_path: Path, receiver: str) -> None:
    text = terminal.summary(found(tmp_path, receiver, name=HOSTILE), "x")
    assert all(width(line) <= 80 for line in text.splitlines())
    assert "\x1b" not in text


def test_nobody_listens(tmp_path: Path) -> None:
    text = terminal.summary(found(tmp_path, "default/b2:81"), None)
    assert "where nobody listens on this port" in " ".join(text.split())
