# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How long verify.yml takes over thousands of pods, and how much memory: every packet is really sent.

The nodes are light nodes of this machine. A pod is a named namespace with a cable to the node's bridge, an address of
the node's range, a default route and the result that a CNI plugin leaves; nodes have routes to each other's ranges.

All nodes share the processors of this machine, so that a probe waits longer than it would elsewhere; and the kernel,
with it one table of neighbours, where each node of a fleet has its own. While this runs, the table takes several times
as many entries as those of so many machines, for the kernel forgets none of them before a part of it is full. Run it as
root from the checkout:

    .venv/bin/python tests/benchmark/verify_fleet.py [--nodes 10] [--pods 100,500]

Ends with status 1 when a promise is broken, or a figure of the largest size is above its limit.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_CHECKOUT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(_CHECKOUT / ".venv" / "collections"))

from ansible_collections.podnet.lab.tests.integration.support.nodes import Nodes, open_nodes  # noqa: E402

FABRIC = os.environ.get("PODNET_BENCH_FABRIC", "podfablabv")
SUBNET = os.environ.get("PODNET_BENCH_SUBNET", "10.89.46.0/24")
MINUTES, NODE_MIB, CONTROL_MIB = 10.0, 400.0, 1500.0
"""At most, for the largest size."""
PATIENCE = 3600.0
TIMEOUT = 20
"""Seconds for which a probe waits."""
_NEIGHBOURS = tuple(
    Path(f"/proc/sys/net/{family}/neigh/default/gc_thresh{number}") for family in ("ipv4", "ipv6") for number in "321"
)
"""The largest first: it must not become less than the others."""
_ROOM = 4
_STEPS = (("listen", "listen"), ("send", "send"), ("collect", "end the listeners"))

# Runs on a node: the pods numbered from FIRST to before LAST of node N. A node's range is 10.128.4N.0/22.
_PODS = r"""
import ctypes, hashlib, json, os, subprocess
def ip(lines):
    subprocess.run(["ip", "-batch", "-"], input="\n".join(lines) + "\n", text=True, check=True)
def address(number):
    return "10.128.%d.%d" % (4 * N + (number + 2) // 256, (number + 2) % 256)
numbers = range(FIRST, LAST)
if FIRST == 0:
    os.makedirs("/etc/cni/net.d", exist_ok=True)
    os.makedirs("/var/lib/cni/results", exist_ok=True)
    plugin = {"type": "bridge", "bridge": "cni0", "ipam": {"type": "host-local", "subnet": "10.128.%d.0/22" % (4 * N)}}
    with open("/etc/cni/net.d/10-pods.conflist", "w") as stream:
        json.dump({"cniVersion": "1.0.0", "name": "pods", "plugins": [plugin]}, stream)
    ip(["link add cni0 type bridge", "addr add %s/22 dev cni0" % address(-1), "link set cni0 up"])
    ip(["route add 10.128.%d.0/22 via %s" % (4 * other, via) for other, via in OTHERS])
    with open("/proc/sys/net/ipv4/ip_forward", "w") as stream:
        stream.write("1")
ip(["netns add pod%d" % number for number in numbers])
ip([
    line
    for number in numbers
    for line in (
        "link add veth%d type veth peer name eth0 netns pod%d" % (number, number),
        "link set veth%d master cni0 up" % number,
    )
])
library, home = ctypes.CDLL(None, use_errno=True), os.open("/proc/self/ns/net", os.O_RDONLY)
for number in numbers:
    inside = os.open("/run/netns/pod%d" % number, os.O_RDONLY)
    assert library.setns(inside, 0x40000000) == 0
    os.close(inside)
    ip([
        "link set lo up", "link set eth0 up", "addr add %s/22 dev eth0" % address(number),
        "route add default via %s" % address(-1),
    ])
    assert library.setns(home, 0x40000000) == 0
    sandbox = hashlib.sha256(b"%d/%d" % (N, number)).hexdigest()
    names = {"NAMESPACE": "default", "NAME": "web-%d-%d" % (N, number), "INFRA_CONTAINER_ID": sandbox}
    with open("/var/lib/cni/results/pods-%s-eth0" % sandbox, "w") as stream:
        json.dump({
            "kind": "cniCacheV1", "containerId": sandbox, "ifName": "eth0", "networkName": "pods",
            "netns": "/var/run/netns/pod%d" % number,
            "cniArgs": [["K8S_POD_" + key, value] for key, value in names.items()],
            "result": {"cniVersion": "1.0.0", "ips": [{"address": address(number) + "/22"}]},
        }, stream)
"""


@contextmanager
def neighbours_of(machines: int) -> Iterator[None]:
    """Let this machine's tables of neighbours take more than those of several machines, and as before at the end."""
    before = {path: path.read_text(encoding="ascii") for path in _NEIGHBOURS}
    try:
        for path, limit in before.items():
            path.write_text(str(int(limit) * machines * _ROOM), encoding="ascii")
        yield
    finally:
        for path, limit in reversed(before.items()):
            path.write_text(limit, encoding="ascii")


