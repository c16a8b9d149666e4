# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

r"""What the lab's modules share: running commands, remembering them, and leaving with a result.

A result has ``commands``, what a person would have typed for the same change, in order, and
``see``, what a person would type to look at it. In check mode the commands are those that
would have been run.
"""

from __future__ import annotations

import fcntl
import ipaddress
import os
import re
import time
from typing import Any, Dict, List, NoReturn, Optional, Sequence

from ansible.module_utils.basic import AnsibleModule

from .names import NETNS_DIR
from .processes import alive
from .read import View, entered, read_netns
from .store import Store, sandbox_process

# RFC 1123 labels, as Kubernetes requires of the names of pods, namespaces and containers.
LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?\Z")
# What Linux allows in an interface's name (dev_valid_name), less what iproute2 or sysctl trip over.
IFNAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,14}\Z")
NETNS_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,199}\Z")

PACKAGES = {"bridge": "iproute2", "ip": "iproute2", "nft": "nftables", "sleep": "coreutils"}
"""Programs that a lab needs, and the packages that have them."""
NAME_SERVER = {"dnsmasq": "dnsmasq-base"}
"""What the node of the lab's name server needs beside them."""
SBIN = ["/sbin", "/usr/sbin", "/usr/local/sbin"]
_FAILED_LINE = re.compile(r"Command failed -:(\d+)")
_REMEDIES = (
    ("Operation not permitted", "Run the task with become: true."),
    ("Unknown device type", "Load the kernel module of that kind of link, or use a kernel that has it."),
    ("Not supported", "Use a kernel that has this feature."),
    ("invalid gateway", "The gateway must be on a network that the node is connected to."),
    ("File exists", "Something not made by the lab is in the way: remove it, or choose another name or range."),
)


def address_of(text: str, version: Optional[int] = None) -> str:
    """Return an address, of a version of IP or of any, as it is written. Raise ValueError, with words for a person.

    A zone behind a ``%`` is refused: Python takes anything for one, and addresses become a part of commands.
    """
    address = ipaddress.ip_address(text)
    if "%" in text or version not in (None, address.version):
        raise ValueError("%r is not an IPv%d address without a zone" % (text, version or address.version))
    return str(address)


TURN_SECONDS = 60.0
"""How long a module waits for another one that changes a lab on this node."""


def take_turn(directory: str = "/run") -> bool:
    """Wait until no other module changes a lab on this node; false when the wait was too long.

    The lock is on the directory itself, so that no file is left of it, and the kernel ends it with this process: the
    programs that it starts do not get the descriptor. Plays that run at the same time so take turns step by step, and
    each step starts from what it finds.
    """
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    end = time.monotonic() + TURN_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() > end:
                os.close(descriptor)
                return False
            time.sleep(0.05)


