# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Firewalls as Docker, kube-proxy, network plugins, ufw and firewalld leave them, in a real kernel.

What drops or changes packets of pods is found with the chain that does it; nothing is said of rules that let them pass.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any, NamedTuple

import pytest

from ansible_collections.podnet.lab.plugins.plugin_utils.model.records import Finding
from ansible_collections.podnet.lab.tests.integration.findings.test_faults import open_nodes
from ansible_collections.podnet.lab.tests.integration.support import layouts
from ansible_collections.podnet.lab.tests.integration.support.world import CommandFailedError

_NAT = """
nft -f - <<'END'
table ip outward {
  chain postrouting { type nat hook postrouting priority srcnat; policy accept;
    ip saddr 10.244.0.0/16 ip daddr != 10.244.0.0/16 counter masquerade
  }
}
END
"""
"""What a network plugin writes so that pods reach what is outside."""

CLEAN = f"""
nft flush ruleset
for tool in iptables-legacy ip6tables-legacy; do
  $tool -P FORWARD ACCEPT; $tool -P INPUT ACCEPT; $tool -F; $tool -X; $tool -t nat -F; $tool -t nat -X
done
{_NAT}
"""

PROBES = {
    "nft": "nft add table inet probe; nft delete table inet probe",
    "iptables-nft": "iptables-nft -A FORWARD -m conntrack --ctstate NEW -m comment --comment x; iptables-nft -F",
    "iptables-legacy": "iptables-legacy -A FORWARD -m conntrack --ctstate NEW -m comment --comment x;"
    "iptables-legacy -F",
}
"""Whether the kernel and the machine have what a firewall needs."""

