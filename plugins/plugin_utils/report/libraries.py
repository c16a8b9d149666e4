# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which Python libraries the control node lacks, said before anything needs them."""

from __future__ import annotations

import sys
from importlib import import_module

_NEEDED = ("jmespath", "netaddr")


def missing() -> str | None:
    """Return one sentence naming the libraries that are not installed here, or None."""
    names = [name for name in _NEEDED if not _there(name)]
    if not names:
        return None
    return (
        f"The control node's Python ({sys.executable}) has no {' and no '.join(names)}, which the report needs. "
        f"Install it there: {sys.executable} -m pip install {' '.join(names)}, "
        f"or on Debian and Ubuntu: apt install {' '.join(f'python3-{name}' for name in names)}"
    )


def _there(name: str) -> bool:
    try:
        import_module(name)
    except ImportError:
        return False
    return True
