# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""tools/rootless, tools/demo and tools/clean: what they say when they cannot, and that rootless nodes work."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from pathlib import Path

import pytest

from ansible_collections.podnet.lab.tests.integration.local_nodes.machine import BIN, Machine
from ansible_collections.podnet.lab.tests.integration.support import programs
from ansible_collections.podnet.lab.tests.integration.support.probes import require_root, require_tool
from ansible_collections.podnet.lab.tests.integration.support.world import CHECKOUT, COLLECTIONS, PATH, World

USER = "podnet-me"
UNSHARE = (
    "printf '#!/bin/sh\\n{}\\n' > /run/unshare; chmod 755 /run/unshare; mount --bind /run/unshare /usr/bin/unshare"
)
"""Puts a script in the place of unshare."""


@pytest.fixture
def user(world: World) -> World:
    """A machine on which an ordinary user exists, with a range of user IDs and without sudo."""
    require_root()
    require_tool("newuidmap", "uidmap")
    world.sh(f"useradd --no-create-home --home-dir /run/home --shell /bin/bash {USER}")
    world.sh(f"mkdir -p /run/home; chown {USER}: /run/home; grep -q ^{USER}: /etc/subuid")
    for parent in [CHECKOUT, *CHECKOUT.parents]:
        if not parent.stat().st_mode & 0o001:
            pytest.skip(f"{parent} is closed to other users, and the checkout lies in it")
    # Python may lie in a home directory that is closed, or in /root, which is another one inside.
    world.sh('mkdir "$1/python"; mount --bind "$2" "$1/python"', world.scratch, sys.base_prefix)
    world.sh('chmod 777 "$1"', world.scratch)
    return world


def as_user(
    world: World, *argv: object, check: bool = True, path: str = PATH, timeout: float = 60
) -> subprocess.CompletedProcess[str]:
    """Run a command in the world as the ordinary user."""
    env = {**world.ansible_env(), "HOME": "/run/home", "PYTHONPATH": sysconfig.get_path("purelib")}
    words = [str(word) for word in argv]
    world.sh('chmod -R a+rwX "$1/ansible"', world.scratch)
    return world.run(
        "setpriv", f"--reuid={USER}", f"--regid={USER}", "--init-groups", "env", f"PATH={path}", *words,
        env=env, check=check, timeout=timeout,
    )  # fmt: skip


def refusal(done: subprocess.CompletedProcess[str]) -> str:
    """The one line with which a tool refuses."""
    assert done.returncode != 0, done.stdout
    assert done.stdout == ""
    (line,) = done.stderr.strip().splitlines()
    return line


def test_nodes_work_without_root(user: World) -> None:
    if as_user(user, CHECKOUT / "tools" / "rootless", "true", check=False).returncode:
        pytest.skip("this kernel makes no user namespaces for users")
    machine = Machine(user)
    as_user(user, "mkdir", "-p", machine.directory)
    before = machine.traces()
    python = user.scratch / "python" / "bin" / Path(sys.executable).resolve().name
    play = shlex.join([str(python), *machine.command()])
    ssh = f"ssh -F {machine.directory}/ssh_config node1"
    script = f"""
        set -e
        cd {user.scratch}
        {play} > play.log 2>&1 || {{ cat play.log; exit 1; }}
        {play} | grep -o 'changed=[0-9]*'
        {ssh} 'hostname; ip netns add pod; ip netns exec pod ip -br link; id -u'
        {ssh} 'echo 1 > /proc/sys/net/ipv4/ip_forward; cat /proc/sys/net/ipv4/ip_forward'
        {ssh} 'echo 1 > /proc/sys/kernel/panic || echo read-only' 2>/dev/null
        {python} {BIN}/ansible -i {machine.directory}/inventory.yml nodes -m ansible.builtin.ping | grep -c SUCCESS
    """
    said = as_user(user, CHECKOUT / "tools" / "rootless", "bash", "-c", script, timeout=180).stdout.split("\n")
    assert said[0] == "changed=0"
    assert said[1] == "node1"
    assert said[2].split()[0] == "lo"
    assert said[3:7] == ["0", "1", "read-only", "2"]
    assert machine.traces() == before
    assert as_user(user, "stat", "-c", "%U", machine.directory / "id_ed25519").stdout.strip() == USER


