# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whose namespace it is, and how the facts show it: decisions over hand-made records, without root."""

from __future__ import annotations

import json
import os
from typing import Any, Dict, List, Optional

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.podnet.lab.plugins.module_utils._facts.bridge import USUAL_PORT, bridge_facts
from ansible_collections.podnet.lab.plugins.module_utils._facts.netns import (
    USUAL_LINK,
    USUAL_NAMESPACE,
    USUAL_OWNER,
    netns_facts,
    settings_facts,
)
from ansible_collections.podnet.lab.plugins.module_utils._facts.pod_cidr import USUAL_LEASE, lease_fact
from ansible_collections.podnet.lab.plugins.module_utils._facts.subsets import (
    DEFAULT,
    DEFAULT_OF_ONE_KEY,
    DIAGNOSE,
    NAMES,
    SUBSETS,
    UnknownSubsetError,
    choose,
    needs,
)
from ansible_collections.podnet.lab.plugins.module_utils._facts.veth import USUAL_PAIR, veth_facts
from ansible_collections.podnet.lab.plugins.module_utils._facts.views import Node, pod_reference
from ansible_collections.podnet.lab.plugins.module_utils._kernel.records import Link, Namespace, Process, Snapshot
from ansible_collections.podnet.lab.plugins.module_utils._pods.claims import ContainerClaim, SandboxClaim
from ansible_collections.podnet.lab.plugins.module_utils._pods.identity import NO_EVIDENCE, Evidence, Identity, identify
from ansible_collections.podnet.lab.plugins.module_utils._pods.names import PodDirectory
from ansible_collections.podnet.lab.plugins.module_utils._ranges.leases import Lease

OWN = 100
POD = 200
OWN_PIDS = 1
SANDBOX = "5a" * 32
CONTAINER = "c0" * 32
OTHER = "0f" * 32
UID = "b935428f-7d1c-4f0e-9d55-0f2f6d0f9a11"
UID2 = "11111111-7d1c-4f0e-9d55-0f2f6d0f9a11"
PATH = "/run/netns/cni-1"


def namespace(inode: int, **more: Any) -> Namespace:
    """A namespace with nothing in it."""
    entry: Any = {
        "inode": inode, "paths": [], "processes": [], "process_count": 0, "errors": [], "entered": True,
        "vanished": False, "links": [], "addresses": [], "routes": [], "peers": {}, "nsids": {},
    }  # fmt: skip
    entry.update(more)
    found: Namespace = entry
    return found


def snapshot(*namespaces: Namespace) -> Snapshot:
    """A node with these namespaces and its own."""
    everything = {entry["inode"]: entry for entry in namespaces}
    everything.setdefault(OWN, namespace(OWN))
    return {
        "own": OWN,
        "own_pid_namespace": OWN_PIDS,
        "hostname": "node1",
        "namespaces": everything,
        "errors": [],
        "partial": False,
    }


def process(pid: int, cgroup: str = "0::/\n", pid_namespace: int = OWN_PIDS, comm: str = "sleep") -> Process:
    return {"pid": pid, "comm": comm, "pid_namespace": pid_namespace, "cgroup": cgroup}


def kubepods(uid: str, container_id: str) -> str:
    return "0::/kubepods.slice/kubepods-pod%s.slice/cri-containerd-%s.scope\n" % (uid.replace("-", "_"), container_id)


def evidence(**more: Any) -> Evidence:
    return NO_EVIDENCE._replace(**more)


def cni(**more: Any) -> SandboxClaim:
    claim = SandboxClaim("cni_cache", "/results/%s" % more.get("sandbox_id", SANDBOX), SANDBOX)
    return claim._replace(**dict({"namespace": "default", "name": "pod2", "uid": UID}, **more))


def oci(**more: Any) -> SandboxClaim:
    claim = SandboxClaim("oci_bundle", "/bundle/config.json", SANDBOX, runtime="containerd")
    return claim._replace(**dict({"namespace": "default", "name": "pod2", "uid": UID}, **more))


def lease(address: str, container_id: Optional[str] = SANDBOX) -> Lease:
    return {
        "address": address, "network": "cbr0", "container_id": container_id, "ifname": "eth0",
        "path": "/leases/" + address, "mtime": 0.0,
    }  # fmt: skip


