# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rules of iptables as iptables-save prints them: what they do with a packet, and what is said of the others."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.podnet.lab.plugins.plugin_utils.path import iptables
from ansible_collections.podnet.lab.plugins.plugin_utils.path.compute import Asked, compute
from ansible_collections.podnet.lab.plugins.plugin_utils.path.fleet import NodeFiles
from ansible_collections.podnet.lab.plugins.plugin_utils.path.hook import Context
from ansible_collections.podnet.lab.plugins.plugin_utils.path.node import read_node
from ansible_collections.podnet.lab.plugins.plugin_utils.path.records import Packet, number_of
from ansible_collections.podnet.lab.plugins.plugin_utils.path.routing import UnknownError
from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.path.node_documents import node, spaces, write


def context(**changes: Any) -> Context:
    """A packet of TCP from 10.244.1.2 to 10.244.2.3:80, forwarded."""
    packet = Packet("inet", 6, number_of("10.244.1.2")[1], number_of("10.244.2.3")[1], 40000, 80, 84)
    own = read_node(node(1), "node1.json").own
    values: dict[str, Any] = {
        "namespace": own, "packet": packet, "mark": 0x10, "iif": "br0", "oif": "eth0", "state": "new",
        "status": frozenset(), "ct_mark": 0, "reply": False, "original": packet, "choose": lambda _number, _what: 0,
    }  # fmt: skip
    return Context(**{**values, **changes})


def verdict(rule: str, used: Context | None = None) -> str | None:
    """Return what a rule does with the packet; None when it is not for it, or does nothing."""
    (table,) = iptables.read_saved(
        f"*filter\n:FORWARD ACCEPT [0:0]\n:MORE - [0:0]\n-A FORWARD {rule}\nCOMMIT\n", "inet", "iptables-nft"
    )
    for act, _number in table.rules("FORWARD"):
        found = act(used or context())
        return None if found is None else found.kind
    return None


FIT = [
    "", "-s 10.244.1.0/24", "! -s 10.0.0.1/32", "-d 10.244.2.3/32", "-p tcp", "! -p udp",
    "-i br0", "-i br+", "! -o br0",
    "-p tcp -m tcp --dport 80", "-p tcp -m tcp --dport 79:90", "-p tcp -m tcp ! --dport 81",
    "-p tcp -m tcp --sport 1024:",
    "-p tcp -m multiport --dports 53,80:81", "-p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN",
    "-m conntrack --ctstate NEW,RELATED", "-m conntrack ! --ctstate INVALID", "-m state --state NEW",
    "-m mark --mark 0x10/0x10", "-m mark ! --mark 0x1/0x1", "-m addrtype --dst-type UNICAST",
    "-m addrtype ! --src-type LOCAL", '-m comment --comment "not -j ACCEPT; it drops"',
    "-m statistic --mode random --probability 0.33333333349", "-m statistic --mode nth --every 3 --packet 0",
]  # fmt: skip
MISS = [
    "! -s 10.244.1.0/24", "-d 10.244.2.4/32", "-p udp", "-i eth0", "-p udp -m udp --dport 80", "-m mark --mark 0x11",
    "-m conntrack --ctstate RELATED,ESTABLISHED", "-m conntrack --ctstate DNAT", "-m conntrack --ctstatus SNAT",
    "-m addrtype --dst-type LOCAL", "-p icmp -m icmp --icmp-type 8",
]  # fmt: skip


@pytest.mark.parametrize("condition", FIT)
def test_a_condition_that_holds(condition: str) -> None:
    assert verdict(f"{condition} -j DROP") == "drop"


