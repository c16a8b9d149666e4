# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a stage becomes root."""

from __future__ import annotations

import os
import pathlib
import signal
import subprocess

import pytest

from ansible_collections.podnet.lab.tests.runner import root

ENVIRONMENT = {
    "PATH": "/a:/b",
    "HOME": "/home/u",
    "USER": "u",
    "XDG_CACHE_HOME": "/home/u/c",
    "PODNET_TEST_FABRIC": "f",
}


def test_root_needs_nothing() -> None:
    assert root.as_root(["pytest", pathlib.Path("x")], ENVIRONMENT, 0) == ["pytest", "x"]


def test_a_user_takes_sudo_and_the_environment_but_not_the_home() -> None:
    assert root.as_root(["pytest"], ENVIRONMENT, 1000) == [
        "sudo", "-n", "-H", "env", "PATH=/a:/b", "PODNET_TEST_FABRIC=f", "PYTHONDONTWRITEBYTECODE=1", "pytest",
    ]  # fmt: skip


def test_a_user_without_sudo_is_told_so(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setenv("PATH", str(tmp_path))
    root._sudo_works_alone.cache_clear()
    try:
        assert "be root, or let sudo work without a password" in str(root.why_not())
        program = tmp_path / "sudo"
        program.write_text("#!/bin/sh\nexit 0\n", encoding="utf-8")
        program.chmod(0o755)
        root._sudo_works_alone.cache_clear()
        assert root.why_not() is None
    finally:
        root._sudo_works_alone.cache_clear()


def test_a_signal_to_a_group_that_is_gone() -> None:
    with subprocess.Popen(["true"], start_new_session=True) as process:
        process.wait()
    with pytest.raises(ProcessLookupError):
        root.send(signal.SIGINT, process.pid)
