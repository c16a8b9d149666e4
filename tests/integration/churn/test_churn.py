# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Snapshots while namespaces come and go: no crash, no wrong peer, nothing kept.

The churn is hostile on purpose: cables of different generations reuse the same ifindex on the node and the same
ifindex in the pod, and the kernel reuses the inodes of dead namespaces. Every cable carries its truth in
its names and MACs: slot and generation, which are never used twice. Interface ``rS-G`` belongs to
``pS-G`` in namespace ``cS-G`` and to nothing else.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.podnet.lab.tests.integration.support.world import World

SNAPSHOTS = 220
SECONDS = 12
STABLE = 5

# Keeps four cables of its slot alive; the oldest goes before the next comes, and gives it its ifindex.
# A new `ip` for every ten: one process keeps a descriptor of each namespace that it was told of.
_CABLES = """
n=0
while :; do
  for _ in 1 2 3 4 5 6 7 8 9 10; do
    n=$((n + 1)); old=$((n - 4)); index=$((100 + $1 * 10 + n % 4))
    [ $old -gt 0 ] && printf 'link del r%d-%d\\nnetns del c%d-%d\\n' $1 $old $1 $old
    mac=$(printf '%02x:%02x:%02x' $((n / 65536)) $((n / 256 % 256)) $((n % 256)))
    printf 'netns add c%d-%d\\n' $1 $n
    printf 'link add name r%d-%d index %d address 02:%02x:%s:01 type veth ' $1 $n $index $1 $mac
    printf 'peer name p%d-%d index 2 address 02:%02x:%s:02 netns c%d-%d\\n' $1 $n $1 $mac $1 $n
    printf 'link set r%d-%d up\\n' $1 $n
  done > /run/churn-$1
  ip -force -batch /run/churn-$1 2>/dev/null
done
"""

# Namespaces that only a process holds, each for a moment, with both ends of a cable inside.
_PROCESSES = """
while :; do
  unshare --net sh -c 'ip link add in0 type veth peer name in1; sleep 0.02'
done
"""

# Runs in the world and speaks to the snapshot itself: a process start for each of 220 would test Python.
_WATCH = """
import json, os, re, sys, time
from ansible_collections.podnet.lab.plugins.module_utils._kernel.snapshot import take_snapshot

WANTED = {"addresses", "routes", "neighbours", "fdb", "processes"}
SLOW = WANTED | {"sockets", "sysctls"}  # long enough for an ifindex to be given to the next cable while it is read

def name(text):
    return re.fullmatch(r"([rpc])(\\d+-\\d+)", text)

def check(snapshot, stable):
    wrong, exact, gone = [], 0, 0
    for inode, space in snapshot["namespaces"].items():
        if not space["entered"] or space["vanished"]:
            gone += 1
            if space["entered"] is False and not space["vanished"] and not space["errors"]:
                wrong.append("namespace %d not entered, and no reason" % inode)
        links = {link["ifindex"]: link for link in space.get("links", [])}
        names = {name(os.path.basename(path)).group(2) for path in space["paths"] if name(os.path.basename(path))}
        named = [name(link["ifname"]) for link in links.values()]
        inside = {match.group(2) for match in named if match and match.group(1) == "p"}
        if names and inside and not inside <= names:
            wrong.append("namespace %d is called %s and holds cables %s" % (inode, names, inside))
        # `ip netns add` is in the namespace itself until it has mounted it; nobody else ever is.
        strangers = [process for process in space["processes"] if process["comm"] != "ip"]
        if names and (strangers or {"in0", "in1"} & {link["ifname"] for link in links.values()}):
            wrong.append("namespace %d is called %s and has the process of another one" % (inode, names))
        for ifindex, peer in space.get("peers", {}).items():
            end = peer["end"]
            if peer["resolution"] == "exact" and end is None or peer["resolution"] != "exact" and not peer["reason"]:
                wrong.append("%r without end or reason" % (peer,))
            if peer["resolution"] != "exact":
                continue
            near = links[ifindex]["ifname"]
            far_links = {link["ifindex"]: link for link in snapshot["namespaces"][end["netns"]].get("links", [])}
            far = far_links.get(end["ifindex"])
            if far is None or far["ifname"] != end["ifname"]:
                wrong.append("%s -> %r: there is no such link" % (near, end))
                continue
            a, b = name(near), name(end["ifname"])
            if a or b:
                exact += 1
                if not (a and b and a.group(2) == b.group(2) and a.group(1) != b.group(1)):
                    wrong.append("WRONG PEER: %s -> %s" % (near, end["ifname"]))
                elif links[ifindex]["address"][:-2] != far["address"][:-2]:
                    wrong.append("WRONG PEER by MAC: %s -> %s" % (near, end["ifname"]))
            elif near in ("in0", "in1") and (end["netns"] != inode or {near, end["ifname"]} != {"in0", "in1"}):
                wrong.append("WRONG PEER: %s in %d -> %r" % (near, inode, end))
    for port, pod in stable.items():
        own = snapshot["namespaces"][snapshot["own"]]
        index = [link["ifindex"] for link in own["links"] if link["ifname"] == port]
        peer = own["peers"].get(index[0]) if index else None
        if not peer or peer["resolution"] != "exact" or peer["end"]["netns"] != pod:
            wrong.append("the cable %s, which nobody touched: %r" % (port, peer))
    return wrong, exact, gone

rounds, seconds, stable = int(sys.argv[1]), int(sys.argv[2]), json.loads(sys.argv[3])
home = os.readlink("/proc/self/ns/net")
take_snapshot(WANTED, None)
start, fds = time.monotonic(), len(os.listdir("/proc/self/fd"))
told = {"wrong": [], "exact": 0, "gone": 0, "partial": 0, "errors": [], "namespaces": set()}
for number in range(100000):
    if time.monotonic() - start > 40 or (number >= rounds and time.monotonic() - start > seconds):
        break
    snapshot = take_snapshot(SLOW if number % 20 == 0 else WANTED, None)
    wrong, exact, gone = check(snapshot, stable)
    told["wrong"] += ["snapshot %d: %s" % (number, text) for text in wrong]
    told["exact"] += exact
    told["gone"] += gone
    told["partial"] += snapshot["partial"]
    told["errors"] += snapshot["errors"] + [e for s in snapshot["namespaces"].values() for e in s["errors"]]
    told["namespaces"] |= {path for space in snapshot["namespaces"].values() for path in space["paths"]}
    if os.readlink("/proc/self/ns/net") != home:
        told["wrong"].append("snapshot %d did not come home" % number)
told.update(rounds=number, seconds=time.monotonic() - start, fds=[fds, len(os.listdir("/proc/self/fd"))])
told["namespaces"], told["errors"], told["wrong"] = len(told["namespaces"]), told["errors"][:20], told["wrong"][:20]
print(json.dumps(told))
"""


