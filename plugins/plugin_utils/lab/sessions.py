# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who tells whom by BGP: every node all others, or reflectors all nodes (RFC 4456)."""

from __future__ import annotations

from collections.abc import Sequence

from ansible_collections.podnet.lab.plugins.module_utils._lab.bgp import BEHIND, CLIENT, PEER, REFLECTOR


def role(node: str, other: str, reflectors: Sequence[str]) -> str:
    """Return what a node is told that another node is to it, one of the roles of the module ``bgp``.

    >>> role("node1", "node2", ["node2"])
    'reflector'
    """
    if not reflectors:
        return PEER
    if other in reflectors:
        return REFLECTOR
    return CLIENT if node in reflectors else BEHIND
