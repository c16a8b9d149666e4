# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the tests really ran: a record that they write, and the table of docs/clusters.md that is made from it.

``python -m tests.cluster.record`` puts the record of the last run of the cluster tests into the page.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parents[2]
RECORD = CHECKOUT / "tests" / "output" / "cluster-runs.json"
PAGE = CHECKOUT / "docs" / "clusters.md"
_BEGIN, _END = "<!-- runs: begin -->\n", "<!-- runs: end -->\n"
_HEADINGS = (
    "Kubernetes",
    "from",
    "nodes",
    "containerd",
    "kube-proxy",
    "addresses",
    "system",
    "control groups",
    "what was done",
)


@dataclasses.dataclass(frozen=True)
class Run:
    """A cluster as its API and its nodes described it, and what a test had done with it just then."""

    kubernetes: str
    source: str
    nodes: str
    runtimes: str
    proxy: str
    addresses: str
    systems: str
    control_groups: str
    done: str


def described(
    nodes: Sequence[dict[str, Any]], proxy: str, control_groups: Iterable[str], source: str, done: str
) -> Run:
    """Return the record of a cluster.

    `nodes` are as ``kubectl get nodes -o json`` lists them, `proxy` the mode of kube-proxy, `control_groups` the type
    of the nodes' ``/sys/fs/cgroup``, `source` what its programs were made from.
    """

    def of_all(key: str) -> str:
        return ", ".join(sorted({str(node["status"]["nodeInfo"][key]) for node in nodes}))

    families = {"IPv6" if ":" in cidr else "IPv4" for node in nodes for cidr in node["spec"].get("podCIDRs", [])}
    control = sum("node-role.kubernetes.io/control-plane" in node["metadata"]["labels"] for node in nodes)
    versions = {"cgroup2fs": "v2", "tmpfs": "v1"}
    return Run(
        kubernetes=of_all("kubeletVersion"),
        source=source,
        nodes=f"{len(nodes)}, {control} of the control plane",
        runtimes=of_all("containerRuntimeVersion").replace("containerd://", ""),
        proxy=proxy,
        addresses=" and ".join(sorted(families)),
        systems=of_all("osImage"),
        control_groups=", ".join(sorted({versions.get(one, one) for one in control_groups})),
        done=done,
    )


def write_down(run: Run) -> None:
    """Add a run to the record. Raises OSError."""
    RECORD.parent.mkdir(parents=True, exist_ok=True)
    RECORD.write_text(
        json.dumps([dataclasses.asdict(one) for one in [*runs(), run]], indent=2) + "\n", encoding="utf-8"
    )


def runs() -> list[Run]:
    """Return the record, of which there may be none yet."""
    if not RECORD.exists():
        return []
    return [Run(**one) for one in json.loads(RECORD.read_text(encoding="utf-8"))]


def table(known: Iterable[Run]) -> str:
    """Return the table of runs; what was done with clusters of one kind is in one row."""
    done: dict[Run, list[str]] = {}
    for run in known:
        steps = done.setdefault(dataclasses.replace(run, done=""), [])
        if run.done not in steps:
            steps.append(run.done)
    rows = [_HEADINGS, ("---",) * len(_HEADINGS)]
    rows += [(*dataclasses.astuple(run)[:-1], ", ".join(steps)) for run, steps in done.items()]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def with_table(page: str, rows: str) -> str:
    """Return a page with another table between its marks."""
    before, _begin, rest = page.partition(_BEGIN)
    _old, _end, after = rest.partition(_END)
    return f"{before}{_BEGIN}\n{rows}\n{_END}{after}"


def main() -> int:
    """Put the record into the page. Return the exit code."""
    known = runs()
    if not known:
        print(f"{RECORD.relative_to(CHECKOUT)} is not there: run `make test-cluster` first.", file=sys.stderr)
        return 1
    PAGE.write_text(with_table(PAGE.read_text(encoding="utf-8"), table(known)), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
