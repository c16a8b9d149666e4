# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How full a range is, in numbers and as columns of a bar."""

from __future__ import annotations

import pytest

from ansible_collections.podnet.lab.plugins.plugin_utils.model.records import Range
from ansible_collections.podnet.lab.plugins.plugin_utils.page.usage import COLUMNS, Bar, Usage
from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.model.node_files import NodeFile, model_of


def gauge(cidr: str, *nodes: NodeFile) -> Bar:
    """Return the bar of the range *cidr* of *nodes*."""
    model = model_of(*nodes)
    one = next(one for one in model["ranges"] if one["cidr"] == cidr)
    found = Usage(model).gauge(one)
    assert found is not None
    return found


def test_a_nodes_range() -> None:
    one = gauge("10.244.1.0/24", NodeFile(1, pods=4))
    assert (one.size, one.taken, one.percent) == (256, 4, "2 %")
    # Two addresses to a column: .2 and .3, .4 and .5.
    assert [tuple(part) for part in one.used] == [(1, 2, 8)]
    assert one.given == []


def test_a_clusters_range_shows_what_nodes_have_of_it() -> None:
    one = gauge("10.244.0.0/16", NodeFile(1, pods=3), NodeFile(2, pods=1))
    assert (one.taken, one.percent) == (4, "less than 1 %")
    # 512 addresses to a column: node1's and node2's /24 begin in the columns 0 and 1.
    assert [tuple(part) for part in one.given] == [(0, 2, 8)]
    assert [tuple(part) for part in one.used] == [(0, 2, 1)]


def test_a_full_range_is_full() -> None:
    node = NodeFile(1, pods=253)
    one = gauge("10.244.1.0/24", node)
    assert one.percent == "99 %"
    # The first column stands for the network's and the bridge's own address; .255 is free as well.
    assert [tuple(part) for part in one.used] == [(1, COLUMNS - 2, 8), (COLUMNS - 1, 1, 4)]


@pytest.mark.parametrize("cidr", ["fd00:10:244::/64", "::/0", "10.244.9.9/32"])
def test_ranges_of_any_size(cidr: str) -> None:
    node = NodeFile(1, pods=1)
    node.pod_ranges.append(node.range_("cluster", cidr, "kubeadm", "/x", "y"))
    node.pod("dual", address="fd00:10:244::5/64")
    one = gauge(cidr, node)
    assert one.taken == (0 if cidr.startswith("10") else 1)
    assert all(part.first + part.columns <= one.columns for part in (*one.given, *one.used))


def test_what_is_no_range_has_no_bar() -> None:
    text = "<b>no range</b>"
    one: Range = {"what": "pod", "cidr": text, "family": "inet", "scope": "node", "hosts": [], "sources": []}
    assert Usage(model_of()).gauge(one) is None
