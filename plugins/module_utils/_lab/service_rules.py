# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Rules that lead from the addresses of Services to pods, laid out as kube-proxy's nftables mode lays them out.

Chains, maps, their names and their order are those of kubernetes ``pkg/proxy/nftables/proxier.go`` (1.31 to 1.35), so
that who can read one can read the other. Left out is what the lab has not: source ranges of load balancers, health
checks, comments. One thing is the lab's own: an address of a load balancer is refused at all other ports, also where
the node has it (``announced_address``) and would answer itself.
"""

from __future__ import annotations

import base64
import hashlib
import ipaddress
from typing import Any, Dict, Iterator, List, NamedTuple, NoReturn, Optional, Tuple

from ansible.module_utils.basic import AnsibleModule

from .names import services_table
from .nft import Block, Table, bring
from .service_leases import ServiceLeases
from .step import LAB_ARGUMENT, LABEL, Step, address_of
from .store import Store
from .udp_flows import Flows, end_stale

TYPES = {"ip": "ipv4_addr", "ip6": "ipv6_addr"}
"""Families of tables, and what an address of each is called in sets."""
_VERSIONS = {"ip": 4, "ip6": 6}
_NETWORKS = {"ip": ipaddress.IPv4Network, "ip6": ipaddress.IPv6Network}
MARK = "0x4000"
"""kube-proxy's masqueradeBit, the 14th."""
_MARKS = "jump mark-for-masquerade"


class Endpoint(NamedTuple):
    """Where connections are sent: a pod's address and port, and whether the pod is on this node."""

    address: str
    port: int
    local: bool


class ServicePort(NamedTuple):
    """One port of a Service, with addresses of one family."""

    namespace: str
    name: str
    port_name: str
    """Empty for the only port of a Service, which needs none."""
    address: str
    protocol: str
    """``tcp``, ``udp`` or ``sctp``."""
    port: int
    node_port: Optional[int]
    load_balancer: Optional[str]
    """Address at which it is reached from outside."""
    endpoints: Tuple[Endpoint, ...]
    affinity: Optional[int]
    """For how many seconds after its last connection a client stays with an endpoint; None: it does not."""
    internal_local: bool
    """internalTrafficPolicy: Local, as against Cluster."""
    external_local: bool

    @property
    def base(self) -> str:
        """The Service's part of chain names (``servicePortChainNameBase``)."""
        return "%s/%s/%s/%s" % (self.namespace, self.name, self.protocol, self.port_name)

    @property
    def text(self) -> str:
        """How Kubernetes writes it (``ServicePortName.String``)."""
        return "%s/%s%s" % (self.namespace, self.name, ":" + self.port_name if self.port_name else "")

    @property
    def family(self) -> str:
        """``ip`` or ``ip6``: the family of the table, and nft's word for the header that has the addresses."""
        return "ip6" if ":" in self.address else "ip"

    @property
    def outside(self) -> bool:
        """Whether it is reached from outside."""
        return self.node_port is not None or self.load_balancer is not None

    @property
    def here(self) -> Tuple[Endpoint, ...]:
        """The endpoints on this node."""
        return tuple(item for item in self.endpoints if item.local)


def chain_name(kind: str, base: str) -> str:
    """Return a chain's name: what it is, eight digits that no other has, and words (``hashAndTruncate``).

    >>> chain_name("service", "default/web/tcp/")
    'service-PFISGYVC-default/web/tcp/'
    """
    digest = base64.b32encode(hashlib.sha256(base.encode()).digest()).decode()[:8]
    return "%s-%s-%s" % (kind, digest, base)


def _of_endpoint(one: ServicePort, endpoint: Endpoint, kind: str = "endpoint") -> str:
    # No name in nftables has a colon (servicePortEndpointChainNameBase).
    return chain_name(kind, "%s__%s/%d" % (one.base, endpoint.address.replace(":", "."), endpoint.port))


