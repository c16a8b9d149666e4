# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The third part of the walk: who listens, what a Service does, names, and requests."""

from __future__ import annotations

import re
import shlex

from ..model import services
from ..model.records import Namespace, Pod, Service
from ..text import words
from .commands import doors, entered, inside, on_node, with_names_of_pod
from .records import Answer, Command, Request, Scene, Step
from .scene import address

# Commands that facts name for rules; anything else in their place is shown, not run.
_RULES = re.compile(r"(nft list (chain|map) [\w.-]+ [\w.-]+ [\w./-]+|ip6?tables(-nft|-legacy)? -t nat -S [\w.-]+)\Z")
# The chain of one backend, as kube-proxy calls it in iptables and in nftables.
_BACKEND = re.compile(r"(?:-j (KUBE-SEP-[A-Z0-9]+)|(?:goto|jump) (endpoint-[\w./-]+))")
_DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?\Z")
"""What names of Services and namespaces are in Kubernetes (RFC 1123)."""


def steps(scene: Scene) -> list[Step]:
    """Return the steps from listening sockets to requests."""
    return [_listening(scene), _service(scene), _names(scene), *_requests(scene)]


def _listening(scene: Scene) -> Step:
    return Step(
        "listening",
        "Who listens",
        "Which ports are open on the node, and which in the pod?",
        "Each network has its own ports: what listens in the pod is not among those of the node. No pod is in the "
        "way when the node or a second pod listens on the same port.",
        (on_node("ss", "-nlpt"), inside(scene.inside, "ss", "-nlpt")),
    )


def shown_service(scene: Scene) -> Service | None:
    """Return the Service to look at: one that leads to a pod, rather a user's, with an address of its own."""
    able = [one for one in scene.services if one["backends"] and one["virtual_address"]]
    return min(
        able,
        key=lambda one: (
            not any(backend["pod"] for backend in one["backends"]),
            one["namespace"] == "kube-system",
            services.name(one),
        ),
        default=None,
    )


def _service(scene: Scene) -> Step:
    one = shown_service(scene)
    if one is None:
        return Step(
            "service", "A Service", "What turns a Service's address into a pod's?", "", (),
            "no rule on this node sends the address of a Service to a pod",
        )  # fmt: skip
    rule = next(rule for rule in one["rules"] if rule["host"] == scene.pod["host"])
    backends = words.listed([_backend(backend["address"], backend["port"]) for backend in one["backends"]])
    return Step(
        "service",
        "A Service",
        "What turns a Service's address into a pod's?",
        f"A connection to {services.place(one)} ({services.name(one)}) is caught by the rule {rule['text']!r}"
        f"{' and goes on to ' + rule['target'] if rule['target'] else ''}. There one of {backends} takes the place of "
        "the destination, by a chain of its own where there is one, and the kernel remembers it for the packets that "
        "come back.",
        tuple(on_node(*shlex.split(command)) for command in _rule_commands(rule["command"], rule["target"])),
    )


def _backend(host: str, port: int | None) -> str:
    shown = f"[{host}]" if ":" in host else host
    return shown if port is None else f"{shown}:{port}"


def _rule_commands(command: str, target: str | None) -> list[str]:
    """Return what shows where the rule leads, or the rule itself: the table that it is in may have thousands.

    Only commands of a known shape are returned.
    """
    shown = command
    if target is not None:
        shown = f"{command.rsplit(' ', 1)[0].replace('nft list map', 'nft list chain')} {target}"
    return [shown] if _RULES.match(shown) or shown == "cat /proc/net/ip_vs" else []


def next_rules(answer: Answer) -> Command | None:
    """Return what shows the chain of the first backend that the rules of a Service name, None where they name none."""
    found = next((match for match in map(_BACKEND.search, answer.output) if match), None)
    if found is None or answer.argv is None:
        return None
    command = on_node(*answer.argv[:-1], found[1] or found[2])
    return command if _RULES.match(" ".join(command.choices[0])) else None


