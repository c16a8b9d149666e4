# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""WireGuard between nodes: an interface sends only what the allowed addresses of one of its peers cover."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

from ..model import ranges
from ..model.index import NodeView
from ..model.records import Finding, Model
from ..text import words
from ..text.escape import shell_word
from .nodes import cut
from .ways import Ways


def peers_missing(model: Model, views: Mapping[str, NodeView]) -> Iterator[Finding]:
    """Routes to other nodes' ranges into a WireGuard interface no peer of which has any address of the range."""
    read = {node["host"]: node["wireguard"] for node in model["nodes"] if node["wireguard"]}
    if not read:
        return
    ways = Ways(model, views)
    for host, interfaces in read.items():
        known = {one["ifname"]: one for one in interfaces or ()}
        lacking: dict[str, list[str]] = defaultdict(list)
        for cidr, route in ways.routes.get(host, {}).items():
            interface = known.get(route["dev"] or "")
            if interface is None:
                continue
            allowed = [one for peer in interface["peers"] for one in peer["allowed_ips"]]
            if not any(ranges.share(one, cidr) for one in allowed):
                lacking[interface["ifname"]].append(cidr)
        for ifname, cidrs in lacking.items():
            others = list(dict.fromkeys(ways.homes[cidr].host for cidr in cidrs))
            peers = known[ifname]["peers"]
            yield {
                "kind": "wireguard-peer-missing",
                "severity": "fault",
                "hosts": [host],
                "object": ifname,
                "message": f"{ifname} has no peer for {words.listed(cidrs)}, the pods of {words.listed(others)}: what "
                "is for them is refused with 'Required key not available'",
                "evidence": cut(
                    [f"{host}: {cidr} dev {ifname}, and no peer has any of it" for cidr in cidrs]
                    + [f"peer {one['public_key']}: {', '.join(one['allowed_ips']) or 'nothing'}" for one in peers]
                ),
                "remedy": f"wg set {shell_word(ifname)} peer KEY allowed-ips RANGE endpoint ADDRESS:PORT, with the key "
                "of that node; look why the network plugin's agent did not",
                "command": f"wg show {shell_word(ifname)} allowed-ips",
            }


ALL = (peers_missing,)
