# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The door to one node: what it writes and returns for whatever a node says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible.errors import AnsibleConnectionFailure, AnsibleError
from ansible.plugins.action import ActionBase

from ansible_collections.podnet.lab.plugins.action import report_node
from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.model.node_files import HOSTILE, NodeFile

FACTS = {key: value for key, value in NodeFile(1, pods=2).document().items() if key.startswith("podnet_")}


class Become:
    """A become plugin, as far as the action looks at it."""

    name = "sudo"


class Connection:
    """A connection, as far as the action looks at it."""

    def __init__(self, become: Become | None) -> None:
        """Begin with or without become."""
        self.become = become

    def set_become_plugin(self, plugin: Become | None) -> None:
        """Set it, as Ansible's connections do."""
        self.become = plugin


class Node(report_node.ActionModule):
    """The action with a node that answers from a list."""

    def __init__(self, folder: Path, answers: list[Any], become: bool = True, **options: Any) -> None:
        """Do without Ansible's own set-up: nothing of it is used here."""
        self._answers = answers
        self._args = {"path": str(folder), "gather_subset": None, "timeout": None, "on_timeout": None, **options}
        self._connection = Connection(Become() if become else None)
        self._task = type("Task", (), {"become": become})()
        self._display = type("Display", (), {"warning": lambda _self, text: self.warnings.append(text)})()
        self.warnings: list[str] = []
        self.asked: list[tuple[dict[str, Any], bool]] = []
        self.modules = ["podnet.lab.pod_network_facts"] * 2

    def validate_argument_spec(self, *_args: Any, **_options: Any) -> tuple[None, dict[str, Any]]:
        """Return the arguments; Ansible's own validation is not under test."""
        return None, self._args

    def _execute_module(self, **options: Any) -> dict[str, Any]:
        assert options["module_name"] == self.modules.pop(0)
        self.asked.append((options["module_args"], self._connection.become is not None))
        answer = self._answers.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        return dict(answer)


@pytest.fixture(autouse=True)
def _without_ansible(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ActionBase, "run", lambda _self, _tmp=None, _vars=None: {})


def run(node: Node, folder: Path, host: str = "node1") -> tuple[dict[str, Any], dict[str, Any]]:
    """Run the action; return its result and the one file that it wrote."""
    result = node.run(task_vars={"inventory_hostname": host})
    (path,) = (folder / "nodes").iterdir()
    assert result["path"] == str(path)
    return result, json.loads(path.read_text())


def test_facts_go_into_the_file_and_not_into_the_result(tmp_path: Path) -> None:
    node = Node(tmp_path, [{"ansible_facts": FACTS}], timeout=9)
    result, document = run(node, tmp_path)
    assert {key: document[key] for key in FACTS} == FACTS
    assert (document["host"], document["schema_version"]) == ("node1", 1)
    assert document["collected_at"].endswith("Z")
    assert "ansible_facts" not in result
    assert (result["namespaces"], result["cables"], result["bridges"], result["partial"]) == (3, 2, 1, False)
    assert node.asked == [({"timeout": 9}, True)]


def test_unreachable(tmp_path: Path) -> None:
    result, document = run(Node(tmp_path, [AnsibleConnectionFailure("No route to host")]), tmp_path)
    assert result["unreachable"]
    assert "failed" not in result
    assert document["status"] == "unreachable"
    assert document["error"]["cause"] == "No route to host"


@pytest.mark.parametrize(
    "answer",
    [
        {"failed": True, "msg": "Boom."},
        {"failed": True, "msg": "Module result deserialization failed: no JSON", "module_stderr": "Boom.\n"},
        AnsibleError("Boom."),
    ],
)
def test_failed(tmp_path: Path, answer: Any) -> None:
    result, document = run(Node(tmp_path, [answer]), tmp_path)
    assert result["failed"]
    assert document["status"] == "failed"
    assert document["error"]["cause"] == "Boom"


def test_half_an_answer_is_a_failure(tmp_path: Path) -> None:
    half = {key: value for key, value in FACTS.items() if key != "podnet_veth"}
    _result, document = run(Node(tmp_path, [{"ansible_facts": half}]), tmp_path)
    assert document["status"] == "failed"


