# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The door to a comparison: makes it from the node files of two sides, and shows it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

from ansible import constants
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ansible_collections.podnet.lab.plugins.plugin_utils.comparison import compare, markdown, terminal
from ansible_collections.podnet.lab.plugins.plugin_utils.comparison.world import World, world_of
from ansible_collections.podnet.lab.plugins.plugin_utils.model.reading import ShapeError
from ansible_collections.podnet.lab.plugins.plugin_utils.page import comparing
from ansible_collections.podnet.lab.plugins.plugin_utils.report import files, gathering, libraries
from ansible_collections.podnet.lab.plugins.plugin_utils.text import words
from ansible_collections.podnet.lab.plugins.plugin_utils.text.escape import visible

KEYS = 10
"""So many unexpected differences are named when the task fails; all are in its result."""


class ActionModule(ActionBase):
    """Works on the control node; no connection is used."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Read the node files of both sides, write the comparison and show it."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        _validated, args = self.validate_argument_spec(
            {
                "path": {"type": "str", "required": True},
                "left_name": {"type": "str"},
                "right_name": {"type": "str"},
                "left_sources": {"type": "list", "elements": "str", "default": []},
                "right_sources": {"type": "list", "elements": "str", "default": []},
                "left_hosts": {"type": "list", "elements": "str", "default": []},
                "right_hosts": {"type": "list", "elements": "str", "default": []},
                "began_at": {"type": "str"},
                "mode": {"type": "str", "choices": ["auto", "worlds", "drift"], "default": "auto"},
                "expected": {"type": "list", "elements": "str", "default": []},
                "fail": {"type": "bool", "default": False},
                "show": {"type": "bool", "default": True},
                "page": {"type": "bool", "default": True},
            }
        )
        problem = libraries.missing()
        if problem:
            raise AnsibleActionFail(problem)
        folder = Path(args["path"])
        temporary = (folder / files.CHECK_MARK).exists()
        try:
            result.update(self._compare(folder, args, temporary))
        except files.FolderError as exc:
            raise AnsibleActionFail(str(exc)) from None
        finally:
            if temporary:
                shutil.rmtree(folder, ignore_errors=True)
        return result

    def _compare(self, folder: Path, args: dict[str, Any], temporary: bool) -> dict[str, Any]:
        left, right = (_world(folder / side, side, args) for side in ("left", "right"))
        found = compare.compare(
            left,
            right,
            _names(args),
            ([str(one) for one in args["left_sources"]], [str(one) for one in args["right_sources"]]),
            None if args["mode"] == "auto" else args["mode"],
            [str(one) for one in args["expected"]],
        )
        files.write(folder / "comparison.json", files.layered_json(dict(found), 3) + "\n")
        files.write(folder / "comparison.md", markdown.report(found))
        page = comparing.write(found, folder) if args["page"] and not temporary else None
        if args["show"]:
            shown = None if temporary else _shown(folder / "comparison.md")
            self._show(terminal.summary(found, shown, None if page is None else _shown(page)))
        unexpected = found["unexpected"]
        result: dict[str, Any] = {
            "changed": False,
            "path": None if temporary else str(folder),
            "page": None if page is None else str(page),
            "mode": found["mode"],
            "unexpected": unexpected,
            "unread": {
                one["host"]: f"{one['cause']}. {one['remedy']}"
                for side in (found["left"], found["right"])
                for one in side["unread"]
            },
        }
        if args["fail"] and unexpected:
            result["failed"] = True
            named = visible(words.listed(unexpected, KEYS))
            result["msg"] = (
                f"{words.counted(len(unexpected), 'unexpected difference')}: {named}. "
                "Mend what is wrong, and name what is right in podnet_compare_expected"
            )
        return result

    def _show(self, text: str) -> None:
        """Show *text* under any callback. Output that a program is to read as JSON stays clean."""
        self._display.display(f"\n{text}\n", stderr="json" in str(constants.DEFAULT_STDOUT_CALLBACK).rpartition(".")[2])


def _names(args: dict[str, Any]) -> tuple[str, str]:
    """Return what the sides are called: as asked for, by their folders, or by where they stand."""
    left, right = (
        str(args[f"{side}_name"] or ", ".join(Path(source).name for source in args[f"{side}_sources"]) or side)
        for side in ("left", "right")
    )
    return (left, right) if left != right else (f"{left} (left)", f"{right} (right)")


def _world(folder: Path, side: str, args: dict[str, Any]) -> World:
    """Return one side; what it was made from is copied to *folder*, so that the report is complete in itself."""
    sources = [Path(source).expanduser() for source in args[f"{side}_sources"]]
    hosts = [str(host) for host in args[f"{side}_hosts"]]
    if not sources:
        gathering.note_missing(folder, hosts, args["began_at"])
        if not (folder / files.NODES).is_dir():
            files.remove_if_empty(folder.parent)
            raise files.FolderError(
                f"There are no node files in {folder} to compare. Let the nodes be read (without --tags report), "
                f"or name earlier reports with podnet_{side}_from"
            )
    model, found = gathering.read_model(sources or [folder], hosts if hosts and not sources else None)
    for source in found:
        copy = folder / files.NODES / files.node_file_name(source.host)
        if source.error is None and source.path.resolve() != copy.resolve():
            files.write(copy, files.layered_json(source.document, 3) + "\n")
    try:
        return world_of(model, found)
    except ShapeError as exc:
        raise files.FolderError(f"{exc}. Read the node again with this version of podnet.lab") from None


def _shown(path: Path) -> str:
    """Return *path* as short as it can be said from the working directory."""
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative
