#!/usr/bin/python

# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How the lab's ingress routes by host and path."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ingress
short_description: "Lab step: write how an ingress routes by host and path, and have nginx load it"
version_added: 1.0.0
author: podnet.lab contributors (@podnet-lab)
description:
  - Writes the configuration of the lab's nginx, C(/run/podnet-lab/LAB/nginx.conf), as an ingress controller does.
    M(podnet.lab.pod_container) starts nginx with it, in a container with C(ingress).
  - When nginx runs, it is told to load a change. Its new workers take new connections, and the old ones finish theirs,
    so that no connection is dropped.
  - With O(tls_hosts) a key and a certificate that it signs itself are made with C(openssl) on the node, in one file
    that root alone can read, C(/run/podnet-lab/LAB/ingress.pem). It is good for a year, and made anew when 30 days of
    it are left or the hosts change. The key does not leave the node, nor appear in any output.
  - Of several paths that match, an exact one goes before a prefix, and the longest prefix before others. Requests that
    none matches go to O(default), or are answered with 404.
extends_documentation_fragment:
  - podnet.lab.attributes.changing_module
  - podnet.lab.lab
options:
  state:
    description: Whether the lab has an ingress on this node.
    type: str
    choices: [present, absent]
    default: present
  routes:
    description: Where requests go.
    type: list
    elements: dict
    default: []
    suboptions:
      host:
        description:
          - Host that the requests name. With V(*.) at the beginning, any with one label in its place. When not given,
            all hosts that have no route.
        type: str
      path:
        description: Path that they ask for. Letters, digits and C(/._~@:+,=-), without empty elements.
        type: str
        default: /
      path_type:
        description:
          - V(Exact) means this path alone. V(Prefix) means those that begin with its elements too, so that V(/foo) has
            C(/foo/bar) and not C(/foobar).
        type: str
        choices: [Exact, Prefix]
        default: Prefix
      address:
        description: Address of the Service, of IPv4 or of IPv6.
        type: str
        required: true
      port:
        description: Port of the Service.
        type: int
        required: true
  default:
    description: Where all other requests go.
    type: dict
    suboptions:
      address:
        description: Address of the Service, of IPv4 or of IPv6.
        type: str
        required: true
      port:
        description: Port of the Service.
        type: int
        required: true
  tls_hosts:
    description: Hosts of O(routes) that are served on port 443 as well, with a certificate that names them.
    type: list
    elements: str
    default: []
  ipv6:
    description: Whether nginx is asked by IPv6 as well as by IPv4.
    type: bool
    default: false
requirements:
  - nginx 1.22 or newer
  - openssl, with O(tls_hosts)
"""

EXAMPLES = r"""
- name: Lead shop.example to one Service, and what is below /api to another
  podnet.lab.ingress:
    lab: lab0
    routes:
      - {host: shop.example, path: /, address: 10.96.1.1, port: 80}
      - {host: shop.example, path: /api, address: 10.96.1.2, port: 8080}
    tls_hosts: [shop.example]
"""

RETURN = r"""
commands:
  description: What a person would have typed for the same change, in order.
  returned: always
  type: list
  elements: str
  sample:
    - kill -HUP 4711
see:
  description: What a person would type to look at the result.
  returned: always
  type: list
  elements: str
  sample:
    - cat /run/podnet-lab/lab0/nginx.conf
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.podnet.lab.plugins.module_utils._lab.ingress import ARGUMENTS, run


def main() -> None:
    """Run the module."""
    run(AnsibleModule(supports_check_mode=True, **ARGUMENTS))


if __name__ == "__main__":
    main()
