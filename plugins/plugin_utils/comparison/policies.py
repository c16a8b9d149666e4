# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who holds network policies, and where they are written.

Each function without an underscore answers one question of the table at the end. What the policies allow is not
read from rules: verify.yml finds out with packets.
"""

from __future__ import annotations

from ..text import words
from .measured import Measured, Question, absent, not_read, seen, spread
from .world import PolicyTable, World

IN_EBPF = "cilium-cni"
"""The plugin whose agent keeps policies in eBPF maps, which no command of the firewall shows."""


def _tables(world: World) -> Measured | list[tuple[str, PolicyTable]]:
    """Return the tables, each with its host."""
    unread = [node["host"] for node in world.read if node["host"] not in world.policies]
    if unread:
        return not_read(f"tables of policies were not read on {words.listed(unread, 2)} (podnet_services)")
    found = [(host, one) for host, tables in world.policies.items() for one in tables]
    if found:
        return found
    for node in world.read:
        active = node["cni"]["active"]
        if active is not None and IN_EBPF in active["plugins"]:
            return not_read(f"{IN_EBPF} in {active['path']} keeps them in eBPF, which is not read")
    at = (world.read[0]["host"], "nft list chains; iptables-save -t filter")
    return absent("no chains of a lab, kube-router or Calico", at)


def holder(world: World) -> Measured:
    found = _tables(world)
    if isinstance(found, Measured):
        return found
    names = [one["holder"] for _host, one in found]
    hosts = list(dict.fromkeys(host for host, _one in found))
    text = f"{words.listed(sorted(set(names)))} on {words.listed(hosts, 3)}"
    return seen("held", text, (hosts[0], found[0][1]["command"]), names)


def place(world: World) -> Measured:
    found = _tables(world)
    if isinstance(found, Measured):
        return found
    values, text = spread((one["mode"] for _host, one in found), "table")
    host, one = found[0]
    return seen(values, f"{text}: table {one['table']}", (host, one["command"]))


def pods(world: World) -> Measured:
    found = _tables(world)
    if isinstance(found, Measured):
        return found
    host, one = next(((host, one) for host, one in found if one["pods"]), found[0])
    most: dict[str, int] = {}
    for name, table in found:  # a pod has rules in the table of each family
        most[name] = max(table["pods"], most.get(name, 0))
    number = sum(most.values())
    if not number:
        return absent("none has rules of its own", (host, one["command"]))
    text = f"{words.counted(number, 'pod')} with rules of {'its' if number == 1 else 'their'} own"
    return seen("some", text, (host, one["command"]))


QUESTIONS: tuple[Question, ...] = (
    Question("policy.holder", "who holds them", holder,
             "A NetworkPolicy that nobody holds is accepted by the API and changes nothing."),
    Question("policy.place", "where they are written", place,
             "It decides where one looks for the rule that drops a packet."),
    Question("policy.pods", "the pods that they are for", pods,
             "A pod without rules of its own is open to everybody."),
)  # fmt: skip
"""What is compared of policies."""
