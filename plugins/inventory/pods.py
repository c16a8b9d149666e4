# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Pods as hosts of an inventory."""

from __future__ import annotations

DOCUMENTATION = r"""
name: pods
short_description: Pods as hosts, from what their nodes were seen to run
version_added: 1.0.0
author: podnet.lab contributors (@podnet-lab)
description:
  - Makes each pod of a report a host, such as C(default_pod1), which the connection P(podnet.lab.pod#connection)
    enters through the pod's node.
  - The report is a folder of C(podnet.lab.inspect). With O(live), the plugin reads the nodes itself.
  - Pods are in the group C(podnet_pods), and in groups by node (C(podnet_node_node1)), namespace
    (C(podnet_namespace_kube_system)), range (C(podnet_range_10_244_0_0_24)) and, where O(labels) gives labels,
    label (C(podnet_label_app_web)).
  - Each pod has the variables C(podnet_pod), C(podnet_node), C(podnet_addresses) and C(podnet_labels). What nodes
    say in them is never taken for a template.
  - Two pods of one name get their node's name too (C(default_pod1_node1)), and so does one whose name the
    inventory has already. Names with signs that neither Kubernetes nor Ansible allows are written without them,
    with a mark of eight characters that keeps them apart.
notes:
  - The file is named C(pods.podnet.yml) or C(*.pods.podnet.yml).
  - Pods are those of the time when their nodes were read. The connection refuses one that is gone since.
requirements: [netaddr, jmespath]
options:
  plugin:
    description: Name of this plugin.
    type: str
    required: true
    choices: [podnet.lab.pods]
  report:
    description:
      - Report folders. Relative names count from the inventory file.
      - With O(live) one folder, which is made and filled; C(.podnet-pods) by default.
    type: list
    elements: str
    default: []
  nodes:
    description:
      - Inventories of the nodes, whose hosts and groups become a part of this one. Relative names count from the
        inventory file.
      - Without it the nodes must be in the inventory by another C(-i).
    type: list
    elements: str
    default: []
  live:
    description:
      - Whether to read the O(nodes) by C(podnet.lab.inspect), when O(max_age) has passed since the last time.
      - It is a run of C(ansible-playbook) of its own. Passwords that are typed for the command that reads the
        inventory do not reach it.
    type: bool
    default: false
  max_age:
    description: For how many seconds what O(live) has read is good.
    type: int
    default: 300
  timeout:
    description: How many seconds O(live) may take. It is an error when it takes longer.
    type: int
    default: 180
  labels:
    description:
      - A file with what C(kubectl get pods --all-namespaces -o json) prints. Nodes do not know the labels of
        their pods, so that without it there are no groups by label.
    type: str
  prefix:
    description: What all host names begin with, as where two clusters have pods of the same names.
    type: str
    default: ""
  host_network:
    description: Whether pods that have no network namespace but their node's are hosts as well.
    type: bool
    default: false
extends_documentation_fragment:
  - constructed
"""

