#!/usr/bin/python

# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Links inside the namespaces of pods."""

from __future__ import annotations

DOCUMENTATION = r"""
module: netns_link
short_description: Set up links inside network namespaces
version_added: 1.0.0
author: podnet.lab contributors (@podnet-lab)
description:
  - Sets links inside named network namespaces up, and sets their MTU.
  - What is not listed is left alone.
extends_documentation_fragment:
  - podnet.lab.attributes.changing_module
  - podnet.lab.lab
options:
  links:
    description:
      - The links. One that is not there fails the module. In check mode it is taken as still to come.
    type: list
    elements: dict
    required: true
    suboptions:
      netns:
        description: Path of the namespace, below C(/run/netns).
        type: path
        required: true
      ifname:
        description: Name of the link.
        type: str
        required: true
      mtu:
        description: MTU in bytes. Left as it is when not given.
        type: int
      alias:
        description: Whether the link gets the lab's mark as its alias.
        type: bool
        default: false
"""

EXAMPLES = r"""
- name: Set the loopback and the cable of a pod up
  podnet.lab.netns_link:
    lab: lab0
    links:
      - netns: /run/netns/lab0_default_pod1
        ifname: lo
      - netns: /run/netns/lab0_default_pod1
        ifname: eth0
        alias: true
"""

RETURN = r"""
commands:
  description: What a person would have typed for the same change, in order.
  returned: always
  type: list
  elements: str
  sample:
    - ip -n lab0_default_pod1 link set lo up
    - ip -n lab0_default_pod1 link set eth0 alias podnet.lab:lab0 up
see:
  description: What a person would type to look at the result.
  returned: always
  type: list
  elements: str
  sample:
    - ip -n lab0_default_pod1 link
"""

from typing import Any, Dict, List, Optional

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.podnet.lab.plugins.module_utils._lab_names import link_alias
from ansible_collections.podnet.lab.plugins.module_utils._lab_read import View, is_up
from ansible_collections.podnet.lab.plugins.module_utils._lab_step import (
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


def main() -> None:
    """Run the module."""
    link_options: Dict[str, Any] = {
        "netns": {"type": "path", "required": True},
        "ifname": {"type": "str", "required": True},
        "mtu": {"type": "int"},
        "alias": {"type": "bool", "default": False},
    }
    module = AnsibleModule(
        argument_spec={
            "lab": LAB_ARGUMENT,
            "links": {"type": "list", "elements": "dict", "required": True, "options": link_options},
        },
        supports_check_mode=True,
    )
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


if __name__ == "__main__":
    main()
