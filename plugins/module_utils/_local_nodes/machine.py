# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""The machine that nodes run on: what it has, and the commands that make and remove them.

Every command that changes something goes through `Machine.run` and is kept in `Machine.commands`
as a person would type it.
"""

from __future__ import annotations

import ipaddress
import json
import os
import shlex
import socket
import time
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

from . import cgroups, state
from .plan import (
    LINK_MARK,
    FabricSeen,
    Network,
    NodeSeen,
    NodeSpec,
    ProcessId,
    Wanted,
    check_overlap,
    check_owner,
    data_directory,
    gateway_of,
    ipv4_network,
    mac_of,
)

PROGRAMS = {
    "/usr/sbin/sshd": "openssh-server",
    "/usr/bin/python3": "python3",
    "ip": "iproute2",
    "ssh-keygen": "openssh-client",
    "setpriv": "util-linux",
    "setsid": "util-linux",
    "unshare": "util-linux",
    "nsenter": "util-linux",
    "hostname": "hostname",
}
"""What nodes are made of, and the Debian package that has it."""

START_PATIENCE = 30.0
"""Seconds in which a node must have furnished itself; a quarter of a second is usual."""

GREETING_PATIENCE = {"light": 8.0, "full": 90.0}
"""Seconds in which its sshd must be reachable after that. Systemd takes two, and many at once take longer."""

_VETH = ("type", "veth", "peer", "name")

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

RunCommand = Callable[..., Tuple[int, str, str]]


class MachineError(Exception):
    """The machine refused a step; the message says which, why, and what to do."""


class Machine:
    """The machine, with `run_command` and `get_bin_path` as AnsibleModule has them."""

    def __init__(self, run_command: RunCommand, get_bin_path: Callable[[str], Optional[str]]) -> None:
        self._run_command = run_command
        self._get_bin_path = get_bin_path
        self.commands: List[str] = []

    # --- reading ---------------------------------------------------------------------------------------------

    def missing_programs(self) -> List[str]:
        """What is not installed, each as a sentence with the Debian package."""
        missing = []
        for program, package in sorted(PROGRAMS.items()):
            found = os.access(program, os.X_OK) if program.startswith("/") else self._get_bin_path(program)
            if not found:
                missing.append(
                    "%s is not installed: install Debian's package %s (apt-get install %s)."
                    % (program, package, package)
                )
        return missing

    def _ip_json(self, *argv: str) -> List[Dict[str, Any]]:
        code, out, err = self._run_command(["ip", "-j", *argv])
        if code != 0:
            raise MachineError("'ip -j %s' failed: %s" % (" ".join(argv), err.strip()))
        value = json.loads(out or "[]")
        return [item for item in value if item] if isinstance(value, list) else []

    def networks(self) -> List[Network]:
        """The IPv4 networks that this machine has addresses in or routes to."""
        found = []
        for link in self._ip_json("-4", "address", "show"):
            for address in link.get("addr_info", []):
                interface = ipaddress.IPv4Interface("%s/%s" % (address["local"], address["prefixlen"]))
                found.append(Network(str(interface.network), str(link["ifname"])))
        for route in self._ip_json("-4", "route", "show", "table", "all"):
            if route.get("table") != "local" and route.get("dst") not in (None, "default"):
                found.append(Network(str(route["dst"]), str(route.get("dev", route.get("type", "a route")))))
        return found

    def link(self, name: str) -> Optional[Dict[str, Any]]:
        """The machine's link of this name as `ip -j -d address show` has it, or None."""
        code, out, _err = self._run_command(["ip", "-j", "-d", "address", "show", "dev", name])
        links = json.loads(out or "[]") if code == 0 else []
        return next((link for link in links if link), None)

    def see_fabric(self, name: str, try_nodes: bool) -> Optional[FabricSeen]:
        """The fabric and its nodes as they are now; None when there is no trace of it.

        With `try_nodes` each living node is asked for the greeting of its sshd.
        """
        directory = state.fabric_directory(name)
        record = state.read_json(os.path.join(directory, "fabric.json"))
        if not record:
            return None
        holder = state.read_process_id(os.path.join(directory, "holder"))
        subnet = str(record.get("subnet", ""))
        faults = self._uplink_faults(name, subnet)
        return FabricSeen(
            name=name,
            subnet=subnet,
            directory=str(record.get("directory", "")),
            owner=int(record.get("owner", 0)),
            holder=holder,
            holder_alive=state.is_alive(holder),
            uplink_faults=tuple(faults),
            nodes=tuple(_see_node(name, node, try_nodes and not faults) for node in state.node_names(name)),
        )

    def _uplink_faults(self, fabric: str, subnet: str) -> List[str]:
        """What is wrong with the machine's end of the cable into the fabric."""
        link = self.link(fabric)
        network = ipv4_network(subnet)
        if link is None:
            return ["link %s is gone" % fabric]
        faults = []
        addresses = [(a.get("local"), a.get("prefixlen")) for a in link.get("addr_info", [])]
        if network is not None and (gateway_of(network), network.prefixlen) not in addresses:
            faults.append("link %s has lost its address %s" % (fabric, gateway_of(network)))
        if "UP" not in link.get("flags", []):
            faults.append("link %s is down" % fabric)
        for path in _forwarding_sysctls(fabric):
            if state.read_text(path) not in ("0", ""):
                faults.append("link %s forwards packets" % fabric)
                break
        if not self._has_stop_rule(fabric):
            faults.append("the rule that keeps packets of link %s on this machine is gone" % fabric)
        return faults

    def _has_stop_rule(self, fabric: str) -> bool:
        """Whether a rule forbids to route anything that comes from the fabric."""
        rules = self._ip_json("-4", "rule", "show")
        return any(rule.get("iif") == fabric and rule.get("action") == "prohibit" for rule in rules)

    def check(self, wanted: Wanted, seen: Optional[FabricSeen]) -> List[str]:
        """Why this machine, as it is, cannot take the fabric; each as a sentence with its remedy."""
        faults = check_owner(wanted, seen)
        link = self.link(wanted.fabric)
        mark = link.get("ifalias") if link else LINK_MARK
        if mark != LINK_MARK:
            faults.append(
                "link %s is there already, and is not ours: choose another fabric name, or rename that link."
                % wanted.fabric
            )
        elif link is not None and seen is None:
            faults.append(
                "link %s is left from a fabric whose state in %s is gone: remove it first (state=absent)."
                % (wanted.fabric, state.BASE)
            )
        return faults + check_overlap(wanted, self.networks())

    def has_traces(self, fabric: str, data: str) -> bool:
        """Whether there is anything of this fabric to remove; its full nodes' files may lie below `data`."""
        link = self.link(fabric)
        return (
            (link is not None and link.get("ifalias") == LINK_MARK)
            or os.path.isdir(state.fabric_directory(fabric))
            or bool(state.stray_processes(fabric))
            or bool(cgroups.find_groups(state.fabric_mark(fabric)))
            or state.has_data(data, fabric)
        )

    # --- changing --------------------------------------------------------------------------------------------

    def run(self, argv: Sequence[str], what: str, hints: Sequence[Tuple[str, str]] = ()) -> None:
        """Run a command that changes something, and keep it. Raises MachineError with `what` and its words.

        `hints` are pairs: when the first is in the command's words, the second is the remedy.
        """
        self.commands.append(shlex.join(argv))
        code, out, err = self._run_command(list(argv))
        if code != 0:
            words = (err or out).strip() or "exit status %d" % code
            remedy = next((": %s" % remedy for text, remedy in hints if text in words), "")
            raise MachineError("%s failed (%s)%s." % (what, words.replace("\n", " "), remedy))

    def build_fabric(self, wanted: Wanted) -> None:
        """Make the namespace with the bridge, and the cable to it. What was begun is undone on failure."""
        state.write_fabric(wanted)
        directory = state.fabric_directory(wanted.fabric)
        try:
            holder = self._start_holder(directory)
            enter = ["nsenter", "--net=%s" % _netns(holder)]
            self.run(
                [*enter, "ip", "link", "add", "br0", "type", "bridge", "stp_state", "0", "forward_delay", "0"],
                "making the fabric's bridge",
                _MISSING_KIND,
            )
            self.run([*enter, "ip", "link", "set", "br0", "up"], "starting the fabric's bridge")
            # Only now: a fabric of which there is no record of a holder is built anew.
            os.replace(os.path.join(directory, "holder.begun"), os.path.join(directory, "holder"))
            self.repair_uplink(wanted, holder)
        except MachineError:
            self.remove_fabric(wanted.fabric)
            raise

    def _start_holder(self, directory: str) -> ProcessId:
        """A process that does nothing but keep the bridge's network namespace alive."""
        path = os.path.join(directory, "holder.begun")
        script = 'read -r stat < /proc/self/stat; set -- $stat; echo "$1 ${22}" > "$HOLDER.tmp"'
        script += ' && mv "$HOLDER.tmp" "$HOLDER" && exec sleep infinity'
        self._spawn(
            ["unshare", "--net", "sh", "-c", script],
            os.path.join(directory, "holder.log"),
            {"HOLDER": path, state.FABRIC_VARIABLE: state.fabric_mark(os.path.basename(directory))},
            "making a network namespace",
        )
        holder = _wait_for(lambda: state.read_process_id(path), 5.0)
        if holder is None:
            words = state.read_text(os.path.join(directory, "holder.log")).replace("\n", " ")
            raise MachineError(
                "making a network namespace failed (%s): this needs root and a kernel with network namespaces."
                % (words or "no word from unshare")
            )
        return holder

    def _spawn(self, argv: Sequence[str], log: str, environment: Dict[str, str], what: str) -> None:
        """Start a process in a session of its own, with none of our files open, and do not wait for it.

        Of our environment, which may hold secrets and lasts as long as the process, it sees only `environment`.
        """
        settings = ["%s=%s" % setting for setting in {"PATH": _PATH, **environment}.items()]
        script = 'log=$1; shift; exec setsid --fork "$@" < /dev/null > "$log" 2>&1'
        self.commands.append(shlex.join(["setsid", "--fork", *argv]))
        code, _out, err = self._run_command(["env", "-i", *settings, "sh", "-c", script, "sh", log, *argv])
        if code != 0:
            raise MachineError("%s failed (%s)." % (what, err.strip()))

    def repair_uplink(self, wanted: Wanted, holder: ProcessId) -> None:
        """Give the machine its end of the cable, the fabric's first address, and no way through."""
        network = ipv4_network(wanted.subnet)
        if network is None:
            raise AssertionError("check_wanted refuses what is no network")
        name = wanted.fabric
        if self.link(name) is not None:
            self.run(["ip", "link", "del", name], "removing what was left of link %s" % name)
        # The cable is marked where only we are, and then handed over: whenever this is broken off, no link
        # without a mark is left on the machine.
        enter = ["nsenter", "--net=%s" % _netns(holder)]
        self._run_command([*enter, "ip", "link", "del", name])
        self.run(
            [*enter, "ip", "link", "add", name, "address", mac_of(gateway_of(network)), *_VETH, "machine"],
            "making the cable %s" % name,
            _MISSING_KIND,
        )
        self.run([*enter, "ip", "link", "set", name, "alias", LINK_MARK], "marking link %s" % name)
        self.run([*enter, "ip", "link", "set", "machine", "master", "br0", "up"], "plugging the machine in")
        self.run([*enter, "ip", "link", "set", name, "netns", str(os.getpid())], "handing over link %s" % name)
        # Nodes have a default route to the machine, and there it ends: the link forwards nothing, and when
        # somebody later lets the whole machine forward, which sets this link too, the rule still says no.
        if not self._has_stop_rule(name):
            self.run(["ip", "-4", "rule", "add", "iif", name, "prohibit"], "keeping the nodes' packets in")
        for path in _forwarding_sysctls(name):
            if os.path.exists(path):
                self.commands.append("echo 0 > %s" % path)
                state.write_text_in_place(path, "0\n")
        address = "%s/%d" % (gateway_of(network), network.prefixlen)
        self.run(["ip", "address", "add", address, "dev", name], "giving link %s its address" % name)
        self.run(["ip", "link", "set", name, "up"], "starting link %s" % name)

    def start_nodes(self, fabric: str, specs: Sequence[NodeSpec], init: str) -> None:
        """Start these nodes together and wait until each has greeted. Those that did not are ended again.

        Raises MachineError that names each failed node with the last words of its log.
        """
        holder = state.read_process_id(os.path.join(state.fabric_directory(fabric), "holder"))
        if holder is None:
            raise MachineError("fabric %s has no process that holds its bridge: run this again." % fabric)
        for spec in specs:
            directory = state.write_node(fabric, spec)
            furniture = self._prepare_full(fabric, spec) if spec.kind == "full" else {}
            self._spawn(
                ["unshare", "--net", "--mount", "--pid", "--uts", "--ipc", "--fork", "--kill-child", "sh", init],
                os.path.join(directory, "log"),
                {
                    state.FABRIC_VARIABLE: state.fabric_mark(fabric),
                    "NODE_NAME": spec.name,
                    "NODE_STATE": directory,
                    "NODE_ADDRESS": "%s/%d" % (spec.address, spec.prefixlen),
                    "NODE_MAC": mac_of(spec.address),
                    "NODE_GATEWAY": spec.gateway,
                    "NODE_PORT": spec.port,
                    "NODE_FABRIC_NETNS": _netns(holder),
                    "NODE_PUBLIC_KEY": spec.public_key,
                    "NODE_BINDS": "\n".join(spec.binds),
                    **furniture,
                },
                "starting node %s" % spec.name,
            )
        deadline = time.monotonic() + START_PATIENCE
        failures = []
        for spec in specs:
            cause = _wait_for_node(fabric, spec, deadline)
            if cause:
                failures.append("node %s did not start: %s" % (spec.name, cause))
                self.remove_nodes(fabric, [spec.name])
        if failures:
            raise MachineError(" ".join(failures))

    def _prepare_full(self, fabric: str, spec: NodeSpec) -> Dict[str, str]:
        """Make the full node's directory and control groups; what its first process must know of them."""
        state.make_data(fabric, spec)
        hierarchies = cgroups.see_hierarchies()
        groups = cgroups.node_groups(hierarchies, state.fabric_mark(fabric), spec.name)
        self.commands.append(shlex.join(["mkdir", spec.data, *groups]))
        cgroups.make_groups(groups)
        return {
            "NODE_ROOT": spec.root,
            "NODE_DATA": spec.data,
            "NODE_CGROUPS": cgroups.describe_groups(hierarchies, groups),
        }

    def remove_nodes(self, fabric: str, names: Sequence[str]) -> None:
        """End these nodes and forget them. Raises MachineError when a process outlives SIGKILL."""
        addresses = []
        inits = []
        data = []
        groups = cgroups.find_groups(state.fabric_mark(fabric), names)
        for name in names:
            spec = state.read_node_spec(fabric, name)
            if spec is not None:
                addresses.append(spec.address)
                data.append(spec.data)
            inits.append(_settled_init(state.node_directory(fabric, name)))
        self.commands.extend("kill -KILL %d" % init.pid for init in inits if init and state.is_alive(init))
        if addresses:
            state.end_ssh_masters(fabric, addresses)
        cgroups.thaw(groups)
        _end(inits)
        self._remove_groups(groups)
        for path in filter(None, data):
            state.remove_data(os.path.dirname(path), {os.path.basename(path)})
        for name in names:
            state.remove_tree(state.node_directory(fabric, name))

    def _remove_groups(self, groups: Sequence[str]) -> None:
        if not groups:
            return
        self.commands.append(shlex.join(["rmdir", *groups]))
        stubborn = cgroups.remove_groups(groups)
        if stubborn:
            raise MachineError(
                "control group %s cannot be removed: see which processes are in it (cgroup.procs there and below),"
                " then run this again." % stubborn[0]
            )

    def remove_fabric(self, fabric: str, data: str = "") -> None:
        """End everything of this fabric, and forget it. Its directory stays, empty: the caller has a lock on it.

        Full nodes of which there is no record wrote below `data`.
        """
        directory = state.fabric_directory(fabric)
        self.remove_nodes(fabric, state.node_names(fabric))
        state.end_ssh_masters(fabric)
        link = self.link(fabric)
        if link is not None and link.get("ifalias") == LINK_MARK:
            self.run(["ip", "link", "del", fabric], "removing link %s" % fabric)
        # A rule outlives its link, and belongs to us only where the link of that name is ours or gone.
        while (link is None or link.get("ifalias") == LINK_MARK) and self._has_stop_rule(fabric):
            self.run(["ip", "-4", "rule", "del", "iif", fabric, "prohibit"], "removing the rule of link %s" % fabric)
        # The holder, and whatever else was started for this fabric, recorded or not.
        processes = state.stray_processes(fabric)
        cgroups.thaw(cgroups.find_groups(state.fabric_mark(fabric)))
        self.commands.extend("kill -KILL %d" % process.pid for process in processes)
        _end(processes)
        self._remove_groups(cgroups.find_groups(state.fabric_mark(fabric)))
        if data:
            state.remove_data(data_directory(data, fabric))
        state.remove_contents(directory)


