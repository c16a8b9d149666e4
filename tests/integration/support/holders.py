# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Namespaces that no name leads to, and how each kind of holder keeps one.

Each function leaves a network namespace held in exactly one way, and answers with the PID that
holds it. The namespace must have a name first (`World.netns`); the name is removed.
"""

from __future__ import annotations

from ansible_collections.podnet.lab.tests.integration.support.world import World

# The programs run in the world with a plain interpreter; each prints nothing and holds until it is killed.
_SETNS = """
import ctypes, os, socket, sys, threading, time
libc = ctypes.CDLL(None, use_errno=True)
def enter(fd):
    if libc.setns(fd, 0x40000000):  # CLONE_NEWNET, linux/sched.h
        raise OSError(ctypes.get_errno(), "setns")
"""

_BY_FD = (
    _SETNS
    + """
held = os.open(sys.argv[1], os.O_RDONLY)
open(sys.argv[2], "w").close()
time.sleep(100000)
"""
)

_BY_SOCKET = (
    _SETNS
    + """
home = os.open("/proc/self/ns/net", os.O_RDONLY)
there = os.open(sys.argv[1], os.O_RDONLY)
enter(there)
held = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
enter(home)
os.close(there); os.close(home)
open(sys.argv[2], "w").close()
time.sleep(100000)
"""
)

_BY_THREAD = (
    _SETNS
    + """
def work():
    there = os.open(sys.argv[1], os.O_RDONLY)
    enter(there)
    os.close(there)
    open(sys.argv[2], "w").close()
    time.sleep(100000)
threading.Thread(target=work).start()
time.sleep(100000)
"""
)

_BY_THREAD_OF_ZOMBIE = (
    _SETNS
    + """
def work():
    there = os.open(sys.argv[1], os.O_RDONLY)
    enter(there)
    os.close(there)
    open(sys.argv[2], "w").close()
    time.sleep(100000)
threading.Thread(target=work).start()
while not os.path.exists(sys.argv[2]):
    time.sleep(0.01)
ctypes.CDLL(None).syscall(60 if os.uname().machine == "x86_64" else 93, 0)  # exit(2): this thread only
"""
)

_BY_FD_OF_ZOMBIE = (
    _SETNS
    + """
held = os.open(sys.argv[1], os.O_RDONLY)
threading.Thread(target=time.sleep, args=(100000,)).start()
open(sys.argv[2], "w").close()
ctypes.CDLL(None).syscall(60 if os.uname().machine == "x86_64" else 93, 0)  # exit(2): this thread only
"""
)

_BY_FD_OF_THREAD = (
    _SETNS
    + """
def work():
    if libc.unshare(0x400):  # CLONE_FILES
        raise OSError(ctypes.get_errno(), "unshare")
    os.open(sys.argv[1], os.O_RDONLY)
    open(sys.argv[2], "w").close()
    time.sleep(100000)
threading.Thread(target=work).start()
time.sleep(100000)
"""
)

_BY_MOUNT_OF_THREAD = (
    _SETNS
    + """
def work():
    if libc.unshare(0x20000):  # CLONE_NEWNS
        raise OSError(ctypes.get_errno(), "unshare")
    if libc.mount(None, b"/", None, 0x44000, None):  # MS_REC | MS_PRIVATE
        raise OSError(ctypes.get_errno(), "make private")
    open("/run/onto", "w").close()
    if libc.mount(sys.argv[1].encode(), b"/run/onto", None, 0x1000, None):  # MS_BIND
        raise OSError(ctypes.get_errno(), "bind")
    libc.umount2(sys.argv[1].encode(), 2)  # MNT_DETACH; the name itself is removed outside
    open(sys.argv[2], "w").close()
    time.sleep(100000)
threading.Thread(target=work).start()
time.sleep(100000)
"""
)


def _hold(world: World, program: str, name: str) -> int:
    ready = f"/run/held-{name}"
    pid = world.spawn("/usr/bin/env", "python3", "-c", program, "/run/netns/" + name, ready)
    world.sh('for i in $(seq 1000); do [ -e "$1" ] && exit 0; sleep 0.01; done; exit 1', ready)
    world.ip("netns", "del", name)
    return pid


def by_fd(world: World, name: str) -> int:
    """Only an open file descriptor of a process that lives elsewhere."""
    return _hold(world, _BY_FD, name)


def by_socket(world: World, name: str) -> int:
    """Only a socket that was made there by a process that went home."""
    return _hold(world, _BY_SOCKET, name)


def by_thread(world: World, name: str) -> int:
    """Only a thread that is not its process's leader."""
    return _hold(world, _BY_THREAD, name)


def by_thread_of_zombie(world: World, name: str) -> int:
    """Only a thread whose process's leader has ended (a zombie until the thread ends)."""
    return _hold(world, _BY_THREAD_OF_ZOMBIE, name)


def by_fd_of_zombie(world: World, name: str) -> int:
    """Only an open file descriptor of a process whose leader has ended."""
    return _hold(world, _BY_FD_OF_ZOMBIE, name)


def by_fd_of_thread(world: World, name: str) -> int:
    """Only an open file descriptor of a thread that has a table of descriptors of its own."""
    return _hold(world, _BY_FD_OF_THREAD, name)


def by_mount_of_thread(world: World, name: str) -> int:
    """Only a bind mount in the mount namespace of a thread."""
    return _hold(world, _BY_MOUNT_OF_THREAD, name)


def by_process(world: World, name: str) -> int:
    """Only a process."""
    pid = world.spawn("sleep", "100000", netns=name)
    world.ip("netns", "del", name)
    return pid


def by_mount(world: World, name: str, path: str) -> None:
    """Only a bind mount at another place than ``/run/netns``."""
    world.sh(': > "$2"; mount --bind "/run/netns/$1" "$2"', name, path)
    world.ip("netns", "del", name)