def whose(found: Identity) -> Any:
    owner = found.owner
    return None if owner is None else (owner["namespace"], owner["name"], owner["uid"], owner["sandbox_id"])


# -------------------------------------------------------------- identity


def test_result_names_the_namespace_by_path() -> None:
    node = snapshot(namespace(POD, paths=[PATH]))
    found = identify(evidence(sandboxes=[cni(netns="/var" + PATH)]), node)
    assert whose(found[POD]) == ("default", "pod2", UID, SANDBOX)
    assert found[POD].kind == "pod"
    assert whose(found[OWN]) is None
    assert found[OWN].kind == "host"


def test_result_without_path_is_joined_by_the_cgroup_of_a_process() -> None:
    node = snapshot(namespace(POD, processes=[process(7, kubepods(UID, CONTAINER))]))
    known = evidence(sandboxes=[cni()], containers=[ContainerClaim(CONTAINER, "web", SANDBOX, None)])
    found = identify(known, node)[POD]
    assert whose(found) == ("default", "pod2", UID, SANDBOX)
    assert found.containers == {7: (CONTAINER, "web")}


def test_cgroup_alone_gives_the_uid_and_the_log_directory_the_name() -> None:
    node = snapshot(namespace(POD, processes=[process(7, kubepods(UID, CONTAINER))]))
    found = identify(evidence(), node)[POD]
    assert whose(found) == (None, None, UID, None)
    assert found.kind == "pod"
    known = evidence(directories=[PodDirectory("kube-system", "dns", UID, "/var/log/pods/x")])
    found = identify(known, node)[POD]
    assert whose(found) == ("kube-system", "dns", UID, None)
    assert found.owner is not None
    assert [source["source"] for source in found.owner["sources"]] == ["cgroup", "pod_logs"]


def test_order_of_trust_and_contradiction() -> None:
    node = snapshot(namespace(POD, paths=[PATH]))
    found = identify(evidence(sandboxes=[oci(netns=PATH, name="liar"), cni(netns=PATH)]), node)[POD]
    assert whose(found) == ("default", "pod2", UID, SANDBOX)
    assert found.owner is not None
    assert found.owner["runtime"] == "containerd"
    (contradiction,) = found.owner["contradictions"]
    assert contradiction["field"] == "name"
    assert [(value["value"], value["source"]) for value in contradiction["claims"]] == [
        ("pod2", "cni_cache"),
        ("liar", "oci_bundle"),
    ]


def test_another_pods_process_in_the_namespace_is_a_contradiction_and_does_not_win() -> None:
    node = snapshot(namespace(POD, paths=[PATH], processes=[process(7, kubepods(UID2, OTHER))]))
    found = identify(evidence(sandboxes=[cni(netns=PATH)]), node)[POD]
    assert whose(found) == ("default", "pod2", UID, SANDBOX)
    assert found.owner is not None
    assert "uid" in [contradiction["field"] for contradiction in found.owner["contradictions"]]


def test_two_results_for_one_namespace_prove_nothing() -> None:
    node = snapshot(namespace(POD, paths=[PATH]))
    two = [cni(netns=PATH), cni(netns=PATH, name="pod3", sandbox_id=OTHER, uid=UID2)]
    found = identify(evidence(sandboxes=two), node)[POD]
    assert whose(found) == ("default", None, None, None)
    assert found.owner is not None
    assert found.kind == "pod"
    fields = {contradiction["field"] for contradiction in found.owner["contradictions"]}
    assert fields == {"name", "uid", "sandbox_id"}


def test_two_networks_of_one_pod_are_no_contradiction() -> None:
    node = snapshot(namespace(POD, paths=[PATH]))
    two = [cni(netns=PATH), cni(netns=PATH)._replace(path="/results/second")]
    found = identify(evidence(sandboxes=two), node)[POD]
    assert found.owner is not None
    assert found.owner["contradictions"] == []
    assert whose(found) == ("default", "pod2", UID, SANDBOX)


