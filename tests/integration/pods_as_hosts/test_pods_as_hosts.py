# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tasks inside pods that have neither ssh nor Python, through their nodes over SSH."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.podnet.lab.tests.integration.support.nodes import Nodes

BIN = Path(sys.executable).parent
PODS = ["default_pod1", "default_pod2", "default_pod3"]
# Names that a node may show and that bite: a template, a pattern of Ansible's, an escape sequence.
HOSTILE = "{{ 7*7 }},all:!x\x1b[31m"
# A namespace with IPv6 alone and a process with files, processes and a name of its own; a user of sudo.
PREPARE = r"""
ip netns add six
ip link add six0 type veth peer name eth0 netns six
ip addr add fd00:77::1/64 dev six0 nodad; ip link set six0 up
ip -n six addr add fd00:77::2/64 dev eth0 nodad; ip -n six link set eth0 up; ip -n six link set lo up
setsid ip netns exec six unshare --mount --pid --uts --ipc --fork sh -c \
  'hostname inside; mount -t tmpfs podnet-six /mnt; touch /mnt/only-here; exec sleep 98765' </dev/null >/dev/null 2>&1 &
until pgrep -f '^sleep 98765'; do sleep 0.1; done
useradd -m -s /bin/sh keeper; usermod -p '*' keeper
cp -R /root/.ssh /home/keeper/; chown -R keeper /home/keeper
echo 'keeper ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/keeper; chmod 440 /etc/sudoers.d/keeper
"""
AWAY = """
kill $(pgrep -f '^sleep 98765'); ip link del six0; ip netns del six
userdel -rf keeper 2>/dev/null; rm -f /etc/sudoers.d/keeper
"""
# What a play does in a pod, by a user whom the node knows.
PLAY = """
- hosts: default_pod1
  gather_facts: false
  vars:
    user: "{{ podnet_node_connection.ansible_user }}"
  tasks:
    - ansible.builtin.copy: {src: sent, dest: "/run/podnet-{{ user }}-sent"}
    - ansible.builtin.copy: {src: empty, dest: "/run/podnet-{{ user }}-empty"}
    - ansible.builtin.template: {src: page.j2, dest: "/run/podnet-{{ user }}-page"}
    - ansible.builtin.fetch: {src: "/run/podnet-{{ user }}-sent", dest: "fetched-{{ user }}", flat: true}
    - ansible.builtin.command: id -un
      register: plain
    - ansible.builtin.command: id -un
      become: true
      register: root
    - ansible.builtin.command: id -un
      become: true
      become_user: nobody
      register: nobody
    - ansible.builtin.debug:
        msg: "run by {{ plain.stdout }}, {{ root.stdout }}, {{ nobody.stdout }}"
    - ansible.builtin.wait_for: {host: "{{ item }}", port: 80, timeout: 10}
      loop: [127.0.0.1, 10.244.1.2]
"""


class Site:
    """The lab on two nodes, its report, and an inventory of the pods in it."""

    def __init__(self, nodes: Nodes, folder: Path) -> None:
        self.nodes = nodes
        self.folder = folder

    def ansible(
        self, host: str, module: str, *words: str, inventory: str = "pods.podnet.yml", **env: str
    ) -> subprocess.CompletedProcess[str]:
        """Run one module by the command that a person types."""
        return self.run("ansible", "-i", inventory, host, "-m", module, *words, **env)

    def run(self, program: str, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
        """Run a program of Ansible's in the folder."""
        return subprocess.run(
            [str(BIN / program), *words],
            cwd=self.folder,
            env={**self.nodes.env, "ANSIBLE_CALLBACK_RESULT_FORMAT": "json", **env},
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
            timeout=120,
        )

    def task(self, host: str, module: str, *words: str, **env: str) -> Any:
        """Run one module, which must succeed, and return its result."""
        done = self.ansible(host, module, *words, ANSIBLE_CALLBACK_RESULT_FORMAT="json", **env)
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout.partition("=> ")[2])

    def inventory(self, name: str = "pods.podnet.yml") -> Any:
        """Return the inventory as other programs get it."""
        done = self.run("ansible-inventory", "-i", name, "--list")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def inspect(self, folder: str) -> None:
        """Read the nodes into a report folder."""
        self.nodes.playbook("playbooks/inspect.yml", "-e", f"podnet_report_dir={self.folder / folder}")

    def config(self, name: str, **options: Any) -> str:
        """Write an inventory file and return its name."""
        settings = {"plugin": "podnet.lab.pods", "report": ["report"], "nodes": [str(self.nodes.inventory)], **options}
        (self.folder / name).write_text(json.dumps(settings), encoding="utf-8")
        return name


