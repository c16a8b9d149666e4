# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A lab whose pods have an address of each family, over SSH: judged by iproute2, nft, the files and by real packets.

node1 and node2 are the lab, joined by IPv4. node3 is outside it, and sees whose address packets arrive with.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.podnet.lab.plugins.module_utils._lab.peer_tunnel import KINDS
from ansible_collections.podnet.lab.tests.integration.support import programs
from ansible_collections.podnet.lab.tests.integration.support.lab import Lab
from ansible_collections.podnet.lab.tests.integration.support.name_server import ANSWER, name_server
from ansible_collections.podnet.lab.tests.integration.support.nodes import Nodes
from ansible_collections.podnet.lab.tests.integration.support.world import CHECKOUT

POD1, POD2, POD3 = "lab0_default_pod1", "lab0_default_pod2", "lab0_default_pod3"
V6 = {"manual_lab_cluster_cidr_v6": "fd00:10:244::/56"}

# What IPv6 adds to what a lab could touch.
SNAPSHOT_V6 = """
echo == addresses; ip -6 -o addr show scope global | awk '{print $2, $4}' | sort
echo == routes; ip -6 route show | grep -v ^fe80 | sort
echo == entries; bridge fdb show | grep dst | sort; ip -6 neigh show nud permanent
echo == sysctl; cat /proc/sys/net/ipv6/conf/all/forwarding
"""

# Accepts one connection at an address, and says who came.
ACCEPT = """
import socket, sys
s = socket.create_server((sys.argv[1], 7777), family=socket.AF_INET6); s.settimeout(15)
print("listening", flush=True)
print(s.accept()[1][0])
"""


