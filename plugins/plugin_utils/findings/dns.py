# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Odd things about names: whom pods ask, and whom those ask."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from ..model import ranges
from ..model.index import NodeView
from ..model.records import Finding, Model, Namespace, PodResolver, Range, Resolver
from ..text import commands, words
from .nodes import cut

_NAMESERVERS, _DOMAINS, _CHARACTERS = 3, 32, 2048
"""What the kubelet gives a pod at most (pkg/apis/core/validation: MaxDNSNameservers and its neighbours)."""
_OF_THE_CLUSTER = 3
"""Domains that it adds itself: NAMESPACE.svc.DOMAIN, svc.DOMAIN, DOMAIN."""
_DNS = 53
_OLD_LIMITS = (6, 256)
"""Search domains and their characters that a kubelet before 1.28 gave a pod at most."""
_FEWEST_DOTS = 2
"""With fewer, musl never tries search domains on NAME.NAMESPACE, which has one dot (src/network/lookup_name.c)."""


class _Asking(NamedTuple):
    """A pod and its resolv.conf."""

    host: str
    pod: str
    namespace: Namespace
    resolver: PodResolver


def _asking(views: Mapping[str, NodeView]) -> Iterator[_Asking]:
    """Yield the pods whose resolv.conf was read."""
    for host, view in views.items():
        for pod in view.pods:
            namespace = view.namespaces.get(pod["netns"])
            if not pod["host_network"] and namespace is not None and namespace["resolver"] is not None:
                yield _Asking(host, words.pod_name(pod), namespace, namespace["resolver"])


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


def dns_cut_in_pods(model: Model, views: Mapping[str, NodeView]) -> Iterator[Finding]:
    """Pods whose search domains end where a limit of the kubelet is, before the last one of the node's.

    That the node's file got more since they were made looks alike only where they end at the limit.
    """
    files = dict(_for_pods(model))
    alike: dict[str, list[_Asking]] = defaultdict(list)
    for asking in _asking(views):
        search, wanted = asking.resolver["search"], files[asking.host]["search"] if asking.host in files else []
        given = search[_OF_THE_CLUSTER:]
        left = wanted[len(given) :]
        if search[:1] and _is_of_the_cluster(search) and left and wanted[: len(given)] == given:
            longer = len(" ".join([*search, left[0]]))
            if any(len(search) == most or longer > size for most, size in (_OLD_LIMITS, (_DOMAINS, _CHARACTERS))):
                alike[asking.host].append(asking)
    for host, pods in alike.items():
        first = pods[0]
        left = files[host]["search"][len(first.resolver["search"]) - _OF_THE_CLUSTER :]
        yield {
            "kind": "dns-cut",
            "severity": "note",
            "hosts": [host],
            "object": files[host]["path"],
            "message": f"{words.listed(left)} of the node is left out of the search domains of "
            f"{words.counted(len(pods), 'pod')}: the kubelet gives no more than {len(first.resolver['search'])} here",
            "evidence": cut([f"{one.pod}: search {' '.join(one.resolver['search'])}" for one in pods]),
            "remedy": "Leave out search domains of the node that pods do not need, or give the kubelet a file of its "
            "own (resolvConf); since 1.28 it gives 32",
            "command": commands.file(first.resolver["path"]),
        }


def _is_of_the_cluster(search: list[str]) -> bool:
    """Tell whether search domains begin with those of a pod that asks the cluster: NAMESPACE.svc.DOMAIN, svc.DOMAIN."""
    return len(search) > 1 and search[1].startswith("svc.") and search[0].endswith(f".{search[1]}")


