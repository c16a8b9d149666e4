# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The terminal summary, the Markdown and the Mermaid pictures, of healthy, broken, large and hostile nodes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.podnet.lab.plugins.plugin_utils.model.index import by_node
from ansible_collections.podnet.lab.plugins.plugin_utils.model.records import Model
from ansible_collections.podnet.lab.plugins.plugin_utils.report import gathering, markdown, mermaid, terminal
from ansible_collections.podnet.lab.plugins.plugin_utils.text.escape import width
from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.model.node_files import (
    HOSTILE,
    NodeFile,
    model_of,
    three_nodes,
    unread,
)

REPORT = "reports/2026-11-20T110504Z/report.md"


def broken() -> Model:
    """Return nodes with something wrong on each."""
    nodes = three_nodes()
    nodes[0].unplug(1)
    nodes[0].lease("10.244.1.90", "leaked")
    nodes[1].pod("a-very-long-name-" * 8, namespace="kube-system")
    nodes[1].pod("dual")["interfaces"][0]["addr_info"].append(NodeFile.address("fd00:10:244:1::1234/64"))
    nodes[2].pairs[0].update(resolution="unresolved", reason="nobody knows", pod=None)
    nodes[2].pairs[0]["ends"][1] = {"netns": None, "netns_name": None, "ifname": None, "ifindex": 2, "nsid": 4}
    return model_of(*nodes, unread("node4"))


def hostile(start: int = 0, count: int = 100) -> Model:
    """Return a node on which everything that can be named has a hostile name."""
    node = NodeFile(1)
    for text in HOSTILE[start : start + count]:
        pod = node.pod(text, namespace=text)
        pod["containers"][0]["name"] = text
        pod["paths"] = [f"/run/netns/{text}"]
        pod["names"] = [text]
        pod["interfaces"][0]["ifname"] = node.pairs[-1]["ends"][1]["ifname"] = text
    for pair, text in enumerate(HOSTILE[start : start + count]):
        node.pairs[pair]["reason"] = text
        node.pairs[pair]["resolution"] = "ambiguous"
        node.conflicts.append({"kind": "overlap", "message": text, "sides": [{"value": text, "source": text}]})
        node.cni["shadowed"].append({"path": f"/etc/cni/net.d/{text}", "name": text})
        node.errors.append({"object": text, "cause": text, "remedy": text})
        node.pod_ranges.append(
            {"cidr": text, "family": "inet", "scope": "node", "source": {"kind": text, "path": text, "key": text}}
        )
        lease: dict[str, Any] = {"address": text, "network": text, "container_id": text, "ifname": text}
        node.leases.append({**lease, "path": text, "state": "leaked", "pod": None})
        node.service(text, [(text, 80)], address=text, namespace=text, port_name=text, text=text, type=text)
        node.service(text, [], address=None, namespace=text, action="reject", text=text, port=pair)
    node.host_pod(HOSTILE[0], namespace=HOSTILE[1])
    return model_of(node, *(unread(f"{number}{text}", text) for number, text in enumerate(HOSTILE)))


def with_services(nodes: list[NodeFile], count: int = 2) -> list[NodeFile]:
    """Return nodes that agree about some Services, one of which has no backend."""
    for node in nodes:
        for number in range(count):
            ends = [(f"10.244.{1 + (number + which) % 3}.2", 8080) for which in range(2)]
            node.service(f"web{number}", ends, address=f"10.96.{number // 200}.{number % 200 + 1}")
            node.service(f"web{number}", ends, address=None, port=30000 + number, type="node_port")
        node.service("empty", [], address="10.96.9.9", action="reject")
        node.service("empty", [], address=None, port=32767, type="health_check", action="accept")
    return nodes


MODELS = {
    "healthy": model_of(*three_nodes()),
    "broken": broken(),
    "hostile": hostile(),
    "hostile, first half drawn": hostile(0, 14),
    "hostile, second half drawn": hostile(14, 14),
    "large": model_of(NodeFile(1, pods=150), *(NodeFile(number, pods=2) for number in range(2, 70))),
    "services": model_of(*with_services(three_nodes())),
    "many services": model_of(*with_services(three_nodes(), 300)),
    "empty": model_of(NodeFile(1, bridge=None)),
    "none read": model_of(unread("node1"), unread("node2")),
    "no nodes": model_of(),
}
EVERY = pytest.mark.parametrize("model", MODELS.values(), ids=MODELS.keys())


