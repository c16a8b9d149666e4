# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The door to the comparison of a computed path with what was seen of a packet: compares, writes, and shows it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ansible import constants
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ansible_collections.podnet.lab.plugins.plugin_utils.model.reading import ShapeError
from ansible_collections.podnet.lab.plugins.plugin_utils.path import comparing, live, live_terminal, sightings
from ansible_collections.podnet.lab.plugins.plugin_utils.path.records import SCHEMA_VERSION
from ansible_collections.podnet.lab.plugins.plugin_utils.path.records import Path as ComputedPath
from ansible_collections.podnet.lab.plugins.plugin_utils.report import files

PARTS = ("opened", "seen", "sent")


class ActionModule(ActionBase):
    """Works on the control node; no connection is used."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Compare, write it and show it."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        _validated, args = self.validate_argument_spec(
            {
                "path": {"type": "str", "required": True},
                "plan": {"type": "dict", "required": True},
                **{part: {"type": "dict", "required": True} for part in PARTS},
                "fail": {"type": "bool", "default": False},
                "show": {"type": "bool", "default": True},
            }
        )
        if self._task.check_mode:
            return {**result, "skipped": True, "msg": "Nothing is sent in check mode"}
        written = Path(args["path"])
        # json also leaves behind the tags that ansible-core puts on every value.
        plan: live.LivePlan = json.loads(json.dumps(args["plan"]))
        said = {host: {part: json.loads(json.dumps(args[part].get(host))) for part in PARTS} for host in plan["hosts"]}
        try:
            path = _read(written)
            found = comparing.compare(path, plan, sightings.read_watched(plan, said))
            path["live"] = found
            files.write(written, files.layered_json(dict(path), 4) + "\n")
        except (files.FolderError, ShapeError) as exc:
            raise AnsibleActionFail(f"{exc}.") from None
        if args["show"]:
            to_stderr = "json" in str(constants.DEFAULT_STDOUT_CALLBACK).rpartition(".")[2]
            self._display.display(f"\n{live_terminal.seen(path, found)}\n", stderr=to_stderr)
        difference = live_terminal.difference(found)
        result.update(changed=False, verdict=found["verdict"], difference=difference, way=found["way"])
        if args["fail"] and difference is not None:
            result.update(failed=True, msg=f"The packet did not go as computed. {difference}.")
        elif args["fail"] and path["verdict"] == "dropped":
            result.update(failed=True, msg="The packet went as computed, and that is that it is dropped.")
        return result


def _read(written: Path) -> ComputedPath:
    """Return the path that was computed before; raise AnsibleActionFail."""
    try:
        found: ComputedPath = json.loads(written.read_text(encoding="utf-8"))
        if found["schema_version"] == SCHEMA_VERSION:
            return found
        why = f"it is of version {found['schema_version']}"
    except (OSError, ValueError, TypeError, KeyError) as exc:
        why = str(exc)
    raise AnsibleActionFail(f"{written} is not the path that was computed before: {why}. Compute it again.")
