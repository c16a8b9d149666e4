# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The JSON Schemas of the facts, as the tests enforce them."""

from __future__ import annotations

import functools
import json
from typing import Any

from jsonschema import Draft202012Validator

from ansible_collections.podnet.lab.tests.integration.support.world import CHECKOUT


@functools.cache
def validator(key: str) -> Draft202012Validator:
    """The validator of one fact key; the schema itself is checked as well."""
    schema = json.loads((CHECKOUT / "docs" / "schema" / (key + ".schema.json")).read_text())
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def assert_valid(key: str, facts: Any) -> None:
    """Fail with the place and the reason when facts do not keep their schema."""
    found = [f"{key}{error.json_path[1:]}: {error.message}" for error in validator(key).iter_errors(facts)]
    assert not found, "\n".join(found[:10])
