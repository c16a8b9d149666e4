# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Nodes through their life: made, made again, broken, repaired, counted down and taken away without a trace."""

from __future__ import annotations

import concurrent.futures
import os
import subprocess
import time
from collections.abc import Iterator

import pytest

from ansible_collections.podnet.lab.tests.integration.local_nodes.machine import MODULE_ENV, Machine, changed, error
from ansible_collections.podnet.lab.tests.integration.support.probes import require_root, require_tool
from ansible_collections.podnet.lab.tests.integration.support.world import World, WorldUnavailableError, open_world


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    """A machine with two nodes; each test leaves two nodes that answer."""
    require_root()
    require_tool("sshd", "openssh-server")
    try:
        manager = open_world("machine")
        world = manager.__enter__()
    except WorldUnavailableError as error_:
        pytest.skip(str(error_))
    try:
        made = Machine(world)
        made.nodes()
        yield made
    finally:
        manager.__exit__(None, None, None)


def test_a_second_run_changes_nothing(machine: Machine) -> None:
    before = machine.pid("node1"), machine.pid("node2"), machine.holder()
    assert changed(machine.nodes()) == 0
    assert (machine.pid("node1"), machine.pid("node2"), machine.holder()) == before


def test_check_mode_tells_and_does_nothing(machine: Machine) -> None:
    before = machine.traces()
    assert changed(machine.nodes("--check")) == 0
    told = machine.nodes("--check", "--diff", count=3)
    assert changed(told) > 0
    assert "+node3 10.89.0.13" in told.stdout
    assert "-node" not in told.stdout.replace("--- ", "").replace("-nodes", "")
    assert changed(machine.nodes("--check", state="absent")) > 0
    assert machine.traces() == before


def test_a_node_that_died_is_replaced_and_the_others_stay(machine: Machine) -> None:
    assert machine.ping() == {"node1", "node2"}  # leaves SSH masters to the node that dies
    one, two = machine.pid("node1"), machine.pid("node2")
    machine.world.kill(two)
    told = machine.nodes("-v")
    assert "replaced node2 (died)" in told.stdout
    assert machine.pid("node1") == one
    assert machine.pid("node2") != two
    assert machine.ping() == {"node1", "node2"}
    assert changed(machine.nodes()) == 0


def test_a_node_that_reboots_or_shuts_down_is_replaced(machine: Machine) -> None:
    machine.ssh("node1", "kill -TERM 1", check=False)
    for _attempt in range(100):
        if machine.world.run("kill", "-0", machine.pid("node1"), check=False).returncode:
            break
        time.sleep(0.05)
    assert "replaced node1 (died)" in machine.nodes("-v").stdout
    assert machine.ping() == {"node1", "node2"}


def test_a_node_that_does_not_answer_any_more_is_replaced(machine: Machine) -> None:
    machine.world.run("nsenter", f"--net=/proc/{machine.pid('node2')}/ns/net", "ip", "link", "del", "eth0")
    told = machine.nodes("-v")
    assert "replaced node2 (does not answer on 10.89.0.12 port 22)" in told.stdout
    assert machine.ping() == {"node1", "node2"}


