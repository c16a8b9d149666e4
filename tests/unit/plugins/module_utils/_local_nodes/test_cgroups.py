# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Control groups of full nodes: which hierarchies a machine has, and which of them will do."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ansible_collections.podnet.lab.plugins.module_utils._local_nodes import cgroups, state
from ansible_collections.podnet.lab.plugins.module_utils._local_nodes.cgroups import Hierarchy

# /proc/self/mountinfo of Debian 12 as it is installed.
VERSION_2 = """23 28 0:22 / /sys rw,nosuid,nodev,noexec,relatime shared:7 - sysfs sysfs rw
30 23 0:26 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime shared:9 - cgroup2 cgroup2 rw,nsdelegate
"""

# The same with systemd.unified_cgroup_hierarchy=0.
VERSION_1 = """30 23 0:26 / /sys/fs/cgroup ro,nosuid shared:9 - tmpfs tmpfs ro,size=4096k,mode=755
31 30 0:27 / /sys/fs/cgroup/unified rw,nosuid shared:10 - cgroup2 cgroup2 rw,nsdelegate
32 30 0:28 / /sys/fs/cgroup/systemd rw,nosuid shared:11 - cgroup cgroup rw,xattr,release_agent=/lib/x,name=systemd
33 30 0:32 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:12 - cgroup cgroup rw,cpu,cpuacct
34 30 0:33 / /sys/fs/cgroup/cpuset rw,nosuid shared:13 - cgroup cgroup rw,cpuset,noprefix
35 99 0:33 /docker/abc /somewhere/else rw,nosuid shared:13 - cgroup cgroup rw,cpuset
garbage
"""

HYBRID = [
    Hierarchy("cgroup2", "", "/sys/fs/cgroup/unified"),
    Hierarchy("cgroup", "name=systemd", "/sys/fs/cgroup/systemd"),
    Hierarchy("cgroup", "cpu,cpuacct", "/sys/fs/cgroup/cpu,cpuacct"),
    Hierarchy("cgroup", "cpuset", "/sys/fs/cgroup/cpuset"),
]
UNIFIED = [Hierarchy("cgroup2", "", "/sys/fs/cgroup")]


def test_hierarchies_are_read_with_what_mounts_them_again() -> None:
    elsewhere = Hierarchy("cgroup", "cpuset", "/somewhere/else")
    assert cgroups.read_hierarchies(VERSION_1) == [*HYBRID, elsewhere]
    assert cgroups.distinct([*HYBRID, elsewhere]) == HYBRID
    assert cgroups.read_hierarchies(VERSION_2) == UNIFIED
    assert cgroups.read_hierarchies("") == []


def test_usual_machines_are_accepted() -> None:
    everything = "cpuset cpu io memory hugetlb pids rdma misc"
    assert cgroups.check_hierarchies(HYBRID, "", "") == []
    assert cgroups.check_hierarchies(UNIFIED, everything, everything) == []
    # A kernel without them: kubeadm's preflight says what is missing.
    assert cgroups.check_hierarchies(UNIFIED, "", "") == []


def test_controllers_that_are_not_passed_on_are_named_with_the_command() -> None:
    (fault,) = cgroups.check_hierarchies(UNIFIED, "memory pids", "cpuset cpu io memory pids")
    assert "do not pass on cpu, cpuset" in fault
    assert "echo '+cpu +cpuset' > /sys/fs/cgroup/cgroup.subtree_control" in fault


def test_a_machine_where_systemd_could_not_run_is_told_why() -> None:
    (fault,) = cgroups.check_hierarchies([], "", "")
    assert "no control groups mounted" in fault
    (fault,) = cgroups.check_hierarchies([h for h in HYBRID if h.options != "name=systemd"], "", "")
    assert "mount -t cgroup -o none,name=systemd cgroup /sys/fs/cgroup/systemd" in fault


def test_a_node_has_one_group_in_each_hierarchy() -> None:
    groups = cgroups.node_groups(HYBRID, "podk0@4026531840", "node1")
    assert groups[1] == "/sys/fs/cgroup/systemd/podnet-nodes.podk0@4026531840.node1"
    assert cgroups.describe_groups(HYBRID, groups).splitlines()[:2] == [
        f"cgroup2 - {groups[0]}",
        f"cgroup name=systemd {groups[1]}",
    ]


@pytest.fixture
def hierarchy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in for a mounted hierarchy: a directory with the one file that makes it one."""
    (tmp_path / "cgroup.procs").touch()
    line = (
        f"31 30 0:27 / {tmp_path} rw - cgroup2 cgroup2 rw\n32 30 0:28 / {tmp_path}/covered rw - cgroup cgroup rw,pids\n"
    )
    monkeypatch.setattr(state, "read_all", lambda _path: line)
    return tmp_path


def test_only_this_fabric_s_groups_are_found(hierarchy: Path) -> None:
    for name in ("podnet-nodes.a@1.node1", "podnet-nodes.a@1.node10", "podnet-nodes.a@12.node1", "podnet-nodes.ab@1.x"):
        (hierarchy / name).mkdir()
    (hierarchy / "system.slice").mkdir()
    assert [os.path.basename(path) for path in cgroups.find_groups("a@1")] == [
        "podnet-nodes.a@1.node1",
        "podnet-nodes.a@1.node10",
    ]
    assert [os.path.basename(path) for path in cgroups.find_groups("a@1", ["node1"])] == ["podnet-nodes.a@1.node1"]


def test_groups_are_removed_from_within_and_those_in_use_are_named(hierarchy: Path) -> None:
    free, busy = hierarchy / "podnet-nodes.a@1.node1", hierarchy / "podnet-nodes.a@1.node2"
    (free / "init.scope" / "deeper").mkdir(parents=True)
    (busy / "init.scope").mkdir(parents=True)
    (busy / "init.scope" / "a-process").touch()  # what stands in the way of rmdir here
    assert cgroups.remove_groups([str(free), str(busy)], patience=0.1) == [str(busy)]
    assert not free.exists()


def test_a_new_group_of_version_1_may_run_where_those_above_may_and_is_never_swapped(hierarchy: Path) -> None:
    (hierarchy / "cpuset.cpus").write_text("0-3\n")
    (hierarchy / "cpuset.mems").write_text("0\n")
    group = hierarchy / "podnet-nodes.a@1.node1"
    group.mkdir()
    for name in ("cgroup.clone_children", "cpuset.cpus", "cpuset.mems", "memory.swappiness"):
        (group / name).touch()  # which the kernel makes
    cgroups.make_groups([str(group)])
    found = {path.name: path.read_text() for path in group.iterdir()}
    assert found == {
        "cgroup.clone_children": "1\n",
        "cpuset.cpus": "0-3\n",
        "cpuset.mems": "0\n",
        "memory.swappiness": "0\n",
    }


def test_frozen_groups_are_thawed(hierarchy: Path) -> None:
    inner = hierarchy / "podnet-nodes.a@1.node1" / "pod"
    inner.mkdir(parents=True)
    (inner / "freezer.state").write_text("FROZEN\n")
    cgroups.thaw([str(inner.parent)])
    assert (inner / "freezer.state").read_text() == "THAWED\n"
