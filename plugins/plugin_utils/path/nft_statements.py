# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Statements of nftables: what a rule does with a packet, as functions that are made once (libnftables-json(5))."""

from __future__ import annotations

from typing import Any

from .hook import Act, Context, NoMatchError, Read, Test, Value, Verdict
from .nft_expressions import looking_up, reader_of
from .nft_values import CHECKSUM, Sets, constant_of, short, test_of
from .routing import UnknownError

SILENT = (
    "comment",
    "counter",
    "log",
    "limit",
    "quota",
    "last",
    "ct helper",
    "ct timeout",
    "ct expectation",
    "set",
    "flow",
)
"""Statements that neither end a packet's way nor change it; a limit is one that may keep a rule from being used."""
_MAY_NOT_MATCH = ("limit", "quota")
_PLAIN = ("accept", "drop", "return", "continue")


def rule_act(table: Sets, expressions: list[dict[str, Any]]) -> Act | None:
    """Return what a rule does with a packet; None for one that neither ends its way nor changes it."""
    names = [next(iter(one), "") for one in expressions]
    if all(name == "match" or name in SILENT for name in names):
        return None
    try:
        parts = [_statement(table, name, one[name]) for name, one in zip(names, expressions, strict=True)]
    except (KeyError, TypeError, ValueError, AttributeError, IndexError):
        return _raising(f"a rule has a form that is not understood: {short(expressions)}")
    acts = [part for part in parts if part is not None]

    def act(context: Context) -> Verdict | None:
        doubt: UnknownError | None = None
        for one in acts:
            try:
                verdict = one(context)
            except NoMatchError:
                return None
            except UnknownError as problem:
                if not getattr(one, "only_asks", False):
                    raise doubt or problem from None
                # Another condition may still show that the rule is not for this packet.
                doubt = doubt or problem
                continue
            if verdict is not None:
                if doubt is not None:
                    raise doubt
                return verdict
            if doubt is not None and not getattr(one, "only_asks", False):
                raise doubt
        return None

    return act


class _Condition:
    """A match: it raises NoMatchError, or UnknownError, and changes nothing."""

    only_asks = True

    def __init__(self, table: Sets, content: dict[str, Any]) -> None:
        operator, right = content.get("op"), content.get("right")
        self._problem: UnknownError | None = None
        try:
            self._read, kind = reader_of(table, content.get("left"))
            self._negated = operator == "!="
            if operator in ("<", ">", "<=", ">="):
                bound = constant_of(right, kind)
                self._test: Test = lambda found: _compared(operator, found, bound)
            elif operator in ("==", "!=", "in"):
                self._test = _matching(table, right, kind, operator)
            else:
                raise UnknownError(f"the operator {operator} of a rule is not understood")
        except UnknownError as problem:
            self._problem = problem

    def __call__(self, context: Context) -> Verdict | None:
        if self._problem is not None:
            raise self._problem
        if self._test(self._read(context)) == self._negated:
            raise NoMatchError
        return None


def _compared(operator: str, found: Value, bound: Value) -> bool:
    if not isinstance(found, int) or not isinstance(bound, int):
        raise UnknownError(f"the operator {operator} of a rule is used on what is no number")
    if found == CHECKSUM:
        raise UnknownError("a rule compares ports, and the packet has a checksum in their place")
    return {"<": found < bound, ">": found > bound, "<=": found <= bound, ">=": found >= bound}[operator]


def _matching(table: Sets, right: Any, kind: str, operator: str) -> Test:
    if isinstance(right, list) and kind == "flags" and operator != "in":
        wanted = constant_of(right, kind)
        return lambda found: found == wanted
    if isinstance(right, list):
        tests = [test_of(table, one, kind) for one in right]
        return lambda found: any(test(found) for test in tests)
    if operator == "in" and kind == "flags":
        mask = constant_of(right, kind)
        return lambda found: isinstance(found, int) and isinstance(mask, int) and bool(found & mask)
    return test_of(table, right, kind)


def _raising(text: str) -> Act:
    def act(_context: Context) -> Verdict | None:
        raise UnknownError(text)

    return act


class _Doubt:
    """A condition that one packet does not tell; another one of the rule may still show that it is not for it."""

    only_asks = True

    def __init__(self, text: str) -> None:
        self._text = text

    def __call__(self, _context: Context) -> Verdict | None:
        raise UnknownError(self._text)