def _stable(world: World) -> dict[str, int]:
    pods = {}
    for number in range(STABLE):
        pods[f"port{number}"] = world.netns(f"stable{number}")
        world.ip("link", "add", f"port{number}", "type", "veth", "peer", "name", "eth0", "netns", f"stable{number}")
    return pods


def _churn(world: World) -> None:
    for slot in range(2):
        world.spawn("sh", "-c", _CABLES, "churn", slot)
    world.spawn("sh", "-c", _PROCESSES)
    world.sh("for i in $(seq 500); do [ -e /run/netns/c0-9 ] && exit 0; sleep 0.01; done; echo no churn >&2; exit 1")


@pytest.mark.slow
def test_snapshots_while_namespaces_come_and_go(world: World) -> None:
    stable = _stable(world)
    _churn(world)
    told: dict[str, Any] = world.python(_WATCH, SNAPSHOTS, SECONDS, json.dumps(stable), timeout=90)
    assert told["wrong"] == [], told
    assert told["rounds"] >= SNAPSHOTS, told
    assert told["fds"][0] == told["fds"][1], "file descriptors are kept"
    assert told["exact"] >= told["rounds"], f"the churn was hardly seen: {told}"
    assert told["namespaces"] >= 200, f"too little churn to prove anything: {told}"
    for error in told["errors"]:
        assert error["object"]
        assert error["cause"]
        assert error["remedy"]


@pytest.mark.slow
def test_facts_while_namespaces_come_and_go(world: World) -> None:
    """The same through Ansible: every run answers, and what a fact calls exact is true."""
    stable = _stable(world)
    own = world.inode()
    _churn(world)
    seen = 0
    # With all subsets a reading takes long enough that a cable of the churn rarely outlives it.
    for subset in (["default"], ["default"], ["default"], ["all"]):
        facts = world.facts("pod_network_facts", subset)
        by_port = {}
        for pair in facts["podnet_veth"]["pairs"]:
            names = sorted(end["ifname"] for end in pair["ends"] if end["ifname"] is not None)
            if "resolution" in pair:
                assert pair["reason"]
                continue
            if names[0].startswith("p") and names[1].startswith("r") and names[0][1].isdigit():
                assert names[0][1:] == names[1][1:], f"wrong peer: {pair}"
                seen += 1
            by_port.update({(end["netns"], end["ifname"]): pair for end in pair["ends"]})
        for port, inode in stable.items():
            assert {end["netns"] for end in by_port[own, port]["ends"]} == {own, inode}
    assert seen