def _names(scene: Scene) -> Step:
    """The name of a Service, by the pod's resolv.conf where it was found, else by the server that rules name."""
    title, question = "Names", "Who tells the pod what a name means?"
    full = _full_name(scene)
    resolver = scene.inside["resolver"]
    if resolver is not None and resolver["nameservers"]:
        short = ".".join(full.split(".")[:2])
        return Step(
            "names",
            title,
            question,
            f"The file is what /etc/resolv.conf is in the pod, and says whom to ask: "
            f"{words.listed(resolver['nameservers'])}. {_completed(short, resolver['search'])}",
            (
                on_node("cat", resolver["path"]),
                Command((with_names_of_pod(scene.inside, resolver["path"], "getent", "-s", "dns", "ahosts", short),)),
            ),
        )
    server = next(
        (
            one["virtual_address"]
            for one in scene.services
            if one["port"] == 53 and one["virtual_address"] and one["backends"]
        ),
        None,
    )
    if server is None:
        lacking = "the pod's resolv.conf was not found, and no rule on this node leads to a DNS server (port 53)"
        return Step("names", title, question, "", (), lacking)
    asked = (
        ("dig", "+noall", "+answer", "+time=2", "+tries=1", f"@{server}", full),
        ("nslookup", "-timeout=2", full, server),
        ("host", "-W", "2", full, server),
    )
    return Step(
        "names",
        title,
        question,
        f"The server that pods ask is {server}, the address of a Service again. The answer is the address of the "
        f"Service {full.split('.', maxsplit=1)[0]}: names of the cluster are names of Services.",
        (Command(tuple(entered(scene.inside, *words_) for words_ in asked)),),
    )


def _completed(short: str, search: list[str]) -> str:
    """Say what becomes of a short name."""
    if not search:
        return f"It names no domains to search, so {short} is asked for as it is."
    return (
        f"Behind {short} it puts {words.listed(search)} in turn, and the first line of the answer has the name that "
        "was found."
    )


def _full_name(scene: Scene) -> str:
    """Return the name of the Service that was looked at, or of the one that every cluster has."""
    one = shown_service(scene)
    known = (one["name"], one["namespace"]) if one is not None else ()
    if not all(label and _DNS_LABEL.match(label) for label in known) or not known:
        known = ("kubernetes", "default")
    return f"{known[0]}.{known[1]}.svc.cluster.local"


def _requests(scene: Scene) -> list[Step]:
    own = _port(scene, scene.pod)
    return [
        _request(
            scene,
            "localhost",
            "A request on localhost",
            "Does a container reach its neighbour without leaving the pod?",
            "The packet goes to the pod's loopback interface and stays in the namespace. No cable, no bridge and no "
            "rule of the node has seen it.",
            "127.0.0.1",
            own,
            f"nothing in {words.pod_name(scene.pod)} was seen to listen",
        ),
        _request(
            scene,
            "beside",
            "A request to a pod on the same node",
            "How do two pods of one node talk?",
            "The packet goes through both cables, and the bridge between them where there is one. The node's routes to "
            "other nodes have nothing to do with it.",
            address(scene.beside) if scene.beside else None,
            _port(scene, scene.beside),
            "no other pod on this node was seen to listen",
        ),
        _request(
            scene,
            "far",
            "A request to a pod on another node",
            "How do two pods of two nodes talk?",
            "The packet takes the pod's default route to the node, and the node's route to the other node, as the "
            "routes above say. It arrives with the pod's own address: nobody on the way has changed it.",
            address(scene.far) if scene.far else None,
            _port(scene, scene.far),
            "no pod on another node was seen to listen",
        ),
    ]


def _port(scene: Scene, pod: Pod | None) -> int | None:
    ports = scene.ports.get((pod["host"], pod["netns"]), []) if pod else []
    return next((port for port in (80, 8080) if port in ports), ports[0] if ports else None)


def _request(
    scene: Scene, key: str, title: str, question: str, look: str, target: str | None, port: int | None, lacking: str
) -> Step:
    if target is None or port is None:
        return Step(key, title, question, "", (), lacking)
    return Step(key, title, question, look, (_get(scene.inside, target, port),))


def _get(namespace: Namespace, target: str, port: int) -> Command:
    """Return a request by whichever program the node has."""
    url = f"http://{_backend(target, port)}/"
    return Command(
        (
            entered(namespace, "curl", "-sS", "--max-time", "3", "--include", url),
            entered(namespace, "wget", "-q", "-T", "3", "-t", "1", "-S", "-O", "-", url),
        ),
        Request(doors(namespace), namespace["inode"], target, port),
    )