PACKAGES: dict[str, tuple[Sequence[str], Sequence[str]]] = {
    "vxlan": ((), ()),
    "bgp": (("bird2", "libssh-gcrypt-4"), ("bird", "birdc", "libssh-gcrypt.so.4")),
    "wireguard": (("wireguard-tools", "wireguard-go"), ("wg", "wireguard-go")),
}
"""Debian packages and files that a network needs on the nodes."""


@pytest.mark.release
@pytest.mark.parametrize("network", PACKAGES)
def test_a_network_holds_without_root_or_is_refused_before_anything_is_built(user: World, network: str) -> None:
    if as_user(user, CHECKOUT / "tools" / "rootless", "true", check=False).returncode:
        pytest.skip("this kernel makes no user namespaces for users")
    packages, names = PACKAGES[network]
    files = programs.found(packages, *names) if packages else []
    machine = Machine(user)
    as_user(user, "mkdir", "-p", machine.directory, user.scratch / "programs")
    for file in files:
        user.run("install", "--mode=755", file, user.scratch / "programs" / file.name)
    python = user.scratch / "python" / "bin" / Path(sys.executable).resolve().name
    ssh = f"ssh -F {machine.directory}/ssh_config"
    report = user.scratch / "report"
    play = f"{python} {BIN}/ansible-playbook -i {machine.directory}/inventory.yml"
    playbooks = CHECKOUT / "playbooks"
    script = f"""
        set -e
        cd {user.scratch}
        {shlex.join([str(python), *machine.command()])} > play.log 2>&1 || {{ cat play.log; exit 1; }}
        for node in node1 node2; do
            {ssh} $node 'mount -t tmpfs tmpfs /usr/local/sbin'
            for file in {shlex.join(file.name for file in files)}; do
                {ssh} $node "cat > /usr/local/sbin/$file; chmod 755 /usr/local/sbin/$file" < programs/$file
            done
            [ {network} != bgp ] || {ssh} $node '
                cd /usr/local/sbin; mkdir real; mv bird real/
                printf "#!/bin/sh\\nLD_LIBRARY_PATH=/usr/local/sbin exec /usr/local/sbin/real/bird \\"\\$@\\"\\n" > bird
                chmod 755 bird'
        done
        if ! {play} {playbooks}/lab.yml -e manual_lab_network={network} > lab.log 2>&1; then
            cat lab.log
            {ssh} node1 'ip -o link show type bridge | wc -l'
            exit 0
        fi
        {play} {playbooks}/verify.yml -e podnet_report_dir={report} > verify.log 2>&1 || {{ cat verify.log; exit 1; }}
        {play} {playbooks}/teardown.yml > teardown.log 2>&1 || {{ cat teardown.log; exit 1; }}
        echo held
    """
    said = as_user(user, CHECKOUT / "tools" / "rootless", "bash", "-c", script, timeout=300).stdout
    if said.strip() == "held":
        requirements = json.loads((report / "verify.json").read_text(encoding="utf-8"))["requirements"]
        verdicts = {one["key"]: one["verdict"] for one in requirements}
        assert verdicts["path-mtu"] == "held"
        assert "broken" not in verdicts.values(), verdicts
        return
    assert network == "wireguard", said
    assert "its kernel has no wireguard: the module wireguard is missing" in said
    assert said.split()[-1] == "0", "nothing is built"


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        ("mount --bind /dev/null /usr/bin/newuidmap", "newuidmap is missing: install Debian's package uidmap"),
        (": > /etc/subuid", f"/etc/subuid has no range for {USER}: as root, usermod --add-subuids"),
        (": > /etc/subgid", f"/etc/subgid has no range for {USER}: as root, usermod --add-subuids"),
        (
            UNSHARE.format("case $1 in --help) echo --map-auto;; *) echo no >&2; exit 1;; esac"),
            "a user namespace cannot be made here (no): use sudo instead.",
        ),
        (
            UNSHARE.format("echo unshare from util-linux 2.36"),
            "unshare from util-linux 2.36 cannot map several users: util-linux 2.38 or newer is needed",
        ),
    ],
)
def test_what_keeps_rootless_from_working_is_named(user: World, damage: str, words: str) -> None:
    user.sh(damage)
    said = refusal(as_user(user, CHECKOUT / "tools" / "rootless", "--check", check=False))
    assert said.startswith("rootless: ")
    assert words in said
    # Without sudo, the demo has no other way, and says both.
    user.sh("for f in /usr/bin/sudo; do [ ! -e $f ] || mount --bind /dev/null $f; done")
    demo = refusal(as_user(user, CHECKOUT / "tools" / "demo", check=False))
    assert demo.startswith("demo: making nodes needs root")
    assert words in demo


