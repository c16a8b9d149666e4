# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Odd things about nodes: not read, partly read, and what two nodes may not share."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

from ..model import ranges
from ..model.index import NodeView
from ..model.merge import host_order
from ..model.records import Address, Error, Finding, Interface, Model
from ..text import commands, words
from ..text.escape import shell_word

_EVIDENCE = 10
"""How many pieces of evidence one finding lists before it only counts the rest."""

VIRTUAL = ("bridge", "dummy", "ipvs")
"""Kinds of link that hold the same address on many nodes in good health: docker0, virbr0,
kube-ipvs0 and the local DNS cache's nodelocaldns."""


def cut(lines: list[str]) -> list[str]:
    """Return *lines*, and from the tenth on only their number."""
    if len(lines) <= _EVIDENCE:
        return lines
    return [*lines[: _EVIDENCE - 1], f"and {len(lines) - _EVIDENCE + 1} more"]


def _error(error: Error) -> str:
    return f"{error['object']}: {error['cause'].rstrip('.')}"


def _remedies(errors: list[Error]) -> str:
    return "; ".join(dict.fromkeys(error["remedy"].rstrip(".") for error in errors if error["remedy"]))


def node_not_read(model: Model, _views: Mapping[str, NodeView]) -> Iterator[Finding]:
    """Nodes that were asked for and could not be read."""
    for node in model["nodes"]:
        error = node["error"]
        if error is None:
            continue
        yield {
            "kind": "node-not-read",
            "severity": "unproven",
            "hosts": [node["host"]],
            "object": error["object"],
            "message": f"{node['status']}, so nothing about it is known",
            "evidence": [error["cause"]],
            "remedy": error["remedy"],
            "command": None,
        }


def node_partly_read(model: Model, views: Mapping[str, NodeView]) -> Iterator[Finding]:
    """Nodes of which something could not be read, beside what single namespaces say themselves."""
    for node in model["nodes"]:
        told = any(namespace["errors"] for namespace in views[node["host"]].namespaces.values())
        if node["status"] != "partial" or (told and not node["errors"]):
            continue
        yield {
            "kind": "node-partly-read",
            "severity": "unproven",
            "hosts": [node["host"]],
            "object": node["host"],
            "message": "not everything could be read, so something may be missing here",
            "evidence": cut([_error(error) for error in node["errors"]]),
            "remedy": _remedies(node["errors"]),
            "command": None,
        }


def namespace_not_read(model: Model, views: Mapping[str, NodeView]) -> Iterator[Finding]:
    """Namespaces that were found and could not be read, wholly or in part."""
    for node in model["nodes"]:
        host = node["host"]
        unread = [(one, one["errors"]) for one in views[host].namespaces.values() if one["errors"]]
        if not unread:
            continue
        yield {
            "kind": "namespace-not-read",
            "severity": "unproven",
            "hosts": [host],
            "object": words.listed([words.namespace_name(namespace) for namespace, _errors in unread]),
            "message": f"{words.counted(len(unread), 'network namespace')} could not be read completely",
            "evidence": cut([_error(error) for _namespace, errors in unread for error in errors]),
            "remedy": _remedies([error for _namespace, errors in unread for error in errors]),
            "command": commands.NAMESPACES,
        }