class Step:
    """One run of a module: its commands so far, and how it ends."""

    def __init__(self, module: AnsibleModule) -> None:
        self.module = module
        self.lab: str = module.params["lab"]
        self.commands: List[str] = []
        if not LABEL.match(self.lab):
            self.fail("lab", "%r is not a name of the form of RFC 1123" % self.lab, "Use up to 63 of a-z, 0-9 and '-'.")
        if self.real and not take_turn():
            self.fail(
                "lab %s" % self.lab,
                "another play has been changing a lab on this node for %d seconds" % TURN_SECONDS,
                "Wait for it, and run again.",
            )

    @property
    def real(self) -> bool:
        """Tell whether changes are to be made: false in check mode."""
        return not self.module.check_mode

    def fail(self, thing: str, cause: str, remedy: str, **more: Any) -> NoReturn:
        """End the module with an error: what it is about, why, and what would help."""
        message = "%s: %s. %s" % (thing, cause.rstrip("."), remedy)
        self.module.fail_json(msg=message, object=thing, cause=cause, remedy=remedy, commands=self.commands, **more)
        raise AssertionError("fail_json does not return")

    def tool(self, name: str, package: str = "") -> str:
        """Return the path of a program, or end with the name of the package that has it."""
        path = self.module.get_bin_path(name, opt_dirs=SBIN)
        if path is None:
            self.fail(
                name,
                "the program is not on this node",
                "Install the package %s." % (package or PACKAGES.get(name, name)),
            )
        return str(path)

    def ip(self, lines: Sequence[str], netns: Optional[str] = None) -> None:
        """Run ``ip`` with each of these lines, in one process, in the node's or a named namespace."""
        self._batch("ip", lines, netns)

    def bridge(self, lines: Sequence[str]) -> None:
        """Run ``bridge`` with each of these lines, in one process."""
        self._batch("bridge", lines, None)

    def _batch(self, program: str, lines: Sequence[str], netns: Optional[str]) -> None:
        lines = list(lines)
        if not lines:
            return
        start = len(self.commands)
        prefix = program + (" " if netns is None else " -n %s " % netns_name(netns))
        self.commands += [prefix + line for line in lines]
        if not self.real:
            return
        command = [self.tool(program), "-batch", "-"]
        text = "".join(line + "\n" for line in lines)
        if netns is None:
            status, _out, err = self.module.run_command(command, data=text)
        else:
            with entered(netns):
                status, _out, err = self.module.run_command(command, data=text)
        if status != 0:
            found = _FAILED_LINE.search(err)
            index = min(int(found.group(1)), len(lines)) - 1 if found else 0
            self.failed(self.commands[start + index], _FAILED_LINE.sub("", err))

    def view(self, netns: str) -> Optional[View]:
        """Read a pod's namespace; None when there is none.

        In check mode a namespace that lost its name is read by its sandbox: the step before would
        have given the name back.
        """
        view = read_netns(netns)
        if view is None and not self.real:
            for pod in Store(self.lab).pods().values():
                process = sandbox_process(pod) if pod["netns"] == netns else None
                if process is not None and alive(process):
                    return read_netns("/proc/%d/ns/net" % process.pid)
        return view

    def failed(self, command: str, said: str) -> NoReturn:
        """End because a command failed, with what it said."""
        cause = " ".join(said.replace("RTNETLINK answers:", "").split()) or "it failed without a word"
        remedy = next((text for sign, text in _REMEDIES if sign in said), "Run it by hand on the node to see more.")
        self.fail("`%s`" % command, cause, remedy)

    def exit(self, before: List[str], after: List[str], see: Sequence[str], **result: Any) -> NoReturn:
        """End with a result; it is changed when there were commands or `before` is not `after`.

        Both are lines for the diff.
        """
        result["changed"] = bool(self.commands) or before != after
        result["commands"] = self.commands
        result["see"] = list(see)
        result["diff"] = {
            "before": "".join(line + "\n" for line in before),
            "after": "".join(line + "\n" for line in after),
        }
        self.module.exit_json(**result)
        raise AssertionError("exit_json does not return")


def netns_name(path: str) -> str:
    """Return the name by which ``ip netns`` knows a path below /run/netns, or the path itself."""
    return path[len(NETNS_DIR) + 1 :] if path.startswith(NETNS_DIR + "/") else path


def check_netns(step: Step, path: str) -> None:
    """End the module unless `path` is a name below /run/netns that is safe in a command."""
    if not path.startswith(NETNS_DIR + "/") or not NETNS_NAME.match(netns_name(path)):
        step.fail("netns %r" % path, "it is not a plain name below %s" % NETNS_DIR, "Use %s/NAME." % NETNS_DIR)


def check_ifname(step: Step, name: str) -> None:
    """End the module unless Linux takes `name` for a link."""
    if not IFNAME.match(name):
        step.fail("link %r" % name, "Linux does not take this name", "Use 1 to 15 of A-Z, a-z, 0-9, '_', '.' and '-'.")


def see_netns(paths: Sequence[str], command: str) -> List[str]:
    """Return the command that shows the first of these namespaces, as the example for all."""
    return ["ip -n %s %s" % (netns_name(paths[0]), command)] if paths else []


LAB_ARGUMENT: Dict[str, Any] = {"type": "str", "required": True}
