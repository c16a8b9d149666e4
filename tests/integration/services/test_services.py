# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Real rules in a real kernel, read through Ansible: what is found, and that reading changes nothing."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.podnet.lab.tests.integration.support import probes
from ansible_collections.podnet.lab.tests.integration.support.schemas import assert_valid
from ansible_collections.podnet.lab.tests.integration.support.world import CHECKOUT, World

FIXTURES = CHECKOUT / "tests" / "unit" / "fixtures" / "services"
KEY = "podnet_service"


def _rules(name: str) -> str:
    return (FIXTURES / name).read_text(encoding="utf-8")


def _restore(world: World, command: str, name: str) -> None:
    probes.require_tool(command, "iptables")
    done = world.run(command, stdin=_rules(name), check=False)
    if done.returncode:
        pytest.skip(f"{command} does not take kube-proxy's rules on this kernel: {done.stderr.strip()}")


def _state(world: World) -> str:
    """Every rule of every variant, and the modules of the kernel: reading may change none of it."""
    return world.sh(
        "nft list ruleset; for f in /proc/net/ip_tables_names /proc/net/ip6_tables_names; do"
        " if [ -e $f ]; then echo $f; sort $f; fi; done; ls /sys/module; ls /run/netns"
    )


def _facts(world: World, **options: Any) -> dict[str, Any]:
    before = _state(world)
    facts: dict[str, Any] = world.facts("service_rule_facts", **options)[KEY]
    assert _state(world) == before
    assert_valid(KEY, facts)
    return facts


def _found(facts: dict[str, Any], name: str, kind: str) -> dict[str, Any]:
    (one,) = (entry for entry in facts["services"] if (entry["name"], entry["type"]) == (name, kind))
    assert isinstance(one, dict)
    return one


def _pod(world: World, namespace: str, address: str) -> None:
    """A pod of the lab, as the lab's state on the node names it, with an address."""
    world.netns(namespace)
    world.ip("link", "add", "v" + namespace, "type", "veth", "peer", "name", "eth0", "netns", namespace)
    world.ip("addr", "add", address, "dev", "eth0", netns=namespace)
    sandbox = namespace.encode().hex().ljust(64, "0")
    state = {
        "schema_version": 1,
        "lab": "lab0",
        "namespace": "default",
        "name": namespace,
        "uid": "69efb763-87a6-5a88-b2bc-b230caee6399",
        "sandbox_id": sandbox,
        "netns": f"/run/netns/{namespace}",
        "labels": {},
        "pid": None,
        "starttime": None,
        "containers": [],
    }
    world.sh(
        'mkdir -p /run/podnet-lab/lab0/pods; printf %s "$1" > "/run/podnet-lab/lab0/pods/$2.json"',
        json.dumps(state),
        sandbox,
    )


def test_a_node_without_rules(world: World) -> None:
    facts = _facts(world)
    assert facts == {
        "schema_version": 2,
        "partial": False,
        "errors": [],
        "mode": "none",
        "sources": [],
        "node_port_addresses": [],
        "services": [],
        "unrecognised": [],
        "policies": [],
    }


@pytest.mark.parametrize("variant", ["legacy", "nft"])
def test_iptables(world: World, variant: str) -> None:
    _restore(world, f"iptables-{variant}-restore", f"iptables-{variant}-save.txt")
    _restore(world, f"ip6tables-{variant}-restore", f"ip6tables-{variant}-save.txt")
    _pod(world, "web-0", "10.244.0.3/24")
    facts = _facts(world)
    assert (facts["mode"], facts["errors"], facts["unrecognised"]) == ("iptables", [], [])
    assert [(one["family"], one["variant"], one["services"]) for one in facts["sources"]] == [
        ("inet", {"legacy": "legacy", "nft": "nf_tables"}[variant], 19),
        ("inet6", {"legacy": "legacy", "nft": "nf_tables"}[variant], 3),
    ]
    front = _found(facts, "front", "cluster_ip")
    assert [(one["address"], one["local"], one["pod"]) for one in front["backends"]] == [
        ("10.244.0.3", True, "default/web-0"),
        ("10.244.1.13", False, None),
    ]
    # What is said to show a rule shows it.
    for one in facts["services"]:
        shown = world.run(*one["rule"]["command"].split(" ")).stdout
        assert one["rule"]["text"] in shown.splitlines(), one["rule"]


