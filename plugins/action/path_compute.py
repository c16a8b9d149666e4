# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The door to the path of a packet: computes it from node files, writes it, and shows it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ansible import constants
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ansible_collections.podnet.lab.plugins.plugin_utils.page import paths
from ansible_collections.podnet.lab.plugins.plugin_utils.path import (
    compute,
    ends,
    fleet,
    live,
    live_terminal,
    terminal,
)
from ansible_collections.podnet.lab.plugins.plugin_utils.path.records import Path as ComputedPath
from ansible_collections.podnet.lab.plugins.plugin_utils.path.routing import UnknownError
from ansible_collections.podnet.lab.plugins.plugin_utils.report import files, libraries
from ansible_collections.podnet.lab.plugins.plugin_utils.text import commands


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
                "live": {"type": "bool", "default": False},
                "fail": {"type": "bool", "default": False},
                "show": {"type": "bool", "default": True},
                "page": {"type": "bool", "default": True},
            }
        )
        if not compute.SMALLEST <= args["size"] <= 65535:
            raise AnsibleActionFail(f"podnet_size is {args['size']}: a packet has {compute.SMALLEST} to 65535 bytes.")
        folder = Path(args["path"]).expanduser()
        try:
            nodes = fleet.NodeFiles(folder)
            sport = live.source_port() if args["live"] else compute.SOURCE_PORT
            asked = compute.Asked(
                args["sender"], args["receiver"], args["protocol"], args["family"], args["size"], sport
            )
            path = compute.compute(nodes, asked)
            plan = live.plan(nodes, path, sport) if args["live"] else None
            _must_be_hosts(plan, (task_vars or {}).get("groups", {}).get("all", ()))
            written = None if self._task.check_mode else folder / "path.json"
            page = None
            if written is not None:
                files.write(written, files.layered_json(dict(path), 4) + "\n")
                if args["page"] and libraries.missing() is None:
                    page = _page(folder, path, args)
        except (files.FolderError, ends.EndError, UnknownError) as exc:
            raise AnsibleActionFail(f"{exc}.") from None
        for told in nodes.unusable:
            self._display.warning(f"{told}. The path is computed without this node; read it again, or remove the file")
        if args["show"]:
            text = terminal.summary(
                path, None if written is None else _shown(written), None if page is None else _shown(page)
            )
            to_stderr = "json" in str(constants.DEFAULT_STDOUT_CALLBACK).rpartition(".")[2]
            if plan is not None:
                text += f"\n\n{live_terminal.announcement(plan)}"
            self._display.display(f"\n{text}\n", stderr=to_stderr)
        result.update(
            changed=False,
            path=None if written is None else str(written),
            page=None if page is None else str(page),
            verdict=path["verdict"],
            ways=len(path["ways"]),
            reasons=_reasons(path),
        )
        if plan is not None:
            result["live"] = plan
            return result
        if args["fail"] and result["reasons"]:
            result.update(
                failed=True, msg=f"{result['reasons'][0]}. {len(result['reasons'])} of {len(path['ways'])} ways"
            )
        return result


def _must_be_hosts(plan: live.LivePlan | None, hosts: Sequence[str]) -> None:
    """Refuse to send what cannot be watched: each node on the way is to be a host of the inventory."""
    lacking = [host for host in plan["hosts"] if host not in hosts] if plan is not None else []
    if lacking:
        raise AnsibleActionFail(
            f"podnet_live needs each node on the way, and the inventory lacks {', '.join(lacking)}. "
            "Give the inventory of inspect.yml with -i, or leave podnet_live out."
        )


def _page(folder: Path, path: ComputedPath, args: dict[str, Any]) -> Path:
    """Write the path as a page for a browser, with pictures; return where it is."""
    asked = commands.path({"sender": args["sender"], "receiver": args["receiver"]}, _shown(folder))
    entry = paths.entry(path, "path", asked, href=paths.beside(folder))
    return paths.write(folder, paths.PAGE, entry.title, [entry])


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
