# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""The encrypted tunnel that carries packets of pods from node to node.

Where the kernel has no WireGuard, Debian's wireguard-go does its work in a process, behind a link of
kind tun. Link and process end together, so that the link's mark is the mark of both.
"""

from __future__ import annotations

import ipaddress
import os
import socket
import time
from typing import Any, Dict, List, NamedTuple, Optional

from ansible.module_utils.basic import AnsibleModule

from .names import link_alias
from .pod_address import all_address_lines
from .read import View, is_up, kind, read_node
from .step import LAB_ARGUMENT, Step, check_ifname
from .trial import kernel_makes
from .wireguard_key import KEY, PROGRAMS, key_path, public_key, read_key, remove_key

TRIAL = "type wireguard"
"""The words of ``ip link add`` by which it is tried whether the kernel has WireGuard."""
USERSPACE = {"wireguard-go": "wireguard-go"}
"""Programs that it needs where the kernel has no WireGuard, and the packages that have them."""
TUN = "/dev/net/tun"
"""The device of which wireguard-go makes its link."""
SOCKET_DIR = "/var/run/wireguard"
"""Where wireguard-go listens for wg(8), a socket for each link (``ipc/uapi_unix.go``)."""
_KINDS = ("wireguard", "tun")
_SECONDS = 5.0
UNKNOWN = "PUBLIC_KEY_OF_"
"""Begins the word that stands, in check mode, for the public key of a node that has none yet."""


class Peer(NamedTuple):
    """Another node: its public key, where it listens, and whose packets come from it."""

    public_key: str
    endpoint: str
    allowed: str
    """Ranges with commas between, IPv4 before IPv6."""

    def words(self) -> str:
        """Return the peer in the words of ``wg set``."""
        return "peer %s allowed-ips %s endpoint %s" % (self.public_key, self.allowed, self.endpoint)


class State(NamedTuple):
    """What ``wg show`` says of a link, but for its private key, which is not asked for."""

    public_key: str
    port: int
    peers: List[Peer]


class Tunnel(NamedTuple):
    """What a node is to have."""

    name: str
    port: int
    mtu: int
    addresses: List[str]
    """Addresses of the link with their lengths."""
    peers: List[Peer]

    def describe(self, key: str) -> List[str]:
        """Describe the tunnel for the diff, given the node's public key."""
        return describe(self.name, self.mtu, self.addresses, True, State(key, self.port, self.peers))


def describe(name: str, mtu: Optional[int], addresses: List[str], up: bool, state: Optional[State]) -> List[str]:
    """Describe a tunnel for the diff: its link, its addresses, its public key and its peers."""
    lines = ["%s mtu %s %s" % (name, mtu, "up" if up else "down")]
    lines += ["%s %s" % (name, address) for address in addresses]
    if state is not None:
        lines.append("%s public key %s listen-port %d" % (name, state.public_key, state.port))
        lines += ["%s %s" % (name, peer.words()) for peer in sorted(state.peers)]
    return lines


def own_links(node: View, alias: str) -> List[str]:
    """Return the names of the WireGuard links that carry the lab's mark."""
    return sorted(name for name, link in node.links.items() if kind(link) in _KINDS and link.get("ifalias") == alias)


def parse_peers(endpoints: str, allowed: str) -> List[Peer]:
    r"""Return the peers from what ``wg show NAME endpoints`` and ``wg show NAME allowed-ips`` print.

    >>> parse_peers("kT=\t10.89.0.12:51820\n", "kT=\t10.244.1.0/24\n")
    [Peer(public_key='kT=', endpoint='10.89.0.12:51820', allowed='10.244.1.0/24')]
    """
    where = dict(line.split("\t", 1) for line in endpoints.splitlines())
    return [
        Peer(key, where.get(key, "(none)"), ",".join(sorted(ranges.split(), key=lambda part: (":" in part, part))))
        for key, ranges in (line.split("\t", 1) for line in allowed.splitlines())
    ]


