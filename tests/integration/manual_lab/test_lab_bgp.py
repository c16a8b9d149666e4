# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""BGP between three nodes of the lab, over SSH with real BIRDs: reflectors, BFD, and changing to it and back."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from ansible_collections.podnet.lab.tests.integration.support import programs
from ansible_collections.podnet.lab.tests.integration.support.lab import Lab, Run
from ansible_collections.podnet.lab.tests.integration.support.nodes import Nodes

NODES = ("node1", "node2", "node3")
IDLE = [{"name": "idle", "command": ["sleep", "infinity"]}]
PODS = {"manual_lab_pods": [{"name": f"pod{node[-1]}", "node": node, "containers": IDLE} for node in NODES]}
BGP = {**PODS, "manual_lab_network": "bgp"}
VXLAN = {**PODS, "manual_lab_network": "vxlan"}
V6 = {"manual_lab_cluster_cidr_v6": "fd00:10:244::/56"}
BIRDC = "birdc -s /run/podnet-lab/lab0/bird.ctl"
PORT = 4789 + 1000

# Sends each packet back until its input ends.
ECHO = """
import select, socket, sys
s = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM)
s.bind((sys.argv[1], int(sys.argv[2])))
print("listening", flush=True)
while True:
    ready = select.select([s, sys.stdin], [], [])[0]
    if sys.stdin in ready:
        break
    s.sendto(*s.recvfrom(99))
"""
# Sends 50 packets a second until its input ends; prints how many, how many did not come back, and the longest silence.
PROBE = """
import json, select, socket, sys, time
s = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM)
s.connect((sys.argv[1], int(sys.argv[2])))
sent, seen, last, longest, due = 0, set(), time.monotonic(), 0.0, time.monotonic()
print("probing", flush=True)
while True:
    ready = select.select([s, sys.stdin], [], [], max(0, due - time.monotonic()))[0]
    if s in ready:
        try:
            seen.add(s.recv(99))
        except OSError:
            continue
        longest, last = max(longest, time.monotonic() - last), time.monotonic()
    if sys.stdin in ready:
        break
    if time.monotonic() >= due:
        try:
            s.send(b"%d" % sent)
        except OSError:
            pass
        sent, due = sent + 1, due + 0.02
time.sleep(0.5)
s.setblocking(False)
try:
    while True:
        seen.add(s.recv(99))
except OSError:
    pass
print(json.dumps([sent, sent - len(seen), longest]))
"""
# Prints when a route by BGP went and when it came back, in seconds of the clock that all nodes have in common.
WATCH = """
import subprocess, sys, time
def there():
    return subprocess.run(["ip", "route", "show", sys.argv[1], "proto", "bird"], capture_output=True).stdout != b""
print("watching", flush=True)
for wanted in (False, True):
    while there() != wanted:
        time.sleep(0.05)
    print(time.time(), flush=True)
"""
LINK_DOWN = (
    "sleep 1; date +%s.%N > /run/cut; route=$(ip route show default); ip link set eth0 down; sleep {seconds}; "
    'ip link set eth0 up; date +%s.%N >> /run/cut; [ -z "$route" ] || ip route add $route'
)


@pytest.fixture(scope="module")
def lab(ssh_nodes: Nodes) -> Iterator[Lab]:
    """The lab on three nodes that have BIRD; at the end nothing is left of it."""
    files = programs.found(["bird2", "libssh-gcrypt-4"], "bird", "birdc", "libssh-gcrypt.so.4")
    made = Lab(ssh_nodes)
    before = {node: made.state(node) for node in NODES}
    for node in NODES:
        programs.put_with_library(ssh_nodes, node, files)
    try:
        yield made
    finally:
        made.run("teardown.yml", limit=",".join(NODES))
        for node in NODES:
            programs.take_away(ssh_nodes, node)
    assert {node: made.state(node) for node in NODES} == before


def build(lab: Lab, *argv: str, **variables: Any) -> Run:
    """Build the lab on all three nodes."""
    variables = {"manual_lab_show_limit": 0, **variables}
    run = lab.run("lab.yml", *argv, variables=variables, limit=",".join(NODES))
    assert run.status == 0, run.output
    return run


