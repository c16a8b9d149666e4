# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How long paths take: one over the node files of a large fleet, with its memory, and all pairs of a node's pods.

The fleet is made up: nodes as in the unit tests of paths, with pods, kernel settings of each, a kube-proxy's rules and
a route to one other node. Each measurement runs in a process of its own. No root is needed. Run it from the checkout:

    .venv/bin/python tests/benchmark/paths.py [--nodes 5000] [--pods 30] [--pairs 110]
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

_CHECKOUT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(_CHECKOUT / ".venv" / "collections"))

from ansible_collections.podnet.lab.plugins.plugin_utils.path.compute import Asked, compute  # noqa: E402
from ansible_collections.podnet.lab.plugins.plugin_utils.path.fleet import NodeFiles  # noqa: E402
from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.path.node_documents import (  # noqa: E402
    node,
    spaces,
    write,
)

ONE_SECONDS, ONE_MIB, ALL_SECONDS = 2.0, 300, 20.0
"""At most: for one path over the fleet, its memory, and for all pairs."""
SERVICES = 20
_SETTINGS = ("forwarding", "rp_filter", "proxy_arp", "arp_ignore", "accept_local", "route_localnet")


def rules() -> str:
    """Return the rules of a kube-proxy for some Services, as iptables-save prints them."""
    chains = ["KUBE-SERVICES", "KUBE-MARK-MASQ", "KUBE-POSTROUTING"]
    text = ["-A PREROUTING -j KUBE-SERVICES", "-A OUTPUT -j KUBE-SERVICES", "-A POSTROUTING -j KUBE-POSTROUTING"]
    text.append("-A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN")
    text.append("-A KUBE-POSTROUTING -j MASQUERADE --random-fully")
    text.append("-A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000")
    for number in range(SERVICES):
        service, vip = f"KUBE-SVC-{number:016}", f"10.96.1.{number}"
        chains.append(service)
        text.append(f"-A KUBE-SERVICES -d {vip}/32 -p tcp -m tcp --dport 80 -j {service}")
        for backend in range(3):
            endpoint, address = f"KUBE-SEP-{number:015}{backend}", f"10.200.{number}.{backend}"
            chains.append(endpoint)
            text.append(f"-A {service} -m statistic --mode random --probability 0.33333333349 -j {endpoint}")
            text.append(f"-A {endpoint} -s {address}/32 -j KUBE-MARK-MASQ")
            text.append(f"-A {endpoint} -p tcp -m tcp -j DNAT --to-destination {address}:8080")
    heads = [f":{name} ACCEPT [0:0]" for name in ("PREROUTING", "OUTPUT", "POSTROUTING")]
    heads += [f":{name} - [0:0]" for name in chains]
    return "\n".join(["*nat", *heads, *text, "COMMIT", ""])


def template(pods: int) -> str:
    """Return a node file with so many pods."""
    document = node(1, [f"web-HOST-{number:03}-" for number in range(pods)])
    part = {"variant": "iptables-legacy", "family": "inet", "command": "iptables-legacy-save", "text": rules()}
    spaces(document)["host"]["ruleset"]["parts"] = [part]
    for one in spaces(document).values():
        for interface in ("lo", "eth0", "all", "default"):
            for name in _SETTINGS:
                one["sysctls"].setdefault(
                    f"net.ipv4.conf.{interface}.{name}", int(one["kind"] == "host" and name == "forwarding")
                )
    return json.dumps(document)


def make_fleet(folder: Path, nodes: int, pods: int) -> None:
    """Write the node files of a fleet; each node has a route to the pods of one other."""
    text = template(pods)
    (folder / "nodes").mkdir(parents=True)
    for number in range(nodes):
        own, other = number, nodes - 1 - number
        changed = (
            text.replace("HOST", f"{number:04}")
            .replace('"node1"', f'"node{number:04}"')
            .replace("10.244.1.", f"10.{128 + own // 250}.{own % 250}.")
            .replace("10.244.2.", f"10.{128 + other // 250}.{other % 250}.")
            .replace('"192.0.2.2"', f'"172.16.{other // 250}.{other % 250 + 1}"')
            .replace("192.0.2.1", f"172.16.{own // 250}.{own % 250 + 1}")
        )
        (folder / "nodes" / f"node{number:04}.json").write_text(changed, encoding="utf-8")


