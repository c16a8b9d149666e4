# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How the lab joins its nodes, over SSH: judged by iproute2, by traffic and by what crosses the wire.

node1 and node2 are the lab. node3 is a router when they are to be in different networks.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.podnet.lab.plugins.plugin_utils.path.fleet import NodeFiles
from ansible_collections.podnet.lab.tests.integration.support import paths, programs
from ansible_collections.podnet.lab.tests.integration.support.lab import ASK, Lab
from ansible_collections.podnet.lab.tests.integration.support.nodes import Nodes
from ansible_collections.podnet.lab.tests.integration.support.world import CHECKOUT

POD1, POD2 = "lab0_default_pod1", "lab0_default_pod2"
VXLAN = {"manual_lab_network": "vxlan"}
WIREGUARD = {"manual_lab_network": "wireguard"}
BGP = {"manual_lab_network": "bgp"}

# What a way to join nodes could leave behind, as text. Ages, counters and what the kernel asks for itself are left out.
SNAPSHOT = """
echo == links; ip -o link show | sed -E 's/^[0-9]+: //; s/@if[0-9]+//' | awk '{print $1, $4}' | sort
echo == addresses; ip -4 -o addr show | awk '{print $2, $4}' | sort
echo == routes; ip -4 route show table all | grep -v '^\\(broadcast\\|local\\)' | sort
echo == entries; bridge fdb show | grep dst | sort; ip neigh show nud permanent
echo == sysctl; cat /proc/sys/net/ipv4/ip_forward
echo == files; find /run/podnet-lab /var/lib/cni /run/netns 2>/dev/null | sort
echo == processes; ps -eo args= | grep -v -e '^sshd' -e '^ps ' -e '^sh -' -e '^bash' -e '^sort' -e grep -e sed | sort
"""

# The program of the page prints the headers of the first packet of a VXLAN with TCP inside.
CAPTURE = (
    (CHECKOUT / "docs" / "networks.md").read_text(encoding="utf-8").partition("```python\n")[2].partition("```")[0]
)

# Prints of the UDP packets to a port, as long as they come, who sends them to whom and what is in them.
PAYLOADS = """
import socket, struct, sys
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
s.bind((sys.argv[1], 0)); s.settimeout(20)
print("listening", flush=True)
ip = lambda data: ".".join(map(str, data))
seen, ends = b"", None
while len(seen) < 1500:
    packet = s.recv(65535)[14:]
    if packet[9] == 17 and struct.unpack("!H", packet[22:24])[0] == int(sys.argv[2]):
        ends = ends or (ip(packet[12:16]), ip(packet[16:20]))
        seen += packet[28:]
print(*ends, seen.hex())
"""


class Run:
    """One run of a playbook: its output, and the tasks that changed something on a node."""

    def __init__(self, done: subprocess.CompletedProcess[str]) -> None:
        self.output = done.stdout + done.stderr
        self.status = done.returncode

    def changed(self, node: str) -> list[str]:
        """The steps that changed the node, by the first words of their titles."""
        titles, title = [], ""
        for line in self.output.splitlines():
            if line.startswith("TASK ["):
                title = line.partition(" : ")[2].rpartition("]")[0]
            elif line.startswith(f"changed: [{node}]"):
                titles.append(title)
        return titles

    def commands(self, node: str) -> list[str]:
        """The commands that the play shows for the node; the sandbox's PID is not known beforehand."""
        start = f"{node} $ "
        lines = [line[len(start) :] for line in self.output.splitlines() if line.startswith(start)]
        return [re.sub(r"--target \d+", "--target SANDBOX_PID", line) for line in lines]