# Terminal


@EVERY
def test_terminal_fits_and_cannot_act_on_the_terminal(model: Model) -> None:
    for line in terminal.summary(model, REPORT).split("\n"):
        assert width(line) <= 80, line
        assert line == "" or line.isprintable()


def test_terminal_tells_all_of_a_small_healthy_cluster() -> None:
    text = terminal.summary(MODELS["healthy"], REPORT)
    assert text.lstrip().startswith(
        "POD NETWORKS of 3 nodes, read 2026-11-20 11:05:04 UTC\n  16 pods, 12 cables, 3 bridges\n"
    )
    assert "Nothing odd was found." in text
    assert "node2  10.89.0.12  pods get 10.244.2.0/24\n" in text
    assert "  default/pod1  10.244.2.2/24  eth0 - veth00020001  cni0\n" in text
    assert "  bridge cni0: 10.244.2.1/24, 4 ports, MTU 1500\n" in text
    assert "service, cluster  10.96.0.0/12   all 3 nodes" in text
    assert text.endswith(f"Report: {REPORT}")
    page = REPORT.replace(".md", ".html")
    assert terminal.summary(MODELS["healthy"], REPORT, page).endswith(f"Report: {REPORT}\nPage:   {page}")


def test_where_a_bridge_is_goes_without_saying_on_the_node_itself() -> None:
    node = NodeFile(1, pods=1)
    node.bridges[0]["netns_name"] = "default"  # as docker calls the node's own namespace
    nested = {**node.bridges[0], "ifname": "inner0", "netns": node.namespaces[1]["inode"], "ports": []}
    node.bridges.append(nested)
    text = terminal.summary(model_of(node), REPORT)
    assert "  bridge cni0: " in text
    assert "  bridge inner0 in default/pod1: " in text


def test_terminal_puts_what_is_odd_first() -> None:
    text = terminal.summary(MODELS["broken"], REPORT)
    assert text.index("FAULT cable-unplugged on node1") < text.index("UNPROVEN node-not-read") < text.index("\nnode1 ")
    assert "  ! default/pod2" in text
    assert "node4  not read: Connection timed out" in text
    assert "fd00:10:244:1::1234/64" in text


def test_what_is_inferred_says_so_and_what_is_seen_does_not() -> None:
    model = MODELS["broken"]
    for sure in ("seen", "inferred"):
        model = {**model, "odd": [{**one, "certainty": sure} for one in model["odd"]]}
        told = (terminal.summary(model, REPORT), markdown.report(model))
        assert all(("inferred" in text) is (sure == "inferred") for text in told)


def test_terminal_sums_up_large_nodes_and_fleets() -> None:
    text = terminal.summary(MODELS["large"], REPORT)
    assert len(text.split("\n")) < 90
    assert "and 29 more nodes" in text


def test_terminal_sums_up_the_pods_of_a_large_node() -> None:
    text = terminal.summary(model_of(NodeFile(1, pods=110)), REPORT)
    assert "  110 pods on cni0\n" in text
    assert "default/pod1 " not in text


def test_terminal_when_no_node_was_read() -> None:
    text = terminal.summary(MODELS["none read"], None)
    assert "0 of 2 nodes" in text
    assert "node2  not read: Connection timed out" in text
    assert "Report" not in text


def test_terminal_says_that_older_files_were_left_out() -> None:
    model = {**MODELS["healthy"], "superseded": [{"host": "node1", "collected_at": None, "source": "a", "newer": "b"}]}
    assert "Older node files of node1 were left out" in terminal.summary(model, REPORT)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("first", "last", "text"),
    [
        ("2026-11-20T11:05:04.120Z", "2026-11-20T11:05:04.999Z", "2026-11-20 11:05:04 UTC"),
        ("2026-11-20T11:05:04.120Z", "2026-11-20T11:05:14Z", "2026-11-20 11:05:04 UTC to 11:05:14 UTC"),
        ("2026-11-19T11:05:04Z", "2026-11-20T11:05:14Z", "2026-11-19 11:05:04 UTC to 2026-11-20 11:05:14 UTC"),
        (None, None, "at an unknown time"),
    ],
)
def test_period(first: str | None, last: str | None, text: str) -> None:
    assert terminal.period(first, last) == text


