# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lab over SSH, judged by iproute2, nft, the files and by traffic, never by the lab's own words.

node1 and node2 are the lab. node3 is outside it, and sees whose address packets arrive with.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from ansible_collections.podnet.lab.tests.integration.support.lab import Lab
from ansible_collections.podnet.lab.tests.integration.support.nodes import Nodes

POD1, POD2, POD3 = "lab0_default_pod1", "lab0_default_pod2", "lab0_default_pod3"
IDLE = {"name": "idle", "command": ["sleep", "infinity"]}
WEB = {"name": "web", "serve": 80}


def check_traffic(lab: Lab) -> None:
    """Everything that must work between the pods of the default description."""
    assert lab.ask("node1", POD1, "http://127.0.0.1/")["pod"] == "default/pod1"
    for node, netns, target in (("node1", POD1, POD3), ("node1", POD1, POD2), ("node2", POD2, POD1)):
        there = "node2" if target == POD2 else "node1"
        source, server = lab.pod_address(node, netns), lab.pod_address(there, target)
        answer = lab.ask(node, netns, f"http://{server}/")
        assert answer["pod"] == "default/" + target.rpartition("_")[2]
        assert answer["client"] == source, "somebody rewrote the source address"
    answer = lab.ask("node1", None, f"http://{lab.pod_address('node1', POD1)}/")
    assert answer["pod"] == "default/pod1"
    answer = lab.ask("node1", None, f"http://{lab.pod_address('node2', POD2)}/")
    assert answer["pod"] == "default/pod2"


@pytest.fixture(scope="module")
def lab(ssh_nodes: Nodes) -> Iterator[Lab]:
    """The lab, shared by the tests of this file in their order; at the end nothing may be left of it."""
    made = Lab(ssh_nodes)
    before = {node: made.state(node) for node in ("node1", "node2")}
    try:
        yield made
    finally:
        made.teardown()
    assert {node: made.state(node) for node in before} == before


def test_check_mode_on_bare_nodes_predicts_everything_and_touches_nothing(lab: Lab) -> None:
    before = lab.state("node1"), lab.state("node2")
    predicted = lab.build("--check", "--diff")
    assert (lab.state("node1"), lab.state("node2")) == before
    added = "\n".join(line for line in predicted.output.splitlines() if line.startswith("+"))
    for text in (
        f"default/pod1 netns=/run/netns/{POD1} app=pod1",
        "0a:58:0a:f4:00:01",
        f"mtu 1500 - {POD1} eth0",
        "default/pod1 eth0 10.244.0.2/24 default via 10.244.0.1",
        "ip saddr 10.244.0.0/24 counter masquerade",
        "default/pod1 container1: sleep infinity",
    ):
        assert text in added, f"{text} is not in the diff:\n{added}"
    real = lab.build()
    for node in ("node1", "node2"):
        assert predicted.changed(node) == real.changed(node)
        assert len(real.changed(node)) == 9
        # The sandbox's PID is all that cannot be known beforehand.
        known = [re.sub(r"--target \d+", "--target SANDBOX_PID", line) for line in real.commands(node)]
        assert predicted.commands(node) == known


def test_a_second_run_changes_nothing(lab: Lab) -> None:
    before = lab.state("node1")
    again = lab.build()
    assert again.changed("node1") == again.changed("node2") == []
    assert lab.build("--check").changed("node1") == []
    assert lab.state("node1") == before


def test_pods_reach_each_other_with_their_own_addresses(lab: Lab) -> None:
    check_traffic(lab)
    pod1 = lab.pod_address("node1", POD1)
    assert lab.seen_by("node2", "node1", POD1) == pod1, "a node is inside the cluster"
    assert lab.seen_by("node3", "node1", POD1) == lab.address("node1"), "node3 is outside the cluster"


