# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""CNI network configurations: which one is in force, and what it says about ranges and leases.

A runtime takes the files ``*.conf``, ``*.conflist`` and ``*.json`` of its directory in the order of
their names and uses the first (containernetworking/cni, ``libcni/conf.go``, ``ConfFiles``). A
``conflist`` has a list of plugins, the other two a single one. The directory is a setting of the runtime.
"""

from __future__ import annotations

import re
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple, TypedDict

from .._files.reader import Files, load_json, printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .._kernel.records import Error

RUNTIME_FILES = (
    "/var/lib/rancher/k3s/agent/etc/containerd/config.toml",
    "/var/lib/rancher/rke2/agent/etc/containerd/config.toml",
    "/var/snap/microk8s/current/args/containerd.toml",
    "/etc/k0s/containerd.toml",
    "/run/k0s/containerd-cri.toml",
    "/etc/containerd/config.toml",
    "/etc/crio/crio.conf",
)
RUNTIME_DIRECTORIES = ("/etc/crio/crio.conf.d", "/etc/k0s/containerd.d", "/etc/containerd/conf.d")
"""Where runtimes are configured; their TOML is searched for the one setting, not parsed."""

DIRECTORIES = (
    "/var/snap/microk8s/current/args/cni-network",
    "/var/lib/rancher/k3s/agent/etc/cni/net.d",
    "/etc/cni/net.d",
)
"""Directories that the distributions use, the more particular ones first."""

_SETTING = re.compile(r"""^[ \t]*(?:conf_dir|network_dir)[ \t]*=[ \t]*(?:"([^"\\\n]*)"|'([^'\n]*)')""", re.MULTILINE)
_ENDINGS = (".conf", ".conflist", ".json")
_MULTUS = "multus"


class CniConfig(TypedDict):
    """One network configuration. A single-plugin file counts as a list with that plugin."""

    path: str
    name: str
    plugins: List[Dict[str, Any]]


class CniConfigs(TypedDict):
    """The configuration in force, the others in the order of preference, and what is no configuration."""

    active: Optional[CniConfig]
    shadowed: List[CniConfig]
    unreadable: List[Error]


def parse_cni_config(text: str, path: str) -> CniConfig:
    """Return the configuration in `text`; raise ValueError with the reason when it is none.

    The file ``10-flannel.conflist`` that flannel's installer writes::

        {"name": "cbr0", "cniVersion": "0.3.1", "plugins": [
          {"type": "flannel", "delegate": {"hairpinMode": true, "isDefaultGateway": true}},
          {"type": "portmap", "capabilities": {"portMappings": true}}]}
    """
    document = load_json(text)
    if not isinstance(document, dict):
        raise ValueError("it is not a JSON object")
    plugins = document.get("plugins") if path.endswith(".conflist") or "plugins" in document else [document]
    if not isinstance(plugins, list) or not plugins:
        raise ValueError("it has no list of plugins")
    for plugin in plugins:
        if not isinstance(plugin, dict) or not isinstance(plugin.get("type"), str) or not plugin["type"]:
            raise ValueError("a plugin in it has no type")
    name = document.get("name", "")
    if not isinstance(name, str):
        raise ValueError("its name is not a string")
    return {"path": path, "name": name, "plugins": plugins}


def configured_directories(text: str) -> List[str]:
    """Return the CNI directories that a runtime's TOML names (``conf_dir``, ``network_dir``).

    >>> configured_directories('[plugins."io.containerd.grpc.v1.cri".cni]\\n  conf_dir = "/etc/cni/net.d"\\n')
    ['/etc/cni/net.d']
    """
    found = [double or single for double, single in _SETTING.findall(text)]
    return [path.rstrip("/") for path in found if path.startswith("/") and path.rstrip("/")]


def read_directories(files: Files) -> List[str]:
    """Return the directories to look for configurations in, those that a runtime names first."""
    directories: List[str] = []
    paths = list(RUNTIME_FILES)
    for directory in RUNTIME_DIRECTORIES:
        paths.extend(directory + "/" + name for name in files.names(directory))
    for path in paths:
        text = files.text(path)
        if text is not None:
            directories.extend(configured_directories(text))
    return list(dict.fromkeys(directories + list(DIRECTORIES)))


