# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every namespace is found, whatever holds it, and names that lie fool nobody."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.podnet.lab.tests.integration.support import holders
from ansible_collections.podnet.lab.tests.integration.support.world import World

_SNAPSHOT = """
import json, sys
from ansible_collections.podnet.lab.plugins.module_utils._kernel.snapshot import take_snapshot
print(json.dumps(take_snapshot(sys.argv[1].split(","))))
"""


def take(world: World, wanted: str = "processes") -> dict[str, Any]:
    """A snapshot taken in the world."""
    snapshot = world.python(_SNAPSHOT, wanted)
    assert isinstance(snapshot, dict)
    return snapshot


def space(snapshot: dict[str, Any], inode: int) -> dict[str, Any]:
    """One namespace of it."""
    found = snapshot["namespaces"][str(inode)]
    assert isinstance(found, dict)
    return found


def test_the_nodes_own_namespace_is_always_there(world: World) -> None:
    snapshot = take(world)
    own = space(snapshot, snapshot["own"])
    assert snapshot["own"] == world.inode()
    assert own["entered"]
    assert [link["ifname"] for link in own["links"]] == ["lo"]
    assert not snapshot["partial"]
    assert not snapshot["errors"]


def test_named(world: World) -> None:
    inode = world.netns("pod1")
    found = space(take(world), inode)
    assert found["paths"] == ["/run/netns/pod1"]
    assert found["holders"] == ["mount"]
    assert found["entered"]
    assert found["process_count"] == 0


@pytest.mark.parametrize("place", ["/run/docker/netns/0a1b", "/run/odd place\nwith newline", "/run/back\\slash"])
def test_a_mount_anywhere(world: World, place: str) -> None:
    inode = world.netns("pod1")
    world.sh('mkdir -p "${1%/*}"', place)
    holders.by_mount(world, "pod1", place)
    found = space(take(world), inode)
    assert found["paths"] == [place]
    assert found["entered"]


def test_a_path_that_is_not_utf8(world: World) -> None:
    inode = world.netns("pod1")
    world.run("sh", "-euc", ': > "$1"; mount --bind /run/netns/pod1 "$1"', "sh", b"/run/bad\xff\x1b[31m")
    world.ip("netns", "del", "pod1")
    assert space(take(world), inode)["paths"] == ["/run/bad\\xff\x1b[31m"]


def test_several_mounts_of_one_namespace(world: World) -> None:
    inode = world.netns("pod1")
    world.sh(": > /run/second; mount --bind /run/netns/pod1 /run/second")
    snapshot = take(world)
    assert space(snapshot, inode)["paths"] == ["/run/netns/pod1", "/run/second"]
    assert len(snapshot["namespaces"]) == 2


def test_a_process_alone(world: World) -> None:
    inode = world.netns("pod1")
    pid = holders.by_process(world, "pod1")
    found = space(take(world), inode)
    assert found["paths"] == []
    assert found["holders"] == ["process"]
    assert found["process_count"] == 1
    (process,) = found["processes"]
    assert (process["pid"], process["comm"]) == (pid, "sleep")
    assert process["pid_namespace"] == world.inode("/proc/self/ns/pid")
    assert process["cgroup"] == world.run("cat", f"/proc/{pid}/cgroup").stdout


@pytest.mark.parametrize("hold", [holders.by_thread, holders.by_thread_of_zombie])
def test_a_thread_alone(world: World, hold: Any) -> None:
    inode = world.netns("pod1")
    pid = hold(world, "pod1")
    found = space(take(world), inode)
    assert found["entered"]
    assert found["holders"] == ["thread"]
    (process,) = found["processes"]
    assert process["pid"] == pid
    assert process["tid"] != pid


@pytest.mark.parametrize(
    ("hold", "holder"),
    [
        (holders.by_fd, "fd"),
        (holders.by_fd_of_zombie, "fd"),
        (holders.by_fd_of_thread, "fd"),
        (holders.by_mount_of_thread, "mount"),
        (holders.by_socket, "socket"),
    ],
)
def test_what_only_the_deep_search_finds(world: World, hold: Any, holder: str) -> None:
    inode = world.netns("pod1")
    world.ip("link", "add", "port", "type", "veth", "peer", "name", "eth0", "netns", "pod1")
    hold(world, "pod1")
    snapshot = take(world)
    assert str(inode) not in snapshot["namespaces"]
    own = space(snapshot, snapshot["own"])
    (peer,) = own["peers"].values()
    assert peer["resolution"] == "unresolved"
    assert "hidden" in peer["reason"]
    snapshot = take(world, "processes,hidden")
    found = space(snapshot, inode)
    assert found["entered"]
    assert found["holders"] == [holder]
    (peer,) = space(snapshot, snapshot["own"])["peers"].values()
    assert peer["resolution"] == "exact"
    assert (peer["end"]["netns"], peer["end"]["ifname"]) == (inode, "eth0")
    assert not snapshot["partial"], snapshot["errors"]


def test_a_mount_in_another_mount_namespace(world: World) -> None:
    """As a node in a container shows its pods: the mount is seen from that mount namespace only."""
    inode = world.netns("pod1")
    script = ": > /run/inner; mount --bind /run/netns/pod1 /run/inner; umount -l /run/netns/pod1; exec sleep 100000"
    world.sh("mount --make-rprivate /")
    world.spawn("unshare", "--mount", "--propagation", "private", "sh", "-c", script)
    world.sh(
        "for i in $(seq 500); do [ -e /run/inner ] && break; sleep 0.01; done; sleep 0.1; umount -l /run/netns/pod1"
    )
    assert str(inode) not in take(world)["namespaces"]
    found = space(take(world, "hidden"), inode)
    assert found["entered"]
    assert not found["vanished"]
    assert found["holders"] == ["mount"]


