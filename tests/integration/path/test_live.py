# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""playbooks/path.yml with podnet_live on the lab over SSH: a packet sent, seen, and held against what was computed."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from ansible_collections.podnet.lab.tests.integration.support.lab import Lab
from ansible_collections.podnet.lab.tests.integration.support.nodes import Nodes
from ansible_collections.podnet.lab.tests.integration.support.starting import ansible_playbook
from ansible_collections.podnet.lab.tests.integration.support.world import CHECKOUT

LAB = ("--limit", "node1,node2")
SCHEMA = json.loads((CHECKOUT / "docs" / "schema" / "path.schema.json").read_text(encoding="utf-8"))
Json = dict[str, Any]

# One address for pod2 on node2; the node translates the source as well.
SERVICE = """
nft -f - <<'END'
table ip podnet_services {
  chain prerouting {
    type nat hook prerouting priority dstnat;
    ip daddr 10.96.0.10 tcp dport 80 dnat to 10.244.1.2:8080
  }
  chain postrouting { type nat hook postrouting priority 90; ct status dnat masquerade; }
}
END
"""
POLICY = """
nft -f - <<'END'
table ip podnet_policy {
  chain guarded { tcp dport 81 drop; }
  chain forward { type filter hook forward priority 0; ip daddr 10.244.1.2 jump guarded; }
}
END
"""
# What a node is, without what changes by itself.
STATE = """
ip -o link; ip -o addr; ip route; ip netns; cat /proc/mounts; nft list ruleset | sed 's/packets [0-9]* bytes [0-9]*//'
for pod in $(ls /run/netns); do ip netns exec $pod nft list ruleset; done
find /run /etc /var/lib /tmp -xdev ! -path '/run/sshd*' ! -path '*/ssh/*' | sort; ss -0xp | grep -c python || true
"""


class Live:
    """Runs the playbook, and reads what it wrote."""

    def __init__(self, nodes: Nodes, folder: Path) -> None:
        self.nodes = nodes
        self.folder = folder

    def play(self, playbook: str, *words: str, **options: Any) -> subprocess.CompletedProcess[str]:
        variables = {"podnet_report_dir": str(self.folder / "report"), **options}
        words = ("-i", str(self.nodes.inventory), "-e", json.dumps(variables), *words)
        return ansible_playbook(
            str(CHECKOUT / "playbooks" / playbook), *words, env=self.nodes.env, cwd=self.folder, timeout=120
        )

    def read(self) -> None:
        """Read the nodes anew."""
        done = self.play("inspect.yml", podnet_diagnose=True, podnet_fail_on="never")
        assert done.returncode == 0, done.stdout + done.stderr

    def sent(self, sender: str, receiver: str, *words: str, **options: Any) -> tuple[Json, str]:
        """Send a packet; return the path with what was seen, and what was printed."""
        done = self.play("path.yml", *words, podnet_from=sender, podnet_to=receiver, podnet_live=True, **options)
        assert done.returncode == 0, done.stdout + done.stderr
        found: Json = json.loads((self.folder / "report" / "path.json").read_text(encoding="utf-8"))
        jsonschema.validate(found, SCHEMA)
        text = done.stdout.partition("PATH of ")[2].partition("\nok: ")[0]
        assert all(len(line) <= 80 for line in text.splitlines())
        return found, done.stdout

    def state(self) -> list[str]:
        return [self.nodes.shell(node, STATE) for node in ("node1", "node2")]


def where(leg: Json) -> list[tuple[str, str, str]]:
    """Each interface that the packet passed as computed: the node, the interface and the direction."""
    return [(one["host"], one["interface"], one["direction"]) for one in leg["points"] if one["verdict"] == "same"]


def on_nodes(leg: Json) -> dict[tuple[str, str, str], Json]:
    """The interfaces of the nodes themselves, by node, name and direction."""
    points = [one for one in leg["points"] if one["name"] == "the node itself"]
    return {(one["host"], one["interface"], one["direction"]): one for one in points}


