# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The door to a report folder: checks all that can be checked before a node is touched."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ansible_collections.podnet.lab.plugins.plugin_utils.report import files, libraries, query


class ActionModule(ActionBase):
    """Makes the folder on the control node; no connection is used."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Check the options, make the folder, and return its path."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        _validated, args = self.validate_argument_spec(
            {
                "path": {"type": "str"},
                "query": {"type": "str"},
                "sources": {"type": "list", "elements": "str", "default": []},
            }
        )
        problem = libraries.missing()
        if problem:
            raise AnsibleActionFail(problem)
        now = datetime.now(UTC)
        try:
            if args["query"]:
                query.check(str(args["query"]))
            for source in args["sources"]:
                files.node_files(Path(source).expanduser())
            path = self._folder(args["path"], now)
        except (query.QueryError, files.FolderError) as exc:
            raise AnsibleActionFail(str(exc)) from None
        result.update(changed=False, path=str(path), began_at=files.timestamp(now))
        return result

    def _folder(self, wanted: str | None, now: datetime) -> Path:
        if self._task.check_mode:
            folder = Path(tempfile.mkdtemp(prefix="podnet-check-"))
            (folder / files.CHECK_MARK).touch()
            return folder
        if wanted:
            folder = Path(wanted).expanduser().absolute()
            files.make_folder(folder)
            return folder
        return files.make_timed_folder(Path("reports").absolute(), now)
