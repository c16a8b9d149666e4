# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A lab's pods, namespaces, policies and ingresses as objects of the Kubernetes API, for those who want them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .dns import with_dns
from .ingresses import with_ingress

_BESIDE_SPEC = ("name", "namespace")


def objects(raw: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the objects of a description, as ``kubectl get -o json`` has them in its list.

    `raw` has the role's variables without ``manual_lab_``. What the role would refuse is left out.
    """
    whole = with_ingress(with_dns(raw))
    found = [
        {"kind": "Pod", "metadata": {**_named(pod), "labels": pod.get("labels") or {}}}
        for pod in _entries(whole.get("pods"))
    ]
    namespaces = raw.get("namespaces")
    for name, labels in namespaces.items() if isinstance(namespaces, Mapping) else ():
        found.append({"kind": "Namespace", "metadata": {"name": name, "labels": labels}})
    for kind, key in (("NetworkPolicy", "policies"), ("Ingress", "ingresses")):
        for entry in _entries(raw.get(key)):
            spec = {name: value for name, value in entry.items() if name not in _BESIDE_SPEC}
            found.append({"kind": kind, "metadata": _named(entry), "spec": spec})
    return found


def _named(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": entry.get("name"), "namespace": entry.get("namespace", "default")}


def _entries(value: Any) -> list[Mapping[str, Any]]:
    if isinstance(value, (str, bytes)) or not isinstance(value, Sequence):
        return []
    return [entry for entry in value if isinstance(entry, Mapping)]