@pytest.mark.parametrize("condition", MISS)
def test_a_condition_that_does_not_hold(condition: str) -> None:
    assert verdict(f"{condition} -j DROP") is None


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("-m set --match-set x src -j DROP", "the match set of the rule -m set --match-set x src -j DROP is not"),
        ("-m conntrack --ctorigdst 10.0.0.1 -j DROP", "the option --ctorigdst of the rule"),
        ("-m limit --limit 3/min -j DROP", "a rule counts packets (limit)"),
        ("-j NFQUEUE --queue-num 0", "the target of the rule -j NFQUEUE --queue-num 0 is not understood"),
        ("-j DNAT --to-destination 10.0.0.1-10.0.0.9", "the target of the rule"),
        ('-m comment --comment "open -j DROP', "the rule -m comment"),
    ],
)
def test_what_is_not_understood_is_named_where_it_matters(rule: str, said: str) -> None:
    with pytest.raises(UnknownError) as problem:
        verdict(rule)
    assert str(problem.value).startswith(said)


def test_what_is_not_understood_does_not_matter_where_the_rule_is_not_for_the_packet() -> None:
    assert verdict("-m set --match-set x src -p udp -j DROP") is None
    assert verdict("-m limit --limit 3/min -j LOG --log-prefix x") is None
    assert verdict("-m recent --set") is None, "no target"


@pytest.mark.parametrize(
    ("target", "mark"),
    [
        ("--set-xmark 0x4000/0x4000", 0x4010), ("--set-xmark 0x10/0x0", 0x0), ("--set-mark 0x1", 0x1),
        ("--set-mark 0x1/0x1", 0x11), ("--or-mark 0x2", 0x12), ("--and-mark 0x1", 0x0), ("--xor-mark 0x11", 0x1),
    ],
)  # fmt: skip
def test_marks(target: str, mark: int) -> None:
    used = context()
    assert verdict(f"-j MARK {target}", used) is None
    assert used.mark == mark


def test_targets() -> None:
    for target, kind in (
        ("ACCEPT", "accept"),
        ("REJECT --reject-with tcp-reset", "reject"),
        ("RETURN", "return"),
        ("MORE", "jump"),
    ):
        assert verdict(f"-j {target}") == kind
    assert verdict("-g MORE") == "goto"
    assert verdict("-j TCPMSS --clamp-mss-to-pmtu") is None


def test_the_page_lists_what_is_understood() -> None:
    page = next(one for one in Path(__file__).parents if (one / "galaxy.yml").is_file()) / "docs" / "path.md"
    text = page.read_text(encoding="utf-8").partition("**iptables**")[2].partition("## How far")[0]
    rows = {line.split(" | ")[0].strip("| "): line.split(" | ")[1] for line in text.splitlines() if " | " in line}
    assert re.findall(r"`([a-z0-9]+)`", rows["matches"]) == list(iptables.MODULES)
    assert tuple(re.findall(r"`([A-Z]+(?: --\w+)?)`", rows["targets"])) == iptables.TARGETS
    assert tuple(re.findall(r"`(\w+)`", rows["without effect"])) == iptables.NO_EFFECT


KUBE_PROXY = """
*filter
:FORWARD ACCEPT [0:0]
:KUBE-FORWARD - [0:0]
:KUBE-FIREWALL - [0:0]
-A FORWARD -m comment --comment "kubernetes forwarding rules" -j KUBE-FORWARD
-A KUBE-FORWARD -m conntrack --ctstate INVALID -m nfacct --nfacct-name ct_state_invalid_dropped_pkts -j DROP
-A KUBE-FORWARD -m comment --comment "kubernetes forwarding rules" -m mark --mark 0x4000/0x4000 -j ACCEPT
COMMIT
*nat
:PREROUTING ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
:KUBE-MARK-MASQ - [0:0]
:KUBE-POSTROUTING - [0:0]
:KUBE-SEP-ONE - [0:0]
:KUBE-SEP-TWO - [0:0]
:KUBE-SERVICES - [0:0]
:KUBE-SVC-WEB - [0:0]
-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
-A POSTROUTING -m comment --comment "kubernetes postrouting rules" -j KUBE-POSTROUTING
-A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000
-A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN
-A KUBE-POSTROUTING -j MARK --set-xmark 0x4000/0x0
-A KUBE-POSTROUTING -m comment --comment "kubernetes service traffic requiring SNAT" -j MASQUERADE --random-fully
-A KUBE-SEP-ONE -s 10.244.1.2/32 -m comment --comment "default/web:http" -j KUBE-MARK-MASQ
-A KUBE-SEP-ONE -p tcp -m comment --comment "default/web:http" -m tcp -j DNAT --to-destination 10.244.1.2:80
-A KUBE-SEP-TWO -s 10.244.2.3/32 -m comment --comment "default/web:http" -j KUBE-MARK-MASQ
-A KUBE-SEP-TWO -p tcp -m comment --comment "default/web:http" -m tcp -j DNAT --to-destination 10.244.2.3:80
-A KUBE-SERVICES -d 10.96.0.1/32 -p tcp -m comment --comment "web cluster IP" -m tcp --dport 80 -j KUBE-SVC-WEB
-A KUBE-SVC-WEB ! -s 10.244.0.0/16 -d 10.96.0.1/32 -p tcp -m tcp --dport 80 -j KUBE-MARK-MASQ
-A KUBE-SVC-WEB -m comment --comment "-> a" -m statistic --mode random --probability 0.50000000000 -j KUBE-SEP-ONE
-A KUBE-SVC-WEB -m comment --comment "-> b" -j KUBE-SEP-TWO
COMMIT
"""


