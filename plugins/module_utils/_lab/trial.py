# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Whether the kernel makes a kind of link, tried where nothing is left of it."""

from __future__ import annotations

from ansible.module_utils.basic import AnsibleModule

from .read import apart

_UNKNOWN_KIND = ("Unknown device type", "not supported")
"""What iproute2 says of EOPNOTSUPP, newer and older: no module of the kernel makes this kind of link."""


def kernel_makes(module: AnsibleModule, ip: str, kind: str) -> bool:
    """Tell whether the kernel makes a kind of link, given as ``type`` and what ``ip link add`` needs with it.

    It is made in a network namespace that ends with the attempt: only the kernel itself knows what is built
    in, loaded, or loaded when it is asked for. Without the rights to try it the answer is yes.
    """
    try:
        with apart():
            status, _out, err = module.run_command([ip, "link", "add", "trial0", *kind.split()])
    except OSError:
        return True
    return status == 0 or not any(sign in err for sign in _UNKNOWN_KIND)
