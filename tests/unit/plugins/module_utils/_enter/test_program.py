# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the program refuses, and what it does without entering anything. tests/integration/pods_as_hosts enters."""

from __future__ import annotations

import os
from typing import Any, Dict

import pytest

from ansible_collections.podnet.lab.plugins.module_utils._enter import program


def target(**changes: Any) -> Dict[str, Any]:
    return {
        "what": "default/pod1 on node1",
        "inode": 1,
        "doors": ["/nonexistent/door", "/dev/null"],
        "links": [],
        "pids": [],
        "enter": ["net"],
        **changes,
    }


def refused(monkeypatch: pytest.MonkeyPatch, user: int, **changes: Any) -> str:
    monkeypatch.setattr(os, "geteuid", lambda: user)
    with pytest.raises(program.RefusedError) as caught:
        program.enter(target(**changes))
    return str(caught.value)


def test_a_pod_without_a_door_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    said = refused(monkeypatch, 0)
    assert "default/pod1 on node1 is gone: its network namespace net:[1] has no door any more" in said
    assert "/nonexistent/door: No such file or directory, /dev/null leads elsewhere now" in said
    assert said.endswith("Read the node again")


def test_another_user_than_root_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "takes root of the node, and this is user 1000" in refused(monkeypatch, 1000)


def test_other_namespaces_take_a_process_of_the_pod(monkeypatch: pytest.MonkeyPatch) -> None:
    own = os.stat("/proc/self/ns/net").st_ino
    doors = ["/proc/self/ns/net"]
    said = refused(monkeypatch, 0, inode=own, doors=doors, enter=["net", "pid", "mnt"], pids=[2**22 + 1])
    assert "only a process leads to its pid and mnt namespaces" in said


def test_the_namespace_must_have_the_pods_links() -> None:
    program.check_links(target(links=[["lo", "00:00:00:00:00:00"]]))
    with pytest.raises(program.RefusedError, match=r"was made anew: lo in .* has not the address 0a:58:.* any more"):
        program.check_links(target(links=[["lo", "0a:58:0a:f4:00:02"]]))
    with pytest.raises(program.RefusedError, match="No such device"):
        program.check_links(target(links=[["nonexistent0", "0a:58:0a:f4:00:02"]]))


def test_what_it_says_is_one_line_of_ascii(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert program.main(target(what="caf\u00e9"), "exec", "true") == program.REFUSED_CODE
    assert capsys.readouterr().err.startswith(program.REFUSED + "caf\\xe9 is gone")