@pytest.mark.parametrize("variant", ["iptables-legacy", "iptables-nft"])
def test_a_service_of_kube_proxy_leads_to_each_backend(tmp_path: Path, variant: str) -> None:
    one = node(1)
    part = {"variant": variant, "family": "inet", "command": f"{variant}-save", "text": KUBE_PROXY}
    native = {"variant": "nftables", "family": None, "command": "nft -j list ruleset", "text": '{"nftables": []}'}
    spaces(one)["host"]["ruleset"]["parts"] = [native, part]
    found = compute(NodeFiles(write(tmp_path, one, node(2))), Asked("default/a1", "default/web:80"))
    ways = [
        (way["there"]["receiver"], way["there"]["packet"]["src"], way["there"]["packet"]["sport"])
        for way in found["ways"]
    ]
    # The first is the sender itself, which must not see its own address come in: the packet gets the bridge's.
    assert ways == [("default/a1", "10.244.1.1", None), ("default/b2", "10.244.1.2", 40000)]
    assert [way["back"] and way["back"]["verdict"] for way in found["ways"]] == ["delivered", "delivered"]
    steps = [step for hop in found["ways"][1]["there"]["hops"] for step in hop["steps"] if step["what"] == "firewall"]
    assert [step["text"] for step in steps] == [
        (
            f"{variant} nat, prerouting chain PREROUTING > KUBE-SERVICES > KUBE-SVC-WEB > KUBE-SEP-TWO, rule 2: "
            "dnat to 10.244.2.3:80"
        )
    ]
    assert steps[0]["command"] == f"{variant} -t nat -nL KUBE-SEP-TWO --line-numbers"


def test_what_iptables_wrote_into_nftables_is_not_read_twice(tmp_path: Path) -> None:
    one = node(1)
    drop = '{"rule": {"family": "ip", "table": "filter", "chain": "FORWARD", "handle": 1, "expr": [{"drop": null}]}}'
    base = '"name": "FORWARD", "type": "filter", "hook": "forward", "prio": 0'
    chain = f'{{"chain": {{"family": "ip", "table": "filter", {base}}}}}'
    text = f'{{"nftables": [{{"table": {{"family": "ip", "name": "filter"}}}}, {chain}, {drop}]}}'
    native = {"variant": "nftables", "family": None, "command": "nft -j list ruleset", "text": text}
    part = {
        "variant": "iptables-nft",
        "family": "inet",
        "command": "iptables-nft-save",
        "text": "*filter\n:FORWARD ACCEPT [0:0]\nCOMMIT\n",
    }
    for parts, expected in (([native], "dropped"), ([native, part], "delivered")):
        spaces(one)["host"]["ruleset"]["parts"] = parts
        found = compute(NodeFiles(write(tmp_path, one, node(2))), Asked("default/a1", "default/b2"))
        assert found["verdict"] == expected
