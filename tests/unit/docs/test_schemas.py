# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What two schemas say of one thing is the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

SCHEMAS = Path(__file__).resolve().parents[3] / "docs" / "schema"


def schema(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((SCHEMAS / f"{name}.schema.json").read_text(encoding="utf-8"))
    return found


def test_a_path_is_the_same_in_its_own_file_and_in_that_of_a_verification() -> None:
    own, shown = schema("path"), schema("verify")
    for name in ("Hop", "Outcome", "Packet", "Step", "Way"):
        assert own["$defs"][name] == shown["$defs"][name], name
    assert own["properties"].keys() == shown["$defs"]["Path"]["properties"].keys()
    assert set(own["required"]) == set(shown["$defs"]["Path"]["required"])
