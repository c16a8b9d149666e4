# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Which network pods get: through meta plugins to a configuration, and in that to the plugin that gives the address.

=================  ================================================================================================
multus, -shim,     ``clusterNetwork`` names the network of pods, by the name in it or by its file as the daemon sees
-cni               it (``/host/etc/cni/net.d/…``); else the first of ``delegates`` is it, the others are additional
                   (multus-cni ``docs/configuration.md``, ``pkg/k8sclient``); a file that only shows that the network
                   is ready (``readinessindicatorfile``) is that network's own
genie              ``default_plugin`` names the plugin type of the network (CNI-Genie, ``docs``)
danm               networks are objects of the API: the files do not say which one pods get
=================  ================================================================================================

In a chain the first plugin makes the interface and has the address given; those behind it change what is there.
"""

from __future__ import annotations

from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from .cni_config import CniConfig, CniConfigs, delegates_of, is_multus, named_file, places

_MOST_STEPS = 8
# Plugins that change what is there, and give no interface of the pod's own.
_CHANGING = frozenset(
    ("bandwidth", "egress-cni", "egress-v4-cni", "egress-v6-cni", "firewall", "istio-cni", "linkerd-cni", "loopback",
     "portmap", "route-override", "sbr", "tuning", "vrf")
)  # fmt: skip
_USE_POD_CIDR = ("usepodcidr", "usepodcidripv6")
"""Words of Calico's for what the API says."""


class Network(NamedTuple):
    """The network that pods get, and where it is written."""

    path: str
    key: str
    """Where in the file its plugins are: empty, or as in ``plugins[0].delegates[0].``."""
    name: str
    plugins: List[Dict[str, Any]]
    through: List[CniConfig]
    """The meta plugins' configurations that lead to it."""
    known: bool
    """False when a meta plugin leads somewhere that no file says; then the plugin is the meta plugin."""


def _is_meta(plugin: Dict[str, Any]) -> bool:
    return is_multus(plugin) or plugin["type"] in ("genie", "danm")


def network_of(active: CniConfig, others: Sequence[CniConfig]) -> Network:
    """Return the network that pods get when a runtime uses `active`; `others` are what it may lead to."""
    through: List[CniConfig] = []
    config = active
    for _step in range(_MOST_STEPS):
        meta = config["plugins"][0]
        if not _is_meta(meta):
            return Network(config["path"], "", config["name"], config["plugins"], through, True)
        following = _leads_to(meta, [one for one in others if one not in through and one is not config])
        if following is None:
            break
        through.append(config)
        config = following
    else:
        return Network(config["path"], "", config["name"], config["plugins"], through, False)
    for number, delegate in enumerate(delegates_of(meta)[:1]):
        inner = delegate.get("plugins", [delegate])
        plugins = [item for item in (inner if isinstance(inner, list) else ()) if isinstance(item, dict)]
        if plugins and all(isinstance(item.get("type"), str) for item in plugins) and not named_file(meta):
            key = "plugins[0].delegates[%d]." % number
            name = delegate.get("name")
            shown = name if isinstance(name, str) else ""
            return Network(config["path"], key, shown, plugins, [*through, config], True)
    return Network(config["path"], "", config["name"], config["plugins"], through, False)


def _leads_to(meta: Dict[str, Any], others: Sequence[CniConfig]) -> Optional[CniConfig]:
    if meta["type"] == "genie":
        wanted = str(meta.get("default_plugin", "")).split(",", maxsplit=1)[0].strip()
        return next((one for one in others if wanted and one["plugins"][0]["type"] == wanted), None)
    network = named_file(meta) if is_multus(meta) else None
    if network is None:
        return None
    paths = places(network)
    for fits in (
        lambda one: one["path"] in paths,
        lambda one: one["path"].rpartition("/")[0] in [path.rstrip("/") for path in paths] and not _is_meta_config(one),
        lambda one: one["name"] == network,
        lambda one: network.startswith("/") and one["path"].rpartition("/")[2] == network.rpartition("/")[2],
    ):
        found = next((one for one in others if fits(one)), None)
        if found is not None:
            return found
    return None


def _is_meta_config(config: CniConfig) -> bool:
    return _is_meta(config["plugins"][0])


