# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Tables of nftables that the lab writes as a whole: compared, replaced in one transaction, removed.

nft prints a table in words of its own, which change with its version, so that what is there cannot be compared with
what was written. So its print is noted right after a table was loaded (``Store.tables``): while the print is the
noted one and the lines are the noted ones, nothing is to be done. What others change in a table changes the print.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Tuple

from .step import SBIN, Step
from .store import Store

Block = List[str]
"""Lines of one chain, set or map, its header and its closing brace among them."""


class Table(NamedTuple):
    """A table as it is to be. The blocks are in an order in which each can be added after those before it."""

    family: str
    name: str
    blocks: List[Block]

    @property
    def key(self) -> str:
        """Family and name, as nft's commands take them."""
        return "%s %s" % (self.family, self.name)

    def lines(self) -> List[str]:
        """Return the lines of ``nft -f``; none when there is to be no such table."""
        if not self.blocks:
            return []
        inner = ["  " + line for block in self.blocks for line in block]
        return ["table %s {" % self.key, *inner, "}"]


def one_line(lines: List[str]) -> str:
    """Return the lines of a ruleset as one argument of nft: whatever is in braces ends with a semicolon.

    >>> one_line(["table ip t {", "  chain c {", "    ip daddr 10.0.0.1 return", "  }", "}"])
    'table ip t { chain c { ip daddr 10.0.0.1 return; }; }'
    """
    words = []
    for line in lines:
        ends = line.startswith(" ") and not line.endswith(("{", ";", ","))
        words.append(line.strip() + (";" if ends else ""))
    return " ".join(words)


def nft_command(step: Step, command: List[str], shown: List[str], data: Optional[str] = None) -> None:
    """Run nft, or say what it would be. `shown` is what a person would type for it."""
    step.commands += shown
    if step.real:
        status, _out, err = step.module.run_command(command, data=data)
        if status != 0:
            step.failed(shown[-1], err)


def fingerprint(listing: Any) -> str:
    """Return a digest of a table as ``nft -j list table`` prints it, without what changes by itself.

    That are handles, counters and the elements that rules add to sets; and the order of elements, which is that of
    a hash table in the kernel.
    """
    items = []
    for item in listing.get("nftables", []):
        for kind, value in item.items():
            if kind != "metainfo":
                items.append([kind, _lasting(value)])
    text = json.dumps(items, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _fed_by_rules(found: Dict[str, Any]) -> bool:
    """Tell whether rules add elements to a set: they end by themselves. ``dynamic`` is not in nft 1.0.6's JSON."""
    return not {"timeout", "dynamic"}.isdisjoint(found.get("flags") or ())


def _lasting(value: Any) -> Any:
    if isinstance(value, list):
        return [_lasting(item) for item in value]
    if not isinstance(value, dict):
        return value
    fed = _fed_by_rules(value)
    found: Dict[str, Any] = {}
    for key, inner in value.items():
        if key == "handle" or (key == "elem" and fed):
            continue
        if key == "counter":
            found[key] = None
        elif key == "elem" and isinstance(inner, list):
            found[key] = sorted((_lasting(item) for item in inner), key=lambda item: json.dumps(item, sort_keys=True))
        else:
            found[key] = _lasting(inner)
    return found


def kept_elements(listing: Any, table: Table) -> Iterator[str]:
    """Yield the lines that put back what rules added to sets, for those sets that the table has again.

    ``nft -j`` has such an element as ``{"elem": {"val": "10.244.0.2", "timeout": 10800, "expires": 10794}}``.
    """
    headers = {block[0] for block in table.blocks}
    for item in listing.get("nftables", []):
        found: Dict[str, Any] = item.get("set") or {}
        if not _fed_by_rules(found) or "set %s {" % found.get("name") not in headers:
            continue
        for entry in found.get("elem") or ():
            element = entry.get("elem") if isinstance(entry, dict) else None
            if isinstance(element, dict) and isinstance(element.get("expires"), int) and element["expires"] > 0:
                timeout = element.get("timeout", found.get("timeout", 0))
                values = (table.key, found["name"], element["val"], timeout, element["expires"])
                yield "add element %s %s { %s timeout %ss expires %ss }" % values


def read_table(step: Step, family: str, name: str) -> Optional[Any]:
    """Return what ``nft -j list table`` prints; None when there is no such table, or no nft that could have made it."""
    nft = step.module.get_bin_path("nft", opt_dirs=SBIN)
    if nft is None:
        return None
    status, out, err = step.module.run_command([nft, "-j", "list", "table", family, name])
    if status != 0 and "No such file" in err:
        return None
    if status != 0:
        step.failed("nft list table %s %s" % (family, name), err)
    return json.loads(out)


def bring(step: Step, store: Store, table: Table) -> Tuple[List[str], List[str]]:
    """Have a table as it is to be; return its lines before and after, for the diff."""
    wanted = table.lines()
    noted = store.tables().get(table.key)
    listing = read_table(step, table.family, table.name)
    before: List[str] = []
    if listing is not None:
        known = noted is not None and noted["print"] == fingerprint(listing)
        before = noted["lines"] if noted and known else ["table %s (altered)" % table.key]
    if before != wanted:
        _replace(step, table, listing)
        if step.real:
            now = read_table(step, table.family, table.name)
            store.write_table(table.key, {"lines": wanted, "print": fingerprint(now)} if now is not None else None)
    elif noted and not wanted and step.real:
        store.write_table(table.key, None)
    return before, wanted


def _replace(step: Step, table: Table, listing: Optional[Any]) -> None:
    shown = ["nft delete table " + table.key] if listing is not None else []
    if not table.blocks:
        nft_command(step, [step.tool("nft"), "delete", "table", table.family, table.name], shown)
        return
    for block in table.blocks:
        inner = ["  " + line for line in block]
        shown.append("nft '%s'" % one_line(["table %s {" % table.key, *inner, "}"]))
    elements = list(kept_elements(listing, table)) if listing is not None else []
    shown += ["nft '%s'" % line for line in elements]
    text = ["table " + table.key, "delete table " + table.key, *table.lines(), *elements, ""]
    nft_command(step, [step.tool("nft"), "-f", "-"], shown, "\n".join(text))
