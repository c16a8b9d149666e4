# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The pages of a report: what is on them, where links lead, hostile names, and what is left of an earlier report."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from itertools import pairwise
from pathlib import Path

import pytest

from ansible_collections.podnet.lab.plugins.plugin_utils.findings import ignoring
from ansible_collections.podnet.lab.plugins.plugin_utils.model.records import Model
from ansible_collections.podnet.lab.plugins.plugin_utils.page import names, site
from ansible_collections.podnet.lab.plugins.plugin_utils.text.escape import visible
from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.findings import fleets
from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.model.node_files import (
    HOSTILE,
    NodeFile,
    model_of,
    three_nodes,
    unread,
)
from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.page.reading import Page, broken_links, pages
from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.report.test_reports import (
    broken,
    hostile,
    with_services,
)


def full() -> Model:
    """Return a node with as many pods as kubelet allows."""
    return model_of(NodeFile(1, pods=110))


def fleet() -> Model:
    """Return more nodes than the overview lists, with more findings of a kind than one page has."""
    nodes = [NodeFile(number, pods=2, host=f"node{number}") for number in range(1, 70)]
    for place in range(320):
        nodes[5].cni["unreadable"].append({"object": f"/etc/cni/net.d/{place}", "cause": "no JSON", "remedy": "mend"})
    return model_of(*nodes)


MODELS: dict[str, Callable[[], Model]] = {
    "empty": model_of,
    "unread": lambda: model_of(unread("node1")),
    "healthy": lambda: model_of(*with_services(three_nodes())),
    "broken": broken,
    "full": full,
    "fleet": fleet,
    "hostile": hostile,
}


def written(model: Model, folder: Path) -> Path:
    """Write the pages of *model*, and beside them what else a report folder holds."""
    for name in ("report.json", "report.md"):
        (folder / name).write_text("", encoding="utf-8")
    assert site.write(model, folder) == folder / "report.html"
    return folder