def test_a_name_that_something_else_is_mounted_over(world: World) -> None:
    """A FIFO over the mount point would block whoever opens it; the process still leads in."""
    inode = world.netns("pod1")
    world.spawn("sleep", "100000", netns="pod1")
    world.sh("mkfifo /run/fifo; mount --bind /run/fifo /run/netns/pod1")
    assert space(take(world), inode)["entered"]


def test_a_namespace_behind_a_covered_name_is_listed_with_the_reason(world: World) -> None:
    inode = world.netns("pod1")
    other = world.netns("pod2")
    world.sh("mount --bind /run/netns/pod2 /run/netns/pod1")
    snapshot = take(world)
    found = space(snapshot, inode)
    assert not found["entered"]
    assert not found["vanished"]
    (error,) = found["errors"]
    assert str(inode) in error["object"]
    assert "is now namespace %d" % other in error["cause"]
    assert error["remedy"]
    assert snapshot["partial"]
    assert space(snapshot, other)["entered"]


def test_plain_files_fifos_and_devices_beside_the_names_are_no_namespaces(world: World) -> None:
    world.sh(
        ": > /run/netns/empty; mkfifo /run/netns/fifo; ln -s /etc/passwd /run/netns/link; mkdir /run/netns/directory"
    )
    snapshot = take(world)
    assert list(snapshot["namespaces"]) == [str(world.inode())]
    assert not snapshot["partial"]


def test_containers_with_the_hosts_network(world: World) -> None:
    """Of the node's own processes only those in another mount namespace are listed; they are few."""
    world.spawn("sleep", "100000")
    world.spawn("unshare", "--mount", "sleep", "200000")
    world.sh('for i in $(seq 500); do pgrep -f "^sleep 200000" && exit 0; sleep 0.01; done; exit 1')
    snapshot = take(world)
    own = space(snapshot, snapshot["own"])
    assert [process["comm"] for process in own["processes"]] == ["sleep"]
    assert own["processes"][0]["cgroup"]
    assert own["process_count"] >= 3
    everything = take(world, "processes,host_processes")
    assert len(space(everything, everything["own"])["processes"]) >= 3


def test_sockets_and_sysctls_are_those_of_the_namespace(world: World) -> None:
    """Both follow whoever opens the file; what is read must be the pod's and not the node's."""
    inode = world.netns("pod1")
    world.ip("link", "add", "dummyport", "type", "veth", "peer", "name", "eth0.5", "netns", "pod1")
    world.sh("echo 1 > /proc/sys/net/ipv4/ip_forward; echo 2 > /proc/sys/net/ipv4/conf/eth0.5/rp_filter", netns="pod1")
    listen = "import socket,time; s=socket.create_server(('127.0.0.1', 4711)); time.sleep(1000)"
    world.spawn("/usr/bin/env", "python3", "-c", listen, netns="pod1")
    world.sh("for i in $(seq 500); do grep -q 1267 /proc/thread-self/net/tcp && exit 0; sleep 0.01; done", netns="pod1")
    snapshot = take(world, "sockets,sysctls,settings")
    pod, own = space(snapshot, inode), space(snapshot, snapshot["own"])
    assert [(each["protocol"], each["local"], each["port"]) for each in pod["sockets"]] == [("tcp", "127.0.0.1", 4711)]
    assert own["sockets"] == []
    assert pod["sysctls"]["net.ipv4.ip_forward"] == 1
    assert own["sysctls"]["net.ipv4.ip_forward"] == 0
    assert pod["sysctls"]["net.ipv4.conf.eth0/5.rp_filter"] == 2
    assert "net.ipv4.conf.eth0/5.rp_filter" not in own["sysctls"]
    assert "settings" not in pod, "those are of the node itself"
    assert own["settings"]["net.ipv4.ip_forward"] == 0
    assert own["settings"].keys() - own["sysctls"].keys() == {
        "net.netfilter.nf_conntrack_count",
        "net.netfilter.nf_conntrack_max",
        "net.ipv4.neigh.default.gc_thresh3",
        "net.ipv6.neigh.default.gc_thresh3",
    }
    for name in ("net.ipv4.conf.lo.forwarding", "net.ipv6.conf.lo.forwarding"):
        said = world.run("sysctl", "-n", name, netns="pod1", check=False)
        if said.returncode == 0:
            assert pod["sysctls"][name] == int(said.stdout)


_MOUNTED_LATE = """
import json, os, signal, subprocess, sys
from ansible_collections.podnet.lab.plugins.module_utils._kernel import snapshot
pid, mounted = int(sys.argv[1]), []
mountinfo = snapshot._Pass._mountinfo

def ended():
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):  # reaped, perhaps between the two
        return True

def read_mountinfo(self):
    answer = mountinfo(self)
    if not mounted:
        mounted.append(pid)  # as `ip netns add`: mounted by a process that ends at once
        open("/run/netns/late", "x").close()
        subprocess.run(["mount", "--bind", f"/proc/{pid}/ns/net", "/run/netns/late"], check=True)
        os.kill(pid, signal.SIGKILL)
        while not ended():
            pass
    return answer

snapshot._Pass._mountinfo = read_mountinfo
print(json.dumps(snapshot.take_snapshot(["processes"])))
"""


def test_a_namespace_that_is_mounted_while_its_process_ends(world: World) -> None:
    inode = world.netns("pod1")
    pid = holders.by_process(world, "pod1")
    snapshot = world.python(_MOUNTED_LATE, pid)
    found = space(snapshot, inode)
    assert found["paths"] == ["/run/netns/late"]
    assert found["entered"]
    assert found["errors"] == []
    assert not found["vanished"]
    assert not snapshot["partial"]
