# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The modules in the hands of Ansible: gathered, cached, with defaults, as another user, in check mode, in a hurry."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.podnet.lab.tests.integration.support import lookup, probes
from ansible_collections.podnet.lab.tests.integration.support.world import World

KEYS = {
    "netns_facts": "podnet_netns",
    "veth_facts": "podnet_veth",
    "bridge_facts": "podnet_bridge",
    "pod_cidr_facts": "podnet_pod_cidr",
}
HOSTILE = b"{{ 7 * 7 }}\n\xff"
HOSTILE_TEXT = "{{ 7 * 7 }}\n\\xff"


@pytest.fixture(scope="module")
def pod(module_world: World) -> int:
    """A namespace with a hostile name, a cable to the node, a listening socket, a process; the answer is its inode."""
    world = module_world
    world.sh('cd /run/netns; : > "./$1"; unshare --net="/run/netns/$1" true', HOSTILE)
    holder = world.spawn("sleep", "100000", netns=b"/run/netns/" + HOSTILE)
    world.ip("link", "add", "v0", "type", "veth", "peer", "name", "eth0", "netns", holder)
    world.sh(
        "ip addr add 10.7.0.2/24 dev eth0; ip link set eth0 up; ip rule add from 10.7.0.0/24 lookup 77;"
        "ip route add blackhole 10.8.0.0/16 table 77; ip neigh add 10.7.0.9 lladdr 02:00:00:00:00:09 dev eth0",
        netns=f"/proc/{holder}/ns/net",
    )
    listen = (
        "import socket, time; s = socket.create_server(('10.7.0.2', 8080)); open('/run/ok', 'w'); time.sleep(100000)"
    )
    world.spawn("/usr/bin/env", "python3", "-c", listen, netns=f"/proc/{holder}/ns/net")
    world.sh("for i in $(seq 500); do [ -e /run/ok ] && exit 0; sleep 0.01; done; exit 1")
    return world.inode(f"/proc/{holder}/ns/net")


def _written(
    world: World, play: str, *, env: dict[str, str] | None = None, interpreter: str = sys.executable
) -> dict[str, Any]:
    """Run a playbook that writes ``ansible_facts`` as JSON to ``{{ out }}``; the answer is what it wrote."""
    out = world.scratch / "facts.json"
    out.unlink(missing_ok=True)
    done = world.playbook(play, "-e", json.dumps({"out": str(out)}), env=env, interpreter=interpreter)
    assert "failed=0" in done.stdout
    facts = json.loads(out.read_text(encoding="utf-8"))
    assert isinstance(facts, dict)
    return facts


_WRITE = """
    - ansible.builtin.copy:
        content: "{{ ansible_facts | to_json }}"
        dest: "{{ out }}"
"""


@pytest.mark.parametrize("inject", ["false", "true"])
def test_as_facts_modules(module_world: World, pod: int, inject: str) -> None:
    """``gather_facts: true`` with FACTS_MODULES: all keys under ansible_facts, text of containers untemplated."""
    play = (
        "- hosts: all\n  gather_facts: true\n  vars:\n    ansible_facts_modules: [podnet.lab.pod_network_facts]\n"
        "  tasks:" + _WRITE
    )
    facts = _written(module_world, play, env={"ANSIBLE_INJECT_FACT_VARS": inject})
    assert set(KEYS.values()) <= set(facts)
    assert lookup.namespace(facts, pod)["names"] == [HOSTILE_TEXT]
    assert "resolution" not in lookup.pair(facts, pod, "eth0")


def test_facts_are_variables_only_when_injected(module_world: World, pod: int) -> None:
    play = """
- hosts: all
  gather_facts: false
  tasks:
    - podnet.lab.netns_facts:
    - ansible.builtin.assert:
        that:
          - ansible_facts.podnet_netns.namespaces | length == 2
          - (podnet_netns is defined) == injected
"""
    for injected in (True, False):
        env = {"ANSIBLE_INJECT_FACT_VARS": str(injected).lower()}
        module_world.playbook(play, "-e", json.dumps({"injected": injected}), env=env)


def test_several_fact_modules_at_once(module_world: World, pod: int) -> None:
    """Gathered in parallel by Ansible, merged by it: nothing of one is lost in the other."""
    play = (
        "- hosts: all\n  gather_facts: true\n  vars:\n    ansible_facts_modules:\n"
        + "".join(f"      - podnet.lab.{module}\n" for module in KEYS)
        + "  tasks:"
        + _WRITE
    )
    facts = _written(module_world, play)
    assert set(facts) >= set(KEYS.values())
    assert len(facts["podnet_netns"]["namespaces"]) == 2
    assert len(facts["podnet_veth"]["pairs"]) == 1


