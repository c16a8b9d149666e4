# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""What a node offers to a lab, and what of the lab is on it."""

from __future__ import annotations

import os
from typing import Any, Dict, List, Optional, Tuple

from ansible.module_utils.basic import AnsibleModule

from .._files.reader import Files
from . import announced_address, bgp, forwarding, ingress, peer_tunnel, tunnel, wireguard, wireguard_key
from .leases import LeaseStore
from .names import (
    NETNS_DIR,
    ROUTE_PROTOCOL,
    link_alias,
    sandbox_mark,
    table_keys,
)
from .processes import find_marked
from .read import (
    View,
    info,
    kind,
    named_inode,
    prefix,
    read_netns,
    read_node,
)
from .resolv_conf import own_files
from .service_leases import FILES, ServiceLeases
from .step import LAB_ARGUMENT, LABEL, NAME_SERVER, PACKAGES, SBIN
from .store import Store
from .trial import kernel_makes

_CAP_NET_ADMIN = 12
_CAP_SYS_ADMIN = 21
_DISABLE_IPV6 = "/proc/sys/net/ipv6/conf/%s/disable_ipv6"


def privileged(status: str) -> bool:
    """Tell from /proc/PID/status whether a process has the capabilities that a lab needs.

    >>> privileged("Name:\\tpython3\\nCapEff:\\t000001ffffffffff\\n")
    True
    """
    for line in status.splitlines():
        if line.startswith("CapEff:"):
            effective = int(line.split()[1], 16)
            return all(effective >> number & 1 for number in (_CAP_NET_ADMIN, _CAP_SYS_ADMIN))
    return False


def needs_of(module: AnsibleModule, network: Optional[str]) -> Tuple[Dict[str, str], Optional[str]]:
    """Return what a way to join nodes needs: programs with their packages, and the kernel's module that is missing."""
    ip = module.get_bin_path("ip", opt_dirs=SBIN)
    if network == "bgp":
        return bgp.PROGRAMS, None
    if ip is not None and network in peer_tunnel.KINDS:
        kind_of = peer_tunnel.KINDS[network]
        return {}, None if kernel_makes(module, ip, kind_of.trial) else kind_of.module
    if ip is None or network not in ("vxlan", "wireguard"):
        return {}, None
    if network == "vxlan":
        return {}, None if kernel_makes(module, ip, tunnel.TRIAL) else "vxlan"
    if kernel_makes(module, ip, wireguard.TRIAL):
        return wireguard_key.PROGRAMS, None
    return {**wireguard_key.PROGRAMS, **wireguard.USERSPACE}, None if os.access(
        wireguard.TUN, os.R_OK | os.W_OK
    ) else "wireguard"


def describe_node(module: AnsibleModule, node: View, own: List[str]) -> Dict[str, Any]:
    """Describe what the node offers; `own` are the lab's routes as ``DST via GATEWAY``."""
    lab = module.params["lab"]
    alias = link_alias(lab)
    programs, missing = needs_of(module, module.params["network"])
    names = {link["ifindex"]: name for name, link in node.links.items()}
    with open("/proc/self/status", encoding="utf-8", errors="backslashreplace") as handle:
        rights = privileged(handle.read())
    return {
        "privileged": rights,
        "missing_programs": {
            name: package
            for name, package in sorted({**PACKAGES, **programs}.items())
            if not module.get_bin_path(name, opt_dirs=SBIN)
        },
        "missing_for_names": {
            name: package for name, package in NAME_SERVER.items() if not module.get_bin_path(name, opt_dirs=SBIN)
        },
        "missing_for_ingress": {
            name: package for name, package in ingress.PROGRAMS.items() if not module.get_bin_path(name, opt_dirs=SBIN)
        },
        "missing_module": missing,
        "wireguard": os.path.lexists(wireguard_key.key_path(lab)) or bool(wireguard.own_links(node, alias)),
        "bgp": bool(bgp.daemons(lab) or Store(lab).bgp_routes()),
        "ip_forward": forwarding.read(forwarding.V4.path),
        "ipv6": all(forwarding.read(_DISABLE_IPV6 % name) == "0" for name in ("all", "default")),
        "links": [
            {
                "ifname": name,
                "kind": kind(link),
                "mtu": link.get("mtu"),
                "vni": info(link, "id") if kind(link) == "vxlan" else None,
                "port": info(link, "port") if kind(link) == "vxlan" else None,
                "own": link.get("ifalias") == alias,
            }
            for name, link in sorted(node.links.items())
        ],
        "addresses": [
            {"ifname": names.get(item["ifindex"]), "local": item["local"], "prefixlen": item["prefixlen"]}
            for item in node.addresses
        ],
        "routes": [
            {
                "dst": prefix(route),
                "gateway": route.get("gateway"),
                "dev": names.get(route.get("oif", -1)),
                "prefsrc": route.get("prefsrc"),
                "metric": route.get("metric", 0),
                "own": "%s via %s" % (prefix(route), route.get("gateway")) in own,
            }
            for route in node.routes
        ],
    }


