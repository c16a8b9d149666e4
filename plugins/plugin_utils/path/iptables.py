# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rules of iptables, from ``iptables-save`` to what they do with a packet (iptables(8), iptables-extensions(8)).

Both variants and families print the same. A table becomes one as of nftables: chains at hooks with priorities, and
rules that are functions (`nft.Table`).
"""

from __future__ import annotations

import ipaddress
import re
import shlex
from collections.abc import Callable, Iterator

from ..text.escape import shell_word
from . import nft
from .hook import Act, Context, NoMatchError, Verdict
from .nft import Chain
from .nft_expressions import address_type
from .nft_statements import untrack
from .records import PROTOCOLS
from .routing import UnknownError

_PRIORITIES = {"raw": -300, "mangle": -150, "nat": 0, "filter": 0, "security": 50}
"""linux/netfilter_ipv4.h; where chains of nat are asked does not go by their priority."""
_HOOKS = {
    "PREROUTING": "prerouting", "INPUT": "input", "FORWARD": "forward", "OUTPUT": "output",
    "POSTROUTING": "postrouting",
}  # fmt: skip
NO_EFFECT = ("AUDIT", "CHECKSUM", "CLASSIFY", "LOG", "NFLOG", "TCPMSS", "TRACE", "ULOG")
"""Targets that neither end a packet's way nor change where it goes."""
_PROTOCOLS = {**PROTOCOLS, "ipv6-icmp": 58, "esp": 50, "ah": 51, "udplite": 136, "dccp": 33, "gre": 47, "igmp": 2}
_FLAGS = {"FIN": 1, "SYN": 2, "RST": 4, "PSH": 8, "ACK": 16, "URG": 32, "ALL": 63, "NONE": 0}

Condition = Callable[[Context], bool]


class SavedTable(nft.Table):
    """A table of iptables."""

    def __init__(self, family: str, name: str, variant: str) -> None:
        """Begin with nothing in it; *variant* is ``iptables-legacy`` or ``iptables-nft``."""
        super().__init__(family, name)
        self.variant = variant
        self._lines: dict[str, list[str]] = {}

    @property
    def title(self) -> str:
        """What the table is called."""
        return f"{self._program} {self.name}"

    @property
    def _program(self) -> str:
        return self.variant if self.family == "ip" else self.variant.replace("iptables", "ip6tables")

    def shown(self, chain: str) -> str:
        """Return the command that shows a chain, its rules numbered."""
        return f"{self._program} -t {shell_word(self.name)} -nL {shell_word(chain)} --line-numbers"

    def add(self, chain: str, line: str) -> None:
        """Add a rule as it is printed, without ``-A CHAIN``."""
        self._lines.setdefault(chain, []).append(line)

    def rules(self, chain: str) -> list[tuple[Act, str]]:
        """Return the rules of a chain that do something, each with its number."""
        ready = self._ready.get(chain)
        if ready is None:
            ready = []
            for number, line in enumerate(self._lines.get(chain, []), 1):
                act = _rule(line, self.chains)
                if act is not None:
                    ready.append((act, str(number)))
            self._ready[chain] = ready
        return ready


def read_saved(text: str, family: str, variant: str) -> list[nft.Table]:
    """Return the tables in the output of ``iptables-save``; *family* is ``inet`` or ``inet6``."""
    tables: list[nft.Table] = []
    table: SavedTable | None = None
    for line in text.splitlines():
        if line.startswith("*"):
            table = SavedTable("ip" if family == "inet" else "ip6", line[1:].strip(), variant)
            tables.append(table)
        elif table is not None and line.startswith(":"):
            name, policy = [*line[1:].split(" "), "-"][:2]
            table.chains[name] = _chain(table, name, policy)
        elif table is not None and line.startswith("-A "):
            _word, name, rest = [*line.split(" ", 2), ""][:3]
            table.add(name, rest)
    return tables


