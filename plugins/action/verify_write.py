# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The door to a verification's report: judges what came back, writes it, and shows it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

from ansible import constants
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ansible_collections.podnet.lab.plugins.plugin_utils.model.reading import ShapeError
from ansible_collections.podnet.lab.plugins.plugin_utils.report import files, libraries
from ansible_collections.podnet.lab.plugins.plugin_utils.requirements import folder, junit, markdown, terminal
from ansible_collections.podnet.lab.plugins.plugin_utils.requirements.records import Verification
from ansible_collections.podnet.lab.plugins.plugin_utils.text import words


class ActionModule(ActionBase):
    """Works on the control node; no connection is used."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Judge, write the report and show it."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        _validated, args = self.validate_argument_spec(
            {
                "path": {"type": "str", "required": True},
                "fail": {"type": "bool", "default": False},
                "show": {"type": "bool", "default": True},
            }
        )
        problem = libraries.missing()
        if problem:
            raise AnsibleActionFail(problem)
        path = Path(args["path"])
        temporary = (path / files.CHECK_MARK).exists()
        try:
            found = folder.verification(path)
            files.write(path / "verify.json", files.layered_json(dict(found), 4) + "\n")
            files.write(path / "verify.md", markdown.report(found))
            files.write(path / "verify.xml", junit.report(found))
        except (files.FolderError, ShapeError) as exc:
            raise AnsibleActionFail(f"{exc}.") from None
        finally:
            if temporary:
                shutil.rmtree(path, ignore_errors=True)
        if args["show"]:
            text = terminal.summary(found, None if temporary else os.path.relpath(path / "verify.md"))
            to_stderr = "json" in str(constants.DEFAULT_STDOUT_CALLBACK).rpartition(".")[2]
            self._display.display(f"\n{text}\n", stderr=to_stderr)
        result.update(
            changed=False,
            path=None if temporary else str(path),
            held=found["held"],
            broken=[one["key"] for one in found["requirements"] if one["verdict"] == "broken"],
            not_applicable=found["not_applicable"],
            unsent={one["host"]: one["cause"] for one in found["unsent"]},
        )
        if args["fail"] and found["broken"]:
            result.update(failed=True, msg=_sentence(found))
        return result


def _sentence(found: Verification) -> str:
    broken = [f"{one['number']} ({one['title']})" for one in found["requirements"] if one["verdict"] == "broken"]
    return f"{words.counted(len(broken), 'requirement')} broken: {words.listed(broken, 10)}. The report names the pairs"