def test_a_packet_goes_where_the_rules_are_said_to_send_it(world: World) -> None:
    """The kernel is the judge: a connection to a Service ends at the backend that the facts name."""
    _restore(world, "iptables-nft-restore", "iptables-nft-save.txt")
    world.ip("link", "add", "eth0", "type", "veth", "peer", "name", "far0")
    for device in ("eth0", "far0"):
        world.ip("link", "set", device, "up")
    world.ip("addr", "add", "10.244.0.3/32", "dev", "eth0")
    world.ip("route", "add", "default", "dev", "eth0")
    near = _found(_facts(world), "near", "cluster_ip")
    (backend,) = near["backends"]
    said = world.python(
        """
import json, socket, sys
(address, port), (virtual, number) = json.loads(sys.argv[1])
server = socket.create_server((address, port))
client = socket.create_connection((virtual, number), timeout=10)
end, _peer = server.accept()
print(json.dumps([end.getsockname(), client.getpeername()]))
""",
        json.dumps([[backend["address"], backend["port"]], [near["virtual_address"], near["port"]]]),
    )
    assert said == [[backend["address"], backend["port"]], [near["virtual_address"], near["port"]]]


def test_nftables_mode_and_a_lab(world: World) -> None:
    probes.require_tool("nft", "nftables")
    done = world.run("nft", "-f", "-", stdin=_rules("kube-proxy.nft"), check=False)
    if done.returncode:
        pytest.skip(f"nftables does not take kube-proxy's rules on this kernel: {done.stderr.strip()}")
    world.run(
        "nft",
        "-f",
        "-",
        stdin="table inet podnet_lab0 { chain prerouting { type nat hook prerouting priority dstnat; "
        "ip daddr 10.96.7.7 tcp dport 80 dnat ip to 10.244.0.3:8080\n}\n}\n",
    )
    _pod(world, "web-0", "10.244.0.3/24")
    facts = _facts(world)
    assert (facts["mode"], facts["errors"], facts["unrecognised"]) == ("nftables", [], [])
    assert [(one["table"], one["family"], one["services"]) for one in facts["sources"]] == [
        ("kube-proxy", "inet", 17),
        ("kube-proxy", "inet6", 3),
        ("podnet_lab0", "inet", 1),
    ]
    lab = _found(facts, None, None)  # type: ignore[arg-type]
    assert [(one["address"], one["port"], one["pod"]) for one in lab["backends"]] == [
        ("10.244.0.3", 8080, "default/web-0")
    ]
    for one in facts["services"]:
        if one["rule"]["table"] != "kube-proxy":
            continue
        shown = " ".join(world.run(*one["rule"]["command"].split(" ")).stdout.split())
        assert one["rule"]["target"] is None or one["rule"]["target"] in shown
        assert str(one["virtual_address"] or one["port"]) in shown


def test_both_variants_at_once(world: World) -> None:
    _restore(world, "iptables-legacy-restore", "iptables-legacy-save.txt")
    _restore(world, "iptables-nft-restore", "kube-proxy-1.20-node1.txt")
    facts = _facts(world)
    assert facts["mode"] == "iptables"
    assert [(one["variant"], one["services"]) for one in facts["sources"]] == [("legacy", 19), ("nf_tables", 15)]
    assert len(facts["services"]) == 34


