# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a firewall does with a packet: for certain, perhaps, or not at all."""

from __future__ import annotations

import pytest

from ansible_collections.podnet.lab.plugins.module_utils._firewall.saved import parse_save
from ansible_collections.podnet.lab.plugins.plugin_utils.findings.packets import Packet, fates
from ansible_collections.podnet.lab.plugins.plugin_utils.model import firewall
from ansible_collections.podnet.lab.plugins.plugin_utils.model.reading import Item
from ansible_collections.podnet.lab.plugins.plugin_utils.model.records import Firewall

PACKET = Packet("inet", "10.244.1.2", "10.244.2.2", iif="cni0", oif="eth0")


def saved(*rules: str, policy: str = "ACCEPT") -> Firewall:
    """Return a firewall of iptables with these rules in FORWARD and in chains of its own."""
    chains = sorted({rule.split()[1] for rule in rules if rule.startswith("-A") and " FORWARD" not in rule[:12]})
    text = "\n".join(["*filter", f":FORWARD {policy} [0:0]", *(f":{one} - [0:0]" for one in chains), *rules])
    table = {"family": "inet", "table": "filter", "variant": "iptables-nft", "command": "iptables-save"}
    return firewall.read(
        Item({"complete": True, "tables": [{**table, "chains": list(parse_save(text).values())}]}, "firewall")
    )


def ends(rules: Firewall, packet: Packet = PACKET) -> set[str]:
    """Return all that may become of the packet."""
    (fate,) = fates(rules, packet, "forward")
    return {one.outcome for one in fate.verdicts}


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("", {"drop"}),
        ("-i cni0 -o eth+", {"drop"}),
        ("-i docker0", {"accept"}),
        ("! -i docker0", {"drop"}),
        ("! -o eth0", {"accept"}),
        ("-s 10.244.0.0/16 -d 10.244.2.0/24", {"drop"}),
        ("-s 10.245.0.0/16", {"accept"}),
        ("! -d 10.244.0.0/16", {"accept"}),
        ("-p tcp", {"drop"}),
        ("-p 6", {"drop"}),
        ("-p udp -m udp --dport 53", {"accept"}),
        ("-p tcp -m tcp --dport 80", {"accept", "drop"}),
        ("-m conntrack --ctstate NEW", {"drop"}),
        ("-m conntrack --ctstate NEW,RELATED", {"drop"}),
        ("-m conntrack --ctstate INVALID", {"accept"}),
        ("-m conntrack ! --ctstate RELATED,ESTABLISHED", {"drop"}),
        ("-m conntrack ! --ctstate DNAT", {"drop"}),
        ("-m mark --mark 0x4000/0x4000", {"accept"}),
        ("-m mark ! --mark 0x4000/0x4000", {"drop"}),
        ("-m mark --mark 0x8000/0x8000", {"accept"}),
        ("-m mark --mark 0x10000/0x10000", {"accept", "drop"}),
        ("-m mark --mark 0x4000", {"accept", "drop"}),
        ("-m connmark --mark 0x4000/0x4000", {"accept", "drop"}),
        ("-m addrtype --dst-type LOCAL", {"accept"}),
        ("-m addrtype ! --dst-type LOCAL", {"drop"}),
        ("-m set --match-set pods src", {"accept", "drop"}),
        ("-m limit --limit 5/min", {"accept", "drop"}),
        ("-i docker0 -m set --match-set pods src", {"accept"}),
    ],
)
def test_a_condition_holds_or_not_or_nobody_can_tell(condition: str, expected: set[str]) -> None:
    assert ends(saved(f"-A FORWARD {condition} -j DROP")) == expected


def test_the_policy_counts_where_no_rule_decides() -> None:
    assert ends(saved(policy="DROP")) == {"drop"}
    assert ends(saved("-A FORWARD -j ACCEPT", policy="DROP")) == {"accept"}
    assert ends(saved("-A FORWARD -p tcp -m tcp --dport 80 -j ACCEPT", policy="DROP")) == {"accept", "drop"}


def test_a_jump_comes_back_and_a_goto_does_not() -> None:
    assert ends(saved("-A FORWARD -j A", "-A FORWARD -j ACCEPT", "-A A -i docker0 -j DROP", policy="DROP")) == {
        "accept"
    }
    assert ends(saved("-A FORWARD -g A", "-A FORWARD -j ACCEPT", "-A A -i docker0 -j DROP", policy="DROP")) == {"drop"}
    assert ends(saved("-A FORWARD -j A", "-A FORWARD -j DROP", "-A A -j RETURN", "-A A -j ACCEPT")) == {"drop"}
    assert ends(saved("-A FORWARD -j RETURN", "-A FORWARD -j ACCEPT", policy="DROP")) == {"drop"}
    assert ends(saved("-A FORWARD -j A", "-A FORWARD -j DROP", "-A A -m set --match-set x src -j ACCEPT")) == {
        "accept",
        "drop",
    }


def test_what_nobody_knows_may_do_anything() -> None:
    assert ends(saved("-A FORWARD -j NFQUEUE", policy="DROP")) == {"accept", "drop", "nat"}


def test_chains_that_lead_to_each_other_come_to_an_end() -> None:
    assert "accept" in ends(saved("-A FORWARD -j A", "-A A -j B", "-A B -j A", policy="DROP"))


def test_another_family_has_other_tables() -> None:
    assert list(fates(saved(policy="DROP"), PACKET._replace(family="inet6"), "forward")) == []
    assert list(fates(saved(policy="DROP"), PACKET, "input")) == []


def test_a_tunnel_may_be_known_or_past_connection_tracking() -> None:
    tunnel = PACKET._replace(protocol=17, dport=8472, states=frozenset({"new", "untracked"}))
    assert ends(saved("-A FORWARD -p udp -m udp --dport 8472 -j DROP"), tunnel) == {"drop"}
    assert ends(saved("-A FORWARD -p udp -m udp --dport 4789 -j DROP"), tunnel) == {"accept"}
    assert ends(saved("-A FORWARD -m conntrack --ctstate UNTRACKED -j ACCEPT", policy="DROP"), tunnel) == {
        "accept",
        "drop",
    }
    assert ends(saved("-A FORWARD -m conntrack --ctstate ESTABLISHED -j ACCEPT", policy="DROP"), tunnel) == {"drop"}