def test_a_fact_cache_gives_back_what_was_gathered(module_world: World, pod: int) -> None:
    """jsonfile: one play gathers, a later run has the facts without touching the node."""
    cache = module_world.scratch / "cache"
    env = {
        "ANSIBLE_CACHE_PLUGIN": "jsonfile",
        "ANSIBLE_CACHE_PLUGIN_CONNECTION": str(cache),
        "ANSIBLE_INJECT_FACT_VARS": "false",
    }
    gather = "- hosts: all\n  gather_facts: false\n  tasks:\n    - podnet.lab.pod_network_facts:" + _WRITE
    first = _written(module_world, gather, env=env)
    later = _written(module_world, "- hosts: all\n  gather_facts: false\n  tasks:" + _WRITE, env=env)
    assert {key: later[key] for key in KEYS.values()} == {key: first[key] for key in KEYS.values()}
    assert lookup.namespace(later, pod)["names"] == [HOSTILE_TEXT]


def test_module_defaults_of_the_action_group(module_world: World, pod: int) -> None:
    """``group/podnet.lab.facts`` sets options for all five, also when they are gathered."""
    play = (
        "- hosts: all\n  gather_facts: true\n  vars:\n    ansible_facts_modules: [podnet.lab.netns_facts]\n"
        "  module_defaults:\n    group/podnet.lab.facts:\n      gather_subset: [default, sockets]\n  tasks:" + _WRITE
    )
    facts = _written(module_world, play)
    sockets = lookup.namespace(facts, pod)["sockets"]
    assert [(s["local"], s["port"]) for s in sockets] == [("10.7.0.2", 8080)]


def test_subsets_add_and_take_away(module_world: World, pod: int) -> None:
    world = module_world

    def entry(*subset: str) -> dict[str, Any]:
        return lookup.namespace(world.facts("netns_facts", subset), pod)

    assert {"neighbours", "rules", "sockets", "sysctls"}.isdisjoint(entry("default"))
    everything = entry("all")
    assert {"neighbours", "rules", "sockets", "sysctls"} <= set(everything)
    assert "02:00:00:00:00:09" in {n["lladdr"] for n in everything["neighbours"]}
    assert any(route.get("table") in (77, "77") for route in everything["routes"])
    assert "sockets" not in entry("all", "!sockets")
    assert "sockets" in entry("all", "!rules")
    assert not any(route.get("table") in (77, "77") for route in entry("default")["routes"])


def test_an_unknown_subset_is_refused_by_name(module_world: World) -> None:
    for given in ("sokets", "!sokets"):
        result = module_world.module("netns_facts", {"gather_subset": [given]}, fail_ok=True)
        assert result["failed"] is True
        assert "ansible_facts" not in result
        assert "sokets" in result["msg"]
        assert "sockets" in result["msg"], "the message does not say which subsets there are"


@pytest.mark.parametrize("module", [*KEYS, "pod_network_facts"])
def test_check_mode_reads_as_usual_and_changes_nothing(module_world: World, pod: int, module: str) -> None:
    result = module_world.module(module, check_mode=True)
    assert result.get("changed", False) is False
    assert set(result["ansible_facts"]) == ({KEYS[module]} if module in KEYS else set(KEYS.values()))


@pytest.fixture(scope="module")
def reader(module_world: World) -> str:
    """An unprivileged user of the world."""
    probes.require_root()
    probes.require_tool("sudo", "sudo")
    module_world.sh(
        "echo 'podnet-reader:x:61234:61234::/tmp:/bin/sh' >> /etc/passwd; echo 'podnet-reader:x:61234:' >> /etc/group;"
        "echo 'podnet-reader:*:19000:0:99999:7:::' >> /etc/shadow; echo 127.0.1.1 world >> /etc/hosts"
    )
    return "podnet-reader"


