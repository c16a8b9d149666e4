# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Links of a network plugin that systemd-networkd or NetworkManager configures as well.

Judged are cables of pods and the devices that plugins make under names of their own. A bridge or a tunnel that an
operator made by such a file, and gave to a plugin, has a name of the operator's.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

from ..model.index import NodeView
from ..model.records import Finding, Model
from ..text import words
from .nodes import cut

_OF_PLUGINS = ("antrea-", "cali", "cbr0", "cilium_", "cni0", "flannel", "kube-bridge", "kube-ipvs0", "lxc_health",
               "nodelocaldns", "ovn-k8s-", "tunl0", "vxlan.calico", "vxlan-v6.calico", "weave", "wireguard.cali",
               "wg-v6.cali")  # fmt: skip
"""What names of devices begin with that network plugins and kube-proxy make."""

_LEAVE_ALONE = {
    "systemd-networkd": "Write /etc/systemd/network/00-pods.network with [Match] Name=cali* cilium_* lxc* flannel* "
    "cni0 veth* and [Link] Unmanaged=yes, restart systemd-networkd, then the network plugin's agent",
    "NetworkManager": "Write /etc/NetworkManager/conf.d/pods.conf with [keyfile] "
    "unmanaged-devices=interface-name:cali*;interface-name:flannel*;interface-name:cni0;interface-name:veth*, reload "
    "NetworkManager, and delete the profile",
}
_COMMANDS = {"systemd-networkd": "networkctl list", "NetworkManager": "nmcli device status"}


def links_managed(model: Model, views: Mapping[str, NodeView]) -> Iterator[Finding]:
    """Links of pods and of their plugin that somebody else configures: one finding for each node and file."""
    for node in model["nodes"]:
        own = views[node["host"]].own_namespace
        if node["machine"] is None or own is None:
            continue
        names = {one["ifindex"]: one["ifname"] for one in own["interfaces"]}
        of_pods = {
            end["ifname"]
            for cable in views[node["host"]].cables
            if cable["pod"] is not None
            for end in cable["ends"]
            if end["netns"] == own["inode"]
        }
        alike: dict[tuple[str, str], list[str]] = defaultdict(list)
        for one in node["machine"]["managed_links"]:
            name = names.get(one["ifindex"])
            if name is not None and (name in of_pods or name.startswith(_OF_PLUGINS)):
                alike[one["manager"], one["path"]].append(name)
        for (manager, path), found in alike.items():
            if manager not in _LEAVE_ALONE:
                continue
            yield {
                "kind": "link-managed",
                "severity": "note",
                "hosts": [node["host"]],
                "object": path,
                "message": f"{manager} configures {words.listed(found)} by {path}: when it starts anew it may take "
                "away addresses and routes of the network plugin, or set another MAC",
                "evidence": cut([f"{name}: {manager}, {path}" for name in found]),
                "remedy": _LEAVE_ALONE[manager],
                "command": _COMMANDS[manager],
            }


ALL = (links_managed,)
