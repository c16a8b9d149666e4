# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Cables through every shape of namespaces: always the right peer, or none and the reason; never a wrong one.

Everything runs as a real task through Ansible, in a world. Ground truth is construction (MACs that name
the cable) and, where a shape is easy for it, iproute2.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.podnet.lab.tests.integration.support import holders, lookup, oracle, probes
from ansible_collections.podnet.lab.tests.integration.support.cables import Cables
from ansible_collections.podnet.lab.tests.integration.support.world import FULL, World


@pytest.fixture
def cables(world: World) -> Cables:
    """Cables laid in a world of the test's own."""
    return Cables(world)


def _facts(world: World, *subset: str) -> dict[str, Any]:
    return world.facts("pod_network_facts", [*FULL, *subset])


def _bridge(world: World, name: str, netns: str | None, *ports: str) -> None:
    world.ip("link", "add", name, "type", "bridge", netns=netns)
    world.ip("link", "set", name, "up", netns=netns)
    for port in ports:
        world.ip("link", "set", port, "master", name, netns=netns)


def test_two_bridges_with_equal_index_pairs(cables: Cables) -> None:
    """A lab bridge inside a namespace mirrors the node's own: (ifindex, iflink) says nothing here."""
    world = cables.world
    for name in ("lab", "p1", "p2", "q1", "q2"):
        world.netns(name)
    for side, pods in ((None, ("p1", "p2")), ("lab", ("q1", "q2"))):
        for number, pod in enumerate(pods):
            cables.lay(side, f"port{number}", pod, "eth0", a_index=10 + number, b_index=2)
        _bridge(world, "br0", side, "port0", "port1")
    facts = _facts(world)
    cables.judge(facts)
    lab = world.inode("/run/netns/lab")
    for netns, pods in ((world.inode(), ("p1", "p2")), (lab, ("q1", "q2"))):
        bridge = lookup.bridge(facts, "br0", netns)
        assert [p["peer"]["netns"] for p in bridge["ports"]] == [world.inode("/run/netns/" + pod) for pod in pods]
    for pod, netns in (("p1", world.inode()), ("q1", lab)):
        pair = lookup.pair(facts, world.inode("/run/netns/" + pod), "eth0")
        assert pair["bridge"] == "br0"
        assert [end["netns"] for end in pair["ends"] if end["master"] == "br0"] == [netns]


def test_nsids_are_those_of_iproute2(cables: Cables) -> None:
    world = cables.world
    for number in range(3):
        world.netns(f"n{number}")
        cables.lay(None, f"v{number}", f"n{number}", "eth0")
    before = oracle.nsids(world)
    facts = _facts(world)
    assert oracle.nsids(world) == before
    for number, name in before.items():
        entry = lookup.namespace(facts, world.inode(f"/run/netns/{name}"))
        assert (entry["nsid"], entry["names"], "paths" in entry) == (number, [name], False)


def test_both_ends_in_one_namespace(cables: Cables) -> None:
    world = cables.world
    world.netns("pod")
    cables.lay(None, "here0", None, "here1")
    cables.lay("pod", "there0", "pod", "there1")
    cables.lay(None, "v0", "pod", "eth0")
    facts = _facts(world)
    cables.judge(facts)


def test_a_local_index_is_not_the_peer(cables: Cables) -> None:
    """The peer's index exists here too, as another link: link_netnsid decides, not the number."""
    world = cables.world
    world.netns("pod")
    world.ip("link", "add", "decoy", "index", "50", "type", "bridge")
    cables.lay(None, "twin0", None, "twin1", a_index=60, b_index=61)
    cables.lay(None, "v0", "pod", "eth0", a_index=70, b_index=50)
    cables.lay(None, "v1", "pod", "eth1", a_index=71, b_index=61)
    cables.judge(_facts(world))


def test_chain_and_triangle(cables: Cables) -> None:
    """Namespaces behind namespaces, three deep, and a ring; every index alike."""
    world = cables.world
    names = [f"hop{number}" for number in range(6)]
    for name in names:
        world.netns(name)
    for left, right in zip([None, *names], names, strict=False):
        cables.lay(left, "down", right, "up", a_index=20, b_index=21)
    cables.lay(names[5], "ring", names[3], "ring", a_index=30, b_index=30)
    cables.judge(_facts(world))