_MISSING_KIND = (
    (
        "Unknown device type",
        "this kernel has no such link: load its module (modprobe veth; modprobe bridge)",
    ),
    ("not supported", "this kernel has no such link: load its module (modprobe veth; modprobe bridge)"),
    ("not permitted", "this needs root: use become, or run inside tools/rootless"),
)


def _netns(process: ProcessId) -> str:
    return "/proc/%d/ns/net" % process.pid


def _forwarding_sysctls(link: str) -> List[str]:
    # A dot separates in sysctl(8), not here: the path has the link's name as it is.
    return ["/proc/sys/net/ipv4/conf/%s/forwarding" % link, "/proc/sys/net/ipv6/conf/%s/forwarding" % link]


def _end(processes: Sequence[Optional[ProcessId]]) -> None:
    stubborn = state.end_processes(processes)
    if stubborn:
        raise MachineError(
            "process %d does not end, as a process that waits for a disk does not: see /proc/%d/stack, then run this"
            " again." % (stubborn[0].pid, stubborn[0].pid)
        )


def _settled_init(directory: str) -> Optional[ProcessId]:
    """The node's first process. A node that was started a moment ago has not written it down yet."""
    path = os.path.join(directory, "init")
    born_lately = os.path.exists(os.path.join(directory, "log")) and not os.path.exists(path)
    return _wait_for(lambda: state.read_process_id(path), 1.0 if born_lately else 0.0)


