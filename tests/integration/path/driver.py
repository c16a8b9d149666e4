# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs in a throwaway world: builds networks as they are told, reads their facts, sends packets, says who got them.

One network a line comes in as JSON, and one answer a line goes out. A network is made of fresh namespaces, which are
gone before the next one.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

from ansible_collections.podnet.lab.plugins.module_utils._facts import bridge, netns, subsets, veth
from ansible_collections.podnet.lab.plugins.module_utils._facts.views import Node
from ansible_collections.podnet.lab.plugins.module_utils._files.reader import Files
from ansible_collections.podnet.lab.plugins.module_utils._kernel.namespaces import Home
from ansible_collections.podnet.lab.plugins.module_utils._kernel.records import Snapshot
from ansible_collections.podnet.lab.plugins.module_utils._kernel.snapshot import take_snapshot
from ansible_collections.podnet.lab.plugins.module_utils._pods.identity import identify, read_evidence

SUBSET = ["diagnose", "!firewall", "!sockets", "!machine", "!resolvers", "!wireguard", "!counters"]
WAIT = 0.1
"""Seconds after which a packet that nobody got is dropped: ARP on the same machine takes a hundredth of it."""
PATIENCE = 50
LOWER_UP, ON_THE_WAY = 0x10000, ("DOWN", "LOWERLAYERDOWN")
"""IFF_LOWER_UP (linux/if.h), and states of an interface that has none, or that the kernel has not seen to yet."""
_PKTINFO: dict[int, int] = {socket.AF_INET: 8, socket.AF_INET6: 50}
"""IP_PKTINFO (linux/in.h) and IPV6_PKTINFO (linux/in6.h)."""
_RECVPKTINFO6 = 49


def started(command: list[str], text: str) -> subprocess.Popen[str]:
    """Start a command that reads *text*."""
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    process.stdin.write(text)
    process.stdin.close()
    return process


def finish(processes: list[subprocess.Popen[str]]) -> list[str]:
    """Wait for commands; return what those that failed say."""
    said = []
    for process in processes:
        assert process.stderr is not None
        error = process.stderr.read()
        if process.wait():
            said.append(f"{process.args!r}: {error}")
    return said


def batch(each: Iterable[str]) -> str:
    """Return commands as ``ip -batch`` reads them."""
    return "\n".join(each) + "\n"


NO_WAITING = {"net/ipv6/conf/all/accept_dad": "0", "net/ipv6/conf/default/accept_dad": "0"}
"""Otherwise an interface asks for no MAC in its first second, while its own address is still in doubt."""


class Spaces:
    """The namespaces of one network."""

    def __init__(self, names: list[str]) -> None:
        """Open those that ``ip netns add`` made."""
        self.home = Home()
        self.doors = {name: os.open(f"/run/netns/{name}", os.O_RDONLY | os.O_CLOEXEC) for name in names}

    def inside(self, name: str, work: Callable[[], Any]) -> Any:
        """Do something in one of them."""
        return self.home.inside(self.doors[name], work)

    def close(self) -> None:
        """Let go of them."""
        for door in self.doors.values():
            os.close(door)
        self.home.close()


def build(network: dict[str, Any]) -> tuple[Spaces, list[str]]:
    """Make a network; return its namespaces, and what went wrong."""
    names = network["spaces"]
    errors = finish([started(["ip", "-batch", "-"], batch(f"netns add {name}" for name in names))])
    spaces = Spaces(names)
    for name in names:
        spaces.inside(name, partial(write_all, NO_WAITING))
    errors += finish([started(["ip", "-batch", "-"], batch(network["links"]))])
    for name, settings in network["sysctls"].items():
        spaces.inside(name, partial(write_all, settings))
    six = ["-6"] if network["family"] == "inet6" else []
    errors += finish(
        [
            started(["ip", *six, "-n", name, "-force", "-batch", "-"], batch(each))
            for name, each in network["ip"].items()
        ]
    )
    errors += finish(
        [started(["ip", "netns", "exec", name, "nft", "-f", "-"], text) for name, text in network["nft"].items()]
    )
    for name, (program, text) in network["restore"].items():
        errors += finish([started(["ip", "netns", "exec", name, program], text)])
    return spaces, errors


def write_all(settings: dict[str, str]) -> None:
    """Write kernel settings of the namespace that the thread is in."""
    for name, value in settings.items():
        with open("/proc/sys/" + name, "w", encoding="ascii") as stream:
            stream.write(value)