@pytest.mark.parametrize("seed", range(4))
def test_random_webs(cables: Cables, seed: int) -> None:
    """Random cables between random namespaces with few distinct indexes; some namespaces nobody can see."""
    world, dice = cables.world, random.Random(seed)
    names = [f"web{number}" for number in range(10)]
    for name in names:
        world.netns(name)
    used: set[tuple[str | None, int]] = set()
    for number in range(24):
        ends = []
        for _side in range(2):
            netns = dice.choice([None, *names])
            index = next(i for i in range(100 + dice.randrange(3), 200) if (netns, i) not in used)
            used.add((netns, index))
            ends.append((netns, index))
        (a, a_index), (b, b_index) = ends
        cables.lay(a, f"a{number}", b, f"b{number}", a_index=a_index, b_index=b_index)
    unseen = dice.sample(names, 2)
    hidden = {world.inode("/run/netns/" + name) for name in unseen}
    for name in unseen:
        holders.by_fd(world, name)
    cables.judge(_facts(world), hidden)


def test_a_lookalike_does_not_stand_in_for_a_hidden_peer(cables: Cables) -> None:
    """The true peer is hidden, and a visible pod has an interface with exactly the expected index pair."""
    world = cables.world
    for name in ("pod", "lookalike", "lab"):
        world.netns(name)
    cables.lay(None, "v0", "pod", "eth0", a_index=10, b_index=2)
    cables.lay("lab", "w0", "lookalike", "eth0", a_index=10, b_index=2)
    hidden = {world.inode("/run/netns/pod")}
    holders.by_fd(world, "pod")
    cables.judge(_facts(world), hidden)


@pytest.mark.parametrize(
    "hold", [holders.by_process, holders.by_thread, holders.by_thread_of_zombie], ids=lambda hold: hold.__name__
)
def test_a_namespace_without_a_name_is_found(cables: Cables, hold: Callable[[World, str], int]) -> None:
    world = cables.world
    inode = world.netns("pod")
    cables.lay(None, "v0", "pod", "eth0")
    pid = hold(world, "pod")
    facts = _facts(world)
    entry = lookup.namespace(facts, inode)
    assert entry["names"] == []
    assert "paths" not in entry
    assert pid in [p["pid"] for p in entry["processes"]]
    cables.judge(facts)


def test_a_namespace_mounted_elsewhere_is_found(cables: Cables) -> None:
    """Where docker, CRI-O and containerd's state directory keep theirs; one namespace may be at several places."""
    world = cables.world
    inode = world.netns("pod")
    cables.lay(None, "v0", "pod", "eth0")
    world.sh(
        "mkdir -p /run/docker/netns; : > /run/docker/netns/second; mount --bind /run/netns/pod /run/docker/netns/second"
    )
    holders.by_mount(world, "pod", "/run/elsewhere")
    facts = _facts(world)
    entry = lookup.namespace(facts, inode)
    assert entry["paths"] == ["/run/docker/netns/second", "/run/elsewhere"]
    cables.judge(facts)


@pytest.mark.parametrize("hold", [holders.by_fd, holders.by_socket], ids=lambda hold: hold.__name__)
def test_the_deep_search_finds_what_nobody_sees(cables: Cables, hold: Callable[[World, str], int]) -> None:
    """Unresolved with the number that the kernel gives, until the search is asked for; then exact."""
    world = cables.world
    inode = world.netns("pod")
    near, _far = cables.lay(None, "v0", "pod", "eth0", a_index=50, b_index=7)
    (nsid,) = oracle.nsids(world)
    hold(world, "pod")

    facts = _facts(world)
    cables.judge(facts, {inode})
    pair = lookup.pair(facts, near.netns, "v0")
    far = next(end for end in pair["ends"] if end["ifname"] is None)
    assert far["ifindex"] == 7
    assert str(nsid) in pair["reason"]

    facts = _facts(world, "hidden")
    cables.judge(facts)
    assert lookup.namespace(facts, inode)["kind"] == "hidden"


def test_a_peer_that_only_another_mount_namespace_holds(cables: Cables) -> None:
    """A bind mount in a process's private mount namespace: no name here, no process there. Right, or unresolved."""
    world = cables.world
    inode = world.netns("pod")
    cables.lay(None, "v0", "pod", "eth0")
    world.spawn(
        "unshare",
        "--mount",
        "sh",
        "-c",
        ": > /run/private; mount --bind /run/netns/pod /run/private; : > /run/ok; sleep 100000",
    )
    world.sh("for i in $(seq 500); do [ -e /run/ok ] && exit 0; sleep 0.01; done; exit 1")
    world.ip("netns", "del", "pod")
    facts = _facts(world)
    known = {e["inode"] for e in facts["podnet_netns"]["namespaces"]}
    cables.judge(facts, set() if inode in known else {inode})


def test_a_renamed_namespace(cables: Cables) -> None:
    world = cables.world
    inode = world.netns("before")
    cables.lay(None, "v0", "before", "eth0")
    world.sh(": > /run/netns/after; mount --bind /run/netns/before /run/netns/after; ip netns del before")
    facts = _facts(world)
    assert lookup.namespace(facts, inode)["names"] == ["after"]
    cables.judge(facts)