def dns_ndots(_model: Model, views: Mapping[str, NodeView]) -> Iterator[Finding]:
    """Pods with the cluster's search domains whose resolver may never try them on a name with one dot."""
    alike: dict[str, list[tuple[_Asking, int]]] = defaultdict(list)
    for asking in _asking(views):
        dots = _ndots(asking.resolver["options"])
        if _is_of_the_cluster(asking.resolver["search"]) and dots < _FEWEST_DOTS:
            alike[asking.host].append((asking, dots))
    for host, pods in alike.items():
        yield {
            "kind": "dns-ndots",
            "severity": "note",
            "hosts": [host],
            "object": "ndots",
            "message": f"ndots is below {_FEWEST_DOTS} in {words.counted(len(pods), 'pod')}: NAME.NAMESPACE is asked "
            "as it stands first, and with musl (Alpine) never with the cluster's domain",
            "evidence": cut([f"{one.pod}: ndots:{dots} in {one.resolver['path']}" for one, dots in pods]),
            "remedy": "Leave ndots at 5, or at 2 at least, in the pods' dnsConfig; or use whole names with a dot at "
            "their end",
            "command": commands.file(pods[0][0].resolver["path"]),
        }


def _ndots(options: list[str]) -> int:
    """Return what a resolver takes: the last one that is a number, 1 unless set (resolv.conf(5))."""
    found = [one.partition(":")[2] for one in options if one.startswith("ndots:")]
    return next((int(one) for one in reversed(found) if one.isascii() and one.isdigit() and len(one) < 4), 1)


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


def dns_not_served(model: Model, views: Mapping[str, NodeView]) -> Iterator[Finding]:
    """Name servers that the kubelet writes into pods, or that pods ask, where they are no Service's address.

    Said only of nodes whose rules of Services were read, and which have some: elsewhere nobody knows who serves it.
    """
    served = {one["virtual_address"] for one in model["services"] if one["port"] == _DNS}
    held = {one["local"] for node in model["nodes"] for one in node["addresses"]}
    proxied = {node["host"] for node in model["nodes"] if node["service_mode"] not in (None, "none")}
    wide = [one["cidr"] for one in model["ranges"] if one["what"] == "service" and one["scope"] == "cluster"]
    told: set[str] = set()
    for one in model["ranges"]:
        address = _single(one)
        hosts = [host for host in one["hosts"] if host in proxied]
        if address is None or not hosts or address in served or address in held:
            continue
        if not any(ranges.contains(cidr, address) for cidr in wide) or not served:
            continue
        told.add(address)
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
    if not served:
        return
    alike: dict[str, list[_Asking]] = defaultdict(list)
    for asking in _asking(views):
        for address in asking.resolver["nameservers"]:
            known = asking.host not in proxied or address in served | held | told
            if not known and any(ranges.contains(cidr, address) for cidr in wide):
                alike[address].append(asking)
    for address, pods in alike.items():
        yield _asked_in_vain(address, pods, sorted(place for place in served if place))


def _asked_in_vain(address: str, pods: list[_Asking], served: list[str]) -> Finding:
    return {
        "kind": "dns-not-served",
        "severity": "fault",
        "hosts": list(dict.fromkeys(one.host for one in pods)),
        "object": address,
        "message": f"{address} is the name server of {words.counted(len(pods), 'pod')}, and no Service has that "
        "address at port 53",
        "evidence": cut(
            [f"{one.host}: {one.pod}, nameserver {address} in {one.resolver['path']}" for one in pods]
            + [f"Services at port {_DNS}: {words.listed(served)}"]
        ),
        "remedy": "Let the pods be made anew, so that the kubelet writes the address that it has now; of those with "
        "a dnsConfig of their own, correct that",
        "command": commands.file(pods[0].resolver["path"]),
    }


def _single(one: Range) -> str | None:
    """Return the address that is the cluster's DNS, which is a hint at the range of Services."""
    network = ranges.network(one["cidr"])
    if one["what"] != "service" or one["scope"] != "hint" or network is None or network.size != 1:
        return None
    return str(network.ip)


ALL = (dns_loop, dns_cut, dns_cut_in_pods, dns_not_served, dns_ndots)
