# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""The certificates that kubeadm keeps on a node of the control plane: which of them end soon.

Source: kubernetes/kubernetes, cmd/kubeadm/app/apis/output/v1alpha3, CertificateExpirationInfo.
"""

from __future__ import annotations

import json
from typing import Any, Dict, List

DAY = 86400


def parse_expiration(text: str) -> List[Dict[str, Any]]:
    """Return the certificates of ``kubeadm certs check-expiration -o json`` that are there and kubeadm's own.

    Each with ``name``, ``ends`` as written, and ``seconds`` until then. Raises ValueError for another answer. Its
    authorities, which ``kubeadm certs renew`` leaves alone, are another list there::

        {"certificates": [{"name": "admin.conf", "expirationDate": "2027-11-30T13:00:00Z", "residualTime": 31535999,
                           "externallyManaged": false, "caName": "ca", "missing": false}]}
    """
    value = json.loads(text)
    listed = value.get("certificates") if isinstance(value, dict) else None
    if not isinstance(listed, list):
        raise ValueError("it has no list of certificates")
    found = []
    for one in listed:
        seconds = one.get("residualTime") if isinstance(one, dict) else None
        if not isinstance(seconds, int):
            raise ValueError("a certificate has no time in which it ends")
        if not one.get("missing") and not one.get("externallyManaged"):
            name, ends = str(one.get("name")), str(one.get("expirationDate"))
            found.append({"name": name, "ends": ends, "seconds": seconds})
    return found


def ending(certificates: List[Dict[str, Any]], days: int) -> List[str]:
    """Return the names of those that end within some days, or have ended."""
    return [str(one["name"]) for one in certificates if one["seconds"] < days * DAY]


def restarted(listed: str, wanted: List[str]) -> bool:
    """Tell whether containers of all the wanted names run, by what ``crictl ps --state Running -o json`` lists."""
    try:
        value = json.loads(listed)
    except ValueError:
        return False
    containers = value.get("containers") if isinstance(value, dict) else None
    names = {((one or {}).get("metadata") or {}).get("name") for one in containers or []}
    return set(wanted) <= names
