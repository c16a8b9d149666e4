#!/usr/bin/python

# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sandboxes of pods: the processes that hold their network namespaces, and the namespaces' names."""

from __future__ import annotations

DOCUMENTATION = r"""
module: pod_sandbox
short_description: "Lab step: hold network namespaces for pods, each by a sandbox process"
version_added: 1.0.0
author: podnet.lab contributors (@podnet-lab)
description:
  - Makes for each pod what a container runtime makes before it calls a CNI plugin, a network
    namespace and a process that holds it (Kubernetes calls it the sandbox or pause container).
    The namespace is named below C(/run/netns), so that C(ip netns) shows it.
  - The sandbox has a UTS and an IPC namespace of its own as well; its host name is the pod's name.
  - O(pods) is the whole of what the lab has on this node. A pod of the lab that is not in it is
    removed, with its containers, its namespace and its state.
  - A sandbox whose process died gets a new one in the same namespace. A namespace that lost its name
    gets it back.
extends_documentation_fragment:
  - podnet.lab.attributes.changing_module
  - podnet.lab.lab
options:
  pods:
    description: Every pod that the lab has on this node. Empty removes all of them.
    type: list
    elements: dict
    required: true
    suboptions:
      namespace:
        description: Namespace of the pod, in the sense of Kubernetes.
        type: str
        required: true
      name:
        description: Name of the pod.
        type: str
        required: true
      uid:
        description: Unique id of the pod.
        type: str
        required: true
      sandbox_id:
        description: Id of the sandbox, hexadecimal digits. It does not change as long as the pod is the same.
        type: str
        required: true
      netns:
        description: Path of the namespace's name, below C(/run/netns).
        type: path
        required: true
      labels:
        description: Labels of the pod. They are noted in the lab's state.
        type: dict
        default: {}
seealso:
  - module: podnet.lab.pod_container
  - module: podnet.lab.veth
"""

EXAMPLES = r"""
- name: Hold a network namespace for one pod
  podnet.lab.pod_sandbox:
    lab: lab0
    pods:
      - namespace: default
        name: pod1
        uid: 0d5c8fd2-6f0e-5dd8-9b39-3f2d1b1a7a52
        sandbox_id: 9f31c20d77aa
        netns: /run/netns/lab0_default_pod1

- name: Remove every pod of the lab from this node
  podnet.lab.pod_sandbox:
    lab: lab0
    pods: []
"""

RETURN = r"""
commands:
  description: What a person would have typed for the same change, in order.
  returned: always
  type: list
  elements: str
  sample:
    - unshare --net --uts --ipc sh -c 'hostname pod1; exec sleep infinity' &
    - ip netns attach lab0_default_pod1 $!
see:
  description: What a person would type to look at the result.
  returned: always
  type: list
  elements: str
  sample: [ip netns list]
sandboxes:
  description:
    - The sandboxes as they are now, sorted by pod.
    - RV(sandboxes[].pid) is null in check mode for what would be started.
  returned: success
  type: list
  elements: dict
  contains:
    namespace:
      description: Namespace of the pod.
      type: str
    name:
      description: Name of the pod.
      type: str
    sandbox_id:
      description: Id of the sandbox.
      type: str
    netns:
      description: Path of the namespace's name.
      type: str
    pid:
      description: Process that holds the namespace.
      type: int
  sample:
    - namespace: default
      name: pod1
      sandbox_id: 9f31c20d77aa
      netns: /run/netns/lab0_default_pod1
      pid: 812
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.podnet.lab.plugins.module_utils._lab.pod_sandbox import ARGUMENTS, run


def main() -> None:
    """Run the module."""
    run(AnsibleModule(supports_check_mode=True, **ARGUMENTS))


if __name__ == "__main__":
    main()
