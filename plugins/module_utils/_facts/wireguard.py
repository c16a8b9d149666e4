# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""The value of ``podnet_netns.wireguard``: whose packets the node's WireGuard interfaces carry, from wg(8).

Private keys are not asked for. ``wg`` is started only where an interface of the node's own namespace may answer: one
of the kernel, or the socket of wireguard-go. Samples of ``wg show all allowed-ips`` and ``wg show all listen-port``::

    wg0	xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=	10.244.2.0/24 10.89.0.12/32
    wg0	51820
"""

from __future__ import annotations

from typing import Dict, List, Optional

from .._files.reader import Files, printable
from .._firewall.commands import Run, find_command, output_of
from .views import Facts

SOCKETS = "/run/wireguard"
"""Of wireguard-go (``ipc/uapi_unix.go``)."""


def wireguard_facts(files: Files, run: Run, has_links: bool) -> Optional[List[Facts]]:
    """Return the interfaces with their peers, None when they could not be read.

    *has_links* tells whether the node has interfaces of the kind ``wireguard``.
    """
    if not has_links and not any(name.endswith(".sock") for name in files.names(SOCKETS)):
        return []
    command = find_command(files, ("wg",))
    if command is None:
        return None  # network plugins configure WireGuard without it
    ports = output_of(files, run, [command, "show", "all", "listen-port"])
    allowed = output_of(files, run, [command, "show", "all", "allowed-ips"])
    if ports is None or allowed is None:
        return None
    return parse(printable(ports), printable(allowed))


def parse(ports: str, allowed: str) -> List[Facts]:
    """Return the interfaces in what ``wg show all`` says of ports and of allowed addresses."""
    found: Dict[str, Facts] = {}
    for line in ports.splitlines():
        name, _tab, port = line.partition("\t")
        if port.isascii() and port.isdigit():
            found[name] = {"ifname": name, "port": int(port), "peers": []}
    for line in allowed.splitlines():
        words = line.split("\t")
        if len(words) == 3 and words[0] in found:
            cidrs = [] if words[2] == "(none)" else words[2].split()
            found[words[0]]["peers"].append({"public_key": words[1], "allowed_ips": cidrs})
    return [found[name] for name in sorted(found)]
