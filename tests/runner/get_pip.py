# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Stands in for the get-pip.py that ansible-test would fetch from the internet.

ansible-test makes virtual environments without pip and then runs this file inside them, with the arguments of
``pip install``. Every CPython brings a pip along (module ensurepip), which can install the wanted one from the
package index that this machine is set up for. No other download is needed.

Distributions keep that pip in a directory of their own: CPython's ``--with-wheel-pkg-dir`` (Doc/using/configure.rst).
"""

from __future__ import annotations

import ensurepip
import pathlib
import runpy
import sys
import sysconfig

# get-pip.py knows these two, pip does not.
_OWN_OPTIONS = ("--no-setuptools", "--no-wheel")


def carried() -> pathlib.Path | None:
    """Return the wheel of the pip that this Python brings along; None when there is none."""
    own = sysconfig.get_config_var("WHEEL_PKG_DIR")
    places = [pathlib.Path(own)] if own else []
    places.append(pathlib.Path(ensurepip.__file__).parent / "_bundled")
    wheels = [wheel for place in places for wheel in sorted(place.glob("pip-*.whl"))[-1:]]
    return wheels[0] if wheels else None


def main() -> None:
    """Runs ``pip install`` with the pip that ensurepip carries."""
    wheel = carried()
    if wheel is None:
        raise SystemExit("This Python's ensurepip brings no pip along: install Debian's python3-venv.")
    sys.path.insert(0, str(wheel))
    sys.argv[1:] = ["install", "--upgrade", *(word for word in sys.argv[1:] if word not in _OWN_OPTIONS)]
    runpy.run_module("pip", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
