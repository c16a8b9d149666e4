# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The records of the control node's model: what ``report.json`` holds.

The model is flat: lists of records that each name their ``host``, so that one JMESPath
expression reaches them over all nodes. Names follow the facts, and through them iproute2.
docs/schema/report.schema.json describes the same shapes for other programs.
"""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict

SCHEMA_VERSION = 1
"""Version of the node files and of the model; raised when a key changes its meaning."""

Settings = dict[str, int | str | None]
Status = Literal["read", "partial", "unreachable", "failed"]
Severity = Literal["fault", "unproven", "note"]
Certainty = Literal["seen", "inferred"]


class Error(TypedDict):
    """One thing that could not be read: what it is, why, and what would help."""

    object: str
    cause: str
    remedy: str


class PodName(TypedDict):
    """What a pod is called; the rest is in ``pods``."""

    namespace: str
    name: str


class Address(TypedDict):
    """One address of an interface."""

    family: str
    local: str
    prefixlen: int
    ifname: str
    scope: str | None


class Route(TypedDict):
    """One route of a namespace's main table."""

    dst: str
    gateway: str | None
    dev: str | None
    type: str | None
    protocol: str | None


class TunnelEnd(TypedDict):
    """An entry of a VXLAN interface's table: the node that packets for a MAC are sent to."""

    mac: str | None
    """All zeros for every MAC that no other entry names."""
    dst: str


class Tunnel(TypedDict):
    """What a VXLAN, Geneve or IP-in-IP interface wraps packets in."""

    id: int | None
    """Number of the virtual network (VNI)."""
    port: int | None
    """UDP port that it sends to."""
    local: str | None
    """Address of the node that it sends from."""
    external: bool
    """Whether something else, such as eBPF or Open vSwitch, says all of this for each packet."""
    learning: bool | None
    """Whether it learns from packets which node has which MAC."""
    fdb: list[TunnelEnd] | None
    """Which MAC is behind which node; null when it was not read."""


class Interface(TypedDict):
    """One interface of a namespace."""

    ifname: str
    ifindex: int
    kind: str | None
    """Kind of a virtual link (``veth``, ``bridge``, ``vxlan`` ...), null for hardware and loopback."""
    link_type: str | None
    address: str | None
    """MAC address."""
    mtu: int | None
    operstate: str | None
    flags: list[str] | None
    """As ``ip link`` names them; null where the facts leave them out."""
    master: str | None
    ifalias: str | None
    """What somebody wrote on it; the lab marks its links so."""
    tunnel: Tunnel | None
    """What a tunnel is made of; null for every other kind."""
    addr_info: list[Address]


class Neighbour(TypedDict):
    """An entry of an ARP or NDP table that is in force: somebody set it, or it was confirmed just now."""

    dst: str
    dev: str
    lladdr: str
    """MAC address."""
    permanent: bool


class PodResolver(TypedDict):
    """A pod's resolv.conf."""

    path: str
    """The file of its runtime, on the node."""
    nameservers: list[str]
    search: list[str]
    options: list[str]


class Namespace(TypedDict):
    """One network namespace of a node."""

    host: str
    inode: int
    kind: str
    names: list[str]
    paths: list[str]
    nsid: int | None
    pid: int | None
    """A process in it, by which a person can enter it."""
    process_count: int
    pod: PodName | None
    containers: list[Container]
    """Those that are of no pod, as docker and podman make them."""
    interfaces: list[Interface]
    """Without a loopback interface that is as usual."""
    routes: list[Route] | None
    """Without those that follow from the addresses; null when routes were not read."""
    neighbours: list[Neighbour] | None
    """Null when they were not read."""
    neighbour_counts: dict[str, int] | None
    """How many entries count for the limit of the table, those that are not in force included, by family."""
    resolver: PodResolver | None
    """Null when it was not read, or none was found."""
    errors: list[Error]


class Container(TypedDict):
    """One container."""

    id: str | None
    name: str | None
    pids: list[int]


class PodCable(TypedDict):
    """A cable as its pod sees it: the interface inside, the other end, and the bridge that end is a port of."""

    ifname: str
    peer: str | None
    bridge: str | None
    resolution: str


class Pod(TypedDict):
    """One pod sandbox."""

    host: str
    namespace: str
    name: str
    uid: str | None
    sandbox_id: str | None
    runtime: str | None
    host_network: bool
    netns: int
    containers: list[Container]
    addresses: list[Address]
    cables: list[PodCable]
    contradictions: list[str]


class End(TypedDict):
    """One end of a cable. Of an end that nobody can see only the ifindex is known."""

    netns: int | None
    netns_name: str | None
    ifname: str | None
    ifindex: int | None
    address: str | None
    mtu: int | None
    operstate: str | None
    master: str | None


class BridgeName(TypedDict):
    """Which bridge, in which namespace."""

    ifname: str
    netns: int


class Cable(TypedDict):
    """One veth pair."""

    host: str
    ends: list[End]
    pod: PodName | None
    bridge: BridgeName | None
    resolution: str
    reason: str | None


