# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""The program that enters a pod's namespaces on its node (setns(2), namespaces(7)).

The connection ``podnet.lab.pod`` gives its text to the node's interpreter, as in
``python3 -c TEXT TARGET exec COMMAND``, so it imports nothing but the standard library and leaves
standard input to what it starts. TARGET is JSON: ``{"what": "default/pod1", "inode": 4026532457,
"doors": ["/run/netns/x", "/proc/812/ns/net"], "links": [["eth0", "0a:58:0a:f4:00:02"]], "enter": ["net"],
"pids": [812]}``. When it cannot do what it is asked to, it says why in one line that begins with ``REFUSED``
and ends with ``REFUSED_CODE``.
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import shutil
import signal
import socket
import struct
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List

REFUSED = "podnet.lab.pod: "
REFUSED_CODE = 218

KINDS = {"net": 0x40000000, "uts": 0x04000000, "ipc": 0x08000000, "pid": 0x20000000, "mnt": 0x00020000}
"""Names under /proc/PID/ns to flags of setns (linux/sched.h), in the order in which they are entered."""

MS_NOSUID_NODEV_NOEXEC = 2 | 4 | 8  # linux/mount.h
MS_REC_SLAVE = 0x4000 | 0x80000
SIOCGIFHWADDR = 0x8927  # linux/sockios.h


class RefusedError(Exception):
    """What was asked for cannot be done; the message says why and what to do."""


def call(name: str, *arguments: Any) -> None:
    """Call a function of libc that returns 0 when it worked; raise OSError."""
    library = ctypes.CDLL(None, use_errno=True)
    if getattr(library, name)(*arguments):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), name)


def opened(path: str) -> int:
    """Open *path*, which may be anything by now, without waiting."""
    return os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)


def network_namespace(target: Dict[str, Any]) -> int:
    """Return a descriptor of the target's network namespace, by the first door that still leads to it."""
    device = os.stat("/proc/self/ns/net").st_dev
    seen = []
    for door in target["doors"]:
        try:
            descriptor = opened(door)
        except OSError as error:
            seen.append("%s: %s" % (door, error.strerror))
            continue
        status = os.fstat(descriptor)
        if (status.st_ino, status.st_dev) == (target["inode"], device):
            return descriptor
        os.close(descriptor)
        seen.append("%s leads elsewhere now" % door)
    raise RefusedError(
        "%s is gone: its network namespace net:[%d] has no door any more (%s). Read the node again"
        % (target["what"], target["inode"], ", ".join(seen) or "none was known")
    )


def check_links(target: Dict[str, Any]) -> None:
    """Refuse a namespace whose number was given to another pod since: the kernel numbers them anew."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as control:
        for name, address in target["links"]:
            try:
                answer = fcntl.ioctl(control.fileno(), SIOCGIFHWADDR, struct.pack("256s", name.encode()))
                found = ":".join("%02x" % byte for byte in answer[18:24])
            except OSError as error:
                found = error.strerror or ""
            if found != address:
                raise RefusedError(
                    "%s was made anew: %s in net:[%d] has not the address %s any more (%s). Read the node again"
                    % (target["what"], name, target["inode"], address, found)
                )


def other_namespaces(target: Dict[str, Any], kinds: List[str]) -> Dict[str, int]:
    """Return descriptors of the namespaces of a process of the target, by kind."""
    for pid in target["pids"]:
        try:
            found = {kind: opened("/proc/%d/ns/%s" % (pid, kind)) for kind in kinds}
            if os.stat("/proc/%d/ns/net" % pid).st_ino == target["inode"]:
                return found
        except OSError:
            continue
    raise RefusedError(
        "no process of %s that was seen runs any more, and only a process leads to its %s namespaces. "
        "Read the node again, or enter the network alone" % (target["what"], " and ".join(kinds))
    )


def enter(target: Dict[str, Any]) -> None:
    """Put this process into the target's namespaces. Raises RefusedError and OSError."""
    if os.geteuid() != 0:
        raise RefusedError("entering a namespace takes root of the node, and this is user %d" % os.geteuid())
    doors = {"net": network_namespace(target)}
    others = [kind for kind in KINDS if kind in target["enter"] and kind != "net"]
    if others:
        doors.update(other_namespaces(target, others))
    for kind, flag in KINDS.items():
        if kind in doors:
            call("setns", doors[kind], flag)
        if kind == "net":
            check_links(target)
    if "mnt" not in doors:
        # /sys shows the network of whoever mounted it: a mount of our own, which the node never sees.
        call("unshare", KINDS["mnt"])
        call("mount", b"none", b"/", None, MS_REC_SLAVE, None)
        call("mount", b"podnet", b"/sys", b"sysfs", MS_NOSUID_NODEV_NOEXEC, None)


def run(command: str, in_child: bool) -> int:
    """Run *command* in place of this process, or in a child, which alone is in a PID namespace just entered."""
    words = ["/bin/sh", "-c", command]
    if not in_child:
        os.execv(words[0], words)
    child = os.fork()
    if child == 0:
        os.execv(words[0], words)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda received, frame: os.kill(child, received))
    status = os.waitpid(child, 0)[1]
    return os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status)


def main(target: Dict[str, Any], action: str, argument: str) -> int:
    """Enter the target, and run a command there, make a file, fill one from standard input, or show one."""
    try:
        enter(target)
        if action == "create":
            # Not by "put": without a byte to send, connections leave standard input open.
            open(argument, "wb").close()
        elif action == "put":
            with open(argument, "wb") as stream:
                shutil.copyfileobj(sys.stdin.buffer, stream)
        elif action == "fetch":
            with open(argument, "rb") as stream:
                shutil.copyfileobj(stream, sys.stdout.buffer)
        else:
            return run(argument, "pid" in target["enter"])
    except RefusedError as error:
        problem = str(error)
    except OSError as error:
        problem = "%s: %s: %s" % (target["what"], error.filename or action, error.strerror)
    else:
        return 0
    sys.stderr.write(REFUSED + problem.encode("ascii", "backslashreplace").decode("ascii") + "\n")
    return REFUSED_CODE


if __name__ == "__main__":
    raise SystemExit(main(json.loads(sys.argv[1]), sys.argv[2], sys.argv[3]))