def test_lease_confirms_the_sandbox() -> None:
    node = snapshot(namespace(POD, paths=[PATH]))
    found = identify(evidence(sandboxes=[cni(netns=PATH)], leases=[lease("10.244.1.7")]), node)[POD]
    assert found.owner is not None
    assert [source["source"] for source in found.owner["sources"]] == ["cni_cache", "host_local_lease"]


def test_lease_alone_joins_by_the_only_address() -> None:
    addresses = [{"ifindex": 2, "family": 2, "prefixlen": 24, "scope": 0, "local": "10.244.1.7"}]
    node = snapshot(namespace(POD, addresses=addresses))
    known = evidence(leases=[lease("10.244.1.7"), lease("10.244.1.8", None)])
    assert whose(identify(known, node)[POD]) == (None, None, None, SANDBOX)
    assert identify(known, node)[POD].kind == "container"
    twice = snapshot(namespace(POD, addresses=addresses), namespace(POD + 1, addresses=addresses))
    assert {whose(entry) for entry in identify(known, twice).values()} == {None}
    two = evidence(leases=[lease("10.244.1.7"), lease("10.244.1.7", OTHER)])
    assert whose(identify(two, node)[POD]) is None


def test_leaked_result_of_a_dead_sandbox_names_nobody() -> None:
    node = snapshot(namespace(POD, paths=[PATH]))
    found = identify(evidence(sandboxes=[cni(netns="/run/netns/gone")]), node)
    assert {whose(entry) for entry in found.values()} == {None}


def test_path_with_one_namespace_over_another_proves_nothing() -> None:
    node = snapshot(namespace(POD, paths=[PATH]), namespace(POD + 1, paths=[PATH]))
    found = identify(evidence(sandboxes=[cni(netns=PATH)]), node)
    assert {whose(entry) for entry in found.values()} == {None}


def test_claim_to_the_nodes_own_namespace_is_not_believed() -> None:
    node = snapshot(namespace(OWN, paths=["/run/docker/netns/default"]))
    found = identify(evidence(sandboxes=[cni(netns="/run/docker/netns/default")]), node)
    assert whose(found[OWN]) is None
    assert found[OWN].host_network_pods == []


def test_host_network_pods_from_bundle_and_from_cgroup() -> None:
    own = namespace(OWN, processes=[process(7, kubepods(UID2, OTHER), pid_namespace=9)])
    known = evidence(
        sandboxes=[oci(host_network=True)],
        directories=[PodDirectory("kube-system", "proxy", UID2, "/var/log/pods/x")],
    )
    found = identify(known, snapshot(own))[OWN]
    assert [(pod["namespace"], pod["name"], pod["uid"]) for pod in found.host_network_pods] == [
        ("default", "pod2", UID),
        ("kube-system", "proxy", UID2),
    ]
    assert found.owner is None


def test_containers_of_host_network_pods_say_whose_they_are() -> None:
    """By the sandbox that the container's bundle names, and by the cgroup where there is no bundle."""
    own = namespace(
        OWN,
        processes=[
            process(7, kubepods(UID2, OTHER), pid_namespace=9),
            process(8, kubepods(UID, CONTAINER), pid_namespace=10),
            process(9, "0::/system.slice/docker-%s.scope" % ("d" * 64), pid_namespace=11),
        ],
    )
    known = evidence(
        sandboxes=[oci(host_network=True)],
        containers=[ContainerClaim(CONTAINER, "web", SANDBOX, None)],
        directories=[PodDirectory("kube-system", "proxy", UID2, "/var/log/pods/x")],
    )
    found = identify(known, snapshot(own))[OWN]
    assert {key: pod["name"] for key, pod in found.pods_of_containers.items()} == {OTHER: "proxy", CONTAINER: "pod2"}


def test_pod_that_visits_the_nodes_own_namespace_is_no_host_network_pod() -> None:
    own = namespace(OWN, processes=[process(7, kubepods(UID, CONTAINER))])
    node = snapshot(own, namespace(POD, paths=[PATH]))
    found = identify(evidence(sandboxes=[cni(netns=PATH)]), node)
    assert found[OWN].host_network_pods == []
    assert whose(found[POD]) == ("default", "pod2", UID, SANDBOX)


