# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A snapshot changes nothing on the node: namespace ids, kernel notifications, system calls."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.podnet.lab.tests.integration.support import holders, oracle, probes
from ansible_collections.podnet.lab.tests.integration.support.world import COLLECTIONS, World

EVERYTHING = (
    "addresses,all_routes,neighbours,fdb,rules,sockets,sysctls,settings,counters,statistics,processes,"
    "host_processes,hidden"
)

_SNAPSHOT = """
import sys
from ansible_collections.podnet.lab.plugins.module_utils._kernel.snapshot import take_snapshot
snapshot = take_snapshot(sys.argv[1].split(","))
print(len(snapshot["namespaces"]), len(snapshot["errors"]))
"""

# Listens to every rtnetlink group (RTNLGRP_* of linux/rtnetlink.h, the one for namespace ids among them) in every
# namespace, lets a snapshot happen, and prints what was heard. A change made on purpose is heard, or nothing is proven.
_LISTEN = """
import ctypes, json, os, socket, struct, subprocess, sys
libc = ctypes.CDLL(None, use_errno=True)
home = os.open("/proc/self/ns/net", os.O_RDONLY)
ears = {}
for place in ["/proc/self/ns/net", *sys.argv[2:]]:
    there = os.open(place, os.O_RDONLY)
    assert libc.setns(there, 0x40000000) == 0
    ear = ears[place] = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
    ear.bind((0, 0))
    for group in range(1, 39):
        try:
            ear.setsockopt(270, 1, group)
        except OSError:
            assert group > 30, group
    assert libc.setns(home, 0x40000000) == 0
def heard():
    types = {}
    for place, ear in ears.items():
        while True:
            try:
                data = ear.recv(65536, socket.MSG_DONTWAIT)
            except BlockingIOError:
                break
            types.setdefault(place, []).append(struct.unpack_from("=IH", data)[1])
    return types
heard()
said = subprocess.run([sys.executable, "-c", sys.argv[1], EVERYTHING], capture_output=True, text=True)
silence = heard()
assert libc.setns(os.open(sys.argv[2], os.O_RDONLY), 0x40000000) == 0
subprocess.run(["ip", "link", "set", "lo", "mtu", "1400"], check=True)
print(json.dumps({"said": said.stdout, "failed": said.stderr, "silence": silence, "control": heard()}))
""".replace("EVERYTHING", repr(EVERYTHING))


def _lay(world: World) -> list[str]:
    """Namespaces joined in every way that has to do with ids; the answer is their paths.

    All ends are up, as in every pod. An end that was made in place and never touched since would be given an id
    by whoever lists it first, ``ip link`` included (rtnl_fill_link_netnsid in net/core/rtnetlink.c): the kernel
    offers no request that shows a link without it.
    """
    for name in ("pod1", "pod2", "lab", "lonely", "fdheld", "socketheld", "threadheld"):
        world.netns(name)
    world.ip("link", "add", "bridge0", "type", "bridge")
    world.ip("link", "set", "bridge0", "up")
    for number, name in enumerate(("pod1", "pod2", "lab", "fdheld")):
        world.ip("link", "add", f"port{number}", "type", "veth", "peer", "name", "eth0", "netns", name)
        world.ip("link", "set", f"port{number}", "master", "bridge0", "up")
        world.ip("link", "set", "eth0", "up", netns=name)
    world.ip("link", "add", "port9", "type", "veth", "peer", "name", "eth1", "netns", "pod1", netns="lab")
    world.ip("link", "set", "port9", "up", netns="lab")
    world.ip("link", "set", "eth1", "up", netns="pod1")
    world.run("ip", "link", "add", "mv0", "link", "port0", "netns", "lonely", "type", "macvlan", check=False)
    world.run("ip", "link", "add", "vx0", "type", "vxlan", "id", "5", "dstport", "4789", netns="lab", check=False)
    world.run("ip", "link", "set", "mv0", "up", netns="lonely", check=False)
    holders.by_fd(world, "fdheld")
    holders.by_socket(world, "socketheld")
    holders.by_thread(world, "threadheld")
    world.spawn("sleep", "100000", netns="pod1")
    return [f"/run/netns/{name}" for name in ("pod1", "pod2", "lab", "lonely")]


def test_no_namespace_id_is_allocated(world: World) -> None:
    paths = _lay(world)
    before = [oracle.nsids(world), *(oracle.nsids(world, path) for path in paths)]
    assert sum(len(ids) for ids in before) >= 8
    said = world.run(sys.executable, "-c", _SNAPSHOT, EVERYTHING, env={"PYTHONPATH": str(COLLECTIONS)}).stdout.split()
    assert int(said[0]) >= 7
    assert [oracle.nsids(world), *(oracle.nsids(world, path) for path in paths)] == before


def test_the_kernel_notifies_nobody(world: World) -> None:
    paths = _lay(world)
    world.sh("sleep 3")  # until duplicate address detection has said all it has to say
    heard: dict[str, Any] = world.python(_LISTEN, _SNAPSHOT, *paths)
    assert not heard["failed"]
    assert int(heard["said"].split()[0]) >= 7
    assert heard["silence"] == {}
    assert heard["control"], "the listener hears nothing at all"


