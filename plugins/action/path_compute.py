# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The door to the path of a packet: computes it from node files, writes it, and shows it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ansible import constants
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ansible_collections.podnet.lab.plugins.plugin_utils.path import compute, ends, fleet, terminal
from ansible_collections.podnet.lab.plugins.plugin_utils.path.records import Path as ComputedPath
from ansible_collections.podnet.lab.plugins.plugin_utils.path.routing import UnknownError
from ansible_collections.podnet.lab.plugins.plugin_utils.report import files


class ActionModule(ActionBase):
    """Works on the control node; no connection is used."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Compute the path, write it and show it."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        _validated, args = self.validate_argument_spec(
            {
                "path": {"type": "str", "required": True},
                "sender": {"type": "str", "required": True},
                "receiver": {"type": "str", "required": True},
                "protocol": {"type": "str", "choices": ["tcp", "udp", "icmp"]},
                "family": {"type": "str", "choices": ["inet", "inet6"]},
                "size": {"type": "int", "default": compute.SMALLEST},
                "fail": {"type": "bool", "default": False},
                "show": {"type": "bool", "default": True},
            }
        )
        if not compute.SMALLEST <= args["size"] <= 65535:
            raise AnsibleActionFail(f"podnet_size is {args['size']}: a packet has {compute.SMALLEST} to 65535 bytes.")
        folder = Path(args["path"]).expanduser()
        try:
            nodes = fleet.NodeFiles(folder)
            asked = compute.Asked(args["sender"], args["receiver"], args["protocol"], args["family"], args["size"])
            path = compute.compute(nodes, asked)
            written = None if self._task.check_mode else folder / "path.json"
            if written is not None:
                files.write(written, files.layered_json(dict(path), 4) + "\n")
        except (files.FolderError, ends.EndError, UnknownError) as exc:
            raise AnsibleActionFail(f"{exc}.") from None
        for told in nodes.unusable:
            self._display.warning(f"{told}. The path is computed without this node; read it again, or remove the file")
        if args["show"]:
            text = terminal.summary(path, None if written is None else _shown(written))
            to_stderr = "json" in str(constants.DEFAULT_STDOUT_CALLBACK).rpartition(".")[2]
            self._display.display(f"\n{text}\n", stderr=to_stderr)
        result.update(
            changed=False,
            path=None if written is None else str(written),
            verdict=path["verdict"],
            ways=len(path["ways"]),
            reasons=_reasons(path),
        )
        if args["fail"] and result["reasons"]:
            result.update(
                failed=True, msg=f"{result['reasons'][0]}. {len(result['reasons'])} of {len(path['ways'])} ways"
            )
        return result


def _shown(path: Path) -> str:
    """Return *path* as short as it can be said from the working directory."""
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative


def _reasons(path: ComputedPath) -> list[str]:
    """Return why ways do not end well, without saying one thing twice."""
    found: list[str] = []
    for way in path["ways"]:
        if not terminal.well(way):
            arrives = way["there"]["verdict"] == "delivered" and way["back"] is not None
            text = f"the answer: {way['back']['reason']}" if arrives and way["back"] else way["there"]["reason"]
            if text not in found:
                found.append(text)
    return found
