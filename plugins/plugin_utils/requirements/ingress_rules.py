# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What Ingresses say: which host and path leads to which Service, and by which questions that shows.

Forms and meanings: Kubernetes API reference, networking.k8s.io/v1, ``IngressSpec``. What the lab's nginx makes of them
is worked out elsewhere (``module_utils/_lab/ingress.py``), so that a mistake of one is no mistake of the other.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ..model.reading import Item
from ..text import words

CLASS = "nginx"
CLASS_ANNOTATION = "kubernetes.io/ingress.class"
"""The older form of ``ingressClassName``."""
_CHANGING = ".ingress.kubernetes.io/"
"""Part of the annotations by which a controller is told to do otherwise, as in ``nginx.ingress.kubernetes.io/``."""
STRANGER = "podnet-verify.invalid"
"""A host that nobody has (RFC 6761, 6.4)."""
_LABEL = "podnet-verify"


class Target(NamedTuple):
    """A port of a Service."""

    namespace: str
    service: str
    port: int | str
    """Its number or its name."""

    @property
    def name(self) -> str:
        """Its name, as in ``default/web``."""
        return f"{self.namespace}/{self.service}"


class Rule(NamedTuple):
    """Which requests go where."""

    host: str
    """Empty: any that no other rule names. ``*.`` at the beginning stands for one label."""
    path: str
    exact: bool
    """Only this path; else everything that begins with its elements too."""
    target: Target


class Ingress(NamedTuple):
    """One Ingress."""

    name: str
    rules: tuple[Rule, ...]
    default: Target | None
    """Where everything goes that no rule names."""
    tls: tuple[str, ...]
    """Hosts for which there is to be TLS, written as those of rules."""
    tls_of_nobody: bool
    """Whether it asks for TLS without saying for which hosts, which is for the controller to know."""
    unclear: str
    """Why nobody but its controller knows what it means; empty when the words of Kubernetes say it."""
    hosts: tuple[str, ...]
    """Those of all rules, also of those that are unclear."""


class Question(NamedTuple):
    """A request, and where it belongs."""

    host: str
    path: str
    target: Target | None
    """None: nobody has it, and the answer is 404."""
    tls: bool
    """Whether there is to be TLS for the host."""

    @property
    def about(self) -> str:
        """What is asked for, as a person writes it."""
        return f"{self.host}{self.path}"


def read_ingress(namespace: str, name: str, annotations: dict[str, str], spec: Item) -> Ingress:
    """Return an Ingress of the API. Raises ShapeError."""
    rules, unclear, hosts = [], [], []
    for rule in spec.items("rules"):
        host = rule.text_or_none("host") or ""
        hosts.append(host)
        http = rule.item_or_none("http")
        for path in http.items("paths") if http is not None else ():
            kind = path.text_or_none("pathType") or "Prefix"
            target = _target(namespace, path.item("backend"))
            if kind not in ("Prefix", "Exact"):
                unclear.append(f"a path is of type {kind}")
            elif target is None:
                unclear.append("a backend is no Service")
            else:
                rules.append(Rule(host, path.text_or_none("path") or "/", kind == "Exact", target))
    other = spec.item_or_none("defaultBackend")
    default = None if other is None else _target(namespace, other)
    if other is not None:
        hosts.append("")
        unclear += ["a backend is no Service"] if default is None else []
    given = spec.text_or_none("ingressClassName") or annotations.get(CLASS_ANNOTATION) or CLASS
    if given != CLASS:
        unclear.append(f"it is of class {given}")
    changing = sorted(one for one in annotations if _CHANGING in one)
    if changing:
        unclear.append(f"it has the annotation {changing[0]}")
    secured = [one.texts("hosts") for one in spec.items("tls")]
    return Ingress(
        f"{namespace}/{name}",
        tuple(rules),
        default,
        tuple(dict.fromkeys(host for one in secured for host in one)),
        not all(secured),
        words.listed(list(dict.fromkeys(unclear))),
        tuple(hosts),
    )


def _target(namespace: str, backend: Item) -> Target | None:
    service = backend.item_or_none("service")
    if service is None:
        return None
    port = service.item("port")
    number = port.number_or_none("number")
    return Target(namespace, service.text("name"), port.text("name") if number is None else number)


def has_host(rule: str, host: str) -> bool:
    """Tell whether the host of a rule is or covers *host*."""
    if rule.startswith("*."):
        label, dot, rest = host.partition(".")
        return bool(label and dot) and rest == rule[2:]
    return rule in ("", host)


def chosen(ingresses: Sequence[Ingress], host: str, path: str) -> Target | None:
    """Return where a request goes: by its host as it is, else by a wildcard, else by rules for any; then by path."""
    rules = [rule for one in ingresses for rule in one.rules]
    named = {rule.host for rule in rules if has_host(rule.host, host)}
    best = min(named, key=lambda one: (one == "", one.startswith("*.")), default=None)
    fitting = [rule for rule in rules if rule.host == best and _has_path(rule, path)]
    if fitting:
        return max(fitting, key=lambda rule: (rule.exact, len(_element(rule)))).target
    return next((one.default for one in ingresses if one.default is not None), None)


def _element(rule: Rule) -> str:
    """Return the path of a Prefix without the slash at its end, which means nothing there."""
    return rule.path.rstrip("/")


def _has_path(rule: Rule, path: str) -> bool:
    if rule.exact:
        return path == rule.path
    return path == _element(rule) or path.startswith(_element(rule) + "/")


def questions(ingresses: Sequence[Ingress]) -> list[Question]:
    """Return what is to be asked, each once: for every rule what it has, and what begins like it and is not its own.

    What an Ingress may have that is unclear is not asked for.
    """
    clear = [one for one in ingresses if not one.unclear]
    unclear = [host for one in ingresses if one.unclear for host in one.hosts]
    asked = dict.fromkeys(pair for one in clear for rule in one.rules for pair in _of_rule(rule))
    if clear:
        asked.setdefault((STRANGER, "/"))
    secured = [host for one in clear for host in one.tls if host]
    return [
        Question(host, path, chosen(clear, host, path), any(has_host(one, host) for one in secured))
        for host, path in asked
        if not any(has_host(one, host) for one in unclear)
    ]


def _of_rule(rule: Rule) -> Iterator[tuple[str, str]]:
    wild = rule.host.startswith("*.")
    host = _LABEL + rule.host[1:] if wild else rule.host or STRANGER
    if rule.exact:
        yield host, rule.path
        yield host, f"{_element(rule)}/{_LABEL}"
    else:
        yield host, f"{_element(rule)}/{_LABEL}"
        if _element(rule):
            yield host, f"{_element(rule)}-{_LABEL}"
    if wild:
        yield f"{_LABEL}.{host}", rule.path
