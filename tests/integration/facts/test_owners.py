# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Owners of real namespaces, from files as runtimes leave them, with hostile files and names beside them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.podnet.lab.tests.integration.support import lookup
from ansible_collections.podnet.lab.tests.integration.support.cni import Runtime, host_local, network, require_plugins
from ansible_collections.podnet.lab.tests.integration.support.schemas import assert_valid
from ansible_collections.podnet.lab.tests.integration.support.world import World

NET = network("cbr0", {"type": "bridge", "bridge": "cni0", "isGateway": True, "ipam": host_local("10.244.1.0/24")})
STATE = "/run/containerd/io.containerd.runtime.v2.task/k8s.io"
ID = "c0" * 32
UID = "11111111-7d1c-4f0e-9d55-0f2f6d0f9a11"
STATIC = "0123456789abcdef0123456789abcdef"


def write(world: World, path: str, content: Any) -> None:
    text = content if isinstance(content, str) else json.dumps(content)
    world.sh('mkdir -p "$(dirname "$1")"; printf %s "$2" > "$1"', path, text)


def sandbox_bundle(name: str, uid: str, sandbox_id: str, netns: str | None) -> dict[str, Any]:
    spaces = [{"type": "pid"}] + ([{"type": "network", "path": netns}] if netns else [])
    return {
        "process": {"args": ["--password=hunter2"], "env": ["TOKEN=hunter2"]},
        "annotations": {
            "io.kubernetes.cri.container-type": "sandbox",
            "io.kubernetes.cri.sandbox-id": sandbox_id,
            "io.kubernetes.cri.sandbox-name": name,
            "io.kubernetes.cri.sandbox-namespace": "kube-system",
            "io.kubernetes.cri.sandbox-uid": uid,
        },
        "linux": {"namespaces": spaces},
    }


def test_a_pod_of_a_runtime_with_every_source(world: World) -> None:
    """CNI result, lease, bundle and log directory agree; by default the most trusted is named, with `sources` all."""
    runtime = Runtime(world, require_plugins("bridge", "host-local", "loopback"))
    pod = runtime.sandbox("default", "web-0")
    runtime.add(pod, NET)
    bundle = sandbox_bundle("web-0", pod.uid, pod.id, pod.netns)
    bundle["annotations"]["io.kubernetes.cri.sandbox-namespace"] = "default"
    write(world, f"{STATE}/{pod.id}/config.json", bundle)
    world.sh('mkdir -p "/var/log/pods/default_web-0_$1"', pod.uid)
    owner = lookup.namespace(world.facts("pod_network_facts", ["default", "sources"]), pod.inode)["owner"]
    assert (owner["namespace"], owner["name"], owner["uid"]) == ("default", "web-0", pod.uid)
    assert (owner["sandbox_id"], owner["runtime"], "contradictions" in owner) == (pod.id, "containerd", False)
    assert [source["source"] for source in owner["sources"]] == [
        "cni_cache",
        "host_local_lease",
        "oci_bundle",
        "pod_logs",
    ]
    short = lookup.namespace(world.facts("netns_facts"), pod.inode)["owner"]
    assert (short["source"], "sources" in short) == ("cni_cache", False)


def test_host_network_and_static_pods(world: World) -> None:
    write(world, f"{STATE}/{ID}/config.json", sandbox_bundle("kube-proxy-x7k2p", UID, ID, None))
    write(world, f"{STATE}/{ID[::-1]}/config.json", sandbox_bundle("etcd-node1", STATIC, ID[::-1], None))
    facts = world.facts("pod_network_facts")
    pods = lookup.host(facts)["host_network_pods"]
    assert [(pod["name"], pod["uid"]) for pod in pods] == [("etcd-node1", STATIC), ("kube-proxy-x7k2p", UID)]
    assert "hunter2" not in json.dumps(facts)
    assert facts["podnet_veth"]["pairs"] == []
    assert_valid("podnet_netns", facts["podnet_netns"])


def test_a_lab_pod_and_its_containers(world: World) -> None:
    """One sandbox process and two containers with PID namespaces of their own share the pod's network."""
    inode = world.netns("lab0-pod1")
    sandbox = world.spawn("sleep", "100000", netns="lab0-pod1")
    containers = []
    for name in ("idle", "web"):
        parent = world.spawn("unshare", "--pid", "--fork", "--kill-child", "sleep", "100000", netns="lab0-pod1")
        child = world.sh(
            'for i in $(seq 100); do c=$(cat "/proc/$1/task/$1/children"); [ -n "$c" ] && break; sleep 0.05; done;'
            "echo $c",
            parent,
        )
        containers.append((name, int(child)))

    def starttime(pid: int) -> int:
        return int(world.sh('cat "/proc/$1/stat"', pid).rpartition(")")[2].split()[19])

    state = {
        "schema_version": 1,
        "lab": "lab0",
        "namespace": "default",
        "name": "pod1",
        "uid": UID,
        "sandbox_id": ID,
        "netns": None,
        "labels": {},
        "pid": sandbox,
        "starttime": starttime(sandbox),
        "containers": [
            {"name": name, "id": f"{ID}-{name}", "pid": pid, "starttime": starttime(pid)} for name, pid in containers
        ],
    }
    write(world, f"/run/podnet-lab/lab0/pods/{ID}.json", state)
    entry = lookup.namespace(world.facts("pod_network_facts"), inode)
    assert entry["kind"] == "lab"
    assert lookup.pod_name(entry["owner"]) == ("default", "pod1")
    grouped = [(container["name"], container["pids"]) for container in entry["containers"]]
    assert grouped == [(None, [sandbox]), *((name, [pid]) for name, pid in containers)]
    assert len({container["pid_namespace"] for container in entry["containers"]}) == 3

    state["starttime"] = 1  # another process has got the id
    state["containers"] = []
    write(world, f"/run/podnet-lab/lab0/pods/{ID}.json", state)
    assert lookup.namespace(world.facts("netns_facts"), inode)["owner"] is None