def test_a_name_that_is_mounted_over_names_what_it_leads_to(cables: Cables) -> None:
    world = cables.world
    covered, cover = world.netns("covered"), world.netns("cover")
    cables.lay(None, "v0", "covered", "eth0")
    cables.lay(None, "v1", "cover", "eth0")
    world.spawn("sleep", "100000", netns="covered")
    world.sh("mount --bind /run/netns/cover /run/netns/covered")
    facts = _facts(world)
    assert lookup.namespace(facts, covered)["names"] == []
    assert lookup.namespace(facts, cover)["names"] == ["cover", "covered"]
    cables.judge(facts)


def test_a_namespace_under_another_one_is_listed_with_the_reason(cables: Cables) -> None:
    """Held by nothing but a mount that lies under another one: nobody can enter it, and its peer says so."""
    world = cables.world
    covered = world.netns("covered")
    world.netns("cover")
    near, _far = cables.lay(None, "v0", "covered", "eth0")
    world.sh("mount --bind /run/netns/cover /run/netns/covered")
    facts = _facts(world)
    assert facts["podnet_netns"]["partial"] is True
    entry = lookup.namespace(facts, covered)
    assert entry["names"] == []
    assert "covered" in str(entry["errors"])
    pair = lookup.pair(facts, near.netns, "v0")
    assert pair["resolution"] == "unresolved"
    assert "one of 1 that could not" in pair["reason"]


def test_a_directory_mounted_over_the_names(cables: Cables) -> None:
    """Nothing under /run/netns leads anywhere any more; what processes hold is still read, nothing is mistaken."""
    world = cables.world
    inode = world.netns("pod")
    cables.lay(None, "v0", "pod", "eth0")
    world.spawn("sleep", "100000", netns="pod")
    world.sh("mkdir /run/netns2; mount -t tmpfs tmpfs /run/netns; : > /run/netns/pod")
    facts = _facts(world)
    assert lookup.namespace(facts, inode)["names"] == []
    cables.judge(facts)


def test_a_name_is_told_once_where_mounts_propagate(cables: Cables) -> None:
    """As under systemd: /run is shared, and ``ip netns add`` leaves two mounts for each name, one over the other."""
    world = cables.world
    world.sh("mount --make-rshared /")
    inode = world.netns("pod")
    cables.lay(None, "v0", "pod", "eth0")
    assert world.sh("grep -c ' /run/netns/pod ' /proc/self/mountinfo").strip() == "2"
    facts = _facts(world)
    entry = lookup.namespace(facts, inode)
    assert (entry["names"], "paths" in entry) == (["pod"], False)
    cables.judge(facts)


def test_files_that_are_not_namespaces(cables: Cables) -> None:
    """An empty file, a FIFO, a directory, a loop of links and a link: not namespaces, and nobody waits for them."""
    world = cables.world
    inode = world.netns("pod")
    cables.lay(None, "v0", "pod", "eth0")
    world.sh(
        "cd /run/netns; : > empty; mkfifo fifo; mkdir folder; ln -s loop loop; ln -s pod link;"
        "mount --bind /proc/self/ns/uts empty; : > plain; truncate -s 50M big"
    )
    facts = _facts(world)
    inodes = {e["inode"] for e in facts["podnet_netns"]["namespaces"]}
    assert inodes == {world.inode(), inode}
    assert "pod" in lookup.namespace(facts, inode)["names"]
    cables.judge(facts)


HOSTILE = [
    b"new\nline",
    b"{{ 7 * 7 }}",
    b"{% raw %}",
    b"\xff\xfe\xc3(",
    b"\xff\xfe\xc3)",
    b"\x1b[31mred\x1b[0m\x07",
    b"tab\there\rreturn",
    b"<script>alert(1)",
    b"\"quote' `id` $(id) \\",
    "naïve-пример-名前-🛰".encode(),
    b"!unsafe",
    b"x" * 255,
    b"--help",
]


def test_hostile_names(cables: Cables) -> None:
    """Names of namespaces may hold any byte; they come back distinct, escaped and untemplated."""
    world = cables.world
    inodes: dict[int, bytes] = {}
    make = 'cd /run/netns; : > "./$1"; unshare --net="/run/netns/$1" true'
    for number, name in enumerate(HOSTILE):
        world.sh(make, name)
        inode = world.inode(b"/run/netns/" + name)
        inodes[inode] = name
        holder = world.spawn("sleep", "100000", netns=b"/run/netns/" + name)
        world.ip("link", "add", f"h{number}", "type", "veth", "peer", "name", "eth0", "netns", holder)
        world.kill(holder)
    facts = _facts(world)
    names = set()
    for number, (inode, raw) in enumerate(inodes.items()):
        entry = lookup.namespace(facts, inode)
        assert entry["names"] == [raw.decode("utf-8", "backslashreplace")]
        names.update(entry["names"])
        far = lookup.far_end(facts, inode, "eth0")
        assert (far["ifname"], far["netns"]) == (f"h{number}", world.inode())
    assert len(names) == len(HOSTILE)


