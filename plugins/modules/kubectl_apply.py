#!/usr/bin/python

# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Apply manifests with the kubectl of a node of the control plane."""

from __future__ import annotations

DOCUMENTATION = r"""
module: kubectl_apply
short_description: "Internal: apply Kubernetes manifests with a node's own kubectl"
version_added: 1.0.0
author: podnet.lab contributors (@podnet-lab)
description:
  - Asks C(kubectl diff) whether the cluster differs from the manifests, and applies them when it does. Needs no Python
    library for Kubernetes, and no access to the API from the control node.
extends_documentation_fragment:
  - podnet.lab.attributes.changing_module
options:
  manifests:
    description: YAML documents.
    type: str
    required: true
  kubeconfig:
    description: The kubeconfig to use, on the node.
    type: path
    default: /etc/kubernetes/admin.conf
  timeout:
    description: How many seconds the API may take to accept the manifests. It is asked again meanwhile.
    type: int
    default: 60
requirements:
  - kubectl and diff on the node
"""

EXAMPLES = r"""
- name: Have a namespace
  podnet.lab.kubectl_apply:
    manifests: |
      apiVersion: v1
      kind: Namespace
      metadata:
        name: shop
"""

RETURN = r"""
output:
  description: What kubectl said, by lines.
  returned: success
  type: list
  elements: str
  sample: [namespace/shop created]
"""

import re
import time

from ansible.module_utils.basic import AnsibleModule

NO_NAMESPACE = re.compile(r'namespaces "[^"]*" not found')


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "manifests": {"type": "str", "required": True},
            "kubeconfig": {"type": "path", "default": "/etc/kubernetes/admin.conf"},
            "timeout": {"type": "int", "default": 60},
        },
        supports_check_mode=True,
    )
    program = module.get_bin_path("kubectl")
    if program is None:
        module.fail_json(msg="kubectl: it is not on this node. Run this on a node of the control plane.")
    base = [program, "--kubeconfig", module.params["kubeconfig"]]
    manifests = module.params["manifests"]
    end = time.monotonic() + module.params["timeout"]
    while True:
        # kubectl diff: 0 no difference, 1 some, more than 1 an error.
        status, difference, err = module.run_command([*base, "diff", "-f", "-"], data=manifests)
        if status > 1 and NO_NAMESPACE.search(err):
            # diff does not know that the manifests bring the namespace; if they do not, apply says so.
            status, difference = 1, err
        if status == 0:
            module.exit_json(changed=False, output=[])
        if status == 1 and module.check_mode:
            module.exit_json(changed=True, output=[], diff={"prepared": difference})
        out = ""
        if status == 1:
            status, out, err = module.run_command([*base, "apply", "-f", "-"], data=manifests)
            if status == 0:
                module.exit_json(changed=True, output=out.splitlines(), diff={"prepared": difference})
        if time.monotonic() >= end:
            break
        time.sleep(1)
    cause = " ".join(err.split())[-1500:] or "kubectl failed without a word"
    module.fail_json(msg="manifests: the cluster did not take them: %s. Correct them and run again." % cause)


if __name__ == "__main__":
    main()
