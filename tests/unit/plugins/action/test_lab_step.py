# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lab's modules and the one that does their work: each is known everywhere, and gets what its task says."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.module_utils.testing import patch_module_args
from ansible.plugins.action.normal import ActionModule as NormalAction

from ansible_collections.podnet.lab.plugins.action import lab_step
from ansible_collections.podnet.lab.plugins.module_utils._lab.modules import FILES, all_of_them, lab_module
from ansible_collections.podnet.lab.plugins.modules import lab_step as module

COLLECTION = Path(__file__).resolve().parents[4]
RUNTIME = yaml.safe_load((COLLECTION / "meta" / "runtime.yml").read_text(encoding="utf-8"))


class Action(lab_step.ActionModule):
    """The action of one task, with nothing of Ansible around it."""

    def __init__(self, action: str, args: dict[str, Any]) -> None:
        """Do without Ansible's own set-up: nothing of it is used here."""
        self._task = type("Task", (), {"resolved_action": action, "args": args})()


def test_every_module_of_the_lab_is_sent_as_one() -> None:
    routes = RUNTIME["plugin_routing"]["modules"]
    assert {name for name, route in routes.items() if route == {"action_plugin": lab_step.MODULE}} == FILES.keys()
    assert set(RUNTIME["action_groups"]["lab"]) == FILES.keys()


@pytest.mark.parametrize("name", FILES)
def test_a_module_alone_does_what_lab_step_does(name: str) -> None:
    alone = importlib.import_module(f"ansible_collections.podnet.lab.plugins.modules.{name}")
    assert (alone.ARGUMENTS, alone.run) == lab_module(name)


def test_every_file_is_named_to_ansible_which_sends_no_other() -> None:
    assert set(all_of_them.__code__.co_varnames) == set(FILES.values())


@pytest.mark.parametrize(
    ("action", "sent"),
    [
        ("podnet.lab.veth", {"module": "veth", "options": {"lab": "lab0", "pairs": []}}),
        ("podnet.lab.lab_step", None),
    ],
)
def test_a_task_is_handed_on(monkeypatch: pytest.MonkeyPatch, action: str, sent: dict[str, Any] | None) -> None:
    asked: dict[str, Any] = {}
    monkeypatch.setattr(NormalAction, "_execute_module", lambda _self, **options: asked.update(options) or {"x": 1})
    result = Action(action, {"lab": "lab0", "pairs": []})._execute_module(task_vars={"a": 1}, wrap_async=False)
    assert result == {"x": 1}
    expected = {} if sent is None else {"module_name": lab_step.MODULE, "module_args": sent}
    assert asked == {"task_vars": {"a": 1}, "wrap_async": False, **expected}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"lab": "lab0"}, "podnet.lab.veth: missing required arguments: pairs"),
        (
            {"lab": "lab0", "pairs": [], "pears": 1},
            "podnet.lab.veth: unsupported option pears. Supported parameters include: lab, pairs.",
        ),
        ({"lab": "Lab", "pairs": []}, "lab: 'Lab' is not a name of the form of RFC 1123."),
    ],
)
def test_what_is_wrong_with_the_options_is_said_of_the_module(
    capsys: pytest.CaptureFixture[str], options: dict[str, Any], said: str
) -> None:
    with patch_module_args({"module": "veth", "options": options}), pytest.raises(SystemExit):
        module.main()
    answer = json.loads(capsys.readouterr().out)
    assert answer["failed"]
    assert answer["msg"].startswith(said)
