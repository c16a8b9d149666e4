# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The door to one node: runs pod_network_facts there and keeps what it says in a file here.

Facts of a whole fleet would slow every later task and fill the memory of the control node
many times over, so they never become host variables: the result only says where they are.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail, AnsibleConnectionFailure, AnsibleError
from ansible.plugins.action import ActionBase

from ansible_collections.podnet.lab.plugins.plugin_utils.model.node_file import FACT_KEYS
from ansible_collections.podnet.lab.plugins.plugin_utils.model.records import SCHEMA_VERSION, Error
from ansible_collections.podnet.lab.plugins.plugin_utils.model.services import FACT_KEY as SERVICE_KEY
from ansible_collections.podnet.lab.plugins.plugin_utils.report import causes, files

MODULE = "podnet.lab.pod_network_facts"
SERVICE_MODULE = "podnet.lab.service_rule_facts"


class ActionModule(ActionBase):
    """Reads the task's node."""

    TRANSFERS_FILES = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Read the node, write its file, and return how much there was."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        task_vars = task_vars or {}
        _validated, args = self.validate_argument_spec(
            {
                "path": {"type": "str", "required": True},
                "gather_subset": {"type": "list", "elements": "str"},
                "timeout": {"type": "int"},
                "on_timeout": {"type": "str", "choices": ["error", "warn", "ignore"]},
                "services": {"type": "bool", "default": False},
            }
        )
        host = str(task_vars["inventory_hostname"])
        path = Path(args["path"]) / files.NODES / files.node_file_name(host)
        options = {
            name: args[name] for name in ("gather_subset", "timeout", "on_timeout") if args.get(name) is not None
        }
        said, lacking = self._ask(options, task_vars)

        document: dict[str, Any] = {
            "schema_version": SCHEMA_VERSION,
            "host": host,
            "collected_at": files.timestamp(datetime.now(UTC)),
        }
        result.update(changed=False, path=str(path))
        facts = said.get("ansible_facts") or {}
        if said.get("unreachable"):
            why = causes.unreachable(host, str(said.get("msg", "")))
            document.update(error=why, status="unreachable")
            result.update(unreachable=True, msg=_sentence(why))
        elif said.get("failed") or not all(key in facts for key in FACT_KEYS):
            why = causes.failed(host, _words(said))
            document.update(error=why, status="failed")
            result.update(failed=True, msg=_sentence(why))
        else:
            document.update({key: facts[key] for key in FACT_KEYS})
            if lacking:
                document["errors"] = [lacking]
                self._display.warning(f"{host}: {_sentence(lacking)}")
            result.update(
                partial=bool(lacking) or any(facts[key].get("partial") for key in FACT_KEYS),
                namespaces=len(facts["podnet_netns"]["namespaces"]),
                cables=len(facts["podnet_veth"]["pairs"]),
                bridges=len(facts["podnet_bridge"]["bridges"]),
            )
            if args.get("services"):
                self._add_services(document, result, options, task_vars)
        try:
            # json.dumps also leaves behind the tags that ansible-core puts on every value.
            files.write(path, files.layered_json(json.loads(json.dumps(document)), 3) + "\n")
        except files.FolderError as exc:
            raise AnsibleActionFail(str(exc)) from None
        return result

    def _add_services(
        self, document: dict[str, Any], result: dict[str, Any], options: dict[str, Any], task_vars: dict[str, Any]
    ) -> None:
        """Add the rules of Services; that they could not be read is an error beside the other facts."""
        asked = dict(options)
        if "gather_subset" in asked:  # the node was searched for hidden namespaces just now, which takes long
            asked["gather_subset"] = [*asked["gather_subset"], "!hidden"]
        said = self._once(asked, task_vars, SERVICE_MODULE)
        facts = (said.get("ansible_facts") or {}).get(SERVICE_KEY)
        if said.get("failed") or said.get("unreachable") or facts is None:
            why = causes.failed(f"rules of Services on {document['host']}", _words(said))
            document.setdefault("errors", []).append(why)
            self._display.warning(_sentence(why))
            result["partial"] = True
            return
        document[SERVICE_KEY] = facts
        result["services"] = len(facts["services"])
        result["partial"] = result["partial"] or bool(facts.get("partial"))

    def _ask(self, options: dict[str, Any], task_vars: dict[str, Any]) -> tuple[dict[str, Any], Error | None]:
        """Return the module's result, and an error when it had to do without root."""
        said = self._once(options, task_vars)
        become = self._connection.become
        if become is None or not said.get("failed") or not causes.is_become(_words(said)):
            return said, None
        # What can be read without root is worth more than nothing. Ansible made this connection
        # for this task alone, so taking become away has no effect on others.
        lacking = causes.without_become(str(become.name), _words(said))
        self._connection.set_become_plugin(None)
        self._task.become = False
        return self._once(options, task_vars), lacking

    def _once(self, options: dict[str, Any], task_vars: dict[str, Any], module: str = MODULE) -> dict[str, Any]:
        try:
            said: dict[str, Any] = self._execute_module(
                module_name=module, module_args=dict(options), task_vars=task_vars
            )
        except AnsibleConnectionFailure as exc:
            if causes.is_become(str(exc)):
                return {"failed": True, "msg": str(exc)}
            return {"unreachable": True, "msg": str(exc)}
        except AnsibleError as exc:
            return {"failed": True, "msg": str(exc)}
        return said


def _words(said: dict[str, Any]) -> str:
    """Return what a failed module said: its message, and what it wrote when it could not even start."""
    parts = [str(said.get("module_stderr") or ""), str(said.get("module_stdout") or "")]
    message = str(said.get("msg") or "")
    if not any(parts) or not message.startswith("Module result deserialization failed"):
        parts.insert(0, message)
    return " ".join(dict.fromkeys(part.strip() for part in parts if part.strip()))


def _sentence(error: Error) -> str:
    return f"{error['object']}: {error['cause']}. {error['remedy']}"