def one_path(folder: Path, nodes: int) -> float:
    """Compute one path from the first node to the last; return the seconds."""
    began = time.monotonic()
    found = compute(NodeFiles(folder), Asked("default/web-0000-000-1", f"default/web-{nodes - 1:04}-001-1:80"))
    assert found["verdict"] == "delivered", found["ways"][0]["there"]["reason"]
    assert len(found["ways"][0]["there"]["hops"]) == 4
    return time.monotonic() - began


def all_pairs(folder: Path, pods: int) -> float:
    """Compute the paths of all pairs of a node's pods; return the seconds."""
    write(folder, json.loads(template(pods)))
    began = time.monotonic()
    nodes = NodeFiles(folder)
    names = [f"default/web-HOST-{number:03}-1" for number in range(pods)]
    for sender in names:
        for receiver in names:
            if sender != receiver:
                assert compute(nodes, Asked(sender, f"{receiver}:80"))["verdict"] == "delivered"
    return time.monotonic() - began


class Figures(NamedTuple):
    """What a measurement took: seconds, seconds of the processor, and MiB of memory at most."""

    seconds: float
    processor: float
    mib: float

    def __str__(self) -> str:
        """Return the figures in words."""
        return f"{self.seconds:.2f} s, {self.processor:.2f} s of the processor, {self.mib:.0f} MiB"


def measured(*arguments: str) -> Figures:
    """Run one measurement in a process of its own."""
    command = [sys.executable, os.fspath(Path(__file__).resolve()), *arguments]
    return Figures(*map(float, subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()))


def main() -> int:
    """Print what was measured; 1 when a limit is missed."""
    parser = argparse.ArgumentParser(description="Time paths over node files that are made up.")
    parser.add_argument("--nodes", type=int, default=5000, help="nodes of the fleet (default %(default)s)")
    parser.add_argument("--pods", type=int, default=30, help="pods of a node (default %(default)s)")
    parser.add_argument("--pairs", type=int, default=110, help="pods of the node with all pairs (default %(default)s)")
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--what", choices=["one", "all"], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.what:
        one = options.what == "one"
        seconds = one_path(options.folder, options.nodes) if one else all_pairs(options.folder, options.pairs)
        used = resource.getrusage(resource.RUSAGE_SELF)
        print(seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)
        return 0
    with tempfile.TemporaryDirectory(prefix="podnet-paths-") as scratch:
        make_fleet(Path(scratch) / "fleet", options.nodes, options.pods)
        size = sum(one.stat().st_size for one in (Path(scratch) / "fleet" / "nodes").iterdir()) / 1e6
        found = measured("--what", "one", "--folder", f"{scratch}/fleet", "--nodes", str(options.nodes))
        met = found.seconds <= ONE_SECONDS and found.mib <= ONE_MIB
        print(f"one path over {options.nodes} nodes with {options.nodes * options.pods} pods, {size:.0f} MB: {found}")
        print(f"at most {ONE_SECONDS:g} s and {ONE_MIB} MiB: {met}")
        (Path(scratch) / "node").mkdir()
        found = measured("--what", "all", "--folder", f"{scratch}/node", "--pairs", str(options.pairs))
        print(f"all {options.pairs * (options.pairs - 1)} pairs of {options.pairs} pods: {found}")
        print(f"at most {ALL_SECONDS:g} s: {found.seconds <= ALL_SECONDS}")
        met = met and found.seconds <= ALL_SECONDS
    return int(not met)


if __name__ == "__main__":
    sys.exit(main())
