# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a light node is: its own machine in all that a lab writes, and no way out to the real one."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest

from ansible_collections.podnet.lab.tests.integration.local_nodes.machine import Machine
from ansible_collections.podnet.lab.tests.integration.support.probes import require_root, require_tool
from ansible_collections.podnet.lab.tests.integration.support.world import World, WorldUnavailableError, open_world


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    """Two nodes on a machine that belongs to a cluster and has secrets; tests only look, or say what they change."""
    require_root()
    require_tool("sshd", "openssh-server")
    try:
        manager = open_world("machine")
        world = manager.__enter__()
    except WorldUnavailableError as error:
        pytest.skip(str(error))
    try:
        world.sh(
            "mkdir -p /etc/cni/net.d /etc/kubernetes /etc/ssh; echo m > /etc/machine-id;"
            "for f in cni/net.d/10-real.conflist kubernetes/admin.conf ssh/ssh_host_rsa_key; do echo x > /etc/$f; done"
        )
        made = Machine(world)
        made.nodes()
        yield made
    finally:
        manager.__exit__(None, None, None)


def test_ansible_reaches_all_nodes_through_the_inventory(machine: Machine) -> None:
    assert machine.ping() == {"node1", "node2"}


def test_each_node_has_its_own_identity(machine: Machine) -> None:
    script = "hostname; cat /etc/machine-id; cut -d' ' -f2 /etc/ssh/ssh_host_ed25519_key.pub; cat /etc/hostname"
    one, two = (machine.ssh(node, script).split() for node in ("node1", "node2"))
    assert one[0] == one[3] == "node1"
    assert two[0] == two[3] == "node2"
    assert len(one[1]) == len(two[1]) == 32
    assert one[1] != two[1]
    assert one[2] != two[2]
    known = (machine.directory / "known_hosts").read_text()
    assert one[2] in known
    assert two[2] in known


def test_a_node_whose_host_key_is_not_the_known_one_is_refused(machine: Machine) -> None:
    settings = machine.directory / "ssh_config"
    other = machine.world.scratch / "other_config"
    other.write_text(settings.read_text().replace("HostKeyAlias node1", "HostKeyAlias node2"))
    done = machine.world.run("ssh", "-F", other, "node1", "true", check=False)
    assert done.returncode == 255
    assert "Host key verification failed" in done.stderr


def test_each_node_has_its_own_processes_with_sshd_as_the_first(machine: Machine) -> None:
    processes = machine.ssh("node1", "ps -eo pid=,comm=").split("\n")
    assert processes[0].split() == ["1", "sshd"]
    assert len(processes) < 10


def test_orphans_on_a_node_are_reaped(machine: Machine) -> None:
    machine.ssh("node1", "setsid --fork sh -c 'sleep 0.1 & exit'; sleep 0.5")
    assert "Z" not in machine.ssh("node1", "ps -eo stat=")


def test_each_node_writes_to_places_of_its_own(machine: Machine) -> None:
    places = "/etc /run /var/lib /var/lib/cni /var/log /tmp /root"
    machine.ssh("node1", f"for d in {places}; do echo x > $d/podnet-mark; done")
    assert machine.ssh("node2", f"for d in {places}; do ls $d; done | grep -c podnet-mark || true").strip() == "0"
    assert machine.world.sh("ls /etc /run /var/lib /var/log | grep -c podnet-mark || true").strip() == "0"


def test_programs_are_there_and_read_only(machine: Machine) -> None:
    assert machine.ssh("node1", "command -v ip bridge nft python3 unshare nsenter").count("\n") == 6
    assert "Read-only" in machine.ssh("node1", "touch /usr/x 2>&1 || true")
    assert machine.ssh("node1", "ls /usr/lib/cni 2>/dev/null") == machine.world.sh(
        "ls /usr/lib/cni 2>/dev/null || true"
    )


def test_the_machine_s_own_cluster_and_keys_are_not_the_node_s(machine: Machine) -> None:
    assert machine.ssh("node1", "ls -d /etc/cni /etc/kubernetes /etc/ssh/ssh_host_rsa_key 2>/dev/null || true") == ""
    assert machine.ssh("node1", "cat /etc/machine-id").strip() != "m"


def test_kernel_settings_of_the_machine_are_read_only_and_net_is_the_node_s(machine: Machine) -> None:
    before = machine.world.sh("cat /proc/sys/net/ipv4/ip_forward")
    assert "Read-only" in machine.ssh("node1", "sh -c 'echo 0 > /proc/sys/kernel/panic' 2>&1 || true")
    assert "Read-only" in machine.ssh("node1", "sh -c 'echo 0 > /proc/sys/vm/swappiness' 2>&1 || true")
    machine.ssh("node1", "echo 1 > /proc/sys/net/ipv4/ip_forward")
    assert machine.ssh("node1", "cat /proc/sys/net/ipv4/ip_forward").strip() == "1"
    assert machine.ssh("node2", "cat /proc/sys/net/ipv4/ip_forward").strip() == "0"
    assert machine.world.sh("cat /proc/sys/net/ipv4/ip_forward") == before


