# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The door to the walk's page: joins steps and answers of each side, writes them, and shows them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

from ansible import constants
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ansible_collections.podnet.lab.plugins.plugin_utils.model.reading import ShapeError
from ansible_collections.podnet.lab.plugins.plugin_utils.report import files, gathering, libraries
from ansible_collections.podnet.lab.plugins.plugin_utils.walkthrough import plan, rendering
from ansible_collections.podnet.lab.plugins.plugin_utils.walkthrough.scene import SceneError, chosen_pod, scene

WALK = "walk.json"
PAGE = "walkthrough.md"


class ActionModule(ActionBase):
    """Works on the control node; no connection is used."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Read what each side's node answered, write the page and show the walk."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        side = {"name": {"type": "str", "required": True}, "path": {"type": "str", "required": True}}
        _validated, args = self.validate_argument_spec(
            {
                "path": {"type": "str", "required": True},
                "sides": {"type": "list", "elements": "dict", "required": True, "options": side},
                "pod": {"type": "str"},
                "show": {"type": "bool", "default": True},
            }
        )
        problem = libraries.missing()
        if problem:
            raise AnsibleActionFail(problem)
        folder = Path(args["path"])
        temporary = (folder / files.CHECK_MARK).exists()
        try:
            sides = [_side(str(one["name"]), Path(one["path"]), args["pod"]) for one in args["sides"]]
            files.write(folder / PAGE, rendering.markdown(sides))
        except (files.FolderError, SceneError, ShapeError) as exc:
            raise AnsibleActionFail(f"{exc}.") from None
        finally:
            if temporary:
                shutil.rmtree(folder, ignore_errors=True)
        if args["show"]:
            text = rendering.terminal(sides, None if temporary else _shown(folder / PAGE))
            to_stderr = "json" in str(constants.DEFAULT_STDOUT_CALLBACK).rpartition(".")[2]
            self._display.display(f"\n{text}\n", stderr=to_stderr)
        result.update(
            changed=False, path=None if temporary else str(folder / PAGE), steps=sum(len(side[2]) for side in sides)
        )
        return result


def _shown(path: Path) -> str:
    """Return *path* as short as it can be said from the working directory."""
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative


def _side(name: str, folder: Path, wanted: str | None) -> rendering.Side:
    """Return one side. Raises FolderError, SceneError and ShapeError."""
    model, sources = gathering.read_model([folder])
    pod = chosen_pod(model, wanted=wanted)
    stage = scene(model, pod, [source.document for source in sources])
    walk = files.read_source(folder / WALK)
    if walk.error is not None:
        raise files.FolderError(
            f"{pod['host']} was read, but nobody walked through it: {walk.error['object']}: {walk.error['cause']}. "
            "See what the task before said of this node"
        )
    results = walk.document.get("results") if isinstance(walk.document, dict) else None
    return name, stage, plan.told(pod["host"], plan.steps(stage), results, WALK)
