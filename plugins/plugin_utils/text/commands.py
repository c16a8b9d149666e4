# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The commands by which a person sees on a node what the report shows.

Each is for a shell on that node, as root. Names are quoted, because they come from containers.
"""

from __future__ import annotations

from ..model.records import (
    Bridge,
    Cable,
    End,
    FindingPath,
    Lease,
    Namespace,
    RangeSource,
)
from .escape import shell_word, visible

LINKS = "ip -d link show type veth"
BRIDGES = "ip -d link show type bridge; bridge link show"
NODE_ADDRESSES = "ip -br addr; ip route"
NAMESPACES = "lsns -t net; ip netns list"
CNI = "ls -1 /etc/cni/net.d/"


def inside(namespace: Namespace, command: str) -> str:
    """Return *command* (``ip ...`` or ``bridge ...``) as it is run inside *namespace*."""
    if namespace["kind"] == "host":
        return command
    for path in namespace["paths"]:
        folder, _slash, name = path.rpartition("/")
        if folder in ("/run/netns", "/var/run/netns"):
            return f"ip netns exec {shell_word(name)} {command}"
    if namespace["paths"]:
        return f"nsenter --net={shell_word(namespace['paths'][0])} {command}"
    if namespace["pid"] is not None:
        return f"nsenter -t {namespace['pid']} -n {command}"
    return f"lsns -t net | grep {namespace['inode']}"


def addresses(namespace: Namespace) -> str:
    """Return the command that shows the interfaces and addresses of *namespace*."""
    return inside(namespace, "ip -br addr")


def address(ifname: str, namespace: Namespace | None = None) -> str:
    """Return the command that shows the addresses of one interface, in *namespace* or on the node itself."""
    command = f"ip addr show dev {shell_word(ifname)}"
    return command if namespace is None else inside(namespace, command)


def routes(namespace: Namespace, family: str = "inet") -> str:
    """Return the command that shows the routes of *namespace*."""
    return inside(namespace, "ip -6 route" if family == "inet6" else "ip route")


def link(ifname: str, namespace: Namespace | None = None) -> str:
    """Return the command that shows one interface, in *namespace* or on the node itself."""
    command = f"ip -d link show dev {shell_word(ifname)}"
    return command if namespace is None else inside(namespace, command)


def cable(one: Cable, namespaces: dict[int, Namespace]) -> str:
    """Return the command that shows the end of a cable which is easiest to reach.

    An end on the node itself comes first, then one in a namespace that can be entered.
    """
    visible: list[tuple[End, Namespace]] = []
    for end in one["ends"]:
        namespace = namespaces.get(end["netns"]) if end["netns"] is not None else None
        if end["ifname"] is not None and namespace is not None:
            visible.append((end, namespace))
    if not visible:
        return LINKS
    end, namespace = min(visible, key=lambda pair: pair[1]["kind"] != "host")
    return link(end["ifname"] or "", namespace)


def bridge(one: Bridge, namespaces: dict[int, Namespace]) -> str:
    """Return the command that shows the ports of a bridge."""
    command = f"bridge -d link show master {shell_word(one['ifname'])}"
    namespace = namespaces.get(one["netns"])
    return command if namespace is None else inside(namespace, command)


def leases(one: Lease) -> str:
    """Return the command that shows the folder of a lease."""
    folder = one["path"].rpartition("/")[0]
    return f"ls -l {shell_word(folder)}" if folder else "ls -l /var/lib/cni/networks/"


def file(path: str) -> str:
    """Return the command that shows a file."""
    return f"cat {shell_word(path)}"


def path(one: FindingPath, folder: str | None = None) -> str:
    """Return the command that computes the path of a packet from the node files in *folder*, on the control node."""
    words = ["ansible-playbook podnet.lab.path -i localhost,"]
    options = {"report_dir": folder, "from": one["sender"], "to": one["receiver"], "size": one.get("size")}
    words.extend(
        f"-e {shell_word(f'podnet_{name}={value}')}" for name, value in options.items() if value is not None
    )  # fmt: skip
    return " ".join(words)


def source(one: RangeSource) -> str | None:
    """Return the command that shows where a range is written down."""
    if not one["place"]:
        return None
    return file(one["place"]) if one["place"].startswith("/") else visible(one["place"])
