# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""playbooks/walkthrough.yml through the lab on real nodes over SSH."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.podnet.lab.tests.integration.support.nodes import Nodes
from ansible_collections.podnet.lab.tests.integration.support.starting import ansible_playbook
from ansible_collections.podnet.lab.tests.integration.support.world import CHECKOUT

LAB = ("--limit", "node1,node2")
# What a node is, without what changes by itself.
STATE = """
ip -o link; ip -o addr; ip route; ip netns; cat /proc/mounts; nft list ruleset
find /run /etc /var/lib -xdev ! -path '/run/sshd*' ! -path '*/ssh/*' | sort; ls /proc/sys/net/ipv4/conf
"""
# A process in pod1, in a PID namespace of its own as a container has one, whose title bites: a template, markup and an
# escape sequence.
HOSTILE = r"""
ip netns exec lab0_default_pod1 unshare --pid --fork bash -c \
  'exec -a "$(printf "{{ 7*7 }}\`\`\`|<b>\033[31m")" sleep 87654' \
  </dev/null >/dev/null 2>&1 &
until pgrep -f '87654$'; do sleep 0.1; done
"""


class Walks:
    """Runs the playbook in a directory of its own."""

    def __init__(self, nodes: Nodes, folder: Path) -> None:
        self.nodes = nodes
        self.folder = folder

    def walk(self, *words: str) -> subprocess.CompletedProcess[str]:
        playbook = str(CHECKOUT / "playbooks" / "walkthrough.yml")
        words = ("-i", str(self.nodes.inventory), *words)
        return ansible_playbook(playbook, *words, env=self.nodes.env, cwd=self.folder, timeout=120)


@pytest.fixture(scope="module")
def walks(ssh_nodes: Nodes, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Walks]:
    try:
        ssh_nodes.playbook("playbooks/lab.yml", *LAB)
        ssh_nodes.shell("node1", HOSTILE)
        yield Walks(ssh_nodes, tmp_path_factory.mktemp("walks"))
    finally:
        ssh_nodes.shell("node1", "kill $(pgrep -f '87654$')", check=False)
        ssh_nodes.playbook("playbooks/teardown.yml", *LAB)


def test_the_walk_shows_this_network_and_changes_nothing(walks: Walks) -> None:
    before = walks.nodes.shell("node1", STATE)
    done = walks.walk("-e", "podnet_report_dir=one")
    assert done.returncode == 0, done.stdout + done.stderr
    assert walks.nodes.shell("node1", STATE) == before

    text = done.stdout.partition("WALK through ")[2].partition("\nok: ")[0]
    assert text.startswith("the network of default/pod1 on node1, namespace")
    assert all(len(line) <= 80 for line in text.splitlines())
    (veth,) = walks.nodes.shell("node1", "ip netns exec lab0_default_pod1 cat /sys/class/net/eth0/iflink").split()
    assert f"eth0@if{veth} says that the other end is interface {veth}" in text.replace("\n    ", " ")
    inode = walks.nodes.shell("node1", "stat -L -c %i /run/netns/lab0_default_pod1").strip()
    assert text.count(f"net:[{inode}]") >= 4
    assert "10.244.1.0/24 via " in text
    # Each request was answered, and the receiver saw the pod's own address.
    page = (walks.folder / "one" / "walkthrough.md").read_text(encoding="utf-8")
    for server, client in (("127.0.0.1", "127.0.0.1"), ("10.244.0.3", "10.244.0.2"), ("10.244.1.2", "10.244.0.2")):
        assert f"server: {server}\nclient: {client}\n" in page
    assert "13 A SERVICE" in text
    assert "not here: no rule on this node sends the address of a Service" in text.replace("\n    ", " ")
    assert "\x1b" not in done.stdout + page
    assert "{{ 7*7 }}```|<b>\\x1b[31m 87654" in page


def test_two_sides(walks: Walks) -> None:
    done = walks.walk("-e", "podnet_left=node1", "-e", "podnet_right=node2", "-e", "podnet_report_dir=two")
    assert done.returncode == 0, done.stdout + done.stderr
    page = (walks.folder / "two" / "walkthrough.md").read_text(encoding="utf-8")
    assert "- node1: the network of default/pod1 on node1" in page
    assert "- node2: the network of default/pod2 on node2" in page
    assert page.count("## 7. The cable") == 1


def test_a_pod_that_nobody_knows(walks: Walks) -> None:
    done = walks.walk("-e", "podnet_walk_pod=default/pod9", "-e", "podnet_report_dir=none")
    assert done.returncode == 2
    assert "No pod is called default/pod9. There are: default/pod1, default/pod2 and" in done.stdout + done.stderr


def test_check_mode_leaves_no_folder(walks: Walks) -> None:
    done = walks.walk("--check")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "17 A REQUEST TO A POD ON ANOTHER NODE" in done.stdout
    assert not (walks.folder / "reports").exists()


def test_an_inventory_without_nodes(walks: Walks) -> None:
    done = walks.walk("-e", "podnet_hosts=nobody")
    assert done.returncode == 2
    assert "No node of the inventory fits nobody" in done.stdout + done.stderr
