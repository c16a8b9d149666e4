# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What each way to join nodes costs: TCP from a pod on one node to a pod on another, beside TCP between the nodes.

Two nodes get the lab in each of its networks. For each, a connection between the nodes' own namespaces (cables and a
bridge, nothing else) and one between the pods are measured in turns, so that what the machine does beside is in both.
Shown is the median of the turns' ratios. Ways that the kernel does not have, or whose programs cannot be had, are
named. Run it as root from the checkout:

    .venv/bin/python tests/benchmark/ways.py [--rounds 5] [--seconds 1] [--network routes ...]

Ends with status 1 when a way that was built does not carry what it should.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

_CHECKOUT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(_CHECKOUT / ".venv" / "collections"))

from ansible_collections.podnet.lab.plugins.plugin_utils.lab.networks import NETWORKS  # noqa: E402
from ansible_collections.podnet.lab.tests.integration.support import programs  # noqa: E402
from ansible_collections.podnet.lab.tests.integration.support.nodes import Nodes, open_nodes  # noqa: E402

FABRIC = os.environ.get("PODNET_BENCH_FABRIC", "podfabways")
SUBNET = os.environ.get("PODNET_BENCH_SUBNET", "10.89.45.0/24")
POD1, POD2, POD3 = "lab0_default_pod1", "lab0_default_pod2", "lab0_default_pod3"
PORT = 5201
ONE_NODE = "one node"
"""The row of two pods on one bridge."""

# Answers whoever connects: by counting what it is sent, or by sending each byte back.
SERVER = """
import socket, sys
server = socket.create_server(("0.0.0.0", int(sys.argv[1])))
print("listening", flush=True)
while True:
    end = server.accept()[0]
    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if end.recv(1) == b"L":
        while end.recv(1):
            end.sendall(b".")
    else:
        count = 0
        while True:
            data = end.recv(1 << 18)
            count += len(data)
            if not data or data.endswith(b"E"):
                break
        end.sendall(str(count).encode())
    end.close()
"""
# Prints bits per second and the median of the seconds that one byte takes to the server and back.
CLIENT = """
import json, socket, statistics, sys, time
place, seconds = (sys.argv[1], int(sys.argv[2])), float(sys.argv[3])
with socket.create_connection(place, 10) as end:
    end.sendall(b"T")
    block, count, began = bytes(1 << 17), 0, time.perf_counter()
    while time.perf_counter() - began < seconds:
        end.sendall(block)
    end.sendall(b"E")
    count = int(end.recv(99))
    rate = 8 * count / (time.perf_counter() - began)
with socket.create_connection(place, 10) as end:
    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    end.sendall(b"L")
    turns = []
    for _turn in range(int(1000 * seconds)):
        began = time.perf_counter()
        end.sendall(b".")
        assert end.recv(1) == b"."
        turns.append(time.perf_counter() - began)
print(json.dumps([rate, statistics.median(turns)]))
"""


class Figures(NamedTuple):
    """What one connection did: bits per second, and seconds for a byte there and back."""

    rate: float
    turn: float


class Row(NamedTuple):
    """A way beside the plain path: medians, and medians of the ratios of each turn."""

    name: str
    figures: Figures
    rate_ratio: float
    turn_ratio: float


def row(name: str, turns: list[tuple[Figures, Figures]]) -> Row:
    """Return the row of a way from turns of (plain, way)."""
    return Row(
        name,
        Figures(statistics.median(way.rate for _plain, way in turns), statistics.median(w.turn for _p, w in turns)),
        statistics.median(way.rate / plain.rate for plain, way in turns),
        statistics.median(way.turn / plain.turn for plain, way in turns),
    )


def ssh(nodes: Nodes, node: str, netns: str | None, program: str, *argv: str) -> list[str]:
    """Return the command that runs a Python program on a node, in a pod's namespace or in the node's own."""
    enter = f"nsenter --net=/run/netns/{netns} " if netns else ""
    command = f"exec {enter}python3 -c '{program}' {' '.join(argv)}"
    return ["ssh", "-F", str(nodes.directory / "ssh_config"), "-tt", node, command]


@contextmanager
def serving(nodes: Nodes, node: str, netns: str | None) -> Iterator[None]:
    """Have the server run; it ends with its connection."""
    command = ssh(nodes, node, netns, SERVER, str(PORT))
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True) as server:
        assert server.stdout is not None
        if not server.stdout.readline().startswith("listening"):
            raise RuntimeError(f"the server on {node} did not start")
        try:
            yield
        finally:
            server.terminate()