def read_state(step: Step, name: str) -> Optional[State]:
    """Return what ``wg show`` says of a link; None when nobody answers for it."""
    said = []
    for what in ("public-key", "listen-port", "endpoints", "allowed-ips"):
        status, out, _err = step.module.run_command([step.tool("wg", PROGRAMS["wg"]), "show", name, what])
        if status != 0:
            return None
        said.append(out)
    return State(said[0].strip(), int(said[1]), parse_peers(said[2], said[3]))


def set_commands(tunnel: Tunnel, state: Optional[State], key: str, path: str) -> List[str]:
    """Return the options of ``wg set NAME`` that make the link's key, port and peers those of the tunnel."""
    commands = []
    if state is None or state.public_key != key or state.port != tunnel.port:
        commands.append("listen-port %d private-key %s" % (tunnel.port, path))
    have = {peer.public_key: peer for peer in state.peers} if state is not None else {}
    wanted = {peer.public_key: peer for peer in tunnel.peers}
    commands += ["peer %s remove" % other for other in have if other not in wanted]
    return commands + [peer.words() for peer in tunnel.peers if have.get(peer.public_key) != peer]


def link_lines(node: View, tunnel: Tunnel, alias: str) -> List[str]:
    """Return the lines for ``ip -batch`` that correct the link, or finish one that was just made."""
    link = node.links.get(tunnel.name)
    lines = [] if link is not None else ["link set %s alias %s" % (tunnel.name, alias)]
    if link is None or link.get("mtu") != tunnel.mtu:
        lines.append("link set %s mtu %d" % (tunnel.name, tunnel.mtu))
    lines += all_address_lines(node, tunnel.name, tunnel.addresses)
    if link is None or not is_up(link):
        lines.append("link set %s up" % tunnel.name)
    return lines


def make(step: Step, name: str) -> None:
    """Make the link, by the kernel or else by wireguard-go, which goes on as a process."""
    if kernel_makes(step.module, step.tool("ip"), TRIAL):
        step.ip(["link add %s type wireguard" % name])
        return
    step.commands.append("wireguard-go " + name)
    if step.real:
        status, _out, err = step.module.run_command([step.tool("wireguard-go", USERSPACE["wireguard-go"]), name])
        if status != 0:
            step.failed("wireguard-go " + name, err)


def delete(step: Step, names: List[str]) -> None:
    """Remove links, and wait until the processes behind them have gone with their sockets."""
    step.ip(["link delete " + name for name in names])
    if not step.real:
        return
    for name in names:
        path = "%s/%s.sock" % (SOCKET_DIR, name)
        end = time.monotonic() + _SECONDS
        while os.path.exists(path) and answers(path) and time.monotonic() < end:
            time.sleep(0.05)
        if os.path.exists(path) and not answers(path):
            os.unlink(path)
    try:
        os.rmdir(SOCKET_DIR)
    except OSError:
        pass  # another WireGuard of the node uses it, or there is none


