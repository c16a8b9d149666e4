# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The index of the search: what is in it, in which order and size, and that every entry leads to a place."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.podnet.lab.plugins.plugin_utils.model.records import Model
from ansible_collections.podnet.lab.plugins.plugin_utils.page import search, site
from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.model.node_files import (
    NodeFile,
    model_of,
    three_nodes,
)
from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.page.reading import pages
from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.report.test_reports import hostile, with_services

Entry = list[Any]


def index(model: Model, folder: Path) -> tuple[list[list[Entry]], list[str], list[list[str]]]:
    """Write a report; return the entries of each file, their first keys as listed, and the pages."""
    site.write(model, folder)
    listed = json.loads(_argument(folder / "html" / "index.js", "podnetList"))
    parts = []
    for number, path in enumerate(sorted((folder / "html").glob("index-*.js"))):
        text = _argument(path, "podnetPart")
        assert text.startswith(f"{number}, ")
        parts.append(json.loads(text.partition(", ")[2]))
    return parts, listed["first"], listed["pages"]


def _argument(path: Path, function: str) -> str:
    text = path.read_text(encoding="ascii")
    found = re.search(rf"^{function}\((.*)\)\n$", text, re.MULTILINE | re.DOTALL)
    assert found, path
    return found[1]


def found(model: Model, key: str, folder: Path) -> list[Entry]:
    """Return the entries of one key, without it."""
    parts, _first, _pages = index(model, folder)
    return [entry[1:] for part in parts for entry in part if entry[0] == key]


@given(st.tuples(st.text(), st.text(), st.text(), st.integers(0), st.text()))
def test_a_line_is_its_entry_as_json(entry: search.Entry) -> None:
    assert search._line(entry) == json.dumps(entry, separators=(",", ":"))
    assert search._entry_of(search._line(entry)) == entry


def test_what_can_be_found(tmp_path: Path) -> None:
    nodes = with_services(three_nodes())
    nodes[0].pod("web-7f9c-x2v4q")
    nodes[0].namespaces[-1]["owner"]["name"] = nodes[0].pairs[-1]["pod"]["name"] = "Web-7f9c-x2v4q"
    model = model_of(*nodes)
    assert found(model, "10.244.2.2", tmp_path) == [["address", "default/pod1", 1, "pod-1"]]
    assert found(model, "10.89.0.13", tmp_path) == [["address", "eth0 of the node", 2, "node"]]
    assert found(model, "veth00010002", tmp_path) == [["interface", "cable of default/pod2", 0, "pod-3"]]
    assert found(model, "default/pod1", tmp_path)[0][0] == "pod"
    # A node by its name, and by the last word of its name the pod that runs on its own network.
    assert found(model, "node2", tmp_path) == [
        ["node", "", 1, "main"],
        ["pod", "kube-system/kube-proxy-node2", 1, "pods"],
    ]
    assert [entry[:2] for entry in found(model, "cni0", tmp_path)] == [["interface", "bridge"]] * 3
    assert found(model, "10.96.0.1:80", tmp_path) == [["Service", "default/web0:http", 3, "service-1"]]
    for key in ("x2v4q", "web-7f9c-x2v4q", "default/web-7f9c-x2v4q"):
        assert [entry[-1] for entry in found(model, key, tmp_path)] == ["pod-1"], key


@pytest.mark.parametrize("name", ["hostile", "healthy", "empty"])
def test_every_entry_leads_to_a_place(name: str, tmp_path: Path) -> None:
    models = {"hostile": hostile, "healthy": lambda: model_of(*with_services(three_nodes())), "empty": model_of}
    parts, _first, listed = index(models[name](), tmp_path)
    read = {path.name: page for path, page in pages(tmp_path / "html").items()}
    for entry in (entry for part in parts for entry in part):
        assert entry[4] in read[unquote(listed[entry[3]][1])].anchors, entry


def test_the_index_is_in_parts_that_follow_each_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "PART", 2000)
    parts, first, _pages = index(model_of(*(NodeFile(number, pods=9) for number in range(1, 9))), tmp_path)
    assert len(parts) == 8
    assert first == [part[0][0] for part in parts]
    keys = [entry[0] for part in parts for entry in part]
    assert all(one <= other for one, other in pairwise(keys))
    assert all(path.stat().st_size < 2200 for path in (tmp_path / "html").glob("index-*.js"))


def test_more_entries_than_are_sorted_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = hostile()
    at_once, first, _pages = index(model, tmp_path)
    monkeypatch.setattr(search, "RUN", 7)
    assert index(model, tmp_path)[:2] == (at_once, first)
    keys = [entry[0] for part in at_once for entry in part]
    assert keys == sorted(keys, key=lambda key: key.encode("utf-16-be"))
    assert not [path for path in (tmp_path / "html").iterdir() if path.suffix not in (".html", ".js", ".css")]


def test_parts_of_a_larger_index_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(search, "PART", 500)
        index(model_of(NodeFile(1, pods=9)), tmp_path)
    parts, _first, _pages = index(model_of(NodeFile(1, pods=9)), tmp_path)
    assert len(parts) == 1
