# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Services as rows: what the terminal and the Markdown both show."""

from __future__ import annotations

from typing import NamedTuple

from ..model import services
from ..model.records import Model, Service, ServiceBackend
from ..text import words

_TYPES = {
    "cluster_ip": "ClusterIP",
    "external_ip": "external IP",
    "load_balancer": "load balancer",
    "external": "external",
    "node_port": "NodePort",
    "health_check": "health check",
}


class ServiceRow(NamedTuple):
    """One address and port that leads to pods."""

    name: str
    kind: str
    place: str
    backends: list[str]
    """Pods, or addresses where nobody knows the pod; without any, what is done instead."""
    summary: str
    """The first of them, and how many more there are. A pod of the Service's own namespace goes by its name alone."""
    hosts: list[str]
    command: str
    odd: bool


def rows(model: Model) -> list[ServiceRow]:
    """Return the Services, without health checks, which lead to no pod; those that are odd first."""
    odd = {finding["object"] for finding in model["odd"] if finding["kind"].startswith("service-")}
    entries = [_row(one, odd) for one in model["services"] if one["type"] != "health_check"]
    return sorted(entries, key=lambda row: not row.odd)


def _row(one: Service, odd: set[str]) -> ServiceRow:
    backends = [_backend(backend) for backend in one["backends"]]
    if not backends:
        done = sorted({rule["action"] for rule in one["rules"]})
        backends = [f"none ({words.listed(done)})"]
    first = backends[0].removeprefix(f"{one['namespace']}/")
    return ServiceRow(
        name=services.name(one),
        kind=_TYPES.get(one["type"] or "", "?"),
        place=services.place(one),
        backends=backends,
        summary=f"{first} and {len(backends) - 1} more" if len(backends) > 1 else first,
        hosts=one["hosts"],
        command=one["rules"][0]["command"],
        odd=services.name(one) in odd,
    )


def _backend(backend: ServiceBackend) -> str:
    pod = backend["pod"]
    return services.endpoint(backend) if pod is None else words.pod_name(pod)
