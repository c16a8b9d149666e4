# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One complete snapshot without Ansible: what the benchmark measures. Prints how much was found."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_CHECKOUT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(_CHECKOUT, ".venv", "collections"))

from ansible_collections.podnet.lab.plugins.module_utils._kernel.snapshot import take_snapshot  # noqa: E402

WANTED = ("addresses", "all_routes", "neighbours", "fdb", "processes")
LISTS = ("links", "addresses", "routes", "neighbours", "fdb")


def main() -> None:
    """Take one snapshot and print its counts as one line of JSON."""
    snapshot: Any = take_snapshot(WANTED)
    namespaces = snapshot["namespaces"].values()
    counts = {"namespaces": len(namespaces)}
    for name in LISTS:
        counts[name] = sum(len(namespace.get(name, ())) for namespace in namespaces)
    counts["processes"] = sum(len(each["processes"]) for each in namespaces if each["inode"] != snapshot["own"])
    exact = 0
    for namespace in namespaces:
        exact += sum(1 for peer in namespace.get("peers", {}).values() if peer["resolution"] == "exact")
    counts["peers"] = exact
    print("{%s}" % ", ".join('"%s": %d' % item for item in counts.items()), flush=True)
    if snapshot["partial"]:
        sys.exit("the snapshot is partial: %s" % snapshot["errors"])
    os._exit(0)  # as an Ansible module's process ends: nobody waits until its records are freed


if __name__ == "__main__":
    main()