# Markdown


def tokens(text: str) -> Iterator[Any]:
    """Yield what a Markdown parser, written by others, finds in *text*."""
    parser = (
        pytest.importorskip("markdown_it").MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    )

    def walk(found: Any) -> Iterator[Any]:
        for token in found:
            yield token
            yield from walk(token.children or ())

    yield from walk(parser.parse(text))


@EVERY
def test_markdown_has_no_structure_but_its_own(model: Model) -> None:
    text = markdown.report(model)
    for line in text.split("\n"):
        assert line == "" or line.isprintable()
    for token in tokens(text):
        if token.type in ("html_inline", "html_block"):
            assert re.fullmatch(r'<(br|code|/code|a id="node-\d+"|/a)>', token.content.strip()), token.content
        if token.type == "link_open":
            assert re.fullmatch(r"#node-\d+", token.attrs["href"])
        assert token.type not in ("image", "s_open", "em_open", "hr", "blockquote_open", "code_block")
        if token.type == "fence":
            assert token.info == "mermaid"


@EVERY
def test_markdown_tables_keep_their_columns(model: Model) -> None:
    columns = 0
    for line in markdown.report(model).split("\n"):
        if not line.startswith("|"):
            columns = 0
            continue
        found = len(re.findall(r"(?<!\\)\|", line))
        assert columns in (0, found), line
        columns = found


def test_markdown_tells_all_of_a_node() -> None:
    text = markdown.report(MODELS["healthy"])
    assert "## Odd things (0)\n\nNothing odd was found." in text
    assert (
        "| `default/pod1` | `10.244.1.2/24` | `eth0 - veth00010001` | `cni0` | `web` "
        "| `ip netns exec cni-00000000-0000-4000-8000-000100000001 ip -br addr` |" in text
    )
    assert "| `cni0` | `10.244.1.1/24` | 4, 4 forwarding | 1500 | off | `bridge -d link show master cni0` |" in text
    assert "| service | `10.96.0.0/12` | cluster | all 3 nodes |" in text
    assert "`kube-system/etcd-node1`" in text


def test_markdown_of_a_fleet_stays_small() -> None:
    text = markdown.report(MODELS["large"])
    assert len(text) < 100_000
    assert text.count("```mermaid") == 0
    assert "| node69 |" in text


def test_markdown_of_a_fleet_shows_nodes_with_odd_things() -> None:
    nodes = [NodeFile(number, pods=2) for number in range(1, 60)]
    nodes[40].unplug(0)
    text = markdown.report(model_of(*nodes))
    assert text.count("```mermaid") == 1
    assert "[node41](#node-41)" in text
    assert '<a id="node-41"></a>' in text


def test_markdown_of_a_large_node_is_cut_and_says_so() -> None:
    text = markdown.report(model_of(NodeFile(1, pods=150)))
    assert "And 30 more, all in report.json under `pods`." in text


def test_terminal_tells_where_services_lead() -> None:
    text = terminal.summary(MODELS["services"], REPORT)
    lines = [" ".join(line.split()) for line in text.split("\n")]
    start = lines.index("SERVICE ADDRESS AND PORT LEADS TO")
    assert lines[start + 1 : start + 6] == [
        "! default/empty 10.96.9.9:80 none (reject)",
        "default/web0:http 10.96.0.1:80 pod1 and 1 more",
        "default/web0:http every node:30000 pod1 and 1 more",
        "default/web1:http 10.96.0.2:80 pod1 and 1 more",
        "default/web1:http every node:30001 pod1 and 1 more",
    ]
    assert "health" not in text
    text = terminal.summary(MODELS["many services"], REPORT)
    assert f"\nand 586 more, all in {REPORT}\n" in text


def test_markdown_tells_where_services_lead() -> None:
    text = markdown.report(MODELS["services"])
    assert (
        "| default/web0:http | ClusterIP | `10.96.0.1:80` | default/pod1<br>default/pod1 | all 3 nodes | `show` |"
        in text
    )
    assert "And 401 more, all in report.json under `services`." in markdown.report(MODELS["many services"])
    assert "## Services" not in markdown.report(MODELS["healthy"])


# Mermaid

