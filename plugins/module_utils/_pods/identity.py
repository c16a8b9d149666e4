# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Whose network namespace is this: what a node's files and its processes' cgroups say together.

:func:`read_evidence` reads the files, :func:`identify` decides. Sources in order of trust:

1. the lab's own state, proven by the process's start time or by the mounted namespace
2. the CNI result cache
3. host-local's leases
4. the OCI bundle
5. the cgroup of a process in the namespace
6. the name of the pod's log directory

The first source that knows a field gives its value. A source that speaks of another pod, or gives
another value, is named under `contradictions`; when the most trusted source contradicts itself
(two results for one namespace), the fields in question are null.
"""

from __future__ import annotations

from typing import Dict, Iterable, List, NamedTuple, Optional, Set, Tuple, TypedDict

from .._files.reader import Files
from .._ranges.leases import Lease, read_leases
from .cgroups import NOBODY, CgroupIdentity, parse_cgroup
from .claims import ContainerClaim, SandboxClaim
from .cni_cache import read_cni_cache
from .lab import read_lab_pods
from .names import (
    PodDirectory,
    read_container_names,
    read_pod_directories,
)
from .oci_bundles import read_bundles

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .._kernel.records import Error, Namespace, Process, Snapshot

TRUST = ("lab_state", "cni_cache", "host_local_lease", "oci_bundle", "cgroup", "pod_logs")
FIELDS = ("namespace", "name", "uid", "sandbox_id", "runtime")


class Source(TypedDict):
    """One piece of evidence and the fields that it confirms."""

    source: str
    path: str
    fields: List[str]


class ContradictionValue(TypedDict):
    """One of several values."""

    value: str
    source: str
    path: str


class Contradiction(TypedDict):
    """A field for which sources give different values, the most trusted first."""

    field: str
    claims: List[ContradictionValue]


class Owner(TypedDict):
    """The pod that a network namespace belongs to, and the evidence for it."""

    namespace: Optional[str]
    name: Optional[str]
    uid: Optional[str]
    sandbox_id: Optional[str]
    runtime: Optional[str]
    sources: List[Source]
    contradictions: List[Contradiction]


class Identity(NamedTuple):
    """What is known about one network namespace beyond the kernel's word."""

    kind: str
    """``host``, ``pod``, ``container``, ``lab``, ``process``, ``named`` or ``hidden``."""
    owner: Optional[Owner]
    host_network_pods: List[Owner]
    """Pods without a namespace of their own; only for the node's own namespace."""
    containers: Dict[int, Tuple[Optional[str], Optional[str]]]
    """Process id -> id and name of its container."""
    pods_of_containers: Dict[str, Owner]
    """Container id -> which of `host_network_pods` it is a part of."""


class Evidence(NamedTuple):
    """Everything that files of the node say about pods and containers."""

    sandboxes: List[SandboxClaim]
    containers: List[ContainerClaim]
    container_names: Dict[str, str]
    directories: List[PodDirectory]
    leases: List[Lease]
    errors: List[Error]


NO_EVIDENCE = Evidence([], [], {}, [], [], [])


def read_evidence(files: Files) -> Evidence:
    """Read every identity source. What could not be read is in `errors`."""
    first = len(files.errors)
    lab, bundles = read_lab_pods(files), read_bundles(files)
    return Evidence(
        sandboxes=lab.sandboxes + read_cni_cache(files) + bundles.sandboxes,
        containers=lab.containers + bundles.containers,
        container_names=read_container_names(files),
        directories=read_pod_directories(files),
        leases=read_leases(files),
        errors=files.errors[first:],
    )


def identify(evidence: Evidence, snapshot: Snapshot) -> Dict[int, Identity]:
    """Return the identity of every namespace of the snapshot, by inode."""
    members = _Members(evidence, snapshot)
    claims, host_claims = _attach(evidence, snapshot, members)
    directories = _index(evidence.directories)
    owners = {inode: _decide(found, directories) for inode, found in claims.items() if found}
    elsewhere: Set[Optional[str]] = {owner["uid"] for owner in owners.values() if owner["uid"] is not None}
    identities: Dict[int, Identity] = {}
    for inode, namespace in snapshot["namespaces"].items():
        is_host = inode == snapshot["own"]
        owner = None if is_host else owners.get(inode)
        on_host = _host_network_pods(host_claims, elsewhere, directories) if is_host else []
        containers = members.containers_of(namespace)
        identities[inode] = Identity(
            _kind(namespace, is_host, owner, members),
            owner,
            on_host,
            containers,
            members.pods_of(namespace, containers, on_host),
        )
    return identities