class Port(TypedDict):
    """One port of a bridge."""

    ifname: str
    ifindex: int
    state: str | None
    hairpin: bool | None
    isolated: bool | None
    peer: str | None
    pod: PodName | None


class FixedEntry(TypedDict):
    """An entry of a bridge's forwarding table that somebody set, and that the bridge never forgets."""

    mac: str
    """Of what is at the other end of one of its ports."""
    ifname: str
    """Where frames to it are sent: a port, or the bridge itself."""


class Bridge(TypedDict):
    """One bridge."""

    host: str
    ifname: str
    ifindex: int
    netns: int
    netns_name: str | None
    address: str | None
    addr_info: list[Address]
    operstate: str | None
    mtu: int | None
    stp_state: int | None
    vlan_filtering: int | None
    nf_call_iptables: int | None
    """Whether it shows its packets to iptables, whatever the node's setting says."""
    ports: list[Port]
    fdb_count: int | None
    """Number of entries in the forwarding table, null when it was not read."""
    fixed: list[FixedEntry]
    """Those of its forwarding table that somebody set, as far as it was read."""


class RangeSource(TypedDict):
    """Where a range is written: a file and a key in it, or a command."""

    host: str
    kind: str
    place: str
    key: str | None


class Range(TypedDict):
    """One address range, with every place on every node that gives it."""

    what: Literal["pod", "service"]
    cidr: str
    family: str
    scope: str
    hosts: list[str]
    sources: list[RangeSource]


class Lease(TypedDict):
    """One lease of host-local address management."""

    host: str
    address: str | None
    network: str
    container_id: str | None
    ifname: str | None
    path: str
    state: str
    pod: PodName | None


class ConflictSide(TypedDict):
    """One side of a conflict between ranges: the value, and where it comes from."""

    value: str
    source: str


class Conflict(TypedDict):
    """A contradiction between ranges that the node's own facts hold."""

    kind: str
    message: str
    sides: list[ConflictSide]


class CniConfig(TypedDict):
    """One CNI configuration."""

    path: str
    name: str | None
    plugins: list[str]
    through: list[str]
    """Files of the meta plugins that lead to it."""


class Cni(TypedDict):
    """The CNI configuration in force and the others beside it."""

    active: CniConfig | None
    shadowed: list[CniConfig]
    unreadable: list[Error]


class DefaultRoute(TypedDict):
    """How packets leave a node."""

    family: str
    gateway: str | None
    dev: str | None
    prefsrc: str | None


class NodeNetwork(TypedDict):
    """A network that a node is directly in."""

    cidr: str
    dev: str | None


class ServiceSource(TypedDict):
    """A place on a node that holds rules of Services."""

    mode: str
    variant: str | None
    family: str | None
    table: str
    command: str
    services: int


class ServiceBackend(TypedDict):
    """Where connections to a Service are sent."""

    address: str
    port: int | None
    pod: PodName | None
    host: str | None
    """The node that has the address."""


class ServiceRule(TypedDict):
    """What one node does with connections to a Service."""

    host: str
    mode: str
    action: str
    backends: list[str]
    """As in ``10.244.1.2:80``."""
    scheduler: str | None
    """How a backend is chosen: ``random``, ``round-robin``, or what IPVS calls it; null when there is no choice."""
    command: str
    text: str
    target: str | None


class Service(TypedDict):
    """One address and port that nodes send to backends, with what each node says of it."""

    namespace: str | None
    name: str | None
    port_name: str | None
    type: str | None
    family: str
    virtual_address: str | None
    port: int
    protocol: str
    traffic_policy: str | None
    affinity: str | None
    source_ranges: list[str]
    hosts: list[str]
    backends: list[ServiceBackend]
    """Those of all nodes."""
    rules: list[ServiceRule]


class Resolver(TypedDict):
    """A resolv.conf of a node."""

    path: str
    pods: bool
    """Whether pods with the DNS policy Default get what is in it."""
    nameservers: list[str]
    search: list[str]


class ManagedLink(TypedDict):
    """An interface of a node that systemd-networkd or a profile of NetworkManager configures."""

    ifindex: int
    manager: str
    path: str
    """The file that says how."""


class Machine(TypedDict):
    """What makes a node this machine, whom it asks for names, and who configures its interfaces."""

    id: str | None
    """Keyed hash of its machine-id."""
    boot: str | None
    """Keyed hash of its kernel's boot id, which containers of one machine share."""
    resolvers: list[Resolver]
    managed_links: list[ManagedLink]


class FirewallMatch(TypedDict):
    """One condition of a rule, as ``podnet_netns.firewall`` has it."""

    key: str
    negated: bool
    one_of: list[str]
    """Any of them."""


class FirewallRule(TypedDict):
    """One rule that may end a packet's way."""

    text: str
    verdict: str
    target: str | None
    """The chain that ``jump`` and ``goto`` lead to."""
    matches: list[FirewallMatch]
    """All of them must hold."""


