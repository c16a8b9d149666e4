# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a machine cannot do is said in one message, with the remedy, and nothing is begun or left behind."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.podnet.lab.tests.integration.local_nodes.machine import Machine, changed, error
from ansible_collections.podnet.lab.tests.integration.support.probes import require_root, require_tool
from ansible_collections.podnet.lab.tests.integration.support.world import (
    CHECKOUT,
    World,
    WorldUnavailableError,
    open_world,
)

INIT = str(CHECKOUT / "roles" / "local_nodes" / "files" / "node-init")


@pytest.fixture(scope="module")
def shared() -> Iterator[World]:
    """A machine with a network, a foreign link and no nodes; nothing that is refused may change it."""
    require_root()
    require_tool("sshd", "openssh-server")
    try:
        manager = open_world("machine")
        world = manager.__enter__()
    except WorldUnavailableError as error_:
        pytest.skip(str(error_))
    try:
        world.sh(
            "ip link add lan0 type veth peer name lan1; ip link set lan0 addrgenmode none;"
            "ip link set lan1 addrgenmode none; ip addr add 10.50.0.2/24 dev lan0; ip link set lan0 up;"
            "ip link set lan1 up; ip route add 10.60.0.0/16 via 10.50.0.1"
        )
        yield world
    finally:
        manager.__exit__(None, None, None)


def refuse(world: World, path: str | None = None, **options: Any) -> str:
    """The message of the module that fails, and proof that it left the machine as it was."""
    machine = Machine(world)
    before = machine.traces()
    args = {"directory": "/srv/lab", "public_key": "ssh-ed25519 AAAA me", "init": INIT, **options}
    env = {"PATH": path} if path else None
    result = world.module("local_nodes", args, env=env, fail_ok=True)
    assert result.get("failed"), result
    assert machine.traces() == before
    message = result["msg"]
    assert message.startswith("local_nodes: ")
    assert "\n" not in message
    assert isinstance(message, str)
    return message


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"fabric": "lan0"}, "link lan0 is there already, and is not ours"),
        ({"fabric": "a-name-of-16-chr"}, "has 16 characters, and a link of Linux can have 15"),
        ({"fabric": "all"}, "the name by which Linux sets all links"),
        ({"subnet": "10.50.0.0/16"}, "overlaps 10.50.0.0/24, which this machine reaches through lan0"),
        ({"subnet": "10.60.7.0/24"}, "overlaps 10.60.0.0/16, which this machine reaches through lan0"),
        ({"subnet": "10.89.0.0/28", "count": 9}, "has room for 4 nodes"),
        ({"binds": ["/no/such"]}, "binds: /no/such is not a directory of this machine"),
        ({"public_key": ""}, "public_key is empty"),
        ({"init": "/no/such"}, "init: there is no file /no/such"),
        ({"count": 0, "prefix": "?", "fabric": "?"}, "count is 0"),
    ],
)
def test_a_wish_that_cannot_be_met_is_refused(shared: World, options: dict[str, Any], words: str) -> None:
    assert words in refuse(shared, **options)


def stand_in(world: World, name: str, script: str) -> str:
    """A PATH on which a program of this name comes first that runs the script instead."""
    directory = world.scratch / f"bin-{name}"
    directory.mkdir(exist_ok=True)
    program = directory / name
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return f"{directory}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@pytest.mark.parametrize("kind", ["bridge", "veth"])
def test_a_kernel_without_a_link_kind_is_named_with_the_remedy(shared: World, kind: str) -> None:
    path = stand_in(
        shared, "ip", f'case " $* " in *" type {kind} "*) echo "Error: Unknown device type." >&2; exit 2;; esac\n'
        'exec /usr/sbin/ip "$@"',
    )  # fmt: skip
    message = refuse(shared, path=path)
    assert "Unknown device type" in message
    assert "load its module (modprobe veth; modprobe bridge)" in message


def test_a_kernel_that_makes_no_namespace_is_named(shared: World) -> None:
    stand_in(shared, "unshare", 'echo "unshare: unshare failed: Operation not permitted" >&2; exit 1')
    shared.sh('mount --bind "$1/bin-unshare/unshare" /usr/bin/unshare', shared.scratch)
    try:
        message = refuse(shared)
    finally:
        shared.sh("umount /usr/bin/unshare")
    assert "making a network namespace failed (unshare: unshare failed: Operation not permitted)" in message


def test_missing_programs_are_named_with_their_debian_packages(world: World) -> None:
    require_root()
    # A file that nobody may execute stands for a program that is not installed.
    world.sh("for f in /usr/sbin/sshd /usr/bin/setpriv; do mount --bind /dev/null $f; done")
    result = world.module(
        "local_nodes", {"directory": "/srv/lab", "public_key": "k", "init": INIT}, fail_ok=True
    )  # fmt: skip
    assert "/usr/sbin/sshd is not installed: install Debian's package openssh-server" in result["msg"]
    assert "setpriv is not installed: install Debian's package util-linux" in result["msg"]


def test_a_user_without_root_is_told_how(world: World) -> None:
    require_root()
    script = world.scratch / "as_nobody.py"
    script.write_text(
        textwrap.dedent("""
            import json, os, sys
            os.setgid(65534)
            os.setuid(65534)
            from ansible.module_utils import basic
            from ansible_collections.podnet.lab.plugins.modules import local_nodes
            basic._ANSIBLE_ARGS = json.dumps({"ANSIBLE_MODULE_ARGS": json.loads(sys.argv[1])}).encode()
            basic._ANSIBLE_PROFILE = "legacy"
            local_nodes.main()
        """)
    )
    args = '{"directory": "/srv", "public_key": "k", "init": "/etc/passwd"}'
    done = world.run(
        "/usr/bin/python3", script, args, check=False,
        env={"PYTHONPATH": f"{_importable(world)}"},
    )  # fmt: skip
    assert "making network namespaces needs root: use become (sudo)" in done.stdout, done.stdout + done.stderr


def _importable(world: World) -> Path:
    """A directory that anybody may read, with the collection and Ansible to import."""
    import ansible

    place = world.scratch / "import"
    world.sh(
        'mkdir -p "$1/ansible_collections/podnet/lab"; cp -r "$2/plugins" "$1/ansible_collections/podnet/lab/";'
        'cp -r "$3" "$1/ansible"; chmod -R a+rX "$1"',
        place, CHECKOUT, Path(ansible.__file__).parent,
    )  # fmt: skip
    return place


def test_a_firewall_in_the_way_is_suspected_and_nothing_half_done_stays(world: World) -> None:
    require_root()
    require_tool("nft", "nftables")
    if world.run("nft", "add table ip block", check=False).returncode:
        pytest.skip("this kernel has no nftables")
    world.sh(
        "nft 'add chain ip block out { type filter hook output priority 0; }';"
        "nft 'add rule ip block out ip daddr 10.89.0.12 tcp dport 22 drop'"
    )
    machine = Machine(world)
    said = error(machine.try_nodes())
    assert "node node2 did not start: 10.89.0.12 port 22 cannot be reached" in said
    assert "does a firewall of this machine stop it?" in said
    assert world.sh(f"ls {machine.state}/nodes").split() == ["node1"]
    assert machine.running().count("unshare") == 1
    world.sh("nft delete table ip block")
    assert changed(machine.nodes()) > 0
    assert machine.ping() == {"node1", "node2"}
