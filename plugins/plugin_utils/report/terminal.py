# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The summary for people at a terminal: plain text, 80 columns, what is odd first.

Nothing in it depends on colour, and nothing from a node can act on the terminal: every line
goes through layout.py, which writes out what does not print.
"""

from __future__ import annotations

from ..model.index import NodeView, by_node
from ..model.records import Finding, Model, Node
from ..text import commands, words
from ..text.layout import Column, paragraph, table
from . import rows, service_rows

NODES_IN_DETAIL = 10
"""With more nodes than this, each gets one line."""
NODE_LINES = 40
"""With more nodes than this, the others are only counted."""
PODS_OF_A_NODE = 15
"""With more pods than this on one node, they are summed up for each bridge."""
CONSEQUENCES = 2
"""So many things that follow from an odd one are told; the others are counted."""
ODD_OF_A_KIND = 3
"""So many odd things of one kind are told; the others are counted."""
RANGES = 15
"""So many ranges are listed; the others are counted."""
SERVICES = 15
"""So many addresses and ports of Services are listed, odd ones first; the others are counted."""

_ADDRESS = len("fd00:1111:2222:3333:4444:5555:6666:7777/128")
"""No address is longer; what is, is none, and may be cut."""
_SEVERITY = {"fault": "FAULT", "unproven": "UNPROVEN", "note": "NOTE"}


def summary(model: Model, report: str | None, page: str | None = None) -> str:
    """Return the summary of *model*; *report* names the file with the rest, *page* the one to open in a browser.

    Each is None when there is none.
    """
    views = by_node(model)
    odd = rows.odd_by_host(model)
    lines = [*_head(model), "", *_odd(model, report), *_ignored(model), ""]
    if len(model["nodes"]) <= NODES_IN_DETAIL:
        for node in model["nodes"]:
            lines.extend([*_node(node, views[node["host"]], odd[node["host"]]), ""])
    else:
        lines.extend([*_node_lines(model, views, odd, report), ""])
    if model["totals"]["nodes_read"]:
        lines.extend([*_ranges(model, report), ""])
    if model["services"]:
        lines.extend([*_services(model, report), ""])
    if model["superseded"]:
        lines.extend([*_superseded(model), ""])
    if report:
        lines.extend(paragraph(f"Report: {report}", rest="        "))
    if page:
        lines.extend(paragraph(f"Page:   {page}", rest="        "))
    return "\n".join(lines).rstrip("\n")


def _head(model: Model) -> list[str]:
    totals = model["totals"]
    first, last = model["first_collected_at"], model["last_collected_at"]
    time = f"read {period(first, last)}"
    what = f"{totals['nodes_read']} of {words.counted(totals['nodes'], 'node')}"
    if totals["nodes_read"] == totals["nodes"]:
        what = words.counted(totals["nodes"], "node")
    counts = ", ".join(words.counted(totals[key], key[:-1]) for key in ("pods", "cables", "bridges"))
    return [
        *paragraph(f"POD NETWORKS of {what}, {time if first else 'never read'}"),
        *paragraph(counts, "  "),
    ]


def moment(collected_at: str | None) -> str:
    """Return an ISO 8601 time as people read it, to the second."""
    text = (collected_at or "at an unknown time").replace("T", " ")
    head, dot, tail = text.partition(".")
    return f"{head}{' UTC' if (tail if dot else text).endswith('Z') else ''}".replace("Z UTC", " UTC")


def period(first: str | None, last: str | None) -> str:
    """Return the time from *first* to *last*, without repeating the day."""
    begin, end = moment(first), moment(last)
    if begin == end:
        return begin
    return f"{begin} to {end.partition(' ')[2] if begin[:10] == end[:10] else end}"


def _odd(model: Model, report: str | None) -> list[str]:
    if not model["odd"]:
        return ["Nothing odd was found."] if model["totals"]["nodes_read"] else ["No node could be read."]
    lines = [f"ODD: {words.counted(len(model['odd']), 'thing')}"]
    for group in rows.grouped(model["odd"]):
        for finding in group[:ODD_OF_A_KIND]:
            lines.extend(_finding(finding, report))
        if len(group) > ODD_OF_A_KIND:
            rest = f"and {len(group) - ODD_OF_A_KIND} more of {group[0]['kind']}"
            lines.extend(paragraph(rest + (f", all in {report}" if report else ""), "  "))
    return lines


def _ignored(model: Model) -> list[str]:
    if not model["ignored"]:
        return []
    lines = [f"IGNORED: {words.counted(len(model['ignored']), 'thing')}"]
    for group in rows.grouped(model["ignored"]):
        for finding in group[:ODD_OF_A_KIND]:
            head = f"{finding['kind']} on {words.listed(finding['hosts'], 2)}: {finding['message']}"
            lines.extend(paragraph(head, "  ", "    "))
            lines.extend(paragraph(finding.get("reason", ""), "    why: "))
        if len(group) > ODD_OF_A_KIND:
            lines.append(f"  and {len(group) - ODD_OF_A_KIND} more of {group[0]['kind']}")
    return lines


def _finding(finding: Finding, report: str | None) -> list[str]:
    head = f"{_SEVERITY[finding['severity']]} {finding['kind']} on {words.listed(finding['hosts'], 2)}"
    if finding.get("certainty") == "inferred":
        head += " (inferred)"
    lines = paragraph(f"{head}: {finding['message']}", "  ", "    ")
    if finding["severity"] == "unproven":
        lines.extend(line for one in finding["evidence"][:3] for line in paragraph(one, "    - ", "      "))
        if len(finding["evidence"]) > 3:
            lines.append(f"    - and {len(finding['evidence']) - 3} more")
    if finding["command"]:
        lines.extend(paragraph(finding["command"], "    see: "))
    if finding["remedy"]:
        lines.extend(paragraph(finding["remedy"], "    do:  "))
    if "path" in finding:
        folder = None if report is None else report.rpartition("/")[0] or "."
        lines.extend(paragraph(commands.path(finding["path"], folder), "    way: "))
    below = finding.get("consequences", [])
    lines.extend(line for one in below[:CONSEQUENCES] for line in paragraph(one["message"], "    so:  "))
    if len(below) > CONSEQUENCES:
        lines.append(f"    and {len(below) - CONSEQUENCES} more that follow from it")
    return lines


def _title(node: Node, view: NodeView) -> list[str]:
    parts = [node["host"], *rows.node_addresses(node)]
    title = "  ".join(parts)
    own = rows.node_ranges(view)
    if own:
        title += f"  pods get {', '.join(own)}"
    return paragraph(title, "", "  ")


def _node(node: Node, view: NodeView, found: list[Finding]) -> list[str]:
    if node["error"] is not None:
        return paragraph(f"{node['host']}  not read: {node['error']['cause']}", "", "  ")
    lines = _title(node, view)
    entries = rows.rows(view, rows.odd_names(found))
    if len(entries) > PODS_OF_A_NODE:
        lines.extend(_summed_up(view, entries))
    elif entries:
        lines.extend(_table(entries))
    else:
        lines.extend(paragraph("no pod or namespace with a cable", "  "))
    lines.extend(_bridges(view))
    shared = rows.host_network(view)
    if shared:
        lines.extend(paragraph(f"on the node's own network: {words.listed(shared, 8)}", "  ", "    "))
    return lines


def _table(entries: list[rows.Row]) -> list[str]:
    cells: list[tuple[str, str, str, str]] = []
    for entry in entries:
        height = max(len(entry.addresses), len(entry.cables), 1)
        for line in range(height):
            cells.append(
                (
                    (f"! {entry.name}" if entry.odd else entry.name) if line == 0 else "",
                    entry.addresses[line] if line < len(entry.addresses) else "none" if line == 0 else "",
                    entry.cables[line] if line < len(entry.cables) else "none" if line == 0 else "",
                    (entry.bridges[line] or "none") if line < len(entry.bridges) else "",
                )
            )
    columns = (Column("POD", 10), Column("ADDRESS", _ADDRESS), Column("CABLE", 12), Column("BRIDGE", 6))
    return table(columns, cells)


def _summed_up(view: NodeView, entries: list[rows.Row]) -> list[str]:
    """Return one line for each bridge, or way without a bridge, instead of one for each pod."""
    lines: list[str] = []
    behind: dict[str, list[rows.Row]] = {}
    for entry in entries:
        behind.setdefault(", ".join(sorted({name for name in entry.bridges if name})), []).append(entry)
    for bridge, members in sorted(behind.items()):
        text = f"{words.counted(len(members), 'pod')} {f'on {bridge}' if bridge else 'without a bridge'}"
        strange = [entry.name for entry in members if entry.odd]
        if strange:
            text += f", of which odd: {words.listed(strange, 5)}"
        lines.extend(paragraph(text, "  ", "    "))
    return lines


def _bridges(view: NodeView) -> list[str]:
    lines: list[str] = []
    for bridge in view.bridges:
        addresses = ", ".join(words.address(one) for one in bridge["addr_info"] if one["scope"] != "link")
        place = words.elsewhere(view.namespaces.get(bridge["netns"]))
        where = f" in {place}" if place else ""
        ports = words.counted(len(bridge["ports"]), "port")
        text = f"bridge {bridge['ifname']}{where}: {addresses or 'no address'}, {ports}, MTU {bridge['mtu']}"
        lines.extend(paragraph(text, "  ", "    "))
    return lines


def _node_lines(
    model: Model, views: dict[str, NodeView], odd: dict[str, list[Finding]], report: str | None
) -> list[str]:
    """Return one line for each node, those with odd things first."""
    nodes = sorted(model["nodes"], key=lambda node: not odd[node["host"]])
    cells = []
    for node in nodes[:NODE_LINES]:
        view = views[node["host"]]
        if node["error"] is not None:
            cells.append((node["host"], "not read", "", "", "", str(len(odd[node["host"]]))))
            continue
        cells.append(
            (
                node["host"],
                ", ".join(rows.node_addresses(node)[:1]),
                str(len(view.pods)),
                str(view.count_cables()),
                ", ".join(rows.node_ranges(view)),
                str(len(odd[node["host"]]) or ""),
            )
        )
    columns = (
        Column("NODE", 10),
        Column("ADDRESS", 15),
        Column("PODS"),
        Column("CABLES"),
        Column("PODS GET", 10),
        Column("ODD"),
    )
    lines = table(columns, cells, indent="")
    if len(nodes) > NODE_LINES:
        lines.append(
            f"and {words.counted(len(nodes) - NODE_LINES, 'more node')}" + (f", all in {report}" if report else "")
        )
    return lines


def _ranges(model: Model, report: str | None) -> list[str]:
    shown = [one for one in model["ranges"] if one["scope"] != "hint"]
    if not shown:
        return ["RANGES: none is written down on these nodes"]
    cells = [
        (f"{one['what']}, {one['scope']}", one["cidr"], rows.range_nodes(one["hosts"], model)) for one in shown[:RANGES]
    ]
    lines = table((Column("RANGE"), Column("ADDRESSES", _ADDRESS), Column("WRITTEN DOWN ON", 15)), cells, indent="")
    if len(shown) > RANGES:
        lines.append(f"and {len(shown) - RANGES} more" + (f", all in {report}" if report else ""))
    return lines


def _services(model: Model, report: str | None) -> list[str]:
    entries = service_rows.rows(model)
    cells = [(f"! {one.name}" if one.odd else one.name, one.place, one.summary) for one in entries[:SERVICES]]
    columns = (Column("SERVICE", 12), Column("ADDRESS AND PORT", _ADDRESS), Column("LEADS TO", 12))
    lines = table(columns, cells, indent="")
    if len(entries) > SERVICES:
        lines.append(f"and {len(entries) - SERVICES} more" + (f", all in {report}" if report else ""))
    return lines


def _superseded(model: Model) -> list[str]:
    hosts = list(dict.fromkeys(one["host"] for one in model["superseded"]))
    text = f"Older node files of {words.listed(hosts, 8)} were left out: for each host the newest counts."
    return paragraph(text)