def main_plugin(network: Network) -> Tuple[str, Dict[str, Any]]:
    """Return key and configuration of the plugin that gives pods their interface and address."""
    for index, plugin in enumerate(network.plugins):
        if plugin["type"] not in _CHANGING:
            return "%splugins[%d]" % (network.key, index), plugin
    return "%splugins[0]" % network.key, network.plugins[0]


def node_ranges(key: str, plugin: Dict[str, Any]) -> Iterator[Tuple[str, str]]:
    """Yield (key, value) of every range of this node that a plugin has addresses given from, values as written.

    ``ipam.subnet`` and ``ipam.ranges[][].subnet`` (host-local), the same below ``delegate`` (flannel), and the
    ``ranges`` of kindnet's own plugin (since 2025)::

        {"type": "cni-kindnet", "ranges": ["10.244.2.0/24", "fd00:10:244:2::/64"]}
    """
    own = plugin.get("ranges") if plugin["type"] == "cni-kindnet" else None
    for number, value in enumerate(own if isinstance(own, list) else ()):
        if isinstance(value, str):
            yield "%s.ranges[%d]" % (key, number), value
    for prefix, holder in ((key, plugin), (key + ".delegate", plugin.get("delegate"))):
        ipam = holder.get("ipam") if isinstance(holder, dict) else None
        if not isinstance(ipam, dict):
            continue
        for place, value in _subnets(prefix, ipam):
            if value.lower() not in _USE_POD_CIDR:
                yield place, value


def _subnets(prefix: str, ipam: Dict[str, Any]) -> Iterator[Tuple[str, str]]:
    if isinstance(ipam.get("subnet"), str):
        yield prefix + ".ipam.subnet", ipam["subnet"]
    sets = ipam.get("ranges")
    for outer, items in enumerate(sets if isinstance(sets, list) else ()):
        for inner, item in enumerate(items if isinstance(items, list) else (items,)):
            if isinstance(item, dict) and isinstance(item.get("subnet"), str):
                yield "%s.ipam.ranges[%d][%d].subnet" % (prefix, outer, inner), item["subnet"]


def cluster_ranges(key: str, plugin: Dict[str, Any]) -> Iterator[Tuple[str, Any]]:
    """Yield (key, value) of every range that all nodes share: whereabouts' and Calico's pools that are written out.

    Whereabouts has one ``range`` or several ``ipRanges``, and writes a part of a network as in
    ``192.168.2.100-192.168.2.150/24`` (``doc/extended-configuration.md``).
    """
    ipam = plugin.get("ipam")
    if not isinstance(ipam, dict):
        return
    if ipam.get("type") == "whereabouts":
        several = ipam.get("ipRanges")
        found = [(".ipam.range", ipam.get("range"))] + [
            (".ipam.ipRanges[%d].range" % number, one.get("range") if isinstance(one, dict) else None)
            for number, one in enumerate(several if isinstance(several, list) else ())
        ]
        for place, value in found:
            if isinstance(value, str):
                yield key + place, value.rpartition("-")[2].strip()
    for name in ("ipv4_pools", "ipv6_pools"):
        pools = ipam.get(name)
        # A pool may be named instead of written.
        written = [pool for pool in (pools if isinstance(pools, list) else ()) if "/" in str(pool)]
        yield "%s.ipam.%s" % (key, name), written


def network_in_force(configs: CniConfigs) -> Optional[Network]:
    """Return the network that pods get; None when no runtime has a configuration."""
    active = configs["active"]
    return None if active is None else network_of(active, [*configs["shadowed"], *configs["elsewhere"]])


def cni_facts(configs: CniConfigs) -> Dict[str, Any]:
    """Return the key ``cni`` of ``podnet_pod_cidr``: names and plugin types only, for files may hold secrets."""
    network = network_in_force(configs)
    used = [] if network is None else [network.path, *(one["path"] for one in network.through)]
    return {
        "active": None
        if network is None
        else {
            "path": network.path,
            "name": network.name,
            "plugins": [plugin["type"] for plugin in network.plugins],
            "through": [
                {"path": one["path"], "name": one["name"], "plugins": [plugin["type"] for plugin in one["plugins"]]}
                for one in network.through
            ],
        },
        "shadowed": [
            {"path": config["path"], "name": config["name"]}
            for config in configs["shadowed"]
            if config["path"] not in used and (network is None or network.known)
        ],
        "unreadable": configs["unreadable"],
    }