def test_containers_share_the_network_and_have_pid_namespaces_of_their_own(lab: Lab) -> None:
    states = lab.sh("node1", "cat /run/podnet-lab/lab0/pods/*.json").replace("}{", "}\n{").splitlines()
    pod1 = next(state for state in map(json.loads, states) if state["name"] == "pod1")
    assert [container["name"] for container in pod1["containers"]] == ["container1", "container2", "web"]
    pids = [pod1["pid"], *(container["pid"] for container in pod1["containers"])]
    script = "readlink /proc/{0}/ns/net /proc/{0}/ns/pid /proc/{0}/ns/uts"
    links = [lab.sh("node1", script.format(pid)).split() for pid in pids]
    assert len({net for net, _pid, _uts in links}) == 1
    assert len({uts for _net, _pid, uts in links}) == 1
    assert len({pid for _net, pid, _uts in links}) == 4
    inside = lab.sh("node1", f"nsenter --target {pids[3]} --pid --mount --uts sh -c 'hostname; cat /proc/1/comm'")
    assert inside.split() == ["pod1", "python3"]
    for pid in pids:
        descriptors = lab.sh("node1", f"readlink /proc/{pid}/fd/0 /proc/{pid}/fd/1 /proc/{pid}/fd/2").split()
        assert descriptors == ["/dev/null"] * 3


POD1_STATE = "/run/podnet-lab/lab0/pods/*1b9.json"
KILL = f"python3 -c 'import json, os, sys; d = json.load(open(sys.argv[1])); os.kill(%s, 9)' {POD1_STATE}"
A_CABLE = "$(ls /sys/class/net | grep ^veth | head -1)"
CABLE_STEPS = ["3.", "4.", "6.", "7."]
# What is damaged together is repaired by different steps, so that each step shows which damage it found.
DAMAGES: list[dict[str, tuple[str, list[str]]]] = [
    {
        "sandbox process": (KILL % 'd["pid"]', ["1."]),
        "route": ("ip route delete 10.244.1.0/24", ["5."]),
        "nft rule": ("nft flush table ip podnet_lab0", ["8."]),
    },
    {
        "name of the namespace": (f"ip netns delete {POD1}", ["1."]),
        "forwarding": ("echo 0 > /proc/sys/net/ipv4/ip_forward", ["5."]),
        "address": (f"ip -n {POD3} -4 addr flush dev eth0", ["7."]),
        "nft table": ("nft delete table ip podnet_lab0", ["8."]),
    },
    {
        "container": (KILL % 'd["containers"][0]["pid"]', ["Start"]),
        "loopback": (f"ip -n {POD1} link set lo down", ["4."]),
        "port": (f"ip link set {A_CABLE} nomaster", ["6."]),
        "lease": ("rm /var/lib/cni/networks/lab0/10.244.0.2", ["7."]),
    },
    {"cable": (f"ip link delete {A_CABLE}", CABLE_STEPS)},
    {
        "cable in the pod": (f"ip -n {POD3} link delete eth0", CABLE_STEPS),
        "nft rule of somebody": ("nft insert rule ip podnet_lab0 postrouting accept", ["8."]),
    },
    {"bridge": ("ip link delete lab0", ["2.", "6.", "7."])},
    {
        "state": ("rm -r /run/podnet-lab/lab0/pods", ["1.", "Start"]),
        "bridge down": ("ip link set lab0 down", ["6."]),
        "second address": (f"ip -n {POD1} addr add 10.244.0.77/24 dev eth0", ["7."]),
    },
    {"default route": (f"ip -n {POD1} route delete default", ["7."])},
]


@pytest.mark.slow
def test_a_damaged_lab_is_repaired_and_only_what_was_damaged(lab: Lab) -> None:
    for group in DAMAGES:
        names = ", ".join(group)
        expected = sorted(start for _script, starts in group.values() for start in starts)
        lab.sh("node1", "\n".join(script for script, _starts in group.values()))
        repaired = lab.build()
        changed = sorted(repaired.changed("node1"))
        assert len(changed) == len(expected), f"{names}: {changed}"
        assert all(title.startswith(start) for title, start in zip(changed, expected, strict=True)), (
            f"{names}: {changed}"
        )
        assert repaired.changed("node2") == [], names
    assert lab.build().changed("node1") == []
    check_traffic(lab)