_DOCKER = """
T=iptables-{variant}
$T -P FORWARD DROP
$T -N DOCKER; $T -N DOCKER-USER; $T -N DOCKER-ISOLATION-STAGE-1; $T -N DOCKER-ISOLATION-STAGE-2
$T -A FORWARD -j DOCKER-USER
$T -A FORWARD -j DOCKER-ISOLATION-STAGE-1
$T -A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
$T -A FORWARD -o docker0 -j DOCKER
$T -A FORWARD -i docker0 ! -o docker0 -j ACCEPT
$T -A FORWARD -i docker0 -o docker0 -j ACCEPT
$T -A DOCKER-ISOLATION-STAGE-1 -i docker0 ! -o docker0 -j DOCKER-ISOLATION-STAGE-2
$T -A DOCKER-ISOLATION-STAGE-1 -j RETURN
$T -A DOCKER-ISOLATION-STAGE-2 -o docker0 -j DROP
$T -A DOCKER-ISOLATION-STAGE-2 -j RETURN
$T -A DOCKER-USER -j RETURN
"""
_KUBE_PROXY = """
T=iptables-{variant}
$T -N KUBE-FORWARD
$T -I FORWARD 1 -m comment --comment "kubernetes forwarding rules" -j KUBE-FORWARD
$T -A KUBE-FORWARD -m conntrack --ctstate INVALID -j DROP
$T -A KUBE-FORWARD -m comment --comment "kubernetes forwarding rules" -m mark --mark 0x4000/0x4000 -j ACCEPT
$T -A KUBE-FORWARD -m comment --comment "forwarding conntrack rule" -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
$T -t nat -N KUBE-POSTROUTING
$T -t nat -A POSTROUTING -m comment --comment "kubernetes postrouting rules" -j KUBE-POSTROUTING
$T -t nat -A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN
$T -t nat -A KUBE-POSTROUTING -j MARK --xor-mark 0x4000
$T -t nat -A KUBE-POSTROUTING -m comment --comment "kubernetes service traffic requiring SNAT" -j MASQUERADE
"""
_FLANNEL = """
T=iptables-{variant}
$T -N FLANNEL-FWD
$T -A FORWARD -m comment --comment "flanneld forward" -j FLANNEL-FWD
$T -A FLANNEL-FWD -s 10.244.0.0/16 -m comment --comment "flanneld forward" -j ACCEPT
$T -A FLANNEL-FWD -d 10.244.0.0/16 -m comment --comment "flanneld forward" -j ACCEPT
$T -t nat -N FLANNEL-POSTRTG
$T -t nat -A POSTROUTING -m comment --comment "flanneld masq" -j FLANNEL-POSTRTG
$T -t nat -A FLANNEL-POSTRTG -m mark --mark 0x4000/0x4000 -m comment --comment "flanneld masq" -j RETURN
$T -t nat -A FLANNEL-POSTRTG -s 10.244.$N.0/24 -d 10.244.0.0/16 -m comment --comment "flanneld masq" -j RETURN
$T -t nat -A FLANNEL-POSTRTG -s 10.244.0.0/16 -d 10.244.$N.0/24 -m comment --comment "flanneld masq" -j RETURN
$T -t nat -A FLANNEL-POSTRTG ! -s 10.244.0.0/16 -d 10.244.$N.0/24 -m comment --comment "flanneld masq" -j RETURN
$T -t nat -A FLANNEL-POSTRTG -s 10.244.0.0/16 ! -d 224.0.0.0/4 -m comment --comment "flanneld masq" -j MASQUERADE
$T -t nat -A FLANNEL-POSTRTG ! -s 10.244.0.0/16 -d 10.244.0.0/16 -m comment --comment "flanneld masq" -j MASQUERADE
"""
_CALICO = """
T=iptables-nft
$T -N cali-FORWARD; $T -N cali-from-wl; $T -N cali-tw-web
$T -I FORWARD 1 -m comment --comment "cali:wUHhoiAYhphO9Mso" -j cali-FORWARD
$T -A cali-FORWARD -m comment --comment "cali:vjrMJCRpqwy5oRoX" -j MARK --set-xmark 0x0/0xe0000
$T -A cali-FORWARD -i veth+ -m comment --comment "cali:A_sPAO0mcxbT9mOV" -j cali-from-wl
$T -A cali-FORWARD -o vethweb -j cali-tw-web
$T -A cali-from-wl -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
$T -A cali-from-wl -m conntrack --ctstate INVALID -j DROP
$T -A cali-from-wl -m comment --comment "Return if profile accepted" -m mark --mark 0x10000/0x10000 -j RETURN
$T -A cali-from-wl -m comment --comment "Drop if no profiles matched" -j DROP
$T -A cali-tw-web -m mark --mark 0x10000/0x10000 -j RETURN
$T -A cali-tw-web -j DROP
$T -A FORWARD -m comment --comment "Policy explicitly accepted packet." -m mark --mark 0x10000/0x10000 -j ACCEPT
"""
_UFW = """
T=iptables-nft
$T -P INPUT DROP; $T -P FORWARD DROP
$T -N ufw-before-forward; $T -N ufw-user-forward; $T -N ufw-before-input
$T -A INPUT -j ufw-before-input
$T -A ufw-before-input -i lo -j ACCEPT
$T -A ufw-before-input -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
$T -A ufw-before-input -p udp -m udp --dport 8472 -j ACCEPT
$T -A FORWARD -j ufw-before-forward
$T -A ufw-before-forward -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
$T -A ufw-before-forward -p icmp -m icmp --icmp-type 8 -j ACCEPT
$T -A ufw-before-forward -j ufw-user-forward
"""
_UFW_ROUTED = "iptables-nft -A ufw-user-forward -i cni0 -j ACCEPT; iptables-nft -A ufw-user-forward -o cni0 -j ACCEPT"
_FIREWALLD = """
nft -f - <<'END'
table inet firewalld {{
  chain filter_FORWARD {{ type filter hook forward priority filter + 10; policy accept;
    ct state {{ established, related }} accept
    ct status dnat accept
    iifname "lo" accept
    ct state vmap {{ invalid : drop }}
    jump filter_FORWARD_POLICIES
    reject with icmpx admin-prohibited
  }}
  chain filter_FORWARD_POLICIES {{
    {trusted}
    jump filter_FWD_public
  }}
  chain filter_FWD_public {{
    iifname "eth0" oifname "eth0" accept
    meta l4proto {{ icmp, icmpv6 }} accept
    {public}
  }}
  chain filter_INPUT {{ type filter hook input priority filter + 10; policy accept;
    ct state {{ established, related }} accept
    iifname "lo" accept
    tcp dport {{ 22, 10250 }} accept
    reject with icmpx admin-prohibited
  }}
}}
END
"""
_TRUSTED = 'iifname "cni0" accept; oifname "cni0" accept'