def test_lab_pod_by_process_and_its_containers_by_pid_namespace() -> None:
    lab = SandboxClaim(
        "lab_state", "/run/podnet-lab/lab0/pods/x.json", SANDBOX, "default", "pod1", UID, "lab", None, False, ((7, 70),)
    )
    known = evidence(sandboxes=[lab], containers=[ContainerClaim("web-id", "web", SANDBOX, (8, 80))])
    processes = [process(7, pid_namespace=50), process(8, pid_namespace=51), process(9, pid_namespace=51)]
    found = identify(known, snapshot(namespace(POD, processes=processes)))[POD]
    assert found.kind == "lab"
    assert whose(found) == ("default", "pod1", UID, SANDBOX)
    assert found.containers == {7: (SANDBOX, None), 8: ("web-id", "web"), 9: ("web-id", "web")}


@pytest.mark.parametrize(
    ("entry", "kind"),
    [
        (namespace(POD, processes=[process(7, "0::/system.slice/docker-%s.scope\n" % CONTAINER)]), "container"),
        (namespace(POD, paths=["/run/docker/netns/5a5a"]), "container"),
        (namespace(POD, paths=["/run/netns/netns-1c3e"]), "container"),
        (namespace(POD, paths=["/run/netns/blue"], processes=[process(7)]), "named"),
        (namespace(POD, processes=[process(7)], process_count=1), "process"),
        (namespace(POD), "hidden"),
    ],
)
def test_kinds_without_owner(entry: Namespace, kind: str) -> None:
    found = identify(evidence(container_names={CONTAINER: "web"}), snapshot(entry))[POD]
    assert (found.kind, found.owner) == (kind, None)


def test_docker_container_has_its_name() -> None:
    entry = namespace(POD, processes=[process(7, "0::/system.slice/docker-%s.scope\n" % CONTAINER)])
    found = identify(evidence(container_names={CONTAINER: "web"}), snapshot(entry))[POD]
    assert found.containers == {7: (CONTAINER, "web")}


# ---------------------------------------------------------------- subsets


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (["default"], DEFAULT),
        ([], DEFAULT),
        (["min"], frozenset()),
        (["all"], frozenset(SUBSETS) - {"api"}),
        (["all", "api"], frozenset(SUBSETS)),
        (["all", "api", "!all"], frozenset()),
        (["!all"], frozenset()),
        (["!routes"], DEFAULT - {"routes"}),
        (["min", "rules"], {"rules"}),
        (["all", "!hidden"], frozenset(SUBSETS) - {"api", "hidden"}),
        (["!hidden", "all"], frozenset(SUBSETS) - {"api", "hidden"}),
        (["all_routes"], {"all_routes", "connected_routes", "routes"}),
        (["all_routes", "!routes"], frozenset()),
        (["default", " links "], DEFAULT | {"links"}),
        (["permanent_fdb"], {"permanent_fdb", "fdb"}),
        (["diagnose"], DIAGNOSE | {"connected_routes"}),
        (["diagnose", "!firewall"], (DIAGNOSE | {"connected_routes"}) - {"firewall"}),
    ],
)
def test_subsets(asked: List[str], expected: Any) -> None:
    assert choose(asked, DEFAULT) == expected


def test_settings_of_interfaces_are_left_out_where_they_are_as_those_of_new_ones() -> None:
    settings = {
        "net.bridge.bridge-nf-call-iptables": None,
        "net.ipv4.conf.all.rp_filter": 1,
        "net.ipv4.conf.default.rp_filter": 1,
        "net.ipv4.conf.cni0.rp_filter": 1,
        "net.ipv4.conf.eth0/5.rp_filter": 2,
        "net.ipv6.conf.cni0.forwarding": 1,
        "net.ipv4.ip_forward": 1,
    }
    assert settings_facts(settings) == {
        name: value for name, value in settings.items() if name != "net.ipv4.conf.cni0.rp_filter"
    }


def test_unknown_subsets_are_named_together_with_those_that_exist() -> None:
    with pytest.raises(UnknownSubsetError) as caught:
        choose(["default", "!rotues", "neighbors"], DEFAULT)
    message = str(caught.value)
    assert "'!rotues', 'neighbors'" in message
    assert all(name in message for name in NAMES)


