# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A container runtime's half of CNI: calls real plugins as containerd does and keeps its files.

Protocol: CNI specification 1.0.0, sections 2 (environment, standard input) and 3 (chained plugins,
``prevResult``, DEL in reverse order). Cache: libcni, api.go, ``cachedInfo`` (kind ``cniCacheV1``) in
``/var/lib/cni/results/NETWORK-CONTAINERID-IFNAME``. Names of namespaces and CNI_ARGS: containerd's CRI
plugin (``/var/run/netns/cni-UUID``, network ``cni-loopback``).
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.podnet.lab.tests.integration.support.world import World

CNI_VERSION = "1.0.0"
PLUGIN_DIRECTORIES = ("/usr/lib/cni", "/opt/cni/bin")
LOOPBACK = {"cniVersion": CNI_VERSION, "name": "cni-loopback", "plugins": [{"type": "loopback"}]}

Conflist = dict[str, Any]


def require_plugins(*names: str) -> str:
    """The directory that holds these CNI plugins, or skip with the Debian package that has them."""
    for directory in PLUGIN_DIRECTORIES:
        if all(os.access(os.path.join(directory, name), os.X_OK) for name in names):
            return directory
    pytest.skip(f"no CNI plugins {', '.join(names)} on this machine (Debian: containernetworking-plugins)")


class CniError(AssertionError):
    """A plugin refused; the message is what it said."""


@dataclass
class Sandbox:
    """One pod sandbox: its network namespace and the process that stands for its pause container."""

    namespace: str
    name: str
    uid: str
    id: str
    """64 hexadecimal digits, as containerd makes them."""
    netns: str
    """``/var/run/netns/cni-UUID``."""
    inode: int
    pid: int

    @property
    def pod(self) -> dict[str, str]:
        """The pod as the facts name it."""
        return {"namespace": self.namespace, "name": self.name}


