# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Serving certificates of kubelets: which of their requests are approved.

Kubernetes approves none by itself, since it cannot know which names and addresses a node has; the inventory does.

Source: https://kubernetes.io/docs/reference/access-authn-authz/certificate-signing-requests/, kubelet-serving.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from ipaddress import ip_address
from typing import Any

from .certificate_request import Request, read_request

_USER = "system:node:"
_GROUP = "system:nodes"
_USAGES = {"digital signature", "key encipherment", "server auth"}


def judge_requests(nodes: Mapping[str, Mapping[str, Any]], requests: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the names of the pending requests to ``approve``, and why each of the others is ``left``.

    `nodes` is what the plan says of each host; `requests` what ``kubeadm_info`` says of the requests.
    """
    known = {_USER + str(node["name"]): node for node in nodes.values()}
    approve, left = [], []
    for one in requests:
        if one["state"] != "pending":
            continue
        node = known.get(str(one["user"]))
        why = "it is of no node of the inventory" if node is None else _why_not(one, node)
        if why is None:
            approve.append(str(one["name"]))
        else:
            left.append(
                f"The request {one['name']} of {one['user']} for a serving certificate was not approved: {why}. "
                "Look at it with kubectl describe csr, and deny or approve it."
            )
    return {"approve": approve, "left": left}


def _why_not(one: Mapping[str, Any], node: Mapping[str, Any]) -> str | None:
    """Return why a request of a node is not approved, or None."""
    try:
        asked = read_request(base64.b64decode(str(one["request"]), validate=True).decode("ascii"))
    except (binascii.Error, ValueError) as error:
        return f"it cannot be read ({error})"
    if asked.common_names != [one["user"]] or asked.organisations != [_GROUP]:
        return "its subject is not the node"
    usages = set(one["usages"])
    if "server auth" not in usages or not usages <= _USAGES:
        return f"it is for {', '.join(sorted(usages)) or 'nothing'}"
    return _foreign(asked, node)


def _foreign(asked: Request, node: Mapping[str, Any]) -> str | None:
    own = {ip_address(address) for address in node["addresses"]}
    foreign = [name for name in asked.names if name != node["name"]]
    foreign += [address for address in asked.addresses if ip_address(address) not in own]
    if foreign or asked.others:
        return f"it asks for {', '.join(foreign) or 'more'}, which is not the node's"
    return None if asked.names or asked.addresses else "it asks for no name and no address"