def test_identity_needs_addresses_and_processes_always() -> None:
    assert needs([]) == {"addresses", "processes"}
    assert needs(["all_routes", "fdb"]) == {"addresses", "processes", "all_routes", "fdb"}


@given(st.lists(st.sampled_from([*NAMES, *("!" + name for name in NAMES)])))
def test_exclusions_win_in_any_order(asked: List[str]) -> None:
    chosen = choose(asked, DEFAULT_OF_ONE_KEY)
    assert chosen <= set(SUBSETS)
    assert not chosen & {name[1:] for name in asked if name.startswith("!")}
    assert chosen == choose(list(reversed(asked)), DEFAULT_OF_ONE_KEY)


# ------------------------------------------------------------------ views

PORT = {"state": "forwarding", "hairpin": True, "learning": True, "isolated": False, "flood": True}
HOSTILE = 'x\n\x1b[31m{{ 7*7 }}<b>|"\\xff'


def link(ifindex: int, ifname: str, kind: str = "veth", **more: Any) -> Link:
    entry: Any = {
        "ifindex": ifindex, "ifname": ifname, "flags": 0x11043, "link_type": 1, "mtu": 1500, "operstate": "UP",
        "address": "02:00:00:00:00:%02x" % ifindex, "info_kind": kind,
    }  # fmt: skip
    entry.update(more)
    found: Link = entry
    return found


def exact(netns: int, ifindex: int, ifname: str) -> Dict[str, Any]:
    return {
        "resolution": "exact",
        "end": {"netns": netns, "ifindex": ifindex, "ifname": ifname},
        "reason": None,
    }


def lost(reason: str) -> Dict[str, Any]:
    return {"resolution": "unresolved", "end": None, "reason": reason}


def small_node(subsets: Any = DEFAULT_OF_ONE_KEY) -> Node:
    """A bridge with a pod, a cable with both ends on the node, and a cable to nowhere."""
    loopback: Any = {"ifindex": 1, "ifname": "lo", "flags": 0x10049, "link_type": 772, "mtu": 65536}
    own = namespace(
        OWN,
        nsids={0: POD},
        links=[
            dict(loopback, operstate="UNKNOWN"),
            link(2, "cni0", "bridge", info_data={"stp_state": 0, "vlan_filtering": 0, "ageing_time": 30000}),
            link(3, "veth1", master=2, link=2, link_netnsid=0, info_slave_kind="bridge", info_slave_data=PORT),
            link(4, "a", link=5),
            link(5, "b", link=4),
            link(6, HOSTILE, master=2, link=2, link_netnsid=3),
        ],
        addresses=[
            {"ifindex": 1, "family": 2, "prefixlen": 8, "scope": 254, "local": "127.0.0.1", "flags": 0x80},
            {"ifindex": 2, "family": 2, "prefixlen": 24, "scope": 0, "local": "10.244.1.1", "flags": 0x80},
            {"ifindex": 3, "family": 10, "prefixlen": 64, "scope": 253, "local": "fe80::3", "flags": 0x80},
        ],
        routes=[
            {"family": 2, "dst": "10.244.1.0", "dst_len": 24, "type": 1, "protocol": 2, "scope": 253, "table": 254,
             "oif": 2, "prefsrc": "10.244.1.1"},
            {"family": 2, "dst_len": 0, "type": 1, "protocol": 3, "scope": 0, "table": 254, "oif": 2,
             "gateway": "10.244.1.254"},
            {"family": 2, "dst": "10.244.9.0", "dst_len": 26, "type": 6, "protocol": 12, "scope": 0, "table": 80},
        ],
        peers={3: exact(POD, 2, "eth0"), 4: exact(OWN, 5, "b"), 5: exact(OWN, 4, "a"), 6: lost("nobody has it")},
        fdb=[
            {"family": 7, "ifindex": 3, "state": 2, "flags": 0, "lladdr": "02:00:00:00:00:99", "master": 2},
            {"family": 7, "ifindex": 3, "state": 0x80, "flags": 0, "lladdr": "02:00:00:00:00:03", "master": 2},
        ],
    )  # fmt: skip
    pod = namespace(
        POD,
        paths=[PATH],
        links=[link(2, "eth0", address="02:00:00:00:00:99", link=3, link_netnsid=0)],
        addresses=[{"ifindex": 2, "family": 2, "prefixlen": 24, "scope": 0, "local": "10.244.1.7", "flags": 0x80}],
        peers={2: exact(OWN, 3, "veth1")},
        processes=[process(7, kubepods(UID, CONTAINER), 9, HOSTILE), process(8, kubepods(UID, CONTAINER), 9)],
        process_count=2,
    )
    node = snapshot(own, pod, namespace(POD + 1, vanished=True, entered=False))
    known = evidence(sandboxes=[cni(netns=PATH)], containers=[ContainerClaim(CONTAINER, "web", SANDBOX, None)])
    return Node(node, identify(known, node), frozenset(subsets), [])