def _chain(name: str, rules: List[str]) -> Block:
    return ["chain %s {" % name, *("  " + rule for rule in rules), "}"]


def _named(kind: str, name: str, of: str, elements: List[str]) -> Block:
    """Return a set or a map."""
    listed = ["  elements = {", *("    %s," % item for item in elements), "  }"]
    return ["%s %s {" % (kind, name), "  type " + of, *(listed if elements else []), "}"]


def _spread(one: ServicePort, endpoints: Tuple[Endpoint, ...]) -> List[str]:
    """Return the rules that choose an endpoint: the one that a client has been with, else any with equal chance."""
    rules = []
    if one.affinity is not None:
        for item in endpoints:
            rules.append(
                "%s saddr @%s goto %s" % (one.family, _of_endpoint(one, item, "affinity"), _of_endpoint(one, item))
            )
    ways = ", ".join("%d : goto %s" % (number, _of_endpoint(one, item)) for number, item in enumerate(endpoints))
    return [*rules, "numgen random mod %d vmap { %s }" % (len(endpoints), ways)]


def port_blocks(one: ServicePort, cluster: str, inside: List[str]) -> Iterator[Block]:
    """Yield the chains of a port with endpoints, and the sets of its affinity; each needs only those before it.

    `cluster` is the range of all pods, `inside` it and the nodes: whose connections to the Service's address need no
    other source address, because replies find back to them.
    """
    everywhere = not one.internal_local or one.outside
    nearby = bool(one.here) and (one.internal_local or (one.outside and one.external_local))
    for item in one.endpoints if everywhere else one.here:
        rules = ["%s saddr %s %s" % (one.family, item.address, _MARKS)]
        if one.affinity is not None:
            name = _of_endpoint(one, item, "affinity")
            yield ["set %s {" % name, "  type " + TYPES[one.family], "  flags dynamic,timeout",
                   "  timeout %ds" % one.affinity, "}"]  # fmt: skip
            rules.append("update @%s { %s saddr }" % (name, one.family))
        to = "[%s]" % item.address if one.family == "ip6" else item.address
        rules.append("meta l4proto %s dnat to %s:%d" % (one.protocol, to, item.port))
        yield _chain(_of_endpoint(one, item), rules)
    service, local = chain_name("service", one.base), chain_name("local", one.base)
    if everywhere:
        strangers = "{0} daddr {1} {0} saddr != {{ {2} }} {3}".format(
            one.family, one.address, ", ".join(inside), _MARKS
        )
        yield _chain(service, [strangers, *_spread(one, one.endpoints)])
    if nearby:
        yield _chain(local, _spread(one, one.here))
    if not one.outside:
        return
    if one.external_local:
        rules = ["%s saddr %s goto %s" % (one.family, cluster, service), "fib saddr type local " + _MARKS]
        rules += ["fib saddr type local goto " + service, *(["goto " + local] if one.here else [])]
    else:
        rules = [_MARKS, "goto " + service]
    yield _chain(chain_name("external", one.base), rules)


class Elements(NamedTuple):
    """The elements of the maps that lead to the chains of ports."""

    services: List[str]
    node_ports: List[str]
    empty_services: List[str]
    empty_node_ports: List[str]


def elements(ports: List[ServicePort]) -> Elements:
    """Return the maps' elements: where each address and port leads, or what becomes of packets that nobody awaits.

    They are rejected where there is no endpoint, and dropped where only the policy Local leaves none on this node.
    """
    found = Elements([], [], [], [])
    for one in ports:
        inner = "%s . %s . %d" % (one.address, one.protocol, one.port)
        outer = "%s . %d" % (one.protocol, one.node_port or 0)
        comment = ' comment "%s" : ' % one.text
        nobody = "goto reject-chain" if not one.endpoints else "drop"
        if one.here or (one.endpoints and not one.internal_local):
            kind = "local" if one.internal_local else "service"
            found.services.append("%s : goto %s" % (inner, chain_name(kind, one.base)))
        else:
            found.empty_services.append(inner + comment + nobody)
        ways = []
        if one.load_balancer is not None:
            address = "%s . %s . %d" % (one.load_balancer, one.protocol, one.port)
            ways.append((address, found.services, found.empty_services))
        if one.node_port is not None:
            ways.append((outer, found.node_ports, found.empty_node_ports))
        for key, leading, empty in ways:
            if one.endpoints:
                leading.append("%s : goto %s" % (key, chain_name("external", one.base)))
            if not (one.here or (one.endpoints and not one.external_local)):
                empty.append(key + comment + nobody)
    return found


