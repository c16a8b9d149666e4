# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""playbooks/verify.yml on the lab over SSH: whole, and broken on purpose in every way that it must name.

Beside the lab, its two nodes have rules for one Service and for one NetworkPolicy, and the third, which is no part of
the lab, a name server: the lab itself has none of these.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from ansible_collections.podnet.lab.tests.integration.support.nodes import Nodes
from ansible_collections.podnet.lab.tests.integration.support.starting import ansible_playbook
from ansible_collections.podnet.lab.tests.integration.support.world import CHECKOUT

LAB = ("--limit", "node1,node2")
SCHEMA = json.loads((CHECKOUT / "docs" / "schema" / "verify.schema.json").read_text(encoding="utf-8"))
Json = dict[str, Any]

# One address and port for pod3 on node1 and pod2 on node2, for pods and for the node. Answers come back through the
# node because it translates the source as well; a pod that meets itself gets its frame back by the
# port that it came from.
SERVICE = """
nft -f - <<'END'
table ip podnet_services {
  chain services {
    ip daddr 10.96.0.10 tcp dport 80 dnat to numgen random mod 2 map { 0 : 10.244.0.3 . 80, 1 : 10.244.1.2 . 80 }
  }
  chain prerouting { type nat hook prerouting priority dstnat; jump services; }
  chain output { type nat hook output priority -100; jump services; }
  chain postrouting { type nat hook postrouting priority 90; ct status dnat masquerade; }
}
END
for port in $(ls /sys/class/net/lab0/brif); do bridge link set dev $port hairpin on; done
"""
# A policy by hand, on the node of the pod that it protects.
POLICY = """
nft -f - <<'END'
table ip podnet_policy {
  chain forward {
    type filter hook forward priority 0;
    ct state established,related accept
    ip saddr 10.244.0.2 ip daddr 10.244.1.2 drop
  }
}
END
"""
OBJECTS: list[Json] = [
    {"kind": "Pod", "metadata": {"name": name, "labels": {"app": name}}} for name in ("pod1", "pod2", "pod3")
]
OBJECTS.append(
    {
        "kind": "NetworkPolicy",
        "metadata": {"name": "only-pod3"},
        "spec": {
            "podSelector": {"matchLabels": {"app": "pod2"}},
            "ingress": [{"from": [{"podSelector": {"matchExpressions": [
                {"key": "app", "operator": "NotIn", "values": ["pod1"]},
            ]}}]}],
        },
    }
)  # fmt: skip
# A stand-in for a cluster's name server: it knows one Service, by its whole name alone.
NAME_SERVER = r"""
import socket, struct
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.bind(("0.0.0.0", 53))
known = b"\3web\7default\3svc\7cluster\5local\0"
while True:
    data, peer = sock.recvfrom(512)
    name = data[12:-4]
    found = name == known and data[-4:-2] == b"\0\1"
    head = data[:2] + struct.pack(">5H", 0x8580 if name == known else 0x8583, 1, found, 0, 0)
    record = b"\xc0\x0c\0\1\0\1\0\0\0\5\0\4" + socket.inet_aton("10.96.0.10") if found else b""
    sock.sendto(head + data[12:] + record, peer)
"""
NAMES = [
    {"name": name, "addresses": ["10.96.0.10"]} for name in ("web", "web.default", "web.default.svc.cluster.local.")
]
NAMES.append({"name": "nobody", "addresses": []})
# What a node is, without what changes by itself.
STATE = """
ip -o link; ip -o addr; ip route; ip netns; cat /proc/mounts; nft list ruleset | sed 's/packets [0-9]* bytes [0-9]*//'
find /run /etc /var/lib /tmp -xdev ! -path '/run/sshd*' ! -path '*/ssh/*' | sort; ls /proc/sys/net/ipv4/conf; ss -lnptux
"""


