# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Reading what a node has and is, for the role ``kubeadm_cluster``: parsers of text, each with a sample.

Nothing here decides; the plan on the control node does.
"""

from __future__ import annotations

import json
import re
from typing import Any, Dict, List, Optional, Tuple

_VERSION = re.compile(r"v?([0-9]+\.[0-9]+\.[0-9]+[0-9A-Za-z.+~-]*)")


def parse_os_release(text: str) -> Dict[str, str]:
    """Return the assignments of /etc/os-release (os-release(5)).

    >>> parse_os_release('ID=ubuntu\\nID_LIKE=debian\\nVERSION_ID="24.04"\\n')["VERSION_ID"]
    '24.04'
    """
    values = {}
    for line in text.splitlines():
        key, sign, value = line.strip().partition("=")
        if sign and not key.startswith("#"):
            values[key] = value.strip().strip("\"'")
    return values


def parse_memory(text: str) -> int:
    """Return MemTotal of /proc/meminfo (``MemTotal:       24105000 kB``) in MiB; 0 when it is not there."""
    found = re.search(r"^MemTotal:\s+([0-9]+) kB", text, re.MULTILINE)
    return int(found.group(1)) // 1024 if found else 0


def parse_swaps(text: str) -> List[str]:
    """Return the swap areas of /proc/swaps, whose first line is a heading."""
    return [line.split()[0] for line in text.splitlines()[1:] if line.split()]


def parse_cgroups(text: str) -> List[str]:
    """Return the enabled controllers of /proc/cgroups.

    Its lines: ``#subsys_name hierarchy num_cgroups enabled`` and ``memory 8 104 1``.
    """
    rows = [line.split() for line in text.splitlines() if line and not line.startswith("#")]
    return sorted(row[0] for row in rows if len(row) == 4 and row[3] == "1")


def parse_capabilities(text: str) -> int:
    """Return CapBnd of /proc/PID/status as a number (``CapBnd:\\t000001ffffffffff``); 0 when it is not there."""
    found = re.search(r"^CapBnd:\s+([0-9a-f]+)$", text, re.MULTILINE)
    return int(found.group(1), 16) if found else 0


def parse_version(text: str) -> Optional[str]:
    """Return the first version in what a program says of itself, without its v.

    >>> parse_version("Kubernetes v1.20.2")
    '1.20.2'
    >>> parse_version("containerd github.com/containerd/containerd 1.6.20~ds1 1.6.20~ds1-1+b1")
    '1.6.20~ds1'
    """
    found = _VERSION.search(text)
    return found.group(1) if found else None


def parse_units(text: str) -> Dict[str, Dict[str, str]]:
    """Return the properties of each unit of ``systemctl show A B --property=Id,ActiveState,UnitFileState``.

    Units are apart by an empty line: ``Id=kubelet.service``, ``ActiveState=active``, ``UnitFileState=enabled``.
    """
    units = {}
    for block in text.split("\n\n"):
        values = dict(line.partition("=")[::2] for line in block.splitlines() if "=" in line)
        if "Id" in values:
            units[values["Id"]] = {
                "active": values.get("ActiveState", ""),
                "enabled": values.get("UnitFileState", ""),
            }
    return units


def parse_packages(text: str) -> Dict[str, str]:
    """Return name and version of the installed packages.

    `text` is what ``dpkg-query -W -f '${Package} ${Version} ${db:Status-Abbrev}\\n'`` prints.
    """
    packages = {}
    for line in text.splitlines():
        words = line.split()
        if len(words) == 3 and words[2].startswith(("ii", "hi")):
            packages[words[0]] = words[1]
    return packages


def parse_owners(text: str) -> Dict[str, str]:
    """Return path and package of ``dpkg-query -S`` (``kubelet: /usr/bin/kubelet``)."""
    return {path: package for package, _sep, path in (line.partition(": ") for line in text.splitlines()) if path}


def parse_addresses(text: str) -> List[Dict[str, Any]]:
    """Return the addresses of ``ip -j -4 address show``."""
    return [_address(link, entry) for link, entry in _entries(text, "inet")]


def parse_addresses6(text: str) -> List[Dict[str, Any]]:
    """Return the addresses of ``ip -j -6 address show`` that others can reach for longer.

    Left out are those of a link alone, and those that are deprecated, temporary (RFC 8981) or taken by another node.
    """
    passing = ("deprecated", "temporary", "dadfailed")
    return [
        dict(_address(link, entry), dynamic=bool(entry.get("dynamic")))
        for link, entry in _entries(text, "inet6")
        if entry.get("scope") == "global" and not any(entry.get(flag) for flag in passing)
    ]


def _entries(text: str, family: str) -> List[Tuple[Dict[str, Any], Dict[str, Any]]]:
    return [
        (link, entry)
        for link in _json_list(text)
        for entry in link.get("addr_info", [])
        if entry.get("family") == family and "local" in entry
    ]


def _address(link: Dict[str, Any], entry: Dict[str, Any]) -> Dict[str, Any]:
    return {
        "ifname": link.get("ifname", ""),
        "local": entry["local"],
        "prefixlen": entry["prefixlen"],
        "mtu": link.get("mtu"),
    }


def parse_routes(text: str, default: str = "0.0.0.0/0") -> List[Dict[str, Any]]:
    """Return the routes of ``ip -j -4 route show``, or with -6, of the main table; the default route has `default`.

    Routes of IPv6 that stay on a link or are multicast (``fe80::/64``, ``ff00::/8``) are no one's network.
    """
    return [
        {
            "dst": default if route["dst"] == "default" else route["dst"],
            "gateway": route.get("gateway"),
            "dev": route.get("dev"),
            "protocol": str(route.get("protocol", "")),
            "prefsrc": route.get("prefsrc"),
            "metric": int(route.get("metric", 0)),
        }
        for route in _json_list(text)
        if "dst" in route
        and route.get("type", "unicast") == "unicast"
        and not str(route["dst"]).startswith(("fe80:", "ff00:"))
    ]


def parse_masquerade(text: str) -> Optional[str]:
    """Return the rules of ``nft list table ip podnet_cluster``, or ip6, on one line each; None without."""
    lines = [line.strip() for line in text.splitlines()]
    rules = [line for line in lines if line.startswith(("ip ", "ip6 "))]
    return "\n".join(rules) if rules else None


def parse_nodes(text: str) -> List[Dict[str, Any]]:
    """Return what matters of ``kubectl get nodes -o json``."""
    nodes = []
    for item in json.loads(text).get("items", []):
        meta, spec, status = item.get("metadata", {}), item.get("spec", {}), item.get("status", {})
        conditions = {entry.get("type"): entry.get("status") for entry in status.get("conditions", [])}
        addresses = {entry.get("type"): entry.get("address") for entry in status.get("addresses", [])}
        nodes.append(
            {
                "name": meta.get("name", ""),
                "uid": meta.get("uid", ""),
                "labels": meta.get("labels") or {},
                "annotations": {
                    k: v for k, v in (meta.get("annotations") or {}).items() if k.startswith("podnet.lab/")
                },
                "taints": [
                    {"key": t.get("key"), "value": t.get("value", ""), "effect": t.get("effect")}
                    for t in spec.get("taints") or []
                ],
                "pod_cidrs": spec.get("podCIDRs") or [cidr for cidr in [spec.get("podCIDR")] if cidr],
                "unschedulable": bool(spec.get("unschedulable")),
                "ready": conditions.get("Ready") == "True",
                "address": addresses.get("InternalIP"),
                "kubelet_version": (status.get("nodeInfo") or {}).get("kubeletVersion", ""),
            }
        )
    return sorted(nodes, key=lambda node: str(node["name"]))


def parse_objects(text: str) -> Dict[str, Dict[str, Any]]:
    """Return what ``kubectl get configmap/a daemonset/b --ignore-not-found -o json`` found, as ``ConfigMap/a``.

    It prints a List, or the object itself when it found one only, or nothing.
    """
    try:
        value = json.loads(text or "{}")
    except ValueError:
        return {}
    items = value.get("items", [value]) if isinstance(value, dict) else []
    named = [item for item in items if isinstance(item, dict) and "kind" in item]
    return {"%s/%s" % (item["kind"], (item.get("metadata") or {}).get("name")): item for item in named}


def image_version(image: str) -> Optional[str]:
    """Return the version in an image's tag; None when the tag is no version.

    A tag cannot have the plus sign of a version, which kubeadm writes as ``_``.

    >>> image_version("registry.example.org:5000/kube-proxy:v1.20.2")
    'v1.20.2'
    """
    tag = image.partition("@")[0].rpartition("/")[2].partition(":")[2]
    return tag.replace("_", "+") if re.match(r"v[0-9]+\.[0-9]+\.[0-9]+", tag) else None


def container_version(pod: Any, name: str) -> Optional[str]:
    """Return the version of the container `name` of a Pod or a pod template, by its image's tag."""
    spec = pod.get("spec") if isinstance(pod, dict) else None
    containers = spec.get("containers") if isinstance(spec, dict) else None
    for container in containers or []:
        if isinstance(container, dict) and container.get("name") == name:
            return image_version(str(container.get("image", "")))
    return None