class Networks:
    """The lab under test."""

    def __init__(self, nodes: Nodes) -> None:
        self.nodes = nodes
        self._absent = True

    def play(self, playbook: str, *argv: str, check: bool = True, **variables: Any) -> Run:
        """Run a playbook of the lab on node1 and node2."""
        variables = {"manual_lab_show_limit": 0, **variables}
        path = CHECKOUT / "playbooks" / playbook
        words = ("--limit", "node1,node2", "-e", json.dumps(variables), *argv)
        if playbook == "lab.yml" and "--check" not in argv:
            self._absent = False
        run = Run(self.nodes.playbook(path, *words, check=check))
        self._absent = self._absent or (playbook == "teardown.yml" and run.status == 0)
        return run

    def have_none(self) -> None:
        """Remove the lab, unless there is none."""
        if not self._absent:
            self.play("teardown.yml")

    def build(self, *argv: str, **variables: Any) -> Run:
        """Build the lab; it must succeed."""
        return self.play("lab.yml", *argv, **variables)

    def refused(self, **variables: Any) -> str:
        """Try to build the lab, which must be refused before anything is touched; what is said."""
        before, absent = (self.state("node1"), self.state("node2")), self._absent
        run = self.play("lab.yml", check=False, **variables)
        assert run.status != 0
        assert (self.state("node1"), self.state("node2")) == before
        self._absent = absent
        return run.output

    def sh(self, node: str, script: str) -> str:
        """Run a shell script on a node."""
        return self.nodes.shell(node, script)

    def json(self, node: str, command: str) -> Any:
        """What a command of iproute2 prints, read."""
        return json.loads(self.sh(node, command) or "[]")

    def state(self, node: str) -> str:
        """Everything of the node that a way to join nodes could touch."""
        return self.sh(node, SNAPSHOT)

    def address(self, node: str, netns: str | None = None) -> str:
        """The address of eth0 of a node or of a pod."""
        inside = f"-n {netns} " if netns else ""
        return str(self.json(node, f"ip {inside}-j -4 addr show eth0")[0]["addr_info"][0]["local"])

    def ask(self, node: str, netns: str | None, address: str) -> dict[str, str]:
        """What a web server of the lab answers to a request from a pod, or from the node itself."""
        enter = f"nsenter --net=/run/netns/{netns} " if netns else ""
        answer = self.sh(node, f"{enter}python3 -c '{ASK}' {address} 80 /")
        return dict(line.split(": ", 1) for line in answer.splitlines() if ": " in line)

    def check_traffic(self) -> None:
        """Pods of both nodes reach each other with their own addresses, and the node reaches the other's pods."""
        pod1, pod2 = self.address("node1", POD1), self.address("node2", POD2)
        for node, netns, source, server in (("node1", POD1, pod1, pod2), ("node2", POD2, pod2, pod1)):
            assert self.ask(node, netns, server)["client"] == source
        assert self.ask("node1", None, pod2)["pod"] == "default/pod2"

    def mtus(self, node: str, netns: str) -> set[int]:
        """The MTUs of every link of the lab on the node and in a pod."""
        links = self.json(node, "ip -j link") + self.json(node, f"ip -n {netns} -j link")
        return {link["mtu"] for link in links if link.get("ifalias") == "podnet.lab:lab0"}

    def listening(self, node: str, port: int) -> AbstractContextManager[subprocess.Popen[str]]:
        """Capture the first packet of a VXLAN with TCP inside that arrives at a node."""
        return self._started(node, CAPTURE, port)

    def capturing(self, node: str, port: int) -> AbstractContextManager[subprocess.Popen[str]]:
        """Capture what is in the UDP packets to a port that arrive at a node."""
        return self._started(node, PAYLOADS, port)

    @contextmanager
    def _started(self, node: str, program: str, port: int) -> Iterator[subprocess.Popen[str]]:
        command = self.nodes.ssh(node, f"python3 -c '{program}' eth0 {port}")
        with subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True) as listener:
            assert listener.stdout is not None
            assert listener.stdout.readline().startswith("listening")
            yield listener


@pytest.fixture(scope="module")
def networks(ssh_nodes: Nodes) -> Iterator[Networks]:
    """The lab, shared by the tests of this file in their order; at the end nothing may be left of it."""
    made = Networks(ssh_nodes)
    before = {node: made.state(node).splitlines() for node in ("node1", "node2")}
    try:
        yield made
    finally:
        made.play("teardown.yml")
    for node, lines in before.items():
        assert made.state(node).splitlines() == lines, node


