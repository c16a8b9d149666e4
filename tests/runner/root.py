# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Running as root what needs root: as it is, or through sudo where that asks for no password, as ``make demo`` does."""

from __future__ import annotations

import functools
import os
import pathlib
import signal
import subprocess
from collections.abc import Mapping, Sequence

# root's own, and not the user's: what root keeps in a cache must not be in the user's way.
_OF_THE_USER = ("HOME", "LOGNAME", "MAIL", "SHELL", "USER")


@functools.cache
def _sudo_works_alone() -> bool:
    """Whether sudo works without a password and without the terminal that may remember one (sudo's ``-n``)."""
    try:
        done = subprocess.run(
            ["sudo", "-n", "true"], stdin=subprocess.DEVNULL, capture_output=True, start_new_session=True, check=False
        )
    except OSError:
        return False
    return done.returncode == 0


def why_not() -> str | None:
    """Why nothing can be run as root here, or None."""
    if os.geteuid() == 0 or _sudo_works_alone():
        return None
    return "it needs root for network namespaces: be root, or let sudo work without a password (it asked for one)"


def as_root(command: Sequence[str | os.PathLike[str]], environment: Mapping[str, str], euid: int) -> list[str]:
    """Return *command* as the user *euid* has to start it, with *environment* as far as it is not the user's own.

    Python writes no byte code then: files of root in the checkout would be in the user's way.
    """
    words = [os.fspath(word) for word in command]
    if euid == 0:
        return words
    kept = {name: value for name, value in environment.items() if name not in _OF_THE_USER and name[:4] != "XDG_"}
    kept = {**kept, "PYTHONDONTWRITEBYTECODE": "1"}
    return ["sudo", "-n", "-H", "env", *(f"{name}={value}" for name, value in sorted(kept.items())), *words]


def give_back(*directories: pathlib.Path) -> None:
    """Make the user the owner of what root wrote for them."""
    there = [str(directory) for directory in directories if directory.exists()]
    if os.geteuid() != 0 and there:
        subprocess.run(["sudo", "-n", "chown", "-R", "-h", f"{os.getuid()}:{os.getgid()}", *there], check=False)


def send(number: signal.Signals, group: int) -> None:
    """Send a signal to a process group, which may be root's. Raises ProcessLookupError when there is none."""
    try:
        os.killpg(group, number)
    except PermissionError:
        subprocess.run(["sudo", "-n", "kill", "-s", str(int(number)), "--", f"-{group}"], check=False)