class Verify:
    """Runs the playbook, and reads what it wrote."""

    def __init__(self, nodes: Nodes, folder: Path) -> None:
        self.nodes = nodes
        self.folder = folder

    def play(self, name: str, *words: str, **options: Any) -> subprocess.CompletedProcess[str]:
        variables = {
            "podnet_report_dir": name,
            "podnet_verify_outside": ["node3"],
            "podnet_verify_names": NAMES,
            "podnet_verify_objects": OBJECTS,
            "podnet_verify_policy_ports": ["80", "8080"],
            "podnet_verify_timeout": 0.7,
            **options,
        }
        playbook = str(CHECKOUT / "playbooks" / "verify.yml")
        words = ("-i", str(self.nodes.inventory), "-e", json.dumps(variables), *words)
        return ansible_playbook(playbook, *words, env=self.nodes.env, cwd=self.folder, timeout=120)

    def ends(self, name: str) -> list[Json]:
        """Return where the packets of broken pairs end, as it was written."""
        said: list[Json] = json.loads((self.folder / name / "verify.json").read_text(encoding="utf-8"))["ends"]
        return said

    def found(self, name: str, **options: Any) -> dict[str, Json]:
        """Run it, and return each requirement by its key."""
        done = self.play(name, **options)
        assert done.returncode == 0, done.stdout + done.stderr
        said = json.loads((self.folder / name / "verify.json").read_text(encoding="utf-8"))
        jsonschema.validate(said, SCHEMA)
        return {one["key"]: one for one in said["requirements"]}


def broken(found: dict[str, Json]) -> set[str]:
    return {key for key, one in found.items() if one["verdict"] == "broken"}


# The nodes are other tests' as well.
KEEP_RESOLV_CONF = "[ ! -e /etc/resolv.conf ] || cp -a /etc/resolv.conf /etc/resolv.conf.kept"
GIVE_RESOLV_CONF_BACK = "rm -f /etc/resolv.conf; mv /etc/resolv.conf.kept /etc/resolv.conf"


@pytest.fixture(scope="module")
def verify(ssh_nodes: Nodes, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Verify]:
    server = f"nohup python3 -c '{NAME_SERVER}' podnet-names </dev/null >/dev/null 2>&1 &"
    try:
        ssh_nodes.playbook("playbooks/lab.yml", *LAB)
        for node in ("node1", "node2"):
            ssh_nodes.shell(node, SERVICE)
        ssh_nodes.shell("node2", POLICY)
        address = ssh_nodes.shell("node3", f"{server} ip -o -4 addr show eth0").split()[3].partition("/")[0]
        search = f"nameserver {address}\\nsearch default.svc.cluster.local svc.cluster.local\\noptions ndots:5\\n"
        for node in ("node1", "node2"):
            ssh_nodes.shell(node, f"{KEEP_RESOLV_CONF}; printf '{search}' > /etc/resolv.conf")
        yield Verify(ssh_nodes, tmp_path_factory.mktemp("verify"))
    finally:
        ssh_nodes.shell("node3", "pkill -f podnet-name[s]", check=False)
        for node in ("node1", "node2"):
            ssh_nodes.shell(node, f"{GIVE_RESOLV_CONF_BACK}; nft delete table ip podnet_services", check=False)
        ssh_nodes.shell("node2", "nft delete table ip podnet_policy", check=False)
        ssh_nodes.playbook("playbooks/teardown.yml", *LAB)