def address_shared_by_nodes(model: Model, views: Mapping[str, NodeView]) -> Iterator[Finding]:
    """One address on the networks' side of two nodes, such as every virtual machine's own NAT address.

    Failure mode "the wrong node address chosen": kubelet and the network plugin take the
    interface of the default route unless told otherwise.
    """
    holders: dict[str, dict[str, Address]] = defaultdict(dict)
    for node in model["nodes"]:
        interfaces = _own_interfaces(views[node["host"]])
        ways_out = {route["dev"] for route in node["default_route"]}
        for address in node["addresses"]:
            interface = interfaces.get(address["ifname"])
            inner = interface is not None and interface["kind"] in VIRTUAL
            if inner and address["ifname"] not in ways_out:
                continue
            if address["ifname"] != "lo" and ranges.is_specific(address["local"]):
                holders[address["local"]].setdefault(node["host"], address)
    for local, by_host in sorted(holders.items(), key=lambda entry: ranges.order(entry[0])):
        if len(by_host) < 2:
            continue
        hosts = list(by_host)
        ifname = by_host[hosts[0]]["ifname"]
        yield {
            "kind": "address-shared-by-nodes",
            "severity": "fault",
            "hosts": hosts,
            "object": local,
            "message": f"{words.listed(hosts)} have the same address {local}",
            "evidence": cut([f"{host}: {words.address(one)} on {one['ifname']}" for host, one in by_host.items()]),
            "remedy": "If it is the NAT interface that a hypervisor gives to every machine, tell kubelet (--node-ip) "
            "and the network plugin to use another interface; otherwise give each node an address of its own",
            "command": f"ip -br addr show dev {shell_word(ifname)}",
        }


def mac_shared_by_nodes(model: Model, views: Mapping[str, NodeView]) -> Iterator[Finding]:
    """One MAC on the same network of two nodes: a cloned machine, or a VXLAN device made from a cloned machine-id.

    Compared are VXLAN devices, and hardware that is in the same network under different
    addresses. The MAC that a hypervisor gives to every machine's NAT interface is no fault.
    """
    tunnels: dict[str, list[tuple[str, str]]] = defaultdict(list)
    cards: dict[tuple[str, str], dict[str, tuple[str, str]]] = defaultdict(dict)
    for node in model["nodes"]:
        host = node["host"]
        for interface in _own_interfaces(views[host]).values():
            mac = interface["address"]
            if not mac or interface["link_type"] != "ether":
                continue
            if interface["kind"] == "vxlan":
                tunnels[mac].append((host, interface["ifname"]))
            if interface["kind"] is None:
                for address in interface["addr_info"]:
                    net = ranges.network(words.address(address))
                    if net is not None and ranges.is_specific(address["local"]):
                        cards[mac, str(net.cidr)][host] = (interface["ifname"], address["local"])
    for mac, places in sorted(tunnels.items()):
        if len({host for host, _ifname in places}) > 1:
            yield _same_mac(mac, places, "the tunnel between them cannot tell them apart")
    for (mac, _net), by_host in sorted(cards.items()):
        if len({local for _ifname, local in by_host.values()}) > 1:
            places = [(host, ifname) for host, (ifname, _local) in by_host.items()]
            yield _same_mac(mac, places, "their network cannot tell them apart")


def machine_id_shared(model: Model, _views: Mapping[str, NodeView]) -> Iterator[Finding]:
    """Machines that were cloned with their machine-id.

    systemd makes the MACs of virtual interfaces from it, and DHCP clients their name; so clones get the same. Nodes
    that are containers of one machine share its boot id and may share all of its files.
    """
    alike: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for node in model["nodes"]:
        machine = node["machine"]
        if machine is not None and machine["id"] is not None and machine["boot"] is not None:
            alike[machine["id"]][machine["boot"]].append(node["host"])
    for by_boot in alike.values():
        hosts = sorted((host for found in by_boot.values() for host in found), key=host_order)
        if len(by_boot) < 2:
            continue
        yield {
            "kind": "machine-id-shared",
            "severity": "note",
            "hosts": hosts,
            "object": "/etc/machine-id",
            "message": f"{words.listed(hosts)} have the same machine-id, as clones of one image have",
            "evidence": cut([f"{host}: the same /etc/machine-id, another kernel" for host in hosts]),
            "remedy": "On all but one: empty /etc/machine-id, run systemd-machine-id-setup, reboot, and let the "
            "network plugin make its interfaces anew",
            "command": commands.file("/etc/machine-id"),
        }