def test_without_privileges_the_facts_say_what_is_missing(module_world: World, pod: int, reader: str) -> None:
    """Not root on the node: its own namespace is read, the others are listed as not entered, with the remedy."""
    play = (
        "- hosts: all\n  gather_facts: false\n  tasks:\n    - podnet.lab.pod_network_facts:\n      become: true\n"
        f"      become_user: {reader}" + _WRITE
    )
    facts = _written(module_world, play, interpreter="/usr/bin/python3")
    netns = facts["podnet_netns"]
    assert netns["partial"] is True
    assert "v0" in {i["ifname"] for i in lookup.host(facts)["interfaces"]}
    assert "become" in json.dumps(netns["errors"])
    for error in netns["errors"]:
        assert set(error) == {"object", "cause", "remedy"}
        assert all(error.values())
    entry = lookup.namespace(facts, pod)
    assert entry["names"] == [HOSTILE_TEXT]
    assert entry["errors"]
    assert facts["podnet_veth"]["partial"] is True
    assert facts["podnet_veth"]["pairs"][0]["resolution"] == "unresolved"


def test_with_become_nothing_is_missing(module_world: World, pod: int, reader: str) -> None:
    """From the unprivileged user to root by sudo, as on a node where one logs in as a user."""
    world = module_world
    world.sh(
        "echo 'podnet-reader ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/podnet-reader;"
        "chmod 440 /etc/sudoers.d/podnet-reader"
    )
    allowed = world.run(
        "setpriv", "--reuid=61234", "--regid=61234", "--clear-groups", "sudo", "-n", "true", check=False
    )
    if allowed.returncode:
        pytest.skip(f"sudo does not work in a world: {allowed.stderr.strip()}")
    # The connection enters the node as the user; become goes from there to root.
    wrapper = world.scratch / "login-shell"
    wrapper.write_text(
        '#!/bin/sh\n[ -n "${SUDO_USER:-}" ] && exec /bin/sh "$@"\n'
        'exec setpriv --reuid=61234 --regid=61234 --clear-groups /bin/sh "$@"\n'
    )
    wrapper.chmod(0o755)
    play = (
        "- hosts: all\n  gather_facts: false\n  tasks:\n    - podnet.lab.pod_network_facts:\n      become: true\n"
        f"      vars:\n        ansible_shell_executable: {wrapper}" + _WRITE
    )
    facts = _written(world, play, interpreter="/usr/bin/python3", env={"ANSIBLE_BECOME_ALLOW_SAME_USER": "1"})
    assert facts["podnet_netns"]["partial"] is False, facts["podnet_netns"]["errors"]
    assert "resolution" not in lookup.pair(facts, pod, "eth0")


_MANY_DESCRIPTORS = """
import os, resource, sys, time
most = min(resource.getrlimit(resource.RLIMIT_NOFILE)[1], 200000)
resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
for _number in range(most - 20):
    os.dup(0)
for _number in range(int(sys.argv[1]) // most):
    if os.fork() == 0:
        break
else:
    open("/run/filled", "w").close()
time.sleep(100000)
"""


def _make_the_search_long(world: World) -> None:
    """Processes whose million open descriptors take the deep search several seconds to look through."""
    world.spawn("/usr/bin/env", "python3", "-c", _MANY_DESCRIPTORS, 1_000_000)
    world.sh("for i in $(seq 3000); do [ -e /run/filled ] && exit 0; sleep 0.01; done; exit 1")


@pytest.mark.slow
def test_a_timeout_is_an_error_a_warning_or_nothing(world: World) -> None:
    """Too little time: a clear failure, or what was read so far, marked partial, with a warning or without."""
    _make_the_search_long(world)
    args: dict[str, Any] = {"gather_subset": ["default", "hidden"], "timeout": 1}

    refused = world.module("netns_facts", {**args, "on_timeout": "error"}, fail_ok=True)
    assert refused["failed"] is True
    assert "timeout" in refused["msg"]
    assert "ansible_facts" not in refused

    warned = world.module("netns_facts", {**args, "on_timeout": "warn"})
    assert "Raise timeout" in warned["_stderr"]
    silent = world.module("netns_facts", {**args, "on_timeout": "ignore"})
    assert "timeout" not in silent["_stderr"]
    for result in (warned, silent):
        facts = result["ansible_facts"]["podnet_netns"]
        assert facts["partial"] is True
        assert "timeout" in json.dumps(facts["errors"]) + json.dumps([n.get("errors") for n in facts["namespaces"]])
        assert facts["namespaces"][0]["kind"] == "host"


def test_every_module_runs_with_only_ansible_core(module_world: World, pod: int) -> None:
    """The node's part needs the standard library: no module of the control node's environment may leak in."""
    isolated = module_world.scratch / "python3-isolated"
    isolated.write_text(f'#!/bin/sh\nexec {Path(sys.executable).resolve()} -I -S "$@"\n')
    isolated.chmod(0o755)
    facts = module_world.facts("pod_network_facts", interpreter=str(isolated))
    assert set(facts) == set(KEYS.values())
