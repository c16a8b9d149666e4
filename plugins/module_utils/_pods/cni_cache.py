# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

r"""The results that runtimes keep of CNI calls (containernetworking/cni, ``libcni/api.go``).

``/var/lib/cni/results/<network>-<container id>-<ifname>``, mode 0600. Since 2019::

    {"kind": "cniCacheV1", "containerId": "1da4…", "ifName": "eth0", "networkName": "k8s-bridge",
     "netns": "/var/run/netns/cni-6d1c…",
     "cniArgs": [["K8S_POD_INFRA_CONTAINER_ID", "1da4…"], ["K8S_POD_UID", "b935428f-…"],
                 ["IgnoreUnknown", "1"], ["K8S_POD_NAMESPACE", "default"], ["K8S_POD_NAME", "pod2"]],
     "config": "eyJ…", "result": {"cniVersion": "1.0.0", "interfaces": […], "ips": […]}}

``netns`` is there since 2023; before, the result's interfaces name it as ``sandbox``. Files older
than 2019 hold the bare result, without ``kind``; then the file's name gives the container.

podman 4 calls CNI plugins too, with the name of its container or pod as ``K8S_POD_NAME`` and without
``K8S_POD_NAMESPACE``, which every pod of Kubernetes has: that is no pod's name.
"""

from __future__ import annotations

import re
from typing import Any, Dict, List, Optional, Tuple

from .._files.reader import Files
from .claims import SandboxClaim, mapping, objects, text

DIRECTORIES = ("/var/lib/cni/results", "/var/lib/cni/cache/results")
"""libcni's default, and below that of ``--cni-cache-dir`` (dockershim, cri-dockerd)."""

_NAME = re.compile(r"-([0-9a-zA-Z][0-9a-zA-Z_.]{11,127})-[^-]{1,15}$")
_REMEDY = "Remove the file when no runtime uses it any more."


def parse_cni_result(value: Any, path: str) -> Optional[SandboxClaim]:
    """Return what one file (its JSON `value`) says; None for the loopback network.

    Raises ValueError when it is neither a cached result nor a bare one.
    """
    cache = mapping(value, "the file")
    kind = cache.get("kind")
    if kind not in (None, "cniCacheV1"):
        raise ValueError("its kind is %r, which is not known" % (text(kind) or "?"))
    result = cache.get("result", {}) if kind else cache
    if not kind and not ("cniVersion" in result or "ips" in result or "ip4" in result):
        raise ValueError("it is neither a cniCacheV1 nor a CNI result")
    if not isinstance(result, dict):
        result = {}
    if text(cache.get("ifName")) == "lo" or path.endswith("-lo"):
        return None
    arguments = _arguments(cache.get("cniArgs"))
    namespace = arguments.get("K8S_POD_NAMESPACE")
    match = _NAME.search(path)
    sandbox_id = text(cache.get("containerId")) or arguments.get("K8S_POD_INFRA_CONTAINER_ID")
    return SandboxClaim(
        source="cni_cache",
        path=path,
        sandbox_id=sandbox_id or (match.group(1) if match else None),
        namespace=namespace,
        name=arguments.get("K8S_POD_NAME") if namespace else None,
        uid=arguments.get("K8S_POD_UID"),
        netns=text(cache.get("netns")) or _sandbox_path(result),
        addresses=_addresses(result),
    )


def _arguments(value: Any) -> Dict[str, str]:
    arguments: Dict[str, str] = {}
    for pair in value if isinstance(value, list) else ():
        if isinstance(pair, list) and len(pair) == 2:
            key, argument = text(pair[0]), text(pair[1])
            if key is not None and argument is not None:
                arguments[key] = argument
    return arguments


def _sandbox_path(result: Dict[str, Any]) -> Optional[str]:
    paths = {text(interface.get("sandbox")) for interface in objects(result.get("interfaces"))} - {None}
    return paths.pop() if len(paths) == 1 else None


def _addresses(result: Dict[str, Any]) -> Tuple[str, ...]:
    addresses = [text(ip.get("address")) for ip in objects(result.get("ips"))]
    # CNI 0.2.0 and older: "ip4": {"ip": "10.1.0.5/16", …}
    for key in ("ip4", "ip6"):
        old = result.get(key)
        addresses.append(text(old.get("ip")) if isinstance(old, dict) else None)
    return tuple(address.partition("/")[0] for address in addresses if address is not None)


def read_cni_cache(files: Files) -> List[SandboxClaim]:
    """Read every cached result. Unusable ones are in ``files.errors``."""
    claims: List[SandboxClaim] = []
    for directory in DIRECTORIES:
        for name in files.names(directory):
            path = directory + "/" + name
            value = files.json(path)
            if value is None:
                continue
            try:
                claim = parse_cni_result(value, path)
            except ValueError as error:
                files.fail(path, "It is not a CNI result: %s." % error, _REMEDY)
                continue
            if claim is not None:
                claims.append(claim)
    return claims