def _same_mac(mac: str, places: list[tuple[str, str]], effect: str) -> Finding:
    hosts = sorted({host for host, _ifname in places}, key=host_order)
    return {
        "kind": "mac-shared-by-nodes",
        "severity": "fault",
        "hosts": hosts,
        "object": mac,
        "message": f"{words.listed(hosts)} have the MAC {mac} on {places[0][1]}, so {effect}",
        "evidence": cut([f"{host}: {ifname} {mac}" for host, ifname in places]),
        "remedy": "Machines cloned from one image need a machine-id and MAC addresses of their own: "
        "empty /etc/machine-id on the clone, reboot, and let the network plugin make its device anew",
        "command": commands.link(places[0][1]),
    }


def cni_shadowed(model: Model, _views: Mapping[str, NodeView]) -> Iterator[Finding]:
    """Several CNI configurations, of which only the first by name is used (failure mode "leftovers").

    A meta plugin takes the others for further networks, and runtimes bring one for loopback: no fault.
    """
    for node in model["nodes"]:
        active = node["cni"]["active"]
        if active is None or active["through"]:
            continue
        idle = [one for one in node["cni"]["shadowed"] if "loopback" not in one["path"] and one["name"] != "loopback"]
        if not idle:
            continue
        yield {
            "kind": "cni-shadowed",
            "severity": "note",
            "hosts": [node["host"]],
            "object": active["path"],
            "message": f"{active['path']} is the CNI configuration in force; "
            f"{words.listed([one['path'].rpartition('/')[2] for one in idle])} beside it "
            f"{'has' if len(idle) == 1 else 'have'} no effect",
            "evidence": cut([f"not used: {one['path']}" for one in idle]),
            "remedy": "Remove those that are left from an earlier network plugin; "
            "if the wrong one is in force, rename it so that the right one comes first",
            "command": commands.CNI,
        }


def cni_wrong_first(model: Model, views: Mapping[str, NodeView]) -> Iterator[Finding]:
    """A CNI configuration that comes before the one by which all pods of the node were connected.

    New pods get another network than those that run. Known where host-local keeps leases under the network's name.
    """
    for node in model["nodes"]:
        active, view = node["cni"]["active"], views[node["host"]]
        if active is None or active["through"] or active["name"] is None:
            continue
        used = {lease["network"] for lease in view.leases if lease["state"] == "in_use" and lease["pod"] is not None}
        rightful = [one for one in node["cni"]["shadowed"] if one["name"] in used]
        if not rightful or active["name"] in used:
            continue
        path = rightful[0]["path"]
        yield {
            "kind": "cni-wrong-first",
            "severity": "fault",
            "hosts": [node["host"]],
            "object": active["path"],
            "message": f"{active['path']} comes before {path}, by which the pods of this node were connected: new pods "
            f"get the network {active['name']}, and not {rightful[0]['name']}",
            "evidence": [
                f"in force: {active['path']} ({active['name']}: {', '.join(active['plugins'])})",
                f"not used: {path} ({rightful[0]['name']})",
                f"leases of pods: {words.listed(sorted(used))}",
            ],
            "remedy": f"Remove {shell_word(active['path'])} if it is left from an earlier network plugin; if it is the "
            "new one, let the pods be made anew and remove the other",
            "command": commands.CNI,
        }


def cni_unreadable(model: Model, _views: Mapping[str, NodeView]) -> Iterator[Finding]:
    """CNI configurations that cannot be read: a runtime skips them or refuses to start pods."""
    for node in model["nodes"]:
        for error in node["cni"]["unreadable"]:
            if error in node["errors"]:
                continue
            yield {
                "kind": "cni-unreadable",
                "severity": "fault",
                "hosts": [node["host"]],
                "object": error["object"],
                "message": f"the CNI configuration {error['object']} cannot be read",
                "evidence": [error["cause"]],
                "remedy": error["remedy"],
                "command": commands.file(error["object"]),
            }


def _own_interfaces(view: NodeView) -> dict[str, Interface]:
    own = view.own_namespace
    return {} if own is None else {interface["ifname"]: interface for interface in own["interfaces"]}


ALL = (
    node_not_read,
    node_partly_read,
    namespace_not_read,
    address_shared_by_nodes,
    mac_shared_by_nodes,
    machine_id_shared,
    cni_shadowed,
    cni_wrong_first,
    cni_unreadable,
)
