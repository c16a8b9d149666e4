# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How fast a node is read: the snapshot beside iproute2 in loops, in batches, and a C program.

All of them read the same pods in the same minute, in turns. The pods live in a network, mount and PID namespace
of the benchmark's own: nothing of the machine is touched, and everything is gone when it ends. A pod is a
named namespace with lo and eth0, a bridge port on the node's side, one address, a default route, one process.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import math
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
INSIDE = "PODNET_BENCHMARK_INSIDE"
TARGET_OF_C = 2.0
TARGET_OF_SHELL = 60.0
SLOW_CONTENDER_RUNS = 1
"""Runs of the shell loop from `SLOW_FROM` pods on; one takes many seconds there and the spread is small."""
SLOW_FROM = 500


class Contender:
    """One way of reading the node, and what it cost in each run of one size."""

    def __init__(self, name: str, command: list[str]) -> None:
        self.name = name
        self.command = command
        self.wall: list[float] = []
        self.process: list[float] = []
        self.answer: dict[str, int] = {}

    def run(self) -> None:
        """Run once; fails loudly when the command fails."""
        start = time.perf_counter()
        child = subprocess.Popen(self.command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
        assert child.stdout is not None
        output = child.stdout.read()
        _pid, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode != 0:
            sys.exit(f"{self.name} failed with status {child.returncode}: {' '.join(self.command)}")
        self.wall.append(time.perf_counter() - start)
        self.process.append(usage.ru_utime + usage.ru_stime)
        self.answer = json.loads(output)

    def medians(self) -> tuple[float, float]:
        """Wall time and process time (user and system, children included) in seconds."""
        return statistics.median(self.wall), statistics.median(self.process)


# ----------------------------------------------------------------------------------- the pods


def _run(*command: str, text: str | None = None) -> None:
    subprocess.run(command, input=text, text=True, check=True, stdout=subprocess.DEVNULL)


def prepare_node() -> None:
    """The stand-in for a node: its own /run and a bridge."""
    _run("mount", "-t", "tmpfs", "tmpfs", "/run")
    os.makedirs("/run/netns")
    _run("ip", "-batch", "-", text="link set lo up\nlink add bench0 type bridge\nlink set bench0 up\n")


def add_pods(first: int, last: int) -> None:
    """Make the pods numbered from `first` to before `last`."""
    numbers = range(first, last)
    lines = [f"netns add pod{number}" for number in numbers]
    for number in numbers:
        lines.append(f"link add veth{number} type veth peer name eth0 netns pod{number}")
        lines.append(f"link set veth{number} master bench0 up")
    _run("ip", "-batch", "-", text="\n".join(lines) + "\n")
    library = ctypes.CDLL(None, use_errno=True)
    home = os.open("/proc/self/ns/net", os.O_RDONLY)
    for number in numbers:
        descriptor = os.open(f"/run/netns/pod{number}", os.O_RDONLY)
        if library.setns(descriptor, 0x40000000) != 0:
            sys.exit(f"cannot enter pod{number}")
        os.close(descriptor)
        address = f"10.128.{number // 250}.{number % 250 + 2}"
        inside = f"link set lo up\nlink set eth0 up\naddr add {address}/16 dev eth0\nroute add default via 10.128.0.1\n"
        _run("ip", "-batch", "-", text=inside)
        subprocess.Popen(["sleep", "infinity"], stdin=subprocess.DEVNULL)
        if library.setns(home, 0x40000000) != 0:
            sys.exit("cannot return")
    os.close(home)
    settle()


def settle() -> None:
    """Wait until duplicate address detection has come to an end, or routes come and go under the contenders."""
    for _attempt in range(100):
        found = subprocess.run(["ip", "-6", "-j", "addr", "show", "tentative"], capture_output=True, check=True).stdout
        if not json.loads(found or b"[]"):
            time.sleep(2)
            return
        time.sleep(0.1)


# -------------------------------------------------------------------------------- the contest


def contenders(scratch: str, python: str) -> tuple[list[Contender], list[str]]:
    """All that can run here, and a word about each that cannot."""
    found = [Contender("podnet.lab", [python, str(HERE / "snapshot_once.py")])]
    skipped = []
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        skipped.append("skipped: C program (no C compiler: install gcc and libc6-dev)")
    else:
        program = os.path.join(scratch, "snapshot")
        built = subprocess.run(
            [compiler, "-O2", "-o", program, str(HERE / "snapshot.c")], capture_output=True, text=True, check=False
        )
        if built.returncode == 0:
            found.append(Contender("C program", [program]))
        else:
            skipped.append(f"skipped: C program (it does not compile here: {built.stderr.strip()[:200]})")
    found.append(Contender("ip -batch", [sys.executable, str(HERE / "ip_batch.py")]))
    found.append(Contender("ip netns exec", ["sh", str(HERE / "shell_loop.sh")]))
    return found, skipped


def contest(found: list[Contender], size: int, runs: int) -> None:
    """Let all run in turns."""
    for contender in found:
        contender.wall.clear()
        contender.process.clear()
    found[0].run()  # the first run compiles Python and fills the kernel's caches
    found[0].wall.clear()
    found[0].process.clear()
    for number in range(runs):
        for contender in found:
            slow = contender.name == "ip netns exec" and size >= SLOW_FROM
            if not slow or number < SLOW_CONTENDER_RUNS:
                contender.run()
    by_name = {contender.name: contender for contender in found}
    if "C program" in by_name:
        ours, theirs = by_name["podnet.lab"].answer, by_name["C program"].answer
        differing = {key: (ours[key], theirs.get(key)) for key in ours if ours[key] != theirs.get(key)}
        if differing:
            print(f"  note: podnet.lab and the C program found different numbers: {differing}", flush=True)


def report(results: dict[int, dict[str, tuple[float, float]]], skipped: list[str]) -> bool:
    """Print the table and the verdicts; the answer is whether every target that could be checked was met."""
    sizes = sorted(results)
    names = list(results[sizes[0]])
    print("\nMedians in ms: wall time / process time (user + system, with interpreter start)\n")
    print(f"{'pods':>6}" + "".join(f"{name:>18}" for name in names))
    for size in sizes:
        cells = "".join(
            f"{results[size][name][0] * 1000:>10.0f} /{results[size][name][1] * 1000:>6.0f}" for name in names
        )
        print(f"{size:>6}{cells}")
    for line in skipped:
        print(line)
    print()
    largest = results[sizes[-1]]
    wall, process = largest["podnet.lab"]
    verdicts = []
    if sizes[-1] < 1000:
        print(f"The targets are set for 1000 pods; these are the ratios at {sizes[-1]}.")
    if "C program" in largest:
        ratio = process / largest["C program"][1]
        verdicts.append(
            (ratio <= TARGET_OF_C, f"{ratio:.2f} times the C program's process time (at most {TARGET_OF_C})")
        )
    ratio = largest["ip netns exec"][0] / wall
    verdicts.append(
        (ratio >= TARGET_OF_SHELL, f"{ratio:.0f} times as fast as the shell loop (at least {TARGET_OF_SHELL:.0f})")
    )
    ratio = largest["ip -batch"][0] / wall
    print(f"        {ratio:.1f} times as fast as ip -batch in entered namespaces")
    if len(sizes) > 1:
        smaller = sizes[-2]
        growth = math.log(wall / results[smaller]["podnet.lab"][0]) / math.log(sizes[-1] / smaller)
        verdicts.append((growth <= 1.0, f"grows with N^{growth:.2f} from {smaller} to {sizes[-1]} pods (at most N^1)"))
    for met, text in verdicts:
        print(f"{'met' if met else 'MISSED':>6}  {text}")
    return all(met for met, _text in verdicts)


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0] if __doc__ else None)
    parser.add_argument("--sizes", default="10,110,500,1000", help="numbers of pods, by commas (default %(default)s)")
    parser.add_argument("--runs", type=int, default=7, help="runs of each contender at each size (default %(default)s)")
    parser.add_argument("--python", default="/usr/bin/python3", help="the node's Python (default %(default)s)")
    parser.add_argument("--json", help="also write the figures to this file")
    parser.add_argument("--strict", action="store_true", help="end with status 1 when a target is missed")
    return parser.parse_args()