def _chain(table: SavedTable, name: str, policy: str) -> Chain:
    hook = _HOOKS.get(name) if policy != "-" else None
    kind = None
    if hook is not None:
        kind = "nat" if table.name == "nat" else "route" if table.name == "mangle" and hook == "output" else "filter"
    ending = "drop" if policy == "DROP" else "accept"
    return Chain(table.family, table.name, name, kind, hook, _PRIORITIES.get(table.name, 0), ending, None, [])


# ------------------------------------------------------------------- rules


def _rule(line: str, chains: dict[str, Chain]) -> Act | None:
    """Return what a rule does; None for one that does nothing. What is not understood is said when it matters."""
    conditions: list[Condition] = []
    act: Act | None = None
    try:
        words = shlex.split(line)
    except ValueError:
        return _raising(f"the rule {_short(line)} cannot be taken apart")
    place, module = 0, ""
    while place < len(words):
        negated = words[place] == "!"
        place += negated
        word, values = words[place], list(_values(words, place + 1))
        if word in ("-j", "-g"):
            act = _target(word, words[place + 1], words[place + 2 :], chains, line)
            break
        place += 1 + len(values)
        if word == "-m":
            module = values[0] if values else ""
            if module not in _MODULES:
                conditions.append(_doubt(f"the match {module} of the rule {_short(line)} is not understood"))
            continue
        found = _condition(module, word, values, line)
        if found is not None:
            conditions.append(_negated(found) if negated else found)
    if act is None:
        return None
    return _joined(conditions, act)


def _values(words: list[str], place: int) -> Iterator[str]:
    """Yield what follows an option, up to the next."""
    while place < len(words) and words[place] != "!" and not re.match(r"^--?[a-zA-Z]", words[place]):
        yield words[place]
        place += 1


def _joined(conditions: list[Condition], act: Act) -> Act:
    def joined(context: Context) -> Verdict | None:
        doubt: UnknownError | None = None
        for condition in conditions:
            try:
                if not condition(context):
                    return None
            except NoMatchError:
                return None
            except UnknownError as problem:
                doubt = doubt or problem  # another condition may still show that the rule is not for this packet
        if doubt is not None:
            raise doubt
        return act(context)

    return joined


def _negated(condition: Condition) -> Condition:
    return lambda context: not condition(context)


def _doubt(text: str) -> Condition:
    def doubt(_context: Context) -> bool:
        raise UnknownError(text)

    return doubt


def _raising(text: str) -> Act:
    def act(_context: Context) -> Verdict | None:
        raise UnknownError(text)

    return act


def _short(line: str) -> str:
    return line if len(line) <= 160 else line[:159] + "…"


# -------------------------------------------------------------- conditions

_MODULES = (
    "addrtype", "comment", "connmark", "conntrack", "icmp", "icmp6", "limit", "mark", "multiport", "state", "statistic",
    "tcp", "udp",
)  # fmt: skip
MODULES = tuple(sorted(set(_MODULES) - {"limit"}))
"""Matches that are understood."""


def _condition(module: str, word: str, values: list[str], line: str) -> Condition | None:
    """Return the condition that an option is; None for one that asks for nothing."""
    value = values[0] if values else ""
    if word in _PLAIN:
        return _PLAIN[word](value)
    found = _OPTIONS.get((module, word))
    if found is not None:
        return found(*values)
    if word in ("--comment",) or (module, word) in _SILENT:
        return None
    if module == "limit":
        return _doubt("a rule counts packets (limit), which one packet does not tell")
    return _doubt(f"the option {word} of the rule {_short(line)} is not understood")


_SILENT = {("statistic", "--mode"), ("statistic", "--every"), ("statistic", "--packet")}


def _address(attribute: str) -> Callable[[str], Condition]:
    def made(text: str) -> Condition:
        network = ipaddress.ip_network(text, strict=False)
        first, last = int(network.network_address), int(network.broadcast_address)
        return lambda context: first <= getattr(context.packet, attribute) <= last

    return made