class Case(NamedTuple):
    """Rules of the first of two nodes, and what is found."""

    layout: str
    needs: str
    rules: str
    kind: str | None = None
    names: str = ""
    """What the finding must name: the chain, or the rule."""


CASES = {
    "Docker's policy, iptables-nft": Case(
        "routed",
        "iptables-nft",
        _DOCKER.format(variant="nft") + _KUBE_PROXY.format(variant="nft"),
        "forward-dropped",
        "iptables-nft, filter, FORWARD: policy drop",
    ),
    "Docker's policy, iptables-legacy": Case(
        "routed",
        "iptables-legacy",
        _DOCKER.format(variant="legacy") + _KUBE_PROXY.format(variant="legacy"),
        "forward-dropped",
        "iptables-legacy, filter, FORWARD: policy drop",
    ),
    "Docker and flannel, iptables-nft": Case(
        "routed", "iptables-nft", "".join(one.format(variant="nft") for one in (_DOCKER, _KUBE_PROXY, _FLANNEL))
    ),
    "Docker and flannel, iptables-legacy": Case(
        "flannel", "iptables-legacy", "".join(one.format(variant="legacy") for one in (_DOCKER, _KUBE_PROXY, _FLANNEL))
    ),
    "Docker, routed pods": Case("kindnet", "iptables-nft", _DOCKER.format(variant="nft"), "forward-dropped", "policy"),
    "Calico's chains before Docker's": Case("kindnet", "iptables-nft", _DOCKER.format(variant="nft") + _CALICO),
    "the plugin firewall": Case(
        "routed",
        "iptables-nft",
        "iptables-nft -P FORWARD DROP; iptables-nft -N CNI-FORWARD; iptables-nft -A FORWARD -j CNI-FORWARD\n"
        + "\n".join(
            f"iptables-nft -A CNI-FORWARD -d 10.244.1.{last}/32 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT;"
            f"iptables-nft -A CNI-FORWARD -s 10.244.1.{last}/32 -j ACCEPT"
            for last in (2, 3)
        ),
        "forward-dropped",
        "from pods of other nodes",
    ),
    "a rule of iptables": Case(
        "routed",
        "iptables-legacy",
        "iptables-legacy -I FORWARD -i cni0 ! -o cni0 -j REJECT",
        "forward-dropped",
        "-A FORWARD -i cni0 ! -o cni0 -j REJECT",
    ),
    "a rule of nft": Case(
        "routed",
        "nft",
        "nft add table inet site; nft 'add chain inet site early { type filter hook forward priority -150; }';"
        "nft add rule inet site early iifname cni0 ip daddr 10.244.0.0/16 drop",
        "forward-dropped",
        "nftables, site, early: iifname cni0 daddr 10.244.0.0/16 drop",
    ),
    "a rule for one pod": Case(
        "routed", "iptables-nft", "iptables-nft -A FORWARD -s 10.244.1.2 -j DROP; iptables-nft -A FORWARD -j ACCEPT"
    ),
    "a rule that counts": Case(
        "routed",
        "iptables-nft",
        "iptables-nft -A FORWARD -m limit --limit 5/min -j ACCEPT; iptables-nft -P FORWARD DROP",
    ),
    "ufw": Case("routed", "iptables-nft", _UFW, "forward-dropped", "FORWARD: policy drop"),
    "ufw that routes": Case("flannel", "iptables-nft", _UFW + _UFW_ROUTED),
    "firewalld": Case("routed", "nft", _FIREWALLD.format(trusted="", public=""), "forward-dropped", "reject"),
    "firewalld with an open port": Case("routed", "nft", _FIREWALLD.format(trusted="", public="tcp dport 443 accept")),
    "firewalld that trusts the bridge": Case("routed", "nft", _FIREWALLD.format(trusted=_TRUSTED, public="")),
    "firewalld before the tunnel": Case(
        "flannel", "nft", _FIREWALLD.format(trusted=_TRUSTED, public=""), "tunnel-blocked", "UDP port 8472"
    ),
    "iptables before the tunnel": Case(
        "flannel",
        "iptables-legacy",
        "iptables-legacy -A INPUT -p udp -m multiport --dports 4789,8472 -j DROP",
        "tunnel-blocked",
        "-A INPUT -p udp -m multiport --dports 4789,8472 -j DROP",
    ),
    "a tunnel for other nodes only": Case(
        "flannel",
        "iptables-nft",
        "iptables-nft -A INPUT -p udp -m udp --dport 8472 -s 10.89.0.0/24 -j ACCEPT;"
        "iptables-nft -A INPUT -p udp -m udp --dport 8472 -j DROP",
    ),
    "masquerade between pods": Case(
        "routed",
        "iptables-nft",
        "iptables-nft -t nat -A POSTROUTING -s 10.244.0.0/16 -o eth0 -j MASQUERADE",
        "masquerade-between-pods",
        "-A POSTROUTING -s 10.244.0.0/16 -o eth0 -j MASQUERADE",
    ),
    "the plugin bridge's ipMasq": Case(
        "routed",
        "iptables-nft",
        "\n".join(
            f"iptables-nft -t nat -N CNI-{last}; iptables-nft -t nat -A POSTROUTING -s 10.244.1.{last} -j CNI-{last};"
            f"iptables-nft -t nat -A CNI-{last} -d 10.244.1.0/24 -j ACCEPT;"
            f"iptables-nft -t nat -A CNI-{last} ! -d 224.0.0.0/4 -j MASQUERADE"
            for last in (2, 3)
        ),
        "masquerade-between-pods",
        "! -d 224.0.0.0/4 -j MASQUERADE",
    ),
    "masquerade of what leaves by the bridge": Case(
        "flannel", "iptables-nft", "iptables-nft -t nat -A POSTROUTING -s 10.244.0.0/16 -o eth0 -j MASQUERADE"
    ),
    "rules of both variants": Case(
        "routed",
        "iptables-legacy",
        "iptables-legacy -A FORWARD -i docker0 -j ACCEPT; iptables-nft -A FORWARD -i cni0 -j ACCEPT",
        "iptables-variants-mixed",
        "iptables-legacy-save -t filter: 1 rule",
    ),
    "tables of one variant, rules of the other": Case(
        "routed", "iptables-legacy", "iptables-legacy -L FORWARD; iptables-nft -A FORWARD -i cni0 -j ACCEPT"
    ),
    "no masquerade": Case("routed", "nft", "nft delete table ip outward", "masquerade-missing", "no rule"),
}


