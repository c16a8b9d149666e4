# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Lets plain pytest import the collection by its full name, as Ansible does.

Under ``ansible-test units`` the name is importable already and nothing happens here.
"""

from __future__ import annotations

import importlib.util
import os
import sys

import hypothesis

_CHECKOUT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
_COLLECTIONS = os.path.join(_CHECKOUT, ".venv", "collections")


def _importable() -> bool:
    try:
        return importlib.util.find_spec("ansible_collections.podnet.lab.plugins") is not None
    except ImportError:
        return False


# ansible-test runs the tests on many Pythons: fewer examples of each property there, the full number in .venv.
# Deadlines measure the machine; in CI the examples are always the same, so that a change is not failed by luck.
_UNDER_ANSIBLE_TEST = _importable()
hypothesis.settings.register_profile(
    "podnet",
    deadline=None,
    derandomize=_UNDER_ANSIBLE_TEST or bool(os.environ.get("CI")),
    max_examples=20 if _UNDER_ANSIBLE_TEST else 100,
)
hypothesis.settings.load_profile("podnet")

if not _UNDER_ANSIBLE_TEST:
    sys.path.insert(0, _COLLECTIONS)
    if not _importable():
        raise RuntimeError(
            "ansible_collections.podnet.lab cannot be imported from %s: "
            "run tools/setup in the checkout, which makes that link." % _COLLECTIONS
        )