def test_hostile_interfaces_aliases_and_processes(cables: Cables) -> None:
    world = cables.world
    inode = world.netns("pod")
    for number, name in enumerate([b"{{7*7}}", b"\xff\xfe", b"\x1b[2J", "имя".encode(), b"$(id)", b"'\"`"]):
        world.ip("link", "add", f"h{number}", "type", "veth", "peer", "name", name, "netns", "pod")
        world.ip("link", "set", f"h{number}", "alias", b"{{ 1 }}\n\x1b[31m\xff")
    rename = r"""
import time
open('/proc/self/comm', 'wb').write(b'{{x}}\n\x1b[1m\xff')
open('/run/ok', 'w').close()
time.sleep(100000)
"""
    pid = world.spawn("/usr/bin/env", "python3", "-c", rename, netns="pod")
    world.sh("for i in $(seq 500); do [ -e /run/ok ] && exit 0; sleep 0.01; done; exit 1")
    facts = _facts(world)
    entry = lookup.namespace(facts, inode)
    names = {i["ifname"] for i in entry["interfaces"]} - {"lo"}
    assert names == {"{{7*7}}", "\\xff\\xfe", "\x1b[2J", "имя", "$(id)", "'\"`"}
    assert {lookup.far_end(facts, inode, name)["netns"] for name in names} == {world.inode()}
    (process,) = [p for p in entry["processes"] if p["pid"] == pid]
    assert process["comm"] == "{{x}}\n\x1b[1m\\xff"


def _padded(value: Any) -> Any:
    """Bridge ids as iproute2 prints them, ``8000.2:0:0:0:0:1``, with every byte as two digits."""
    if isinstance(value, str) and "." in value and value.count(":") == 5:
        head, _dot, mac = value.partition(".")
        return head + "." + ":".join(byte.zfill(2) for byte in mac.split(":"))
    return value


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("macvlan", ["link", "up0"]),
        ("ipvlan", ["link", "up0"]),
        ("vxlan", ["id", "42", "dev", "up0", "dstport", "4789"]),
        ("vlan", ["link", "up0", "id", "7"]),
        ("dummy", []),
        ("bond", []),
        ("tun", []),
        ("gre", ["local", "10.0.0.1", "remote", "10.0.0.2"]),
        ("ipip", ["local", "10.0.0.1", "remote", "10.0.0.2"]),
        ("sit", ["local", "10.0.0.1", "remote", "10.0.0.2"]),
        ("vrf", ["table", "77"]),
        ("wireguard", []),
        ("bridge", ["stp_state", "1"]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_link_kinds_are_told_as_iproute2_tells_them(module_world: World, kind: str, options: list[str]) -> None:
    """Kind and every field of info_data that both sides print; moved into a pod, whose lower link stays outside."""
    world = module_world
    if world.run("ip", "link", "show", "up0", check=False).returncode:
        world.sh("ip link add up0 type veth peer name up1; ip link set up0 up; ip link set up1 up")
    if kind == "tun":
        probes.require_tool("ip", "iproute2")
        made = world.run("ip", "tuntap", "add", "dev", "t-tun", "mode", "tun", check=False)
    else:
        head = options[:2] if options[:1] == ["link"] else []
        rest = options[len(head) :]
        made = world.run("ip", "link", "add", *head, "name", f"t-{kind}", "type", kind, *rest, check=False)
    if made.returncode:
        pytest.skip(f"this kernel makes no {kind}: {made.stderr.strip()}")
    inode = world.netns(f"in-{kind}")
    moved = world.run("ip", "link", "set", f"t-{kind}", "netns", f"in-{kind}", check=False)
    netns = f"in-{kind}" if moved.returncode == 0 else None
    facts = _facts(world)
    ours = lookup.interface(lookup.namespace(facts, inode if netns else world.inode()), f"t-{kind}")
    theirs = oracle.link(world, f"t-{kind}", netns)
    assert ours["linkinfo"]["info_kind"] == theirs["linkinfo"]["info_kind"]
    mine, other = ours["linkinfo"].get("info_data", {}), theirs["linkinfo"].get("info_data", {})
    for key in sorted(set(mine) & set(other)):
        if not key.endswith("_timer"):
            assert _padded(mine[key]) == _padded(other[key]), key
    assert "peer" not in ours
    for key in ("link_index", "link_netnsid"):
        assert ours.get(key) == theirs.get(key), key
