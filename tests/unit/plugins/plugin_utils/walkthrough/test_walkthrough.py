# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The walk: who is on the stage, what is run there, and how it is told."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.podnet.lab.plugins.plugin_utils.model.reading import ShapeError
from ansible_collections.podnet.lab.plugins.plugin_utils.report import gathering
from ansible_collections.podnet.lab.plugins.plugin_utils.text import words
from ansible_collections.podnet.lab.plugins.plugin_utils.text.escape import width
from ansible_collections.podnet.lab.plugins.plugin_utils.walkthrough import commands, plan, rendering
from ansible_collections.podnet.lab.plugins.plugin_utils.walkthrough.records import Scene, Step
from ansible_collections.podnet.lab.plugins.plugin_utils.walkthrough.scene import SceneError, chosen_pod, scene
from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.model.node_files import (
    NodeFile,
    model_of,
    three_nodes,
    unread,
)

FIXTURES = next(one for one in Path(__file__).parents if one.name == "unit") / "fixtures" / "nodes"
HOSTILE = "{{ 7*7 }}```\x1b[31m|<b>"


def real(name: str, wanted: str | None = None) -> Scene:
    """The scene of captured nodes; what listens was not captured with them."""
    model, sources = gathering.read_model([FIXTURES / name])
    documents = [source.document for source in sources]
    for document in documents:
        for namespace in document["podnet_netns"]["namespaces"]:
            if namespace["kind"] != "host":
                namespace["sockets"] = [
                    {"protocol": "tcp", "local": "127.0.0.1", "port": 9, "uid": 0, "inode": 1},
                    {"protocol": "tcp6", "local": "::", "port": 8080, "uid": 0, "inode": 2},
                ]
    return scene(model, chosen_pod(model, wanted=wanted), documents)


def of(stage: Scene, key: str) -> Step:
    (found,) = [step for step in plan.steps(stage) if step.key == key]
    return found


def typed(step: Step) -> list[str]:
    return [rendering.command(choice) for one in step.commands for choice in one.choices]


def answered(steps: list[Step], output: str = "x", **changes: Any) -> list[dict[str, Any]]:
    """What the module returns when each command printed *output*."""
    return [
        {"argv": one["choices"][0]["argv"], "rc": 0, "output": output, "left_out": 0, "missing": [], **changes}
        for one in plan.asked(steps)
    ]


def test_the_pod_that_shows_most_is_chosen() -> None:
    stage = real("kubeadm_services")
    assert words.pod_name(stage.pod) == "default/pod1"
    assert [one["name"] for one in stage.containers] == ["idle1", "idle2", "web"]
    assert stage.beside is not None
    assert stage.beside["host"] == "node1"
    assert stage.far is not None
    assert words.pod_name(stage.far) == "default/pod2"


def test_a_pod_can_be_asked_for() -> None:
    assert real("kubeadm_services", "default/pod2").node["host"] == "node2"
    with pytest.raises(SceneError, match=r"No pod is called default/pod9. There are: default/pod1"):
        real("kubeadm_services", "default/pod9")


def test_nodes_without_pods_are_no_stage() -> None:
    with pytest.raises(SceneError, match=r"Build the lab \(podnet.lab.lab\)"):
        chosen_pod(model_of(NodeFile(1, pods=0)))
    with pytest.raises(SceneError, match=r"and 1 node could not be read. node9: "):
        chosen_pod(model_of(NodeFile(1, pods=0), unread("node9")))


def test_the_walk_through_a_cluster_has_the_values_of_the_cluster() -> None:
    stage = real("kubeadm_services")
    inside = "ip netns exec cni-da9c73de-6000-5e6b-27bf-fe228d74543c"
    assert typed(of(stage, "identify")) == ["ip netns identify 1340", "readlink /proc/1340/ns/net"]
    assert "the sandbox is process 1310, idle1 is 1340" in of(stage, "sandbox").look
    assert typed(of(stage, "cable")) == [f"{inside} ip link show dev eth0", "ip link show dev vethaf6442f5"]
    assert of(stage, "cable").look.startswith("eth0@if6 says that the other end is interface 6 of another namespace. ")
    assert typed(of(stage, "bridge")) == ["bridge -d link show master cni0"]
    assert typed(of(stage, "routes"))[2] == "ip route get 10.244.1.2"
    grep = "grep --line-number --fixed-strings"
    assert typed(of(stage, "ranges"))[1:] == [
        f"{grep} --regexp=10.244.0.0/16 -- /etc/kubernetes/manifests/kube-controller-manager.yaml",
        f"{grep} --regexp=10.244.0.0/24 -- /etc/cni/net.d/10-bridge.conflist",
        f"{grep} --regexp=10.96.0.0/12 -- /etc/kubernetes/manifests/kube-apiserver.yaml",
    ]
    assert typed(of(stage, "service")) == ["iptables-nft -t nat -S KUBE-SVC-OPPHYL3DE7QEONHQ"]
    assert "one of 10.244.1.3:8080, 10.244.1.4:8080 and 10.244.1.5:8080 takes the place" in of(stage, "service").look
    name = "front.default.svc.cluster.local"
    assert f"@10.96.0.10 {name}" in typed(of(stage, "names"))[0]


