# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How long inspect.yml takes, against a playbook that only pings the same nodes.

    python tests/benchmark/inspect_playbook.py [-i INVENTORY] [--runs N] [--limit RATIO]

Without an inventory it starts three light nodes of its own (as root) and removes them again. The two
playbooks take turns, so that a machine that is busy slows both; what counts is the ratio of the
medians. "To the facts" ends when the last node file is written, "whole" when the command ends.
The command ends with 1 when the first ratio is above the limit.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(CHECKOUT / ".venv" / "collections"))

from ansible_collections.podnet.lab.tests.integration.support.nodes import (  # noqa: E402
    NodesUnavailableError,
    open_nodes,
)

LIMIT = 1.5
PING = """
- hosts: all
  gather_facts: false
  tasks:
    - ansible.builtin.ping:
"""


def play(directory: Path, env: dict[str, str], *argv: str) -> tuple[float, float]:
    """Run a playbook; return when it began (seconds since the epoch) and how long it took."""
    began = time.time()
    done = subprocess.run(
        [str(Path(sys.executable).parent / "ansible-playbook"), *argv],
        cwd=directory,
        env=env,
        check=False,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )
    if done.returncode:
        sys.exit(f"ansible-playbook {' '.join(argv)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return began, time.time() - began


def measure(inventory: Path, env: dict[str, str], runs: int) -> tuple[list[float], list[float], list[float]]:
    """Return the times of ping, of inspect.yml to the last node file, and of inspect.yml as a whole."""
    pings, facts, whole = [], [], []
    with tempfile.TemporaryDirectory(prefix="podnet-bench-") as scratch:
        directory = Path(scratch)
        (directory / "ping.yml").write_text(PING, encoding="utf-8")
        inspect = str(CHECKOUT / "playbooks" / "inspect.yml")
        for number in range(runs + 1):
            _began, ping = play(directory, env, "ping.yml", "-i", str(inventory))
            began, took = play(directory, env, inspect, "-i", str(inventory), "-e", f"podnet_report_dir=report{number}")
            last = max(path.stat().st_mtime for path in (directory / f"report{number}" / "nodes").iterdir())
            if number:  # the first round opens the connections
                pings.append(ping)
                facts.append(last - began)
                whole.append(took)
    return pings, facts, whole


@contextmanager
def nodes(inventory: Path | None) -> Iterator[tuple[Path, dict[str, str]]]:
    """Yield an inventory and the environment to use it in."""
    if inventory is not None:
        yield inventory.resolve(), {**os.environ, "ANSIBLE_CONFIG": str(CHECKOUT / "ansible.cfg")}
        return
    with open_nodes() as opened:
        yield opened.inventory, opened.env


def main() -> int:
    """Measure, print, judge."""
    parser = argparse.ArgumentParser(description="inspect.yml against a playbook that only pings")
    parser.add_argument("-i", "--inventory", type=Path, help="nodes to use (default: three light nodes made for this)")
    parser.add_argument("--runs", type=int, default=7, help="rounds that count (default: 7)")
    parser.add_argument("--limit", type=float, default=LIMIT, help=f"highest ratio that passes (default: {LIMIT})")
    options = parser.parse_args()
    try:
        with nodes(options.inventory) as (inventory, env):
            pings, facts, whole = measure(inventory, env, options.runs)
    except NodesUnavailableError as exc:
        print(f"skipped: {exc}")
        return 0
    base = statistics.median(pings)
    for name, times in (("ping", pings), ("inspect.yml to the facts", facts), ("inspect.yml whole", whole)):
        middle = statistics.median(times)
        print(f"{name:26} {middle:6.2f} s  {middle / base:5.2f} x  ({min(times):.2f} to {max(times):.2f})")
    ratio = statistics.median(facts) / base
    print(f"ratio {ratio:.2f}, limit {options.limit}: {'met' if ratio <= options.limit else 'NOT met'}")
    return int(ratio > options.limit)


if __name__ == "__main__":
    sys.exit(main())