def measure(nodes: Nodes, netns: str | None, address: str, seconds: float) -> Figures:
    """Measure from node1, or a pod there, to a server."""
    command = ssh(nodes, "node1", netns, CLIENT, address, str(PORT), str(seconds))
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=120, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"nothing came from {netns or 'node1'} to {address}: {done.stdout}{done.stderr}")
    return Figures(*json.loads(done.stdout))


def address(nodes: Nodes, node: str, netns: str | None) -> str:
    """Return the address of eth0 of a node or of a pod."""
    inside = f"-n {netns} " if netns else ""
    return str(json.loads(nodes.shell(node, f"ip {inside}-j -4 addr show eth0"))[0]["addr_info"][0]["local"])


def compare(nodes: Nodes, name: str, node: str, netns: str, rounds: int, seconds: float) -> Row:
    """Measure the plain path between the nodes and the way to a pod in turns."""
    turns = []
    with serving(nodes, "node2", None), serving(nodes, node, netns):
        plain, way = address(nodes, "node2", None), address(nodes, node, netns)
        for _round in range(rounds):
            turns.append((measure(nodes, None, plain, seconds), measure(nodes, POD1, way, seconds)))
    return row(name, turns)


@contextmanager
def equipped(nodes: Nodes, network: str) -> Iterator[None]:
    """Give both nodes the programs that a network needs."""
    with ExitStack() as stack:
        for node in ("node1", "node2"):
            if network == "bgp":
                files = programs.found(["bird2", "libssh-gcrypt-4"], "bird", "birdc", "libssh-gcrypt.so.4")
                programs.put_with_library(nodes, node, files)
            elif network == "wireguard":
                files = programs.found(["wireguard-tools", "wireguard-go"], "wg", "wireguard-go")
                nodes.shell(node, "[ -e /dev/net/tun ] || { mkdir -p /dev/net; mknod /dev/net/tun c 10 200; }")
                programs.put(nodes, node, files)
            else:
                continue
            stack.callback(programs.take_away, nodes, node)
        yield


def build(nodes: Nodes, network: str) -> str | None:
    """Build the lab; the answer is why it was refused, or None."""
    variables = json.dumps({"manual_lab_network": network, "manual_lab_show_limit": 0})
    done = nodes.playbook(_CHECKOUT / "playbooks" / "lab.yml", "-e", variables, check=False)
    if done.returncode == 0:
        return None
    lines = (done.stdout + done.stderr).splitlines()
    return next((line.strip(' -"') for line in lines if "is missing" in line), "see `make lab`")


def ways(nodes: Nodes, networks: list[str], rounds: int, seconds: float) -> Iterator[Row | str]:
    """Yield a row for each network, or why there is none."""
    for network in networks:
        try:
            with equipped(nodes, network):
                refused = build(nodes, network)
                if refused is not None:
                    yield f"{network}: {refused}"
                    continue
                if network == "routes":
                    yield compare(nodes, ONE_NODE, "node1", POD3, rounds, seconds)
                yield compare(nodes, network, "node2", POD2, rounds, seconds)
                nodes.playbook(_CHECKOUT / "playbooks" / "teardown.yml")
        except pytest.skip.Exception as reason:
            yield f"{network}: {reason}"


def shown(one: Row) -> str:
    """Return a line of the table."""
    return (
        f"  {one.name:10} {one.figures.rate / 1e9:7.2f} Gbit/s {one.rate_ratio:7.2f} "
        f"{one.figures.turn * 1e6:9.0f} us {one.turn_ratio:7.2f}"
    )


def main() -> int:
    """Print the table; 1 when a way carries nothing."""
    parser = argparse.ArgumentParser(description="What each way to join nodes costs.")
    parser.add_argument("--rounds", type=int, default=5, help="turns for each way (default %(default)s)")
    parser.add_argument("--seconds", type=float, default=1, help="how long to send in each (default %(default)s)")
    parser.add_argument("--network", action="append", choices=list(NETWORKS), help="only this one, several times")
    options: Any = parser.parse_args()
    networks = options.network or list(NETWORKS)
    print("From a pod to a pod of another node, beside the path between the nodes without pods (1.00)")
    print(f"  {'network':10} {'throughput':>14} {'ratio':>7} {'there, back':>12} {'ratio':>7}")
    try:
        with open_nodes(count=2, fabric=FABRIC, subnet=SUBNET) as nodes:
            for one in ways(nodes, networks, options.rounds, options.seconds):
                print(shown(one) if isinstance(one, Row) else f"  {one}", flush=True)
    except RuntimeError as fault:
        print(f"  {fault}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