_ADDRESS_MAP = "%s . inet_proto . inet_service : verdict"
_PORT_MAP = "inet_proto . inet_service : verdict"
_REFUSE = (
    # Not by ICMP: of a client in the node's own network, which has just been sent a redirect for the same packet, the
    # kernel counts that as its share (ip_rt_send_redirect and icmpv4_xrlim_allow, net/ipv4), and the client waits.
    "meta l4proto tcp %s daddr @load-balancer-ips reject with tcp reset",
    "meta l4proto { udp, sctp } %s daddr @load-balancer-ips reject",
)
_LOOPBACK = {"ip": "127.0.0.0/8", "ip6": "::1"}
_HOOK = "type %s hook %s priority %s; policy accept;"


def blocks(
    ports: List[ServicePort], service: str, cluster: str, inside: List[str], nodes: List[str], family: str = "ip"
) -> List[Block]:
    """Return the blocks of the table of a family.

    `service` is the range of Services, `nodes` this node's addresses that NodePorts are answered at; none: all.
    """
    lists, kind = elements(ports), TYPES[family]
    outside = list(dict.fromkeys(one.load_balancer for one in ports if one.load_balancer is not None))
    check = ["ct state new jump load-balancer-ips-check"] if outside else []
    to = family + " daddr "
    at_node = to + "@nodeport-ips" if nodes else "fib daddr type local %s!= %s" % (to, _LOOPBACK[family])
    lookup = to + ". meta l4proto . th dport vmap @"
    return [
        _chain("mark-for-masquerade", ["meta mark set meta mark or " + MARK]),
        _chain("reject-chain", ["reject"]),
        *(block for one in ports if one.endpoints for block in port_blocks(one, cluster, inside)),
        _named("set", "cluster-ips", kind, list(dict.fromkeys(one.address for one in ports))),
        *([_named("set", "nodeport-ips", kind, nodes)] if nodes else []),
        _named("map", "service-ips", _ADDRESS_MAP % kind, lists.services),
        _named("map", "service-nodeports", _PORT_MAP, lists.node_ports),
        _named("map", "no-endpoint-services", _ADDRESS_MAP % kind, lists.empty_services),
        _named("map", "no-endpoint-nodeports", _PORT_MAP, lists.empty_node_ports),
        *([_named("set", "load-balancer-ips", kind, outside)] if outside else []),
        *([_chain("load-balancer-ips-check", [rule % family for rule in _REFUSE])] if outside else []),
        _chain("cluster-ips-check", [to + "@cluster-ips reject", to + service + " drop"]),
        _chain("service-endpoints-check", [lookup + "no-endpoint-services"]),
        _chain("nodeport-endpoints-check", [at_node + " meta l4proto . th dport vmap @no-endpoint-nodeports"]),
        _chain(
            "services",
            [
                lookup + "service-ips",
                at_node + " meta l4proto . th dport vmap @service-nodeports",
            ],
        ),
        _chain(
            "masquerading",
            ["meta mark and %s == 0 return" % MARK, "meta mark set meta mark xor " + MARK, "masquerade fully-random"],
        ),
        _chain(
            "filter-input",
            [
                _HOOK % ("filter", "input", "filter"),
                "ct state new jump nodeport-endpoints-check",
                "ct state new jump service-endpoints-check",
                *check,
            ],
        ),
        *(
            _chain(
                "filter-" + hook,
                [
                    _HOOK % ("filter", hook, "filter"),
                    "ct state new jump service-endpoints-check",
                    "ct state new jump cluster-ips-check",
                    *check,
                ],
            )
            for hook in ("forward", "output")
        ),
        _chain("nat-prerouting", [_HOOK % ("nat", "prerouting", "dstnat"), "jump services"]),
        _chain("nat-output", [_HOOK % ("nat", "output", "-100"), "jump services"]),
        _chain("nat-postrouting", [_HOOK % ("nat", "postrouting", "srcnat"), "jump masquerading"]),
    ]