@pytest.fixture(name="report", params=list(MODELS))
def _report(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return written(MODELS[request.param](), tmp_path)


def test_every_link_leads_somewhere(report: Path) -> None:
    assert broken_links(report) == []


def test_every_page_is_whole_and_an_id_is_there_once(report: Path) -> None:
    for path, page in pages(report).items():
        assert page.crossed == [], path
        assert page.open == [], path
        assert len(page.anchors) == len(set(page.anchors)), path


def test_a_page_runs_and_loads_nothing_that_is_not_beside_it(report: Path) -> None:
    for path, page in pages(report).items():
        policies = [one["content"] for one in page.all("meta") if one.get("http-equiv") == "Content-Security-Policy"]
        assert len(policies) == 1, path
        assert policies[0].startswith("default-src 'none'; "), path
        assert "unsafe" not in policies[0], path
        for tag, attributes in page.elements:
            assert tag not in ("style", "iframe", "object", "embed", "img", "base"), path
            assert tag != "script" or re.fullmatch(r"(html/)?search\.js", attributes["src"]), path
            assert not [name for name in attributes if name.startswith("on") or name == "style"], path
        assert not [link for link in page.links if ":" in link or link.startswith("//")], path


def test_every_page_has_landmarks_and_headings_in_order(report: Path) -> None:
    for path, page in pages(report).items():
        tags = [element.tag for element in page.elements]
        assert [tags.count(tag) for tag in ("header", "main", "footer", "h1")] == [1, 1, 1, 1], path
        levels = [int(tag[1]) for tag in tags if re.fullmatch("h[1-6]", tag)]
        assert all(later <= earlier + 1 for earlier, later in pairwise(levels)), path
        assert all(one.get("scope") in ("col", "row") for one in page.all("th")), path
        assert {one["lang"] for one in page.all("html")} == {"en"}, path
        for name in (one["aria-labelledby"] for _tag, one in page.elements if "aria-labelledby" in one):
            assert set(name.split()) <= set(page.anchors), path


def test_hostile_names_are_text(tmp_path: Path) -> None:
    written(hostile(), tmp_path)
    node = pages(tmp_path)[tmp_path / "html" / "node-node1.html"]
    shown = node.text
    for name in HOSTILE:
        assert " ".join(visible(name).split()) in shown
    whole = "".join(path.read_text(encoding="utf-8") for path in tmp_path.rglob("*.html"))
    assert "<script>alert" not in whole
    assert whole.replace("\n", "").isprintable()


def test_what_the_overview_says(tmp_path: Path) -> None:
    written(broken(), tmp_path)
    page = Page((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert "Something does not work: 2 faults of 2 kinds on 1 of 4 nodes." in page.text
    assert "1 node could not be read, so nothing is known of it." in page.text
    assert "veth00010002, the cable of default/pod2, is no port of cni0" in page.text
    assert "4 of 256, 2 %" in page.text
    assert "html/finding-cable-unplugged.html" in page.links
    assert "html/node-node4.html" in page.links


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("empty", "There is no node in this report."),
        ("unread", "No node could be read, so nothing is known."),
        ("full", "Nothing odd was found on 1 node."),
    ],
)
def test_health_in_words(name: str, sentence: str, tmp_path: Path) -> None:
    written(MODELS[name](), tmp_path)
    assert sentence in Page((tmp_path / "report.html").read_text(encoding="utf-8")).text


def test_what_is_ignored_stays_visible_with_its_reason(tmp_path: Path) -> None:
    rules = ignoring.rules([{"kind": "lease-leaked", "reason": "<b>known</b>"}])
    written(ignoring.applied(broken(), rules), tmp_path)
    text = Page((tmp_path / "report.html").read_text(encoding="utf-8")).text
    assert "1 finding set aside with a reason, listed below." in text
    assert "the lease 10.244.1.90 of the network pods belongs to no sandbox<b>known</b>" in text
    assert not (tmp_path / "html" / "finding-lease-leaked.html").exists()


def test_tunnels_and_what_could_not_be_read_are_in_tables(tmp_path: Path) -> None:
    fleet = fleets.flannel()
    fleet[0].errors.append({"object": "/run/x", "cause": "permission denied", "remedy": "become root"})
    written(model_of(*fleet), tmp_path)
    page = Page((tmp_path / "html" / "node-node1.html").read_text(encoding="utf-8"))
    assert "vxlan VNI 1 port 8472 MTU 1450" in page.text.partition("Other interfaces of the node")[2]
    assert "/run/xpermission deniedbecome root" in page.text.partition("What could not be read (1)")[2]
    assert {"#interfaces", "#unread"} <= set(page.links)


def test_a_kind_has_a_page_with_what_it_means(tmp_path: Path) -> None:
    written(broken(), tmp_path)
    page = Page((tmp_path / "html" / "finding-cable-unplugged.html").read_text(encoding="utf-8"))
    assert "ip link set dev veth00010002 master cni0" in page.text
    assert "By hand" in page.text


def test_a_long_list_is_in_parts(tmp_path: Path) -> None:
    written(fleet(), tmp_path)
    overview = Page((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert "All 69 nodes" in overview.text
    second = Page((tmp_path / "html" / "finding2-cni-unreadable.html").read_text(encoding="utf-8"))
    assert second.anchors[-1] == "odd-320"
    assert "/etc/cni/net.d/99 " not in Page((tmp_path / "html" / "node-node1.html").read_text(encoding="utf-8")).text


def test_pages_of_what_is_gone_are_removed_and_what_is_not_ours_stays(tmp_path: Path) -> None:
    written(broken(), tmp_path)
    html = tmp_path / "html"
    mine = html / "node-mine.html"
    mine.write_text("<p>a note of mine</p>", encoding="utf-8")
    (html / "deep").mkdir()
    (html / "node-link.html").symlink_to(html / "node-node4.html")
    written(model_of(NodeFile(1, pods=1)), tmp_path)
    assert sorted(path.name for path in html.iterdir() if path.name.startswith(("node-", "finding"))) == [
        "node-link.html",
        "node-mine.html",
        "node-node1.html",
    ]
    assert (html / "deep").is_dir()


def test_the_same_model_gives_the_same_bytes(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        folder.mkdir()
        written(broken(), folder)
    assert {path.relative_to(first): path.read_bytes() for path in first.rglob("*") if path.is_file()} == {
        path.relative_to(second): path.read_bytes() for path in second.rglob("*") if path.is_file()
    }


def test_no_two_things_share_a_file() -> None:
    texts = [*HOSTILE, "s", "s-2", "2", "a", "A", "%61", "nodes", "../x"]
    files = [
        *(names.node(text) for text in texts),
        *(names.finding(text, number) for text in texts for number in (1, 2, 11)),
        *(names.listing(what, number) for what in ("nodes", "ranges", "services") for number in (1, 2)),
    ]
    assert len(files) == len(set(files))
    assert not [file for file in files if "/" in file]


def _of_nodes(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in sorted(folder.rglob("node-*.html"))}


@pytest.mark.parametrize("failing", [False, True], ids=["several processes", "a process that fails"])
def test_pages_by_several_processes_are_those_of_one(
    failing: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, here = fleet(), os.getpid()
    monkeypatch.setattr(os, "cpu_count", lambda: 3)
    monkeypatch.setattr(site, "NODES_OF_A_PROCESS", len(model["nodes"]) + 1)
    site.write(model, tmp_path / "one")
    monkeypatch.setattr(site, "NODES_OF_A_PROCESS", 10)
    write, began = site._write_all, os.times().children_user

    def written(folder: Path, some: Iterable[tuple[str, str]]) -> None:
        if failing and os.getpid() != here:
            raise OSError
        write(folder, some)

    monkeypatch.setattr(site, "_write_all", written)
    site.write(model, tmp_path / "several")
    assert failing or os.times().children_user > began
    assert len(_of_nodes(tmp_path / "one")) == len(model["nodes"])
    assert _of_nodes(tmp_path / "several") == _of_nodes(tmp_path / "one")