def own_names(lab: str, marked: List[int]) -> List[str]:
    """Return the names of namespaces that are of the lab: of its form, with a marked link or process, or noted."""
    noted = {str(pod["netns"]) for pod in Store(lab).pods().values()}
    found = []
    try:
        names = sorted(os.listdir(NETNS_DIR))
    except OSError:
        return []
    for name in names:
        path = "%s/%s" % (NETNS_DIR, name)
        inode = named_inode(path) if name.startswith(lab + "_") else None
        if inode is None:
            continue
        view = read_netns(path)
        links = view.links.values() if view else []
        if path in noted or inode in marked or any(link.get("ifalias") == link_alias(lab) for link in links):
            found.append(path)
    return found


def find_marks(lab: str, node: View, routes: List[str], tables: List[str]) -> Tuple[List[str], List[str]]:
    """Return what of a lab is on the node, one line each, and the leases of others in its directory."""
    store, leases = Store(lab), LeaseStore(lab)
    held = leases.read()
    own_leases = [address for address, holder in held.items() if holder.startswith(sandbox_mark(lab))]
    foreign = [address for address in held if address not in own_leases]
    processes = find_marked(lab)
    left = ["process %d (%s %s)" % (p.process.pid, p.container or "sandbox", p.sandbox_id[:24]) for p in processes]
    left += ["network namespace " + path for path in own_names(lab, [item.netns for item in processes])]
    left += ["link " + name for name, link in sorted(node.links.items()) if link.get("ifalias") == link_alias(lab)]
    left += ["address %s on %s" % pair for pair in sorted(announced_address.own_addresses(lab, node).items())]
    left += ["route " + item for item in routes]
    left += ["process %d (bird)" % process.pid for process in bgp.daemons(lab)]
    left += ["nft table " + key for key in tables]
    addresses = sorted({path for family in FILES for path in ServiceLeases(lab, family=family).files()})
    left += ["file " + path for path in [*store.files(), *addresses, *sorted(own_files(lab, Files()))]]
    left += ["file %s/%s" % (leases.path, address) for address in own_leases]
    if os.path.isdir(leases.path) and not foreign:
        left.append("file " + leases.path)
    return left, ["%s/%s" % (leases.path, address) for address in foreign]


def find_routes(lab: str, node: View) -> List[str]:
    """Return the lab's static routes: of the lab's protocol, noted by it or by no lab."""
    store = Store(lab)
    noted = ["%s via %s" % (entry["dst"], entry["gateway"]) for entry in store.routes()]
    others = ["%s via %s" % (e["dst"], e["gateway"]) for name in store.other_labs() for e in Store(name).routes()]
    made = [item for item in node.routes if item["protocol"] == ROUTE_PROTOCOL]
    routes = ["%s via %s" % (prefix(item), item.get("gateway")) for item in made]
    return sorted(item for item in routes if item in noted or item not in others)


ARGUMENTS: Dict[str, Any] = {"argument_spec": {"lab": LAB_ARGUMENT, "network": {"type": "str"}}}
"""What AnsibleModule is to know of the options."""


def run(module: AnsibleModule) -> None:
    """Do what the module is asked for, and end it."""
    lab = module.params["lab"]
    node = read_node()
    left: List[str] = []
    foreign: List[str] = []
    routes: List[str] = []
    tables: List[str] = []
    if LABEL.match(lab):  # no lab can have another name, so nothing is of it
        routes = sorted(find_routes(lab, node) + bgp.lasting_routes(lab))
        tables = own_tables(module, lab)
        left, foreign = find_marks(lab, node, routes, tables)
    module.exit_json(
        changed=False,
        present=bool(left),
        left=left,
        foreign_leases=foreign,
        routes=routes,
        tables=tables,
        services=ServiceLeases(lab).read() if LABEL.match(lab) else {},
        services_v6=ServiceLeases(lab, family="ip6").read() if LABEL.match(lab) else {},
        load_balancers=ServiceLeases(lab).load_balancers() if LABEL.match(lab) else {},
        load_balancers_v6=ServiceLeases(lab, family="ip6").load_balancers() if LABEL.match(lab) else {},
        announced=sorted(announced_address.own_addresses(lab, node)) if LABEL.match(lab) else [],
        node=describe_node(module, node, routes),
    )


def own_tables(module: AnsibleModule, lab: str) -> List[str]:
    """Return the lab's tables of nftables that are there, as family and name."""
    nft = module.get_bin_path("nft", opt_dirs=SBIN)
    if not nft:
        return []
    status, out, _err = module.run_command([nft, "list", "tables"])
    there = out.splitlines() if status == 0 else []
    return [key for key in table_keys(lab) if "table " + key in there]
