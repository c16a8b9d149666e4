# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How much longer a snapshot takes while a node drains than while it is quiet.

800 pods stay; beside them namespaces with a cable each come and go, paced, in the throwaway world of the test that
checks what a snapshot says meanwhile (``tests/integration/churn/test_heavy_churn.py``). Run it as root from the
checkout:

    .venv/bin/python tests/benchmark/churn.py [--rate 150] [--runs 15] [--limit 2]
"""

from __future__ import annotations

import argparse
import statistics
import sys
from pathlib import Path

_CHECKOUT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(_CHECKOUT / ".venv" / "collections"))

from ansible_collections.podnet.lab.tests.integration.churn import test_heavy_churn  # noqa: E402
from ansible_collections.podnet.lab.tests.integration.support.world import World, open_world  # noqa: E402

_TIMES = """
import json, sys, time
from ansible_collections.podnet.lab.plugins.module_utils._kernel.snapshot import take_snapshot

WANTED = {"addresses", "routes", "neighbours", "fdb", "processes"}
take_snapshot(WANTED, None)
seconds = []
for _run in range(int(sys.argv[1])):
    begun = time.monotonic()
    take_snapshot(WANTED, None)
    seconds.append(time.monotonic() - begun)
print(json.dumps(seconds))
"""


def median(world: World, runs: int) -> float:
    """Seconds for one snapshot."""
    seconds: list[float] = world.python(_TIMES, runs, timeout=300)
    return statistics.median(seconds)


def main() -> int:
    """Print the figures; 1 when the ratio is above the limit."""
    parser = argparse.ArgumentParser(description="Time snapshots while namespaces come and go.")
    parser.add_argument("--rate", type=int, default=150, help="namespaces a second (default %(default)s)")
    parser.add_argument("--runs", type=int, default=15, help="snapshots of each kind (default %(default)s)")
    parser.add_argument("--limit", type=float, default=2.0, help="times as long at most (default %(default)s)")
    options = parser.parse_args()
    with open_world("churn") as world:
        pods = len(test_heavy_churn.stable_pods(world))
        quiet = median(world, options.runs)
        counted = test_heavy_churn.churn(world, options.rate)
        busy = median(world, options.runs)
        rate = test_heavy_churn.reached(counted)
    print(f"a snapshot of {pods} pods, median of {options.runs} runs")
    print(f"  quiet                        {quiet * 1000:6.0f} ms")
    print(f"  {rate:4.0f} namespaces a second    {busy * 1000:6.0f} ms   {busy / quiet:.2f} times as long")
    met = busy <= options.limit * quiet
    print(f"at most {options.limit:g} times as long: {met}")
    return int(not met)


if __name__ == "__main__":
    sys.exit(main())
