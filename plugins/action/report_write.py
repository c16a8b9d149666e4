# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The door to the report: makes it from node files, and shows it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

from ansible import constants
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ansible_collections.podnet.lab.plugins.plugin_utils.findings import ignoring
from ansible_collections.podnet.lab.plugins.plugin_utils.model.records import Model
from ansible_collections.podnet.lab.plugins.plugin_utils.page import site
from ansible_collections.podnet.lab.plugins.plugin_utils.report import (
    files,
    gathering,
    libraries,
    query,
    terminal,
    writing,
)
from ansible_collections.podnet.lab.plugins.plugin_utils.text import words


class ActionModule(ActionBase):
    """Works on the control node; no connection is used."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Read the node files, write the report, and show its summary or what the query finds."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        _validated, args = self.validate_argument_spec(
            {
                "path": {"type": "str", "required": True},
                "sources": {"type": "list", "elements": "str", "default": []},
                "hosts": {"type": "list", "elements": "str", "default": []},
                "began_at": {"type": "str"},
                "query": {"type": "str"},
                "show": {"type": "bool", "default": True},
                "latest": {"type": "bool", "default": False},
                "ignore": {"type": "list", "elements": "dict", "default": []},
                "page": {"type": "bool", "default": True},
                "fail": {"type": "str", "choices": ["never", "fault", "any"], "default": "never"},
            }
        )
        problem = libraries.missing()
        if problem:
            raise AnsibleActionFail(problem)
        folder = Path(args["path"])
        temporary = (folder / files.CHECK_MARK).exists()
        try:
            result.update(self._report(folder, args, temporary))
        except (files.FolderError, query.QueryError, ignoring.IgnoreError) as exc:
            raise AnsibleActionFail(str(exc)) from None
        finally:
            if temporary:
                shutil.rmtree(folder, ignore_errors=True)
        return result

    def _report(self, folder: Path, args: dict[str, Any], temporary: bool) -> dict[str, Any]:
        gathering.note_missing(folder, args["hosts"], args["began_at"])
        if not args["sources"] and not (folder / files.NODES).is_dir():
            files.remove_if_empty(folder)
            raise files.FolderError(
                f"There are no node files in {folder} to make a report from. "
                "Let the nodes be read (without --tags report), or name earlier reports with podnet_report_from"
            )
        folders = [Path(source).expanduser() for source in args["sources"]] or [folder]
        known = ignoring.rules(args["ignore"])
        model, sources = gathering.read_model(folders, keep_documents=False)
        model = ignoring.applied(model, known)
        writing.write_report(folder, model, sources)
        page = site.write(model, folder) if args["page"] and not temporary else None
        if args["latest"] and not temporary:
            warning = files.point_latest(folder)
            if warning:
                self._display.warning(warning)
        shown = None if temporary else _shown(folder / "report.md")
        if args["show"]:
            if args["query"]:
                self._show(query.as_text(query.run(str(args["query"]), model)))
            else:
                self._show(terminal.summary(model, shown, None if page is None else _shown(page)))
        return {
            "changed": False,
            "path": None if temporary else str(folder),
            "page": None if page is None else str(page),
            "nodes": model["totals"]["nodes"],
            "odd": model["totals"]["odd"],
            "ignored": len(model["ignored"]),
            "unread": _unread(model),
            **_failure(model, str(args["fail"])),
        }

    def _show(self, text: str) -> None:
        """Show *text* under any callback. Output that a program is to read as JSON stays clean."""
        self._display.display(f"\n{text}\n", stderr="json" in str(constants.DEFAULT_STDOUT_CALLBACK).rpartition(".")[2])


def _failure(model: Model, limit: str) -> dict[str, Any]:
    """Return what makes the task fail, where it is to fail because of what was found."""
    counted = [one for one in model["odd"] if limit == "any" or (limit == "fault" and one["severity"] == "fault")]
    if not counted:
        return {}
    kinds = ", ".join(dict.fromkeys(one["kind"] for one in counted))
    return {"failed": True, "msg": f"{words.counted(len(counted), 'thing is', 'things are')} odd: {kinds}."}


def _unread(model: Model) -> dict[str, str]:
    return {
        node["host"]: f"{node['error']['cause']}. {node['error']['remedy']}"
        for node in model["nodes"]
        if node["error"] is not None
    }


def _shown(path: Path) -> str:
    """Return *path* as short as it can be said from the working directory."""
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative
