#!/usr/bin/python

# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The node's key for WireGuard."""

from __future__ import annotations

DOCUMENTATION = r"""
module: wireguard_key
short_description: "Lab step: make a node's key for WireGuard, and return its public half"
version_added: 1.0.0
author: podnet.lab contributors (@podnet-lab)
description:
  - Makes a private key on the node, in C(/run/podnet-lab/LAB/wireguard.key), which root alone can read, and returns the
    public key that follows from it. The private key does not leave the node, and is in no result, log or diff.
  - A private key that others could have read is replaced. M(podnet.lab.wireguard) removes it with the tunnel.
extends_documentation_fragment:
  - podnet.lab.attributes.changing_module
  - podnet.lab.lab
requirements:
  - wireguard-tools
"""

EXAMPLES = r"""
- name: Make the node's key
  podnet.lab.wireguard_key:
    lab: lab0
  register: key
"""

RETURN = r"""
public_key:
  description: The node's public key; null in check mode when there is no key yet.
  returned: always
  type: str
  sample: HIgo9xNzJMWLKASShiTqIybxZ0U3wGLiUeJ1PKf8ykw=
commands:
  description: What a person would have typed for the same change, in order.
  returned: always
  type: list
  elements: str
  sample:
    - (umask 077; wg genkey > /run/podnet-lab/lab0/wireguard.key)
see:
  description: What a person would type to look at the result.
  returned: always
  type: list
  elements: str
  sample:
    - wg pubkey < /run/podnet-lab/lab0/wireguard.key
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.podnet.lab.plugins.module_utils._lab.wireguard_key import ARGUMENTS, run


def main() -> None:
    """Run the module."""
    run(AnsibleModule(supports_check_mode=True, **ARGUMENTS))


if __name__ == "__main__":
    main()
