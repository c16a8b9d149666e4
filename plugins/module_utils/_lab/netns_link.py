# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Links inside the namespaces of pods."""

from __future__ import annotations

from typing import Any, Dict, List, Optional

from ansible.module_utils.basic import AnsibleModule

from .names import link_alias
from .read import View, is_up
from .step import (
    LAB_ARGUMENT,
    Step,
    check_ifname,
    check_netns,
    netns_name,
    see_netns,
)


def line(wanted: Dict[str, Any], view: Optional[View], alias: str) -> Optional[str]:
    """Return the line for ``ip -batch`` that sets one link up, or None when it is as wanted."""
    link = view.links.get(wanted["ifname"]) if view else None
    words = []
    if wanted["mtu"] is not None and (link is None or link.get("mtu") != wanted["mtu"]):
        words.append("mtu %d" % wanted["mtu"])
    if wanted["alias"] and (link is None or link.get("ifalias") != alias):
        words.append("alias " + alias)
    if link is None or not is_up(link):
        words.append("up")
    return "link set %s %s" % (wanted["ifname"], " ".join(words)) if words else None


def describe(wanted: Dict[str, Any], view: Optional[View]) -> Optional[str]:
    """Describe a link as it is; None when there is none."""
    link = view.links.get(wanted["ifname"]) if view else None
    if link is None:
        return None
    state = "up" if is_up(link) else "down"
    mark = " alias " + link["ifalias"] if wanted["alias"] and "ifalias" in link else ""
    mtu = " mtu %d" % link.get("mtu", 0) if wanted["mtu"] is not None else ""
    return "%s %s%s%s %s" % (netns_name(wanted["netns"]), wanted["ifname"], mtu, mark, state)


_LINK_OPTIONS: Dict[str, Any] = {
    "netns": {"type": "path", "required": True},
    "ifname": {"type": "str", "required": True},
    "mtu": {"type": "int"},
    "alias": {"type": "bool", "default": False},
}

ARGUMENTS: Dict[str, Any] = {
    "argument_spec": {
        "lab": LAB_ARGUMENT,
        "links": {"type": "list", "elements": "dict", "required": True, "options": _LINK_OPTIONS},
    },
}
"""What AnsibleModule is to know of the options."""


def run(module: AnsibleModule) -> None:
    """Do what the module is asked for, and end it."""
    step = Step(module)
    alias = link_alias(step.lab)
    links: List[Dict[str, Any]] = module.params["links"]
    views: Dict[str, Optional[View]] = {}
    for item in links:
        check_netns(step, item["netns"])
        check_ifname(step, item["ifname"])
        if item["netns"] not in views:
            views[item["netns"]] = step.view(item["netns"])
        view = views[item["netns"]]
        if step.real and (view is None or item["ifname"] not in view.links):
            step.fail(
                "link %s in %s" % (item["ifname"], item["netns"]),
                "there is none",
                "Make the namespace with podnet.lab.pod_sandbox and the cable with podnet.lab.veth before.",
            )
    before, after = [], []
    lines: Dict[str, List[str]] = {}
    for item in links:
        view = views[item["netns"]]
        text = line(item, view, alias)
        if text is not None:
            lines.setdefault(item["netns"], []).append(text)
        before.append(describe(item, view))
        mtu = " mtu %d" % item["mtu"] if item["mtu"] is not None else ""
        mark = " alias " + alias if item["alias"] else ""
        after.append("%s %s%s%s up" % (netns_name(item["netns"]), item["ifname"], mtu, mark))
    for netns, batch in lines.items():
        step.ip(batch, netns)
    step.exit(
        before=[entry for entry in before if entry is not None],
        after=after,
        see=see_netns([item["netns"] for item in links], "link"),
    )
