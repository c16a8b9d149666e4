# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Hosts and paths that rules of an ingress may have: both become part of a configuration of nginx.

What nginx gives a meaning to is not in them. The description is checked by them, and the module checks again.
"""

from __future__ import annotations

import re

HOST = re.compile(r"(?=.{1,253}\Z)(\*\.)?[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)*\Z")
"""A name of RFC 1123; ``*.`` before it stands for one label (networking.k8s.io/v1, ``IngressRule``)."""
PATH = re.compile(r"(?=.{1,1024}\Z)(?!.*//)(?!.*/\.{1,2}(/|\Z))/[A-Za-z0-9/._~@:+,=-]*\Z")
"""Elements of what RFC 3986 lets stand in a path as it is, none of them empty, ``.`` or ``..``."""