def main() -> None:
    """Move into namespaces of our own, then build, measure and report."""
    arguments = parse_arguments()
    if os.environ.get(INSIDE) is None:
        if os.geteuid() != 0:
            sys.exit("The benchmark makes network namespaces and needs root: run it with sudo.")
        os.environ[INSIDE] = "1"
        command = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
        os.execvp("unshare", [*command, sys.executable, str(Path(__file__).resolve()), *sys.argv[1:]])
    sizes = sorted(int(size) for size in arguments.sizes.split(","))
    python = arguments.python if os.path.exists(arguments.python) else sys.executable
    results: dict[int, dict[str, tuple[float, float]]] = {}
    with tempfile.TemporaryDirectory(prefix="podnet-bench-") as scratch:
        found, skipped = contenders(scratch, python)
        prepare_node()
        made = 0
        for size in sizes:
            print(f"building {size - made} pods, then {arguments.runs} runs each with {size} pods", flush=True)
            add_pods(made, size)
            made = size
            contest(found, size, arguments.runs)
            results[size] = {contender.name: contender.medians() for contender in found}
        met = report(results, skipped)
    if arguments.json:
        figures: dict[str, Any] = {str(size): results[size] for size in results}
        Path(arguments.json).write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    sys.exit(0 if met or not arguments.strict else 1)


if __name__ == "__main__":
    main()
