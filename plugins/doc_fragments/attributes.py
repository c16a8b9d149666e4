# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What every module of the collection says about itself, written once.

``podnet.lab.attributes`` describes the attributes; a module or action then gives `support` for each.
Two others are complete: ``podnet.lab.attributes.changing_module`` for a module that changes a node and knows check mode
and diff, and ``podnet.lab.attributes.info_module`` for one that only reads. One that returns facts combines the latter
with ``podnet.lab.attributes.returns_facts``.
"""

from __future__ import annotations


class ModuleDocFragment:
    """Attributes of modules."""

    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying the target.
  diff_mode:
    description: Returns details on what has changed, or would change in C(check_mode), when in diff mode.
  idempotent:
    description: When run twice in a row without changes outside this module in between, the second run changes nothing.
  platform:
    description: Operating systems that the module works on.
    support: full
    platforms: linux
"""

    INFO_MODULE = r"""
options: {}
attributes:
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying the target.
    support: full
    details:
      - This module never changes a node. It works in check mode as it does otherwise.
  diff_mode:
    description: Returns details on what has changed, or would change in C(check_mode), when in diff mode.
    support: N/A
    details:
      - This module never changes a node.
  idempotent:
    description: When run twice in a row without changes outside this module in between, the second run changes nothing.
    support: full
    details:
      - This module never changes a node.
  platform:
    description: Operating systems that the module works on.
    support: full
    platforms: linux
"""

    RETURNS_FACTS = r"""
options: {}
attributes:
  facts:
    description: Action returns an C(ansible_facts) dictionary that updates existing host facts.
    support: full
"""

    CHANGING_MODULE = r"""
options: {}
attributes:
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying the target.
    support: full
  diff_mode:
    description: Returns details on what has changed, or would change in C(check_mode), when in diff mode.
    support: full
  idempotent:
    description: When run twice in a row without changes outside this module in between, the second run changes nothing.
    support: full
  platform:
    description: Operating systems that the module works on.
    support: full
    platforms: linux
"""
