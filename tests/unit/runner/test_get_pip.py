# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the pip lies that a Python brings along."""

from __future__ import annotations

import ensurepip
import sysconfig
from pathlib import Path

import pytest

from ansible_collections.podnet.lab.tests.runner import get_pip


@pytest.fixture
def carried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directories of a Python that brings none along yet: CPython's own, and that of a distribution."""
    for name in ("ensurepip/_bundled", "wheels"):
        (tmp_path / name).mkdir(parents=True)
    monkeypatch.setattr(ensurepip, "__file__", str(tmp_path / "ensurepip" / "__init__.py"))
    monkeypatch.setattr(sysconfig, "get_config_var", {"WHEEL_PKG_DIR": str(tmp_path / "wheels")}.get)
    return tmp_path


def test_none(carried: Path) -> None:
    assert get_pip.carried() is None


def test_the_distributions_goes_before_cpythons(carried: Path) -> None:
    own = carried / "ensurepip" / "_bundled" / "pip-25.1-py3-none-any.whl"
    own.touch()
    assert get_pip.carried() == own
    distributions = carried / "wheels" / "pip-23.0.1-py3-none-any.whl"
    distributions.touch()
    (carried / "wheels" / "setuptools-66.1.1-py3-none-any.whl").touch()
    assert get_pip.carried() == distributions


def test_a_python_without_a_directory_of_the_distribution(carried: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sysconfig, "get_config_var", lambda _name: None)
    (carried / "wheels" / "pip-23.0.1-py3-none-any.whl").touch()
    assert get_pip.carried() is None