def test_a_whole_network_has_no_broken_line_and_nothing_is_left_behind(verify: Verify) -> None:
    before = [verify.nodes.shell(node, STATE) for node in ("node1", "node2", "node3")]
    done = verify.play("whole")
    assert done.returncode == 0, done.stdout + done.stderr
    assert [verify.nodes.shell(node, STATE) for node in ("node1", "node2", "node3")] == before
    text = done.stdout.partition("VERIFICATION of ")[2].partition("\nok: ")[0]
    assert text.startswith("the network of 3 pods on 2 nodes\n")
    assert all(len(line) <= 80 for line in text.splitlines())
    assert "10 held, 0 broken, 1 not applicable." in text, text
    said = json.loads((verify.folder / "whole" / "verify.json").read_text(encoding="utf-8"))
    assert said["sent"]["pairs_planned"] == said["sent"]["pairs_possible"] == 6
    assert {(row["sender"], row["receiver"]) for row in said["policies"] if not row["measured"]} == {
        ("default/pod1", "default/pod2")
    }
    assert (verify.folder / "whole" / "verify.xml").read_text(encoding="utf-8").count("<testcase") == 11


@pytest.fixture
def damaged(verify: Verify, request: pytest.FixtureRequest) -> Iterator[Verify]:
    """The lab with a damage, (node, what breaks it, what mends it)."""
    node, damage, mend = request.param
    try:
        verify.nodes.shell(node, damage)
        yield verify
    finally:
        verify.nodes.shell(node, mend)


ROUTE = "ip route show 10.244.1.0/24 > /tmp/route; ip route delete 10.244.1.0/24"


@pytest.mark.parametrize(
    "damaged", [("node1", ROUTE, "ip route add $(cat /tmp/route); rm /tmp/route")], indirect=True, ids=["route"]
)
def test_a_missing_route(damaged: Verify) -> None:
    found = damaged.found("route")
    assert "pods-reach-pods" in broken(found)
    assert broken(found) <= {"pods-reach-pods", "nodes-and-pods", "path-mtu", "services", "policies"}
    pairs = {(one["host"], one["sender"], one["receiver"]) for one in found["pods-reach-pods"]["faults"]}
    # Without the route of node1, its pods send to nowhere, and the answers of its pods get lost.
    assert ("node1", "default/pod3", "default/pod2") in pairs
    assert ("node2", "default/pod2", "default/pod1") in pairs
    assert not any({sender, receiver} == {"default/pod1", "default/pod3"} for _host, sender, receiver in pairs)
    told = damaged.ends("route")
    assert all(one["ends"] is not None for fault in found["pods-reach-pods"]["faults"] for one in fault["pairs"])
    # Without the route, packets for the other node's pods leave node1 by its default route, or by none.
    assert {(one["host"], one["verdict"] in ("left", "dropped")) for one in told} == {("node1", True)}, told
    assert any(one["answer"] for one in told), "pods of node2 send well, and the answers get lost"
    assert all("10.244.1.2" in one["reason"] for one in told)


MASQUERADE = """nft -f - <<'END'
table ip podnettest { chain post { type nat hook postrouting priority 80; ip saddr 10.244.1.0/24 masquerade; }; }
END
ip link set eth0 mtu 1400; ip link add clash type bridge; ip addr add 10.244.9.1/24 dev clash
"""
UNMASQUERADE = "nft delete table ip podnettest; ip link set eth0 mtu 1500; ip link delete clash"


@pytest.mark.parametrize("damaged", [("node2", MASQUERADE, UNMASQUERADE)], indirect=True, ids=["masquerade"])
def test_a_masquerade_too_many_a_narrow_link_and_an_overlapping_range(damaged: Verify) -> None:
    found = damaged.found("masquerade")
    assert broken(found) == {"pods-reach-pods", "own-address", "path-mtu", "ranges-apart"}
    node2 = damaged.nodes.shell("node2", "ip -o -4 addr show eth0").split()[3].partition("/")[0]
    assert {(one["sender"], one["message"]) for one in found["pods-reach-pods"]["faults"]} == {
        ("default/pod2", f"translated on the way: seen as {node2}")
    }
    assert found["own-address"]["faults"][0]["message"] == f"others see {node2}"
    sizes = {(one["host"], one["message"]) for one in found["path-mtu"]["faults"]}
    assert ("node2", "packets of 1500 bytes do not pass, 1400 do") in sizes
    assert {host for host, _message in sizes} == {"node1", "node2"}
    told = damaged.ends("masquerade")
    assert any("1500 bytes are more than eth0 takes, 1400" in one["reason"] for one in told)
    assert any(f"from {node2} (node2: ip podnettest, postrouting chain post" in one["reason"] for one in told)
    assert "10.244.9.0/24" in json.dumps(found["ranges-apart"]["faults"])


