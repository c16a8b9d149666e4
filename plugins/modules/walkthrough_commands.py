#!/usr/bin/python

# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The commands of a walk, run on a node."""

from __future__ import annotations

DOCUMENTATION = r"""
module: walkthrough_commands
short_description: "Internal: run the commands of a walk through a node, and return what they print"
version_added: 1.0.0
author: podnet.lab contributors (@podnet-lab)
description:
  - Runs commands one after another in one task, without a shell. M(podnet.lab.walkthrough_node) plans them; none of
    those changes a node.
  - Where a command's programs are not on the node, the next choice is taken. Where none is there, a request over HTTP
    can be made without a program, from the network namespace of a pod.
options:
  commands:
    description: What to run, in this order.
    type: list
    elements: dict
    required: true
    suboptions:
      choices:
        description: Ways to show the same thing. The first whose programs are there is taken.
        type: list
        elements: dict
        default: []
        suboptions:
          argv:
            description: The words of the command.
            type: list
            elements: str
            required: true
          programs:
            description: Programs that it needs.
            type: list
            elements: str
            required: true
      request:
        description: A request to make when no choice can be taken.
        type: dict
        suboptions:
          doors:
            description: Files that lead to the network namespace that it is made from.
            type: list
            elements: str
            required: true
          inode:
            description: The number of that namespace. Another one is not entered.
            type: int
            required: true
          address:
            description: Address to connect to.
            type: str
            required: true
          port:
            description: Port to connect to.
            type: int
            required: true
extends_documentation_fragment:
  - podnet.lab.attributes.info_module
seealso:
  - module: podnet.lab.walkthrough_node
"""

EXAMPLES = r"""
- name: See which network namespaces there are
  podnet.lab.walkthrough_commands:
    commands:
      - choices:
          - argv: [lsns, --type, net]
            programs: [lsns]
          - argv: [ip, netns, list]
            programs: [ip]
  become: true
  register: seen
"""

RETURN = r"""
results:
  description: One for each command.
  returned: success
  type: list
  elements: dict
  contains:
    argv:
      description: The words that were run. Empty when no choice could be taken.
      type: list
      elements: str
    rc:
      description: How the command ended; 127 when nothing was run.
      type: int
    output:
      description: What it printed and what it complained about, at most 200 lines.
      type: str
    left_out:
      description: How many lines more there were.
      type: int
    missing:
      description: Programs that the node lacks.
      type: list
      elements: str
  sample:
    - argv: [ip, netns, identify, "1240"]
      rc: 0
      output: lab0_default_pod1
      left_out: 0
      missing: []
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.podnet.lab.plugins.module_utils._walkthrough.commands import run_all

CHOICE = {
    "argv": {"type": "list", "elements": "str", "required": True},
    "programs": {"type": "list", "elements": "str", "required": True},
}
REQUEST = {
    "doors": {"type": "list", "elements": "str", "required": True},
    "inode": {"type": "int", "required": True},
    "address": {"type": "str", "required": True},
    "port": {"type": "int", "required": True},
}
COMMAND = {
    "choices": {"type": "list", "elements": "dict", "default": [], "options": CHOICE},
    "request": {"type": "dict", "options": REQUEST},
}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={"commands": {"type": "list", "elements": "dict", "required": True, "options": COMMAND}},
        supports_check_mode=True,
    )
    results = run_all(
        module.params["commands"],
        lambda argv: module.run_command(argv, errors="backslashreplace"),
        lambda name: module.get_bin_path(name, opt_dirs=["/usr/sbin", "/sbin"]),
    )
    module.exit_json(changed=False, results=results)


if __name__ == "__main__":
    main()
