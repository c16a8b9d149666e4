# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a snapshot does when it may not, cannot or has no time to: less is known, and it says what and why."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest

from ansible_collections.podnet.lab.tests.integration.support import probes
from ansible_collections.podnet.lab.tests.integration.support.world import COLLECTIONS, World

_SNAPSHOT = """
import json, os, resource, sys, time
from ansible_collections.podnet.lab.plugins.module_utils._kernel.snapshot import take_snapshot
options = json.loads(sys.argv[1])
if "nofile" in options:
    resource.setrlimit(resource.RLIMIT_NOFILE, tuple(options["nofile"]))
before = os.listdir("/proc/self/fd"), os.readlink("/proc/thread-self/ns/net")
deadline = time.monotonic() + options["seconds"] if "seconds" in options else None
snapshot = take_snapshot(options.get("wanted", ["processes"]), deadline)
assert (os.listdir("/proc/self/fd"), os.readlink("/proc/thread-self/ns/net")) == before
print(json.dumps(snapshot))
"""


def take(world: World, *prefix: str, **options: Any) -> dict[str, Any]:
    """A snapshot taken in the world, behind a command prefix; it must leave no descriptor open and come home."""
    said = world.run(
        *prefix, sys.executable, "-B", "-c", _SNAPSHOT, json.dumps(options), env={"PYTHONPATH": str(COLLECTIONS)}
    ).stdout
    snapshot = json.loads(said)
    assert isinstance(snapshot, dict)
    return snapshot


def lay(world: World, pods: int) -> dict[str, int]:
    """Pods on a bridge; the answer is the inode of each by the name of its port."""
    world.ip("link", "add", "bridge0", "type", "bridge")
    lines = [f"netns add pod{number}" for number in range(pods)]
    for number in range(pods):
        lines.append(f"link add port{number} type veth peer name eth0 netns pod{number}")
        lines.append(f"link set port{number} master bridge0 up")
    world.run("ip", "-batch", "-", stdin="\n".join(lines) + "\n")
    said = world.sh("for name in /run/netns/pod*; do stat -Lc '%n %i' $name; done").split()
    return {
        name.replace("/run/netns/pod", "port"): int(inode) for name, inode in zip(said[::2], said[1::2], strict=True)
    }


def check_cables(snapshot: dict[str, Any], pods: dict[str, int]) -> None:
    """Every port leads to its pod."""
    own = snapshot["namespaces"][str(snapshot["own"])]
    names = {link["ifindex"]: link["ifname"] for link in own["links"]}
    found = {names[int(index)]: peer["end"]["netns"] for index, peer in own["peers"].items()}
    assert found == pods


def test_without_cap_sys_admin(world: World) -> None:
    probes.require_tool("setpriv", "util-linux")
    pods = lay(world, 2)
    snapshot = take(world, "setpriv", "--bounding-set=-sys_admin", "--inh-caps=-all")
    assert snapshot["partial"]
    assert snapshot["namespaces"][str(snapshot["own"])]["links"], "the node's own namespace needs no privilege"
    for inode in pods.values():
        pod = snapshot["namespaces"][str(inode)]
        assert not pod["entered"]
        assert not pod["vanished"]
        (error,) = pod["errors"]
        assert "cannot be entered" in error["cause"]
        assert "become" in error["remedy"]
    (error,) = [each for each in snapshot["errors"] if "CAP_SYS_ADMIN" in each["cause"]]
    assert "2 of 3" in error["cause"]


def test_without_cap_sys_ptrace(world: World) -> None:
    probes.require_tool("setpriv", "util-linux")
    world.netns("pod1")
    world.spawn("sleep", "100000", netns="pod1")
    snapshot = take(world, "setpriv", "--bounding-set=-sys_ptrace", "--inh-caps=-all")
    assert snapshot["partial"]
    (error,) = snapshot["errors"]
    assert "CAP_SYS_PTRACE" in error["cause"]
    assert error["remedy"]


def test_no_time_at_all(world: World) -> None:
    lay(world, 2)
    snapshot = take(world, seconds=-1)
    assert snapshot["partial"]
    assert any("time limit" in error["cause"] for error in snapshot["errors"])
    assert all(error["remedy"] for error in snapshot["errors"])
    assert list(snapshot["namespaces"]) == [str(snapshot["own"])], "the node's own is named even then"
    (error,) = snapshot["namespaces"][str(snapshot["own"])]["errors"]
    assert "not read" in error["cause"]