@pytest.fixture(scope="module")
def live(ssh_nodes: Nodes, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    try:
        ssh_nodes.playbook("playbooks/lab.yml", *LAB)
        ssh_nodes.shell("node1", SERVICE)
        ssh_nodes.shell("node2", POLICY)
        found = Live(ssh_nodes, tmp_path_factory.mktemp("live"))
        found.read()
        yield found
    finally:
        ssh_nodes.shell("node1", "nft delete table ip podnet_services", check=False)
        ssh_nodes.shell("node2", "nft delete table ip podnet_policy", check=False)
        ssh_nodes.playbook("playbooks/teardown.yml", *LAB)


@pytest.mark.parametrize(
    ("receiver", "options"),
    [
        ("node1:22", {}),
        ("default/pod3", {}),
        ("default/pod2:8080", {}),
        ("default/pod2:53", {"podnet_protocol": "udp"}),
    ],
)
def test_a_healthy_way_is_seen_as_it_was_computed_and_nothing_is_left(live: Live, receiver: str, options: Json) -> None:
    before = live.state()
    path, text = live.sent("default/pod1", receiver, **options)
    print(text)
    assert path["live"]["verdict"] == "same", path["live"]
    assert path["live"]["answered"]
    assert path["live"]["skipped"] == []
    assert not any("guarded" in rule for rule in path["live"]["back"]["rules"])
    assert "LIVE: as computed" in text
    there = where(path["live"]["there"])
    assert there[0] == ("node1", "eth0", "out")
    if receiver != "node1:22":
        assert there[-1] == ("node1" if "pod3" in receiver else "node2", "eth0", "in")
    assert live.state() == before


def test_a_service_is_seen_with_the_addresses_that_rules_give_it(live: Live) -> None:
    path, _text = live.sent("default/pod1", "10.96.0.10:80")
    assert path["live"]["verdict"] == "same", path["live"]
    there = on_nodes(path["live"]["there"])
    translated = there["node1", "eth0", "out"]["seen"]
    assert (translated["dst"], translated["dport"]) == ("10.244.1.2", 8080)
    assert there["node2", "eth0", "in"]["seen"]["src"] == translated["src"] != "10.244.0.2"
    assert any("ip podnet_services, chain prerouting, rule" in rule for rule in path["live"]["there"]["rules"])
    assert path["live"]["answered"]


def test_a_node_may_send(live: Live) -> None:
    path, _text = live.sent("node1", "default/pod2:8080")
    assert path["live"]["verdict"] == "same", path["live"]
    assert where(path["live"]["there"])[0] == ("node1", "eth0", "out")


def test_a_rule_that_drops_is_named_by_the_trace(live: Live) -> None:
    path, text = live.sent("default/pod1", "default/pod2:81")
    assert (path["verdict"], path["live"]["verdict"]) == ("dropped", "same"), path["live"]
    assert not path["live"]["answered"]
    rules = path["live"]["there"]["rules"]
    assert rules[-1].startswith("node2, the node itself: ip podnet_policy, chain guarded, rule ")
    assert rules[-1].endswith(": drop")
    assert "LIVE: as computed" in text
    done = live.play(
        "path.yml", podnet_from="default/pod1", podnet_to="default/pod2:81", podnet_live=True, podnet_fail_path=True
    )
    assert done.returncode == 2
    assert "The packet went as computed, and that is that it is dropped." in " ".join(done.stdout.split())


AS_BEFORE = """
nft flush chain ip podnet_policy forward
nft add rule ip podnet_policy forward ip daddr 10.244.1.2 jump guarded
"""
FAULTS = {
    # made and taken away on node2 after it was read, and what is said of it
    "a rule": (
        "nft add rule ip podnet_policy forward tcp dport 8080 drop",
        AS_BEFORE,
        "dropped it, ip podnet_policy, chain forward, rule",
    ),
    "a neighbour": (
        "ip neigh replace 10.244.1.2 lladdr 02:00:00:00:00:99 dev lab0 nud permanent",
        "ip neigh del 10.244.1.2 dev lab0",
        "in by eth0 of default/pod2 on node2: it came in a frame for somebody else, which is thrown away there",
    ),
    "a queueing discipline": (
        "tc qdisc replace dev {veth} root tbf rate 8bit burst 1 latency 1us",
        "tc qdisc del dev {veth} root",
        "out of {veth} of node node2 itself: computed to pass here, and not seen",
    ),
    "a route": (
        "ip route add blackhole 10.244.1.2/32",
        "ip route del blackhole 10.244.1.2/32",
        "computed to pass here, and not seen; it was last seen in by eth0 of node node2 itself",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_the_computation_does_not_know_of_is_the_first_difference(live: Live, fault: str) -> None:
    veth = live.nodes.shell("node2", "ls /sys/class/net/lab0/brif").strip()
    make, undo, said = (text.format(veth=veth) for text in FAULTS[fault])
    live.nodes.shell("node2", make)
    try:
        path, text = live.sent("default/pod1", "default/pod2:8080")
    finally:
        live.nodes.shell("node2", undo)
    print(text)
    assert path["verdict"] == "delivered"
    assert path["live"]["verdict"] == "different"
    assert said in path["live"]["there"]["difference"]
    assert "LIVE: NOT AS COMPUTED: " in text
    assert path["live"]["there"]["first"] is not None
    assert text.count("\n> ! ") == 1
    assert path["live"]["back"] is None


def test_what_is_not_computed_is_seen(live: Live) -> None:
    live.nodes.shell("node2", "nft insert rule ip podnet_policy forward ip ttl 200 drop")
    try:
        live.read()
        path, text = live.sent("default/pod1", "default/pod2:8080")
    finally:
        live.nodes.shell("node2", AS_BEFORE)
        live.read()
    assert (path["verdict"], path["live"]["verdict"]) == ("unknown", "resolved"), path["live"]
    assert "The packet was last seen in by eth0 of default/pod2 on node2, and was answered" in " ".join(text.split())


def test_check_mode_says_what_it_would_do_and_does_nothing(live: Live) -> None:
    before = live.state()
    (live.folder / "report" / "path.json").unlink(missing_ok=True)
    done = live.play("path.yml", "--check", podnet_from="default/pod1", podnet_to="default/pod2:8080", podnet_live=True)
    assert done.returncode == 0, done.stdout + done.stderr
    text = " ".join(done.stdout.split())
    assert "LIVE: node1 sends one packet to 10.244.1.2" in text
    assert "node2: the table inet podnet_trace_" in text
    assert live.state() == before
    assert not (live.folder / "report" / "path.json").exists()


PACKET = {"family": "inet", "protocol": 6, "mark": 1, "sport": 41000, "dport": 80, "size": 84}


def watched(live: Live, hold: float) -> None:
    """Leave watchers on node2, as a run that is killed before it ends them."""
    inode = int(live.nodes.shell("node2", "stat -Lc %i /proc/self/ns/net"))
    place = {"netns": inode, "name": "the node itself", "trace": True}
    options = {"namespaces": [place], "packet": PACKET, "table": "podnet_trace_killed", "hold": hold}
    said = Lab(live.nodes).adhoc("node2", "podnet.lab.path_watch", options)
    assert said["unwatched"] == []
    assert "podnet_trace_killed" in live.nodes.shell("node2", "nft list tables")


def test_watchers_of_a_run_that_was_killed_end_by_themselves(live: Live) -> None:
    before = live.state()
    watched(live, 2)
    gone = "for turn in $(seq 100); do nft list tables | grep -q podnet_trace || exit 0; sleep 0.1; done; exit 1"
    live.nodes.shell("node2", gone)
    assert live.state() == before


def test_the_kernel_takes_away_what_killed_watchers_leave(live: Live) -> None:
    before = live.state()
    watched(live, 300)
    owner = "ss -0 -p -n | grep -o 'pid=[0-9]*' | head -1 | cut -d= -f2"
    pid = live.nodes.shell("node2", owner).strip()
    assert pid.isdigit()
    live.nodes.shell("node2", f"kill -9 {pid}; while [ -d /proc/{pid} ]; do sleep 0.1; done")
    assert live.state() == before


def test_a_packet_inside_a_tunnel_is_seen(live: Live) -> None:
    """The last of this file: the lab's nodes have a tunnel from here on."""
    live.nodes.playbook("playbooks/lab.yml", *LAB, "-e", "manual_lab_network=vxlan")
    live.read()
    path, text = live.sent("default/pod1", "default/pod2:8080")
    assert path["live"]["verdict"] == "same", path["live"]
    there = on_nodes(path["live"]["there"])
    for place in (("node1", "eth0", "out"), ("node2", "eth0", "in")):
        assert (there[place]["inside"], there[place]["seen"]["dport"]) == ("vxlan 1", 4789)
    assert there["node1", "vxlan1", "out"]["verdict"] == "also_seen"
    assert "with vxlan 1 inside" in " ".join(text.split())
