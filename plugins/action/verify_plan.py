# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The door to a verification's plan: from node files and what is expected to what each node sends."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ansible_collections.podnet.lab.plugins.plugin_utils.model.reading import ShapeError
from ansible_collections.podnet.lab.plugins.plugin_utils.report import files, gathering, libraries
from ansible_collections.podnet.lab.plugins.plugin_utils.requirements import folder, plan
from ansible_collections.podnet.lab.plugins.plugin_utils.requirements.objects import essential, given_names
from ansible_collections.podnet.lab.plugins.plugin_utils.requirements.sampling import PAIRS
from ansible_collections.podnet.lab.plugins.plugin_utils.requirements.scene import DOMAIN


class ActionModule(ActionBase):
    """Works on the control node; no connection is used."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Plan, and write each node's part into the report folder."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        _validated, args = self.validate_argument_spec(
            {
                "path": {"type": "str", "required": True},
                "hosts": {"type": "list", "elements": "str", "default": []},
                "began_at": {"type": "str"},
                "outside": {"type": "list", "elements": "str", "default": []},
                "objects": {"type": "list", "elements": "raw", "default": []},
                "names": {"type": "list", "elements": "dict", "default": []},
                "policy_ports": {"type": "list", "elements": "str", "default": []},
                "domain": {"type": "str", "default": DOMAIN},
                "pairs": {"type": "int", "default": PAIRS},
            }
        )
        problem = libraries.missing()
        if problem:
            raise AnsibleActionFail(problem)
        path = Path(args["path"])
        try:
            given_names(args["names"])
            folder.port_numbers(args["policy_ports"])
            given = {
                "outside": args["outside"],
                "objects": [one for entry in args["objects"] for one in self._documents(entry)],
                "names": args["names"],
                "policy_ports": args["policy_ports"],
                "domain": args["domain"],
                "pairs": args["pairs"],
            }
            gathering.note_missing(path, [str(host) for host in args["hosts"]], args["began_at"])
            # json.dumps also leaves behind the tags that ansible-core puts on every value.
            folder.write_given(path, json.loads(json.dumps(given)))
            scene = folder.read_scene(path)
            planned = plan.plan(scene)
            folder.write_plan(path, planned, [node.host for node in (*scene.cast.nodes, *scene.cast.outside)])
        except (files.FolderError, ShapeError) as exc:
            raise AnsibleActionFail(f"{exc}.") from None
        result.update(
            changed=False,
            pods=len(scene.cast.pods),
            pairs=planned.pairs_planned,
            probes=sum(check.times for check in planned.checks),
            listeners=len(planned.listeners),
        )
        return result

    def _documents(self, entry: Any) -> list[list[Any]]:
        """Return what *entry* holds, an object or a file of them, each with the place that errors name."""
        if not isinstance(entry, str):
            return [[essential(entry), "podnet_verify_objects"]]
        path = Path(self._loader.path_dwim(entry))
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as exc:
            why = getattr(exc, "strerror", None) or str(exc)
            raise files.FolderError(f"podnet_verify_objects: {path} cannot be read: {why}") from exc
        try:
            return [[essential(json.loads(text)), str(path)]]
        except ValueError:
            pass
        try:
            return [[essential(one), str(path)] for one in yaml.safe_load_all(text)]
        except yaml.YAMLError as exc:
            told = " ".join(str(exc).split())
            raise files.FolderError(f"podnet_verify_objects: {path} is neither JSON nor YAML: {told}") from exc