def read_schema(key: str) -> Any:
    here = os.path.dirname(os.path.abspath(__file__))
    path = os.path.join(here, "..", "..", "..", "..", "..", "docs", "schema", key + ".schema.json")
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def validate(key: str, facts: Any) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    if not hasattr(jsonschema, "Draft202012Validator"):
        pytest.skip("this jsonschema is too old")
    jsonschema.Draft202012Validator(read_schema(key)).validate(facts)


@pytest.mark.parametrize("subsets", [DEFAULT, DEFAULT_OF_ONE_KEY, frozenset(), frozenset(SUBSETS)])
def test_views_keep_their_schemas(subsets: Any) -> None:
    node = small_node(subsets)
    for key, view in (("podnet_netns", netns_facts), ("podnet_veth", veth_facts), ("podnet_bridge", bridge_facts)):
        facts = view(node)
        validate(key, facts)
        json.dumps(facts).encode("utf-8")


def test_namespaces_in_order_with_what_is_in_them() -> None:
    facts = netns_facts(small_node())
    own, pod, gone = facts["namespaces"]
    assert [entry["kind"] for entry in (own, pod, gone)] == ["host", "pod", "hidden"]
    assert (pod["nsid"], pod["names"]) == (0, ["cni-1"])
    assert not {"paths", "process_count", "errors"} & set(pod), "names and processes say the same"
    assert (own["paths"] if own["names"] else None, own["process_count"]) == (None, 0)
    assert pod["containers"] == [{"id": CONTAINER, "name": "web", "pids": [7, 8], "pid_namespace": 9}]
    assert pod["processes"] == [{"pid": 7, "comm": HOSTILE}, {"pid": 8, "comm": "sleep"}]
    assert "processes" not in own
    assert facts["partial"] is True, "a namespace vanished"
    assert "vanished" in gone["errors"][0]["cause"]


def test_compact_interfaces() -> None:
    own = netns_facts(small_node(DEFAULT))["namespaces"][0]
    assert [entry["ifname"] for entry in own["interfaces"]] == ["cni0", "veth1", "a", "b", HOSTILE]
    assert own["interfaces"][1] == {
        "ifindex": 3, "ifname": "veth1", "mtu": 1500, "address": "02:00:00:00:00:03", "master": "cni0",
    }  # fmt: skip
    assert own["interfaces"][0]["addresses"] == ["10.244.1.1/24"]
    pod = netns_facts(small_node(DEFAULT))["namespaces"][1]
    assert pod["interfaces"] == [
        {"ifindex": 2, "ifname": "eth0", "mtu": 1500, "address": "02:00:00:00:00:99", "addresses": ["10.244.1.7/24"]}
    ]


@pytest.mark.parametrize(
    "change",
    [{"flags": 0x80 | 0x08}, {"flags": 0}, {"scope": 200}, {"address": "10.244.1.1"}],
    ids=["duplicate", "with a lifetime", "another scope", "a peer"],
)
def test_an_address_with_more_to_say_says_it(change: Dict[str, Any]) -> None:
    node = small_node(DEFAULT)
    address: Any = node.snapshot["namespaces"][POD]["addresses"][0]
    address.update(change)
    (eth0,) = netns_facts(node)["namespaces"][1]["interfaces"]
    assert eth0["addresses"] == ["10.244.1.7/24"]
    assert eth0["addr_info"][0]["local"] == "10.244.1.7"


