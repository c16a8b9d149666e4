# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Routes to the pods of other nodes by BGP: BIRD on each node tells the others which range is there.

The daemon is known by the path of the lab's configuration in its command line, so that it is found again
when its socket and the state are gone. Its routes carry ``proto bird`` as those of any BIRD do; which of them are
the lab's is noted before it starts.
"""

from __future__ import annotations

import ipaddress
import os
import signal
import time
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

from ansible.module_utils.basic import AnsibleModule

from .names import RTPROT_BIRD
from .processes import Process, alive, end, identify
from .read import prefix, read_node
from .step import LAB_ARGUMENT, Step, check_ifname
from .store import Store

PROGRAMS = {"bird": "bird2", "birdc": "bird2"}
"""Programs that BGP needs, and the package that has them."""
_CONFIG = "bird.conf"
_SECONDS = 30.0


PEER, CLIENT, REFLECTOR, BEHIND = "peer", "client", "reflector", "behind"
ROLES = (PEER, CLIENT, REFLECTOR, BEHIND)
"""What another node is to this one: `peer` tells of itself, `client` is told of all others by this node, `reflector`
tells this node of all others, and `behind` a reflector is a node without a session to this one."""


class Peer(NamedTuple):
    """Another node: its address, the ranges that it may announce, and its role."""

    address: str
    range: Optional[str]
    range_v6: Optional[str] = None
    address_v6: Optional[str] = None
    """Where its IPv6 pods are reached."""
    role: str = PEER

    def way(self, version: int) -> Optional[Tuple[str, str]]:
        """Return its range of a version of IP, and the address that leads there; None without one of them."""
        dst, gateway = (self.range, self.address) if version == 4 else (self.range_v6, self.address_v6)
        return (dst, gateway) if dst and gateway else None

    def routes(self) -> List[Dict[str, str]]:
        """Return the routes that lead to it, as the store notes them."""
        ways = [self.way(version) for version in (4, 6)]
        return [{"dst": way[0], "gateway": way[1]} for way in ways if way]


def paths(lab: str) -> Dict[str, str]:
    """Return where the daemon has its configuration, its socket and the file with its PID."""
    directory = Store(lab).path
    return {name: "%s/bird.%s" % (directory, name) for name in ("conf", "ctl", "pid")}


def accepted(version: int, peer: Peer, peers: List[Peer]) -> Optional[str]:
    """Return the filter for the ranges that a node may tell: its own, a reflector that of each node that is there.

    The gateway of a route is the node that has the range, and a reflector leaves it as it is (RFC 4456, section 10).
    It is asked for by ``gw``, as ``bgp_next_hop`` is ``::`` where the next hop is a link-local address.
    BIRD reads ``&&`` and ``||`` from left to right, none before the other, so that each pair is in brackets.
    """
    own = peer.way(version)
    if peer.role != REFLECTOR:
        return "net = %s" % own[0] if own else None
    ways = [one.way(version) for one in peers]
    return " || ".join("(net = %s && gw = %s)" % way for way in ways if way) or None


def channel(version: int, peer: Peer, peers: List[Peer], next_hop: List[str], reflects: bool) -> List[str]:
    """Return the lines of a session for one version of IP; none where nothing is taken.

    A reflector tells what it was told as well, with the next hop that it has: BIRD keeps one that is link-local only
    where it is told to.
    """
    wanted = accepted(version, peer, peers)
    if wanted is None:
        return []
    return [
        "  ipv%d {" % version,
        "    import where %s;" % wanted,
        "    export where source = RTS_DEVICE%s;" % (" || source = RTS_BGP" if reflects else ""),
        *("    next hop %s;" % one for one in [*next_hop, *(["keep"] if reflects else [])]),
        "  };",
    ]


def session(local: str, asn: int, peer: Peer, peers: List[Peer], bfd: bool, local_v6: Optional[str]) -> List[str]:
    """Return the session with a node."""
    reflects = any(one.role == CLIENT for one in peers)
    return [
        "protocol bgp peer_%s {" % peer.address.replace(".", "_"),
        "  local %s as %d;" % (local, asn),
        "  neighbor %s as %d;" % (peer.address, asn),
        "  direct;",
        *(["  rr client;"] if peer.role == CLIENT else []),
        *(["  bfd on;"] if bfd else []),
        "  connect delay time 1;",
        "  connect retry time 5;",
        "  error wait time 1, 5;",
        "  hold time 9;",
        *channel(4, peer, peers, [] if reflects else ["self"], reflects),
        *channel(6, peer, peers, ["address %s" % local_v6], reflects),
        "}",
    ]


def configuration(
    local: str, asn: int, bridge: str, peers: List[Peer], local_v6: Optional[str] = None, bfd: bool = False
) -> str:
    """Return the configuration of BIRD 2: sessions within one autonomous system, with all nodes or with reflectors.

    A node announces the ranges of its bridge, and takes from each other node those that are that node's. Sessions are
    IPv4, and carry IPv6 routes as well (RFC 4760): these need a next hop that the session's addresses do not say. With
    `bfd` a session ends when three packets in a row did not come, of one each 300 ms (RFC 5880, section 6.8.4).
    """
    ranges = [("ipv4", any(peer.range for peer in peers)), ("ipv6", any(peer.range_v6 for peer in peers))]
    families = [family for family, there in ranges if there] or ["ipv4"]
    lines = [
        "router id %s;" % local,
        "protocol device {",
        "}",
        "protocol direct {",
        *("  %s;" % family for family in families),
        '  interface "%s";' % bridge,
        "}",
    ]
    for family in families:
        lines += [
            "protocol kernel {",
            "  %s {" % family,
            "    import none;",
            "    export where source = RTS_BGP;",
            "  };",
            "}",
        ]
    if bfd:
        lines += ["protocol bfd {", '  interface "*" {', "    interval 300 ms;", "    multiplier 3;", "  };", "}"]
    for peer in peers:
        lines += session(local, asn, peer, peers, bfd, local_v6) if peer.role != BEHIND else []
    return "".join(line + "\n" for line in lines)


def one_line(text: str) -> str:
    """Return a configuration as one line.

    >>> one_line("protocol direct {\\n  ipv4;\\n}\\n")
    'protocol direct { ipv4; }'
    """
    return " ".join(text.split())


def is_daemon(command_line: bytes, config: str) -> bool:
    """Tell from /proc/PID/cmdline whether a process is BIRD with this configuration."""
    words = command_line.split(b"\0")
    return os.path.basename(words[0]) == b"bird" and config.encode() in words


def daemons(lab: str) -> List[Process]:
    """Return the lab's daemons that run in this PID namespace: one, or none."""
    config = paths(lab)["conf"]
    found = []
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open("/proc/%s/cmdline" % name, "rb") as handle:
                command_line = handle.read(4096)
        except OSError:
            continue
        process = identify(int(name)) if is_daemon(command_line, config) else None
        found += [process] if process is not None else []
    return found