def _see_node(fabric: str, name: str, try_it: bool) -> NodeSeen:
    directory = state.node_directory(fabric, name)
    spec = state.read_node_spec(fabric, name)
    init = state.read_process_id(os.path.join(directory, "init"))
    alive = state.is_alive(init)
    return NodeSeen(
        name=name,
        spec=spec,
        init=init,
        host_key=_host_key(directory),
        alive=alive,
        answers=not _greeting(spec.address, 2.0) if try_it and alive and spec else None,
    )


def _host_key(directory: str) -> str:
    """The host key as known_hosts has it, without the comment."""
    return " ".join(state.read_text(os.path.join(directory, "host_key")).split()[:2])


def _wait_for(read: Callable[[], Optional[ProcessId]], patience: float) -> Optional[ProcessId]:
    """What `read` returns as soon as that is something; None after `patience` seconds."""
    deadline = time.monotonic() + patience
    while True:
        value = read()
        if value is not None or time.monotonic() >= deadline:
            return value
        time.sleep(0.005)


def _wait_for_node(fabric: str, spec: NodeSpec, deadline: float) -> str:
    """Wait until the node greets; empty then, otherwise why it does not."""
    directory = state.node_directory(fabric, spec.name)
    cause = "it was not ready in %d s" % START_PATIENCE
    furnished = False
    while time.monotonic() < deadline:
        init = state.read_process_id(os.path.join(directory, "init"))
        if init is not None and not state.is_alive(init):
            cause = "its first process ended"
            break
        if init is None and os.path.getsize(os.path.join(directory, "log")) > 0:
            cause = "unshare failed"
            break
        if not furnished and _host_key(directory):
            furnished = True
            deadline = time.monotonic() + GREETING_PATIENCE[spec.kind]
        if furnished:
            cause = _greeting(spec.address, 2.0)
            if not cause:
                return ""
        time.sleep(0.01)
    words = " ".join(state.read_text(os.path.join(directory, "log")).splitlines()[-5:])
    return "%s%s." % (cause, "; it said: %s" % words if words else "")


def _greeting(address: str, patience: float) -> str:
    """Ask sshd for its greeting (RFC 4253, 4.2); empty when it comes, otherwise why not."""
    try:
        with socket.create_connection((address, 22), timeout=patience) as connection:
            if connection.recv(4) == b"SSH-":
                return ""
            return "what answers on %s port 22 is no SSH server" % address
    except OSError as error:
        return "%s port 22 cannot be reached (%s); does a firewall of this machine stop it?" % (
            address,
            error.strerror or error,
        )
