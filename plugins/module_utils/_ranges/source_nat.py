# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Rules that give packets another source address (masquerade, SNAT): only when asked for, for it starts commands.

Only rules that a packet can reach count: the chains at the hook postrouting, and those that they jump to. Samples
of ``iptables-save -t nat`` (a person's rule, the CNI plugin bridge with ``ipMasq``, kube-proxy)::

    -A POSTROUTING -s 10.244.0.0/16 ! -d 10.244.0.0/16 -m comment --comment "pods to the outside" -j MASQUERADE
    -A POSTROUTING -s 10.244.0.4/32 -m comment --comment "name: \\"pods\\"" -j CNI-5b5a3b0a9c1f1c4d2e3f4a5b
    -A CNI-5b5a3b0a9c1f1c4d2e3f4a5b -d 10.244.0.0/24 -m comment --comment "name: \\"pods\\"" -j ACCEPT
    -A CNI-5b5a3b0a9c1f1c4d2e3f4a5b ! -d 224.0.0.0/4 -m comment --comment "name: \\"pods\\"" -j MASQUERADE
    -A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN
    -A KUBE-POSTROUTING -m comment --comment "kubernetes service traffic requiring SNAT" -j MASQUERADE --random-fully

and the same of nftables, as nft(8) writes it::

    chain postrouting { type nat hook postrouting priority srcnat; policy accept;
        ip daddr 10.244.0.0/16 return
        ip saddr 10.244.0.0/24 counter masquerade }

Rules of iptables-nft are read with ``nft -j``, which says of a target that it has no word for
``{"xt": {"type": "target", "name": "MASQUERADE"}}``.
"""

from __future__ import annotations

import shlex
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Optional, Tuple, TypedDict

from .._files.reader import Files
from .._firewall.commands import (
    LEGACY,
    Run,
    as_dict,
    as_list,
    find_command,
    find_nft,
    has_nf_tables,
    legacy_tables,
    nft_items,
    not_read,
    output_of,
    shown,
)
from .records import Source, in_output

_MAX_DEPTH = 16
"""So many jumps are followed; the kernel's own limit is the same (NFT_JUMP_STACK_SIZE, net/netfilter/nf_tables.h)."""
_FAMILIES = {"ip": "inet", "ip6": "inet6"}
_TABLE_FAMILIES = ("ip", "ip6", "inet")


class SourceNat(TypedDict):
    """A rule that gives packets another source address."""

    family: Optional[str]
    """``inet`` or ``inet6``; None for a rule of an nftables table for both that names no address."""
    action: str
    """``masquerade`` (the address of the interface that a packet leaves by) or ``snat`` (a given one)."""
    saddr: Optional[str]
    """Sources that it is for, an address or a prefix; None for all."""
    daddr: Optional[str]
    """Destinations that it is for; None for all."""
    not_daddr: List[str]
    """Destinations that it is not for, by itself or because a rule before it lets them pass."""
    conditional: bool
    """Whether it asks for more than addresses, such as a mark or an interface."""
    source: Source


class Rule(NamedTuple):
    """One rule, as far as it decides who gets another source address."""

    saddr: Optional[str] = None
    daddr: Optional[str] = None
    not_daddr: Tuple[str, ...] = ()
    conditional: bool = False
    verdict: str = ""
    """``masquerade``, ``snat``, ``return`` (also accept), ``jump``, or nothing that matters here."""
    target: str = ""
    """The chain that ``jump`` leads to."""
    family: Optional[str] = None


Chains = Dict[str, List[Rule]]
"""The rules of each chain of a table, in their order."""

_TARGETS = {"MASQUERADE": "masquerade", "SNAT": "snat", "RETURN": "return", "ACCEPT": "return"}
_NO_MEANING = ("LOG", "NFLOG", "CONNMARK", "MARK", "TRACE", "NOTRACK")


def parse_save(text: str) -> Chains:
    """Return the chains in the output of ``iptables-save -t nat``; raise ValueError."""
    chains: Chains = {}
    for line in text.splitlines():
        if line.startswith("-A "):
            words = shlex.split(line)
            chains.setdefault(words[1], []).append(_saved_rule(words[2:]))
    return chains


def _saved_rule(words: List[str]) -> Rule:
    """Read the rest of ``-A CHAIN ...``. What follows ``-j TARGET`` belongs to the target."""
    rule, negated, place = Rule(), False, 0
    while place < len(words):
        word, value = words[place], words[place + 1] if place + 1 < len(words) else ""
        place += 2
        if word == "!":
            negated, place = True, place - 1
            continue
        if word in ("-j", "-g"):
            verdict = _TARGETS.get(value, "" if value in _NO_MEANING else "jump")
            return rule._replace(verdict=verdict, target=value if verdict == "jump" else "")
        if word in ("-m", "--comment"):
            pass
        elif word == "-s" and not negated:
            rule = rule._replace(saddr=value)
        elif word == "-d" and negated:
            rule = rule._replace(not_daddr=(*rule.not_daddr, value))
        elif word == "-d":
            rule = rule._replace(daddr=value)
        else:
            rule = rule._replace(conditional=True)
            place -= 0 if not value.startswith("-") and value != "!" else 1
        negated = False
    return rule


def parse_chains(text: str) -> List[Tuple[str, str, str]]:
    """Return (family, table, chain) of the NAT chains at the hook postrouting, from ``nft -j list chains``.

    Raise ValueError.
    """
    chains = [as_dict(item.get("chain")) for item in nft_items(text)]
    return [
        (str(chain["family"]), str(chain["table"]), str(chain["name"]))
        for chain in chains
        if chain.get("hook") == "postrouting" and chain.get("type") == "nat" and chain.get("family") in _TABLE_FAMILIES
    ]


def parse_table(text: str) -> Chains:
    """Return the chains in the output of ``nft -j list table FAMILY NAME``; raise ValueError."""
    chains: Chains = {}
    for item in nft_items(text):
        entry = as_dict(item.get("rule"))
        if entry:
            chains.setdefault(str(entry.get("chain", "")), []).append(_nft_rule(as_list(entry.get("expr"))))
    return chains


def _nft_rule(expressions: List[Any]) -> Rule:
    """Read one rule (libnftables-json(5), STATEMENTS)."""
    rule = Rule()
    for expression in map(as_dict, expressions):
        name = next(iter(expression), "")
        content = expression.get(name)
        if name == "match":
            rule = _matched(rule, as_dict(content))
        elif name in ("masquerade", "snat"):
            rule = rule._replace(verdict=name)
        elif name in ("accept", "return"):
            rule = rule._replace(verdict="return")
        elif name in ("jump", "goto"):
            rule = rule._replace(verdict="jump", target=str(as_dict(content).get("target", "")))
        elif name == "xt":
            rule = _extension(rule, content)
        elif name not in ("counter", "comment", "log"):
            rule = rule._replace(conditional=True)
    return rule


def _extension(rule: Rule, content: Any) -> Rule:
    kind, name = as_dict(content).get("type"), as_dict(content).get("name")
    if kind == "target":
        return rule._replace(verdict=_TARGETS.get(str(name), ""))
    if kind == "match" and name == "comment":
        return rule
    if kind is None:
        raise ValueError("this nft does not say what rules of iptables do")
    return rule._replace(conditional=True)


def _matched(rule: Rule, match: Dict[str, Any]) -> Rule:
    payload = as_dict(as_dict(match.get("left")).get("payload"))
    family = _FAMILIES.get(str(payload.get("protocol")))
    values = list(_addresses(match.get("right")))
    if family is not None and values:
        rule = rule._replace(family=family)
        field, operator = payload.get("field"), match.get("op")
        if field == "daddr" and operator == "!=":
            return rule._replace(not_daddr=(*rule.not_daddr, *values))
        if len(values) == 1 and operator == "==" and field == "saddr":
            return rule._replace(saddr=values[0])
        if len(values) == 1 and operator == "==" and field == "daddr":
            return rule._replace(daddr=values[0])
    return rule._replace(conditional=True)


def _addresses(right: Any) -> Iterator[str]:
    """Yield the addresses and prefixes on the right side of a match; a name or a set of another kind has none."""
    members = as_dict(right).get("set")
    for member in members if isinstance(members, list) else [right]:
        prefix = as_dict(as_dict(member).get("prefix"))
        if isinstance(prefix.get("addr"), str) and isinstance(prefix.get("len"), int):
            yield "%s/%d" % (prefix["addr"], prefix["len"])
        elif isinstance(member, str) and member[:1] != "@":
            yield member


class _Way(NamedTuple):
    """What is known of the packets that come to a chain."""

    saddr: Optional[str] = None
    daddr: Optional[str] = None
    not_daddr: Tuple[str, ...] = ()
    conditional: bool = False
    family: Optional[str] = None


def reached(chains: Chains, base: str) -> Iterator[Tuple[str, Rule]]:
    """Yield (chain, rule) for each rule with another source address that packets in the chain `base` can reach.

    The rule comes with the conditions of the jumps that lead to it, and of the rules before it in its chain.
    """
    yield from _walk(chains, base, _Way(), 0)


def _walk(chains: Chains, name: str, way: _Way, depth: int) -> Iterator[Tuple[str, Rule]]:
    for rule in chains.get(name, ()):
        both = rule.saddr is not None and way.saddr is not None and rule.saddr != way.saddr
        here = _Way(
            rule.saddr or way.saddr,
            rule.daddr or way.daddr,
            (*way.not_daddr, *(one for one in rule.not_daddr if one not in way.not_daddr)),
            way.conditional or rule.conditional or both,
            rule.family or way.family,
        )
        if rule.verdict in ("masquerade", "snat"):
            yield name, Rule(*here[:4], verdict=rule.verdict, family=here.family)
        elif rule.verdict == "jump" and depth < _MAX_DEPTH:
            yield from _walk(chains, rule.target, here, depth + 1)
        elif rule.verdict == "return":
            plain = not (rule.conditional or rule.saddr or rule.not_daddr)
            if plain and rule.daddr:
                way = way._replace(not_daddr=(*way.not_daddr, rule.daddr))
            elif plain:
                return
            else:
                way = way._replace(conditional=True)


def read_source_nat(files: Files, run: Run) -> Optional[List[SourceNat]]:
    """Read the rules of both variants, those that the kernel has, in the order of their tables.

    None when a part could not be read; what failed is in ``files.errors``.
    """
    if files.timed_out:
        return None
    errors = len(files.errors)
    found: List[SourceNat] = []
    for family, (listing, names) in zip(("inet", "inet6"), LEGACY):
        if "nat" not in legacy_tables(files, listing):
            continue
        command = find_command(files, names)
        if command is None:
            files.fail(listing, "No command shows the rules of this table.", "Install the package iptables.")
            continue
        words = [command, "-t", "nat"]
        output = output_of(files, run, words)
        if output is not None:
            _add(files, found, family, "iptables", shown(words), "POSTROUTING", parse_save, output)
    nft = find_nft(files) if has_nf_tables(files) else None
    if nft is not None:
        _read_nft(files, run, nft, found)
    return found if len(files.errors) == errors else None


def _read_nft(files: Files, run: Run, nft: str, found: List[SourceNat]) -> None:
    output = output_of(files, run, [nft, "-j", "list", "chains"])
    if output is None:
        return
    try:
        chains = parse_chains(output)
    except ValueError as error:
        not_read(files, "nft -j list chains", error)
        return
    for family, table, chain in chains:
        output = output_of(files, run, [nft, "-j", "list", "table", family, table])
        if output is not None:
            command = shown([nft, "list", "table", family, table])
            _add(files, found, _FAMILIES.get(family), "nftables", command, chain, parse_table, output)


def _add(
    files: Files,
    found: List[SourceNat],
    family: Optional[str],
    kind: str,
    command: str,
    base: str,
    parse: Callable[[str], Chains],
    output: str,
) -> None:
    try:
        chains = parse(output)
    except ValueError as error:
        not_read(files, command, error)
        return
    for chain, rule in reached(chains, base):
        found.append(
            {
                "family": family or rule.family,
                "action": rule.verdict,
                "saddr": rule.saddr,
                "daddr": rule.daddr,
                "not_daddr": list(rule.not_daddr),
                "conditional": rule.conditional,
                "source": in_output(kind, command, "chain %s" % chain),
            }
        )
