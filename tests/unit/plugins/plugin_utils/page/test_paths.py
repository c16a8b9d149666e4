# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Computed paths as pictures and pages: what a packet comes through, where it ends, and names that are hostile."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest

from ansible_collections.podnet.lab.plugins.plugin_utils.model.records import Model
from ansible_collections.podnet.lab.plugins.plugin_utils.page import path_picture, paths, site
from ansible_collections.podnet.lab.plugins.plugin_utils.path import fleet
from ansible_collections.podnet.lab.plugins.plugin_utils.path.compute import Asked, compute
from ansible_collections.podnet.lab.plugins.plugin_utils.path.fleet import NodeFiles
from ansible_collections.podnet.lab.plugins.plugin_utils.path.records import Outcome
from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.model.node_files import HOSTILE, NodeFile, model_of
from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.page.reading import Page, broken_links, pages
from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.path.node_documents import (
    chain,
    match,
    node,
    rules,
    spaces,
    write,
)


def nodes(folder: Path) -> NodeFiles:
    """Two nodes, of which the second drops what is for b2."""
    two = node(2)
    rules(two, *chain("forward", [match("ip", "daddr", "10.244.2.3"), {"drop": None}]))
    return NodeFiles(write(folder, node(1), two))


def outcome(folder: Path, receiver: str) -> Outcome:
    return compute(nodes(folder), Asked("default/a1", receiver))["ways"][0]["there"]


def test_a_picture_has_what_a_packet_comes_through_in_its_order(tmp_path: Path) -> None:
    one = outcome(tmp_path, "default/b2:80")
    drawn = path_picture.picture(one, "a title", "way", lambda host: f"node-{host}.html")
    boxes = [(box.style, box.lines[0] if box.lines else "") for box in drawn.boxes if box.href.startswith("#")]
    assert boxes == [
        ("pod", "default/a1"),
        ("bridge", "bridge br0"),
        ("host", "routing of the node"),
        ("host fault", "routing of the node"),
    ]
    assert [box.lines[0] for box in drawn.boxes if box.style == "named"] == ["node1", "node2"]
    assert any("drops it" in line for line in drawn.boxes[-1].lines)
    (mark,) = drawn.marks
    assert (mark.severity, mark.href) == ("fault", "#way-3")
    assert "It ends: node2: ip t, forward chain c, rule 1: drops it." in drawn.description
    assert any(label.text == "eth0" for label in drawn.labels)


def test_nothing_is_outside_of_a_picture_or_over_another_box(tmp_path: Path) -> None:
    drawn = path_picture.picture(outcome(tmp_path, "default/a2:80"), "a title", "way", lambda _host: "")
    inner = [box for box in drawn.boxes if box.href]
    assert len(inner) == 6
    for box in drawn.boxes:
        assert 0 <= box.x <= box.x + box.width <= drawn.width
        assert 0 <= box.y <= box.y + box.height <= drawn.height
    for number, one in enumerate(inner):
        for other in inner[number + 1 :]:
            apart_x = one.x + one.width <= other.x or other.x + other.width <= one.x
            apart_y = one.y + one.height <= other.y or other.y + other.height <= one.y
            assert apart_x or apart_y


def test_of_a_very_long_way_the_beginning_is_drawn(tmp_path: Path) -> None:
    one = copy.deepcopy(outcome(tmp_path, "default/b2:80"))
    one["hops"] = one["hops"] * 40
    drawn = path_picture.picture(one, "a title", "way", lambda _host: "")
    assert sum(bool(box.href) for box in drawn.boxes) <= path_picture.DRAWN
    assert len(drawn.marks) == 1