def answers(path: str) -> bool:
    """Tell whether somebody listens on a socket of wireguard-go."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
        try:
            asking.connect(path)
        except OSError:
            return False
    return True


def read_tunnel(step: Step) -> Tunnel:
    """Return the tunnel that the options describe; end the module when they are no such thing."""
    options = step.module.params
    check_ifname(step, options["name"])
    peers = []
    for peer in options["peers"]:
        node = peer["node"]
        key = options["public_keys"].get(node) or (None if step.real else UNKNOWN + node)
        if key is None or (step.real and not KEY.match(key)):
            step.fail("public key of %s" % node, "it is not known", "Run podnet.lab.wireguard_key on all nodes before.")
        try:
            remote = ipaddress.IPv4Address(peer["remote"])
            allowed = [str(ipaddress.ip_network(part)) for part in (peer["allowed"], peer["allowed_v6"]) if part]
            if not allowed:
                raise ValueError("it has no range")
        except ValueError as error:
            step.fail("peer %s" % node, str(error), "Correct it.")
        peers.append(Peer(str(key), "%s:%d" % (remote, options["port"]), ",".join(allowed)))
    try:
        own = [ipaddress.IPv4Address(options["address"])] if options["address"] else []
    except ValueError as error:
        step.fail("address %r" % options["address"], str(error), "Write an IPv4 address.")
    addresses = ["%s/32" % address for address in own]
    return Tunnel(peers=peers, addresses=addresses, **{key: options[key] for key in ("name", "port", "mtu")})


_PEER_OPTIONS: Dict[str, Any] = {
    "node": {"type": "str", "required": True},
    "remote": {"type": "str", "required": True},
    "allowed": {"type": "str"},
    "allowed_v6": {"type": "str"},
}

ARGUMENTS: Dict[str, Any] = {
    "argument_spec": {
        "lab": LAB_ARGUMENT,
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "name": {"type": "str"},
        "port": {"type": "int", "default": 51820},
        "mtu": {"type": "int", "default": 1440},
        "address": {"type": "str"},
        "peers": {"type": "list", "elements": "dict", "default": [], "options": _PEER_OPTIONS},
        "public_keys": {"type": "dict", "default": {}},
    },
    "required_if": [("state", "present", ["name"])],
}
"""What AnsibleModule is to know of the options."""


def run(module: AnsibleModule) -> None:
    """Do what the module is asked for, and end it."""
    step = Step(module)
    alias, path = link_alias(step.lab), key_path(step.lab)
    node = read_node()
    own = own_links(node, alias)
    if module.params["state"] == "absent":
        before = [line for name in own for line in describe_now(node, name, None)]
        before += [path] if os.path.lexists(path) else []
        delete(step, own)
        if os.path.lexists(path):
            step.commands.append("rm " + path)
        if step.real:
            remove_key(step.lab)
        step.exit(before=before, after=[], see=["ip link show type wireguard"])
    tunnel = read_tunnel(step)
    if tunnel.name in node.links and tunnel.name not in own:
        cause = "a link of this name is on the node, and lab %s did not make it" % step.lab
        step.fail("tunnel %s" % tunnel.name, cause, "Remove or rename that link if nobody needs it.")
    private = read_key(path)
    if private is None and step.real:
        step.fail("private key %s" % path, "there is none", "Run podnet.lab.wireguard_key before.")
    key = public_key(step, private) if private is not None else UNKNOWN + "this_node"
    state = read_state(step, tunnel.name) if tunnel.name in own else None
    before = [line for name in own for line in describe_now(node, name, state if name == tunnel.name else None)]
    unwanted = [name for name in own if name != tunnel.name or state is None]
    delete(step, unwanted)
    made = state is None
    if made:
        node = node._replace(links={name: link for name, link in node.links.items() if name != tunnel.name})
        make(step, tunnel.name)
    lines = link_lines(node, tunnel, alias)
    # The mark comes first: what a run that was cut off left is known by it.
    step.ip(lines[:1] if made else [])
    for options in set_commands(tunnel, state, key, path):
        configure(step, "set %s %s" % (tunnel.name, options))
    step.ip(lines[1:] if made else lines)
    step.exit(
        before=before,
        after=tunnel.describe(key),
        see=["wg show " + tunnel.name, "ip -d link show " + tunnel.name],
    )


def describe_now(node: View, name: str, state: Optional[State]) -> List[str]:
    """Describe a tunnel as it is."""
    link = node.links[name]
    return describe(name, link.get("mtu"), node.addresses_of(name), is_up(link), state)


def configure(step: Step, options: str) -> None:
    """Run ``wg`` with these options."""
    step.commands.append("wg " + options)
    if step.real:
        status, _out, err = step.module.run_command([step.tool("wg", PROGRAMS["wg"]), *options.split(" ")])
        if status != 0:
            step.failed("wg " + options, err)