def test_a_process_that_took_a_dead_node_s_number_is_not_touched(machine: Machine) -> None:
    # A record with the PID of a living process and another start time stands for a reused number.
    bystander = machine.world.spawn("sleep", "600")
    machine.world.kill(machine.pid("node2"))
    machine.world.sh(f"echo '{bystander} 1' > {machine.state}/nodes/node2/init")
    assert machine.module()["actions"] == ["replaced node2 (died)"]
    machine.world.run("kill", "-0", bystander)
    machine.world.kill(bystander)
    machine.nodes()  # known_hosts


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        ("ip link del podfab0", "link podfab0 is gone"),
        ("ip addr flush dev podfab0", "link podfab0 has lost its address 10.89.0.1"),
        ("ip link set podfab0 down", "link podfab0 is down"),
        ("echo 1 > /proc/sys/net/ipv4/conf/podfab0/forwarding", "link podfab0 forwards packets"),
        ("ip rule del iif podfab0 prohibit", "the rule that keeps packets of link podfab0 on this machine is gone"),
    ],
)
def test_a_broken_uplink_is_repaired_and_the_nodes_stay(machine: Machine, damage: str, told: str) -> None:
    before = machine.traces()
    pids = machine.pid("node1"), machine.pid("node2")
    machine.world.sh(damage)
    assert machine.module()["actions"] == [f"repaired fabric podfab0 ({told})"]
    assert (machine.pid("node1"), machine.pid("node2")) == pids
    assert machine.answering() == {"node1", "node2"}
    assert machine.module()["changed"] is False
    after = machine.traces()
    assert after["rules"] == before["rules"]
    assert after["links"] == before["links"]


def test_a_fabric_whose_namespace_went_is_built_anew(machine: Machine) -> None:
    machine.world.kill(machine.holder())
    assert "built fabric podfab0" in machine.nodes("-v").stdout
    assert machine.ping() == {"node1", "node2"}
    assert changed(machine.nodes()) == 0


def test_counting_up_and_down_touches_only_the_nodes_in_question(machine: Machine) -> None:
    pids = machine.pid("node1"), machine.pid("node2")
    machine.nodes(count=4)
    assert machine.answering() == {"node1", "node2", "node3", "node4"}
    machine.nodes(count=2)
    assert machine.answering() == {"node1", "node2"}
    assert (machine.pid("node1"), machine.pid("node2")) == pids
    assert machine.world.sh(f"ls {machine.state}/nodes").split() == ["node1", "node2"]
    assert "node3" not in (machine.directory / "inventory.yml").read_text()


def test_a_lost_key_is_made_anew_and_the_nodes_with_it(machine: Machine) -> None:
    for name in ("id_ed25519", "id_ed25519.pub"):
        (machine.directory / name).unlink()
    assert "replaced node1 (admits another SSH key)" in machine.nodes("-v").stdout
    assert machine.ping() == {"node1", "node2"}


def test_list_names_nodes_that_answer_and_nodes_that_died(machine: Machine) -> None:
    machine.world.kill(machine.pid("node2"))
    told = machine.nodes(state="list").stdout
    assert "fabric podfab0 10.89.0.0/24" in told
    assert "node1 10.89.0.11 answers" in told
    assert "node2 10.89.0.12 died" in told
    machine.nodes()


