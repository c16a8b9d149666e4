# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Flows that the kernel goes on sending to pods that are gone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

from ..model import services
from ..model.index import NodeView
from ..model.records import Finding, Model, StaleFlows
from ..text import words
from ..text.escape import shell_word
from .nodes import cut
from .services import home_of_gone, ranges_of_read_nodes


def conntrack_stale(model: Model, views: Mapping[str, NodeView]) -> Iterator[Finding]:
    """UDP flows of a Service that the kernel still translates to a pod that is gone (kubernetes#18604, #139628).

    kube-proxy ends such flows when it takes a backend out of the rules; while a pod is there, nothing is said. Nor is
    it of TCP, whose entries stay for days after both ends are gone.
    """
    names = {
        (rule["host"], one["virtual_address"], one["port"]): services.name(one)
        for one in model["services"]
        if one["protocol"] == "udp"
        for rule in one["rules"]
    }
    own = ranges_of_read_nodes(model, views)
    for node in model["nodes"]:
        host = node["host"]
        gone: dict[tuple[str, int], list[tuple[StaleFlows, str]]] = defaultdict(list)
        for flow in node["stale_flows"] or ():
            home = home_of_gone(flow["backend"], own, views)
            if home is not None:
                gone[flow["address"], flow["port"]].append((flow, home))
        for (address, port), found in gone.items():
            place = f"{services.end(address, port)}/udp"
            name = names.get((host, address, port)) or names.get((host, None, port)) or place
            called = name if name == place else f"{name} ({place})"
            ends = [services.end(flow["backend"], flow["backend_port"]) for flow, _home in found]
            count = sum(flow["count"] for flow, _home in found)
            yield {
                "kind": "conntrack-stale",
                "severity": "fault",
                "hosts": [host],
                "object": name,
                "message": f"packets of {words.counted(count, 'UDP flow')} to {called} go on to {words.listed(ends)}, "
                "which no rule names any more and nothing has",
                "evidence": cut(
                    [
                        f"{words.counted(flow['count'], 'flow')} to {place} translated to {end}, an address of {home}"
                        for (flow, home), end in zip(found, ends, strict=True)
                    ]
                ),
                "remedy": "Read the nodes again: kube-proxy may be about to end these flows. If they stay, "
                f"conntrack -D -p udp -d {shell_word(address)} --dport {port} ends them; look at the log of "
                "kube-proxy, and for a newer version of it",
                "command": f"conntrack -L -p udp -d {shell_word(address)} --dport {port}",
            }


ALL = (conntrack_stale,)