class Runtime:
    """Makes sandboxes in a world and attaches them to networks with real CNI plugins."""

    def __init__(self, world: World, plugin_directory: str) -> None:
        self.world = world
        self.plugin_directory = plugin_directory

    def configure(self, file_name: str, conflist: Conflist) -> str:
        """Write a network configuration to ``/etc/cni/net.d``; the answer is its path."""
        path = "/etc/cni/net.d/" + file_name
        self.world.sh('mkdir -p /etc/cni/net.d; printf %s "$2" > "$1"', path, json.dumps(conflist, indent=2))
        return path

    def sandbox(self, namespace: str, name: str, uid: str | None = None) -> Sandbox:
        """Make a sandbox: network namespace, loopback by the CNI plugin, a process in it."""
        uid = uid or str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{name}.{namespace}"))
        identity = hashlib.sha256(f"{namespace}/{name}/{uid}".encode()).hexdigest()
        netns_name = "cni-" + str(uuid.uuid5(uuid.NAMESPACE_OID, identity))
        self.world.ip("netns", "add", netns_name)
        inode = self.world.inode("/run/netns/" + netns_name)
        pid = self.world.spawn("sleep", "100000", netns=netns_name)
        made = Sandbox(namespace, name, uid, identity, "/var/run/netns/" + netns_name, inode, pid)
        self.add(made, LOOPBACK, "lo")
        return made

    def add(self, sandbox: Sandbox, conflist: Conflist, ifname: str = "eth0") -> dict[str, Any]:
        """ADD a sandbox to a network: every plugin of the list in order; the answer is the last result."""
        result: dict[str, Any] | None = None
        for plugin in conflist["plugins"]:
            result = self._call("ADD", plugin, conflist, sandbox, ifname, result)
        assert result is not None
        self._cache(sandbox, conflist, ifname, result)
        return result

    def delete(self, sandbox: Sandbox, conflist: Conflist, ifname: str = "eth0") -> None:
        """DEL a sandbox from a network, in reverse order, with the cached result; then forget the result."""
        path = self._cache_path(sandbox, conflist, ifname)
        result = json.loads(self.world.run("cat", path).stdout)["result"]
        for plugin in reversed(conflist["plugins"]):
            self._call("DEL", plugin, conflist, sandbox, ifname, result)
        self.world.run("rm", "--", path)

    def kill(self, sandbox: Sandbox, *, cleanly: bool) -> None:
        """End a sandbox's process and namespace.

        With `cleanly` false only the kernel's part goes: results and leases stay, as after a crash of the runtime.
        """
        self.world.kill(sandbox.pid)
        self.world.ip("netns", "del", os.path.basename(sandbox.netns))
        if cleanly:
            self.world.run("rm", "-f", "--", self._cache_path(sandbox, LOOPBACK, "lo"))

    def _arguments(self, sandbox: Sandbox) -> list[tuple[str, str]]:
        return [
            ("IgnoreUnknown", "1"),
            ("K8S_POD_NAMESPACE", sandbox.namespace),
            ("K8S_POD_NAME", sandbox.name),
            ("K8S_POD_INFRA_CONTAINER_ID", sandbox.id),
            ("K8S_POD_UID", sandbox.uid),
        ]

    def _cache_path(self, sandbox: Sandbox, conflist: Conflist, ifname: str) -> str:
        return f"/var/lib/cni/results/{conflist['name']}-{sandbox.id}-{ifname}"

    def _cache(self, sandbox: Sandbox, conflist: Conflist, ifname: str, result: dict[str, Any]) -> None:
        cached = {
            "kind": "cniCacheV1",
            "containerId": sandbox.id,
            "config": base64.b64encode(json.dumps(conflist).encode()).decode(),
            "ifName": ifname,
            "networkName": conflist["name"],
            "netns": sandbox.netns,
            "cniArgs": self._arguments(sandbox),
            "capabilityArgs": {"dns": {}},
            "result": result,
        }
        self.world.sh(
            'mkdir -p -m 700 /var/lib/cni/results; umask 077; printf %s "$2" > "$1"',
            self._cache_path(sandbox, conflist, ifname),
            json.dumps(cached),
        )

    def _call(
        self,
        command: str,
        plugin: dict[str, Any],
        conflist: Conflist,
        sandbox: Sandbox,
        ifname: str,
        previous: dict[str, Any] | None,
    ) -> dict[str, Any] | None:
        config = {**plugin, "cniVersion": conflist["cniVersion"], "name": conflist["name"]}
        if previous is not None:
            config["prevResult"] = previous
        env = {
            "CNI_COMMAND": command,
            "CNI_CONTAINERID": sandbox.id,
            "CNI_NETNS": sandbox.netns,
            "CNI_IFNAME": ifname,
            "CNI_ARGS": ";".join(f"{key}={value}" for key, value in self._arguments(sandbox)),
            "CNI_PATH": self.plugin_directory,
        }
        binary = Path(self.plugin_directory) / plugin["type"]
        done = self.world.run(binary, stdin=json.dumps(config), env=env, check=False)
        if done.returncode != 0:
            raise CniError(f"{plugin['type']} {command} for {sandbox.name}: {done.stdout} {done.stderr}")
        if command == "DEL" or not done.stdout.strip():
            return previous
        answer = json.loads(done.stdout)
        assert isinstance(answer, dict)
        return answer


def host_local(*subnets: str) -> dict[str, Any]:
    """host-local IPAM with one range for each subnet and a default route of each family."""
    routes = [{"dst": "::/0" if ":" in subnet else "0.0.0.0/0"} for subnet in subnets]
    return {"type": "host-local", "ranges": [[{"subnet": subnet}] for subnet in subnets], "routes": routes}


def network(name: str, plugin: dict[str, Any], *chained: dict[str, Any]) -> Conflist:
    """A network configuration list of one plugin and those chained behind it."""
    return {"cniVersion": CNI_VERSION, "name": name, "plugins": [plugin, *chained]}
