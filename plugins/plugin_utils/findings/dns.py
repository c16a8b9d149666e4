# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Odd things about names: whom pods ask, and whom those ask."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

from ..model import ranges
from ..model.index import NodeView
from ..model.records import Finding, Model, Range, Resolver
from ..text import commands, words
from .nodes import cut

_NAMESERVERS, _DOMAINS, _CHARACTERS = 3, 32, 2048
"""What the kubelet gives a pod at most (pkg/apis/core/validation: MaxDNSNameservers and its neighbours)."""
_OF_THE_CLUSTER = 3
"""Domains that it adds itself: NAMESPACE.svc.DOMAIN, svc.DOMAIN, DOMAIN."""
_DNS = 53


def dns_loop(model: Model, _views: Mapping[str, NodeView]) -> Iterator[Finding]:
    """Nodes whose resolv.conf for pods names the node's own stub resolver, which a pod does not reach.

    In a pod 127.0.0.53 is the pod itself: CoreDNS, which has the policy Default, asks itself until its plugin loop ends
    it (coredns.io/plugins/loop).
    """
    alike: dict[tuple[str, str], list[str]] = defaultdict(list)
    for host, resolver in _for_pods(model):
        for server in resolver["nameservers"]:
            if ranges.is_loopback(server):
                alike[resolver["path"], server].append(host)
    for (path, server), hosts in alike.items():
        yield {
            "kind": "dns-loop",
            "severity": "fault",
            "hosts": hosts,
            "object": path,
            "message": f"pods that ask whom the node asks, CoreDNS among them, ask {server}, which in a pod is the pod "
            "itself",
            "evidence": cut(
                [f"{host}: nameserver {server} in {path}, which the kubelet gives to pods" for host in hosts]
            ),
            "remedy": "Let the kubelet give pods the real servers: resolvConf: /run/systemd/resolve/resolv.conf in "
            "/var/lib/kubelet/config.yaml, restart it, and delete the pods of CoreDNS",
            "command": commands.file(path),
        }


def _for_pods(model: Model) -> Iterator[tuple[str, Resolver]]:
    for node in model["nodes"]:
        if node["machine"] is not None:
            yield from ((node["host"], one) for one in node["machine"]["resolvers"] if one["pods"])


def dns_cut(model: Model, _views: Mapping[str, NodeView]) -> Iterator[Finding]:
    """Nodes with more name servers or search domains than a pod can get; the kubelet leaves the last ones out."""
    for host, resolver in _for_pods(model):
        servers, domains = resolver["nameservers"], resolver["search"]
        why = []
        if len(servers) > _NAMESERVERS:
            why.append(f"{len(servers)} name servers, of which pods get {_NAMESERVERS}")
        if len(domains) > _DOMAINS - _OF_THE_CLUSTER or len(" ".join(domains)) > _CHARACTERS:
            why.append(f"{len(domains)} search domains, of which pods do not get all")
        if why:
            yield {
                "kind": "dns-cut",
                "severity": "note",
                "hosts": [host],
                "object": resolver["path"],
                "message": f"{resolver['path']} has {' and '.join(why)}",
                "evidence": cut([f"nameserver {one}" for one in servers] + [f"search {one}" for one in domains]),
                "remedy": f"Leave at most {_NAMESERVERS} name servers in it, or give the kubelet a file of its own "
                "(resolvConf)",
                "command": commands.file(resolver["path"]),
            }


def dns_not_served(model: Model, _views: Mapping[str, NodeView]) -> Iterator[Finding]:
    """The name server that the kubelet writes into pods, where it is no Service's address and no node's.

    Said only of nodes whose rules of Services were read, and which have some: elsewhere nobody knows who serves it.
    """
    served = {one["virtual_address"] for one in model["services"] if one["port"] == _DNS}
    held = {one["local"] for node in model["nodes"] for one in node["addresses"]}
    proxied = {node["host"] for node in model["nodes"] if node["service_mode"] not in (None, "none")}
    wide = [one["cidr"] for one in model["ranges"] if one["what"] == "service" and one["scope"] == "cluster"]
    for one in model["ranges"]:
        address = _single(one)
        hosts = [host for host in one["hosts"] if host in proxied]
        if address is None or not hosts or address in served or address in held:
            continue
        if not any(ranges.contains(cidr, address) for cidr in wide) or not served:
            continue
        sources = [source for source in one["sources"] if source["host"] in hosts]
        yield {
            "kind": "dns-not-served",
            "severity": "fault",
            "hosts": hosts,
            "object": address,
            "message": f"the kubelet of {words.listed(hosts)} lets pods ask {address} for names, and no Service has "
            "that address at port 53",
            "evidence": cut(
                [f"{source['host']}: {source['place']} {source['key'] or ''}".rstrip() for source in sources]
                + [f"Services at port {_DNS}: {words.listed(sorted(place for place in served if place))}"]
            ),
            "remedy": "Write the address of the Service kube-dns (kubectl -n kube-system get service kube-dns) as "
            "clusterDNS into the kubelet's configuration, restart it, and let the pods be made anew",
            "command": commands.source(sources[0]),
        }


def _single(one: Range) -> str | None:
    """Return the address that is the cluster's DNS, which is a hint at the range of Services."""
    network = ranges.network(one["cidr"])
    if one["what"] != "service" or one["scope"] != "hint" or network is None or network.size != 1:
        return None
    return str(network.ip)


ALL = (dns_loop, dns_cut, dns_not_served)