BOX = r'    \w+(\(|\[/?|\{\{|\(\[)"([A-Za-z0-9 ./,-]|#\d+;|<br/>)*"(\)|/?\]|\}\}|\]\))'
LINE = re.compile(
    rf'flowchart LR|  subgraph node\["([A-Za-z0-9 ./,-]|#\d+;)*"\]|{BOX}|  end'
    r'|  \w+ (---|-\.-)(\|"([A-Za-z0-9 ./,-]|#\d+;)*"\|)? \w+(\["outside of the node"\])?'
    r"|  classDef odd [a-z0-9#:,-]+|  class [\w,]+ odd"
)


def charts(model: Model) -> Iterator[list[str]]:
    """Yield the picture of each node that was read."""
    views = by_node(model)
    for node in model["nodes"]:
        if node["error"] is None:
            found = [finding for finding in model["odd"] if node["host"] in finding["hosts"]]
            yield mermaid.node_chart(node, views[node["host"]], found)


@EVERY
def test_mermaid_has_no_statement_but_its_own(model: Model) -> None:
    for chart in charts(model):
        for line in chart:
            assert LINE.fullmatch(line), line
        boxes = {found[1] for line in chart if (found := re.match(r"    (\w+)[\[({]", line))}
        edges = [found for line in chart if (found := re.match(r"  (\w+) (?:---|-\.-)\S* ?.*?(\w+)$", line))]
        assert {end for edge in edges for end in edge.groups()} <= boxes


def test_mermaid_draws_every_cable_of_a_small_node() -> None:
    chart = next(charts(MODELS["healthy"]))
    assert '  p0 ---|"eth0 - veth00010001"| b0' in chart
    assert sum("---|" in line for line in chart) == 4
    assert "  b0 --- host" in chart
    assert not any("class" in line for line in chart)


def test_mermaid_marks_what_is_odd() -> None:
    first, _second, third, *_rest = charts(MODELS["broken"])
    assert first[-1] == "  class p1 odd"
    assert '  p1 ---|"eth0 - veth00010002"| host' in first
    assert any(re.fullmatch(r'  b0 -\.-\|"veth00030001 - ifindex 2"\| x\d+', line) for line in third)


def test_mermaid_sums_up_large_nodes_but_not_what_is_odd() -> None:
    node = NodeFile(1, pods=110)
    node.unplug(57)
    (chart,) = charts(model_of(node))
    assert len(chart) < 20
    assert any("default/pod58" in line for line in chart)
    assert any("109 more cables" in line for line in chart)


# Captured: the lab of roles/manual_lab on three nodes, and the same with five things broken by hand

CAPTURED = (
    next(parent for parent in Path(__file__).parents if (parent / "galaxy.yml").exists()) / "tests/unit/fixtures/nodes"
)


def test_real_lab_is_healthy() -> None:
    model, _sources = gathering.read_model([CAPTURED / "lab"])
    assert model["odd"] == []
    assert [(pod["host"], pod["name"], pod["addresses"][0]["local"]) for pod in model["pods"]] == [
        ("node1", "pod1", "10.244.0.2"),
        ("node1", "pod3", "10.244.0.3"),
        ("node2", "pod2", "10.244.1.2"),
    ]
    text = terminal.summary(model, None)
    assert "  3 pods, 3 cables, 3 bridges\n" in text, "each node's own way out is a cable as well, but of no pod"
    assert len(model["cables"]) == 6
    assert "  default/pod3  10.244.0.3/24  eth0 - vethfc20cfb9  lab0\n" in text
    assert "| `container1`, `container2`, `web` |" in markdown.report(model)
    first, *_others = charts(model)
    assert any('["outside of the node"]' in line for line in first)
    assert not any("class" in line for line in first)


def test_what_was_broken_in_the_real_lab_is_odd() -> None:
    model, _sources = gathering.read_model([CAPTURED / "broken_lab"])
    assert [(finding["kind"], finding["hosts"], finding["object"]) for finding in model["odd"]] == [
        ("pod-without-address", ["node2"], "default/pod2"),
        ("cable-unplugged", ["node1"], "vethfc20cfb9"),
        ("mtu-mismatch", ["node1"], "vethf733d1ad - eth0"),
        ("lease-empty", ["node1"], "lab0"),
        ("bridge-left-over", ["node3"], "lab0"),
    ]
    first, second, third = charts(model)
    assert first[-1] == "  class p0,p1 odd"
    assert second[-1] == "  class p0 odd"
    assert not any("class" in line for line in third)