def test_a_link_with_its_peers_address_only() -> None:
    node = small_node(DEFAULT)
    address: Any = node.snapshot["namespaces"][POD]["addresses"][0]
    del address["local"]
    address["address"] = "10.244.1.9"
    assert netns_facts(node)["namespaces"][1]["interfaces"][0]["addresses"] == ["10.244.1.9/24"]


def test_paths_that_names_do_not_tell() -> None:
    node = small_node(DEFAULT)
    node.snapshot["namespaces"][POD]["paths"].append("/var/elsewhere")
    assert netns_facts(node)["namespaces"][1]["paths"] == [PATH, "/var/elsewhere"]
    docker = namespace(POD + 2, paths=["/run/docker/netns/x"])
    alone = snapshot(docker)
    entry = netns_facts(Node(alone, identify(NO_EVIDENCE, alone), DEFAULT, []))["namespaces"][1]
    assert (entry["names"], entry["paths"]) == (["x"], ["/run/docker/netns/x"])


def test_what_is_left_out_is_what_the_schemas_give_as_default() -> None:
    def defaults(key: str, *path: str) -> Dict[str, Any]:
        schema = read_schema(key)
        for name in path:
            schema = schema["properties"][name]
            schema = schema.get("items", schema)
        return {name: one["default"] for name, one in schema["properties"].items() if "default" in one}

    known = (
        (USUAL_NAMESPACE, defaults("podnet_netns", "namespaces")),
        (USUAL_OWNER, defaults("podnet_netns", "namespaces", "owner")),
        (USUAL_OWNER, defaults("podnet_netns", "namespaces", "host_network_pods")),
        (USUAL_LINK, defaults("podnet_netns", "namespaces", "interfaces")),
        (USUAL_PAIR, defaults("podnet_veth", "pairs")),
        (USUAL_PORT, defaults("podnet_bridge", "bridges", "ports")),
        (USUAL_LEASE, defaults("podnet_pod_cidr", "leases")),
    )
    for usual, default in known:
        assert {name: value for name, value in usual.items() if value is not None} == default


@pytest.mark.parametrize(
    ("owner", "shown"),
    [
        (None, None),
        ({"namespace": "default", "name": "web-0", "uid": UID}, "default/web-0"),
        ({"namespace": None, "name": "web-0", "uid": None}, "/web-0"),
        ({"namespace": "default", "name": None, "uid": UID}, UID),
        ({"namespace": "default", "name": None, "uid": None}, None),
    ],
)
def test_a_pod_as_others_refer_to_it(owner: Optional[Dict[str, Any]], shown: Optional[str]) -> None:
    assert pod_reference(owner) == shown


def test_leases_say_what_is_not_as_usual() -> None:
    whole = {
        "address": "10.244.1.7", "network": "cbr0", "container_id": SANDBOX, "ifname": "eth0",
        "path": "/var/lib/cni/networks/cbr0/10.244.1.7", "state": "in_use", "pod": None,
    }  # fmt: skip
    assert lease_fact(whole) == {
        "address": "10.244.1.7", "network": "cbr0", "container_id": SANDBOX, "state": "in_use", "pod": None,
    }  # fmt: skip
    other = {**whole, "ifname": None, "path": "/data/cbr0/10.244.1.7", "pod": {"namespace": "a", "name": "b"}}
    assert lease_fact(other) == {**other, "pod": "a/b"}


def test_complete_interfaces() -> None:
    own = netns_facts(small_node(SUBSETS))["namespaces"][0]
    loopback, _bridge, veth = own["interfaces"][:3]
    assert loopback["addr_info"][0]["local"] == "127.0.0.1"
    assert veth["flags"] == ["BROADCAST", "MULTICAST", "UP", "LOWER_UP"]
    assert (veth["link_index"], veth["link_netnsid"]) == (2, 0)
    assert veth["addr_info"][0]["local"] == "fe80::3"
    assert veth["peer"] == {"netns": POD, "ifindex": 2, "ifname": "eth0"}
    assert veth["linkinfo"]["info_slave_data"]["hairpin"] is True