@pytest.mark.parametrize(
    ("argv", "line", "followed"),
    [
        (
            "iptables-nft -t nat -S KUBE-SVC-X",
            "-A KUBE-SVC-X -m statistic --mode random --probability 0.5 -j KUBE-SEP-Y2",
            ["iptables-nft", "-t", "nat", "-S", "KUBE-SEP-Y2"],
        ),
        (
            "nft list chain ip kube-proxy service-X-ns1/svc1/tcp/p80",
            "numgen random mod 1 vmap { 0 : goto endpoint-5O-ns1/svc1/tcp/p80__10.180.0.1/80 }",
            ["nft", "list", "chain", "ip", "kube-proxy", "endpoint-5O-ns1/svc1/tcp/p80__10.180.0.1/80"],
        ),
        ("nft list chain ip podnet_lab0 services", "dnat to 10.1.0.2:80", None),
        ("nft flush chain ip kube-proxy x", "goto endpoint-5O", None),
        ("iptables -t nat -S KUBE-SVC-X", "-A KUBE-SVC-X -j KUBE-MARK-MASQ", None),
    ],
)
def test_the_path_of_a_connection_goes_on_to_its_first_backend(
    argv: str, line: str, followed: list[str] | None
) -> None:
    stage = real("kubeadm_services")
    steps = plan.steps(stage)
    results = answered(steps)
    place = sum(len(step.commands) for step in steps[: [step.key for step in steps].index("service")])
    results[place] = {"argv": argv.split(), "rc": 0, "output": line, "left_out": 0, "missing": []}
    further = plan.following(steps, results, "walk.json")
    assert [one["choices"][0]["argv"] for one in further] == ([] if followed is None else [followed])
    shown = [{"argv": followed, "rc": 0, "output": "DNAT", "left_out": 0, "missing": []}] if followed else []
    told = plan.told("node1", steps, results + shown, "walk.json")
    assert [len(one.answers) for one in told if one.step.key == "service"] == [1 + len(shown)]


def test_requests_go_to_ports_that_others_reach() -> None:
    stage = real("kubeadm_services")
    urls = [typed(of(stage, key))[0].rpartition(" ")[2] for key in ("localhost", "beside", "far")]
    assert urls == ["http://127.0.0.1:8080/", "http://10.244.0.2:8080/", "http://10.244.1.2:8080/"]
    request = of(stage, "far").commands[0].request
    assert request is not None
    assert (request.inode, request.address, request.port) == (stage.pod["netns"], "10.244.1.2", 8080)
    assert request.doors[0] == "/run/netns/cni-da9c73de-6000-5e6b-27bf-fe228d74543c"


def test_what_is_not_there_is_said_in_one_line() -> None:
    node = NodeFile(1, pods=0)
    node.pod("alone")
    model = model_of(node)
    stage = scene(model, chosen_pod(model))
    lacking = {step.key: step.lacking for step in plan.steps(stage) if step.lacking}
    assert lacking["shared"] == "default/alone has not two containers that run"
    assert lacking["service"].startswith("no rule on this node sends the address of a Service to a pod")
    assert lacking["names"].startswith("the pod's resolv.conf was not found, and no rule on this node leads to")
    assert lacking["far"] == "no pod on another node was seen to listen"
    assert all(step.commands == () for step in plan.steps(stage) if step.lacking)
    assert "not here: default/alone has not" in rendering.terminal(
        [("all", stage, plan.told("node1", plan.steps(stage), answered(plan.steps(stage)), "walk.json"))], None
    ).replace("\n    ", " ")


