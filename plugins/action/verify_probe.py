# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The door to one node's part of a verification: listeners, probes, and the end of the listeners.

Neither the plan of a node nor what came of it becomes a host variable; both are files of the report folder.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail, AnsibleConnectionFailure
from ansible.plugins.action import ActionBase

from ansible_collections.podnet.lab.plugins.plugin_utils.model.reading import ShapeError
from ansible_collections.podnet.lab.plugins.plugin_utils.report import causes, files
from ansible_collections.podnet.lab.plugins.plugin_utils.requirements import folder, plan

MODULE = "podnet.lab.probe"


class ActionModule(ActionBase):
    """Runs the probe module on the task's node."""

    TRANSFERS_FILES = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Do one phase, and keep what came of it."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        task_vars = task_vars or {}
        _validated, args = self.validate_argument_spec(
            {
                "path": {"type": "str", "required": True},
                "phase": {"type": "str", "required": True, "choices": list(folder.PHASES)},
                "hold": {"type": "int", "default": plan.HOLD},
                "timeout": {"type": "float", "default": 2.0},
                "total_timeout": {"type": "float", "default": 300.0},
            }
        )
        host, path, phase = str(task_vars["inventory_hostname"]), Path(args["path"]), str(args["phase"])
        result.update(changed=False)
        if self._task.check_mode:
            return {**result, "skipped": True, "msg": "Nothing is sent in check mode"}
        try:
            asked = folder.asked(path, host, phase, args["timeout"])
            if asked is None:
                return {**result, "skipped": True, "msg": "Nothing is planned for this node"}
            limits = {"timeout": args["timeout"], "total_timeout": args["total_timeout"]}
            held = {"hold": args["hold"]} if phase == "listen" else {}
            said = self._ask({**asked, **limits, **held}, task_vars)
            why = _problem(host, said)
            kept = {"error": why} if why else {key: said[key] for key in folder.KEPT if key in said}
            # json.dumps also leaves behind the tags that ansible-core puts on every value.
            folder.keep(path, host, phase, json.loads(json.dumps(kept)))
        except (files.FolderError, ShapeError) as exc:
            raise AnsibleActionFail(f"{exc}.") from None
        if why:
            failed = "unreachable" if said.get("unreachable") else "failed"
            result.update({failed: True, "msg": f"{why['object']}: {why['cause']}. {why['remedy']}"})
        else:
            result.update(
                probes=len(said.get("probes", ())),
                listeners=len(said.get("listeners", ())),
            )
        return result

    def _ask(self, arguments: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        try:
            said: dict[str, Any] = self._execute_module(module_name=MODULE, module_args=arguments, task_vars=task_vars)
        except AnsibleConnectionFailure as exc:
            return {"unreachable": True, "msg": str(exc)}
        return said


def _problem(host: str, said: dict[str, Any]) -> Any:
    message = str(said.get("msg") or said.get("module_stderr") or "")
    if said.get("unreachable"):
        return causes.unreachable(host, message)
    return causes.failed(host, message) if said.get("failed") else None