def owners_of(identities: Dict[int, Identity]) -> Dict[int, Owner]:
    """Return the owners that are known, by inode."""
    return {inode: found.owner for inode, found in identities.items() if found.owner is not None}


class _Members:
    """Which containers have processes in which namespace."""

    def __init__(self, evidence: Evidence, snapshot: Snapshot) -> None:
        self.own = snapshot["own"]
        self.own_pid_namespace = snapshot["own_pid_namespace"]
        self.names: Dict[str, Optional[str]] = dict(evidence.container_names)
        self.names.update((claim.container_id, claim.name) for claim in evidence.containers)
        self.sandbox_of = {claim.container_id: claim.sandbox_id for claim in evidence.containers if claim.sandbox_id}
        self.by_pid = {claim.process[0]: claim.container_id for claim in evidence.containers if claim.process}
        for sandbox in evidence.sandboxes:
            for pid, _starttime in sandbox.processes:
                if sandbox.sandbox_id is not None:
                    self.by_pid.setdefault(pid, sandbox.sandbox_id)
        self._parsed: Dict[str, CgroupIdentity] = {}

    def cgroup(self, process: Process) -> CgroupIdentity:
        """Return what the process's cgroup says. The processes of one container share one text."""
        text = process.get("cgroup")
        if not text:
            return NOBODY
        if text not in self._parsed:
            self._parsed[text] = parse_cgroup(text)
        return self._parsed[text]

    def proven(self, process: Process) -> Optional[str]:
        """Return the container id of a process that a file names; that it is the very process was checked."""
        return self.by_pid.get(process["pid"])

    def containers_of(self, namespace: Namespace) -> Dict[int, Tuple[Optional[str], Optional[str]]]:
        """Return process id -> (container id, name) for the processes that are in a container.

        Processes of a PID namespace in which one container is proven belong to it. Processes of a
        foreign PID namespace that nobody speaks of are a container without id.
        """
        found: Dict[int, Tuple[Optional[str], Optional[str]]] = {}
        by_pid_namespace: Dict[int, Set[str]] = {}
        for process in namespace["processes"]:
            container_id = self.proven(process)
            if container_id is not None:
                by_pid_namespace.setdefault(process.get("pid_namespace", 0), set()).add(container_id)
        for process in namespace["processes"]:
            pid_namespace = process.get("pid_namespace", 0)
            container_id = self.proven(process) or self.cgroup(process).container_id
            foreign = bool(pid_namespace) and pid_namespace != self.own_pid_namespace
            if container_id is None and foreign and len(by_pid_namespace.get(pid_namespace, ())) == 1:
                container_id = next(iter(by_pid_namespace[pid_namespace]))
            if container_id is not None:
                found[process["pid"]] = (container_id, self.names.get(container_id))
            elif foreign and namespace["inode"] != self.own:
                found[process["pid"]] = (None, None)
        return found

    def pods_of(
        self, namespace: Namespace, containers: Dict[int, Tuple[Optional[str], Optional[str]]], pods: List[Owner]
    ) -> Dict[str, Owner]:
        """Return container id -> pod, for `pods` that share one namespace: by the sandbox, else by the cgroup's uid."""
        by_sandbox = {pod["sandbox_id"]: pod for pod in pods if pod["sandbox_id"]}
        by_uid = {pod["uid"]: pod for pod in pods if pod["uid"]}
        found: Dict[str, Owner] = {}
        for process in namespace["processes"] if pods else []:
            container_id, _name = containers.get(process["pid"], (None, None))
            if container_id is None:
                continue
            pod = by_sandbox.get(self.sandbox_of.get(container_id, container_id))
            pod = pod or by_uid.get(self.cgroup(process).pod_uid or "")
            if pod is not None:
                found[container_id] = pod
        return found


_Attached = Dict[int, List[SandboxClaim]]
_Directories = Dict[Tuple[Optional[str], ...], List[PodDirectory]]


