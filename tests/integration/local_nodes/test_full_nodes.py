# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Full nodes through their life: systemd comes up, stays within the node, and goes without a trace.

They are made on the machine itself, because control groups are the machine's. The root file system is kept from one
run to the next, as a user's is.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.podnet.lab.plugins.module_utils._local_nodes import cgroups
from ansible_collections.podnet.lab.plugins.module_utils._local_nodes import root as roots
from ansible_collections.podnet.lab.tests.integration.local_nodes.machine import _RUN_MODULE as RUN_MODULE
from ansible_collections.podnet.lab.tests.integration.local_nodes.machine import MODULE_ENV, Machine, changed
from ansible_collections.podnet.lab.tests.integration.support.nodes import FABRIC, subnet
from ansible_collections.podnet.lab.tests.integration.support.probes import (
    require_controllers,
    require_full_nodes,
    require_root,
)
from ansible_collections.podnet.lab.tests.integration.support.world import CHECKOUT, COLLECTIONS, World

NAME = FABRIC[:14] + "f"
NETWORK = subnet("full nodes")
PLAYBOOK = CHECKOUT / "playbooks" / "nodes.yml"
BIN = Path(sys.executable).parent

# Settings of the kernel that no program sets: what it counts, and what is another at each reading.
COUNTERS = re.compile(
    r"/proc/sys/(fs/(dentry-state|file-nr|inode-nr|inode-state|quota/\w+|aio-nr)"
    r"|kernel/(ns_last_pid|random/\w+|pty/nr|sched_domain/.*|perf_event_max_sample_rate|tainted|keys/.*_count))$"
)


def settings() -> dict[str, str]:
    """All settings of the kernel that this process can read, as the machine's own network namespace has them."""
    found = {}
    for directory, _below, names in os.walk("/proc/sys"):
        for name in names:
            path = f"{directory}/{name}"
            # Others may make and remove links meanwhile.
            if COUNTERS.match(path) or "/conf/" in path or "/neigh/" in path:
                continue
            try:
                found[path] = Path(path).read_bytes().decode(errors="backslashreplace")
            except OSError:
                continue
    return found