def test_a_node_cannot_load_kernel_modules_or_set_the_clock(machine: Machine) -> None:
    capabilities = int(machine.ssh("node1", "grep CapBnd /proc/self/status").split()[1], 16)
    # linux/capability.h: CAP_SYS_MODULE 16, CAP_SYS_RAWIO 17, CAP_SYS_TIME 25, CAP_MKNOD 27; CAP_NET_ADMIN 12
    for number in (16, 17, 25, 27):
        assert not capabilities & 1 << number
    assert capabilities & 1 << 12


def test_named_namespaces_work_and_outlast_the_session(machine: Machine) -> None:
    machine.ssh("node1", "ip netns add pod; ip -n pod link set lo up")
    assert machine.ssh("node1", "ip netns list").split()[0] == "pod"
    assert "LOOPBACK,UP" in machine.ssh("node1", "ip netns exec pod ip link show lo")
    # A mount namespace that was made before the named one sees it too, as on a real node.
    machine.ssh("node1", "setsid --fork unshare --mount --propagation unchanged sleep 30 </dev/null >/dev/null 2>&1")
    machine.ssh("node1", "sleep 0.2; ip netns add later")
    script = "nsenter --target $(pgrep -x sleep) --mount grep -c netns/later /proc/self/mountinfo || true"
    assert machine.ssh("node1", script).strip() != "0"
    assert machine.world.sh("ls /run/netns").strip() == ""
    machine.ssh("node1", "pkill -x sleep; ip netns del pod; ip netns del later")


def test_nodes_reach_each_other_and_the_machine(machine: Machine) -> None:
    greet = "python3 -c \"import socket; print(socket.create_connection(('{}', 22), 5).recv(4))\""
    assert "SSH-" in machine.ssh("node1", greet.format("10.89.0.12"))
    routes = json.loads(machine.ssh("node1", "ip -j route"))
    assert [(r["gateway"], r["dev"]) for r in routes if r["dst"] == "default"] == [("10.89.0.1", "eth0")]
    refused = machine.ssh("node1", greet.format("10.89.0.1") + " 2>&1 || true")
    assert "ConnectionRefusedError" in refused  # the machine answered; nothing listens there


def test_nothing_leaves_the_machine_even_when_it_forwards(machine: Machine) -> None:
    world = machine.world
    world.sh(
        "ip netns add outside; ip link add out0 type veth peer name eth0 netns outside;"
        "ip addr add 198.51.100.1/24 dev out0; ip link set out0 up;"
        "ip -n outside addr add 198.51.100.2/24 dev eth0; ip -n outside link set eth0 up; ip -n outside link set lo up;"
        "ip -n outside route add default via 198.51.100.1"
    )
    listen = "import socket\ns = socket.create_server(('198.51.100.2', 80))\nwhile True: s.accept()"
    server = world.spawn("python3", "-c", listen, netns="outside")
    knock = "python3 -c \"import socket; socket.create_connection(('198.51.100.2', 80), 2); print('open')\""
    try:
        for _attempt in range(50):
            if world.run("sh", "-c", knock, check=False).stdout:
                break
            time.sleep(0.05)
        assert world.sh(knock) == "open\n"
        world.sh("echo 1 > /proc/sys/net/ipv4/ip_forward")
        assert world.sh("cat /proc/sys/net/ipv4/conf/podfab0/forwarding").strip() == "1"
        said = machine.ssh("node1", knock + " 2>&1 || true")
        assert "open" not in said.splitlines()  # from Python 3.13 on, a traceback shows the program
        assert "Error" in said
    finally:
        world.sh("echo 0 > /proc/sys/net/ipv4/ip_forward")
        world.kill(server)
        world.sh("ip link del out0; ip netns del outside")


def test_a_directory_of_the_machine_can_be_shown_to_the_nodes(world: World) -> None:
    require_root()
    world.sh(
        "mkdir -p /run/python/bin /run/python/inner; echo hello > /run/python/bin/x; mount -t tmpfs t /run/python/inner"
    )
    machine = Machine(world)
    machine.nodes(count=1, binds=["/run/python"])
    assert machine.ssh("node1", "cat /run/python/bin/x").strip() == "hello"
    assert "Read-only" in machine.ssh("node1", "touch /run/python/bin/y 2>&1 || true")
    assert "Read-only" in machine.ssh("node1", "touch /run/python/inner/y 2>&1 || true")


_STRAYS = """
import json, sys
from ansible_collections.podnet.lab.plugins.module_utils._local_nodes.state import stray_processes
print(json.dumps(len(stray_processes(sys.argv[1]))))
"""


def test_processes_of_a_fabric_of_this_name_elsewhere_are_not_its_own(machine: Machine) -> None:
    """A container on this machine may have a fabric of the same name; its processes can be seen from outside."""
    machine.world.ip("netns", "add", "elsewhere")
    try:
        assert machine.world.python(_STRAYS, machine.fabric) > 0
        assert machine.world.python(_STRAYS, machine.fabric, netns="elsewhere") == 0
    finally:
        machine.world.ip("netns", "del", "elsewhere")
