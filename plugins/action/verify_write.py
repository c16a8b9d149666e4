# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The door to a verification's report: judges what came back, writes it, and shows it."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path
from typing import Any

from ansible import constants
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ansible_collections.podnet.lab.plugins.plugin_utils.model.reading import ShapeError
from ansible_collections.podnet.lab.plugins.plugin_utils.page import paths
from ansible_collections.podnet.lab.plugins.plugin_utils.path.fleet import NodeFiles
from ansible_collections.podnet.lab.plugins.plugin_utils.report import files, libraries
from ansible_collections.podnet.lab.plugins.plugin_utils.requirements import ends, folder, junit, markdown, terminal
from ansible_collections.podnet.lab.plugins.plugin_utils.requirements.records import Verification
from ansible_collections.podnet.lab.plugins.plugin_utils.text import words

PICTURES = 30
"""So many places where packets end are drawn, those of most pairs."""


class ActionModule(ActionBase):
    """Works on the control node; no connection is used."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Judge; or write the report, with where broken pairs end, and show it."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        _validated, args = self.validate_argument_spec(
            {
                "path": {"type": "str", "required": True},
                "phase": {"type": "str", "choices": ["judge", "write"], "default": "write"},
                "paths": {"type": "bool", "default": True},
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
            if args["phase"] == "judge":
                found = folder.verification(path)
                folder.keep_judged(path, found)
                return {**result, "changed": False, "read": folder.to_read(path, found) if args["paths"] else []}
            found = folder.judged(path)
            if args["paths"]:
                found = ends.explained(found, NodeFiles(path, folder.way(path)))
            page = _page(path, found) if not temporary else None
            files.write(path / "verify.json", files.layered_json(dict(found), 4) + "\n")
            files.write(path / "verify.md", markdown.report(found))
            files.write(path / "verify.xml", junit.report(found))
        except (files.FolderError, ShapeError) as exc:
            raise AnsibleActionFail(f"{exc}.") from None
        finally:
            if temporary and args["phase"] == "write":
                shutil.rmtree(path, ignore_errors=True)
        if args["show"]:
            text = terminal.summary(found, None if temporary else os.path.relpath(path / "verify.md"))
            if page is not None:
                text += f"\nPaths:  {os.path.relpath(page)}"
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


def _page(folder: Path, found: Verification) -> Path | None:
    """Write pictures of where the packets of broken pairs end, most pairs first; return where, None without any."""
    told = sorted(found["ends"], key=lambda one: -one["pairs"])
    entries = [
        paths.entry(one["path"], f"end-{one['number']}", about=terminal.ending(one), href=paths.beside(folder))
        for one in told[:PICTURES]
        if one["path"] is not None
    ]
    if not entries:
        with contextlib.suppress(OSError):
            (folder / paths.VERIFIED).unlink()
        return None
    return paths.write(folder, paths.VERIFIED, "Where broken pairs end", entries)


def _sentence(found: Verification) -> str:
    broken = [f"{one['number']} ({one['title']})" for one in found["requirements"] if one["verdict"] == "broken"]
    return f"{words.counted(len(broken), 'requirement')} broken: {words.listed(broken, 10)}. The report names the pairs"