def sessions(lab: Lab, node: str) -> list[str]:
    """The addresses of the nodes that a node has a session with."""
    shown = lab.sh(node, f"{BIRDC} show protocols")
    return sorted(name.replace("_", ".") for name in re.findall(r"^peer_(\S+) +BGP .*Established", shown, re.MULTILINE))


def learned(lab: Lab, node: str, version: int = 4) -> dict[str, str]:
    """Gateway by destination of the routes that BIRD has written."""
    shown = lab.sh(node, f"ip -{version} -j route show proto bird")
    return {one["dst"]: one["gateway"] for one in json.loads(shown or "[]")}


def link_local(lab: Lab, node: str) -> str:
    """The address by which the others route IPv6 to a node's pods."""
    return lab.sh(node, "ip -6 -o addr show dev eth0 scope link").split()[3].partition("/")[0]


def pod_address_v6(lab: Lab, node: str, netns: str) -> str:
    """The IPv6 address of a pod."""
    return lab.sh(node, f"ip -n {netns} -6 -o addr show dev eth0 scope global").split()[3].partition("/")[0]


def reached(lab: Lab, address: str) -> tuple[int, int]:
    """Packets that pod1 sends to an address of pod3 within a second, and those of them that stay without an answer."""
    with (
        started(lab, "node3", ECHO, address, str(PORT), pod="pod3"),
        started(lab, "node1", PROBE, address, str(PORT), pod="pod1") as probe,
    ):
        lab.sh("node1", "sleep 1")
        sent, missing, _silence = json.loads(probe.communicate("end\n", timeout=30)[0])
    return int(sent), int(missing)


@contextmanager
def started(lab: Lab, node: str, program: str, *argv: str, pod: str | None = None) -> Iterator[subprocess.Popen[str]]:
    """Have a Python program run on a node, or in the namespace of a pod, which has printed its first line."""
    enter = f"nsenter --net=/run/netns/lab0_default_{pod} " if pod else ""
    command = ["ssh", "-F", str(lab.nodes.directory / "ssh_config"), node]
    command.append(f"exec {enter}python3 -c '{program}' {' '.join(argv)}")
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as running:
        assert running.stdout is not None
        assert running.stdout.readline().endswith("ing\n")
        yield running


def lost(lab: Lab, **variables: Any) -> tuple[int, int, float]:
    """Build the lab while pod1 probes pod2: packets sent, packets lost, and the longest silence in seconds."""
    address = lab.pod_address("node2", "lab0_default_pod2")
    with (
        started(lab, "node2", ECHO, address, str(PORT), pod="pod2"),
        started(lab, "node1", PROBE, address, str(PORT), pod="pod1") as probe,
    ):
        build(lab, **variables)
        told = json.loads(probe.communicate("end\n", timeout=30)[0])
    return int(told[0]), int(told[1]), float(told[2])


@pytest.mark.release
def test_changing_to_bgp_and_back_loses_no_packet(lab: Lab) -> None:
    build(lab, **VXLAN)
    for variables in (BGP, PODS, BGP):
        sent, missing, silence = lost(lab, **variables)
        print(f"to {variables.get('manual_lab_network', 'routes')}: {missing} of {sent} lost, {silence:.2f} s silent")
        assert sent > 100
        assert missing <= sent // 100, f"{missing} of {sent}"
        assert silence < 1
    assert "vxlan" not in lab.state("node1")
    assert lab.sh("node1", "ip route show proto 112") == ""


def test_a_reflector_tells_all_others_and_stays_out_of_the_way(lab: Lab) -> None:
    build(lab, **BGP)
    addresses = {node: lab.address(node) for node in NODES}
    assert sessions(lab, "node1") == sorted((addresses["node2"], addresses["node3"]))
    reflected = {**BGP, "manual_lab_bgp_reflectors": ["node2"]}
    changed = build(lab, **reflected)
    assert [title for title in changed.changed("node1") if title.startswith("5. BGP")]
    assert sessions(lab, "node1") == sessions(lab, "node3") == [addresses["node2"]]
    assert sessions(lab, "node2") == sorted((addresses["node1"], addresses["node3"]))
    # The next hop is the node that has the pods, not the one that told of them.
    assert learned(lab, "node1") == {"10.244.1.0/24": addresses["node2"], "10.244.2.0/24": addresses["node3"]}
    assert learned(lab, "node3") == {"10.244.0.0/24": addresses["node1"], "10.244.1.0/24": addresses["node2"]}
    sent, missing = reached(lab, lab.pod_address("node3", "lab0_default_pod3"))
    assert (sent > 10, missing) == (True, 0)


