# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Filter: fingerprints of an OpenPGP key."""

from __future__ import annotations

DOCUMENTATION = r"""
name: openpgp_fingerprints
short_description: Fingerprints of the primary keys in an OpenPGP key file
version_added: 1.0.0
author: podnet.lab contributors (@podnet-lab)
description:
  - Computes the fingerprints of the primary keys of version 4 in an armoured key file, without C(gpg).
positional: _input
options:
  _input:
    description: Text of the key file.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Refuse another key
  ansible.builtin.assert:
    that: (lookup('ansible.builtin.file', 'key.asc') | podnet.lab.openpgp_fingerprints) == [pinned]
"""

RETURN = r"""
_value:
  description: Fingerprints, 40 hexadecimal digits in capitals each.
  type: list
  elements: str
  sample: [DE15B14486CD377B9E876E1A234654DA9A296436]
"""

from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError


def openpgp_fingerprints(key: Any) -> list[str]:
    """Return the fingerprints of a key; see DOCUMENTATION."""
    from ansible_collections.podnet.lab.plugins.plugin_utils.cluster.openpgp import fingerprints

    try:
        return fingerprints(str(key).encode())
    except ValueError as error:
        raise AnsibleFilterError(f"The key cannot be read: {error}. Give an armoured OpenPGP key.") from error


class FilterModule:
    """The filter for Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter by its name."""
        return {"openpgp_fingerprints": openpgp_fingerprints}
