# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Brings a node what it lacks of an offline bundle, and no more: one question when it lacks nothing."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ansible_collections.podnet.lab.plugins.plugin_utils.bundle import bundles

MODULE = "podnet.lab.offline_bundle"


class ActionModule(ActionBase):
    """Installs from a bundle on the control node."""

    TRANSFERS_FILES = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Ask the node what it lacks, verify that here, bring it over and have it installed."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        task_vars = task_vars or {}
        args = dict(self._task.args)
        path = args.get("path")
        on_node = str(args.get("on_node", False)).lower() in ("1", "true", "yes", "on")
        if on_node or args.get("state") == "absent" or not path:
            if not path and args.get("state", "present") == "present":
                raise AnsibleActionFail("offline_bundle: path is missing. Give the folder or archive of the bundle.")
            result.update(self._execute_module(module_name=MODULE, module_args=args, task_vars=task_vars))
            return result
        bundle_path = Path(str(path)).expanduser()
        try:
            raw, bundle = bundles.load(bundle_path)
            # json.dumps leaves behind the tags that ansible-core puts on values.
            ask = json.loads(json.dumps({"manifest": raw, "only": args.get("only") or []}))
            said = self._execute_module(module_name=MODULE, module_args=ask, task_vars=task_vars)
            missing = said.get("missing") or []
            if said.get("failed") or not missing or self._task.check_mode:
                result.update(said)
                return result
            with tempfile.TemporaryDirectory(prefix="podnet-bundle-") as scratch:
                files = bundles.unpack(bundle_path, bundle, missing, Path(scratch))
                source = self._bring(files)
                result.update(
                    self._execute_module(module_name=MODULE, module_args={**ask, "source": source}, task_vars=task_vars)
                )
        except bundles.BundleError as error:
            raise AnsibleActionFail(str(error)) from error
        finally:
            self._remove_tmp_path(self._connection._shell.tmpdir)
        return result

    def _bring(self, files: dict[str, Path]) -> str:
        """Copy files to the node's temporary directory; return the folder that they are in there."""
        shell = self._connection._shell
        if not shell.tmpdir:
            self._make_tmp_path()
        source = str(shell.join_path(shell.tmpdir, "bundle"))
        directories = sorted({str(shell.join_path(source, str(Path(name).parent))) for name in files})
        made = self._low_level_execute_command("mkdir -p " + " ".join(directories), sudoable=False)
        if made.get("rc"):
            raise AnsibleActionFail(f"offline_bundle: no folder could be made on the node: {made.get('stderr')}")
        for name, file in files.items():
            self._transfer_file(str(file), str(shell.join_path(source, name)))
        return source
