# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What tests of findings share."""

from __future__ import annotations

from ansible_collections.podnet.lab.plugins.plugin_utils.model.records import Finding


def only(found: list[Finding], kind: str) -> Finding:
    """Return the one finding there is, which is of this kind and complete."""
    assert [finding["kind"] for finding in found] == [kind], found
    finding = found[0]
    assert finding["evidence"]
    assert finding["remedy"]
    assert finding["command"]
    assert not finding["message"].endswith(".")
    return finding


def below(finding: Finding) -> list[str]:
    """Return the kinds of what follows from a finding."""
    return [one["kind"] for one in finding.get("consequences", [])]