def test_a_vxlan_is_predicted_and_laid_and_carries_packets_of_pods_in_packets_of_nodes(networks: Networks) -> None:
    before = networks.state("node1")
    predicted = networks.build("--check", "--diff", **VXLAN)
    assert networks.state("node1") == before
    added = "\n".join(line for line in predicted.output.splitlines() if line.startswith("+"))
    remote, local = networks.address("node2"), networks.address("node1")
    for text in (
        f"vxlan1 mtu 1450 address 0a:58:0a:f4:00:00 vxlan id 1 local {local} dstport 4789 nolearning up",
        f"vxlan1 fdb 0a:58:0a:f4:01:00 dst {remote}",
        "vxlan1 neigh 10.244.1.0 lladdr 0a:58:0a:f4:01:00",
        "10.244.1.0/24 via 10.244.1.0 dev vxlan1 onlink",
    ):
        assert text in added, f"{text} is not in the diff:\n{added}"
    real = networks.build(**VXLAN)
    assert predicted.commands("node1") == real.commands("node1")
    assert len(real.changed("node1")) == 10
    again = networks.build(**VXLAN)
    assert again.changed("node1") == again.changed("node2") == []

    link = networks.json("node1", "ip -d -j link show vxlan1")[0]
    data = link["linkinfo"]["info_data"]
    assert (data["id"], data["port"], data["local"], data.get("learning", False)) == (1, 4789, local, False)
    assert networks.mtus("node1", POD1) == networks.mtus("node2", POD2) == {1450}
    assert networks.sh("node1", "bridge fdb show dev vxlan1").split() == [
        "0a:58:0a:f4:01:00", "dst", remote, "self", "permanent"
    ]  # fmt: skip
    with networks.listening("node2", 4789) as listener:
        networks.check_traffic()
        seen = [line.split() for line in listener.communicate(timeout=20)[0].splitlines()]
    pod1, pod2 = networks.address("node1", POD1), networks.address("node2", POD2)
    assert seen[1][:6] == ["IPv4", local, ">", remote, "protocol", "17"]
    assert seen[2][-1] == "4789"
    assert seen[3:5] == [["VXLAN", "VNI", "1"], ["Ethernet", "0a:58:0a:f4:00:00", ">", "0a:58:0a:f4:01:00"]]
    assert seen[5][:6] == ["IPv4", pod1, ">", pod2, "protocol", "6"]
    assert int(seen[1][6]) - int(seen[5][6]) == 50, "what the tunnel adds"


@dataclass(frozen=True)
class Damage:
    """What a script breaks on a node, and the first words of the steps that repair it there."""

    node: str
    script: str
    steps: list[str]


def repair(networks: Networks, *damages: Damage, **variables: Any) -> None:
    """Break each node in its own way, and build once: each gets what repairs its own damage, and no more."""
    for damage in damages:
        networks.sh(damage.node, damage.script)
    run = networks.build(**variables)
    for damage in damages:
        changed = run.changed(damage.node)
        assert len(changed) == len(damage.steps), f"{damage}: {changed}"
        assert all(title.startswith(step) for title, step in zip(changed, damage.steps, strict=True)), (
            f"{damage}: {changed}"
        )


# The tunnel goes with its address, its entries and its routes.
DAMAGES = [
    (
        Damage("node1", "ip link delete vxlan1", ["5. Tunnel", "5. Static"]),
        Damage("node2", "ip link set vxlan1 down", ["5. Tunnel", "5. Static"]),
    ),
    (
        Damage(
            "node1",
            "bridge fdb delete 0a:58:0a:f4:01:00 dev vxlan1; ip neigh delete 10.244.1.0 dev vxlan1; "
            "bridge fdb append 00:00:00:00:00:00 dev vxlan1 dst 192.0.2.9",
            ["5. Tunnel"],
        ),
        Damage(
            "node2",
            "ip link set vxlan1 mtu 1400 address 0a:58:00:00:00:01; ip address add 192.0.2.9/32 dev vxlan1; "
            "ip route delete 10.244.0.0/24",
            ["5. Tunnel", "5. Static"],
        ),
    ),
]


def test_a_damaged_vxlan_is_repaired(networks: Networks) -> None:
    whole = networks.state("node1"), networks.state("node2")
    for damages in DAMAGES:
        repair(networks, *damages, **VXLAN)
        assert (networks.state("node1"), networks.state("node2")) == whole, damages
    networks.check_traffic()


def test_the_promises_of_the_network_model_hold_over_a_vxlan(networks: Networks, tmp_path: Path) -> None:
    networks.play("verify.yml", podnet_report_dir=str(tmp_path / "report"))
    said = json.loads((tmp_path / "report" / "verify.json").read_text(encoding="utf-8"))
    verdicts = {one["key"]: one["verdict"] for one in said["requirements"]}
    assert verdicts["path-mtu"] == "held"
    assert "broken" not in verdicts.values(), verdicts


