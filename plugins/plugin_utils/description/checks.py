# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What descriptions of a lab and of a cluster are checked by: faults, names, labels, numbers and networks.

A fault says where in the description it is, by the names of a role's variables, what is wrong and what to do.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

try:
    from netaddr import IPNetwork
except ImportError:  # the filters that read descriptions say so, in words, before anything here is called
    pass

LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?\Z")
"""RFC 1123 label, what Kubernetes requires of namespaces, containers and host names."""

IFNAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*\Z")
IFNAMSIZ = 16
"""Linux: the longest interface name with its final NUL (linux/if.h)."""

LABEL_KEY = re.compile(r"(?:[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?\Z")
LABEL_VALUE = re.compile(r"(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?\Z")


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong: where in the description, what, and what to do."""

    where: str
    what: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}. {self.remedy}."


def integer(value: Any) -> int | None:
    """Return an integer, also one written as text (``-e name=value`` gives text), or None."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,9}", value.strip()):
        return int(value)
    return None


def label_name(value: Any, where: str, faults: list[Fault]) -> str | None:
    """Return a name of the form of RFC 1123, or None and a fault."""
    if isinstance(value, str) and LABEL.match(value):
        return str(value)
    long = f", it has {len(value)} characters" if isinstance(value, str) and len(value) > 63 else ""
    remedy = "Use 1 to 63 of a-z, 0-9 and '-', beginning and ending with a letter or digit (RFC 1123)"
    faults.append(Fault(where, f"{value!r} is not a name{long}", remedy))
    return None


def unknown_fields(value: Mapping[Any, Any], known: Sequence[str], where: str, faults: list[Fault]) -> None:
    """Find fields that have no meaning, which are as a rule misspelt."""
    for key in value:
        if key not in known:
            faults.append(Fault(where, f"unknown field {key!r}", f"Known are {', '.join(known)}"))


def overlap(one: IPNetwork, other: IPNetwork) -> bool:
    """Tell whether two networks share an address."""
    return bool(one.first <= other.last and other.first <= one.last)


def labels(value: Any, where: str, example: str, faults: list[Fault]) -> dict[str, str]:
    """Return labels as Kubernetes allows them (``apimachinery/pkg/util/validation``).

    *example* says in a fault how to write them.
    """
    if not isinstance(value, Mapping):
        faults.append(Fault(where, f"{value!r} is not a set of labels", f"Write it as {example}"))
        return {}
    found = {}
    for key, text in value.items():
        good = isinstance(text, (str, int)) and not isinstance(text, bool)
        if not good or not LABEL_KEY.match(str(key)) or not LABEL_VALUE.match(str(text)):
            remedy = "Use letters, digits, '-', '_' and '.', 63 at most, as Kubernetes does"
            faults.append(Fault(f"{where}.{key}", f"{key!r}: {text!r} is not a label", remedy))
        found[str(key)] = str(text)
    return found
