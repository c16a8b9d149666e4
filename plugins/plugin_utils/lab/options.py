# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the names and the examples of the lab's options are made of."""

from __future__ import annotations

VARIABLE = "manual_lab_"
SUFFIXES = {4: "", 6: "_v6"}
"""What the names of options end in that are of one version of IP."""
PRIVATE_RANGES = {4: "10.244.0.0/16", 6: "fd00:10:244::/56"}
"""A private range of each version of IP (RFC 1918, RFC 4193), for examples."""