def test_the_report_knows_the_tunnel_and_finds_who_does_not_agree_with_whom(networks: Networks, tmp_path: Path) -> None:
    def report(name: str) -> Any:
        networks.play("inspect.yml", podnet_report_dir=str(tmp_path / name), podnet_diagnose=True)
        return json.loads((tmp_path / name / "report.json").read_text(encoding="utf-8"))

    whole = report("whole")
    assert [one["kind"] for one in whole["odd"] if one["severity"] == "fault"] == []
    own = [one for namespace in whole["namespaces"] if namespace["host"] == "node1" for one in namespace["interfaces"]]
    vxlan = next(interface for interface in own if interface["ifname"] == "vxlan1")
    assert vxlan["tunnel"]["id"] == 1
    assert vxlan["tunnel"]["learning"] is False
    assert vxlan["tunnel"]["fdb"] == [{"mac": "0a:58:0a:f4:01:00", "dst": networks.address("node2")}]
    path = paths.computed(NodeFiles(tmp_path / "whole"), "default/pod1", "default/pod2:80")
    assert paths.arrivals(path) == {("default/pod2", "10.244.0.2")}
    assert path["ways"][0]["there"]["path_mtu"] == 1450
    steps = [
        step["text"] for hop in path["ways"][0]["there"]["hops"] for step in hop["steps"] if step["what"] == "overlay"
    ]
    remote = networks.address("node2")
    assert steps == [f"vxlan1 wraps it for {remote}: VXLAN 1, UDP port 4789", "vxlan1 takes it out"]

    networks.sh("node1", "bridge fdb delete 0a:58:0a:f4:01:00 dev vxlan1")
    networks.sh("node2", "ip neigh replace 10.244.0.0 lladdr 0a:58:00:00:00:99 dev vxlan1 nud permanent")
    networks.sh("node2", "ip link set vxlan1 mtu 1500")
    found = {(one["kind"], *one["hosts"]) for one in report("damaged")["odd"]}
    assert ("tunnel-fdb-missing", "node1") in found, found
    assert ("tunnel-neighbour-wrong", "node2") in found, found
    assert ("tunnel-mtu", "node2") in found, found
    for sender, receiver, mac in (("pod1", "pod2", "0a:58:0a:f4:01:00"), ("pod2", "pod1", "0a:58:00:00:00:99")):
        path = paths.computed(NodeFiles(tmp_path / "damaged"), f"default/{sender}", f"default/{receiver}")
        assert path["ways"][0]["there"]["reason"].endswith(f": vxlan1 knows no node behind which {mac} is")


@pytest.mark.release
def test_a_lab_changes_from_one_network_to_the_other_and_leaves_no_trace(networks: Networks) -> None:
    networks.build(**VXLAN, manual_lab_vxlan_vni=77, manual_lab_vxlan_port=8472)
    assert "vxlan1" not in networks.state("node1")
    assert networks.json("node1", "ip -j link show vxlan77")[0]["mtu"] == 1450
    networks.check_traffic()
    plain = networks.build()
    assert "5. Remove the tunnel of an earlier description" in plain.changed("node1")
    assert "vxlan" not in networks.state("node1") + networks.state("node2")
    assert networks.mtus("node1", POD1) == {1500}
    networks.check_traffic()
    changed = networks.state("node1"), networks.state("node2")
    assert networks.build().changed("node1") == []
    networks.play("teardown.yml")
    networks.build()
    assert (networks.state("node1"), networks.state("node2")) == changed
    networks.build(**VXLAN)
    networks.check_traffic()


@pytest.fixture
def with_wireguard(networks: Networks) -> Iterator[None]:
    """WireGuard's programs on both nodes, and the device that a kernel without WireGuard needs."""
    files = programs.found(["wireguard-tools", "wireguard-go"], "wg", "wireguard-go")
    for node in ("node1", "node2"):
        networks.sh(node, "[ -e /dev/net/tun ] || { mkdir -p /dev/net; mknod /dev/net/tun c 10 200; }")
        programs.put(networks.nodes, node, files)
    try:
        yield
    finally:
        for node in ("node1", "node2"):
            programs.take_away(networks.nodes, node)
            networks.sh(node, "rm -f /dev/net/tun; rmdir /dev/net 2>/dev/null || true")