def test_without_the_commands_it_says_what_is_missing(world: World) -> None:
    _restore(world, "iptables-nft-restore", "iptables-nft-save.txt")
    world.run("mount", "--bind", "/dev/null", world.run("readlink", "-f", "/usr/sbin/iptables-nft-save").stdout.strip())
    facts = _facts(world)
    assert facts["partial"] is True
    (error,) = facts["errors"]
    assert "iptables-nft-save" in error["object"]
    assert facts["services"] == []


def test_without_root(world: World) -> None:
    """Who may not list rules gets partial facts that say so."""
    probes.require_root()
    probes.require_tool("sudo", "sudo")
    _restore(world, "iptables-nft-restore", "iptables-nft-save.txt")
    world.sh(
        "echo 'podnet-reader:x:61234:61234::/tmp:/bin/sh' >> /etc/passwd; echo 'podnet-reader:x:61234:' >> /etc/group;"
        "echo 'podnet-reader:*:19000:0:99999:7:::' >> /etc/shadow; echo 127.0.1.1 world >> /etc/hosts"
    )
    out = world.scratch / "facts.json"
    world.playbook(
        "- hosts: all\n  gather_facts: false\n  tasks:\n    - podnet.lab.service_rule_facts:\n      become: true\n"
        "      become_user: podnet-reader\n"
        "    - ansible.builtin.copy: {content: '{{ ansible_facts | to_json }}', dest: '{{ out }}'}\n",
        "-e",
        json.dumps({"out": str(out)}),
        interpreter="/usr/bin/python3",
    )
    facts = json.loads(out.read_text(encoding="utf-8"))[KEY]
    assert_valid(KEY, facts)
    assert (facts["partial"], facts["services"]) == (True, [])
    assert any("nft" in error["object"] for error in facts["errors"])


@pytest.mark.parametrize("check_mode", [True, False])
def test_check_mode_and_options(world: World, check_mode: bool) -> None:
    _restore(world, "iptables-nft-restore", "iptables-nft-save.txt")
    options = {"timeout": 60, "gather_subset": ["diagnose"] if check_mode else ["default"]}
    result = world.module("service_rule_facts", options, check_mode=check_mode)
    assert result["changed"] is False
    assert len(result["ansible_facts"][KEY]["services"]) == 19
    assert ("stale_flows" in result["ansible_facts"][KEY]) == check_mode
    assert_valid(KEY, result["ansible_facts"][KEY])
    result = world.module("service_rule_facts", {"timeout": 0}, check_mode=check_mode, fail_ok=True)
    assert result["msg"] == "timeout must be at least 1 second; it is 0."


def test_inspect(world: World) -> None:
    """The playbook reads Services when asked, and shows where they lead."""
    _restore(world, "iptables-nft-restore", "iptables-nft-save.txt")
    _pod(world, "web-0", "10.244.0.3/24")
    report = world.scratch / "report"
    done = world.run(
        Path(sys.executable).parent / "ansible-playbook",
        CHECKOUT / "playbooks" / "inspect.yml",
        "-i",
        "localhost,",
        "-c",
        "local",
        "-e",
        json.dumps(
            {
                "ansible_python_interpreter": sys.executable,
                "podnet_become": False,
                "podnet_report_dir": str(report),
                "podnet_services": True,
            }
        ),
        env=world.ansible_env(),
        timeout=180,
    )
    assert "! default/empty:http" in done.stdout
    assert "default/near:http" in done.stdout
    document = json.loads((report / "nodes" / "localhost.json").read_text(encoding="utf-8"))
    assert_valid("node", document)
    assert_valid(KEY, document[KEY])
    model = json.loads((report / "report.json").read_text(encoding="utf-8"))
    assert_valid("report", model)
    near = [one for one in model["services"] if one["name"] == "near"]
    assert [backend["pod"] for one in near for backend in one["backends"]] == [
        {"namespace": "default", "name": "web-0"}
    ]
    assert [one["object"] for one in model["odd"] if one["kind"] == "service-without-backends"] == [
        "default/empty:http"
    ]
    assert "## Services" in (report / "report.md").read_text(encoding="utf-8")