@pytest.mark.release
def test_a_reflector_tells_ipv6_with_and_without_ipv4(lab: Lab) -> None:
    if lab.sh("node1", "cat /proc/sys/net/ipv6/conf/all/disable_ipv6 2>/dev/null || echo 1").strip() != "0":
        pytest.skip("the kernel has no IPv6, or it is switched off")
    addresses = {node: link_local(lab, node) for node in NODES}
    wanted = {"fd00:10:244:1::/64": addresses["node2"], "fd00:10:244:2::/64": addresses["node3"]}
    reflected = {**BGP, **V6, "manual_lab_bgp_reflectors": ["node2"], "manual_lab_bgp_bfd": True}
    build(lab, **reflected)
    assert sessions(lab, "node1") == [lab.address("node2")]
    assert learned(lab, "node1", 6) == wanted
    assert learned(lab, "node1") == {
        "10.244.1.0/24": lab.address("node2"),
        "10.244.2.0/24": lab.address("node3"),
    }
    assert learned(lab, "node3", 6) == {
        "fd00:10:244::/64": addresses["node1"],
        "fd00:10:244:1::/64": addresses["node2"],
    }
    pod3 = pod_address_v6(lab, "node3", "lab0_default_pod3")
    for address in (lab.pod_address("node3", "lab0_default_pod3"), pod3):
        sent, missing = reached(lab, address)
        assert (sent > 10, missing) == (True, 0), address
    # IPv6 alone, by two reflectors.
    alone = {**reflected, "manual_lab_cluster_cidr": "", "manual_lab_bgp_reflectors": ["node2", "node3"]}
    build(lab, **alone)
    assert sessions(lab, "node1") == sorted((lab.address("node2"), lab.address("node3")))
    assert learned(lab, "node1", 6) == wanted
    assert learned(lab, "node1") == {}
    sent, missing = reached(lab, pod3)
    assert (sent > 10, missing) == (True, 0)
    again = build(lab, **alone)
    assert [again.changed(node) for node in NODES] == [[], [], []]


def cut_off(lab: Lab, seconds: int) -> tuple[float, float]:
    """Take node2's link down: seconds until node1 has no route to its pods, and from link up until it is back."""
    with started(lab, "node1", WATCH, "10.244.1.0/24") as watch:
        script = LINK_DOWN.format(seconds=seconds)
        lab.sh("node2", f"setsid nohup sh -c '{script}' > /dev/null 2>&1 < /dev/null &")
        gone, back = (float(line) for line in watch.communicate(timeout=seconds + 60)[0].split())
    down, up = (float(line) for line in lab.sh("node2", "cat /run/cut; rm /run/cut").split())
    return gone - down, back - up


@pytest.mark.release
def test_bfd_notices_a_dead_link_long_before_bgp_does(lab: Lab) -> None:
    build(lab, **BGP)
    slow, slow_back = cut_off(lab, 20)
    build(lab, **BGP, manual_lab_bgp_bfd=True)
    shown = lab.sh("node1", f"{BIRDC} show bfd sessions")
    assert len(re.findall(r" Up ", shown)) == 2, shown
    fast, fast_back = cut_off(lab, 8)
    print(f"link down: gone after {slow:.1f} s, with BFD {fast:.1f} s")
    print(f"link up: back after {slow_back:.1f} s, with BFD {fast_back:.1f} s")
    assert fast < 4 < slow
    build(lab, **BGP, manual_lab_bgp_bfd=True)
    again = build(lab, **BGP, manual_lab_bgp_bfd=True)
    assert [again.changed(node) for node in NODES] == [[], [], []]
    build(lab, **BGP)
    assert "bfd" not in lab.sh("node1", "cat /run/podnet-lab/lab0/bird.conf")


def test_a_reflector_that_is_no_node_is_refused(lab: Lab) -> None:
    before = lab.state("node1")
    run = lab.run("lab.yml", variables={**BGP, "manual_lab_bgp_reflectors": ["node9"]}, limit=",".join(NODES))
    assert run.status != 0
    assert "manual_lab_bgp_reflectors: 'node9' is no node of the lab." in run.output
    assert lab.state("node1") == before