@pytest.mark.parametrize(
    "answer",
    [
        AnsibleError("Missing sudo password"),
        {"failed": True, "msg": "", "module_stderr": "/bin/sh: 1: sudo: not found"},
    ],
)
def test_without_root_when_becoming_root_fails(tmp_path: Path, answer: Any) -> None:
    node = Node(tmp_path, [answer, {"ansible_facts": FACTS}])
    result, document = run(node, tmp_path)
    assert [become for _args, become in node.asked] == [True, False]
    assert result["partial"]
    assert "without root" in document["errors"][0]["cause"]
    assert "sudo" in node.warnings[0]


def test_no_second_try_when_become_is_not_the_reason(tmp_path: Path) -> None:
    node = Node(tmp_path, [{"failed": True, "msg": "Boom."}])
    run(node, tmp_path)
    assert len(node.asked) == 1


def test_second_try_may_fail_too(tmp_path: Path) -> None:
    node = Node(tmp_path, [AnsibleError("Missing sudo password"), AnsibleConnectionFailure("gone")])
    result, document = run(node, tmp_path)
    assert result["unreachable"]
    assert document["error"]["cause"] == "gone"


@pytest.mark.parametrize("host", [host for host in HOSTILE if host])
def test_no_name_leaves_the_folder(tmp_path: Path, host: str) -> None:
    _result, document = run(Node(tmp_path, [{"ansible_facts": FACTS}]), tmp_path, host)
    assert document["host"] == host
    assert [path.name for path in tmp_path.iterdir()] == ["nodes"]


def test_tags_of_ansible_stay_behind(tmp_path: Path) -> None:
    """ansible-core tags what a module returns; a plain file must come of it."""
    datatag = pytest.importorskip("ansible.parsing.dataloader").DataLoader()
    tagged = datatag.load(json.dumps(FACTS), json_only=True)
    assert tagged.__class__ is not dict
    _result, document = run(Node(tmp_path, [{"ansible_facts": tagged}]), tmp_path)
    assert {key: document[key] for key in FACTS} == FACTS


SERVICES = {"podnet_service": {"schema_version": 1, "partial": False, "errors": [], "services": [{}, {}]}}


def with_services(folder: Path, answer: Any, **options: Any) -> Node:
    """Return a node that is asked for the rules of Services too, and answers that with *answer*."""
    node = Node(folder, [{"ansible_facts": FACTS}, answer], services=True, **options)
    node.modules = ["podnet.lab.pod_network_facts", "podnet.lab.service_rule_facts"]
    return node


def test_services_are_read_when_asked_for(tmp_path: Path) -> None:
    node = with_services(tmp_path, {"ansible_facts": SERVICES}, timeout=9, gather_subset=["all"])
    result, document = run(node, tmp_path)
    assert document["podnet_service"] == SERVICES["podnet_service"]
    assert "errors" not in document
    assert (result["services"], result["partial"]) == (2, False)
    assert [asked for asked, _become in node.asked] == [
        {"timeout": 9, "gather_subset": ["all"]},
        {"timeout": 9, "gather_subset": ["all", "!hidden"]},
    ]


def test_services_are_not_read_otherwise(tmp_path: Path) -> None:
    node = Node(tmp_path, [{"ansible_facts": FACTS}], services=False)
    result, document = run(node, tmp_path)
    assert "podnet_service" not in document
    assert "services" not in result
    assert len(node.asked) == 1


@pytest.mark.parametrize(
    "answer",
    [{"failed": True, "msg": "Boom."}, AnsibleConnectionFailure("Boom."), AnsibleError("Boom."), {"ansible_facts": {}}],
)
def test_services_that_cannot_be_read_take_nothing_from_the_rest(tmp_path: Path, answer: Any) -> None:
    node = with_services(tmp_path, answer)
    result, document = run(node, tmp_path)
    assert {key: document[key] for key in FACTS} == FACTS
    assert "podnet_service" not in document
    (error,) = document["errors"]
    assert "Services" in error["object"]
    assert all(error.values())
    assert (result["partial"], "services" in result, "failed" in result) == (True, False, False)
    assert len(node.warnings) == 1
