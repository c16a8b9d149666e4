# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The hosts of the inventory that are to be nodes, as described: from a host's options to a typed record."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..description import checks
from ..description.checks import LABEL_KEY, LABEL_VALUE, Fault
from .ranges import VARIABLE

NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?\Z")
_FLAG = re.compile(r"[a-z0-9][a-z0-9-]*\Z")
_EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")


@dataclass(frozen=True)
class Taint:
    """A taint of a node, as Kubernetes writes it."""

    key: str
    value: str
    effect: str

    def __str__(self) -> str:
        return f"{self.key}={self.value}:{self.effect}" if self.value else f"{self.key}:{self.effect}"


@dataclass
class Host:
    """A host of the inventory that is to be a node, as described."""

    name: str
    control_plane: bool
    node_name: str
    address: str | None
    address6: str | None
    """Its address of IPv6, for a cluster of both families; null where the role chooses one."""
    ansible_host: str
    labels: dict[str, str]
    taints: list[Taint] | None
    kubelet_args: dict[str, list[str]]
    kubelet: dict[str, Any]
    """Fields of KubeletConfiguration that are only this node's."""


def read_args(value: Any, where: str, faults: list[Fault]) -> dict[str, list[str]]:
    """Return extra arguments: flag without dashes to its values, of which repeated flags have several."""
    if not isinstance(value, Mapping):
        faults.append(Fault(where, f"{value!r} is not a mapping", 'Write it as {v: "2"}'))
        return {}
    result = {}
    for key, text in value.items():
        values = [text] if isinstance(text, (str, int, float, bool)) else text
        plain = isinstance(values, Sequence) and all(isinstance(item, (str, int, float, bool)) for item in values)
        if not _FLAG.match(str(key)) or not plain:
            remedy = "Give the flag without dashes, and a text or a list of texts"
            faults.append(Fault(f"{where}.{key}", f"{key!r}: {text!r} is not an argument", remedy))
            continue
        result[str(key)] = [str(item).lower() if isinstance(item, bool) else str(item) for item in values]
    return result


def read_mapping(value: Any, where: str, example: str, faults: list[Fault]) -> dict[str, Any]:
    """Return fields that are handed on as they are."""
    if value is not None and not isinstance(value, Mapping):
        faults.append(Fault(where, f"{value!r} is not a mapping", f"Write it as {example}"))
        return {}
    return {str(key): item for key, item in (value or {}).items()}


def _taints(value: Any, where: str, faults: list[Fault]) -> list[Taint] | None:
    if value is None:
        return None
    if isinstance(value, (str, Mapping)) or not isinstance(value, Sequence):
        faults.append(Fault(where, f"{value!r} is not a list", "Write [{key: gpu, value: 'yes', effect: NoSchedule}]"))
        return None
    taints = []
    for index, entry in enumerate(value):
        here = f"{where}[{index}]"
        entry = entry if isinstance(entry, Mapping) else {}
        key, text, effect = str(entry.get("key", "")), str(entry.get("value") or ""), str(entry.get("effect", ""))
        if not LABEL_KEY.match(key) or not LABEL_VALUE.match(text) or effect not in _EFFECTS:
            remedy = f"Give it key, perhaps value, and effect, one of {', '.join(_EFFECTS)}"
            faults.append(Fault(here, "it is not a taint", remedy))
        taints.append(Taint(key, text, effect))
    return taints


def _host(name: str, control_plane: bool, raw: Mapping[str, Any], faults: list[Fault]) -> Host:
    where = f"host {name}: {VARIABLE}"
    node_name = str(raw.get("node_name") or name).lower()
    if not NAME.match(node_name):
        remedy = f"Give it a {VARIABLE}node_name of a-z, 0-9, '-' and '.'"
        faults.append(Fault(f"host {name}", f"{node_name!r} cannot be the name of a node", remedy))
    return Host(
        name=name,
        control_plane=control_plane,
        node_name=node_name,
        address=raw.get("node_address") or None,
        address6=raw.get("node_address_v6") or None,
        ansible_host=str(raw.get("ansible_host") or name),
        labels=checks.labels(raw.get("labels") or {}, where + "labels", "{disk: ssd}", faults),
        taints=_taints(raw.get("taints"), where + "taints", faults),
        kubelet_args=read_args(raw.get("kubelet_extra_args") or {}, where + "kubelet_extra_args", faults),
        kubelet=read_mapping(raw.get("kubelet_node_config"), where + "kubelet_node_config", "{maxPods: 60}", faults),
    )


def read_hosts(raw: Mapping[str, Any], faults: list[Fault]) -> list[Host]:
    control_plane, workers = list(raw.get("control_plane") or []), list(raw.get("workers") or [])
    per_host = raw.get("hosts") or {}
    if not control_plane:
        remedy = f"Put a host into the group that {VARIABLE}control_plane_group names, by default control_plane"
        faults.append(Fault("inventory", "no host is of the control plane", remedy))
    hosts = [_host(name, True, per_host.get(name) or {}, faults) for name in control_plane]
    hosts += [_host(name, False, per_host.get(name) or {}, faults) for name in workers if name not in control_plane]
    seen: dict[str, str] = {}
    for host in hosts:
        first = seen.setdefault(host.node_name, host.name)
        if first != host.name:
            text = f"{first} has the node name {host.node_name} too"
            faults.append(Fault(f"host {host.name}", text, f"Give one of them another {VARIABLE}node_name"))
    return hosts
