# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How long it takes to connect every pod of a full node to every pod, by TCP with a payload, all in one process.

The pods are those of the test that checks the answers (``tests/integration/probe/test_probe.py``). Run it as root from
the checkout:

    .venv/bin/python tests/benchmark/probe_pairs.py [--runs 3] [--limit 10]
"""

from __future__ import annotations

import argparse
import statistics
import sys
from pathlib import Path

_CHECKOUT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(_CHECKOUT / ".venv" / "collections"))

from ansible_collections.podnet.lab.tests.integration.probe.test_probe import all_pairs  # noqa: E402
from ansible_collections.podnet.lab.tests.integration.support.world import open_world  # noqa: E402


def main() -> int:
    """Print the figures; 1 when an answer is wrong or the limit is missed."""
    parser = argparse.ArgumentParser(description="Time the probes between all pods of a node.")
    parser.add_argument("--runs", type=int, default=3, help="worlds that are made (default %(default)s)")
    parser.add_argument("--limit", type=float, default=10, help="seconds at most (default %(default)s)")
    options = parser.parse_args()
    seconds = []
    for _run in range(options.runs):
        with open_world("pairs") as world:
            count, wrong, took = all_pairs(world)
        if wrong:
            print(f"{wrong} of {count} answers are wrong")
            return 1
        seconds.append(took)
    median = statistics.median(seconds)
    print(f"{count} pairs in {median:.1f} s, {count / median:.0f} a second, median of {options.runs} runs")
    print(f"within {options.limit:g} s: {median <= options.limit}")
    return int(median > options.limit)


if __name__ == "__main__":
    sys.exit(main())