EXAMPLES = r"""
---
# pods.podnet.yml, after: ansible-playbook podnet.lab.inspect -i inventory.yml
plugin: podnet.lab.pods
report: [reports/latest]
nodes: [inventory.yml]

---
# web.pods.podnet.yml: read from the nodes as they are now, with groups of one's own
plugin: podnet.lab.pods
nodes: [inventory.yml]
live: true
max_age: 60
keyed_groups:
  - key: podnet_pod.runtime
    prefix: runtime
compose:
  ansible_python_interpreter: "'/usr/bin/python3'"
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar

from ansible.errors import AnsibleError, AnsibleParserError
from ansible.inventory.manager import InventoryManager
from ansible.plugins.inventory import BaseInventoryPlugin, Constructable
from ansible.template import trust_as_template
from ansible.utils.vars import combine_vars
from ansible.vars.plugins import get_vars_from_inventory_sources

from ansible_collections.podnet.lab.plugins.plugin_utils.model.reading import ShapeError
from ansible_collections.podnet.lab.plugins.plugin_utils.pods.hosts import Labels, PodHost, pod_hosts, read_labels
from ansible_collections.podnet.lab.plugins.plugin_utils.report import files, gathering, libraries

FILE_NAMES = ("pods.podnet.yml", "pods.podnet.yaml")
GROUP = "podnet_pods"
LIVE_FOLDER = ".podnet-pods"
WITHIN_LIVE = "PODNET_PODS_LIVE"
"""Environment variable of the playbook that reads the nodes: an inventory that is made of itself would never end."""
ITSELF = "'nodes' names this very inventory. Name the one that only holds the nodes."

# The node's variables count when a task runs, with the node's own templates, secrets and facts.
NODE_CONNECTION = "{{ hostvars | podnet.lab.node_connection(podnet_node) }}"
INTERPRETER = "{{ podnet_node_connection.ansible_python_interpreter | default('auto_silent') }}"


class InventoryModule(BaseInventoryPlugin, Constructable):
    """The inventory for Ansible."""

    NAME = "podnet.lab.pods"
    _being_read: ClassVar[set[Path]] = set()

    def verify_file(self, path: str) -> bool:
        """Tell whether *path* has this inventory's name."""
        name = os.path.basename(path)
        return bool(super().verify_file(path)) and (
            name in FILE_NAMES or name.endswith(tuple(f".{one}" for one in FILE_NAMES))
        )

    def parse(self, inventory: Any, loader: Any, path: str, cache: bool = True) -> None:
        """Add the nodes, and the pods on them."""
        super().parse(inventory, loader, path, cache)
        self._read_config_data(path)
        missing = libraries.missing()
        if missing:
            raise AnsibleParserError(missing)
        folder = Path(path).resolve().parent
        nodes = [str(folder / one) for one in self.get_option("nodes")]
        if nodes:
            self._add_nodes(nodes, Path(path).resolve())
        reports = [folder / one for one in self.get_option("report")]
        try:
            if self.get_option("live"):
                reports = [self._read_live(reports or [folder / LIVE_FOLDER], nodes)]
            if not reports:
                raise AnsibleParserError("It says neither 'report' nor 'live': there are no pods to be known of.")
            model, _sources = gathering.read_model(reports)
        except files.FolderError as error:
            raise AnsibleParserError(f"{error}.") from None
        for node in model["nodes"]:
            if node["error"] is not None:
                self.display.warning(
                    f"The pods of {node['host']} are not in the inventory: "
                    f"{node['error']['object']}: {node['error']['cause']}. {node['error']['remedy']}"
                )
        taken = {*self.inventory.hosts, *self.inventory.groups}
        self._add_pods(
            pod_hosts(model, self._labels(folder), taken, self.get_option("prefix"), self.get_option("host_network"))
        )

    def _add_pods(self, pods: Iterable[PodHost]) -> None:
        self.inventory.add_group(GROUP)
        strict = self.get_option("strict")
        for pod in pods:
            self.inventory.add_host(pod.name, group=GROUP)
            for group in pod.groups:
                self.inventory.add_group(group)
                self.inventory.add_child(group, pod.name)
            variables = {
                "ansible_connection": "podnet.lab.pod",
                "ansible_python_interpreter": trust_as_template(INTERPRETER),
                "podnet_node_connection": trust_as_template(NODE_CONNECTION),
                "podnet_node": pod.pod["node"],
                "podnet_pod": dict(pod.pod),
                "podnet_addresses": pod.addresses,
                "podnet_labels": pod.labels,
            }
            for name, value in variables.items():
                self.inventory.set_variable(pod.name, name, value)
            known = self.inventory.get_host(pod.name).get_vars()
            self._set_composite_vars(self.get_option("compose"), known, pod.name, strict=strict)
            self._add_host_to_composed_groups(self.get_option("groups"), known, pod.name, strict=strict)
            self._add_host_to_keyed_groups(self.get_option("keyed_groups"), known, pod.name, strict=strict)

    def _add_nodes(self, sources: list[str], path: Path) -> None:
        """Add the hosts and groups of other inventories, with the variables that lie beside them."""
        for source in sources:
            if not os.path.exists(source):
                raise AnsibleParserError(f"'nodes' names {source}, which is not there.")
        if path in self._being_read:
            raise AnsibleParserError(ITSELF)
        self._being_read.add(path)
        try:
            others = InventoryManager(loader=self.loader, sources=sources)
        finally:
            self._being_read.discard(path)
        for group in others.groups.values():
            self.inventory.add_group(group.name)
            self._set(group.name, self._variables(group, sources))
        for host in others.hosts.values():
            self.inventory.add_host(host.name)
            self._set(host.name, self._variables(host, sources))
        for group in others.groups.values():
            for child in (*group.child_groups, *group.hosts):
                if group.name not in ("all", "ungrouped"):
                    self.inventory.add_child(group.name, child.name)

    def _variables(self, entity: Any, sources: list[str]) -> Mapping[str, Any]:
        own = entity.get_vars()
        beside = get_vars_from_inventory_sources(self.loader, sources, [entity], "all")
        return {
            name: value
            for name, value in combine_vars(own, beside).items()
            if name not in ("inventory_hostname", "inventory_hostname_short", "inventory_file", "inventory_dir")
        }

    def _set(self, entity: str, variables: Mapping[str, Any]) -> None:
        for name, value in variables.items():
            self.inventory.set_variable(entity, name, value)

    def _labels(self, folder: Path) -> Labels:
        path = self.get_option("labels")
        if not path:
            return {}
        source = files.read_source(folder / path)
        if source.error is not None:
            raise AnsibleParserError(f"The labels cannot be read: {source.error['object']}: {source.error['cause']}.")
        try:
            return read_labels(source.document, source.path.name)
        except ShapeError as error:
            raise AnsibleParserError(
                f"The labels cannot be read: {error}. The file holds what "
                "'kubectl get pods --all-namespaces -o json' prints."
            ) from None

    def _read_live(self, reports: list[Path], nodes: list[str]) -> Path:
        """Read the nodes where that is due, and return the report folder. Raises FolderError."""
        if os.environ.get(WITHIN_LIVE):
            raise AnsibleParserError(ITSELF)
        if len(reports) != 1 or not nodes:
            raise AnsibleParserError("'live' needs 'nodes', and at most one folder as 'report'.")
        (report,) = reports
        if _age(report) < self.get_option("max_age"):
            return report
        files.make_folder(report)
        words = [sys.executable, "-m", "ansible", "playbook", "podnet.lab.inspect"]
        for source in nodes:
            words += ["-i", source]
        options = {"podnet_report_dir": str(report), "podnet_show": False, "podnet_fail_unread": "all"}
        words += ["-e", json.dumps(options)]
        try:
            done = subprocess.run(
                words,
                env={**os.environ, WITHIN_LIVE: "1"},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="backslashreplace",
                check=False,
                timeout=self.get_option("timeout"),
            )
        except subprocess.TimeoutExpired:
            raise AnsibleError(
                f"Reading the nodes took longer than {self.get_option('timeout')} s. Raise 'timeout', or read them "
                "with podnet.lab.inspect and give the folder as 'report'."
            ) from None
        if done.returncode != 0:
            raise AnsibleParserError(
                f"The nodes cannot be read (exit code {done.returncode}):\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
            )
        return report


def _age(report: Path) -> float:
    """Return how many seconds ago the report in a folder was written; endlessly long when there is none."""
    try:
        return time.time() - (report / "report.json").stat().st_mtime
    except OSError:
        return float("inf")