def answers(step: Step) -> bool:
    """Tell whether the daemon answers on its socket."""
    birdc = step.tool("birdc", PROGRAMS["birdc"])
    status, _out, _err = step.module.run_command([birdc, "-s", paths(step.lab)["ctl"], "show", "status"])
    return bool(status == 0)


def lasting_routes(lab: str) -> List[str]:
    """Return ``DST via GATEWAY`` of the lab's routes by BGP that are on the node."""
    noted = ["%s via %s" % (entry["dst"], entry["gateway"]) for entry in Store(lab).bgp_routes()]
    have = [route for route in read_node().routes if route["protocol"] == RTPROT_BIRD]
    return sorted(text for text in ("%s via %s" % (prefix(r), r.get("gateway")) for r in have) if text in noted)


def run_tool(step: Step, program: str, words: List[str]) -> None:
    """Run a program of BIRD, or say what it would be."""
    shown = " ".join([program, *words])
    step.commands.append(shown)
    if step.real:
        status, out, err = step.module.run_command([step.tool(program, PROGRAMS[program]), *words])
        if status != 0:
            step.failed(shown, err or out)


def describe(text: Optional[str], alive: bool) -> List[str]:
    """Describe the daemon for the diff: its configuration, and whether it runs."""
    return ([] if text is None else text.splitlines()) + (["(bird runs)"] if alive else [])


def stop(step: Step, running: List[Process]) -> None:
    """End the daemon, which takes its routes along, and remove those of one that was killed before."""
    step.commands += ["kill -TERM %d" % process.pid for process in running]
    if not step.real:
        return
    for process in running:
        os.kill(process.pid, signal.SIGTERM)
    limit = time.monotonic() + _SECONDS
    while any(alive(process) for process in running) and time.monotonic() < limit:
        time.sleep(0.05)
    end(running)
    step.ip(["route delete %s proto bird" % route for route in lasting_routes(step.lab)])


def read_peer(peer: Dict[str, Any]) -> Peer:
    """Return a node that the options describe. Raise ValueError, with words for a person."""
    if not peer["range"] and not (peer["range_v6"] and peer["address_v6"]):
        raise ValueError("the node %s has no range, or an IPv6 range and no address_v6" % peer["address"])
    return Peer(
        str(ipaddress.IPv4Address(peer["address"])),
        str(ipaddress.IPv4Network(peer["range"])) if peer["range"] else None,
        str(ipaddress.IPv6Network(peer["range_v6"])) if peer["range_v6"] else None,
        str(ipaddress.IPv6Address(peer["address_v6"])) if peer["address_v6"] else None,
        peer["role"],
    )


