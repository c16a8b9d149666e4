# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the options of the lab's modules have in common, written once."""

from __future__ import annotations


class ModuleDocFragment:
    """The lab that a module works for."""

    DOCUMENTATION = r"""
options:
  lab:
    description:
      - Name of the lab. What the module makes carries it as a mark, and the module changes and
        removes only what carries it.
      - 1 to 63 characters of C(a-z), C(0-9) and C(-), as RFC 1123 has it.
    type: str
    required: true
requirements:
  - iproute2
notes:
  - Needs root in the namespaces of the node, so usually C(become).
  - One of the modules that the role P(podnet.lab.manual_lab#role) is made of. The role's README
    shows all of them together.
"""
