# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Action of the lab's modules: has the module ``lab_step`` do their work, and then shows the commands that it came to.

``meta/runtime.yml`` names it for each of them. Ansible packs one module for all of them then, where packing each takes
longer than most of them run; and tasks of their own for showing would cost a process on the control node for each step.
The variables that say whether and how much is shown are those of the role manual_lab; outside of it nothing is.
"""

from __future__ import annotations

from typing import Any

from ansible import constants
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action.normal import ActionModule as NormalAction

from ansible_collections.podnet.lab.plugins.plugin_utils.lab.commands import shown

MODULE = "podnet.lab.lab_step"
SHOW = "manual_lab_show_commands"
LIMIT = "manual_lab_show_limit"


class ActionModule(NormalAction):
    """Runs the module and shows its commands."""

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return what the module returns, unchanged."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        variables = task_vars or {}
        if SHOW in variables and boolean(self._templar.template(variables[SHOW])):
            limit = int(self._templar.template(variables.get(LIMIT, 0)))
            lines = shown(str(variables.get("inventory_hostname", "")), result, limit)
            if lines:
                # Output that a program is to read as JSON stays clean.
                to_stderr = "json" in str(constants.DEFAULT_STDOUT_CALLBACK).rpartition(".")[2]
                self._display.display("\n".join(lines), stderr=to_stderr)
        return result

    def _execute_module(self, *args: Any, **options: Any) -> dict[str, Any]:
        """Run the task's module as `MODULE`."""
        named = str(self._task.resolved_action)
        if named != MODULE:
            asked = {"module": named.rpartition(".")[2], "options": dict(self._task.args)}
            options.update(module_name=MODULE, module_args=asked)
        result: dict[str, Any] = super()._execute_module(*args, **options)
        return result