@pytest.fixture(scope="module")
def site(ssh_nodes: Nodes, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    site = Site(ssh_nodes, tmp_path_factory.mktemp("pods"))
    lab = ["--limit", "node1,node2"]
    try:
        ssh_nodes.playbook("playbooks/lab.yml", *lab)
        ssh_nodes.shell("node1", PREPARE)
        site.inspect("report")
        site.config("pods.podnet.yml")
        yield site
    finally:
        ssh_nodes.shell("node1", AWAY)
        ssh_nodes.playbook("playbooks/teardown.yml", *lab)


def test_groups(site: Site) -> None:
    found = site.inventory()
    assert sorted(found["podnet_pods"]["hosts"]) == PODS
    assert sorted(found["podnet_node_node1"]["hosts"]) == ["default_pod1", "default_pod3"]
    assert sorted(found["podnet_namespace_default"]["hosts"]) == PODS
    assert found["podnet_range_10_244_1_0_24"]["hosts"] == ["default_pod2"]
    assert found["_meta"]["hostvars"]["node1"]["ansible_host"]


def test_the_network_is_the_pods(site: Site) -> None:
    done = site.ansible("default_pod1", "ansible.builtin.command", "-a", "ip -br addr")
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.findall(r"^(\w+)", done.stdout.partition("\n")[2], re.MULTILINE) == ["lo", "eth0"]
    assert "10.244.0.2/24" in done.stdout


def test_setup_sees_the_pods_interfaces(site: Site) -> None:
    facts = site.task("default_pod1", "ansible.builtin.setup", "-a", "gather_subset=!all,network")["ansible_facts"]
    assert sorted(facts["ansible_interfaces"]) == ["eth0", "lo"]
    assert facts["ansible_default_ipv4"]["gateway"] == "10.244.0.1"


@pytest.mark.parametrize(("user", "pipelining"), [("root", "1"), ("root", "0"), ("keeper", "1")])
def test_a_play(site: Site, user: str, pipelining: str) -> None:
    """Files go to the node, tasks run as root or whom they become, and the pod's network is used."""
    content = bytes(range(256)) * 300 + b"\r\n"
    (site.folder / "sent").write_bytes(content)
    (site.folder / "empty").touch()
    (site.folder / "page.j2").write_text("{{ podnet_pod.name }} has {{ podnet_addresses[0] }}\n", encoding="utf-8")
    (site.folder / "play.yml").write_text(PLAY, encoding="utf-8")
    site.nodes.shell("node1", "rm -f /run/podnet-*-sent /run/podnet-*-empty /run/podnet-*-page")
    words = ["-i", "pods.podnet.yml", "play.yml", "-e", f"ansible_user={user}"]
    done = site.run("ansible-playbook", *words, ANSIBLE_PIPELINING=pipelining)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "run by root, root, nobody" in done.stdout
    assert (site.folder / f"fetched-{user}").read_bytes() == content
    shown = site.nodes.shell("node1", f"cat /run/podnet-{user}-page; wc -c < /run/podnet-{user}-empty")
    assert shown == "pod1 has 10.244.0.2\n0\n"


def test_nobody_listens(site: Site) -> None:
    done = site.ansible("default_pod1", "ansible.builtin.wait_for", "-a", "host=127.0.0.1 port=81 timeout=1")
    assert "Timeout when waiting for 127.0.0.1:81" in done.stdout


def test_root_that_the_node_does_not_give(site: Site) -> None:
    words = ["-e", "ansible_user=keeper", "-e", "ansible_become_exe=/nonexistent/sudo"]
    done = site.ansible("default_pod1", "ansible.builtin.ping", *words)
    assert done.returncode == 4
    assert "it takes root of the node, and sudo did not give it (" in done.stdout
    assert "ansible_become_password of the node" in done.stdout


def test_nothing_of_ours_stays_on_the_node(site: Site) -> None:
    before = site.nodes.shell("node1", "cat /proc/self/mountinfo | wc -l")
    site.ansible("default_pod1", "ansible.builtin.ping")
    assert site.nodes.shell("node1", "cat /proc/self/mountinfo | wc -l") == before
    assert "podnet /sys" not in site.nodes.shell("node1", "cat /proc/mounts")


def test_a_node_that_is_not_in_the_inventory(site: Site) -> None:
    site.config("alone.pods.podnet.yml", nodes=[])
    done = site.ansible("default_pod1", "ansible.builtin.ping", inventory="alone.pods.podnet.yml")
    assert done.returncode != 0
    assert "The node 'node1' of this pod is not in the inventory" in done.stdout + done.stderr


@pytest.fixture(scope="module")
def six(site: Site) -> str:
    """The namespace with IPv6 alone as a runtime's pod with a hostile name; the name of its host."""
    folder = site.folder / "hostile" / "nodes"
    folder.mkdir(parents=True)
    document = json.loads((site.folder / "report" / "nodes" / "node1.json").read_text(encoding="utf-8"))
    (namespace,) = [one for one in document["podnet_netns"]["namespaces"] if "six" in one["names"]]
    pid = int(site.nodes.shell("node1", "pgrep -f '^sleep 98765'"))
    namespace["kind"] = "pod"
    namespace["containers"] = [{"id": "0123456789ab", "name": "main", "pids": [pid]}]
    namespace["owner"] = {
        "namespace": "default", "name": HOSTILE, "uid": None, "sandbox_id": None, "runtime": "cri-o", "sources": [],
    }  # fmt: skip
    (folder / "node1.json").write_text(json.dumps(document), encoding="utf-8")
    site.config("hostile.pods.podnet.yml", report=["hostile"])
    hosts = site.inventory("hostile.pods.podnet.yml")["podnet_pods"]["hosts"]
    (host,) = [str(one) for one in hosts if one not in PODS]
    return host


def test_hostile_names(site: Site, six: str) -> None:
    assert re.fullmatch(r"default_7-7-all-x-31m-[0-9a-f]{8}", six)
    done = site.ansible(six, "ansible.builtin.debug", "-a", "var=podnet_pod.name", inventory="hostile.pods.podnet.yml")
    assert "{{ 7*7 }},all:!x" in done.stdout, done.stdout + done.stderr


def test_ipv6_alone(site: Site, six: str) -> None:
    words = ["-a", "host=fd00:77::1 port=22 timeout=10"]
    done = site.ansible(six, "ansible.builtin.wait_for", *words, inventory="hostile.pods.podnet.yml")
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_pods_files_and_processes_on_request(site: Site, six: str) -> None:
    def raw(command: str, *kinds: str) -> subprocess.CompletedProcess[str]:
        words = ["-a", command, "-e", json.dumps({"podnet_pod_namespaces": ["network", *kinds]})]
        return site.ansible(six, "ansible.builtin.raw", *words, inventory="hostile.pods.podnet.yml")

    asked = "hostname; echo process $$; ls /mnt"
    network = raw(asked)
    assert network.returncode == 0, network.stdout + network.stderr
    assert "node1" in network.stdout
    assert "only-here" not in network.stdout
    everything = raw(asked, "mount", "pid", "uts", "ipc")
    assert everything.returncode == 0, everything.stdout + everything.stderr
    assert "inside" in everything.stdout
    assert "only-here" in everything.stdout
    # In a PID namespace with one process before, numbers are small.
    assert re.search(r"process [1-9][0-9]?\b(?![0-9])", everything.stdout)
    assert "rc=7" in raw("exit 7", "pid").stdout


def test_live(site: Site) -> None:
    name = site.config("live.pods.podnet.yml", report=["live"], live=True, max_age=3600)
    assert sorted(site.inventory(name)["podnet_pods"]["hosts"]) == PODS
    report = site.folder / "live" / "report.json"
    written = report.stat().st_mtime_ns
    site.inventory(name)
    assert report.stat().st_mtime_ns == written
    site.config("live.pods.podnet.yml", report=["live"], live=True, max_age=0)
    site.inventory(name)
    assert report.stat().st_mtime_ns > written


def test_an_inventory_of_itself_ends(site: Site) -> None:
    name = site.config("itself.pods.podnet.yml", report=[], live=True, nodes=["itself.pods.podnet.yml"])
    done = site.ansible("all", "ansible.builtin.ping", inventory=name)
    assert "'nodes' names this very inventory" in done.stdout + done.stderr


def test_a_pod_that_is_gone_and_one_that_was_made_anew(site: Site) -> None:
    """The last test: it takes pod3 away and makes another of its name."""
    anew = "ip -n lab0_default_pod3 link set eth0 address 02:00:00:00:00:99"
    site.nodes.shell("node1", anew)
    done = site.ansible("default_pod3", "ansible.builtin.ping")
    assert done.returncode == 4, done.stdout
    assert re.search(r"default/pod3 on node1 was made anew: eth0 in net:\[\d+\] has not the address", done.stdout)
    assert "02:00:00:00:00:99" in done.stdout

    pids = site.inventory()["_meta"]["hostvars"]["default_pod3"]["podnet_pod"]["containers"]
    site.nodes.shell("node1", f"kill -9 {' '.join(str(one['pid']) for one in pids)}; ip netns del lab0_default_pod3")
    done = site.ansible("default_pod3", "ansible.builtin.ping")
    assert done.returncode == 4, done.stdout
    assert "default/pod3 on node1 is gone" in done.stdout

    site.nodes.playbook("playbooks/lab.yml", "--limit", "node1,node2")
    done = site.ansible("default_pod3", "ansible.builtin.ping")
    assert done.returncode == 4, done.stdout
    assert re.search(r"default/pod3 on node1 (is gone|was made anew)", done.stdout)
    site.inspect("report")
    assert site.task("default_pod3", "ansible.builtin.ping")["ping"] == "pong"
