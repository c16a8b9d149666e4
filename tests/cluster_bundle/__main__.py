# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The command line: see ``--help``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from .build import bundles
from .cache import prune
from .steps import BuildError


def main(words: Sequence[str] | None = None) -> int:
    """Build what is missing and print each version and its folder, one a line; or prune. Return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.cluster_bundle",
        description="Builds offline bundles for the tests on a real cluster, from Go modules or else from Debian's "
        "source package, and prints their folders; takes up to fifteen minutes on two free cores and 12 GB of disk, "
        "once. Needs root and mmdebstrap.",
    )
    parser.add_argument("version", nargs="*", help="only these versions (default: all)")
    parser.add_argument(
        "--prune", action="store_true", help="build nothing; remove what other states of the checkout built"
    )
    arguments = parser.parse_args(words)
    try:
        if arguments.prune:
            for removed in prune():
                print(f"removed {removed}")
            return 0
        ready = bundles(arguments.version)
    except (BuildError, OSError) as error:
        print(f"cluster bundle: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("cluster bundle: interrupted; the next run goes on where this one stopped", file=sys.stderr)
        return 130
    for version, folder in ready.items():
        print(version, folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