def read_cni_configs(files: Files, directories: Optional[Sequence[str]] = None) -> CniConfigs:
    """Read the configurations of a node; `directories` defaults to :func:`read_directories`.

    A file that is no configuration is in `unreadable`, not in ``files.errors``.
    """
    configs: List[CniConfig] = []
    unreadable: List[Error] = []
    for directory in read_directories(files) if directories is None else directories:
        for name in files.names(directory):
            path = directory + "/" + name
            if not name.endswith(_ENDINGS):
                continue
            known = len(files.errors)
            text = files.text(path)
            if text is None:
                unreadable.extend(files.errors[known:])
                del files.errors[known:]
                continue
            try:
                configs.append(parse_cni_config(text, path))
            except ValueError as error:
                unreadable.append(
                    {
                        "object": printable(path),
                        "cause": printable("It is not a CNI configuration: %s." % error),
                        "remedy": "Correct or remove it: containerd refuses to start pods with it, CRI-O skips it.",
                    }
                )
    return {"active": configs[0] if configs else None, "shadowed": configs[1:], "unreadable": unreadable}


def plugins_in_force(configs: CniConfigs) -> Iterator[Tuple[str, str, Dict[str, Any]]]:
    """Yield file, key and configuration of each plugin that takes part in the pods' main network.

    That is every plugin of the active configuration and, when it is Multus, the delegates written
    in it and the configuration that its ``clusterNetwork`` names by file or by network name.
    """
    active = configs["active"]
    if active is None:
        return
    queue = [active]
    seen = set()
    while queue:
        config = queue.pop(0)
        if config["path"] in seen:
            continue
        seen.add(config["path"])
        for key, plugin in _with_delegates(config["plugins"]):
            yield config["path"], key, plugin
            network = plugin.get("clusterNetwork")
            if plugin["type"].startswith(_MULTUS) and isinstance(network, str):
                queue.extend(other for other in configs["shadowed"] if _is_named(other, network))


def _is_named(config: CniConfig, network: str) -> bool:
    return network == config["name"] or network.rsplit("/", 1)[-1] == config["path"].rsplit("/", 1)[-1]


def _with_delegates(plugins: Sequence[Dict[str, Any]]) -> Iterator[Tuple[str, Dict[str, Any]]]:
    for index, plugin in enumerate(plugins):
        key = "plugins[%d]" % index
        yield key, plugin
        delegates = plugin.get("delegates")
        if not plugin["type"].startswith(_MULTUS) or not isinstance(delegates, list):
            continue
        for number, delegate in enumerate(delegates):
            if not isinstance(delegate, dict):
                continue
            inner = delegate.get("plugins", [delegate])
            for position, item in enumerate(inner if isinstance(inner, list) else ()):
                if isinstance(item, dict) and isinstance(item.get("type"), str):
                    yield "%s.delegates[%d].plugins[%d]" % (key, number, position), item


def ipam_ranges(key: str, plugin: Dict[str, Any]) -> Iterator[Tuple[str, str]]:
    """Yield (key, value) of every range that a plugin's IPAM hands out, values as written.

    Three places: ``ipam.subnet``, ``ipam.ranges[][].subnet`` (host-local) and the same below
    ``delegate`` (flannel). ``usePodCidr`` and other words are yielded too: the caller says
    what is no range.
    """
    for prefix, holder in ((key, plugin), (key + ".delegate", plugin.get("delegate"))):
        ipam = holder.get("ipam") if isinstance(holder, dict) else None
        if not isinstance(ipam, dict):
            continue
        if isinstance(ipam.get("subnet"), str):
            yield prefix + ".ipam.subnet", ipam["subnet"]
        sets = ipam.get("ranges")
        for outer, items in enumerate(sets if isinstance(sets, list) else ()):
            for inner, item in enumerate(items if isinstance(items, list) else (items,)):
                if isinstance(item, dict) and isinstance(item.get("subnet"), str):
                    yield "%s.ipam.ranges[%d][%d].subnet" % (prefix, outer, inner), item["subnet"]


def lease_directories(configs: CniConfigs) -> List[str]:
    """Return the ``dataDir`` of every host-local IPAM in any configuration, the shadowed ones included."""
    found: List[str] = []
    for config in [configs["active"]] * (configs["active"] is not None) + configs["shadowed"]:
        for _key, plugin in _with_delegates(config["plugins"] if config else ()):
            for holder in (plugin, plugin.get("delegate")):
                ipam = holder.get("ipam") if isinstance(holder, dict) else None
                directory = ipam.get("dataDir") if isinstance(ipam, dict) else None
                if isinstance(directory, str) and directory.startswith("/"):
                    found.append(directory.rstrip("/") or "/")
    return sorted(set(found))


def cni_facts(configs: CniConfigs) -> Dict[str, Any]:
    """Return the key ``cni`` of ``podnet_pod_cidr``: names and plugin types only, for files may hold secrets."""
    active = configs["active"]
    return {
        "active": None
        if active is None
        else {
            "path": active["path"],
            "name": active["name"],
            "plugins": [plugin["type"] for plugin in active["plugins"]],
        },
        "shadowed": [{"path": config["path"], "name": config["name"]} for config in configs["shadowed"]],
        "unreadable": configs["unreadable"],
    }
