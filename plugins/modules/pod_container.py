#!/usr/bin/python

# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Containers of pods: processes that share the pod's network."""

from __future__ import annotations

DOCUMENTATION = r"""
module: pod_container
short_description: "Lab step: run the containers of pods in their network namespaces"
version_added: 1.0.0
author: podnet.lab contributors (@podnet-lab)
description:
  - Starts each container as a process in the network, UTS and IPC namespaces of its pod's sandbox, with a PID
    namespace and a mount namespace (with its own C(/proc)) of its own. Containers of one pod reach each
    other on localhost.
  - The processes outlive the module and the SSH connection. Nothing watches over them; a container that ended is
    started again by the next run. One whose command changed, or that is not in its pod's namespace, is started anew.
  - O(pods) is the whole of what the lab has on this node. A container of the lab that is not in it is ended.
  - There is no image and no root file system. A container sees the node's files and runs the node's programs,
    as root of the node. It is a model for learning, not an isolation.
extends_documentation_fragment:
  - podnet.lab.attributes.changing_module
  - podnet.lab.lab
options:
  pods:
    description: Every pod that the lab has on this node. Empty ends every container.
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
      sandbox_id:
        description: Id of the pod's sandbox, as given to M(podnet.lab.pod_sandbox).
        type: str
        required: true
      node:
        description: Name of the node. The web server tells it, and C(NODE_NAME) holds it.
        type: str
        default: ""
      containers:
        description:
          - Containers of the pod. Each has one of O(pods[].containers[].command), O(pods[].containers[].serve),
            O(pods[].containers[].dns) and O(pods[].containers[].ingress).
        type: list
        elements: dict
        required: true
        suboptions:
          name:
            description: Name of the container.
            type: str
            required: true
          command:
            description: Program and arguments. The program is looked for on the node when it has no C(/).
            type: list
            elements: str
          serve:
            description:
              - Port of the collection's small web server. It answers every request with lines that say which pod and
                container answered, and which address the request came from.
            type: int
          dns:
            description: Whether it is the lab's name server, C(dnsmasq) with O(records).
            type: bool
            default: false
          ingress:
            description: Whether it is the lab's ingress, C(nginx) with what M(podnet.lab.ingress) has written.
            type: bool
            default: false
      resolv_conf:
        description: File of the node that its containers see as C(/etc/resolv.conf).
        type: path
  records:
    description: Configuration of the name server, as M(podnet.lab.dns_records) returns its path.
    type: path
"""

EXAMPLES = r"""
- name: Run two idle containers and a web server in one pod
  podnet.lab.pod_container:
    lab: lab0
    pods:
      - namespace: default
        name: pod1
        sandbox_id: 9f31c20d77aa
        containers:
          - name: container1
            command: [sleep, infinity]
          - name: container2
            command: [sleep, infinity]
          - name: web
            serve: 80
"""

RETURN = r"""
commands:
  description: What a person would have typed for the same change, in order.
  returned: always
  type: list
  elements: str
  sample:
    - nsenter --target 812 --net --uts --ipc unshare --pid --fork --mount --mount-proc sleep infinity &
see:
  description: What a person would type to look at the result.
  returned: always
  type: list
  elements: str
  sample:
    - nsenter --target 815 --net --pid --mount ps -ef
containers:
  description:
    - The containers as they are now.
    - RV(containers[].pid) is null in check mode for what would be started.
  returned: success
  type: list
  elements: dict
  contains:
    namespace:
      description: Namespace of the pod.
      type: str
    pod:
      description: Name of the pod.
      type: str
    name:
      description: Name of the container.
      type: str
    pid:
      description: The container's first process, as the node counts.
      type: int
  sample:
    - namespace: default
      pod: pod1
      name: web
      pid: 815
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.podnet.lab.plugins.module_utils._lab.pod_container import ARGUMENTS, run


def main() -> None:
    """Run the module."""
    run(AnsibleModule(supports_check_mode=True, **ARGUMENTS))


if __name__ == "__main__":
    main()
