# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Snapshots of a full node that drains: 800 pods stay while 150 namespaces a second come and go.

Every name is given once only, and it says which cable an end belongs to: ``port7`` on the node leads to ``pod7``
in the namespace ``stable7``; ``rN`` and ``pN`` are the ends of a cable that comes and goes.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.podnet.lab.tests.integration.support.world import World

STABLE = 800
RATE = 150
SNAPSHOTS = 20
ENOUGH = 0.99
"""Of the cables of stable pods that every snapshot must show exactly."""

ENOUGH_TO_PROVE = 100
"""From about 90 namespaces a second on the kernel drops notifications for a socket with the default buffer."""
MAKERS = 6
"""Processes that make and remove them; one alone spends most of its time waiting for the kernel."""

# Paced: it makes and removes its part of the namespaces, each with a cable, and writes how many there were.
_CHURN = """
import subprocess, sys, time
rate, slot, told, alive = float(sys.argv[1]), int(sys.argv[2]) * 1000000, sys.argv[3], 10
start, made = time.monotonic(), 0
while True:
    due = int((time.monotonic() - start) * rate) - made
    if due < 10:
        time.sleep(0.005)
        continue
    lines = []
    for number in range(slot + made + 1, slot + made + 11):
        old = number - alive
        if old > slot:
            lines += ["link del r%d" % old, "netns del c%d" % old]
        lines += ["netns add c%d" % number, "link add r%d type veth peer p%d netns c%d" % (number, number, number)]
    subprocess.run(["ip", "-force", "-batch", "-"], input="\\n".join(lines).encode() + b"\\n", capture_output=True)
    made += 10
    with open(told, "w") as file:
        file.write("%d %f" % (made, time.monotonic() - start))
"""

_WATCH = """
import json, sys, time
from ansible_collections.podnet.lab.plugins.module_utils._kernel.netlink import Connection
from ansible_collections.podnet.lab.plugins.module_utils._kernel.snapshot import take_snapshot

snapshots, stable, limited = int(sys.argv[1]), json.loads(sys.argv[2]), sys.argv[3] == "limited"
if limited:  # as in a container that may not go beyond net.core.rmem_max
    Connection.hear_much = lambda self: None
told = {"wrong": [], "missed": [], "reasons": [], "least": 1.0, "seconds": []}
for number in range(snapshots):
    begun = time.monotonic()
    snapshot = take_snapshot({"addresses", "routes", "neighbours", "fdb", "processes"}, None)
    told["seconds"].append(time.monotonic() - begun)
    spaces = snapshot["namespaces"]
    own = spaces[snapshot["own"]]
    exact = 0
    for link in own["links"]:
        peer = own["peers"].get(link["ifindex"])
        name = link["ifname"]
        if peer is None:
            continue
        if peer["end"] is None:
            if name in stable:
                told["missed"].append(name)
                told["reasons"].append(peer["reason"])
            continue
        end = peer["end"]
        expected = "pod" + name[4:] if name in stable else "p" + name[1:]
        if end["ifname"] != expected or name in stable and end["netns"] != stable[name]:
            told["wrong"].append("snapshot %d: %s -> %s" % (number, name, end["ifname"]))
        elif name in stable:
            exact += 1
    told["least"] = min(told["least"], exact / len(stable))
told["reasons"] = sorted(set(told["reasons"]))
print(json.dumps(told))
"""


def stable_pods(world: World) -> dict[str, int]:
    """Pods that nobody touches: ifname of each one's port on the node -> inode of its namespace."""
    lines = []
    for number in range(STABLE):
        lines += [
            f"netns add stable{number}",
            f"link add port{number} type veth peer pod{number} netns stable{number}",
        ]
    world.run("ip", "-batch", "-", stdin="\n".join(lines) + "\n", timeout=240)
    shown = world.sh("cd /run/netns && stat -L -c '%n %i' stable*").split()
    inodes = dict(zip(shown[::2], shown[1::2], strict=True))
    return {f"port{number}": int(inodes[f"stable{number}"]) for number in range(STABLE)}


def churn(world: World, rate: float) -> list[Path]:
    """Start the makers; each writes to one of the files that are returned how many it made in how many seconds."""
    files = [world.scratch / f"made{slot}" for slot in range(MAKERS)]
    for slot, file in enumerate(files):
        world.spawn("python3", "-c", _CHURN, str(rate / MAKERS), slot, file)
    for file in files:
        world.sh('for i in $(seq 500); do [ -s "$1" ] && exit 0; sleep 0.01; done; echo no churn >&2; exit 1', file)
    return files


def reached(files: list[Path]) -> float:
    """Namespaces a second that came and went."""
    return sum(int(made) / float(seconds) for made, seconds in (file.read_text().split() for file in files))


@pytest.mark.slow
@pytest.mark.parametrize("receive_buffer", ["forced", "limited"])
def test_stable_cables_are_seen_while_a_node_drains(world: World, receive_buffer: str) -> None:
    stable = json.dumps(stable_pods(world))
    counted = churn(world, RATE)
    told: dict[str, Any] = world.python(_WATCH, SNAPSHOTS, stable, receive_buffer, timeout=240)
    rate = reached(counted)
    assert told["wrong"] == [], told["wrong"][:20]
    assert told["least"] >= ENOUGH, (told["least"], told["reasons"])
    if rate < ENOUGH_TO_PROVE:
        pytest.skip(f"this machine made only {rate:.0f} namespaces a second meanwhile, of {RATE}")
