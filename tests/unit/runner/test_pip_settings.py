# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The user's package index must reach ansible-test, which runs with another home."""

from __future__ import annotations

import configparser
import pathlib

import pytest

from ansible_collections.podnet.lab.tests.runner.ansible_test import pip_configuration


def test_the_users_file_and_environment_become_one(tmp_path: pathlib.Path) -> None:
    file = tmp_path / "pip.conf"
    file.write_text(
        "[global]\nindex-url = https://mirror.example/simple\n"
        "trusted-host =\n    one.example\n    two.example\n\n[install]\nno-compile = true\n",
        encoding="utf-8",
    )
    environment = {"PIP_CONFIG_FILE": str(file), "PIP_TIMEOUT": "180", "PIP_REQUIRE_VIRTUALENV": "1", "HOME": "/root"}
    parsed = configparser.RawConfigParser()
    parsed.read_string(pip_configuration(environment, tmp_path))
    assert {name: dict(parsed[name]) for name in parsed.sections()} == {
        "global": {
            "index-url": "https://mirror.example/simple",
            "trusted-host": "\none.example\ntwo.example",
            "timeout": "180",
        },
        "install": {"no-compile": "true"},
    }


def test_the_environment_wins_as_it_does_in_pip(tmp_path: pathlib.Path) -> None:
    (tmp_path / ".pip").mkdir()
    (tmp_path / ".pip" / "pip.conf").write_text("[global]\nindex-url = https://a.example/\n", encoding="utf-8")
    text = pip_configuration({"PIP_INDEX_URL": "https://b.example/"}, tmp_path)
    parsed = configparser.RawConfigParser()
    parsed.read_string(text)
    assert parsed["global"]["index-url"] == "https://b.example/"


@pytest.mark.parametrize("environment", [{}, {"PIP_CONFIG_FILE": "/dev/null"}])
def test_no_settings_at_all(tmp_path: pathlib.Path, environment: dict[str, str]) -> None:
    assert pip_configuration(environment, tmp_path) == ""
