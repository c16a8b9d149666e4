# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A comparison as a page: of two worlds, of two times, of sides with hostile names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ansible_collections.podnet.lab.plugins.plugin_utils.comparison.records import Comparison
from ansible_collections.podnet.lab.plugins.plugin_utils.page import comparing
from ansible_collections.podnet.lab.plugins.plugin_utils.text.escape import visible
from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.comparison.sides import (
    compared,
    made,
    real,
)
from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.model.node_files import HOSTILE, NodeFile, unread
from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.page.reading import Page, broken_links


def worlds(_folder: Path) -> Comparison:
    """Return a real lab and a real cluster, compared."""
    return compared(real("lab_of_two"), real("kubeadm"), expected=("bridge.hairpin", "no.such"))


def times(_folder: Path) -> Comparison:
    """Return a real cluster at two times."""
    return compared(real("kubeadm"), real("kubeadm_after"))


def hostile(folder: Path) -> Comparison:
    """Return a node before and after somebody made pods with hostile names."""
    node = NodeFile(1)
    for name in HOSTILE:
        node.pod(name, namespace=name)
    return compared(made(folder, NodeFile(1), unread(HOSTILE[0], HOSTILE[0])), made(folder, node))


KINDS = {"worlds": worlds, "times": times, "hostile": hostile}


def written(found: Comparison, folder: Path) -> Page:
    """Write the page of a comparison beside what else is in its folder."""
    for name in ("comparison.json", "comparison.md"):
        (folder / name).write_text("", encoding="utf-8")
    return Page(comparing.write(found, folder).read_text(encoding="utf-8"))


@pytest.mark.parametrize("make", KINDS.values(), ids=KINDS)
def test_a_page_is_whole_and_its_links_lead_somewhere(make: Callable[[Path], Comparison], tmp_path: Path) -> None:
    folder = tmp_path / "report"
    folder.mkdir()
    (tmp_path / "sides").mkdir()
    page = written(make(tmp_path / "sides"), folder)
    assert (page.open, page.crossed) == ([], [])
    assert broken_links(folder) == []
    assert len(page.anchors) == len(set(page.anchors))
    assert page.all("script") == page.all("form") == page.all("img") == []
    assert page.text.isprintable()
    assert all(one.get("scope") in ("col", "row") for one in page.all("th"))


def test_two_worlds(tmp_path: Path) -> None:
    text = written(worlds(tmp_path), tmp_path).text
    assert "that nobody expected." in text
    assert "1 expected difference was not found." in text
    assert "Configure the bridge" in text
    assert "hairpin off" in text
    assert "different (expected)" in text


def test_two_times(tmp_path: Path) -> None:
    text = written(times(tmp_path), tmp_path).text
    assert "recreated pod default/pod2 on node2" in text
    assert "10.244.1.4/24 → 10.244.1.7/24" in text


def test_nothing_changed(tmp_path: Path) -> None:
    text = written(compared(real("kubeadm"), real("kubeadm")), tmp_path).text
    assert "No difference that nobody expected." in text
    assert "Nothing changed." in text


def test_hostile_names_are_text(tmp_path: Path) -> None:
    (tmp_path / "sides").mkdir()
    text = written(hostile(tmp_path / "sides"), tmp_path).text
    for name in HOSTILE:
        assert " ".join(visible(name).split()) in text