@pytest.mark.parametrize(
    ("command", "target", "run"),
    [
        ("iptables -t nat -S KUBE-SERVICES", "KUBE-SVC-X", ["iptables -t nat -S KUBE-SVC-X"]),
        ("nft list map ip kube-proxy service-ips", "service-X", ["nft list chain ip kube-proxy service-X"]),
        ("nft list chain ip podnet_lab0 services", None, ["nft list chain ip podnet_lab0 services"]),
        ("cat /proc/net/ip_vs", None, ["cat /proc/net/ip_vs"]),
        ("cat /etc/shadow", None, []),
        ("iptables -t nat -F KUBE-SERVICES", "KUBE-SVC-X", []),
        ("nft list chain ip x y", "z; rm -rf /", []),
    ],
)
def test_of_what_facts_name_only_known_commands_are_run(command: str, target: str | None, run: list[str]) -> None:
    from ansible_collections.podnet.lab.plugins.plugin_utils.walkthrough.traffic import _rule_commands

    assert _rule_commands(command, target) == run


def test_nothing_that_is_run_changes_the_node() -> None:
    words_ = {"add", "del", "set", "flush", "replace", "change", "-A", "-D", "-F", "-I", "restore", "sh", "bash"}
    for name in ("kubeadm_services", "lab", "lab_of_two"):
        for one in plan.asked(plan.steps(real(name))):
            for choice in one["choices"]:
                assert not words_ & set(choice["argv"]), choice
                assert set(choice["programs"]) <= set(choice["argv"])


SEARCH = ["default.svc.cluster.local", "svc.cluster.local"]
SANDBOX = "/var/lib/containerd/io.containerd.grpc.v1.cri/sandboxes/1f2e/resolv.conf"


def with_resolver(name: str, path: str, search: list[str]) -> Step:
    """The step of names where the pod's resolv.conf was found."""
    stage = real(name)
    stage.inside["resolver"] = {"path": path, "nameservers": ["10.96.0.10"], "search": search, "options": ["ndots:5"]}
    return of(stage, "names")


def test_a_short_name_is_asked_for_with_the_pods_own_resolv_conf() -> None:
    step = with_resolver("kubeadm_services", SANDBOX, SEARCH)
    inside = "ip netns exec cni-da9c73de-6000-5e6b-27bf-fe228d74543c"
    bound = f"mount --bind {SANDBOX} /etc/resolv.conf"
    assert typed(step) == [
        f"cat {SANDBOX}",
        f"unshare --mount sh -c '{bound} && exec {inside} getent -s dns ahosts front.default'",
    ]
    (choice,) = step.commands[1].choices
    assert commands.programs(choice) == ("unshare", "mount", "ip", "getent")
    assert "Behind front.default it puts default.svc.cluster.local and svc.cluster.local in turn" in step.look
    step = with_resolver("lab", "/etc/netns/lab0_default_pod1/resolv.conf", [])
    assert typed(step)[1] == "ip netns exec lab0_default_pod1 getent -s dns ahosts kubernetes.default"
    assert "It names no domains to search, so kubernetes.default is asked for as it is." in step.look


def test_what_a_path_holds_is_one_word_of_the_shell() -> None:
    namespace = real("lab").inside
    for path in ("/etc/netns/other/resolv.conf", "/x/$(reboot) 'y'; z"):
        shell = commands.with_names_of_pod(namespace, path, "getent", "ahosts", "a;b")
        assert shell[:4] == ("unshare", "--mount", "sh", "-c")
        assert shlex.split(shell[4]) == [
            *("mount", "--bind", path, "/etc/resolv.conf", "&&", "exec"),
            *("ip", "netns", "exec", "lab0_default_pod1", "getent", "ahosts", "a;b"),
        ]
    namespace["paths"] = ["/run/docker/netns/1a2b"]
    shell = commands.with_names_of_pod(namespace, "/a", "getent", "ahosts", "b")
    assert commands.programs(shell) == ("unshare", "mount", "nsenter", "getent")


