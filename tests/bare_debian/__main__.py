# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs ``make demo`` and ``make clean`` as a user with sudo on a bare Debian: ``python -m tests.bare_debian bookworm``.

The Debian is made by mmdebstrap in a temporary directory and entered with chroot, in mount, PID, UTS and IPC
namespaces of its own. Network namespace and kernel are the machine's: packages are fetched the way the machine does it.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.cluster_bundle.debian import INDEX_TARGETS, archive_of
from tests.cluster_bundle.steps import BuildError

CHECKOUT = Path(__file__).resolve().parents[2]
PACKAGES = ("ca-certificates", "git", "make", "python3", "sudo")
"""What the README asks for, and what an installed Debian has for https."""

HOME = "/home/learner"
INSIDE = "PATH=/usr/local/bin:/usr/bin:/bin"
"""A user's PATH on Debian, without sbin."""

FIRST_REPORT = 180.0
"""Seconds within which the README promises the first report."""

FABRICS = {"bookworm": ("podbare12", "10.87.254.0/24"), "trixie": ("podbare13", "10.87.255.0/24")}
"""Name and network of the demo's nodes: tests may run beside them."""


class BareError(Exception):
    """The demo does not do on a bare Debian what the README says."""


def say(text: str) -> None:
    """Print a line of progress at once."""
    print(f"bare debian: {text}", flush=True)


def output_of(*command: str) -> str:
    """Return what a command prints; empty when it fails."""
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def make_root(root: Path, suite: str) -> None:
    """Make a Debian in `root`, with the machine's way to packages and a user who may use sudo."""
    source = f"deb {archive_of(output_of(*INDEX_TARGETS))} {suite} main"
    subprocess.run(
        ["mmdebstrap", "--quiet", "--variant=minbase", f"--include={','.join(PACKAGES)}", suite, str(root), source],
        check=True,
    )
    (root / "etc/apt/apt.conf.d/99machine").write_text(output_of("apt-config", "dump", "Acquire"), encoding="utf-8")
    for file in ("etc/resolv.conf", "etc/hosts", "etc/ssl/certs/ca-certificates.crt"):
        shutil.copy(Path("/") / file, root / file)
    listed = (line.partition("=") for line in output_of(sys.executable, "-m", "pip", "config", "list").splitlines())
    # "global.index-url='...'": of several files that pip reads, the last one counts.
    settings = {name.rpartition(".")[2]: value.strip("'") for name, _equals, value in listed}
    lines = [f"{name} = {value}" for name, value in settings.items()]
    (root / "etc/pip.conf").write_text("\n".join(["[global]", *lines, ""]), encoding="utf-8")
    (root / "etc/sudoers.d/learner").write_text("learner ALL=(ALL) NOPASSWD: ALL\n", encoding="utf-8")
    subprocess.run(["chroot", str(root), "useradd", "--create-home", "--shell", "/bin/bash", "learner"], check=True)
    clone = root / HOME.lstrip("/") / "podnet.lab"
    subprocess.run(["git", "clone", "--quiet", str(CHECKOUT), str(clone)], check=True)
    subprocess.run(["chroot", str(root), "chown", "-R", "learner:", HOME], check=True)


def inside(root: Path, suite: str, command: str) -> float:
    """Run a shell command in the clone as the user, without a terminal; return its seconds."""
    script = (
        # unshare wants / to be a mount point.
        'set -e; mount --bind "$0" "$0"; mount -t proc proc "$0/proc";'
        ' mount --rbind /sys "$0/sys"; mount --rbind /dev "$0/dev"; exec chroot "$0" su learner -s /bin/bash -c "$1"'
    )
    fabric, subnet = FABRICS[suite]
    settings = f"{INSIDE} HOME={HOME} PODNET_DEMO_FABRIC={fabric} PODNET_DEMO_SUBNET={subnet}"
    began = time.monotonic()
    done = subprocess.run(
        [
            "unshare", "--mount", "--pid", "--uts", "--ipc", "--fork", "--kill-child",
            "sh", "-c", script, str(root), f"cd {HOME}/podnet.lab && {settings} {command}",
        ],
        stdin=subprocess.DEVNULL,
        check=False,
    )  # fmt: skip
    if done.returncode:
        raise BareError(f"'{command}' ended with {done.returncode}; its words are above.")
    return time.monotonic() - began


def left_over(fabric: str) -> list[str]:
    """Return what `make clean` should have taken away of the demo."""
    links = [line for line in output_of("ip", "-o", "link").splitlines() if f" {fabric}" in line]
    rules = [line for line in output_of("ip", "rule").splitlines() if fabric in line]
    processes = [line for line in output_of("ps", "-e", "-o", "args=").splitlines() if fabric in line]
    return [*links, *rules, *processes]


def try_demo(suite: str) -> None:
    """Run the demo twice and clean up, all in one Debian; raises BareError."""
    with tempfile.TemporaryDirectory(prefix="podnet-bare-") as scratch:
        root = Path(scratch) / "root"
        say(f"making a Debian {suite} with {', '.join(PACKAGES)}")
        make_root(root, suite)
        # One namespace for all: the nodes end with the PID namespace that they were made in.
        report = "test -s reports/latest/report.md && test -s reports/latest/report.json"
        seconds = inside(
            root,
            suite,
            "bash -ec 'make demo; " + report + "; date +%s > /tmp/first; make demo; make clean; test ! -e .podnet'",
        )
        first = float((root / "tmp/first").read_text()) - (time.time() - seconds)
        say(f"first report after {first:.0f} s; with a second demo and make clean {seconds:.0f} s")
        if first > FIRST_REPORT:
            raise BareError(f"the first report took {first:.0f} s, and the README says three minutes.")
        left = left_over(FABRICS[suite][0])
        if left:
            raise BareError("make clean left on the machine: " + "; ".join(left))


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.bare_debian", description=__doc__)
    parser.add_argument("suite", choices=FABRICS, help="which Debian")
    arguments = parser.parse_args()
    if os.geteuid() != 0:
        print("A Debian is made and entered by root: run it again with sudo.", file=sys.stderr)
        return 2
    try:
        try_demo(arguments.suite)
    except (BareError, BuildError, subprocess.CalledProcessError) as error:
        print(f"bare debian: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