class FirewallChain(TypedDict):
    """One chain; without a hook one that others lead to."""

    name: str
    type: str | None
    hook: str | None
    policy: str | None
    rules: list[FirewallRule]


class FirewallTable(TypedDict):
    """One table of a node's firewall, with what packets of pods and tunnels may meet in it."""

    family: str | None
    """Null for both."""
    table: str
    variant: str
    command: str
    chains: list[FirewallChain]


class Firewall(TypedDict):
    """The firewall of a node."""

    complete: bool
    """Whether these are all its tables."""
    bridges: bool | None
    """Whether there may be rules for packets within bridges, which are not read; null where it was not asked."""
    tables: list[FirewallTable]


class WireguardPeer(TypedDict):
    """Another node, as a WireGuard interface knows it."""

    public_key: str
    allowed_ips: list[str]
    """Whose packets go to it and come from it."""


class Wireguard(TypedDict):
    """A WireGuard interface of a node."""

    ifname: str
    port: int
    """UDP port that it listens on."""
    peers: list[WireguardPeer]


class StaleFlows(TypedDict):
    """UDP flows of a Service's address and port to one end where no rule of it leads."""

    protocol: str
    address: str
    port: int
    backend: str
    backend_port: int
    count: int


class Node(TypedDict):
    """One node, by its inventory name."""

    host: str
    status: Status
    collected_at: str | None
    name: str | None
    """What the node calls itself."""
    error: Error | None
    """Why nothing is known of it; null when it was read."""
    errors: list[Error]
    """What could not be read on it."""
    addresses: list[Address]
    networks: list[NodeNetwork]
    default_route: list[DefaultRoute]
    cni: Cni
    conflicts: list[Conflict]
    service_mode: str | None
    """How kube-proxy works there: ``iptables``, ``nftables``, ``ipvs``, ``mixed``, ``none``; null when not read."""
    service_sources: list[ServiceSource]
    machine: Machine | None
    """Null when it was not read."""
    firewall: Firewall | None
    """Null when it was not read."""
    wireguard: list[Wireguard] | None
    """Null when it was not read."""
    settings: Settings | None
    """Kernel settings of the node itself by name; null when they were not read. Those of an interface are only there
    where they are not as ``conf.default``."""
    counters: Settings | None
    """What TCP and UDP of the node itself counted since it started, as nstat(8) names it; null when not read."""
    stale_flows: list[StaleFlows] | None
    """UDP flows that go on to where no rule of their Service leads; null when not read."""


class Consequence(TypedDict):
    """What follows from an odd thing, and goes away with it."""

    kind: str
    hosts: list[str]
    object: str
    message: str


class FindingPath(TypedDict):
    """A packet that a finding stops, as playbooks/path.yml takes its ends."""

    sender: str
    receiver: str
    size: NotRequired[int]
    """Bytes of the packet, where only large ones are stopped."""


class Finding(TypedDict):
    """One odd thing."""

    kind: str
    severity: Severity
    """``fault``: something does not work as it stands. ``unproven``: it could not be read or
    proven. ``note``: it works, and may surprise."""
    certainty: NotRequired[Certainty]
    """``seen``: the facts show it as it is. ``inferred``: it follows from what other nodes have, or from what plugins
    usually do, and something else may be behind it. Always there in a model: it goes by the kind."""
    hosts: list[str]
    object: str
    message: str
    evidence: list[str]
    remedy: str
    command: str | None
    """What a person would type on the (first) host to see it."""
    consequences: NotRequired[list[Consequence]]
    """What would be odd things of their own without this one; there when there are any."""
    path: NotRequired[FindingPath]
    """The packet whose path shows it; there where a packet is stopped, and who sends it is known."""
    reason: NotRequired[str]
    """Why it is set aside; there when it is."""


class Superseded(TypedDict):
    """A node file that was left out because a newer one of the same host was there."""

    host: str
    collected_at: str | None
    source: str
    newer: str


class Totals(TypedDict):
    """What there is, in numbers."""

    nodes: int
    nodes_read: int
    namespaces: int
    pods: int
    cables: int
    """Without the nodes' own ways out."""
    bridges: int
    odd: int


class Model(TypedDict):
    """Everything that is known about all nodes."""

    schema_version: int
    first_collected_at: str | None
    last_collected_at: str | None
    totals: Totals
    odd: list[Finding]
    ignored: list[Finding]
    """Odd things that the operator set aside, each with the reason."""
    nodes: list[Node]
    pods: list[Pod]
    cables: list[Cable]
    bridges: list[Bridge]
    ranges: list[Range]
    leases: list[Lease]
    services: list[Service]
    namespaces: list[Namespace]
    superseded: list[Superseded]


class NodePart(TypedDict):
    """What one node file adds to the model."""

    node: Node
    pods: list[Pod]
    cables: list[Cable]
    bridges: list[Bridge]
    ranges: list[Range]
    leases: list[Lease]
    services: list[Service]
    namespaces: list[Namespace]


Json = Any
"""A value as ``json.loads`` gives it; plugin_utils/reading.py turns it into records."""
