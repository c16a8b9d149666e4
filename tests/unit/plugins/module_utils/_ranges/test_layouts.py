# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every layout of a node that was tried, and the page that lists them."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.podnet.lab.plugins.module_utils._files.reader import Files
from ansible_collections.podnet.lab.plugins.module_utils._ranges.cni_config import read_cni_configs
from ansible_collections.podnet.lab.plugins.module_utils._ranges.cni_network import cni_facts
from ansible_collections.podnet.lab.plugins.module_utils._ranges.conflicts import find_conflicts
from ansible_collections.podnet.lab.plugins.module_utils._ranges.sources import add_defaults, read_sources
from ansible_collections.podnet.lab.tests.unit.plugins.module_utils._ranges.layouts import LAYOUTS, Layout, manifest

PAGE = os.path.join(os.path.dirname(__file__), "..", "..", "..", "..", "..", "docs", "layouts.md")


def _shown(entries: Any) -> Any:
    return [one["cidr"] + ("" if one["scope"] == "cluster" else " " + one["scope"]) for one in entries]


@pytest.mark.parametrize("name", sorted(LAYOUTS))
def test_a_layout_says_what_it_is_and_nothing_contradicts(tmp_path: Path, name: str) -> None:
    layout = LAYOUTS[name]
    for path, content in layout.files.items():
        target = tmp_path / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content if isinstance(content, str) else json.dumps(content))
    files = Files(str(tmp_path))
    configs = read_cni_configs(files)
    ranges = read_sources(files, configs)
    add_defaults(files, ranges)
    assert (files.errors, ranges.errors, configs["unreadable"]) == ([], [], [])
    assert (_shown(ranges.pod), _shown(ranges.service)) == (list(layout.pod), list(layout.service))
    assert ranges.flat is layout.flat
    facts = cni_facts(configs)
    active = facts["active"]
    assert (active and active["plugins"]) == layout.plugins
    assert [one["path"].rsplit("/", 1)[-1] for one in (active["through"] if active else [])] == list(layout.through)
    assert find_conflicts(ranges, [], [], [], []) == []


def _cell(entries: Any) -> str:
    """Ranges as the page writes them, each once."""
    words = [entry.partition(" ") for entry in dict.fromkeys(entries)]
    return ", ".join("`%s`" % cidr + (" (%s)" % scope if scope else "") for cidr, _space, scope in words) or "–"


def _row(layout: Layout) -> Any:
    plugins = ", ".join("`%s`" % one for one in layout.plugins or []) or "–"
    remarks = ["behind `%s`" % one for one in layout.through] + ["pods in the nodes' network"] * layout.flat
    return [plugins, _cell(layout.pod), _cell(layout.service), ", ".join(remarks)]


def test_the_page_lists_every_layout() -> None:
    with open(PAGE, encoding="utf-8") as stream:
        rows = [line.strip().strip("|").split("|") for line in stream if line.startswith("| ") and "---" not in line]
    listed = {row[0].strip(): [cell.strip() for cell in row[1:]] for row in rows if row[0].strip() != "layout"}
    assert listed == {name: _row(layout) for name, layout in LAYOUTS.items()}


@pytest.mark.parametrize(
    ("plugin", "flat"), [("bridge", False), ("calico", False), ("cilium-cni", True), ("macvlan", True)]
)
def test_the_plugin_in_force_has_the_last_word(tmp_path: Path, plugin: str, flat: bool) -> None:
    """A controller manager may be told to give nodes no ranges where the plugin has others (kubespray, OpenShift)."""
    folder = tmp_path / "etc/cni/net.d"
    folder.mkdir(parents=True)
    (folder / "10-net.conf").write_text(json.dumps({"name": "net", "type": plugin}))
    manifests = tmp_path / "etc/kubernetes/manifests"
    manifests.mkdir(parents=True)
    flags = ["--cluster-cidr=10.0.0.0/8", "--allocate-node-cidrs=false"]
    (manifests / "kube-controller-manager.yaml").write_text(manifest("kube-controller-manager", *flags))
    files = Files(str(tmp_path))
    ranges = read_sources(files, read_cni_configs(files))
    assert ranges.flat is flat
    network: Any = {"cidr": "10.1.0.0/16", "dev": "eth0", "pods": False, "virtual": False, "joins": False}
    assert bool(find_conflicts(ranges, [network], [], [], [])) is not flat