@pytest.mark.parametrize(
    ("change", "listed"),
    [({}, False), ({"flags": 0x8}, True)],
)
def test_loopback_is_listed_when_it_is_not_as_it_should_be(change: Dict[str, Any], listed: bool) -> None:
    node = small_node(DEFAULT)
    loopback: Any = node.snapshot["namespaces"][OWN]["links"][0]
    loopback.update(change)
    names = [entry["ifname"] for entry in netns_facts(node)["namespaces"][0]["interfaces"]]
    assert ("lo" in names) is listed


def test_loopback_with_a_further_address_is_listed() -> None:
    node = small_node(DEFAULT)
    node.snapshot["namespaces"][OWN]["addresses"].append(
        {"ifindex": 1, "family": 2, "prefixlen": 32, "scope": 0, "local": "169.254.20.10", "flags": 0x80}
    )
    first = netns_facts(node)["namespaces"][0]["interfaces"][0]
    assert [address["local"] for address in first["addr_info"]] == ["127.0.0.1", "169.254.20.10"]


def test_routes_by_subset() -> None:
    def shown(*subsets: str) -> List[Any]:
        return list(netns_facts(small_node(choose(list(subsets), DEFAULT)))["namespaces"][0]["routes"])

    default = {"dst": "default", "family": "inet", "gateway": "10.244.1.254", "dev": "cni0"}
    connected = {
        "dst": "10.244.1.0/24", "family": "inet", "dev": "cni0", "protocol": "kernel", "scope": "link",
        "prefsrc": "10.244.1.1",
    }  # fmt: skip
    blackhole = {"type": "blackhole", "dst": "10.244.9.0/26", "family": "inet", "table": "80", "protocol": "bird"}
    assert shown("default") == [default]
    assert shown("connected_routes") == [default, connected]
    assert shown("all_routes") == [default, connected, blackhole]


def test_pairs_once_with_pod_and_bridge() -> None:
    pairs = veth_facts(small_node())["pairs"]
    assert [[end["ifname"] for end in pair["ends"]] for pair in pairs] == [
        ["veth1", "eth0"],
        ["a", "b"],
        [HOSTILE, None],
    ]
    first, both_here, nowhere = pairs
    assert (first["pod"], first["bridge"]) == ("default/pod2", "cni0")
    assert not {"resolution", "reason"} & set(first)
    assert (first["ends"][0]["master"], first["ends"][1]["netns_name"]) == ("cni0", "cni-1")
    assert (both_here["pod"], both_here["bridge"]) == (None, None)
    assert nowhere["ends"][1] == {"netns": None, "netns_name": None, "ifname": None, "ifindex": 2, "nsid": 3}
    assert (nowhere["resolution"], nowhere["reason"]) == ("unresolved", "nobody has it")


def test_bridge_with_pods_behind_ports_and_addresses() -> None:
    (bridge,) = bridge_facts(small_node())["bridges"]
    assert [port["ifname"] for port in bridge["ports"]] == ["veth1", HOSTILE]
    port = bridge["ports"][0]
    assert (port["hairpin"], port["pod"]) == (True, "default/pod2")
    assert not {"state", "learning", "flood", "isolated"} & set(port)
    assert port["peer"] == {"netns": POD, "ifindex": 2, "ifname": "eth0"}
    assert bridge["fdb"] == [
        {
            "mac": "02:00:00:00:00:99",
            "dev": "veth1",
            "state": "learned",
            "pod": "default/pod2",
        }
    ]
    short = bridge_facts(small_node(DEFAULT))["bridges"][0]["ports"][0]
    assert short == {"ifname": "veth1", "ifindex": 3, "hairpin": True}, "podnet_veth names the pod"
    whole = bridge_facts(small_node(SUBSETS))["bridges"][0]["fdb"]
    assert [entry["state"] for entry in whole] == ["permanent", "learned"]


def test_evidence_is_an_extra() -> None:
    short = netns_facts(small_node(DEFAULT))["namespaces"][1]["owner"]
    assert short == {
        "namespace": "default", "name": "pod2", "uid": UID, "sandbox_id": SANDBOX, "runtime": "containerd",
        "source": "cni_cache",
    }  # fmt: skip
    whole = netns_facts(small_node(["sources"]))["namespaces"][1]["owner"]
    assert [source["source"] for source in whole["sources"]] == ["cni_cache", "cgroup"]