def test_time_that_is_up_in_the_middle(world: World) -> None:
    """Whatever was read is given back, and the rest is named."""
    lay(world, 60)
    for seconds in (0.004, 0.008, 0.012, 0.02):
        snapshot = take(world, seconds=seconds)
        unread = [each for each in snapshot["namespaces"].values() if not each["entered"]]
        for namespace in unread:
            assert namespace["errors"] or namespace["vanished"]
        assert snapshot["partial"] or not unread
        for namespace in snapshot["namespaces"].values():
            for peer in namespace.get("peers", {}).values():
                assert (peer["resolution"] == "exact") == (peer["reason"] is None)
    assert not take(world, seconds=60)["partial"]


def test_the_soft_limit_on_open_files_is_raised_for_this_process(world: World) -> None:
    pods = lay(world, 60)
    snapshot = take(world, nofile=[40, 4096])
    check_cables(snapshot, pods)
    assert not snapshot["partial"]


@pytest.mark.parametrize("limit", [80, 100])
def test_a_hard_limit_on_open_files_is_worked_with(world: World, limit: int) -> None:
    """Namespaces are closed and opened again in turns, and every cable is still proven."""
    pods = lay(world, 60)
    snapshot = take(world, nofile=[limit, limit])
    assert not snapshot["partial"], snapshot["errors"]
    check_cables(snapshot, pods)


_HOME = """
import json, os
from ansible_collections.podnet.lab.plugins.module_utils._kernel.namespaces import (
    CannotReturn, Home, NamespaceAccessError,
)

def where():
    return os.readlink("/proc/thread-self/ns/net")

home, told = Home(), {}
start = where()
descriptor = home.open_namespace(os.stat("/run/netns/pod1").st_ino, ["/nowhere", "/run/netns/pod1"])
told["inside"] = home.inside(descriptor, where)

def fail():
    raise ValueError("work failed")

try:
    home.inside(descriptor, fail)
except ValueError:
    told["after a failure"] = where() == start
try:
    home.open_namespace(4, ["/etc/passwd", "/run/netns/pod1"])
except NamespaceAccessError as problem:
    told["refused"] = str(problem)
try:
    home.inside(os.open("/etc/passwd", os.O_RDONLY), fail)
except OSError:
    told["not a namespace"] = where() == start
os.close(home._descriptor)  # what would have to go wrong for the way home to be lost
try:
    home.inside(descriptor, where)
except Exception:
    told["lost"] = "an ordinary error, which somebody might handle"
except CannotReturn as problem:
    told["lost"] = str(problem)
print(json.dumps(told))
"""


def test_coming_home(world: World) -> None:
    inode = world.netns("pod1")
    told = world.python(_HOME)
    assert told["inside"] == f"net:[{inode}]"
    assert told["after a failure"]
    assert told["not a namespace"]
    assert "/run/netns/pod1 is now namespace" in told["refused"]
    assert told["lost"].startswith("podnet.lab: could not return to the network namespace")


def test_without_proc(world: World) -> None:
    source = (
        "from ansible_collections.podnet.lab.plugins.module_utils._kernel import namespaces as n\n"
        "n.OWN_NAMESPACE = '/nowhere'\n"
        "try:\n    n.Home()\nexcept OSError as e:\n    print('\"%s\"' % type(e).__name__)\n"
    )
    assert world.python(source) == "FileNotFoundError"


def test_nothing_is_left_open_after_every_subset(world: World) -> None:
    lay(world, 3)
    everything = [
        "addresses", "all_routes", "neighbours", "fdb", "rules", "sockets", "sysctls", "statistics", "processes",
        "host_processes", "hidden",
    ]  # fmt: skip
    snapshot = take(world, wanted=everything)
    assert not snapshot["partial"], snapshot["errors"]
    own = snapshot["namespaces"][str(snapshot["own"])]
    for key in ("links", "addresses", "routes", "neighbours", "fdb", "rules", "sockets", "sysctls", "processes"):
        assert key in own
    assert all("stats" in link for link in own["links"])
    small = take(world, wanted=[])
    own = small["namespaces"][str(small["own"])]
    for key in ("addresses", "routes", "neighbours", "fdb", "rules", "sockets", "sysctls"):
        assert key not in own
    assert own["peers"]