class DualLab:
    """The lab under test, with what is asked of it by IPv6."""

    def __init__(self, nodes: Nodes) -> None:
        self.nodes = nodes
        self.lab = Lab(nodes)

    def build(self, *argv: str, **variables: Any) -> Any:
        """Build the lab with an IPv6 range beside the other."""
        return self.lab.build(*argv, **{**V6, **variables})

    def refused(self, **variables: Any) -> str:
        """Try to build the lab, which must be refused before anything is touched; what is said."""
        before = self.state("node1"), self.state("node2")
        run = self.lab.run("lab.yml", variables=variables)
        assert run.status != 0
        assert (self.state("node1"), self.state("node2")) == before
        return run.output

    def state(self, node: str) -> str:
        """Everything of the node that the lab could touch."""
        return self.lab.state(node) + self.lab.sh(node, SNAPSHOT_V6)

    def address(self, node: str, netns: str) -> str:
        """The one IPv6 address of a pod that is not link-local, which can be used at once."""
        entries = json.loads(self.lab.sh(node, f"ip -n {netns} -j -6 addr show dev eth0 scope global"))
        found = [entry for link in entries for entry in link["addr_info"] if "local" in entry]
        assert len(found) == 1, found
        assert not found[0].get("tentative", False)
        return str(found[0]["local"])

    def ask(self, node: str, netns: str | None, address: str) -> dict[str, str]:
        """What a web server of the lab answers by IPv6."""
        return self.lab.ask(node, netns, f"http://[{address}]/")

    def check_traffic(self) -> None:
        """Pods reach each other by both families, on one node and on two, with their own addresses."""
        for node, netns, there, target in (
            ("node1", POD1, "node1", POD3),
            ("node1", POD1, "node2", POD2),
            ("node2", POD2, "node1", POD1),
        ):
            answer = self.ask(node, netns, self.address(there, target))
            assert answer["pod"] == "default/" + target.rpartition("_")[2]
            assert answer["client"] == self.address(node, netns), "somebody rewrote the source address"
            answer = self.lab.ask(node, netns, f"http://{self.lab.pod_address(there, target)}/")
            assert answer["client"] == self.lab.pod_address(node, netns)
        assert self.ask("node1", None, self.address("node1", POD1))["pod"] == "default/pod1"
        assert self.ask("node1", None, self.address("node2", POD2))["pod"] == "default/pod2"

    def verdicts(self, directory: Path) -> dict[str, str]:
        """What verify.yml says of each requirement."""
        done = self.nodes.playbook(
            CHECKOUT / "playbooks" / "verify.yml", "--limit", "node1,node2", "-e", f"podnet_report_dir={directory}"
        )
        assert done.returncode == 0
        return {one["key"]: one["verdict"] for one in self.verification(directory)["requirements"]}

    def verification(self, directory: Path) -> dict[str, Any]:
        """What verify.yml has written there."""
        said: dict[str, Any] = json.loads((directory / "verify.json").read_text(encoding="utf-8"))
        return said

    def faults(self, directory: Path) -> list[dict[str, Any]]:
        """What the report calls a fault, when it may look at everything."""
        playbook = CHECKOUT / "playbooks" / "inspect.yml"
        subset = "podnet_gather_subset=default,permanent_fdb,neighbours"
        self.nodes.playbook(playbook, "--limit", "node1,node2", "-e", f"podnet_report_dir={directory}", "-e", subset)
        report = json.loads((directory / "report.json").read_text(encoding="utf-8"))
        return [one for one in report["odd"] if one["severity"] == "fault"]

    def seen_by_node3(self, netns: str) -> str:
        """The source address with which a connection of a pod of node1 arrives at node3's 2001:db8::3."""
        connect = 'import socket\nsocket.create_connection(("2001:db8::3", 7777), 5)\n'
        with subprocess.Popen(
            self.nodes.ssh("node3", f"python3 -c '{ACCEPT}' 2001:db8::3"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        ) as listener:
            assert listener.stdout is not None
            assert listener.stdout.readline().startswith("listening")
            self.lab.sh("node1", f"nsenter --net=/run/netns/{netns} python3 -c '{connect}'")
            return listener.stdout.read().strip()


@pytest.fixture(scope="module")
def dual(ssh_nodes: Nodes) -> Iterator[DualLab]:
    """The lab, shared by the tests of this file in their order; at the end nothing may be left of it."""
    made = DualLab(ssh_nodes)
    if made.lab.sh("node1", "cat /proc/sys/net/ipv6/conf/all/disable_ipv6 2>/dev/null || echo 1").strip() != "0":
        pytest.skip("the kernel has no IPv6, or it is switched off")
    before = {node: made.state(node) for node in ("node1", "node2")}
    try:
        yield made
    finally:
        made.lab.teardown()
    assert {node: made.state(node) for node in before} == before


def test_check_mode_predicts_what_both_families_get_and_touches_nothing(dual: DualLab) -> None:
    before = dual.state("node1"), dual.state("node2")
    predicted = dual.build("--check", "--diff")
    assert (dual.state("node1"), dual.state("node2")) == before
    added = "\n".join(line for line in predicted.output.splitlines() if line.startswith("+"))
    for text in (
        "node lab0 10.244.0.1/24 fd00:10:244::1/64",
        "default/pod1 eth0 10.244.0.2/24 fd00:10:244::2/64 default via 10.244.0.1 default via fd00:10:244::1",
        "cluster_cidr 10.244.0.0/16,fd00:10:244::/56",
        "net.ipv6.conf.all.forwarding = 1",
    ):
        assert text in added, f"{text} is not in the diff:\n{added}"
    assert re.search(r"\+fd00:10:244:1::/64 via fe80::\S+ dev eth0$", added, re.MULTILINE), added
    real = dual.build()
    for node in ("node1", "node2"):
        known = [re.sub(r"--target \d+", "--target SANDBOX_PID", line) for line in real.commands(node)]
        assert predicted.commands(node) == known


def test_a_second_run_changes_nothing(dual: DualLab) -> None:
    before = dual.state("node1")
    again = dual.build()
    assert again.changed("node1") == again.changed("node2") == []
    assert dual.build("--check").changed("node1") == []
    assert dual.state("node1") == before


def test_pods_have_an_address_a_lease_and_a_way_out_of_each_family(dual: DualLab) -> None:
    dual.check_traffic()
    leases = dual.lab.sh("node1", "ls /var/lib/cni/networks/lab0").split()
    assert {dual.address("node1", POD1), dual.lab.pod_address("node1", POD1)} <= set(leases)
    assert dual.lab.sh("node1", "cat /var/lib/cni/networks/lab0/last_reserved_ip.1") == "fd00:10:244::3"
    defaults = json.loads(dual.lab.sh("node1", f"ip -n {POD1} -j -6 route show default"))
    assert [route["gateway"] for route in defaults] == ["fd00:10:244::1"]
    # Neighbour discovery, not ARP, has found the other pod.
    pod3 = dual.address("node1", POD3)
    connect = f'import socket; socket.create_connection(("{pod3}", 80), 5)'
    script = f"ip netns exec {POD1} python3 -c '{connect}'; ip -n {POD1} -j -6 neigh show to {pod3}"
    assert [entry["dst"] for entry in json.loads(dual.lab.sh("node1", script)) if "lladdr" in entry] == [pod3]


def test_the_promises_of_the_network_model_hold_for_both_families(dual: DualLab, tmp_path: Path) -> None:
    verdicts = dual.verdicts(tmp_path)
    assert verdicts["path-mtu"] == "held"
    assert "broken" not in verdicts.values(), verdicts
    said = dual.verification(tmp_path)
    reaching = {one["key"]: one["checked"] for one in said["requirements"]}["pods-reach-pods"]
    assert reaching == 2 * said["sent"]["pairs_planned"], "each pair connects by IPv4 and by IPv6"


def test_the_facts_know_both_ranges_and_nothing_is_odd(dual: DualLab, tmp_path: Path) -> None:
    assert dual.faults(tmp_path) == []
    facts = dual.lab.adhoc("node1", "podnet.lab.pod_cidr_facts", {"timeout": 20})["ansible_facts"]["podnet_pod_cidr"]
    text = json.dumps(facts)
    for part in ("10.244.0.0/24", "fd00:10:244::/64", "fd00:10:244::/56", "fd00:10:244::2"):
        assert part in text, f"{part} is not in {text[:2000]}"


# What is damaged together on a node is repaired by steps, or for pods, of their own.
DAMAGES: list[dict[str, tuple[str, list[str]]]] = [
    {
        "node1": (
            f"ip -n {POD3} -6 addr flush dev eth0 scope global; ip -6 route delete fd00:10:244:1::/64",
            ["5.", "7."],
        ),
        "node2": ("ip link delete lab0", ["2.", "6.", "7."]),
    },
    {
        "node1": (
            (
                f"ip -n {POD1} -6 route delete default; echo 0 > /proc/sys/net/ipv6/conf/all/forwarding; "
                "rm /var/lib/cni/networks/lab0/fd00:10:244::3"
            ),
            ["5.", "7."],
        ),
        "node2": ("ip address add fd00:10:244:1::99/64 dev lab0", ["7."]),
    },
    {
        "node1": (
            f"ip address delete fd00:10:244::1/64 dev lab0; ip -n {POD1} link set eth0 down",
            ["4.", "7."],
        ),
    },
]


@pytest.mark.release
def test_what_of_ipv6_is_damaged_is_repaired(dual: DualLab) -> None:
    whole = dual.state("node1"), dual.state("node2")
    for damages in DAMAGES:
        for node, (script, _steps) in damages.items():
            dual.lab.sh(node, script)
        repaired = dual.build()
        for node in ("node1", "node2"):
            expected = damages[node][1] if node in damages else []
            changed = repaired.changed(node)
            assert [title[:2] for title in changed] == expected, f"{damages}, {node}: {changed}"
        assert (dual.state("node1"), dual.state("node2")) == whole, damages
    dual.check_traffic()


@contextmanager
def a_network_outside(dual: DualLab) -> Iterator[None]:
    """node3 with an IPv6 address outside the cluster, and routes there and back."""
    link_local = {
        node: dual.lab.sh(node, "ip -6 -o addr show dev eth0 scope link").split()[3].partition("/")[0]
        for node in ("node1", "node3")
    }
    dual.lab.sh("node3", "ip address add 2001:db8::3/128 dev eth0 nodad")
    dual.lab.sh("node3", f"ip route add fd00:10:244::/64 via {link_local['node1']} dev eth0")
    dual.lab.sh("node1", f"ip route add 2001:db8::3/128 via {link_local['node3']} dev eth0")
    dual.lab.sh("node1", "ip address add 2001:db8::11/64 dev eth0 nodad")
    # node1 asks by that address now, so the others need a way back to it.
    for node in ("node2", "node3"):
        dual.lab.sh(node, f"ip route add 2001:db8::11/128 via {link_local['node1']} dev eth0")
    try:
        yield
    finally:
        dual.lab.sh("node1", "ip -6 route delete 2001:db8::3/128; ip address delete 2001:db8::11/64 dev eth0")
        dual.lab.sh("node3", "ip address delete 2001:db8::3/128 dev eth0; ip -6 route delete fd00:10:244::/64")
        for node in ("node2", "node3"):
            dual.lab.sh(node, "ip -6 route delete 2001:db8::11/128")


@pytest.mark.release
def test_what_leaves_keeps_its_address_unless_nat66_is_asked_for(dual: DualLab) -> None:
    with a_network_outside(dual):
        pod1 = dual.address("node1", POD1)
        assert dual.seen_by_node3(POD1) == pod1
        dual.build(manual_lab_masquerade_v6=True)
        assert dual.seen_by_node3(POD1) == "2001:db8::11"
        assert dual.build(manual_lab_masquerade_v6=True).changed("node1") == []
        dnsmasq = dual.lab.sh("node1", "command -v dnsmasq || true").strip()
        names = {"manual_lab_dns": True, "manual_lab_dns_upstreams": ["2001:db8::3"]} if dnsmasq else {}
        dual.build(manual_lab_masquerade_v6=True, manual_lab_not_masqueraded=["2001:db8::3/128"], **names)
        assert dual.seen_by_node3(POD1) == pod1
        dual.check_traffic()
        if names:
            with name_server(dual.lab, "node3", "2001:db8::3"):
                said = dual.lab.sh("node1", f"ip netns exec {POD1} getent ahostsv4 example.org.")
            assert {line.split()[0] for line in said.splitlines()} == {ANSWER}
    dual.build()
    assert "ip6 podnet" not in dual.state("node1")


@pytest.mark.release
def test_a_family_comes_and_goes_and_leaves_nothing(dual: DualLab) -> None:
    dual.lab.teardown()
    dual.lab.build()
    plain = dual.state("node1"), dual.state("node2")
    dual.build()
    dual.check_traffic()
    dual.lab.build()
    assert (dual.state("node1"), dual.state("node2")) == plain
    # IPv6 alone, and back.
    dual.build(manual_lab_cluster_cidr="")
    assert "10.244" not in dual.lab.sh("node1", f"ip -n {POD1} addr; ip addr show dev lab0; ip route")
    assert dual.ask("node1", POD1, dual.address("node2", POD2))["client"] == dual.address("node1", POD1)
    assert dual.build(manual_lab_cluster_cidr="").changed("node1") == []
    dual.build()
    dual.check_traffic()


@pytest.mark.release
def test_given_ranges_and_addresses_are_taken(dual: DualLab) -> None:
    pods = [
        {
            "name": name,
            "node": node,
            "containers": [{"name": "web", "serve": 80}],
            **({"address_v6": address} if address else {}),
        }
        for name, node, address in (
            ("pod1", "node1", "fd00:10:244:aa::80"),
            ("pod2", "node2", None),
            ("pod3", "node1", None),
        )
    ]
    options = {
        "manual_lab_node_cidrs_v6": {"node1": "fd00:10:244:aa::/72"},
        "manual_lab_node_prefix_v6": 80,
        "manual_lab_pods": pods,
    }
    dual.build(**options)
    assert dual.address("node1", POD1) == "fd00:10:244:aa::80"
    assert dual.address("node2", POD2) == "fd00:10:244::2"
    dual.check_traffic()
    assert dual.build(**options).changed("node1") == []
    dual.build()


def test_faults_of_the_description_are_all_said_before_anything_is_touched(dual: DualLab) -> None:
    pod = {"name": "pod1", "node": "node1", "address_v6": "10.244.0.9", "containers": [{"name": "web", "serve": 80}]}
    said = dual.refused(
        manual_lab_cluster_cidr_v6="10.9.0.0/16",
        manual_lab_pods=[pod],
        manual_lab_mtu=1000,
        manual_lab_node_prefix_v6=127,
    )
    said = " ".join(said.split())
    assert "10.9.0.0/16 is IPv4, and IPv6 is asked for here" in said
    assert "'10.244.0.9' is not an IPv6 address" in said
    assert "127 is not a prefix length. Use 8 to 126" in said
    crowded = [{**pod, "name": f"pod{number}", "address_v6": None} for number in range(3)]
    said = " ".join(
        dual.refused(
            manual_lab_cluster_cidr_v6="fd00:10:244::/125",
            manual_lab_node_prefix_v6=126,
            manual_lab_pods=crowded,
            manual_lab_mtu=1000,
        ).split()
    )
    assert "fd00:10:244::/126 of node1 has 2 addresses for pods, and 3 pods are on it" in said
    assert "pods would get 1000 bytes, and IPv6 needs 1280" in said
    said = " ".join(dual.refused(**V6, manual_lab_network="ipip").split())
    assert "manual_lab_cluster_cidr_v6: an ipip tunnel carries IPv4 alone" in said


# A way to join nodes, how the IPv6 route to the pods of node2 looks, and damages with the steps that repair them: the
# first on node1, the second at the same time on node2.
NETWORKS = {
    "vxlan": (
        "fd00:10:244:1::/64 via fe80::858:aff:fef4:100 dev vxlan1 proto 112",
        [
            (
                "ip -6 neigh delete fe80::858:aff:fef4:100 dev vxlan1; ip -6 route delete fd00:10:244:1::/64",
                ["5. Tunnel", "5. Static"],
            ),
            ("ip link delete vxlan1", ["5. Tunnel", "5. Static"]),
        ],
    ),
    "wireguard": (
        "fd00:10:244:1::/64 via fe80::858:aff:fef4:100 dev wg51820 proto 112",
        [
            # node1 speaks first afterwards: the other end would use its old session's keys for 15 seconds.
            ("ip link delete wg51820", ["5. WireGuard", "5. Static"]),
            ("wg set wg51820 peer $(wg show wg51820 peers) allowed-ips 10.244.0.0/24", ["5. WireGuard"]),
        ],
    ),
    "gre": (
        "fd00:10:244:1::/64 via fe80::858:aff:fef4:100 dev gre",
        [("ip -6 route delete fd00:10:244:1::/64", ["5. Static"])],
    ),
    "geneve": (
        "fd00:10:244:1::/64 via fe80::858:aff:fef4:100 dev geneve",
        [
            (
                "ip -6 neigh delete fe80::858:aff:fef4:100 dev $(ip -br link show type geneve | cut -d' ' -f1)",
                ["5. Tunnel"],
            )
        ],
    ),
    "bgp": (
        "fd00:10:244:1::/64 via fe80::",
        [
            ("kill -9 $(cat /run/podnet-lab/lab0/bird.pid); while pgrep -x bird; do sleep 0.1; done", ["5. BGP"]),
            ("sed -i 's/ipv6 {/ipv6 { # no more/' /run/podnet-lab/lab0/bird.conf", ["5. BGP"]),
        ],
    ),
}


def lacks(dual: DualLab, network: str) -> bool:
    """Whether the kernel has no such links, where the lab needs one for each node."""
    if network not in KINDS:
        return False
    made = f"ip link add podtrial {KINDS[network].trial} && ip link delete podtrial && echo made || true"
    return "made" not in dual.lab.sh("node1", made)


# Over IPv4 alone the others are in test_lab_networks.py, and BGP for IPv6 in test_lab_bgp.py.
@pytest.mark.parametrize(
    "network",
    [pytest.param(name, marks=pytest.mark.release if name in ("wireguard", "bgp") else ()) for name in NETWORKS],
)
def test_both_families_cross_every_network(dual: DualLab, network: str, tmp_path: Path) -> None:
    if lacks(dual, network):
        pytest.skip(f"the kernel has no {network}")
    route, damages = NETWORKS[network]
    dual.lab.have(**V6)
    plain = dual.state("node1"), dual.state("node2")
    with programs.of_network(dual.nodes, network):
        dual.build(manual_lab_network=network)
        assert route in dual.lab.sh("node1", "ip -6 route show")
        dual.check_traffic()
        again = dual.build(manual_lab_network=network)
        assert again.changed("node1") == again.changed("node2") == []
        verdicts = dual.verdicts(tmp_path / "verify")
        assert verdicts["path-mtu"] == "held"
        assert "broken" not in verdicts.values(), verdicts
        assert dual.faults(tmp_path / "report") == []
        damaged = dict(zip(("node1", "node2"), damages, strict=False))
        for node, (script, _steps) in damaged.items():
            dual.lab.sh(node, script)
        repaired = dual.build(manual_lab_network=network)
        for node, (script, steps) in damaged.items():
            changed = repaired.changed(node)
            assert len(changed) == len(steps), f"{script}: {changed}"
            assert all(title.startswith(step) for title, step in zip(changed, steps, strict=True)), changed
        dual.check_traffic()
        # From this network to another one, and from that to the first.
        if network != "vxlan":
            dual.build(manual_lab_network="vxlan")
            dual.check_traffic()
            dual.build(manual_lab_network=network)
            dual.check_traffic()
        dual.build()
        assert (dual.state("node1"), dual.state("node2")) == plain
        dual.check_traffic()


def test_ipv6_alone_crosses_a_vxlan(dual: DualLab) -> None:
    options = {"manual_lab_cluster_cidr": "", "manual_lab_network": "vxlan"}
    dual.build(**options)
    assert dual.ask("node1", POD1, dual.address("node2", POD2))["client"] == dual.address("node1", POD1)
    assert "10.244" not in dual.lab.sh("node1", "ip addr show dev vxlan1; ip route; ip neigh show dev vxlan1")
    assert dual.build(**options).changed("node1") == []


POLICIES = [
    {
        "name": "pod3-from-pod1",
        "podSelector": {"matchLabels": {"app": "pod3"}},
        "ingress": [{"from": [{"podSelector": {"matchLabels": {"app": "pod1"}}}], "ports": [{"port": 80}]}],
    },
    {
        "name": "pod2-from-a-block",
        "podSelector": {"matchLabels": {"app": "pod2"}},
        "ingress": [{"from": [{"ipBlock": {"cidr": "fd00:10:244::/64", "except": ["fd00:10:244::3/128"]}}]}],
    },
    {
        "name": "pod1-to-pods",
        "podSelector": {"matchLabels": {"app": "pod1"}},
        "policyTypes": ["Egress"],
        "egress": [{"to": [{"podSelector": {}}, {"namespaceSelector": {}}]}],
    },
]


def reached(dual: DualLab, node: str, netns: str, address: str) -> bool:
    """Whether a pod gets a connection to port 80 of an address."""
    program = f'import socket; socket.create_connection(("{address}", 80), 2)'
    done = dual.lab.sh(node, f"nsenter --net=/run/netns/{netns} python3 -c '{program}' 2>/dev/null && echo yes || true")
    return done.strip() == "yes"


@pytest.mark.release
def test_policies_and_names_are_of_both_families(dual: DualLab) -> None:
    pods = {"name": "pods", "headless": True, "selector": {"app": "pod3"}, "ports": [{"name": "http", "port": 80}]}
    services = [{**pods, "ipFamilyPolicy": "PreferDualStack"}]
    dnsmasq = dual.lab.sh("node1", "command -v dnsmasq || true").strip()
    names = {"manual_lab_dns": True, "manual_lab_services": services} if dnsmasq else {}
    dual.build(manual_lab_policies=POLICIES, **names)
    four = {pod: dual.lab.pod_address(node, pod) for node, pod in (("node1", POD1), ("node2", POD2), ("node1", POD3))}
    six = {pod: dual.address(node, pod) for node, pod in (("node1", POD1), ("node2", POD2), ("node1", POD3))}
    for address in (four[POD3], six[POD3]):
        assert reached(dual, "node1", POD1, address)
        assert not reached(dual, "node2", POD2, address)
    # The block is of IPv6, so that IPv4 is closed; and one address of it is left out.
    assert reached(dual, "node1", POD1, six[POD2])
    assert not reached(dual, "node1", POD3, six[POD2])
    assert not reached(dual, "node1", POD1, four[POD2])
    assert dual.build(manual_lab_policies=POLICIES, **names).changed("node1") == []
    if names:
        ask = (
            "import socket, sys\n"
            'found = socket.getaddrinfo("pods.default.svc.cluster.local", 80, type=socket.SOCK_STREAM)\n'
            "print(*sorted(one[4][0] for one in found))\n"
            "print(socket.getnameinfo((sys.argv[1], 80), socket.NI_NAMEREQD)[0])\n"
        )
        said = dual.lab.sh("node1", f"ip netns exec {POD1} python3 -c '{ask}' {six[POD3]}").split()
        assert said == [four[POD3], six[POD3], "fd00-10-244--3.pods.default.svc.cluster.local"]
    dual.build()
    assert "policies" not in dual.lab.sh("node1", "nft list tables")
    if not names:
        pytest.skip("policies hold; names were not asked for: no dnsmasq on the nodes")
