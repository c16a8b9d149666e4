# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The door to a walk: plans it, and runs its commands on the node of the pod."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ansible_collections.podnet.lab.plugins.plugin_utils.report import files, gathering
from ansible_collections.podnet.lab.plugins.plugin_utils.text import words
from ansible_collections.podnet.lab.plugins.plugin_utils.walkthrough import plan
from ansible_collections.podnet.lab.plugins.plugin_utils.walkthrough.scene import SceneError, chosen_pod, scene

MODULE = "podnet.lab.walkthrough_commands"
FILE = "walk.json"


class ActionModule(ActionBase):
    """Walks through the task's node when the pod is on it."""

    TRANSFERS_FILES = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Choose the pod, and run the commands where it is."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        task_vars = task_vars or {}
        _validated, args = self.validate_argument_spec(
            {"path": {"type": "str", "required": True}, "pod": {"type": "str"}}
        )
        folder = Path(args["path"])
        result.update(changed=False, walked=False)
        try:
            model, sources = gathering.read_model([folder])
            pod = chosen_pod(model, wanted=args["pod"])
        except (files.FolderError, SceneError):
            return result  # The last step says so once for all nodes.
        if pod["host"] != str(task_vars["inventory_hostname"]):
            return result
        steps = plan.steps(scene(model, pod, [source.document for source in sources]))
        said = self._ask(plan.asked(steps), task_vars)
        if said.get("failed") or said.get("unreachable"):
            return {**result, **said}
        results = said["results"]
        further = plan.following(steps, results, FILE)
        if further:
            said = self._ask(further, task_vars)
            if said.get("failed") or said.get("unreachable"):
                return {**result, **said}
            results += said["results"]
        walk = {"schema_version": 1, "host": pod["host"], "pod": words.pod_name(pod), "results": results}
        try:
            # json.dumps also leaves behind the tags that ansible-core puts on every value.
            files.write(folder / FILE, files.layered_json(json.loads(json.dumps(walk)), 2) + "\n")
        except files.FolderError as exc:
            raise AnsibleActionFail(str(exc)) from None
        result.update(walked=True, pod=words.pod_name(pod))
        return result

    def _ask(self, commands: list[plan.Asked], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Run commands on the node, and return what the module says."""
        said: dict[str, Any] = self._execute_module(
            module_name=MODULE, module_args={"commands": commands}, task_vars=task_vars
        )
        return said