def test_a_run_that_was_killed_half_way_is_completed_by_the_next(machine: Machine) -> None:
    """Killed at several moments of the start, the next run always ends with nodes that answer, and nothing besides."""
    for pause in (0.0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5):
        machine.module(state="absent")
        module = subprocess.Popen(
            [*machine.world.enter(), *machine.module_command()],
            env={**os.environ, **MODULE_ENV},
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
        for _attempt in range(2000):  # until it is at work
            if machine.world.run("test", "-e", machine.state, check=False).returncode == 0:
                break
        time.sleep(pause)
        machine.world.run("pkill", "-KILL", "^python", check=False)
        module.wait()
        assert machine.module()["nodes"]
        running = machine.running()
        assert (running.count("unshare"), running.count("sleep")) == (2, 1)
        assert machine.module()["changed"] is False
    machine.nodes()
    assert machine.answering() == {"node1", "node2"}


def test_state_that_was_lost_is_said_and_absent_still_finds_all(machine: Machine) -> None:
    machine.world.sh(f"rm -r {machine.state}")
    said = machine.module()["msg"]
    assert "link podfab0 is left from a fabric whose state in /run/podnet-nodes is gone" in said
    machine.module(state="absent")
    assert not {"sshd", "sleep", "unshare"} & set(machine.running())
    machine.nodes()
    assert machine.ping() == {"node1", "node2"}


def test_teardown_leaves_nothing_of_ours_and_everything_of_others(world: World) -> None:
    require_root()
    machine = Machine(world)
    world.sh(
        "ip netns add foreign; ip link add podfab1 type veth peer name x netns foreign; ip link set podfab1 up;"
        "ip addr add 10.99.0.1/24 dev podfab1; ip rule add iif podfab1 prohibit; mkdir /run/podnet-other;"
    )
    bystander = world.spawn("sleep", "600")
    before = machine.traces()
    machine.nodes()
    assert machine.ping() == {"node1", "node2"}
    world.spawn("ssh", "-F", machine.directory / "ssh_config", "node1", "sleep 600")
    machine.ssh("node2", "ip netns add pod; setsid --fork ip netns exec pod sleep 600 </dev/null >/dev/null 2>&1")
    (machine.directory / "notes.txt").write_text("the user's own")
    for _attempt in range(100):
        if machine.running().count("sleep") == 4:  # bystander, holder, one on each node
            break
        time.sleep(0.05)
    assert "[mux]" in world.sh("ps -eo args=")
    machine.nodes(state="absent")
    for _attempt in range(100):  # the user's own ssh notices by itself that its node is gone
        if "ssh" not in machine.running():
            break
        time.sleep(0.1)
    assert machine.traces() == before
    world.run("kill", "-0", bystander)
    assert [path.name for path in machine.directory.iterdir()] == ["notes.txt"]
    assert changed(machine.nodes(state="absent")) == 0
    assert [path.name for path in machine.directory.iterdir()] == ["notes.txt"]


def test_several_fabrics_live_side_by_side(world: World) -> None:
    require_root()
    one, two = Machine(world), Machine(world, "podfab1", "10.89.1.0/24")
    one.nodes()
    two.nodes(count=1, prefix="other")
    assert one.ping() == {"node1", "node2"}
    assert two.ping() == {"other1"}
    one.nodes(state="absent")
    assert two.ping() == {"other1"}
    assert world.sh("ls /run/podnet-nodes").split() == ["podfab1"]
    two.nodes(state="absent")
    assert world.run("ls", "/run/podnet-nodes", check=False).returncode != 0


def test_runs_at_once_wait_for_each_other(world: World) -> None:
    require_root()
    machine = Machine(world)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        done = list(pool.map(lambda _number: machine.module(), range(4)))
    assert sorted(result["changed"] for result in done) == [False, False, False, True]
    assert all(result["nodes"] == done[0]["nodes"] for result in done)
    assert machine.running().count("unshare") == 2
    with concurrent.futures.ThreadPoolExecutor() as pool:
        done = list(pool.map(lambda state: machine.module(state=state), ["absent", "present"] * 3))
    assert not [result for result in done if result.get("failed")]


def test_of_two_fabrics_that_want_one_subnet_at_once_one_is_refused(world: World) -> None:
    require_root()
    machines = [Machine(world, "podfab0"), Machine(world, "podfab1")]
    with concurrent.futures.ThreadPoolExecutor() as pool:
        done = list(pool.map(lambda machine: machine.module(count=1), machines))
    (refused,) = [result["msg"] for result in done if result.get("failed")]
    assert "subnet 10.89.0.0/24 overlaps 10.89.0.0/24, which this machine reaches through podfab" in refused
    assert len(world.sh("ls /run/podnet-nodes").split()) == 1


def test_another_directory_s_fabric_is_neither_changed_nor_removed(world: World) -> None:
    require_root()
    mine, other = Machine(world), Machine(world)
    other.directory = world.scratch / "other"
    mine.nodes(count=1)
    assert f"belongs to {mine.directory}, not to {other.directory}" in error(other.try_nodes(count=1, state="absent"))
    assert f"belongs to {mine.directory}, not to {other.directory}" in other.module(count=1)["msg"]
    assert mine.answering() == {"node1"}
