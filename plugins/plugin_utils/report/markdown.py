# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The report as GitHub Flavored Markdown: summary, odd things, ranges, and each node with a picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..model.index import NodeView, by_node
from ..model.records import Finding, Lease, Model, Node, Range
from ..text import commands, words
from ..text.escape import markdown_code as code
from ..text.escape import markdown_text as text
from . import mermaid, rows, service_rows
from .terminal import moment, period

NODES_IN_DETAIL = 30
"""With more nodes than this, only those with odd things get a section (this many at most): GitHub
does not render files of more than about half a megabyte."""
PODS_OF_A_NODE = 120
"""So many pods of a node are in its table; of more, the odd ones and the first of the others."""
CONSEQUENCES = 10
"""So many things that follow from an odd one are told; the others are in report.json."""
ODD_OF_A_KIND = 25
"""So many odd things of one kind are told; the others are in report.json."""
RANGES = 200
"""So many ranges are listed; the others are in report.json."""
SERVICES = 200
"""So many addresses and ports of Services are listed, odd ones first; the others are in report.json."""
BACKENDS = 8
"""So many backends of a Service are listed."""

_SEVERITY = {"fault": "Fault", "unproven": "Not proven", "note": "Note"}


def report(model: Model) -> str:
    """Return the whole report."""
    views = by_node(model)
    odd = rows.odd_by_host(model)
    lines = [
        "# Pod networks",
        "",
        *_summary(model),
        *_odd(model),
        *_ignored(model),
        *_nodes(model, views, odd),
        *_ranges(model["ranges"], model),
        *_services(model),
    ]
    anchors = _anchors(model)
    for node in _in_detail(model, odd):
        lines.append(f'<a id="{anchors[node["host"]]}"></a>')
        lines.extend(["", *_node(node, views[node["host"]], odd[node["host"]])])
    lines.extend(_left_out(model))
    return "\n".join(lines).rstrip() + "\n"