BARE_PODS = (
    "{{range .items}}{{if not (or .metadata.ownerReferences .metadata.deletionTimestamp)}}"
    '{{.metadata.namespace}} {{.metadata.name}} {{.status.phase}} {{or .spec.nodeName "-"}} '
    '{{with .metadata.labels}}{{with index . "app.kubernetes.io/part-of"}}{{.}}{{end}}{{end}}{{"\\n"}}{{end}}{{end}}'
)
"""Template for ``kubectl get pods -A -o go-template=``: a line for each pod that nothing would start again.

What fills it is restricted to a few characters by the API: names, phases and labels hold no blanks.
"""


def parse_bare_pods(text: str) -> List[Dict[str, str]]:
    """Return the pods of lines as `BARE_PODS` makes them: ``default pod1 Running node2 podnet-lab``.

    Pods that are not on a node, or have ended, are left out: a drain takes nothing from them.
    """
    pods = []
    for words in (line.split() for line in text.splitlines()):
        if len(words) >= 4 and words[2] not in ("Succeeded", "Failed") and words[3] != "-":
            part_of = words[4] if len(words) > 4 else ""
            pods.append({"namespace": words[0], "name": words[1], "node": words[3], "part_of": part_of})
    return pods


POLICIES = '{{range .items}}{{.metadata.namespace}}/{{.metadata.name}}{{"\\n"}}{{end}}'
"""Template for ``kubectl get networkpolicies -A -o go-template=``: a line for each."""


def parse_requests(text: str) -> List[Dict[str, Any]]:
    """Return the certificate requests of ``kubectl get csr -o json``, each ``pending``, ``approved`` or else ended."""
    try:
        value = json.loads(text or "{}")
    except ValueError:
        return []
    found = []
    for item in value.get("items", []) if isinstance(value, dict) else []:
        spec, status = item.get("spec") or {}, item.get("status") or {}
        states = [str(entry.get("type", "")).lower() for entry in status.get("conditions") or []]
        found.append(
            {
                "name": (item.get("metadata") or {}).get("name", ""),
                "user": spec.get("username", ""),
                "usages": spec.get("usages") or [],
                "request": spec.get("request", ""),
                "state": states[0] if states else "pending",
            }
        )
    return found


def _json_list(text: str) -> List[Dict[str, Any]]:
    try:
        value = json.loads(text or "[]")
    except ValueError:
        return []
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