ALLOWED = {
    # the interpreter's own life
    "access", "arch_prctl", "brk", "execve", "exit", "exit_group", "fadvise64", "fcntl", "fstat", "futex",
    "getcwd", "getegid", "geteuid", "getgid", "getpid", "getppid", "getrandom", "gettid", "getuid", "lseek", "lstat",
    "madvise", "mmap", "mprotect", "mremap", "munmap", "newfstatat", "pread64", "prlimit64", "pselect6", "rseq",
    "rt_sigaction", "rt_sigprocmask", "sched_getaffinity", "set_robust_list", "set_tid_address", "sigaltstack", "stat",
    "statfs", "sysinfo", "uname", "write", "writev", "clock_gettime", "clock_nanosleep", "dup", "epoll_create1",
    "memfd_create", "poll", "getrlimit", "restart_syscall",
    # reading
    "close", "getdents64", "open", "openat", "openat2", "read", "readlink", "readlinkat", "statx", "ioctl",
    # asking the kernel
    "bind", "getsockname", "getsockopt", "kcmp", "pidfd_getfd", "pidfd_open", "recvfrom", "recvmsg", "sendto", "setns",
    "setsockopt", "socket",
}  # fmt: skip
# Older versions of strace write the numbers of linux/rtnetlink.h.
RTM_GET = {
    "0x12": "RTM_GETLINK",
    "0x16": "RTM_GETADDR",
    "0x1a": "RTM_GETROUTE",
    "0x1e": "RTM_GETNEIGH",
    "0x22": "RTM_GETRULE",
    "0x5a": "RTM_GETNSID",
}
IOCTLS = ("SIOCGSKNS", "NS_GET_NSTYPE", "TCGETS", "FIOCLEX", "0x894c", "0xb703", "TIOCGWINSZ", "TCGETS2", "FIONBIO")


@pytest.fixture
def trace(world: World) -> list[tuple[str, str]]:
    """Name and arguments of every system call of a snapshot of everything."""
    strace = probes.require_tool("strace", "strace")
    _lay(world)
    output = world.scratch / "trace"
    probe = world.run(strace, "-f", "-o", output, "true", check=False)
    if probe.returncode != 0:
        pytest.skip(f"strace does not work here: {probe.stderr.strip()}")
    world.run(
        strace, "-f", "-s", "256", "-o", output, sys.executable, "-B", "-c", _SNAPSHOT, EVERYTHING,
        env={"PYTHONPATH": str(COLLECTIONS)},
    )  # fmt: skip
    calls = []
    for line in Path(output).read_text(encoding="utf-8", errors="backslashreplace").splitlines():
        found = re.match(r"(?:\d+ +)?(\w+)\((.*)", line)
        if found:
            calls.append((found.group(1), found.group(2)))
    assert len(calls) > 500
    return calls


def test_every_system_call_only_reads(trace: list[tuple[str, str]]) -> None:
    names = {name for name, _arguments in trace}
    assert names >= {"setns", "sendto", "recvfrom", "openat", "pidfd_getfd"}
    assert names <= ALLOWED, names - ALLOWED
    for name, arguments in trace:
        if name in ("open", "openat", "openat2"):
            assert not re.search(r"O_(WRONLY|RDWR|CREAT|TRUNC|APPEND|TMPFILE)", arguments) or '"/dev/null"' in arguments
        elif name in ("write", "writev"):
            assert re.match(r"[12],", arguments), arguments
        elif name == "ioctl":
            assert any(allowed in arguments for allowed in IOCTLS), arguments
        elif name == "prlimit64":
            assert arguments.startswith("0,"), "only this process's own limit"
        elif name == "socket":
            assert arguments.startswith("AF_NETLINK"), arguments
        elif name == "execve":
            assert "python" in arguments
    assert sum(1 for name, _arguments in trace if name == "execve") == 1


def test_every_request_only_asks(trace: list[tuple[str, str]]) -> None:
    asked = [arguments for name, arguments in trace if name == "sendto"]
    types = set()
    for arguments in asked:
        found = re.search(r"nlmsg_type=(\w+)", arguments)
        assert found, arguments
        types.add(RTM_GET.get(found.group(1), found.group(1)))
        assert "NLM_F_CREATE" not in arguments
        assert "TARGET_NETNSID" not in arguments
        assert "NETNSA_TARGET_NSID" not in arguments
    assert types == set(RTM_GET.values())


def test_every_namespace_that_is_entered_is_left_at_once(trace: list[tuple[str, str]]) -> None:
    moves = [arguments for name, arguments in trace if name == "setns"]
    assert len(moves) >= 12
    home = moves[1]
    assert moves[1::2] == [home] * (len(moves) // 2), "every second move goes home"
    assert home not in moves[::2]
    inside = False
    for name, _arguments in trace:
        if name == "setns":
            inside = not inside
        elif inside:
            assert name not in ("sendto", "recvfrom"), "nothing is asked away from home"
    assert not inside