def present(step: Step) -> None:
    """Have the daemon run with the configuration that the options describe, and end the module."""
    options, place, store = step.module.params, paths(step.lab), Store(step.lab)
    check_ifname(step, options["bridge"])
    try:
        local = str(ipaddress.IPv4Address(options["local"]))
        peers = [read_peer(peer) for peer in options["peers"]]
        local_v6 = str(ipaddress.IPv6Address(options["local_v6"])) if options["local_v6"] else None
        if local_v6 is None and any(peer.range_v6 for peer in peers):
            raise ValueError("there are IPv6 ranges and no local_v6, where the node's own is reached")
    except ValueError as error:
        step.fail("bgp", str(error), "Correct it.")
    text = configuration(local, options["asn"], options["bridge"], sorted(peers), local_v6, options["bfd"])
    earlier, running = store.text(_CONFIG), daemons(step.lab)
    noted = ["%s via %s" % (entry["dst"], entry["gateway"]) for entry in store.bgp_routes()]
    for route in read_node().routes:
        if route["protocol"] == RTPROT_BIRD and "%s via %s" % (prefix(route), route.get("gateway")) not in noted:
            cause = "another BIRD has put it on this node, and two would remove each other's routes"
            step.fail("route to %s" % prefix(route), cause, "Choose another network for the lab, or end that BIRD.")
    good = len(running) == 1 and answers(step)
    if earlier != text:
        step.commands.append("echo '%s' > %s" % (one_line(text), place["conf"]))
    if step.real:
        store.write_bgp_routes([route for peer in sorted(peers) for route in peer.routes()])
        store.keep(_CONFIG, text)
    if running and not good:
        stop(step, running)
    if not good:
        run_tool(step, "bird", ["-c", place["conf"], "-s", place["ctl"], "-P", place["pid"]])
    elif earlier != text:
        run_tool(step, "birdc", ["-s", place["ctl"], "configure"])
    birdc = "birdc -s %s " % place["ctl"]
    step.exit(
        before=describe(earlier, good),
        after=describe(text, True),
        see=[
            birdc + "show protocols",
            *([birdc + "show bfd sessions"] if options["bfd"] else []),
            birdc + "show route",
            "ip route show proto bird",
        ],
    )


def awaited(step: Step) -> None:
    """Wait until the routes that the other nodes announce are there, and end the module."""
    wanted = sorted("%s via %s" % (entry["dst"], entry["gateway"]) for entry in Store(step.lab).bgp_routes())
    limit = time.monotonic() + step.module.params["timeout"]
    missing = wanted
    while step.real and missing:
        have = lasting_routes(step.lab)
        missing = [route for route in wanted if route not in have]
        if missing and time.monotonic() > limit:
            _status, out, _err = step.module.run_command(
                [step.tool("birdc", PROGRAMS["birdc"]), "-s", paths(step.lab)["ctl"], "show", "protocols"]
            )
            step.fail(
                "route to %s" % missing[0],
                "no node has announced it",
                "See whether BIRD runs there, and whether TCP port 179 is open between the nodes.",
                protocols=out.splitlines(),
            )
        time.sleep(0.1 if missing else 0)
    step.exit(before=[], after=[], see=[])


def absent(step: Step) -> None:
    """Have no daemon and nothing of it, and end the module."""
    store, place = Store(step.lab), paths(step.lab)
    earlier, running = store.text(_CONFIG), daemons(step.lab)
    stop(step, running)
    left = [path for path in place.values() if os.path.lexists(path)]
    step.commands += ["rm " + place["conf"]] if earlier is not None else []
    if step.real:
        for path in left:
            if os.path.lexists(path):
                os.unlink(path)
        store.write_bgp_routes([])
    step.exit(before=describe(earlier, bool(running)), after=[], see=["ip route show proto bird"])


_PEER_OPTIONS: Dict[str, Any] = {
    "address": {"type": "str", "required": True},
    "range": {"type": "str"},
    "range_v6": {"type": "str"},
    "address_v6": {"type": "str"},
    "role": {"type": "str", "choices": list(ROLES), "default": PEER},
}

ARGUMENTS: Dict[str, Any] = {
    "argument_spec": {
        "lab": LAB_ARGUMENT,
        "state": {"type": "str", "choices": ["present", "awaited", "absent"], "default": "present"},
        "local": {"type": "str"},
        "local_v6": {"type": "str"},
        "asn": {"type": "int", "default": 64512},
        "bridge": {"type": "str"},
        "bfd": {"type": "bool", "default": False},
        "peers": {"type": "list", "elements": "dict", "default": [], "options": _PEER_OPTIONS},
        "timeout": {"type": "int", "default": 30},
    },
    "required_if": [("state", "present", ["local", "bridge"])],
}
"""What AnsibleModule is to know of the options."""


def run(module: AnsibleModule) -> None:
    """Do what the module is asked for, and end it."""
    step = Step(module)
    {"present": present, "awaited": awaited, "absent": absent}[module.params["state"]](step)