def _interface(attribute: str) -> Callable[[str], Condition]:
    def made(name: str) -> Condition:
        if name.endswith("+"):
            return lambda context: str(getattr(context, attribute)).startswith(name[:-1])
        return lambda context: bool(getattr(context, attribute) == name)

    return made


def _protocol(name: str) -> Condition:
    number = _PROTOCOLS.get(name, int(name) if name.isdigit() else -1)
    return lambda context: number == 0 or context.packet.protocol == number


_PLAIN: dict[str, Callable[[str], Condition]] = {
    "-s": _address("src"),
    "-d": _address("dst"),
    "-i": _interface("iif"),
    "-o": _interface("oif"),
    "-p": _protocol,
}


def _ports(*attributes: str) -> Callable[..., Condition]:
    def made(text: str) -> Condition:
        ranges = []
        for one in text.split(","):
            first, colon, last = one.partition(":")
            ranges.append((int(first or 0), int(last or 65535) if colon else int(first)))

        def fits(context: Context) -> bool:
            for attribute in attributes:
                port = getattr(context.packet, attribute)
                if context.packet.protocol not in (6, 17, 132, 136):
                    raise NoMatchError
                if port is None:
                    raise UnknownError("a rule asks for a port that nobody can tell beforehand")
                if any(first <= port <= last for first, last in ranges):
                    return True
            return False

        return fits

    return made


def _state(text: str) -> Condition:
    wanted = {one.lower() for one in text.split(",")}
    status = {one for one in wanted if one in ("snat", "dnat")}
    return lambda context: context.state in wanted or bool(status & context.status)


def _status(text: str) -> Condition:
    wanted = {{"seen_reply": "seen-reply"}.get(one.lower(), one.lower()) for one in text.split(",")}
    if wanted == {"none"}:
        return lambda context: not context.status
    return lambda context: bool(wanted & context.status)


def _masked(text: str) -> tuple[int, int]:
    value, slash, mask = text.partition("/")
    return int(value, 0), int(mask, 0) if slash else 0xFFFFFFFF


def _mark(attribute: str) -> Callable[[str], Condition]:
    def made(text: str) -> Condition:
        value, mask = _masked(text)
        return lambda context: int(getattr(context, attribute)) & mask == value

    return made


def _type(attribute: str) -> Callable[[str], Condition]:
    def made(text: str) -> Condition:
        wanted = {one.lower() for one in text.split(",")}

        def fits(context: Context) -> bool:
            packet = context.packet
            return address_type(context.namespace, packet.family, getattr(packet, attribute)) in wanted

        return fits

    return made


def _probability(text: str) -> Condition:
    return lambda context: context.choose(2, f"a probability of {float(text):.2f}") == 0


def _every(text: str) -> Condition:
    return lambda context: context.choose(2, f"one packet of {text}") == 0


def _flags(mask: str, wanted: str) -> Condition:
    asked = sum(_FLAGS[one] for one in mask.split(","))
    value = sum(_FLAGS[one] for one in wanted.split(","))
    return lambda context: (18 if context.packet.ack else 2) & asked == value


def _icmp(text: str) -> Condition:
    if not text.isdigit():
        return _doubt(f"the ICMP type {text} of a rule is not understood")
    return lambda context: context.packet.icmp_type == int(text)


_OPTIONS: dict[tuple[str, str], Callable[..., Condition]] = {
    ("tcp", "--dport"): _ports("dport"),
    ("tcp", "--sport"): _ports("sport"),
    ("tcp", "--tcp-flags"): _flags,
    ("udp", "--dport"): _ports("dport"),
    ("udp", "--sport"): _ports("sport"),
    ("multiport", "--dports"): _ports("dport"),
    ("multiport", "--sports"): _ports("sport"),
    ("multiport", "--ports"): _ports("sport", "dport"),
    ("conntrack", "--ctstate"): _state,
    ("conntrack", "--ctstatus"): _status,
    ("state", "--state"): _state,
    ("mark", "--mark"): _mark("mark"),
    ("connmark", "--mark"): _mark("ct_mark"),
    ("addrtype", "--src-type"): _type("src"),
    ("addrtype", "--dst-type"): _type("dst"),
    ("statistic", "--probability"): _probability,
    ("statistic", "--every"): _every,
    ("icmp", "--icmp-type"): _icmp,
    ("icmp6", "--icmpv6-type"): _icmp,
}


