# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Starting, recognising and ending the lab's processes.

A process is known by its PID and its start time (field 22 of /proc/PID/stat, in clock ticks
since boot): a PID alone may meanwhile belong to someone else. Both are verified before a signal.

Sandboxes and containers are forked from the module, put into their namespaces and replaced by
their program. They have a session of their own, /dev/null as input and output and no other open
descriptor: they outlive the module and the SSH connection, and nobody waits for them.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import socket
import time
from typing import Any, Callable, Dict, Iterable, List, NamedTuple, Optional, Tuple

# linux/sched.h
CLONE_NEWNS = 0x00020000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000

# linux/mount.h
_MS_NOSUID, _MS_NODEV, _MS_NOEXEC = 2, 4, 8
_MS_BIND, _MS_REC, _MS_SLAVE = 0x1000, 0x4000, 0x80000
_MNT_DETACH = 2

LAB_VARIABLE = "PODNET_LAB"
SANDBOX_VARIABLE = "PODNET_SANDBOX"
CONTAINER_VARIABLE = "PODNET_CONTAINER"

_ENVIRON_BYTES = 65536


ENDED = "its command ended at once"


class Process(NamedTuple):
    """A process beyond doubt: PID and start time in clock ticks since boot."""

    pid: int
    starttime: int


class Marked(NamedTuple):
    """A process outside the node's network namespace whose environment carries a lab's mark."""

    process: Process
    sandbox_id: str
    container: str
    """Empty for a sandbox."""
    netns: int
    """Inode of its network namespace."""


class Program(NamedTuple):
    """One process to start."""

    key: str
    argv: Tuple[str, ...]
    """The first item is the absolute path of the program."""
    environment: Dict[str, str]
    hostname: str = ""
    """Set in the new UTS namespace; empty leaves it."""
    new: int = 0
    """``CLONE_NEW*`` bits of the namespaces to make."""
    join: Tuple[Tuple[str, int], ...] = ()
    """Namespaces to join: path and ``CLONE_NEW*`` bit."""
    binds: Tuple[Tuple[str, str], ...] = ()
    """Files that it sees in the place of others, in a mount namespace of its own: path on the node, and in it."""


class Started(NamedTuple):
    """What became of a program: the process, or why there is none."""

    process: Optional[Process]
    error: str


def parse_stat(text: str) -> Tuple[str, int]:
    """Return state and start time from /proc/PID/stat (proc_pid_stat(5)).

    >>> parse_stat("812 (a) b) S 1 812 812 0 -1 4194560 99 0 0 0 0 0 0 0 20 0 1 0 90412 2293760 128")
    ('S', 90412)
    """
    fields = text.rpartition(")")[2].split()
    return fields[0], int(fields[19])


def identify(pid: int) -> Optional[Process]:
    """Return the process that has this PID now, or None when there is none or it is a zombie."""
    try:
        with open("/proc/%d/stat" % pid, encoding="utf-8", errors="backslashreplace") as handle:
            state, starttime = parse_stat(handle.read())
    except (OSError, ValueError, IndexError):
        return None
    return None if state in "ZX" else Process(pid, starttime)


def parent_of(pid: int) -> Optional[int]:
    """Return the PID of a process's parent (field 4 of /proc/PID/stat), or None when it is gone."""
    try:
        with open("/proc/%d/stat" % pid, encoding="utf-8", errors="backslashreplace") as handle:
            return int(handle.read().rpartition(")")[2].split()[1])
    except (OSError, ValueError, IndexError):
        return None


def alive(process: Process) -> bool:
    """Tell whether exactly this process still runs."""
    return identify(process.pid) == process


def namespace_of(process: Process, kind: str = "net") -> Optional[int]:
    """Return the inode of a process's namespace, or None when it is gone."""
    try:
        link = os.readlink("/proc/%d/ns/%s" % (process.pid, kind))
    except OSError:
        return None
    return int(link.partition("[")[2].rstrip("]")) if alive(process) else None


def find_marked(lab: str) -> List[Marked]:
    """Return every process with the lab's mark, sorted by PID, wherever its state file went."""
    own = os.readlink("/proc/self/ns/net")
    wanted = ("%s=%s" % (LAB_VARIABLE, lab)).encode()
    found: List[Marked] = []
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            link = os.readlink("/proc/%s/ns/net" % name)
            if link == own:
                continue
            with open("/proc/%s/environ" % name, "rb") as handle:
                variables = handle.read(_ENVIRON_BYTES).split(b"\0")
        except OSError:
            continue
        process = identify(int(name))
        if wanted not in variables or process is None:
            continue
        values = dict(item.decode("utf-8", "backslashreplace").partition("=")[::2] for item in variables)
        netns = int(link.partition("[")[2].rstrip("]"))
        found.append(Marked(process, values.get(SANDBOX_VARIABLE, ""), values.get(CONTAINER_VARIABLE, ""), netns))
    return sorted(found)


def end(processes: Iterable[Process], seconds: float = 10.0) -> List[Process]:
    """Kill processes and wait until they are gone; return those that are not after `seconds`.

    SIGKILL, because the first process of a PID namespace ignores what it has no handler for; the
    kernel ends the rest of that namespace with it.
    """
    remaining = [process for process in processes if alive(process)]
    for process in remaining:
        _kill(process)
    deadline = time.monotonic() + seconds
    while True:
        remaining = [process for process in remaining if alive(process)]
        if not remaining or time.monotonic() > deadline:
            return remaining
        time.sleep(0.01)


