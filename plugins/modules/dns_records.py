#!/usr/bin/python

# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The configuration of the lab's name server, with all records that it has."""

from __future__ import annotations

DOCUMENTATION = r"""
module: dns_records
short_description: "Lab step: write the records of the lab's name server"
version_added: 1.0.0
author: podnet.lab contributors (@podnet-lab)
description:
  - Writes the configuration of a C(dnsmasq) to the lab's state directory. A container with
    O(podnet.lab.pod_container#module:pods[].containers[].dns) runs it. The file's name changes with its text, so that
    the container is started anew when a record changes.
  - Names in O(domain) are answered from O(records) alone. Others do not exist, unless there are O(upstreams) to ask.
  - The first name of an address is the one that the address leads back to.
extends_documentation_fragment:
  - podnet.lab.attributes.changing_module
  - podnet.lab.lab
options:
  state:
    description: Whether the lab has the file on this node.
    type: str
    choices: [present, absent]
    default: present
  domain:
    description: Domain of the records. Needed when O(state=present).
    type: str
  records:
    description: Every record of the domain.
    type: list
    elements: dict
    default: []
    suboptions:
      type:
        description: Kind of the record.
        type: str
        choices: [A, AAAA, SRV, TXT]
        required: true
      name:
        description: The whole name.
        type: str
        required: true
      value:
        description: The address, the text, or the name that an SRV record leads to.
        type: str
        required: true
      port:
        description: The port that an SRV record leads to.
        type: int
  upstreams:
    description: Addresses of the servers, IPv4 or IPv6, that are asked for names outside O(domain).
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Give a Service its name
  podnet.lab.dns_records:
    lab: lab0
    domain: cluster.local
    records:
      - {type: A, name: web.default.svc.cluster.local, value: 10.96.1.1}
      - type: SRV
        name: _http._tcp.web.default.svc.cluster.local
        value: web.default.svc.cluster.local
        port: 80
"""

RETURN = r"""
commands:
  description: What a person would have typed for the same change, in order.
  returned: always
  type: list
  elements: str
  sample:
    - cat > /run/podnet-lab/lab0/names-1f0c22aa.dnsmasq <<'END'
    - host-record=web.default.svc.cluster.local,10.96.1.1
    - END
see:
  description: What a person would type to look at the result.
  returned: always
  type: list
  elements: str
  sample:
    - cat /run/podnet-lab/lab0/names-1f0c22aa.dnsmasq
path:
  description: The file; null when there is none.
  returned: success
  type: str
  sample: /run/podnet-lab/lab0/names-1f0c22aa.dnsmasq
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.podnet.lab.plugins.module_utils._lab.dns_records import ARGUMENTS, run


def main() -> None:
    """Run the module."""
    run(AnsibleModule(supports_check_mode=True, **ARGUMENTS))


if __name__ == "__main__":
    main()