@dataclass(frozen=True)
class FullNodes:
    """Two full nodes on a fabric of their own, handled as a user does."""

    directory: Path
    data: Path
    env: dict[str, str]
    settings_before: dict[str, str]

    def run(self, *argv: str, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run playbooks/nodes.yml with these options of the role, whatever comes of it."""
        values = {
            "fabric": NAME, "subnet": NETWORK, "dir": str(self.directory), "data": str(self.data), "count": 2,
            "kind": "full", **options,
        }  # fmt: skip
        named = {f"local_nodes_{name}": value for name, value in values.items()}
        return subprocess.run(
            [BIN / "ansible-playbook", PLAYBOOK, "-i", "localhost,", "-e", json.dumps(named), *argv],
            env=self.env, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, timeout=900,
        )  # fmt: skip

    def make(self, *argv: str, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run playbooks/nodes.yml; it must succeed."""
        done = self.run(*argv, **options)
        assert done.returncode == 0, done.stdout + done.stderr
        return done

    def key(self) -> str:
        """The SSH key that the role made; empty when it has removed it."""
        key = self.directory / "id_ed25519.pub"
        return key.read_text().strip() if key.exists() else ""

    def module_command(self, check_mode: bool = False, **options: Any) -> list[str]:
        """The command line that runs the module local_nodes without Ansible around it, which is quicker."""
        args = {
            "kind": "full", "fabric": NAME, "subnet": NETWORK, "count": 2, "directory": str(self.directory),
            "data": str(self.data), "public_key": self.key(),
            "init": str(COLLECTIONS / "ansible_collections/podnet/lab/roles/local_nodes/files/full-node-init"),
            "_ansible_check_mode": check_mode, **options,
        }  # fmt: skip
        return [sys.executable, "-c", RUN_MODULE, json.dumps({"ANSIBLE_MODULE_ARGS": args})]

    def module(self, check_mode: bool = False, **options: Any) -> dict[str, Any]:
        """The result of the module local_nodes alone, whatever comes of it."""
        done = subprocess.run(
            self.module_command(check_mode, **options),
            env={**self.env, **MODULE_ENV}, capture_output=True, text=True, check=False, timeout=300,
        )  # fmt: skip
        result = json.loads(done.stdout)
        assert isinstance(result, dict)
        return result

    def shell(self, node: str, command: str, check: bool = True) -> str:
        """What a shell command prints on a node, over SSH."""
        done = subprocess.run(
            ["ssh", "-F", self.directory / "ssh_config", node, command],
            capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0 or not check, done.stdout + done.stderr
        return done.stdout

    def pid(self, node: str) -> int:
        """The node's first process, as the machine numbers it."""
        return int(Path(f"/run/podnet-nodes/{NAME}/nodes/{node}/init").read_text().split()[0])

    def ping(self) -> set[str]:
        """The nodes of the inventory that Ansible reaches."""
        done = subprocess.run(
            [BIN / "ansible", "-i", self.directory / "inventory.yml", "nodes", "-m", "ansible.builtin.ping"],
            env={**self.env, "ANSIBLE_SSH_ARGS": "-o ControlMaster=no"},
            capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, timeout=60,
        )  # fmt: skip
        return set(re.findall(r"^(\S+) \| SUCCESS", done.stdout, re.MULTILINE))

    def traces(self) -> dict[str, list[str]]:
        """What is on the machine of these nodes: links, rules, mounts, control groups, processes, directories."""
        ip = [subprocess.run(["ip", "-o", *kind], capture_output=True, text=True, check=True).stdout
              for kind in (["link"], ["rule"])]  # fmt: skip
        groups = [
            str(path)
            for hierarchy in cgroups.see_hierarchies()
            for path in Path(hierarchy.mountpoint).glob(f"podnet-nodes.{NAME}@*")
        ]
        found = {
            "links": [line for text in ip for line in text.splitlines() if f"{NAME}" in line],
            "mounts": [line for line in Path("/proc/self/mounts").read_text().splitlines() if NAME in line],
            "groups": groups,
            "processes": processes_of_fabric(),
            "directories": [
                str(path) for path in (Path("/run/podnet-nodes") / NAME, self.data, self.directory) if path.exists()
            ],
        }
        return {what: traces for what, traces in found.items() if traces}


def processes_of_fabric() -> list[str]:
    """Processes whose environment or control group names the fabric."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            marked = f"PODNET_NODES_FABRIC={NAME}@".encode() in (process / "environ").read_bytes()
            grouped = f"podnet-nodes.{NAME}@" in (process / "cgroup").read_text()
        except OSError:
            continue
        if marked or grouped:
            found.append(process.name)
    return found


def wait_until(holds: Callable[[], bool]) -> None:
    """Wait until that holds, for ten seconds at most; what is asserted next says whether it does."""
    for _attempt in range(200):
        if holds():
            return
        time.sleep(0.05)


@pytest.fixture(scope="module")
def full() -> Iterator[FullNodes]:
    """Two full nodes; each test leaves two nodes that answer."""
    # Their files are the one thing that is not below the test's scratch directory, which may lie in memory.
    data = Path(f"/var/lib/podnet-test-{NAME}")
    require_full_nodes(data)
    with tempfile.TemporaryDirectory(prefix="podnet-full-") as scratch:
        env = {
            **os.environ,
            "PATH": f"{BIN}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "ANSIBLE_CONFIG": str(CHECKOUT / "ansible.cfg"),
            "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
            "ANSIBLE_HOME": f"{scratch}/ansible",
            "ANSIBLE_NOCOLOR": "1",
        }
        nodes = FullNodes(Path(scratch) / "nodes", data, env, settings())
        try:
            nodes.make()
            yield nodes
        finally:
            nodes.make(state="absent")


def test_systemd_comes_up_and_nothing_fails(full: FullNodes) -> None:
    for node in ("node1", "node2"):
        said = full.shell(
            node, "systemctl is-system-running --wait; systemctl --failed --no-legend --plain", check=False
        )
        assert said.split() == ["running"]
    assert full.ping() == {"node1", "node2"}
    assert full.shell("node1", "ps -o comm= -p 1").strip() == "systemd"


def test_a_second_run_changes_nothing(full: FullNodes) -> None:
    before = full.pid("node1"), full.pid("node2")
    for argv in ([], ["--check", "--diff"]):
        done = full.make(*argv)
        assert changed(done) == 0
        assert "Building" not in done.stdout
    assert (full.pid("node1"), full.pid("node2")) == before


def test_each_node_is_somebody(full: FullNodes) -> None:
    asked = "hostname; cat /etc/machine-id; cut -d' ' -f2 /etc/ssh/ssh_host_ed25519_key.pub; ls /etc/ssh/ssh_host_*"
    one, two = (full.shell(node, asked).split() for node in ("node1", "node2"))
    assert one[0] == "node1"
    assert two[0] == "node2"
    assert one[1] != two[1]
    assert one[2] != two[2]
    assert one[3:] == ["/etc/ssh/ssh_host_ed25519_key", "/etc/ssh/ssh_host_ed25519_key.pub"]


def test_a_node_has_control_groups_of_its_own(full: FullNodes) -> None:
    require_controllers()
    full.shell("node1", "systemd-run --unit=probe --slice=lab-probe.slice sleep infinity")
    groups = Path(f"/proc/{full.pid('node1')}/cgroup").read_text().splitlines()
    assert groups
    assert all(re.search(rf":/podnet-nodes\.{NAME}@\d+\.node1(/|$)", line) for line in groups), groups
    # The node sees itself at the root, and only its own.
    assert full.shell("node1", "cut -d: -f3 /proc/1/cgroup | sort -u").split()[0] in ("/", "/init.scope")
    assert "lab-probe.slice" in full.shell("node1", "systemctl status probe.service")
    assert full.shell("node2", "systemctl is-active probe.service", check=False).strip() == "inactive"
    full.shell("node1", "systemctl stop probe.service")


def test_a_service_is_started_and_seen_in_the_journal(full: FullNodes) -> None:
    unit = "[Service]\\nExecStart=/bin/sh -c 'echo from $(hostname); exec sleep infinity'\\n"
    full.shell("node1", f'printf "{unit}" > /etc/systemd/system/hello.service; systemctl start hello.service')
    assert full.shell("node1", "systemctl is-active hello.service").strip() == "active"
    wait_until(lambda: "from node1" in full.shell("node1", "journalctl -u hello -o cat --no-pager"))
    assert "from node1" in full.shell("node1", "journalctl -u hello -o cat --no-pager")
    assert "hello" not in full.shell("node2", "ls /etc/systemd/system")


def test_what_runtimes_need_is_there(full: FullNodes) -> None:
    types = full.shell("node1", "stat -f -c %T / /var/lib/containerd /var/lib/kubelet /var/lib/etcd").split()
    assert types[0] == "overlayfs"
    assert "overlayfs" not in types[1:]
    # An overlay on an overlay is what containerd would fail on.
    full.shell(
        "node1",
        "cd /var/lib/containerd && mkdir -p a b c d && mount -t overlay o -o lowerdir=a,upperdir=b,workdir=c d"
        " && umount d && rm -r a b c d",
    )
    assert full.shell("node1", "wc -l < /proc/swaps").strip() == "1"
    assert full.shell("node1", "findmnt -n -o PROPAGATION /").strip() == "shared"
    assert full.shell("node1", "cat /proc/sys/kernel/panic /proc/sys/vm/overcommit_memory").split() == ["10", "1"]
    full.shell("node1", "test -d /lib/modules/. && : < /dev/kmsg")


def test_a_node_cannot_set_what_is_the_machine_s(full: FullNodes) -> None:
    try_all = (
        "echo 1 > /proc/sys/net/ipv4/ip_forward && cat /proc/sys/net/ipv4/ip_forward;"
        "for f in kernel/pid_max vm/swappiness fs/file-max; do"
        '   sh -c "cat /proc/sys/$f > /proc/sys/$f" || echo refused; done;'
        "date -s '2001-01-01' >&2 || echo refused; modprobe dummy >&2 || echo refused;"
        "echo 12 > /proc/sys/kernel/panic; cat /proc/sys/kernel/panic"
    )  # fmt: skip
    assert full.shell("node2", try_all).split() == ["1", *["refused"] * 5, "12"]
    assert {path: value for path, value in settings().items() if full.settings_before.get(path, value) != value} == {}


def test_a_node_that_died_is_replaced_and_the_other_stays(full: FullNodes) -> None:
    one, two = full.pid("node1"), full.pid("node2")
    full.shell("node2", "touch /srv/before; systemd-run --unit=probe sleep infinity")
    os.kill(two, 9)
    wait_until(lambda: not Path(f"/proc/{two}").exists())
    assert "replaced node2 (died)" in full.make("-v").stdout
    assert full.pid("node1") == one
    assert full.ping() == {"node1", "node2"}
    assert full.shell("node2", "ls /srv").split() == []
    assert full.module()["changed"] is False


def test_a_node_that_shuts_down_is_replaced(full: FullNodes) -> None:
    pid = full.pid("node1")
    full.shell("node1", "systemctl poweroff", check=False)
    wait_until(lambda: not Path(f"/proc/{pid}").exists())
    assert full.module()["actions"] == ["replaced node1 (died)"]
    full.make()  # known_hosts
    assert full.ping() == {"node1", "node2"}


def test_check_mode_tells_that_a_root_file_system_would_be_built(full: FullNodes) -> None:
    before = full.pid("node1"), full.pid("node2")
    told = full.make("--check", "--diff", "-v", packages=["bird2"]).stdout
    assert re.search(r"Building \S+/bookworm-[0-9a-f]{16}/root from Debian packages", told)
    assert "replaced node1 (has another root file system)" in told
    assert re.search(r"^\+node1 \S+ over \S+/bookworm-[0-9a-f]{16}/root$", told, re.MULTILINE)
    assert (full.pid("node1"), full.pid("node2")) == before
    assert full.module(check_mode=True)["changed"] is False


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"data": "/dev/shm/podnet"}, "data: /dev/shm/podnet lies on tmpfs, which cannot take the writable layers"),
        ({"data": "/var/lib/a,b"}, "data: '/var/lib/a,b' must be an absolute path"),
        ({"data": "/var/lib/a:b", "cache": "/c d"}, "cache: '/c d' must be an absolute path"),
        ({"packages": ["--hook=x"]}, "packages: '--hook=x' is not the name of a Debian package"),
        ({"suite": "12"}, "suite '12' is not the name of a Debian release"),
    ],
)
def test_what_cannot_be_is_refused_and_the_nodes_stay(full: FullNodes, options: dict[str, Any], words: str) -> None:
    before = full.pid("node1"), full.pid("node2")
    assert words in full.module(**options)["msg"]
    assert (full.pid("node1"), full.pid("node2")) == before


def test_a_mirror_that_does_not_answer_is_told_and_leaves_nothing(full: FullNodes, tmp_path: Path) -> None:
    # Nobody listens on the discard port of the loopback.
    said = full.module(cache=str(tmp_path), mirror="http://127.0.0.1:9/debian")["msg"]
    assert "building the root file system failed (" in said
    assert "the mirror cannot be reached: see whether apt-get update works, or give another mirror" in said
    assert list(tmp_path.iterdir()) == []
    assert full.ping() == {"node1", "node2"}


def test_a_build_that_is_killed_leaves_no_process_and_no_root_file_system(full: FullNodes, tmp_path: Path) -> None:
    module = subprocess.Popen(
        full.module_command(cache=str(tmp_path)),
        env={**full.env, **MODULE_ENV}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip

    def building() -> list[str]:
        return [
            process.parent.name
            for process in Path("/proc").glob("[0-9]*/cmdline")
            if str(tmp_path).encode() in _read(process) and b"mmdebstrap" in _read(process)
        ]

    wait_until(lambda: bool(building()) and bool(list(tmp_path.glob("*.building/root/*"))))
    assert building()
    module.kill()
    module.wait()
    wait_until(lambda: not building())
    assert building() == []
    assert [path.suffix for path in tmp_path.iterdir()] == [".building"]
    assert str(tmp_path) not in Path("/proc/self/mounts").read_text()
    shutil.rmtree(next(tmp_path.iterdir()))  # nothing is mounted in it


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def test_rootless_is_told_that_full_nodes_need_the_machine_s_root(world: World) -> None:
    require_root()
    script = "import sys; sys.argv[1:] = []\n" + RUN_MODULE.replace(
        "sys.argv[1].encode()", "open('/run/args').read().encode()"
    )
    args = {"kind": "full", "directory": "/srv/lab", "public_key": "k", "init": "/etc/passwd", "data": "/run/data"}
    (world.scratch / "args").write_text(json.dumps({"ANSIBLE_MODULE_ARGS": args}))
    world.sh('cp "$1/args" /run/args', world.scratch)
    done = world.run(
        "unshare", "--user", "--map-root-user", sys.executable, "-c", script, env=MODULE_ENV, check=False
    )  # fmt: skip
    if "unshare" in done.stderr:
        pytest.skip(f"Python does not start in a user namespace here: {done.stderr.strip()}")
    assert "full nodes need root of the machine itself" in json.loads(done.stdout)["msg"]


def test_a_node_starts_on_control_groups_of_version_2(full: FullNodes, world: World) -> None:
    """A machine that has no others. Where the controllers are version 1's, it has none of them; systemd runs anyway."""
    fstype, _free = roots.see_disk(str(world.scratch))
    if fstype not in roots.DISK_TYPES:
        pytest.skip(f"{world.scratch} lies on {fstype}, and a full node's files must lie on a disk")
    if world.run("mount", "-t", "cgroup2", "cgroup2", "/sys/fs/cgroup", check=False).returncode:
        pytest.skip("this kernel has no control groups of version 2")
    machine = Machine(world, "podfab2")
    data = world.scratch / "data"
    try:
        machine.nodes(kind="full", count=1, data=str(data))
        asked = "systemctl is-system-running --wait; stat -f -c %T /sys/fs/cgroup; grep ^0: /proc/1/cgroup"
        assert machine.ssh("node1", asked).split() == ["running", "cgroup2fs", "0::/init.scope"]
        assert world.sh("ls -d /sys/fs/cgroup/podnet-nodes.podfab2@*.node1/init.scope")
    finally:
        machine.nodes(state="absent", data=str(data))
    assert world.run("sh", "-c", "ls -d /sys/fs/cgroup/podnet-nodes.podfab2@*", check=False).returncode != 0
    assert not data.exists()


def test_removal_leaves_nothing_but_the_root_file_system(full: FullNodes) -> None:
    full.shell("node1", "systemd-run --unit=probe sh -c 'mount -t tmpfs x /mnt; ip netns add pod; sleep infinity'")
    wait_until(lambda: "pod" in full.shell("node1", "ip netns list"))
    # A process that was frozen in a group of its own ends like all others.
    full.shell(
        "node2",
        "g=/sys/fs/cgroup/freezer; [ -d $g ] || exit 0; mkdir $g/ice; sleep 600 > /dev/null 2>&1 &"
        " echo $! > $g/ice/cgroup.procs; echo FROZEN > $g/ice/freezer.state",
    )  # fmt: skip
    root = json.loads(Path(f"/run/podnet-nodes/{NAME}/nodes/node1/node.json").read_text())["root"]
    assert set(full.traces()) == {"links", "groups", "processes", "directories"}
    full.make(state="absent")
    assert full.traces() == {}
    assert Path(root).is_dir()
    assert full.module(state="absent")["changed"] is False
    assert {path: value for path, value in settings().items() if full.settings_before.get(path, value) != value} == {}
