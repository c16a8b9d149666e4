# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""path.yml on a real cluster: what kube-proxy's rules do with a packet, and where a damaged cluster ends it."""

from __future__ import annotations

import json
from typing import Any

import jsonschema

from ansible_collections.podnet.lab.tests.cluster.site import CONTROL_PLANE, PLAYBOOKS, Site
from ansible_collections.podnet.lab.tests.integration.support.world import CHECKOUT

SCHEMA = json.loads((CHECKOUT / "docs" / "schema" / "path.schema.json").read_text(encoding="utf-8"))
DENIED = "nft 'table ip test_path { chain f { type filter hook forward priority 0; tcp dport 80 drop; }; }'"


def read(site: Site, name: str) -> str:
    """Read all that decides on the members; return the folder."""
    folder = str(site.directory / name)
    options = json.dumps({"podnet_report_dir": folder, "podnet_diagnose": True})
    site.nodes.playbook(PLAYBOOKS / "inspect.yml", "--limit", ",".join((CONTROL_PLANE, *site.workers)), "-e", options)
    return folder


def path(site: Site, folder: str, sender: str, receiver: str) -> dict[str, Any]:
    """Compute a path from what was read."""
    options = json.dumps({"podnet_report_dir": folder, "podnet_from": sender, "podnet_to": receiver})
    site.nodes.playbook(PLAYBOOKS / "path.yml", "-e", options)
    with open(f"{folder}/path.json", encoding="utf-8") as stream:
        said: dict[str, Any] = json.load(stream)
    jsonschema.validate(said, SCHEMA)
    return said


def pods(site: Site, app: str) -> dict[str, str]:
    """Address by name of the pods of an app, as kubectl says."""
    items = site.items(f"pods --selector=app={app}")
    return {f"{one['metadata']['namespace']}/{one['metadata']['name']}": one["status"]["podIP"] for one in items}


def test_a_packet_to_a_service_ends_at_each_of_its_backends_and_at_no_other(ready: Site) -> None:
    folder = read(ready, "path-whole")
    web = pods(ready, "web")
    for sender in (next(iter(pods(ready, "pod1"))), CONTROL_PLANE):
        said = path(ready, folder, sender, "default/web:80")
        assert said["verdict"] == "delivered", json.dumps(said, indent=1)
        assert {way["there"]["packet"]["dst"] for way in said["ways"]} == set(web.values())
        assert all(way["back"]["verdict"] == "delivered" for way in said["ways"])


def test_a_rule_that_drops_is_named(ready: Site) -> None:
    [(pod1, _address)] = pods(ready, "pod1").items()
    [(pod2, _other)] = pods(ready, "pod2").items()
    for node in (CONTROL_PLANE, *ready.workers):
        ready.nodes.shell(node, DENIED)
    try:
        folder = read(ready, "path-denied")
    finally:
        for node in (CONTROL_PLANE, *ready.workers):
            ready.nodes.shell(node, "nft delete table ip test_path")
    said = path(ready, folder, pod1, f"{pod2}:80")
    assert said["verdict"] == "dropped", json.dumps(said, indent=1)
    assert all("test_path" in way["there"]["reason"] for way in said["ways"])