KEY_FILE = "/run/podnet-lab/lab0/wireguard.key"
WIREGUARD_DAMAGES = [
    (
        Damage("node1", "ip link delete wg51820", ["5. WireGuard", "5. Static"]),
        Damage("node2", "wg set wg51820 peer $(wg show wg51820 peers) remove", ["5. WireGuard"]),
    ),
    (
        Damage(
            "node1",
            "wg set wg51820 peer $(wg show wg51820 peers) allowed-ips 0.0.0.0/0; ip link set wg51820 mtu 1300",
            ["5. WireGuard"],
        ),
        Damage("node2", "ip link set wg51820 down", ["5. WireGuard", "5. Static"]),
    ),
]


@pytest.mark.usefixtures("with_wireguard")
def test_wireguard_encrypts_what_crosses_and_its_private_keys_stay_where_they_are(
    networks: Networks, tmp_path: Path
) -> None:
    networks.have_none()
    bare = networks.state("node1"), networks.state("node2")
    predicted = networks.build("--check", "--diff", **WIREGUARD)
    assert (networks.state("node1"), networks.state("node2")) == bare
    built = networks.build("--diff", "-vvv", **WIREGUARD)
    private = {node: networks.sh(node, f"cat {KEY_FILE}").strip() for node in ("node1", "node2")}
    public = {node: networks.sh(node, f"wg pubkey < {KEY_FILE}").strip() for node in ("node1", "node2")}
    assert [
        re.sub(r"PUBLIC_KEY_OF_(\w+)", lambda found: public[found[1]], line) for line in predicted.commands("node1")
    ] == (built.commands("node1"))
    assert public["node2"] in built.output
    for key in private.values():
        assert len(key) == 44
        assert key not in built.output + predicted.output, "a private key was shown"
    assert networks.sh("node1", f"stat -c '%a %U' {KEY_FILE}").split() == ["600", "root"]
    again = networks.build("--diff", "-vvv", **WIREGUARD)
    assert again.changed("node1") == again.changed("node2") == []
    assert not any(key in again.output for key in private.values())
    assert networks.mtus("node1", POD1) == {1440}

    local, remote = networks.address("node1"), networks.address("node2")
    with networks.capturing("node2", 51820) as capture:
        networks.check_traffic()
        payload = capture.communicate(timeout=20)[0].split()
    assert payload[:2] == [local, remote]
    assert b"pod: default" not in bytes.fromhex("".join(payload[2:])), "what crosses is readable"
    networks.play("verify.yml", podnet_report_dir=str(tmp_path / "report"))
    said = json.loads((tmp_path / "report" / "verify.json").read_text(encoding="utf-8"))
    verdicts = {one["key"]: one["verdict"] for one in said["requirements"]}
    assert verdicts["path-mtu"] == "held"
    assert "broken" not in verdicts.values(), verdicts

    whole = networks.state("node1"), networks.state("node2")
    for damages in WIREGUARD_DAMAGES:
        repair(networks, *damages, **WIREGUARD)
        assert (networks.state("node1"), networks.state("node2")) == whole, damages
    networks.sh("node1", f"chmod 644 {KEY_FILE}")
    networks.build(**WIREGUARD)
    assert networks.sh("node1", f"cat {KEY_FILE}").strip() != private["node1"], "others could have read it"
    networks.check_traffic()

    networks.build(**VXLAN)
    assert "wg51820" not in networks.state("node1")
    assert "wireguard" not in networks.state("node1")
    networks.check_traffic()
    networks.build(**WIREGUARD)
    assert "vxlan" not in networks.state("node1")
    networks.check_traffic()
    networks.play("teardown.yml")
    assert (networks.state("node1"), networks.state("node2")) == bare


@pytest.fixture
def with_bird(networks: Networks) -> Iterator[None]:
    """BIRD on both nodes."""
    files = programs.found(["bird2", "libssh-gcrypt-4"], "bird", "birdc", "libssh-gcrypt.so.4")
    for node in ("node1", "node2"):
        programs.put_with_library(networks.nodes, node, files)
    try:
        yield
    finally:
        for node in ("node1", "node2"):
            programs.take_away(networks.nodes, node)


KILL_BIRD = "kill -9 $(cat /run/podnet-lab/lab0/bird.pid); while pgrep -x bird; do sleep 0.1; done"
BGP_DAMAGES = (
    Damage("node1", KILL_BIRD, ["5. BGP"]),
    Damage(
        "node2",
        "cd /run/podnet-lab/lab0; sed -i 's/hold time 9/hold time 90/' bird.conf; rm bird.ctl",
        ["5. BGP"],
    ),
)