class Watch(threading.Thread):
    """Notes the largest size in memory that a process on a node had, by looking twice a second."""

    def __init__(self, homes: set[str]) -> None:
        """Begin with nothing seen; `homes` are the mount namespaces of the nodes."""
        super().__init__(daemon=True)
        self.homes = homes
        self.kib = 0
        self.over = threading.Event()

    def run(self) -> None:
        """Look until it is over."""
        while not self.over.wait(0.5):
            for process in Path("/proc").glob("[0-9]*"):
                try:
                    if os.readlink(process / "ns" / "mnt") in self.homes:
                        status = (process / "status").read_text(encoding="utf-8", errors="replace")
                        self.kib = max(self.kib, int(status.partition("VmHWM:")[2].split(maxsplit=1)[0]))
                except (OSError, ValueError, IndexError):
                    continue  # it ended meanwhile


def make_pods(nodes: Nodes, count: int, first: int, last: int) -> float:
    """Make pods on all nodes, two nodes at a time; seconds that it took."""
    began = time.monotonic()
    names = [f"node{number}" for number in range(1, count + 1)]
    show = "ip -o -4 addr show eth0 | sed 's,.* inet ,,; s,/.*,,'"
    via = {number: nodes.shell(name, show).strip() for number, name in enumerate(names, 1)}

    def on(number: int) -> None:
        others = [(other, address) for other, address in via.items() if other != number]
        head = f"N, FIRST, LAST, OTHERS = {number}, {first}, {last}, {others}"
        nodes.shell(f"node{number}", f"python3 - <<'END'\n{head}\n{_PODS}\nEND")

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(on, via))
    return time.monotonic() - began


def verify(nodes: Nodes, count: int, folder: Path) -> tuple[dict[str, Any], float, float]:
    """Run the playbook; what it found, its seconds, and the MiB that a process on a node had at most."""
    watch = Watch(
        {nodes.shell(f"node{number}", "readlink /proc/self/ns/mnt").strip() for number in range(1, count + 1)}
    )
    watch.start()
    began, clock = time.monotonic(), time.time()
    try:
        done = nodes.playbook(
            _CHECKOUT / "playbooks" / "verify.yml",
            "-e",
            f"podnet_report_dir={folder}",
            "-e",
            f"podnet_verify_timeout={TIMEOUT}",
            timeout=PATIENCE,
        )
    finally:
        watch.over.set()
        watch.join()
    seconds = time.monotonic() - began
    print(done.stdout.partition("VERIFICATION of ")[2].partition("\nok: ")[0])
    last = (folder / "verify" / "given.json").stat().st_mtime
    print(f"  {last - clock:6.0f} s to read the nodes")
    for name, told in (("plan", "plan"), *_STEPS):
        ended = max((one.stat().st_mtime for one in (folder / "verify" / name).glob("*.json")), default=last)
        print(f"  {ended - last:6.0f} s to {told}")
        last = ended
    print(f"  {clock + seconds - last:6.0f} s to judge and to write")
    return json.loads((folder / "verify.json").read_text(encoding="utf-8")), seconds, watch.kib / 1024


def main() -> int:
    """Print the figures; 1 when something is broken or too much."""
    parser = argparse.ArgumentParser(description="Time verify.yml over thousands of pods.")
    parser.add_argument("--nodes", type=int, default=10, help="nodes (default %(default)s)")
    parser.add_argument(
        "--pods", default="100,500", help="pods of a node, at most 1000, by commas (default %(default)s)"
    )
    options = parser.parse_args()
    faults = []
    with neighbours_of(options.nodes), open_nodes(options.nodes, FABRIC, SUBNET, timeout=PATIENCE) as nodes:
        made = 0
        for pods in sorted(int(one) for one in options.pods.split(",")):
            built = make_pods(nodes, options.nodes, made, pods)
            made = pods
            found, seconds, node = verify(nodes, options.nodes, nodes.directory / f"report{pods}")
            control = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
            sent = found["sent"]
            print(
                f"{options.nodes} nodes, {sent['pods']} pods (made in {built:.0f} s): {sent['probes']} probes, "
                f"{seconds / 60:.1f} min; at most {node:.0f} MiB for a process on a node, {control:.0f} MiB for one "
                "of the control node"
            )
            faults += [f"broken: {one['title']}" for one in found["requirements"] if one["verdict"] == "broken"]
            faults += [f"{one['host']} took no part: {one['cause']}" for one in found["unsent"]]
    if seconds / 60 > MINUTES or node > NODE_MIB or control > CONTROL_MIB:
        faults.append(
            f"more than {MINUTES:g} min, {NODE_MIB:g} MiB on a node or {CONTROL_MIB:g} MiB on the control node"
        )
    for fault in faults:
        print(f"  too slow or wrong: {fault}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
