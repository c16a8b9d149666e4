# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What Ansible says, as cause and remedy."""

from __future__ import annotations

import pytest

from ansible_collections.podnet.lab.plugins.plugin_utils.report import causes


@pytest.mark.parametrize(
    "said",
    [
        "Missing sudo password",
        "Incorrect sudo password",
        "sudo: a password is required",
        "/bin/sh: 1: sudo: not found",
        "anna is not in the sudoers file.",
        "Timeout (12s) waiting for privilege escalation prompt: ",
        "sudo: /usr/bin/sudo must be owned by uid 0 and have the setuid bit set",
        "su: Authentication failure",
    ],
)
def test_become(said: str) -> None:
    assert causes.is_become(said)


@pytest.mark.parametrize(
    "said",
    ["Connection refused", "/bin/sh: 1: /usr/bin/python3: not found", "Permission denied (publickey,password).", ""],
)
def test_not_become(said: str) -> None:
    assert not causes.is_become(said)


def test_unreachable() -> None:
    error = causes.unreachable(
        "n", "Task failed: Failed to connect to the host via ssh: ssh: connect: \x1b[1mNo route.\n"
    )
    assert error["cause"] == "ssh: connect: \\x1b[1mNo route"
    assert "ansible n -m ping" in error["remedy"]


def test_no_python() -> None:
    assert "python3" in causes.failed("n", "/bin/sh: 1: /usr/bin/python3: not found")["remedy"]


def test_traceback_is_cut() -> None:
    assert len(causes.failed("n", "x" * 10_000)["cause"]) <= 600