def _attach(evidence: Evidence, snapshot: Snapshot, members: _Members) -> Tuple[_Attached, List[SandboxClaim]]:
    """Return the claims about each namespace but the node's own, and those about hostNetwork pods.

    A claim belongs to a namespace whose path it names, in which a process runs that it names, or in
    which a process of its sandbox runs. Only a claim that fits nowhere so is attached by address,
    when exactly one namespace has that address.
    """
    namespaces = snapshot["namespaces"]
    own = snapshot["own"]
    by_path = _namespaces_by_path(snapshot)
    by_pid: Dict[int, int] = {}
    by_sandbox: Dict[str, Set[int]] = {}
    attached: _Attached = {inode: [] for inode in namespaces}
    host: List[SandboxClaim] = []
    for inode, namespace in namespaces.items():
        seen: Set[CgroupIdentity] = set()
        for process in namespace["processes"]:
            by_pid.setdefault(process["pid"], inode)
            cgroup = members.cgroup(process)
            if cgroup.container_id is not None:
                sandbox_id = members.sandbox_of.get(cgroup.container_id, cgroup.container_id)
                by_sandbox.setdefault(sandbox_id, set()).add(inode)
            key = cgroup._replace(container_id=members.sandbox_of.get(cgroup.container_id or ""))
            if cgroup.pod_uid is not None and key not in seen:
                seen.add(key)
                claim = SandboxClaim(
                    "cgroup",
                    "/proc/%d/cgroup" % process["pid"],
                    sandbox_id=key.container_id,
                    uid=cgroup.pod_uid,
                    runtime=cgroup.runtime,
                )
                (host if inode == own else attached[inode]).append(claim)

    homeless: List[SandboxClaim] = []
    for claim in evidence.sandboxes:
        if claim.host_network:
            host.append(claim)
            continue
        inodes = set(by_sandbox.get(claim.sandbox_id or "", ()))
        inodes.update(by_pid[pid] for pid, _starttime in claim.processes if pid in by_pid)
        if claim.netns is not None and _plain(claim.netns) in by_path:
            inodes.add(by_path[_plain(claim.netns)])
        inodes.discard(own)
        for inode in inodes:
            attached[inode].append(claim)
        if not inodes:
            homeless.append(claim)
    _attach_leases(evidence.leases, attached, homeless)
    _attach_by_address(homeless, attached, snapshot)
    return attached, host


def _namespaces_by_path(snapshot: Snapshot) -> Dict[str, int]:
    """Return path -> inode. A path at which one namespace is mounted over another proves nothing."""
    found: Dict[str, Set[int]] = {}
    for inode, namespace in snapshot["namespaces"].items():
        for path in namespace["paths"]:
            found.setdefault(_plain(path), set()).add(inode)
    return {path: inodes.pop() for path, inodes in found.items() if len(inodes) == 1}


def _plain(path: str) -> str:
    """Return the path as mountinfo shows it: /var/run is a link to /run."""
    return path[4:] if path.startswith("/var/run/") else path


def _attach_leases(leases: Iterable[Lease], attached: _Attached, homeless: List[SandboxClaim]) -> None:
    """Attach leases to the namespaces of their sandboxes; those of unknown sandboxes become homeless claims."""
    where: Dict[str, Set[int]] = {}
    for inode, claims in attached.items():
        for claim in claims:
            if claim.sandbox_id is not None:
                where.setdefault(claim.sandbox_id, set()).add(inode)
    for lease in leases:
        if lease["container_id"] is None:
            continue
        claim = SandboxClaim(
            "host_local_lease", lease["path"], sandbox_id=lease["container_id"], addresses=(lease["address"],)
        )
        inodes = where.get(lease["container_id"])
        for inode in inodes or ():
            attached[inode].append(claim)
        if not inodes:
            homeless.append(claim)


def _attach_by_address(claims: Iterable[SandboxClaim], attached: _Attached, snapshot: Snapshot) -> None:
    """Attach claims to the one namespace that has one of their addresses, if no other sandbox claims it too."""
    holders: Dict[str, Set[int]] = {}
    for inode, namespace in snapshot["namespaces"].items():
        if inode != snapshot["own"]:
            for address in namespace.get("addresses", ()):
                holders.setdefault(address.get("local", ""), set()).add(inode)
    claimants: Dict[int, List[SandboxClaim]] = {}
    for claim in claims:
        inodes = set().union(*(holders.get(address, set()) for address in claim.addresses))
        if len(inodes) == 1:
            claimants.setdefault(inodes.pop(), []).append(claim)
    for inode, found in claimants.items():
        known = {claim.sandbox_id for claim in attached[inode]}
        if not known and len({claim.sandbox_id for claim in found}) == 1:
            attached[inode] += found


def _index(directories: Iterable[PodDirectory]) -> _Directories:
    """Return the log directories by (uid,) and by (namespace, name)."""
    index: _Directories = {}
    for entry in directories:
        index.setdefault((entry.uid,), []).append(entry)
        index.setdefault((entry.namespace, entry.name), []).append(entry)
    return index


def _value(claim: SandboxClaim, field: str) -> Optional[str]:
    value: Optional[str] = getattr(claim, field)
    return value


