# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lab's rules of network policies, as nft is given them."""

from __future__ import annotations

from typing import Any, Dict, List, Optional

import pytest

from ansible_collections.podnet.lab.plugins.module_utils._lab.policy_rules import blocks, read_pods


def rule(**changes: Any) -> Dict[str, Any]:
    """A rule as the module's option has it."""
    return {"policy": "default/web", "number": 0, "peers": None, "ports": None, "pairs": [], **changes}


def span(first: int, last: int, protocol: str = "tcp") -> Dict[str, Any]:
    """Ports as the module's option has them."""
    return {"protocol": protocol, "first": first, "last": last}


def pod(ingress: Optional[List[Any]] = None, egress: Optional[List[Any]] = None, **changes: Any) -> Dict[str, Any]:
    """A pod as the module's option has it."""
    return {
        "namespace": "default", "name": "web", "address": "10.244.0.3", "ingress": ingress, "egress": egress, **changes,
    }  # fmt: skip


def lines(*rules: Dict[str, Any], direction: str = "ingress") -> List[str]:
    """The lines of the chain of a pod with these rules."""
    made = blocks(read_pods([pod(**{direction: list(rules)})]))
    return next(
        [line.strip() for line in block[1:-1]] for block in made if block[0].startswith("chain %s-" % direction)
    )


def test_a_pod_that_is_selected_and_allowed_nothing_is_closed() -> None:
    found = {block[0]: block for block in blocks(read_pods([pod(ingress=[])]))}
    (chain,) = [block for header, block in found.items() if header.startswith("chain ingress-")]
    assert chain[1:] == ["  drop", "}"]
    assert "    10.244.0.3 : goto %s," % chain[0].split()[1] in found["map pods-ingress {"]
    assert found["map pods-egress {"] == ["map pods-egress {", "  type ipv4_addr : verdict", "}"]


def test_replies_and_a_pod_that_asks_itself_pass_before_all_else() -> None:
    found = {block[0]: [line.strip() for line in block] for block in blocks(read_pods([pod(ingress=[])]))}
    assert found["chain forward {"][1:-1] == [
        "type filter hook forward priority filter; policy accept;",
        "ct state established,related accept",
        "ip saddr . ip daddr @selves accept",
        "jump egress",
        "jump ingress",
    ]
    assert "10.244.0.3 . 10.244.0.3," in found["set selves {"]
    # What the node itself sends goes out by the hook output, where nothing is.
    assert not any("hook output" in line for block in found.values() for line in block)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, ['return comment "default/web"']),
        ({"ports": [span(80, 80)]}, ['tcp dport { 80 } return comment "default/web"']),
        ({"ports": [span(80, 82), span(81, 90), span(91, 91)]}, ['tcp dport { 80-91 } return comment "default/web"']),
        (
            {"ports": [span(1, 65535, "udp"), span(443, 443)]},
            ['tcp dport { 443 } return comment "default/web"', 'meta l4proto udp return comment "default/web"'],
        ),
        ({"ports": []}, []),
    ],
)
def test_ports(options: Dict[str, Any], expected: List[str]) -> None:
    assert lines(rule(**options)) == [*expected, "drop"]


def test_peers_are_a_set_and_named_ports_of_peers_another() -> None:
    line, last = lines(rule(peers=["10.244.0.2/32", "192.0.2.0/24"]))
    assert line.startswith("ip saddr @peers-")
    assert line.endswith('-default/web/ingress/0 return comment "default/web"')
    assert last == "drop"
    pairs = [{"protocol": "tcp", "address": "10.244.1.2", "port": 8080}]
    line, _last = lines(rule(peers=["10.244.1.2/32"], ports=[], pairs=pairs), direction="egress")
    assert line.startswith("ip daddr . tcp dport @pairs-tcp-")
    made = blocks(read_pods([pod(ingress=[rule(peers=["10.244.0.2/32", "192.0.2.0/24"])])]))
    sets = [block for block in made if block[0].startswith("set peers-")]
    assert sets[0][1:] == [
        "  type ipv4_addr", "  flags interval", "  elements = {", "    10.244.0.2,", "    192.0.2.0/24,", "  }", "}",
    ]  # fmt: skip


def test_pods_of_one_policy_share_its_sets() -> None:
    one = rule(peers=["10.244.0.9/32"])
    made = blocks(read_pods([pod(ingress=[one]), pod(ingress=[one], name="web2", address="10.244.0.4")]))
    assert len([block for block in made if block[0].startswith("set peers-")]) == 1
    assert len([block for block in made if block[0].startswith("chain ingress-")]) == 2


def test_without_a_selected_pod_there_is_no_table() -> None:
    assert blocks([]) == []


@pytest.mark.parametrize(
    "made",
    [
        pod(address="10.244.0.3; flush ruleset"),
        pod(name="web {"),
        pod(ingress=[rule(policy='x"; flush ruleset; "')]),
        pod(ingress=[rule(policy="a/b/c")]),
        pod(ingress=[rule(peers=["0/0"])]),
        pod(ingress=[rule(peers=["10.244.0.2/16"])]),
        pod(ingress=[rule(ports=[span(90, 80)])]),
        pod(ingress=[rule(ports=[span(0, 80)])]),
        pod(egress=[rule(pairs=[{"protocol": "tcp", "address": "x", "port": 80}])]),
    ],
)
def test_what_nft_would_read_as_something_else_is_refused(made: Dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        read_pods([made])


def test_two_pods_of_one_address_are_refused() -> None:
    with pytest.raises(ValueError, match="the same address"):
        read_pods([pod(), pod(name="other")])
