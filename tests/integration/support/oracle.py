# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Oracles: what iproute2 says, read without any code of this collection.

Every function runs one command in one network namespace of a world and returns its JSON.
"""

from __future__ import annotations

import json
import re
from typing import Any

from ansible_collections.podnet.lab.tests.integration.support.world import Arg, World


def _json(world: World, netns: Arg | None, *argv: str) -> list[dict[str, Any]]:
    text = world.run(*argv, netns=netns).stdout.strip()
    answer = json.loads(text) if text else []
    assert isinstance(answer, list)
    return [entry for entry in answer if entry]


def addresses(world: World, netns: Arg | None = None) -> list[dict[str, Any]]:
    """``ip -d -j addr``: every link with its details and addresses."""
    return _json(world, netns, "ip", "-d", "-j", "addr")


def link(world: World, ifname: str, netns: Arg | None = None) -> dict[str, Any]:
    """``ip -d -j addr show dev IFNAME``."""
    return _json(world, netns, "ip", "-d", "-j", "addr", "show", "dev", ifname)[0]


def routes(world: World, netns: Arg | None = None, family: str = "-4") -> list[dict[str, Any]]:
    """``ip -d -j route`` of one family, main table."""
    return _json(world, netns, "ip", family, "-d", "-j", "route")


def bridge_ports(world: World, netns: Arg | None = None) -> list[dict[str, Any]]:
    """``bridge -d -j link``: the ports of every bridge of the namespace."""
    return _json(world, netns, "bridge", "-d", "-j", "link")


def fdb(world: World, bridge: str, netns: Arg | None = None) -> list[dict[str, Any]]:
    """``bridge -j fdb show br BRIDGE``."""
    return _json(world, netns, "bridge", "-j", "fdb", "show", "br", bridge)


def nsids(world: World, netns: Arg | None = None) -> dict[int, str | None]:
    """``ip netns list-id``: the ids allocated in a namespace, with the name where iproute2 knows one."""
    text = world.run("ip", "netns", "list-id", netns=netns).stdout
    found = re.findall(r"^nsid (\d+)(?: .*?\(iproute2 netns name: (.*)\))?", text, re.MULTILINE)
    return {int(number): name or None for number, name in found}