def _same_pod(claim: SandboxClaim, values: Dict[str, Optional[str]]) -> bool:
    """Tell whether a claim speaks of the pod that `values` describe, by the strongest key both know."""
    if claim.sandbox_id and values["sandbox_id"]:
        return claim.sandbox_id == values["sandbox_id"]
    if claim.uid and values["uid"]:
        return claim.uid == values["uid"]
    return bool(claim.name) and (claim.namespace, claim.name) == (values["namespace"], values["name"])


def _decide(claims: List[SandboxClaim], directories: _Directories) -> Owner:
    """Merge the claims about one namespace into its owner."""
    ordered = sorted(claims, key=lambda claim: (TRUST.index(claim.source), claim.path))
    values: Dict[str, Optional[str]] = {field: _value(ordered[0], field) for field in FIELDS}
    linked, others = [ordered[0]], ordered[1:]
    while True:
        more = [claim for claim in others if _same_pod(claim, values)]
        if not more:
            break
        others = [claim for claim in others if claim not in more]
        linked += more
        for claim in more:
            for field in FIELDS:
                values[field] = values[field] or _value(claim, field)
    linked += _log_directories(values, directories)
    linked.sort(key=lambda claim: (TRUST.index(claim.source), claim.path))
    for claim in linked:
        for field in FIELDS:
            values[field] = values[field] or _value(claim, field)
    contradictions = _contradictions(linked + others)
    if any(claim.source == ordered[0].source for claim in others):
        for contradiction in contradictions:
            values[contradiction["field"]] = None
    return {
        "namespace": values["namespace"],
        "name": values["name"],
        "uid": values["uid"],
        "sandbox_id": values["sandbox_id"],
        "runtime": values["runtime"],
        "sources": [
            {"source": claim.source, "path": claim.path, "fields": [f for f in FIELDS if _value(claim, f)]}
            for claim in linked + others
        ],
        "contradictions": contradictions,
    }


def _contradictions(claims: List[SandboxClaim]) -> List[Contradiction]:
    result: List[Contradiction] = []
    for field in FIELDS:
        found: Dict[str, ContradictionValue] = {}
        for claim in claims:
            value = _value(claim, field)
            if value is not None:
                found.setdefault(value, {"value": value, "source": claim.source, "path": claim.path})
        if len(found) > 1:
            result.append({"field": field, "claims": list(found.values())})
    return result


def _log_directories(values: Dict[str, Optional[str]], directories: _Directories) -> List[SandboxClaim]:
    """Return the log directory of the pod: by uid, or by name when there is one of that name and no uid is known."""
    key = (values["uid"],) if values["uid"] else (values["namespace"], values["name"])
    found = directories.get(key, [])
    if len(found) != 1:
        return []
    entry = found[0]
    return [SandboxClaim("pod_logs", entry.path, None, namespace=entry.namespace, name=entry.name, uid=entry.uid)]


def _host_network_pods(
    claims: List[SandboxClaim], elsewhere: Set[Optional[str]], directories: _Directories
) -> List[Owner]:
    """Return the owners of the node's own namespace.

    A process of a pod that has a namespace elsewhere only visits the node's own.
    """
    groups: List[List[SandboxClaim]] = []
    for claim in sorted(claims, key=lambda claim: (TRUST.index(claim.source), claim.path)):
        if claim.uid in elsewhere:
            continue
        for group in groups:
            if any(_same_pod(claim, {field: _value(known, field) for field in FIELDS}) for known in group):
                group.append(claim)
                break
        else:
            groups.append([claim])
    owners = [_decide(group, directories) for group in groups]
    return sorted(owners, key=lambda owner: [owner[key] or "" for key in ("namespace", "name", "uid", "sandbox_id")])


def _kind(namespace: Namespace, is_host: bool, owner: Optional[Owner], members: _Members) -> str:
    if is_host:
        return "host"
    if owner is not None and owner["runtime"] == "lab":
        return "lab"
    disputed = {one["field"] for one in owner["contradictions"]} if owner is not None else set()
    if owner is not None and (owner["name"] or owner["uid"] or disputed & {"name", "uid"}):
        return "pod"
    in_container = any(members.cgroup(process).container_id for process in namespace["processes"])
    if owner is not None or in_container or any(_container_path(path) for path in namespace["paths"]):
        return "container"
    if namespace["paths"]:
        return "named"
    return "process" if namespace["processes"] or namespace["process_count"] else "hidden"


def _container_path(path: str) -> bool:
    """Tell whether docker or podman mounted a namespace there."""
    return path.startswith(("/run/docker/netns/", "/run/netns/netns-"))