@pytest.fixture(scope="module")
def clusters() -> Iterator[dict[str, tuple[list[layouts.Node], dict[str, Any]]]]:
    """Two nodes of each layout with source NAT for what leaves, and what the second one says."""
    with ExitStack() as stack:
        found = {}
        for layout in ("routed", "flannel", "kindnet"):
            nodes = open_nodes(stack, layout)
            try:
                for node in nodes:
                    node.sh(PROBES["nft"] + _NAT)
            except CommandFailedError as error:
                pytest.skip(f"no nftables with NAT here: {error}")
            found[layout] = (nodes, nodes[1].document())
        yield found


def found_with(node: layouts.Node, second: dict[str, Any], rules: str) -> list[Finding]:
    """Return what is odd while *node* has these rules."""
    try:
        node.sh(rules)
        return layouts.odd(node.document(), copy.deepcopy(second))
    finally:
        node.sh(CLEAN)


@pytest.mark.parametrize("name", CASES)
def test_a_firewall_is_judged_by_what_it_surely_does(
    clusters: dict[str, tuple[list[layouts.Node], dict[str, Any]]], name: str
) -> None:
    case = CASES[name]
    (node, _other), second = clusters[case.layout]
    try:
        node.sh(PROBES[case.needs])
    except CommandFailedError as error:
        pytest.skip(f"no {case.needs} here: {error}")
    found = found_with(node, second, case.rules)
    assert [one["kind"] for one in found] == ([] if case.kind is None else [case.kind]), found
    for one in found:
        assert one["hosts"] == ["node1"]
        assert one["command"]
        assert one["remedy"]
        assert any(case.names in text for text in (one["message"], *one["evidence"])), one