def read_ports(services: List[Dict[str, Any]], family: str = "ip") -> List[ServicePort]:
    """Turn the option into records, in the order of names. Raise ValueError, with words for a person.

    All addresses are of the `family`.
    """
    found, version = [], _VERSIONS[family]
    for service in services:
        what, balancer = "Service %s/%s" % (service["namespace"], service["name"]), service["load_balancer"]
        for port in service["ports"]:
            words = (service["namespace"], service["name"], port["name"] or "unnamed")
            if not all(LABEL.match(word) for word in words):
                raise ValueError("%s: a name of it is not of the form of RFC 1123" % what)
            numbers = [port["port"], *(item["port"] for item in port["endpoints"])]
            numbers += [port["node_port"]] if port["node_port"] is not None else []
            if not all(0 < number < 65536 for number in numbers):
                raise ValueError("%s: a port of it is not a number from 1 to 65535" % what)
            ends = [
                Endpoint(address_of(item["address"], version), item["port"], item["local"])
                for item in port["endpoints"]
            ]
            found.append(
                ServicePort(
                    namespace=service["namespace"],
                    name=service["name"],
                    port_name=port["name"] or "",
                    address=address_of(service["address"], version),
                    protocol=port["protocol"].lower(),
                    port=port["port"],
                    node_port=port["node_port"],
                    load_balancer=address_of(balancer, version) if balancer is not None else None,
                    endpoints=tuple(sorted(set(ends))),
                    affinity=service["affinity_timeout"],
                    internal_local=service["internal_traffic_policy"] == "Local",
                    external_local=service["external_traffic_policy"] == "Local",
                )
            )
    found.sort(key=lambda one: (one.base, one.port))
    keys = [(one.address, one.protocol, one.port) for one in found]
    keys += [(one.load_balancer, one.protocol, one.port) for one in found if one.load_balancer]
    keys += [("the node", one.protocol, one.node_port) for one in found if one.node_port]
    seen = set()
    for key in keys:
        if key in seen:
            raise ValueError("two Services have %s port %d of %s" % (key[1], key[2], key[0]))
        seen.add(key)
    return found


_ENDPOINT_OPTIONS: Dict[str, Any] = {
    "address": {"type": "str", "required": True},
    "port": {"type": "int", "required": True},
    "local": {"type": "bool", "required": True},
}
_PORT_OPTIONS: Dict[str, Any] = {
    "name": {"type": "str"},
    "protocol": {"type": "str", "choices": ["TCP", "UDP", "SCTP"], "default": "TCP"},
    "port": {"type": "int", "required": True},
    "node_port": {"type": "int"},
    "endpoints": {"type": "list", "elements": "dict", "required": True, "options": _ENDPOINT_OPTIONS},
}
_POLICY: Dict[str, Any] = {"type": "str", "choices": ["Cluster", "Local"], "default": "Cluster"}
_SERVICE_OPTIONS: Dict[str, Any] = {
    "namespace": {"type": "str", "required": True},
    "name": {"type": "str", "required": True},
    "address": {"type": "str", "required": True},
    "ports": {"type": "list", "elements": "dict", "required": True, "options": _PORT_OPTIONS},
    "load_balancer": {"type": "str"},
    "affinity_timeout": {"type": "int"},
    "internal_traffic_policy": _POLICY,
    "external_traffic_policy": _POLICY,
}

