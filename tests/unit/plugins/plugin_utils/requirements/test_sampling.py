# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which pairs are tried, up to thousands of pods."""

from __future__ import annotations

from collections import Counter

from ansible_collections.podnet.lab.plugins.plugin_utils.requirements.records import Party
from ansible_collections.podnet.lab.plugins.plugin_utils.requirements.sampling import PAIRS, extended, pairs


def party(node: int, number: int, bridge: str = "cni0") -> Party:
    address = f"10.{node}.0.{number}"
    return Party(
        name=f"default/p{node}-{number}",
        host=f"node{node}",
        at=f"net:[{node * 1000 + number}]",
        addresses=(address,),
        own=frozenset({address}),
        bridges=frozenset({bridge} if bridge else ()),
        mtu=1500,
        pod=None,
        inside=None,
    )


def cluster(nodes: int, each: int, bridge: str = "cni0") -> list[Party]:
    return [party(node, number, bridge) for node in range(nodes) for number in range(each)]


def test_few_pods_all_ask_all() -> None:
    sample = pairs(cluster(3, 10))
    assert (len(sample.pairs), sample.possible, sample.how) == (870, 870, "all of them")
    assert all(one is not other for one, other in sample.pairs)
    assert pairs(cluster(1, 1)).pairs == []
    assert pairs([]).pairs == []


def test_the_limit_is_for_each_node() -> None:
    assert pairs(cluster(2, 10), 190).how == "all of them"
    assert pairs(cluster(2, 10), 189).how != "all of them"


def test_a_sample_covers_what_can_differ() -> None:
    pods = cluster(50, 100)
    sample = pairs(pods)
    assert sample.possible == 5000 * 4999
    keys = {(one.key, other.key) for one, other in sample.pairs}
    assert len(keys) == len(sample.pairs)
    # Beyond its own bridge, every pod sends to another node and receives from another node.
    across = [(one, other) for one, other in sample.pairs if one.host != other.host]
    assert {one.key for one, _other in across} == {other.key for _one, other in across} == {pod.key for pod in pods}
    assert {(one.host, other.host) for one, other in across} == {
        (f"node{one}", f"node{other}") for one in range(50) for other in range(50) if one != other
    }
    # On each bridge every pod sends to and receives from five others.
    within = Counter(one.key for one, other in sample.pairs if one.host == other.host)
    assert set(within.values()) == {5}
    assert max(Counter(one.host for one, _other in sample.pairs).values()) < 1000
    assert "each of the 5000 pods sends and receives, the 50 nodes send to each other in 2450 pairs" in sample.how
    assert sample.how.endswith("or to 5 others where these are 100")


def test_all_that_share_a_bridge() -> None:
    sample = pairs(cluster(40, 32))
    within = Counter(one.key for one, other in sample.pairs if one.host == other.host)
    assert set(within.values()) == {31}
    assert sample.how.endswith("all that share a bridge send to each other")


def test_a_bridge_with_very_many_pods() -> None:
    sample = pairs(cluster(1, 500), limit=1_000_000)
    assert len(sample.pairs) == 500


def test_without_bridges_the_rest_is_still_covered() -> None:
    sample = pairs(cluster(40, 100, bridge=""))
    assert len(sample.pairs) <= 4000 + 40 * 39
    assert {one.key for one, _other in sample.pairs} == {other.key for _one, other in sample.pairs}


def test_nodes_of_unequal_size() -> None:
    pods = [*cluster(1, 200, bridge=""), party(1, 1, ""), party(2, 1, "")]
    sample = pairs(pods, PAIRS)
    assert {one.key for one, _other in sample.pairs} == {pod.key for pod in pods}
    assert {other.key for _one, other in sample.pairs} == {pod.key for pod in pods}


def test_pairs_that_policies_let_through_come_to_a_sample_once() -> None:
    pods = cluster(50, 100)
    sample = pairs(pods)
    keys = {(one.key, other.key) for one, other in sample.pairs}
    outside = next((pods[0], other) for other in pods[200:] if (pods[0].key, other.key) not in keys)
    more = extended(sample, [outside, outside, sample.pairs[0]])
    assert len(more.pairs) == len(sample.pairs) + 1
    assert outside in more.pairs
    assert more.how == sample.how + "; beside these is 1 pair that policies let through"
    assert extended(sample, [sample.pairs[0]]) is sample
    few = pairs(cluster(3, 10))
    assert extended(few, [(pods[0], pods[5])]) is few