HAIRPIN = "for port in $(ls /sys/class/net/lab0/brif); do bridge link set dev $port hairpin {}; done"


@pytest.mark.parametrize(
    "damaged", [("node1", HAIRPIN.format("off"), HAIRPIN.format("on"))], indirect=True, ids=["hairpin"]
)
def test_hairpin_off(damaged: Verify) -> None:
    if damaged.nodes.shell("node1", "cat /proc/sys/net/bridge/bridge-nf-call-iptables || true").strip() != "1":
        pytest.skip("without br_netfilter, what a bridge's port may send back does not matter to Services")
    found = damaged.found("hairpin")
    assert broken(found) == {"services"}
    (fault,) = found["services"]["faults"]
    assert (fault["sender"], fault["message"]) == ("default/pod3", "connections fail (it is a backend itself: hairpin)")
    (end,) = damaged.ends("hairpin")
    assert (end["host"], end["verdict"]) == ("node1", "dropped")
    assert "there it may not go" in end["reason"]


WRONG = r"""
nft delete table ip podnet_policy
nft flush chain ip podnet_services services
nft 'add rule ip podnet_services services ip daddr 10.96.0.10 tcp dport 80 dnat to numgen random mod 2 map \
  { 0 : 10.244.0.2 . 80, 1 : 10.244.1.2 . 80 }'
"""


def test_a_wrong_backend_a_policy_too_wide_and_a_dead_name_server(verify: Verify) -> None:
    """These come last: their repair is the fixture's end."""
    verify.nodes.shell("node3", "pkill -f podnet-name[s]")
    verify.nodes.shell("node2", WRONG)
    found = verify.found("wrong")
    assert broken(found) == {"services", "policies", "names"}
    messages = {one["message"] for one in found["services"]["faults"]}
    assert any("leads to 10.244.0.2:80 as well and does not lead to 10.244.0.3:80" in one for one in messages)
    told = {(one["sender"], one["receiver"], one["message"]) for one in found["policies"]["faults"]}
    assert ("default/pod1", "default/pod2", "port 80/tcp is open although no policy allows it") in told
    assert all(pair[:2] == ("default/pod1", "default/pod2") for pair in told)
    assert "no name server answered" in found["names"]["faults"][0]["message"]

    done = verify.play("wrong", "-e", "podnet_verify_fail=true")
    assert done.returncode == 2
    assert "3 requirements broken: 6 (A Service reaches" in " ".join((done.stdout + done.stderr).split())


def test_check_mode_sends_nothing(verify: Verify) -> None:
    done = verify.play("", "--check")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "nothing was sent" in done.stdout
    assert not (verify.folder / "reports").exists()


def test_what_cannot_be_understood_is_refused_before_anything_listens(verify: Verify) -> None:
    for options, told in (
        ({"podnet_verify_outside": ["node9"]}, "podnet_verify_outside names node9, which is no host of this play"),
        ({"podnet_verify_objects": ["missing.yml"]}, "missing.yml cannot be read: No such file or directory"),
        (
            {"podnet_verify_policy_ports": ["http"]},
            "podnet_verify_policy_ports has 'http', which is not like 80 or 53/udp",
        ),
        ({"podnet_hosts": "nobody"}, "No node of the inventory fits nobody"),
    ):
        done = verify.play("refused", **options)
        assert done.returncode == 2
        assert told in " ".join((done.stdout + done.stderr).split())
        assert "TASK [Listen]" not in done.stdout