def test_a_namespace_is_entered_by_its_name_its_path_or_a_process() -> None:
    namespace = real("lab").inside
    assert commands.entered(namespace, "ip", "addr")[:4] == ("ip", "netns", "exec", "lab0_default_pod1")
    namespace["paths"] = ["/run/docker/netns/1a2b"]
    assert commands.entered(namespace, "ip", "addr") == ("nsenter", "--net=/run/docker/netns/1a2b", "ip", "addr")
    namespace["paths"] = ["/run/netns/-all"]
    assert commands.programs(commands.entered(namespace, "ss", "-n")) == ("nsenter", "ss")
    namespace["paths"] = []
    assert commands.programs(commands.entered(namespace, "ss", "-n")) == ("nsenter", "ss")


def test_answers_are_joined_to_their_steps() -> None:
    steps = plan.steps(real("kubeadm_services"))
    results = answered(steps)
    told = plan.told("node1", steps, results, "walk.json")
    assert [len(one.answers) for one in told] == [len(step.commands) for step in steps]
    short = plan.told("node1", steps, results[:3], "walk.json")
    assert [len(one.answers) for one in short][:4] == [1, 1, 1, 0]
    with pytest.raises(ShapeError, match=r"walk\.json"):
        plan.told("node1", steps, [{"rc": "0"}], "walk.json")


def both_shapes(stage: Scene, results: list[dict[str, Any]]) -> tuple[str, str]:
    sides = [("lab", stage, plan.told("node1", plan.steps(stage), results, "walk.json"))]
    return rendering.terminal(sides, "reports/x/walkthrough.md"), rendering.markdown(sides)


def test_the_terminal_has_80_columns_and_markdown_everything() -> None:
    stage = real("kubeadm_services")
    output = "\n".join([f"line {number} " + "word " * 40 for number in range(30)])
    terminal, markdown = both_shapes(stage, answered(plan.steps(stage), output, left_out=4, rc=1))
    assert max(map(width, terminal.splitlines())) <= 80
    assert "    ... 22 more lines" in terminal
    assert "    (ended with code 1)" in terminal
    assert "line 29 word" in markdown
    assert "... 4 more lines" in markdown
    for number, step in enumerate(plan.steps(stage), 1):
        assert f"{number} {step.title.upper()}" in terminal
        assert f"## {number}. " in markdown


def test_what_a_container_controls_stays_what_it_is() -> None:
    nodes = three_nodes()
    nodes[0].pod(HOSTILE, HOSTILE)
    model = model_of(*nodes)
    stage = scene(model, chosen_pod(model, wanted=f"{HOSTILE}/{HOSTILE}"))
    terminal, markdown = both_shapes(stage, answered(plan.steps(stage), f"````\n```\n{HOSTILE}\n"))
    assert "\x1b" not in terminal + markdown
    fences = [line for line in markdown.splitlines() if line.startswith("```")]
    opened = [line for line in fences if line.endswith("console")]
    assert all(line.startswith("`````") for line in opened)
    assert fences.count("`````") == len(opened)


def test_a_node_without_a_program_says_so() -> None:
    stage = real("lab")
    results = answered(plan.steps(stage), "", argv=[], rc=127, missing=["lsns"])
    terminal, markdown = both_shapes(stage, results)
    assert "node1: not here: the node has no lsns" in terminal
    assert "Not here: the node has no lsns." in markdown
    results = answered(plan.steps(stage), "HTTP/1.0 200 OK", argv=[], missing=["curl", "wget"])
    terminal, _markdown = both_shapes(stage, results)
    assert "without curl or wget, which the node lacks" in terminal.replace("\n    ", " ")


def test_two_sides_stand_under_one_step() -> None:
    sides = []
    for name, fixture in (("lab", "lab"), ("cluster", "kubeadm_services")):
        stage = real(fixture)
        steps = plan.steps(stage)
        sides.append((name, stage, plan.told(stage.pod["host"], steps, answered(steps), "walk.json")))
    terminal = rendering.terminal(sides, None)
    assert terminal.count("THE BRIDGE: ") == 1
    assert "  lab, node1 # bridge -d link show master lab0" in terminal
    assert "  cluster, node1 # bridge -d link show master cni0" in terminal
    # What is the same on both sides is said once.
    assert terminal.count("Each line is a PID namespace") == 1
    assert rendering.markdown(sides).count("**cluster, node1**") == len(plan.steps(sides[0][1]))


def test_what_is_asked_is_plain_json() -> None:
    asked = plan.asked(plan.steps(real("lab")))
    assert json.loads(json.dumps(asked)) == asked