def _table(titles: Sequence[str], entries: Iterator[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(titles)} |"
    yield f"|{'|'.join(' --- ' for _title in titles)}|"
    for cells in entries:
        yield f"| {' | '.join(cells)} |"
    yield ""


def _summary(model: Model) -> Iterator[str]:
    totals = model["totals"]
    first, last = model["first_collected_at"], model["last_collected_at"]
    if first is not None:
        yield f"Read {code(period(first, last))}."
    counts = [words.counted(totals[key], key[:-1]) for key in ("pods", "cables", "bridges", "namespaces")]
    yield f"{totals['nodes_read']} of {words.counted(totals['nodes'], 'node')} read: {', '.join(counts)}."
    yield ""


def _odd(model: Model) -> Iterator[str]:
    yield f"## Odd things ({len(model['odd'])})"
    yield ""
    if not model["odd"]:
        yield "Nothing odd was found." if model["totals"]["nodes_read"] else "No node could be read."
        yield ""
        return
    for group in rows.grouped(model["odd"]):
        yield f"### {_SEVERITY[group[0]['severity']]}: {text(group[0]['kind'])}"
        yield ""
        for finding in group[:ODD_OF_A_KIND]:
            yield from _finding(finding)
        if len(group) > ODD_OF_A_KIND:
            query = f"odd[?kind=='{group[0]['kind']}']"
            yield f"And {len(group) - ODD_OF_A_KIND} more: ask report.json with the query {code(query)}."
        yield ""


def _ignored(model: Model) -> Iterator[str]:
    if not model["ignored"]:
        return
    yield f"## Ignored ({len(model['ignored'])})"
    yield ""
    for finding in model["ignored"][:ODD_OF_A_KIND]:
        hosts = ", ".join(text(host) for host in finding["hosts"][:5])
        yield f"- **{hosts}**, {text(finding['kind'])}: {text(finding['message'])}."
        yield f"  - Why: {text(finding.get('reason', ''))}"
    if len(model["ignored"]) > ODD_OF_A_KIND:
        yield f"- and {len(model['ignored']) - ODD_OF_A_KIND} more, which report.json has"
    yield ""


def _finding(finding: Finding) -> Iterator[str]:
    hosts = ", ".join(text(host) for host in finding["hosts"][:5])
    more = len(finding["hosts"]) - 5
    sure = ", inferred" if finding.get("certainty") == "inferred" else ""
    yield f"- **{hosts}{f' and {more} more' if more > 0 else ''}**{sure}: {text(finding['message'])}."
    for line in finding["evidence"]:
        yield f"  - {code(line)}"
    if finding["command"]:
        yield f"  - See it: {code(finding['command'])}"
    if finding["remedy"]:
        yield f"  - Remedy: {text(finding['remedy'])}"
    if "path" in finding:
        yield f"  - The way of a packet that it stops: {code(commands.path(finding['path']))}"
    below = finding.get("consequences", [])
    if below:
        yield f"  - What follows from it ({len(below)}):"
        yield from (f"    - {text(one['message'])}" for one in below[:CONSEQUENCES])
        if len(below) > CONSEQUENCES:
            yield f"    - and {len(below) - CONSEQUENCES} more, which report.json has"


def _nodes(model: Model, views: dict[str, NodeView], odd: dict[str, list[Finding]]) -> Iterator[str]:
    yield "## Nodes"
    yield ""
    linked = _anchors(model)
    detailed = {node["host"] for node in _in_detail(model, odd)}

    def cells() -> Iterator[Sequence[str]]:
        for node in model["nodes"]:
            host, view = node["host"], views[node["host"]]
            name = f"[{text(host)}](#{linked[host]})" if host in detailed else text(host)
            own = ", ".join(code(one) for one in rows.node_ranges(view))
            yield (
                name,
                ", ".join(code(one) for one in rows.node_addresses(node)),
                {"read": "read", "partial": "partly read"}.get(node["status"], f"**{node['status']}**"),
                str(len(view.pods)),
                str(view.count_cables()),
                ", ".join(code(bridge["ifname"]) for bridge in view.bridges[:4])
                + (f" and {len(view.bridges) - 4} more" if len(view.bridges) > 4 else ""),
                own,
                str(len(odd[host]) or ""),
            )

    yield from _table(("Node", "Address", "State", "Pods", "Cables", "Bridges", "Pods get", "Odd"), cells())
    if len(detailed) < len(model["nodes"]):
        yield (
            f"The sections below are of {words.counted(len(detailed), 'node')} with odd things. To see others, "
            "inspect them alone (`podnet_hosts`), or ask report.json (`podnet_query`)."
        )
        yield ""


def _in_detail(model: Model, odd: dict[str, list[Finding]]) -> list[Node]:
    if len(model["nodes"]) <= NODES_IN_DETAIL:
        return model["nodes"]
    return [node for node in model["nodes"] if odd[node["host"]]][:NODES_IN_DETAIL]


def _anchors(model: Model) -> dict[str, str]:
    """Return what a link to a node's section says; GitHub's own anchors depend on the heading's text."""
    return {node["host"]: f"node-{number}" for number, node in enumerate(model["nodes"], start=1)}


def _ranges(entries: list[Range], model: Model) -> Iterator[str]:
    yield "## Ranges"
    yield ""
    if not entries:
        yield "No pod or service range is written down on these nodes."
        yield ""
        return

    def cells() -> Iterator[Sequence[str]]:
        for one in entries[:RANGES]:
            places = dict.fromkeys(
                " ".join(part for part in (source["place"] or source["kind"], source["key"]) if part)
                for source in one["sources"]
            )
            shown = [code(place) for place in list(places)[:4]]
            more = f" and {len(places) - 4} more" if len(places) > 4 else ""
            yield (
                one["what"],
                code(one["cidr"]),
                text(one["scope"]),
                text(rows.range_nodes(one["hosts"], model)),
                ", ".join(shown) + more,
                code(commands.source(one["sources"][0]) or ""),
            )

    yield from _table(("Of", "Range", "Scope", "Nodes", "Written down in", "See it on the node"), cells())
    if len(entries) > RANGES:
        yield f"And {len(entries) - RANGES} more, all in report.json under `ranges`."
        yield ""


def _services(model: Model) -> Iterator[str]:
    if not any(node["service_mode"] for node in model["nodes"]):
        return
    entries = service_rows.rows(model)
    yield "## Services"
    yield ""
    if not entries:
        yield "No rules of Services were found on these nodes."
        yield ""
        return

    def cells() -> Iterator[Sequence[str]]:
        for one in entries[:SERVICES]:
            more = len(one.backends) - BACKENDS
            yield (
                text(f"! {one.name}" if one.odd else one.name),
                text(one.kind),
                code(one.place),
                "<br>".join(text(backend) for backend in one.backends[:BACKENDS])
                + (f"<br>and {more} more" if more > 0 else ""),
                text(rows.range_nodes(one.hosts, model)),
                code(one.command),
            )

    titles = ("Service", "Type", "Address and port", "Leads to", "Nodes", "See it on the node")
    yield from _table(titles, cells())
    if len(entries) > SERVICES:
        yield f"And {len(entries) - SERVICES} more, all in report.json under `services`."
        yield ""


def _node(node: Node, view: NodeView, found: list[Finding]) -> Iterator[str]:
    yield f"## {text(node['host'])}"
    yield ""
    if node["error"] is not None:
        yield f"Not read ({node['status']}): {text(node['error']['cause'])}"
        yield ""
        yield f"Remedy: {text(node['error']['remedy'])}"
        yield ""
        return
    yield from _facts(node, view)
    yield from _pods(view, rows.odd_names(found))
    yield "```mermaid"
    yield from mermaid.node_chart(node, view, found)
    yield "```"
    yield ""
    yield from _cables(view)
    yield from _bridges(view)
    yield from _leases(view)


def _facts(node: Node, view: NodeView) -> Iterator[str]:
    yield f"- Read {code(moment(node['collected_at']))}, it calls itself {code(node['name'] or '?')}"
    addresses = ", ".join(f"{code(words.address(one))} on {code(one['ifname'])}" for one in node["addresses"][:12])
    more = f" and {len(node['addresses']) - 12} more" if len(node["addresses"]) > 12 else ""
    yield f"- Addresses: {addresses or 'none'}{more} (see {code(commands.NODE_ADDRESSES)})"
    for route in node["default_route"]:
        yield f"- Default route: {code(route['gateway'] or 'on the link')} through {code(route['dev'] or '?')}"
    active = node["cni"]["active"]
    if active is not None:
        chain = ", ".join(code(plugin) for plugin in active["plugins"])
        meta = "".join(f", through {code(path)}" for path in active["through"] if path != active["path"])
        yield f"- CNI: {code(active['path'])} ({code(active['name'] or '?')}: {chain}){meta} (see {code(commands.CNI)})"
    shared = rows.host_network(view)
    if shared:
        names = ", ".join(code(name) for name in shared[:30])
        more = f" and {len(shared) - 30} more" if len(shared) > 30 else ""
        yield f"- Pods on the node's own network: {names}{more}"
    quiet = sum(1 for one in view.namespaces.values() if one["kind"] != "host" and one["pod"] is None)
    if quiet:
        yield f"- {words.counted(quiet, 'network namespace')} without a pod (see {code(commands.NAMESPACES)})"
    yield ""


def _pods(view: NodeView, odd: set[str]) -> Iterator[str]:
    entries = rows.rows(view, odd)
    if not entries:
        yield "No pod or namespace with a cable."
        yield ""
        return
    shown = entries
    if len(entries) > PODS_OF_A_NODE:
        strange = [entry for entry in entries if entry.odd]
        shown = [*strange, *(entry for entry in entries if not entry.odd)][:PODS_OF_A_NODE]

    def cells() -> Iterator[Sequence[str]]:
        for entry in shown:
            yield (
                f"**{code(entry.name)}**" if entry.odd else code(entry.name),
                "<br>".join(code(one) for one in entry.addresses) or "none",
                "<br>".join(code(one) for one in entry.cables) or "none",
                "<br>".join(code(one) if one else "none" for one in entry.bridges),
                ", ".join(code(one) for one in entry.containers[:8]),
                code(entry.command),
            )

    yield from _table(("Pod", "Address", "Cable", "Bridge", "Containers", "See it on the node"), cells())
    yield f"See all cables on the node: {code(commands.LINKS)}, and one: {code(commands.link('NAME'))}"
    yield ""
    if len(shown) < len(entries):
        yield f"And {len(entries) - len(shown)} more, all in report.json under `pods`."
        yield ""


def _cables(view: NodeView) -> Iterator[str]:
    loose = [cable for cable in view.cables if cable["pod"] is None]
    if not loose:
        return
    yield f"Cables that lead to no pod ({len(loose)}):"
    yield ""

    def cells() -> Iterator[Sequence[str]]:
        for cable in loose[:PODS_OF_A_NODE]:
            ends = []
            for end in cable["ends"]:
                namespace = view.namespaces.get(end["netns"]) if end["netns"] is not None else None
                where = "" if namespace is None else f" in {code(words.namespace_name(namespace))}"
                ends.append(f"{code(words.end(end))}{where}")
            reason = f": {text(cable['reason'])}" if cable["reason"] else ""
            state = "the node's own way out" if view.leaves_node(cable) else text(cable["resolution"]) + reason
            yield (*ends, state, code(commands.cable(cable, view.namespaces)))

    yield from _table(("End", "Other end", "Resolution", "See it on the node"), cells())
    if len(loose) > PODS_OF_A_NODE:
        yield f"And {len(loose) - PODS_OF_A_NODE} more, all in report.json under `cables`."
        yield ""


def _bridges(view: NodeView) -> Iterator[str]:
    if not view.bridges:
        return
    unlearned = all(bridge["fdb_count"] is None for bridge in view.bridges)

    def cells() -> Iterator[Sequence[str]]:
        for bridge in view.bridges[:PODS_OF_A_NODE]:
            place = words.elsewhere(view.namespaces.get(bridge["netns"]))
            where = f" in {code(place)}" if place else ""
            forwarding = sum(port["state"] == "forwarding" for port in bridge["ports"])
            yield (
                f"{code(bridge['ifname'])}{where}",
                "<br>".join(code(words.address(one)) for one in bridge["addr_info"]) or "none",
                f"{len(bridge['ports'])}, {forwarding} forwarding",
                str(bridge["mtu"] if bridge["mtu"] is not None else "?"),
                "on" if bridge["stp_state"] else "off",
                *([] if unlearned else ["not read" if bridge["fdb_count"] is None else str(bridge["fdb_count"])]),
                code(commands.bridge(bridge, view.namespaces)),
            )

    titles = ("Bridge", "Address", "Ports", "MTU", "STP", *([] if unlearned else ["FDB"]), "See it on the node")
    yield from _table(titles, cells())


def _leases(view: NodeView) -> Iterator[str]:
    if not view.leases:
        return
    networks = sorted({lease["network"] for lease in view.leases})
    for network in networks:
        leases = [lease for lease in view.leases if lease["network"] == network]
        states = [f"{sum(lease['state'] == state for lease in leases)} {state}" for state in _states(leases)]
        yield (
            f"Leases of {code(network)}: {text(', '.join(states).replace('_', ' '))} "
            f"(see {code(commands.leases(leases[0]))})"
        )
        yield ""


def _states(leases: list[Lease]) -> list[str]:
    return sorted({lease["state"] for lease in leases})


def _left_out(model: Model) -> Iterator[str]:
    if not model["superseded"]:
        return
    yield "## Left out"
    yield ""
    yield "For each host the newest node file counts. These are older:"
    yield ""
    for one in model["superseded"][:RANGES]:
        yield f"- {text(one['host'])}, read {code(moment(one['collected_at']))}: {code(one['source'])}"
    if len(model["superseded"]) > RANGES:
        yield f"- and {len(model['superseded']) - RANGES} more, in report.json under `superseded`"
    yield ""