@pytest.mark.release
@pytest.mark.usefixtures("with_bird")
def test_bgp_tells_each_node_which_pods_the_other_has(networks: Networks) -> None:
    networks.have_none()
    bare = networks.state("node1"), networks.state("node2")
    predicted = networks.build("--check", "--diff", **BGP)
    assert (networks.state("node1"), networks.state("node2")) == bare
    built = networks.build(**BGP)
    assert predicted.commands("node1") == built.commands("node1")
    remote = networks.address("node2")
    route = f"10.244.1.0/24 via {remote} dev eth0 metric 32"
    assert networks.sh("node1", "ip route show proto bird").split() == route.split()
    said = networks.sh("node1", "birdc -s /run/podnet-lab/lab0/bird.ctl show route")
    assert re.search(rf"10.244.1.0/24 +unicast \[peer_{remote.replace('.', '_')} ", said), said
    networks.check_traffic()
    again = networks.build(**BGP)
    assert again.changed("node1") == again.changed("node2") == []

    repair(networks, *BGP_DAMAGES, **BGP)
    networks.check_traffic()
    # A node that is cut off: its pods' range goes with the session, and comes back with it.
    networks.sh("node2", "ip link set lab0 down")
    networks.sh(
        "node1", "for i in $(seq 100); do ip route show proto bird | grep -q . || exit 0; sleep 0.1; done; exit 1"
    )
    networks.build(**BGP)
    networks.check_traffic()

    plain = networks.build()
    assert "5. End the BGP of an earlier description" in plain.changed("node1")
    assert "bird" not in networks.state("node1") + networks.state("node2")
    networks.check_traffic()
    networks.build(**BGP)
    assert networks.sh("node1", "ip route show proto 112") == ""
    networks.check_traffic()
    networks.sh("node1", KILL_BIRD)
    networks.play("teardown.yml")
    assert (networks.state("node1"), networks.state("node2")) == bare

    networks.sh("node1", f"ip route add 192.0.2.0/24 via {remote} proto bird")
    try:
        run = networks.play("lab.yml", check=False, **BGP)
        assert run.status != 0
        assert "another BIRD has put it on this node" in run.output
    finally:
        networks.play("teardown.yml")
        networks.sh("node1", "ip route delete 192.0.2.0/24")


def one_link(network: str) -> dict[str, Any]:
    """The options of the module ``peer_tunnel`` for one other node, with IPv6 where the tunnel carries it."""
    peer = {"name": network + "0a59000c", "remote": "10.89.0.12", "vtep": "10.244.1.0", "lladdr": "0a:58:0a:f4:01:00"}
    if network != "ipip":
        peer["vtep_v6"] = "fe80::858:aff:fef4:100"
    own = {"local": "10.89.0.11", "mtu": 1400, "lladdr": "0a:58:0a:f4:00:00", "vtep": "10.244.0.0"}
    return {"lab": "lab0", "kind": network, **own, "peers": [peer]}


def commands_of(network: str) -> list[str]:
    """What a person would type for that link."""
    dev, mac = network + "0a59000c", "0a:58:0a:f4:01:00"
    words = f"type {network} local 10.89.0.11 remote 10.89.0.12"
    if network == "geneve":
        words = "address 0a:58:0a:f4:00:00 type geneve id 1 remote 10.89.0.12 dstport 6081"
    vteps = ("10.244.1.0", "fe80::858:aff:fef4:100") if network == "geneve" else ()
    return [
        f"ip link add {dev} mtu 1400 {words}",
        f"ip link set {dev} alias podnet.lab:lab0",
        f"ip address add 10.244.0.0/32 dev {dev}",
        f"ip link set {dev} up",
        *(f"ip neigh replace {vtep} lladdr {mac} dev {dev} nud permanent" for vtep in vteps),
    ]


# One way through the code for all three.
@pytest.mark.parametrize(
    ("network", "module"),
    [
        ("ipip", "ipip"),
        pytest.param("gre", "ip_gre", marks=pytest.mark.release),
        pytest.param("geneve", "geneve", marks=pytest.mark.release),
    ],
)
def test_a_tunnel_with_one_other_end_works_or_the_missing_module_is_named(
    networks: Networks, network: str, module: str
) -> None:
    networks.have_none()
    before = networks.state("node1"), networks.state("node2")
    run = networks.play("lab.yml", check=False, manual_lab_network=network)
    if run.status != 0:
        assert f"node node1: its kernel has no {network}: the module {module} is missing" in run.output
        assert (networks.state("node1"), networks.state("node2")) == before
        told = Lab(networks.nodes).adhoc("node1", "podnet.lab.peer_tunnel", one_link(network), "--check")
        assert told["commands"] == commands_of(network), told
        assert networks.state("node1") == before[0]
        pytest.skip(f"the kernel has no {network}; what would be typed was said by check mode")
    networks.check_traffic()
    assert networks.build(manual_lab_network=network).changed("node1") == []
    networks.build(**VXLAN)
    assert network not in networks.sh("node1", "ip route")
    networks.check_traffic()


