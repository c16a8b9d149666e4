# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What kinds mean is read from docs/findings.md, for every kind that is there."""

from __future__ import annotations

from ansible_collections.podnet.lab.plugins.plugin_utils.findings.kinds import KINDS
from ansible_collections.podnet.lab.plugins.plugin_utils.page.meanings import DOCUMENT, meanings


def test_every_kind_of_the_document_is_read() -> None:
    assert set(KINDS) - meanings().keys() == set()


def test_a_meaning_is_plain_text() -> None:
    assert DOCUMENT.is_file()
    for meaning in meanings().values():
        assert all(cell and "`" not in cell and "|" not in cell for cell in meaning)
    assert meanings()["bridge-second-address"].remedy == "ip addr del the second one."