def _statement(table: Sets, name: str, content: Any) -> Act | None:
    """Return what a statement does; None for one that does nothing."""
    if name == "match":
        return _Condition(table, content)
    if name in _MAY_NOT_MATCH:
        return _Doubt(f"a rule counts packets ({name}), which one packet does not tell")
    if name in SILENT:
        return None
    if name in _PLAIN:
        verdict = Verdict(name)
        return lambda _context: verdict
    if name in ("jump", "goto"):
        led = Verdict(name, str(content["target"]))
        return lambda _context: led
    if name == "reject":
        refused = Verdict("reject")
        return lambda _context: refused
    if name == "notrack":
        return untrack
    try:
        if name == "vmap":
            return _verdict_map(table, content)
        if name == "mangle":
            return _mangle(table, content)
        if name in ("dnat", "snat", "redirect", "masquerade"):
            return _translation(table, name, content if isinstance(content, dict) else {})
    except UnknownError as problem:
        return _raising(str(problem))
    return _raising(f"the statement {name} is not understood")


def untrack(context: Context) -> Verdict | None:
    """Let connection tracking leave the packet alone."""
    context.untrack = True
    context.state = "untracked"
    return None


def _verdict_map(table: Sets, content: dict[str, Any]) -> Act:
    read, looked = looking_up(table, content)

    def act(context: Context) -> Verdict | None:
        found = looked.get(read(context))
        if found is None:
            raise NoMatchError
        kind = next(iter(found), "") if isinstance(found, dict) else ""
        if kind in ("jump", "goto"):
            return Verdict(kind, str(found[kind]["target"]))
        if kind in _PLAIN:
            return Verdict(kind) if kind != "continue" else None
        raise UnknownError(f"the verdict {short(found)} of a map is not understood")

    return act


def _mangle(table: Sets, content: dict[str, Any]) -> Act:
    key, value = content["key"], content["value"]
    if isinstance(value, str):
        read: Read = lambda _context: value  # noqa: E731
    else:
        read, _kind = reader_of(table, value)
    if key == {"meta": {"key": "mark"}}:

        def mark(context: Context) -> Verdict | None:
            context.mark = _number(read(context))
            context.told.append(f"gives it the mark 0x{context.mark:x}")
            return None

        return mark
    if key == {"ct": {"key": "mark"}}:

        def remember(context: Context) -> Verdict | None:
            context.ct_mark = _number(read(context))
            return None

        return remember
    if key == {"payload": {"protocol": "ether", "field": "daddr"}}:

        def readdress(context: Context) -> Verdict | None:
            context.mac = str(read(context))
            context.told.append(f"sends the frame to {context.mac}")
            return None

        return readdress
    if key == {"meta": {"key": "pkttype"}}:

        def declare(context: Context) -> Verdict | None:
            context.pkttype = str(read(context))
            return None

        return declare
    if isinstance(key, dict) and key.get("meta", {}).get("key") in ("priority", "nftrace"):
        return lambda _context: None
    return _raising(f"the statement {short({'mangle': content})} is not understood")


def _number(value: Value) -> int:
    if not isinstance(value, int):
        raise UnknownError(f"a rule sets a mark to what is no number: {value}")
    return value


def _translation(table: Sets, kind: str, content: dict[str, Any]) -> Act:
    address, port = content.get("addr"), content.get("port")
    flags = content.get("flags", [])
    by_chance = any("random" in one for one in ([flags] if isinstance(flags, str) else flags))
    known = set(content) - {"addr", "port", "flags", "family"}
    if known or any(isinstance(one, dict) and ("range" in one or "prefix" in one) for one in (address, port)):
        return _raising(f"the translation {short({kind: content})} is not understood")
    read_address = _target(table, address, "address")
    read_port = _target(table, port, "number")

    def act(context: Context) -> Verdict | None:
        to = read_address(context) if read_address is not None else None
        at = read_port(context) if read_port is not None else None
        if isinstance(to, tuple):  # a map gave both: dnat ip to numgen … map { 0 : 10.244.1.2 . 80 }
            to, at = to[0], to[1]
        number = constant_of(to, "address") if to is not None else None
        port_number = constant_of(at, "number") if at is not None else None
        if not isinstance(number, (int, type(None))) or not isinstance(port_number, (int, type(None))):
            raise UnknownError(f"the translation {short({kind: content})} is not understood")
        return Verdict(kind, "", number, port_number, by_chance)

    return act


def _target(table: Sets, value: Any, kind: str) -> Read | None:
    if value is None:
        return None
    if isinstance(value, dict):
        return reader_of(table, value)[0]
    constant = constant_of(value, kind)
    return lambda _context: constant