def test_two_results_for_one_namespace_are_not_chosen_between(world: World) -> None:
    runtime = Runtime(world, require_plugins("bridge", "host-local", "loopback"))
    pod = runtime.sandbox("default", "web-0")
    runtime.add(pod, NET)
    cached = json.loads(world.sh("cat /var/lib/cni/results/cbr0-*"))
    cached["containerId"] = ID
    cached["cniArgs"] = [["K8S_POD_NAMESPACE", "default"], ["K8S_POD_NAME", "impostor"]]
    write(world, f"/var/lib/cni/results/cbr0-{ID}-eth0", cached)
    owner = lookup.namespace(world.facts("netns_facts"), pod.inode)["owner"]
    assert (owner["namespace"], owner["name"], owner["sandbox_id"]) == ("default", None, None)
    values = {entry["field"]: {value["value"] for value in entry["claims"]} for entry in owner["contradictions"]}
    assert values["name"] == {"web-0", "impostor"}


TRAPS = """
d=$1; mkdir -p "$d"; cd "$d"
mkfifo fifo.json; ln -s loop.json loop.json; ln -s /dev/zero zero.json; ln -s /dev/watchdog watchdog.json
head -c 60000000 /dev/zero > huge.json; printf '{"kind": "cniCacheV1", "cont' > cut.json
printf '\\377\\376' > binary.json; : > empty.json; mkdir directory.json
"""


@pytest.mark.parametrize("directory", ["/var/lib/cni/results", "/run/podnet-lab/lab0/pods"])
def test_traps_in_a_directory_are_named_and_the_rest_is_read(world: World, directory: str) -> None:
    inode = world.netns("pod")
    world.sh(TRAPS, directory)
    state = {"schema_version": 1, "namespace": "default", "name": "pod1", "sandbox_id": ID, "netns": "/run/netns/pod"}
    write(world, f"/run/podnet-lab/lab0/pods/{ID}.json", state)
    facts = world.facts("pod_network_facts")
    assert lookup.pod_name(lookup.namespace(facts, inode)["owner"]) == ("default", "pod1")
    for key in ("podnet_netns", "podnet_veth", "podnet_bridge", "podnet_pod_cidr"):
        assert facts[key]["partial"] is True
        assert_valid(key, facts[key])
    named = {error["object"].rsplit("/", 1)[-1] for error in facts["podnet_netns"]["errors"]}
    assert named >= {"fifo.json", "loop.json", "zero.json", "huge.json", "cut.json", "binary.json", "empty.json"}
    assert all(error["cause"] and error["remedy"] for error in facts["podnet_netns"]["errors"])


def test_hostile_names_in_files_reach_the_playbook_as_they_are(world: World) -> None:
    """A pod's name is what its file says: braces are not templated, escapes and newlines stay, on every way through."""
    inode = world.netns("pod")
    name = "x{{ 7*7 }}\n\x1b[31m<b>|"
    state = {"schema_version": 1, "namespace": "{% raw %}", "name": name, "sandbox_id": ID, "netns": "/run/netns/pod"}
    write(world, f"/run/podnet-lab/lab0/pods/{ID}.json", state)
    out = world.scratch / "out.json"
    play = f"""
- hosts: all
  gather_facts: false
  tasks:
    - podnet.lab.pod_network_facts:
    - ansible.builtin.set_fact:
        owners: "{{{{ ansible_facts.podnet_netns.namespaces | map(attribute='owner') | reject('none') }}}}"
    - ansible.builtin.copy:
        content: "{{{{ owners | to_json }}}}"
        dest: {out}
"""
    world.playbook(play)
    (owner,) = json.loads(out.read_text())
    assert (owner["namespace"], owner["name"]) == ("{% raw %}", name)
    assert lookup.namespace(world.facts("netns_facts"), inode)["owner"]["name"] == name


def test_docker_and_podman_paths_are_containers(world: World) -> None:
    world.sh(
        "mkdir -p /run/docker/netns; ip netns add netns-1c3e; ip netns add d;"
        ": > /run/docker/netns/5a5a; mount --bind /run/netns/d /run/docker/netns/5a5a; ip netns del d"
    )
    entries = world.facts("netns_facts")["podnet_netns"]["namespaces"]
    assert [(entry["kind"], entry["names"]) for entry in entries] == [
        ("host", []),
        ("container", ["5a5a"]),
        ("container", ["netns-1c3e"]),
    ]