def checkout_copy(world: World) -> Path:
    """A checkout of its own below the world's scratch directory; .venv and the plugins are this checkout's."""
    copy = world.scratch / "checkout"
    copy.mkdir()
    shutil.copytree(CHECKOUT / "tools", copy / "tools")
    for name in ("playbooks", "roles", "plugins", "ansible.cfg", ".venv"):
        (copy / name).symlink_to(CHECKOUT / name)
    return copy


def test_root_needs_no_rootless(world: World) -> None:
    require_root()
    assert "you are root already" in refusal(world.run(CHECKOUT / "tools" / "rootless", "true", check=False))


@pytest.mark.parametrize("tool", ["demo", "clean"])
def test_an_unknown_option_is_named(world: World, tool: str) -> None:
    assert "unknown option '--nonsense'" in refusal(world.run(CHECKOUT / "tools" / tool, "--nonsense", check=False))


def test_a_demo_without_its_virtual_environment_says_what_makes_it(world: World) -> None:
    copy = checkout_copy(world)
    (copy / ".venv").unlink()
    assert "run tools/setup, or make demo" in refusal(world.run(copy / "tools" / "demo", check=False))


def test_a_demo_whose_subnet_is_taken_says_so_in_one_sentence(world: World) -> None:
    require_root()
    world.sh("ip link add lan0 type veth peer name lan1; ip addr add 10.89.0.5/24 dev lan0")
    copy = checkout_copy(world)
    done = world.run(copy / "tools" / "demo", check=False)
    assert done.returncode == 1
    first, second = done.stderr.strip().splitlines()
    assert first.startswith("demo: local_nodes: subnet 10.89.0.0/24 overlaps 10.89.0.0/24")
    assert "lan0: choose another subnet, as in 10.90.0.0/24." in first
    assert "PODNET_DEMO_SUBNET" in second


def test_clean_removes_this_checkout_s_nodes_and_no_others(world: World) -> None:
    require_root()
    copy = checkout_copy(world)
    ours, others, orphan = (Machine(world, f"podfab{n}", f"10.89.{n}.0/24") for n in range(3))
    ours.directory = copy / ".podnet" / "podfab0"
    orphan.directory = world.scratch / "gone"
    before = ours.traces()
    for machine in (ours, others, orphan):
        machine.nodes(count=1)
    shutil.rmtree(orphan.directory)
    (copy / "reports").mkdir()
    said = world.run(copy / "tools" / "clean").stdout
    assert "clean: removed fabric podfab0 and its nodes." in said
    assert "clean: removed fabric podfab2 and its nodes." in said
    assert "podfab1" not in said
    assert others.answering() == {"node1"}
    assert not (copy / ".podnet").exists()
    assert (copy / "reports").exists()
    others.nodes(state="absent")
    assert ours.traces() == before
    assert "no nodes of this checkout" in world.run(copy / "tools" / "clean", "--all").stdout
    assert not (copy / "reports").exists()
    assert COLLECTIONS.exists()  # .venv was a link here, and only the link is removed