# ----------------------------------------------------------------- targets

TARGETS = (
    "ACCEPT",
    "CONNMARK",
    "CT --notrack",
    "DNAT",
    "DROP",
    "MARK",
    "MASQUERADE",
    "NOTRACK",
    "REDIRECT",
    "REJECT",
    "RETURN",
    "SNAT",
)
"""Targets that are understood, beside chains and those without effect."""


def _target(word: str, name: str, options: list[str], chains: dict[str, Chain], line: str) -> Act | None:
    if name in chains:
        led = Verdict("goto" if word == "-g" else "jump", name)
        return lambda _context: led
    if name in NO_EFFECT:
        return None
    if name in ("ACCEPT", "DROP", "REJECT", "RETURN"):
        verdict = Verdict(name.lower())
        return lambda _context: verdict
    if name == "NOTRACK" or (name == "CT" and options == ["--notrack"]):
        return untrack
    given = {option: options[place + 1] if place + 1 < len(options) else "" for place, option in enumerate(options)}
    try:
        found = _changing(name, given) if name in ("MARK", "CONNMARK") else _translating(name, given)
    except ValueError:
        found = None
    return found or _raising(f"the target of the rule {_short(line)} is not understood")


def _changing(name: str, given: dict[str, str]) -> Act | None:
    if name == "CONNMARK":
        if "--restore-mark" in given and "--mask" not in given and "--nfmask" not in given:
            return _setting("mark", lambda context: context.ct_mark)
        if "--save-mark" in given and "--mask" not in given and "--nfmask" not in given:
            return _setting("ct_mark", lambda context: context.mark)
    attribute = "mark" if name == "MARK" else "ct_mark"
    option, text = next(((key, one) for key, one in given.items() if key.startswith("--")), ("", ""))
    value, mask = _masked(text) if text else (0, 0)
    kept, turned = {
        "--set-xmark": (~mask, value),
        "--set-mark": (~(mask | value), value),
        "--or-mark": (~value, value),
        "--and-mark": (value, 0),
        "--xor-mark": (-1, value),
    }.get(option, (0, None))
    if turned is None:
        return None
    return _setting(attribute, lambda context: (int(getattr(context, attribute)) & kept & 0xFFFFFFFF) ^ turned)


def _setting(attribute: str, value: Callable[[Context], int]) -> Act:
    def act(context: Context) -> Verdict | None:
        setattr(context, attribute, value(context))
        if attribute == "mark":
            context.told.append(f"gives it the mark 0x{context.mark:x}")
        return None

    return act


def _translating(name: str, given: dict[str, str]) -> Act | None:
    by_chance = any(option in given for option in ("--random", "--random-fully"))
    option = {
        "DNAT": "--to-destination",
        "SNAT": "--to-source",
        "REDIRECT": "--to-ports",
        "MASQUERADE": "--to-ports",
    }.get(name)
    if option is None:
        return None
    address, port = None, None
    text = given.get(option, "")
    if "-" in text or "/" in text:
        return None
    if name in ("DNAT", "SNAT"):
        written, port_text = text, ""
        if text.startswith("["):
            written, _bracket, port_text = text[1:].partition("]")
            port_text = port_text.removeprefix(":")
        elif text.count(":") == 1:
            written, _colon, port_text = text.partition(":")
        address = int(ipaddress.ip_address(written)) if written else None
        port = int(port_text) if port_text else None
    elif text:
        port = int(text)
    verdict = Verdict(name.lower(), "", address, port, by_chance)
    return lambda _context: verdict
