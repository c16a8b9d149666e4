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
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple, TypedDict, Union

from .._files.reader import Files, load_json, printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .._kernel.records import Error

RANCHER_FILES = (
    "/var/lib/rancher/k3s/agent/etc/containerd/config.toml",
    "/var/lib/rancher/rke2/agent/etc/containerd/config.toml",
)
RUNTIME_FILES = (
    *RANCHER_FILES,
    "/var/snap/microk8s/current/args/containerd.toml",
    "/etc/k0s/containerd.toml",
    "/run/k0s/containerd-cri.toml",
    "/etc/containerd/config.toml",
    "/etc/crio/crio.conf",
)
RUNTIME_DIRECTORIES = ("/etc/crio/crio.conf.d", "/etc/k0s/containerd.d", "/etc/containerd/conf.d")
"""Where runtimes are configured; their TOML is searched for the one setting, not parsed."""

DEFAULT_DIRECTORY = "/etc/cni/net.d"
DIRECTORIES = (
    "/var/snap/microk8s/current/args/cni-network",
    "/var/lib/rancher/k3s/agent/etc/cni/net.d",
    DEFAULT_DIRECTORY,
)
"""Directories that the distributions use, the more particular ones first."""

_SETTING = re.compile(r"""^[ \t]*(?:conf_dir|network_dir)[ \t]*=[ \t]*(?:"([^"\\\n]*)"|'([^'\n]*)')""", re.MULTILINE)
_ENDINGS = (".conf", ".conflist", ".json")


class CniConfig(TypedDict):
    """One network configuration. A single-plugin file counts as a list with that plugin."""

    path: str
    name: str
    plugins: List[Dict[str, Any]]


class CniConfigs(TypedDict):
    """What the runtime uses, the others in the order of preference, and what is no configuration.

    `elsewhere` has what a meta plugin names outside of the runtime's directories.
    """

    active: Optional[CniConfig]
    shadowed: List[CniConfig]
    elsewhere: List[CniConfig]
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
            named = configured_directories(text)
            # k3s leaves the setting out when it brings no network of its own (flannel-backend: none).
            directories.extend(named or [DEFAULT_DIRECTORY] * (path in RANCHER_FILES))
    return list(dict.fromkeys(directories + list(DIRECTORIES)))


def read_cni_configs(files: Files, directories: Optional[Sequence[str]] = None) -> CniConfigs:
    """Read the configurations of a node; `directories` defaults to :func:`read_directories`.

    A file that is no configuration is in `unreadable`, not in ``files.errors``.
    """
    configs: List[CniConfig] = []
    unreadable: List[Error] = []
    for directory in read_directories(files) if directories is None else directories:
        found, wrong = _read_directory(files, directory)
        configs += found
        unreadable += wrong
    return {
        "active": configs[0] if configs else None,
        "shadowed": configs[1:],
        "elsewhere": _read_elsewhere(files, configs),
        "unreadable": unreadable,
    }


def _read_directory(files: Files, directory: str) -> Tuple[List[CniConfig], List[Error]]:
    """Return the configurations in a directory, and what is none; folders in it are passed over, as libcni does."""
    configs: List[CniConfig] = []
    unreadable: List[Error] = []
    for name in files.names(directory):
        path = directory + "/" + name
        if name.endswith(_ENDINGS) and not files.is_directory(path):
            found = _read_file(files, path)
            if isinstance(found, list):
                unreadable += found
            else:
                configs.append(found)
    return configs, unreadable


def _read_file(files: Files, path: str) -> Union[CniConfig, List[Error]]:
    """Return the configuration in a file, or why there is none."""
    known = len(files.errors)
    text = files.text(path)
    if text is None:
        errors = files.errors[known:]
        del files.errors[known:]
        return errors
    try:
        return parse_cni_config(text, path)
    except ValueError as error:
        return [
            {
                "object": printable(path),
                "cause": printable("It is not a CNI configuration: %s." % error),
                "remedy": "Correct or remove it: containerd refuses to start pods with it, CRI-O skips it.",
            }
        ]


def _read_elsewhere(files: Files, configs: Sequence[CniConfig]) -> List[CniConfig]:
    """Read what a Multus that is in force names outside of the runtime's directories; what is no file is left out."""
    meta = configs[0]["plugins"][0] if configs else None
    network = named_file(meta) if meta is not None and is_multus(meta) else None
    known = {one["path"] for one in configs}
    found: List[CniConfig] = []
    for path in places(network or ""):
        if path in known:
            break
        if files.is_directory(path):
            found += [one for one in _read_directory(files, path.rstrip("/"))[0] if one["path"] not in known]
        elif files.exists(path):
            one = _read_file(files, path)
            found += [] if isinstance(one, list) else [one]
    return found


def is_multus(plugin: Dict[str, Any]) -> bool:
    """Tell whether a plugin is one of Multus' three: thin, the daemon's shim, or an older name of it."""
    return str(plugin["type"]).startswith("multus")


def named_file(plugin: Dict[str, Any]) -> Optional[str]:
    """Return the file, folder or name of the network that a Multus plugin leads to; None when it says no such."""
    network = plugin.get("clusterNetwork")
    if not network and not delegates_of(plugin):
        network = plugin.get("readinessindicatorfile") or plugin.get("readinessIndicatorFile")
    return network if isinstance(network, str) and network else None


def places(network: str) -> List[str]:
    """Return where on the node a path may be that a daemon sees below a mount point: as it is, and without ``/host``.

    >>> places("/host/etc/cni/net.d/10-flannel.conflist")
    ['/host/etc/cni/net.d/10-flannel.conflist', '/etc/cni/net.d/10-flannel.conflist']
    """
    if not network.startswith("/"):
        return []
    below = "/" + network.lstrip("/").partition("/")[2]
    return [network] + ([below] if len(below) > 1 else [])


def delegates_of(plugin: Dict[str, Any]) -> List[Dict[str, Any]]:
    """Return the networks that are written in a meta plugin's own configuration."""
    delegates = plugin.get("delegates")
    return [one for one in (delegates if isinstance(delegates, list) else ()) if isinstance(one, dict)]


def _with_delegates(plugins: Sequence[Dict[str, Any]]) -> Iterator[Dict[str, Any]]:
    for plugin in plugins:
        yield plugin
        for delegate in delegates_of(plugin):
            inner = delegate.get("plugins", [delegate])
            yield from (item for item in (inner if isinstance(inner, list) else ()) if isinstance(item, dict))


def lease_directories(configs: CniConfigs) -> List[str]:
    """Return the ``dataDir`` of every host-local IPAM in any configuration, the shadowed ones included."""
    found: List[str] = []
    for config in [configs["active"]] * (configs["active"] is not None) + configs["shadowed"]:
        for plugin in _with_delegates(config["plugins"] if config else ()):
            for holder in (plugin, plugin.get("delegate")):
                ipam = holder.get("ipam") if isinstance(holder, dict) else None
                directory = ipam.get("dataDir") if isinstance(ipam, dict) else None
                if isinstance(directory, str) and directory.startswith("/"):
                    found.append(directory.rstrip("/") or "/")
    return sorted(set(found))