def test_what_wireguard_needs_is_said_before_anything_is_touched(networks: Networks) -> None:
    said = networks.refused(**WIREGUARD)
    if "wireguard-tools" in said:
        assert "node node1: the program wg is not there. Install the package wireguard-tools." in said
    else:
        assert "the module wireguard is missing" in said


@pytest.mark.release
def test_what_others_made_stays_and_is_not_taken_for_the_tunnel(networks: Networks) -> None:
    networks.have_none()
    bare = networks.state("node1")
    networks.sh(
        "node1",
        "ip link add flannel.5 type vxlan id 5 dstport 4789 local 127.0.0.1 nolearning; ip link set flannel.5 up; "
        "ip route add 192.0.2.0/24 via 192.0.2.0 dev flannel.5 onlink; "
        "bridge fdb add 0a:58:00:00:00:05 dev flannel.5 dst 127.0.0.2",
    )
    try:
        foreign = networks.state("node1")
        said = networks.refused(**VXLAN, manual_lab_vxlan_vni=5)
        assert "its link flannel.5 has the tunnel's VNI 5 and port 4789" in said
        networks.build(**VXLAN)
        networks.check_traffic()
        networks.play("teardown.yml")
        assert networks.state("node1") == foreign
    finally:
        networks.sh("node1", "ip link delete flannel.5")
    assert networks.state("node1") == bare


@contextmanager
def two_networks(networks: Networks) -> Iterator[dict[str, str]]:
    """node1 and node2 with addresses in networks of their own, and node3 as the router between them."""
    addresses = {"node1": "172.29.1.11", "node2": "172.29.2.12"}
    networks.sh("node3", "ip addr add 172.29.1.1/24 dev eth0; ip addr add 172.29.2.1/24 dev eth0")
    networks.sh("node3", "cd /proc/sys/net/ipv4; echo 0 > conf/all/send_redirects; echo 0 > conf/eth0/send_redirects")
    networks.sh("node3", "echo 1 > /proc/sys/net/ipv4/ip_forward")
    networks.sh("node1", "ip addr add 172.29.1.11/24 dev eth0; ip route add 172.29.2.0/24 via 172.29.1.1")
    networks.sh("node2", "ip addr add 172.29.2.12/24 dev eth0; ip route add 172.29.1.0/24 via 172.29.2.1")
    try:
        yield {"manual_lab_node_address": "{{ " + json.dumps(addresses) + "[inventory_hostname] }}"}
    finally:
        networks.sh("node1", "ip route delete 172.29.2.0/24; ip addr delete 172.29.1.11/24 dev eth0")
        networks.sh("node2", "ip route delete 172.29.1.0/24; ip addr delete 172.29.2.12/24 dev eth0")
        networks.sh("node3", "ip addr delete 172.29.1.1/24 dev eth0; ip addr delete 172.29.2.1/24 dev eth0")
        networks.sh(
            "node3", "cd /proc/sys/net/ipv4; echo 1 > conf/all/send_redirects; echo 1 > conf/eth0/send_redirects"
        )
        networks.sh("node3", "echo 0 > /proc/sys/net/ipv4/ip_forward")


@pytest.mark.release
def test_nodes_of_different_networks_need_the_tunnel(networks: Networks) -> None:
    networks.have_none()
    with two_networks(networks) as options:
        said = networks.refused(**options)
        assert "node node1: it shares no network with node2 (172.29.2.12), so that it cannot route pods there" in said
        assert "set manual_lab_network to vxlan" in said
        networks.build(**options, **VXLAN)
        with networks.listening("node3", 4789) as listener:
            networks.check_traffic()
            outer = listener.communicate(timeout=20)[0].splitlines()[1].split()
        assert outer[1:4] == ["172.29.1.11", ">", "172.29.2.12"]
        networks.play("teardown.yml")