def test_a_lab_damaged_everywhere_at_once_is_repaired(lab: Lab) -> None:
    scripts = [script for group in DAMAGES for script, _starts in group.values()]
    lab.sh("node1", "".join(f"( {script} ) || true\n" for script in scripts) + "rm -r /run/podnet-lab\n", check=False)
    lab.build()
    assert lab.build().changed("node1") == []
    check_traffic(lab)
    # The earlier value of ip_forward was noted in what is lost; the test itself turned it off before.
    assert json.loads(lab.sh("node1", "cat /run/podnet-lab/lab0/node.json"))["sysctl"] == {"net.ipv4.ip_forward": "0"}


def pods(*described: tuple[str, str, list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """A description's pods: name, node, containers."""
    return [{"name": name, "node": node, "containers": containers} for name, node, containers in described]


def test_a_changed_description_is_applied(lab: Lab) -> None:
    changed = {
        "manual_lab_cluster_cidr": "10.200.0.0/16",
        "manual_lab_node_cidrs": {"node1": "10.200.7.0/24"},
        "manual_lab_bridge": "br-lab",
        "manual_lab_mtu": 1400,
    }
    lab.build(**changed)
    assert lab.pod_address("node1", POD1).startswith("10.200.7.")
    assert lab.pod_address("node2", POD2).startswith("10.200.0.")
    check_traffic(lab)
    names = [link["ifname"] for link in json.loads(lab.sh("node1", "ip -j link show type bridge"))]
    assert names == ["br-lab"]
    links = json.loads(lab.sh("node1", "ip -j link")) + json.loads(lab.sh("node1", f"ip -n {POD1} -j link"))
    assert {link["mtu"] for link in links if link.get("ifalias") == "podnet.lab:lab0"} == {1400}
    assert "10.244." not in lab.state("node1") + lab.state("node2")
    assert lab.build(**changed).changed("node1") == []


def test_pods_move_go_and_change_their_containers(lab: Lab) -> None:
    lab.build(manual_lab_pods=pods(("pod1", "node2", [IDLE, WEB]), ("pod2", "node2", [WEB])))
    left = lab.sh("node1", "ip netns list; ls /var/lib/cni/networks/lab0 | grep ^10 || true; ls /run/podnet-lab/lab0")
    assert left.split() == ["node.json", "ranges.json", "routes.json"]
    assert lab.sh("node2", "ip netns list | awk '{print $1}' | sort").split() == [POD1, POD2]
    answer = lab.ask("node2", POD2, f"http://{lab.pod_address('node2', POD1)}/")
    assert (answer["pod"], answer["node"]) == ("default/pod1", "node2")
    other = pods(("pod1", "node2", [{"name": "idle", "command": ["sleep", "999999"]}, {"name": "web", "serve": 8080}]))
    run = lab.build(manual_lab_pods=other)
    assert run.changed("node1") == []
    assert [title.partition(" ")[0] for title in run.changed("node2")] == ["1.", "7.", "Start"]
    assert lab.ask("node2", None, f"http://{lab.pod_address('node2', POD1)}:8080/")["pod"] == "default/pod1"
    assert "sleep 999999" in lab.state("node2")
    assert "sleep infinity" in lab.state("node2"), "the sandbox stays"


FOREIGN = """
ip netns add foreign; ip netns add lab0_foreign_thing
ip link add br-foreign type bridge; ip link set br-foreign up
ip link add vforeign type veth peer name eth0 netns foreign
ip link set vforeign master br-foreign
ip link set vforeign alias podnet.lab:lab00
ip addr add 172.30.0.1/24 dev br-foreign
ip route add 172.31.0.0/24 via 172.30.0.9; ip route add 172.32.0.0/24 via 172.30.0.9 proto 112
nft 'add table ip foreign; add chain ip foreign c { type filter hook forward priority 0; policy accept; }'
nft 'add table ip podnet_lab00'
mkdir -p /var/lib/cni/networks/other /var/lib/cni/networks/lab0 /run/podnet-lab/lab00
printf '1234\\r\\neth0' > /var/lib/cni/networks/other/172.30.0.7
printf 'feed\\r\\neth0' > /var/lib/cni/networks/lab0/10.244.0.2
cat > /run/podnet-lab/lab00/routes.json <<END
{"schema_version": 1, "routes": [{"dst": "172.32.0.0/24", "gateway": "172.30.0.9"}]}
END
setsid nsenter --net=/run/netns/foreign sleep 7654321 >/dev/null 2>&1 </dev/null &
"""
UNFOREIGN = """
pkill -f 'sleep 765432[1]'
ip netns delete foreign; ip netns delete lab0_foreign_thing; ip link delete br-foreign; ip link delete vforeign
nft delete table ip foreign; nft delete table ip podnet_lab00
rm -r /var/lib/cni/networks/other /var/lib/cni/networks/lab0 /run/podnet-lab/lab00
rmdir /var/lib/cni/networks /run/podnet-lab
"""


def test_teardown_keeps_what_others_made(lab: Lab) -> None:
    lab.teardown()
    lab.sh("node1", FOREIGN)
    try:
        before = lab.state("node1")
        lab.build()
        assert lab.pod_address("node1", POD1) == "10.244.0.3", "10.244.0.2 is leased to somebody else"
        check_traffic(lab)
        gone = lab.teardown()
        assert lab.state("node1") == before
        assert "Kept, not of the lab: /var/lib/cni/networks/lab0/10.244.0.2" in gone.output
        assert "Nothing of lab lab0 is on node1" in gone.output
    finally:
        lab.sh("node1", "set +e\n" + UNFOREIGN, check=False)


def test_teardown_in_check_mode_removes_nothing_and_in_earnest_needs_no_state(lab: Lab) -> None:
    bare = lab.state("node1")
    lab.build()
    before = lab.state("node1")
    run = lab.run("teardown.yml", "--check")
    assert run.status == 0, run.output
    assert len(run.changed("node1")) == 8
    assert lab.state("node1") == before
    lab.sh("node1", "rm -r /run/podnet-lab")
    lab.teardown()
    # The earlier value of ip_forward and who made /var/lib/cni were noted in what is lost.
    lab.sh("node1", "echo 0 > /proc/sys/net/ipv4/ip_forward; rmdir /var/lib/cni/networks || true")
    assert lab.state("node1") == bare


def test_two_plays_at_the_same_time_end_as_one(lab: Lab) -> None:
    lab.have_none()
    with ThreadPoolExecutor(2) as both:
        runs = list(both.map(lambda _number: lab.run("lab.yml"), range(2)))
    assert [run.status for run in runs] == [0, 0], "\n".join(run.output for run in runs)
    check_traffic(lab)
    sandboxes = lab.sh("node1", "ps -eo args= | grep -c '^sleep infinity' || true")
    assert lab.build().changed("node1") == []
    assert lab.sh("node1", "ps -eo args= | grep -c '^sleep infinity' || true") == sandboxes
    assert lab.state("node1").count("lab0_default_pod1\n") >= 1


def test_two_labs_share_a_node(lab: Lab) -> None:
    other = {"manual_lab_name": "lab1", "manual_lab_bridge": "lab1", "manual_lab_cluster_cidr": "10.245.0.0/16"}
    lab.have()
    lab.build(**other)
    try:
        assert lab.build().changed("node1") == []
        check_traffic(lab)
        lab.teardown()
        assert lab.sh("node1", "cat /proc/sys/net/ipv4/ip_forward").strip() == "1", "lab1 needs it"
        server = lab.pod_address("node2", "lab1_default_pod2")
        answer = lab.ask("node1", "lab1_default_pod1", f"http://{server}/")
        assert answer["client"] == lab.pod_address("node1", "lab1_default_pod1")
    finally:
        lab.teardown(**other)
    assert lab.sh("node1", "cat /proc/sys/net/ipv4/ip_forward").strip() == "0"


def refuse(lab: Lab, *texts: str, **variables: Any) -> None:
    """Build, and require that it is refused with all these texts and that nothing was touched."""
    before = lab.state("node1"), lab.state("node2")
    run = lab.run("lab.yml", variables=variables)
    assert run.status != 0, run.output
    for text in texts:
        assert text in run.output, run.output
    assert (lab.state("node1"), lab.state("node2")) == before


def test_a_bad_description_is_refused_with_all_its_faults_at_once(lab: Lab) -> None:
    twice = pods(("pod1", "node1", [WEB]), ("pod1", "node2", [WEB]), ("Pod_3", "node9", []))
    refuse(
        lab,
        "manual_lab_bridge: 'a-bridge-with-a-long-name' has 25 characters, and Linux allows 15",
        "manual_lab_mtu: 'big' is not an MTU",
        "manual_lab_pods[1]: manual_lab_pods[0] is pod default/pod1 too",
        "manual_lab_pods[2].name: 'Pod_3' is not a name",
        "manual_lab_pods[2].node: 'node9' is not a node of the lab",
        "manual_lab_pods[2].containers: there is no container",
        "node node1: its network 10.",
        manual_lab_bridge="a-bridge-with-a-long-name",
        manual_lab_mtu="big",
        manual_lab_pods=twice,
        manual_lab_cluster_cidr="10.0.0.0/8",
    )


def test_a_foreign_link_with_the_bridges_name_is_refused(lab: Lab) -> None:
    lab.sh("node2", "ip link add lab0 type bridge")
    try:
        refuse(lab, "node node2: a link of kind bridge has the bridge's name lab0, and the lab did not make it")
    finally:
        lab.sh("node2", "ip link delete lab0")


def test_one_address_for_two_nodes_is_refused(lab: Lab) -> None:
    for node in ("node1", "node2"):
        lab.sh(node, "ip addr add 192.0.2.15/24 dev eth0")
    try:
        refuse(lab, "node node2: node1 has the address 192.0.2.15 too", manual_lab_node_address="192.0.2.15")
    finally:
        for node in ("node1", "node2"):
            lab.sh(node, "ip addr delete 192.0.2.15/24 dev eth0")


def test_a_container_that_cannot_run_is_reported(lab: Lab) -> None:
    bad = pods(
        ("pod1", "node1", [{"name": "one", "command": ["true"]}]),
        ("pod2", "node2", [{"name": "one", "command": ["nosuch"]}]),
    )
    run = lab.run("lab.yml", variables={"manual_lab_pods": bad})
    assert run.status != 0
    assert "container one of pod default/pod1: its command ended at once: true" in run.output
    assert "container one of pod default/pod2: this node has no program 'nosuch'" in run.output


def test_a_forward_chain_that_drops_is_reported_with_the_remedy(lab: Lab) -> None:
    chain = "add chain ip strict fw_forward { type filter hook forward priority 0; policy drop; }"
    lab.sh("node1", f"nft 'add table ip strict; {chain}'")
    try:
        run = lab.build()
        assert "nft insert rule ip strict fw_forward ip saddr 10.244.0.0/16 accept" in run.output
        lab.sh("node1", "nft insert rule ip strict fw_forward ip saddr 10.244.0.0/16 accept")
        lab.sh("node1", "nft insert rule ip strict fw_forward ip daddr 10.244.0.0/16 accept")
        check_traffic(lab)
    finally:
        lab.sh("node1", "nft delete table ip strict")
