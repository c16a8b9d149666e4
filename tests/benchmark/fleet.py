# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How long a report over a large fleet takes, and how much memory: model, findings, and all files of the report.

The fleet is made up: each node has the facts of a healthy node of the unit tests, with a range, addresses and names of
its own and routes to a few others. Each size runs in a process of its own, whose memory is looked at twice a second
together with that of the processes it starts; what they share counts once. No root is needed. Run it from the checkout:

    .venv/bin/python tests/benchmark/fleet.py [--sizes 1000,5000] [--pods 30]
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
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

from ansible_collections.podnet.lab.plugins.plugin_utils.page import site  # noqa: E402
from ansible_collections.podnet.lab.plugins.plugin_utils.report import gathering, terminal, writing  # noqa: E402
from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.model.node_files import NodeFile  # noqa: E402

SECONDS, GIB = 40.0, 2.0
"""For the largest size, at most."""
GROWTH = 1.1
"""Time grows with at most this power of the nodes."""
SERVICES = 20


def make_fleet(folder: Path, size: int, pods: int) -> None:
    """Write the node files of a fleet."""
    template = NodeFile(1, pods=pods, host="HOST")
    for number in range(SERVICES):
        template.service(f"service{number}", [(f"10.244.1.{2 + number % pods}", 80)], address=f"10.96.1.{number}")
    text = json.dumps(template.document())
    (folder / "nodes").mkdir(parents=True)
    for number in range(size):
        own = f"{number // 256:02x}:{number % 256:02x}"
        changed = (
            text.replace('"HOST"', f'"node{number:04}"')
            .replace('"10.244.0.0/16"', '"10.128.0.0/9"')
            .replace("10.244.1.", f"10.{128 + number // 256}.{number % 256}.")
            .replace("10.89.0.11", f"172.{16 + number // 60000}.{number // 250}.{number % 250 + 2}")
            .replace("10.89.0.", "172.16.255.")
            .replace("52:54:00:00:00:01", f"52:54:00:00:{own}")
            .replace("00000000-0000-4000-8000-0001", f"00000000-0000-4000-{number:04d}-0001")
            .replace("0a:58:00:01:", f"0a:58:{own}:")
            .replace("0a:58:0a:f4:01:", f"0a:58:f4:{own}:")
            .replace('"name": "pod', f'"name": "web-{number:04d}-')
        )
        (folder / "nodes" / f"node{number:04}.json").write_text(changed, encoding="utf-8")


def write_report(folder: Path) -> None:
    """Write the report, and all that `report.yml` does for it."""
    model, sources = gathering.read_model([folder], keep_documents=False)
    writing.write_report(folder, model, sources)
    site.write(model, folder)
    terminal.summary(model, "report.md")


class Figures(NamedTuple):
    """What a report took: seconds, seconds of all processors, and GiB of all its processes at most."""

    seconds: float
    processor: float
    gib: float


def measured(folder: Path) -> Figures:
    """Write the report of *folder* in a process of its own."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    process = subprocess.Popen([sys.executable, os.fspath(Path(__file__).resolve()), "--folder", os.fspath(folder)])
    largest = 0
    while process.poll() is None:
        largest = max(largest, _memory(process.pid))
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=0.5)
    seconds = time.monotonic() - began
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, process.args)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Figures(seconds, processor, largest / 1024**2)


def _memory(process: int) -> int:
    """Return KiB of memory that a process and all below it have: Pss of /proc/PID/smaps_rollup, see proc(5).

    What is shared with a process that begins or ends while they are looked at would count twice: such a look is none.
    """
    for _look in range(10):
        before = _below(process)
        found = sum(_share(one) for one in before)
        if _below(process) == before:
            return found
    return 0


def _below(process: int) -> list[int]:
    """Return a process and all below it."""
    found = [process]
    with contextlib.suppress(OSError):  # a process may end meanwhile
        for child in Path(f"/proc/{process}/task/{process}/children").read_text(encoding="ascii").split():
            found += _below(int(child))
    return found


def _share(process: int) -> int:
    with contextlib.suppress(OSError):
        rollup = Path(f"/proc/{process}/smaps_rollup").read_text(encoding="ascii")
        return int(rollup.partition("\nPss:")[2].split(maxsplit=1)[0])
    return 0


def main() -> int:
    """Print a table; 1 when a limit is missed."""
    parser = argparse.ArgumentParser(description="Time the report over a fleet that is made up.")
    parser.add_argument("--sizes", default="1000,5000", help="numbers of nodes, by commas (default %(default)s)")
    parser.add_argument("--pods", type=int, default=30, help="pods of a node (default %(default)s)")
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.folder:
        write_report(options.folder)
        return 0
    results: dict[int, Figures] = {}
    for size in sorted(int(one) for one in options.sizes.split(",")):
        with tempfile.TemporaryDirectory(prefix="podnet-fleet-") as scratch:
            folder = Path(scratch) / "report"
            make_fleet(folder, size, options.pods)
            seconds, processor, gib = results[size] = measured(folder)
            megabytes = (folder / "report.json").stat().st_size / 1e6
        print(
            f"{size:6} nodes, {size * options.pods:7} pods: {seconds:5.1f} s, {processor:5.1f} s of the processor, "
            f"{gib:.2f} GiB, {megabytes:.0f} MB"
        )
    sizes = sorted(results)
    seconds, processor, gib = results[sizes[-1]]
    met = seconds <= SECONDS and gib <= GIB
    print(f"at most {SECONDS:g} s and {GIB:g} GiB: {met}")
    if len(sizes) > 1:
        growth = math.log(processor / results[sizes[-2]].processor) / math.log(sizes[-1] / sizes[-2])
        print(f"grows with N^{growth:.2f} (at most N^{GROWTH})")
        met = met and growth <= GROWTH
    return int(not met)


if __name__ == "__main__":
    sys.exit(main())