def settled(needs: set[str]) -> Snapshot:
    """Return what the kernel says once no interface is on its way up: it has its carrier before it sends."""
    for _attempt in range(PATIENCE):
        snapshot = take_snapshot(needs)
        links = [link for namespace in snapshot["namespaces"].values() for link in namespace.get("links", [])]
        if not any(link["flags"] & LOWER_UP and link.get("operstate") in ON_THE_WAY for link in links):
            break
        time.sleep(WAIT / 4)
    return snapshot


def facts() -> dict[str, Any]:
    """Return what the module would read."""

    def run(command: list[str]) -> tuple[int, str, str]:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout, done.stderr

    chosen = subsets.choose(SUBSET, subsets.DEFAULT)
    files = Files()
    evidence = read_evidence(files)
    snapshot = settled({*subsets.needs(chosen), "routes"})
    node = Node(snapshot, identify(evidence, snapshot), chosen, evidence.errors)
    return {
        "schema_version": 1,
        "host": "node",
        "podnet_netns": netns.netns_facts(node, files, run),
        "podnet_veth": veth.veth_facts(node),
        "podnet_bridge": bridge.bridge_facts(node),
        "errors": files.errors,
    }


def listening(spaces: Spaces, ports: list[int], family: int) -> dict[socket.socket, str]:
    """Return UDP sockets on these ports in each namespace, which tell where a packet was sent to."""
    found = {}
    for name in spaces.doors:
        for port in ports:
            one: socket.socket = spaces.inside(name, lambda: socket.socket(family, socket.SOCK_DGRAM))
            if family == socket.AF_INET:
                one.setsockopt(socket.IPPROTO_IP, _PKTINFO[family], 1)
            else:
                one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                one.setsockopt(socket.IPPROTO_IPV6, _RECVPKTINFO6, 1)
            one.bind(("", port))
            one.setblocking(False)
            found[one] = name
    return found


def sent(spaces: Spaces, packet: dict[str, Any], listeners: dict[socket.socket, str], family: int) -> dict[str, Any]:
    """Send one packet, and its answer; return who got it, and whether the answer came."""
    one: socket.socket = spaces.inside(packet["from"], lambda: socket.socket(family, socket.SOCK_DGRAM))
    with one:
        try:
            one.bind(("", packet["sport"]))
            one.connect((packet["dst"], packet["dport"]))
            one.send(struct.pack("!H", packet["sport"]))
        except OSError as problem:
            return {"got": None, "error": problem.strerror}
        ready, _write, _odd = select.select(list(listeners), [], [], WAIT)
        for listener in ready:
            data, ancillary, _flags, peer = listener.recvmsg(64, 256)
            if data != struct.pack("!H", packet["sport"]):
                continue
            told = ancillary[0][2]
            dst = told[8:12] if family == socket.AF_INET else told[:16]
            local = socket.inet_ntop(family, dst)
            got = {
                "space": listeners[listener], "src": peer[0], "sport": peer[1], "dst": local,
                "dport": listener.getsockname()[1],
            }  # fmt: skip
            if family == socket.AF_INET:
                answer = struct.pack("=i", 0) + dst + bytes(4)
            else:
                answer = told[:16] + struct.pack("=i", 0)
            level = socket.IPPROTO_IP if family == socket.AF_INET else socket.IPPROTO_IPV6
            with contextlib.suppress(OSError):
                listener.sendmsg([b"answer"], [(level, _PKTINFO[family], answer)], 0, peer)
                one.settimeout(WAIT)
                return {"got": got, "answered": one.recv(64) == b"answer"}
            return {"got": got, "answered": False}
    return {"got": None, "error": None}


def tried(network: dict[str, Any]) -> dict[str, Any]:
    """Build a network, read it, send its packets, and take it away."""
    family = socket.AF_INET6 if network["family"] == "inet6" else socket.AF_INET
    spaces, errors = build(network)
    listeners: dict[socket.socket, str] = {}
    try:
        listeners = listening(spaces, network["ports"], family)
        results = []
        for packet in network["packets"]:
            document = facts()  # each time: a packet teaches neighbours and bridges
            results.append({"facts": document, **sent(spaces, packet, listeners, family)})
        return {"results": results, "errors": errors}
    finally:
        for one in listeners:
            one.close()
        spaces.close()
        finish([started(["ip", "-batch", "-"], batch(f"netns del {name}" for name in network["spaces"]))])


def lines() -> Iterator[str]:
    """Yield what comes in, line by line."""
    while line := sys.stdin.readline():
        yield line


if __name__ == "__main__":
    for line in lines():
        print(json.dumps(tried(json.loads(line))), flush=True)