def _kill(process: Process) -> None:
    try:
        if hasattr(os, "pidfd_open"):  # Python 3.9: no other process can take the PID meanwhile
            descriptor = os.pidfd_open(process.pid)
            try:
                if alive(process):
                    signal.pidfd_send_signal(descriptor, signal.SIGKILL)
            finally:
                os.close(descriptor)
        elif alive(process):
            os.kill(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def start(programs: List[Program], apart_from_names: bool) -> Dict[str, Started]:
    """Start programs; the answer has an entry for each key.

    With `apart_from_names` the processes get a copy of the node's mount namespace without
    /run/netns: a copy of the names would keep namespaces alive that were deleted on the node.
    """
    reader, writer = os.pipe()
    launcher = os.fork()
    if launcher == 0:
        status = 1
        try:
            os.close(reader)
            _launch(programs, writer, apart_from_names)
            status = 0
        except BaseException as error:  # a forked child must never return into the module
            _send(writer, {"key": None, "error": str(error)})
        finally:
            os._exit(status)
    os.close(writer)
    with os.fdopen(reader, encoding="utf-8") as stream:
        answers = [json.loads(line) for line in stream]
    os.waitpid(launcher, 0)
    failure = "the launcher ended without a word"
    results: Dict[str, Started] = {}
    for answer in answers:
        if answer["key"] is None:
            failure = answer["error"]
            continue
        process = identify(answer["pid"]) if "pid" in answer else None
        cause = "" if process else answer.get("error", ENDED)
        results[answer["key"]] = Started(process, cause)
    for program in programs:
        results.setdefault(program.key, Started(None, failure))
    return results


def _send(writer: int, answer: Dict[str, Any]) -> None:
    data = (json.dumps(answer) + "\n").encode()
    while data:
        data = data[os.write(writer, data) :]


def _launch(programs: List[Program], writer: int, apart_from_names: bool) -> None:
    """Fork every program from a process of its own session (runs in the launcher)."""
    os.setsid()
    os.chdir("/")
    os.umask(0o022)
    null = os.open("/dev/null", os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    _close_others(keep=(0, 1, 2, writer))
    for number in (signal.SIGPIPE, signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    try:
        with open("/proc/self/oom_score_adj", "w", encoding="ascii") as handle:
            handle.write("0")  # sshd's protection is not for what it starts
    except OSError:
        pass
    own_pid_namespace = os.open("/proc/self/ns/pid", os.O_RDONLY)
    if apart_from_names:
        _unshare(CLONE_NEWNS)
        _mount("none", "/", "", _MS_REC | _MS_SLAVE)
        try:
            _umount("/run/netns")
        except OSError:
            pass  # no name was ever given here, so it is no mount point
    for program in programs:
        _send(writer, _fork(program, own_pid_namespace))


def _fork(program: Program, own_pid_namespace: int) -> Dict[str, Any]:
    """Start one program (runs in the launcher); the answer says its PID, or what failed."""
    joined: List[Tuple[int, int]] = []
    reader, writer = os.pipe()  # closed by a successful exec
    try:
        for path, kind in program.join:
            joined.append((os.open(path, os.O_RDONLY), kind))
        if program.new & CLONE_NEWPID:
            _unshare(CLONE_NEWPID)  # takes effect for the next child
        pid = os.fork()
        if pid == 0:
            _become(program, joined, writer)
        if program.new & CLONE_NEWPID:
            _setns(own_pid_namespace, CLONE_NEWPID)
        os.close(writer)
        writer = -1
        error = os.read(reader, 4096).decode("utf-8", "backslashreplace")
        if error:
            os.waitpid(pid, 0)
            return {"key": program.key, "error": error}
        return {"key": program.key, "pid": pid}
    except OSError as error:
        return {"key": program.key, "error": str(error)}
    finally:
        for descriptor in [reader, writer] + [descriptor for descriptor, _kind in joined]:
            if descriptor >= 0:
                os.close(descriptor)


def _become(program: Program, joined: List[Tuple[int, int]], writer: int) -> None:
    """Enter the namespaces and execute the program (runs in the new process); never returns."""
    try:
        os.setsid()
        for descriptor, kind in joined:
            _setns(descriptor, kind)
        new = program.new & ~CLONE_NEWPID
        if new:
            _unshare(new)
        if program.hostname:
            socket.sethostname(program.hostname)
        if program.new & CLONE_NEWNS:
            _mount("none", "/", "", _MS_REC | _MS_SLAVE)
            if program.new & CLONE_NEWPID:  # else `ps` in the container would show the node
                _mount("proc", "/proc", "proc", _MS_NOSUID | _MS_NODEV | _MS_NOEXEC)
            for source, target in program.binds:
                _mount(source, target, "", _MS_BIND)
        os.execve(program.argv[0], program.argv, program.environment)
    except BaseException as error:  # a forked child must never return into the launcher
        os.write(writer, str(error).encode("utf-8", "backslashreplace")[:4096] or b"unknown error")
    finally:
        os._exit(127)


def _close_others(keep: Tuple[int, ...]) -> None:
    for name in os.listdir("/proc/self/fd"):
        if int(name) not in keep:
            try:
                os.close(int(name))
            except OSError:
                pass


_libc = ctypes.CDLL(None, use_errno=True)


def _call(function: Callable[..., int], *arguments: Any) -> None:
    if function(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, "%s: %s" % (function.__name__, os.strerror(number)))


def _unshare(flags: int) -> None:
    _call(_libc.unshare, flags)


def _setns(descriptor: int, kind: int) -> None:
    _call(_libc.setns, descriptor, kind)


def _mount(source: str, target: str, kind: str, flags: int) -> None:
    _call(_libc.mount, source.encode(), target.encode(), kind.encode(), ctypes.c_ulong(flags), None)


def _umount(target: str) -> None:
    _call(_libc.umount2, target.encode(), _MNT_DETACH)
