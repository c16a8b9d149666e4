# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Images that some clusters have beside those of the bundle: brought to a node, or into a bundle of the test's own."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest

from ansible_collections.podnet.lab.plugins.module_utils._bundle.manifest import digest_of
from ansible_collections.podnet.lab.tests.cluster_bundle import FURTHER
from ansible_collections.podnet.lab.tests.integration.support.nodes import Nodes


def archives(bundle: Path, programs: Iterable[str]) -> dict[str, Path]:
    """Return the archive of each program's image by the image's name; skip the test where one was not built."""
    found = {FURTHER[program]: bundle / "further" / f"{program}.tar" for program in programs}
    for name, path in found.items():
        if not path.exists():
            pytest.skip(f"{name} was not built beside the bundle {bundle}")
    return found


def bring(nodes: Nodes, node: str, archive: Path) -> None:
    """Give a node an image, as its runtime would have it from a registry. Raises CalledProcessError."""
    with archive.open("rb") as opened:
        command = nodes.ssh(node, "ctr -n k8s.io images import -")
        subprocess.run(command, stdin=opened, stdout=subprocess.DEVNULL, check=True)


def bundle_with(bundle: Path, target: Path, programs: Iterable[str]) -> Path:
    """Make `target` the bundle with the images of programs in it, and return it."""
    added = archives(bundle, programs)
    shutil.copytree(bundle, target, ignore=shutil.ignore_patterns("containerd-*", "further"))
    manifest = json.loads((bundle / "manifest.json").read_text(encoding="utf-8"))
    for name, path in added.items():
        shutil.copy2(path, target / "images" / path.name)
        manifest["images"].append({"file": f"images/{path.name}", "sha256": digest_of(str(path)), "names": [name]})
    (target / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    return target