@pytest.mark.parametrize("receiver", ["default/b2:80", "default/a2:80", "203.0.113.9:80"])
def test_a_page_beside_a_path_is_whole(tmp_path: Path, receiver: str) -> None:
    path = compute(nodes(tmp_path), Asked("default/a1", receiver))
    entry = paths.entry(path, "path", "ansible-playbook", href=paths.beside(tmp_path))
    page = Page(paths.write(tmp_path, paths.PAGE, entry.title, [entry]).read_text(encoding="utf-8"))
    assert (page.open, page.crossed) == ([], [])
    assert len(page.anchors) == len(set(page.anchors))
    assert broken_links(tmp_path) == []
    assert not page.all("script")
    for way in path["ways"]:
        for hop in way["there"]["hops"]:
            for step in hop["steps"]:
                assert " ".join(step["text"].split()) in page.text
                assert step["command"] is None or step["command"] in page.text
    assert way["there"]["reason"] in page.text


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_name_is_never_more_than_a_name(tmp_path: Path, text: str) -> None:
    one = node(1)
    spaces(one)["a1"]["owner"].update(name=text)
    one["host"] = text or "node1"
    files = NodeFiles(write(tmp_path, {**one, "host": "node1"}, node(2)))
    path = compute(files, Asked("10.244.1.2", "default/b2:80"))
    for hop in path["ways"][0]["there"]["hops"]:
        hop["host"] = hop["host"] if hop["host"] == "node2" else text
    made = paths.page("Paths", [paths.entry(path, "path", text, text)], in_report=False)
    page = Page(made)
    assert (page.open, page.crossed) == ([], [])
    assert not page.all("script")
    assert not [one for element in page.elements for one in element.attributes if one.startswith("on")]


def model_with_path(sender: str, receiver: str) -> Model:
    """Return nodes with a fault whose packet goes from one to the other."""
    fleet = [NodeFile(number, pods=1) for number in (1, 2)]
    fleet[0].unplug()
    model = model_of(*fleet)
    model["odd"][0]["path"] = {"sender": sender, "receiver": receiver}
    return model


def test_the_report_has_the_paths_of_its_findings(tmp_path: Path) -> None:
    folder = tmp_path / "report"
    folder.mkdir()
    nodes(folder)
    for name in ("report.json", "report.md"):
        (folder / name).write_text("", encoding="utf-8")
    site.write(model_with_path("default/a1", "default/b2:80"), folder)
    assert broken_links(folder) == []
    read = pages(folder)
    home, own = read[folder / "report.html"], read[folder / "html" / "paths.html"]
    assert "tcp from default/a1 to default/b2:80" in home.text
    assert "html/paths.html#path-1" in home.links
    assert "node2: ip t, forward chain c, rule 1: drops it" in own.text
    assert "node-node1.html" in own.links
    finding = read[folder / "html" / "finding-cable-unplugged.html"]
    assert "paths.html#path-1" in finding.links
    assert "podnet_from=default/a1 -e podnet_to=default/b2:80" in finding.text


def test_no_file_is_searched_for_what_the_model_knows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nodes(tmp_path)
    model = model_with_path("default/pod1", "10.244.2.3:80")
    for number, pod in enumerate(model["pods"], 1):
        pod["name"] = f"a{number}"
        pod["addresses"][0]["local"] = f"10.244.{number}.{number + 1}"
        model["nodes"][number - 1]["addresses"][0]["local"] = f"192.0.2.{number}"
    model["odd"][0]["path"] = {"sender": "default/a1", "receiver": "10.244.2.3:80"}

    def read(path: Path) -> bytes:
        raise AssertionError(f"{path} was searched")

    monkeypatch.setattr(fleet, "_bytes", read)
    [found] = list(paths.of_findings(model, tmp_path).values())
    assert found.sentence == "DROPPED: node2: ip t, forward chain c, rule 1: drops it"


def test_without_rules_in_the_node_files_there_is_only_the_command(tmp_path: Path) -> None:
    folder = tmp_path / "report"
    folder.mkdir()
    one = node(1)
    for space in spaces(one).values():
        del space["ruleset"]
    write(folder, one, node(2))
    for name in ("report.json", "report.md"):
        (folder / name).write_text("", encoding="utf-8")
    site.write(model_with_path("default/a1", "default/b2:80"), folder)
    assert not (folder / "html" / "paths.html").exists()
    assert broken_links(folder) == []
    finding = pages(folder)[folder / "html" / "finding-cable-unplugged.html"]
    assert "podnet_from=default/a1" in finding.text