ARGUMENTS: Dict[str, Any] = {
    "argument_spec": {
        "lab": LAB_ARGUMENT,
        "family": {"type": "str", "choices": list(TYPES), "default": "ip"},
        "services": {"type": "list", "elements": "dict", "required": True, "options": _SERVICE_OPTIONS},
        "service_cidr": {"type": "str"},
        "cluster_cidr": {"type": "str"},
        "nodes": {"type": "list", "elements": "str", "default": []},
        "node_port_addresses": {"type": "list", "elements": "str", "default": []},
    },
    "required_together": [("service_cidr", "cluster_cidr")],
}
"""What AnsibleModule is to know of the options."""


def run(module: AnsibleModule) -> None:
    """Do what the module is asked for, and end it."""
    step = Step(module)
    family = module.params["family"]
    store, leases = Store(step.lab), ServiceLeases(step.lab, family=family)
    service_cidr, cluster_cidr = module.params["service_cidr"], module.params["cluster_cidr"]
    if module.params["services"] and not service_cidr:
        _refuse(step, "there are Services and no service_cidr")
    try:
        ports = read_ports(module.params["services"], family)
        nodes = [address_of(item, _VERSIONS[family]) for item in module.params["nodes"]]
        answering = [address_of(item, _VERSIONS[family]) for item in module.params["node_port_addresses"]]
        ranges = [str(_NETWORKS[family](item)) for item in (service_cidr, cluster_cidr) if item]
    except ValueError as error:
        _refuse(step, str(error))
    held = leases.read()
    wanted = {"%s/%s" % (item["namespace"], item["name"]): item["address"] for item in module.params["services"]}
    held_outside = leases.load_balancers()
    outside = {
        "%s/%s" % (item["namespace"], item["name"]): item["load_balancer"]
        for item in module.params["services"]
        if item["load_balancer"] is not None
    }
    noted = leases.service_cidr() == ranges[0] if wanted else not leases.files()
    if held != wanted or held_outside != outside or not noted:
        step.commands += leases.change(wanted, outside, ranges[0] if ranges else None, step.real)
    made = blocks(ports, ranges[0], ranges[1], [ranges[1], *nodes], answering, family) if wanted else []
    table = Table(family, services_table(step.lab), made)
    before, after = bring(step, store, table)
    if len(ranges) == 2 and (after or before):
        front = sorted({*answering, *outside.values(), *held_outside.values()})
        flows = Flows(ranges[0], ranges[1], front, _ways(ports, answering))
        ended = end_stale(step, flows, needed=before != after and any("udp" in line for line in before))
        before = before + ["UDP flow " + item for item in ended]
    step.exit(
        before=_shown(held, held_outside) + before,
        after=_shown(wanted, outside) + after,
        see=["nft list table " + table.key] if after else [],
    )


def _shown(inside: Dict[str, str], outside: Dict[str, str]) -> List[str]:
    """Return the addresses of Services as lines for the diff."""
    return ["%s %s%s" % (name, inside[name], " " + outside[name] if name in outside else "") for name in sorted(inside)]


def _ways(ports: List[ServicePort], answering: List[str]) -> Dict[Tuple[str, int], List[Tuple[str, int]]]:
    """Return to which addresses and ports those of the UDP Services may lead from this node."""
    found: Dict[Tuple[str, int], List[Tuple[str, int]]] = {}
    for one in ports:
        if one.protocol != "udp":
            continue
        everywhere = [(item.address, item.port) for item in one.endpoints]
        near = [(item.address, item.port) for item in one.here]
        found[one.address, one.port] = near if one.internal_local else everywhere
        for address in answering if one.node_port is not None else ():
            found[address, one.node_port or 0] = everywhere
        if one.load_balancer is not None:
            found[one.load_balancer, one.port] = everywhere
    return found


def _refuse(step: Step, cause: str) -> NoReturn:
    step.fail("services", cause, "Correct the options.")
