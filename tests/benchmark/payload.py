# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How large the fact modules are on their way to a node, against a module that does nothing.

Ansible packs a module with everything that it imports into one file (AnsiballZ). This runs each module with
``ANSIBLE_KEEP_REMOTE_FILES`` and measures the file that arrived: what each task costs in transfer where pipelining
is off, and in unpacking always. Needs no root: what the module answers does not matter.

    .venv/bin/python tests/benchmark/payload.py [--limit 1.3]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
MODULES = ("netns_facts", "veth_facts", "bridge_facts", "pod_cidr_facts", "pod_network_facts")
MINIMAL = """#!/usr/bin/python
from ansible.module_utils.basic import AnsibleModule
AnsibleModule(argument_spec={}, supports_check_mode=True).exit_json()
"""


def payload(name: str, library: Path) -> int:
    """Return the size in bytes of the file that Ansible sends for a module."""
    with tempfile.TemporaryDirectory(prefix="podnet-payload-") as scratch:
        remote = Path(scratch) / "remote"
        env = {
            **os.environ,
            "ANSIBLE_KEEP_REMOTE_FILES": "1",
            "ANSIBLE_PIPELINING": "0",
            "ANSIBLE_REMOTE_TMP": str(remote),
            "ANSIBLE_LOCAL_TEMP": str(Path(scratch) / "local"),
            "ANSIBLE_HOME": str(Path(scratch) / "home"),
            "ANSIBLE_COLLECTIONS_PATH": str(CHECKOUT / ".venv" / "collections"),
        }
        command = [
            str(Path(sys.executable).parent / "ansible"), "localhost", "-i", "localhost,", "-c", "local",
            "-M", str(library), "-m", name, "-e", f"ansible_python_interpreter={sys.executable}",
        ]  # fmt: skip
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=120)
        files = list(remote.glob("**/AnsiballZ_*.py"))
        if len(files) != 1:
            raise SystemExit(f"{name} left {len(files)} payloads, 1 expected.\n{done.stdout}\n{done.stderr}")
        return files[0].stat().st_size


def main() -> int:
    """Print one line for each module; 1 when one is larger than the limit allows."""
    parser = argparse.ArgumentParser(description="Measure the size of the fact modules on their way to a node.")
    parser.add_argument("--limit", type=float, default=1.3, help="largest ratio to a minimal module (%(default)s)")
    limit = parser.parse_args().limit
    with tempfile.TemporaryDirectory(prefix="podnet-library-") as library:
        (Path(library) / "minimal.py").write_text(MINIMAL)
        base = payload("minimal", Path(library))
        print(f"{'minimal':<28} {base:>8} bytes")
        too_large = False
        for module in MODULES:
            size = payload("podnet.lab." + module, Path(library))
            too_large |= size > limit * base
            print(f"{'podnet.lab.' + module:<28} {size:>8} bytes  {size / base:.2f} times, at most {limit}")
    return int(too_large)


if __name__ == "__main__":
    sys.exit(main())
