# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Report folders and node files."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.podnet.lab.plugins.plugin_utils.report import files, gathering, writing
from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.model.node_files import HOSTILE, NodeFile, unread

NOW = datetime(2026, 11, 20, 11, 5, 4, 120000, UTC)


def put(folder: Path, *documents: object, names: tuple[str, ...] = ()) -> Path:
    """Write node files into a report folder."""
    for number, document in enumerate(documents):
        host = document["host"] if isinstance(document, dict) else f"bad{number}"
        name = names[number] if names else files.node_file_name(host)
        files.write(folder / "nodes" / name, document if isinstance(document, str) else json.dumps(document))
    return folder


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("node1.example.org", "node1.example.org.json"),
        ("../../etc/passwd", "%2E.%2F..%2Fetc%2Fpasswd.json"),
        (".hidden", "%2Ehidden.json"),
        ("fe80::1", "fe80%3A%3A1.json"),
        ("a b", "a%20b.json"),
        ("a%20b", "a%2520b.json"),
        ("", "%.json"),
    ],
)
def test_node_file_name(host: str, name: str) -> None:
    assert files.node_file_name(host) == name


@given(st.one_of(st.text(alphabet=st.characters(), max_size=300), st.sampled_from(HOSTILE)))
def test_node_file_name_stays_in_its_folder(host: str) -> None:
    name = files.node_file_name(host)
    assert os.path.basename(name) == name
    assert not name.startswith(".")
    assert len(name.encode()) <= 255


@given(st.text(max_size=250), st.text(max_size=250))
def test_two_hosts_never_share_a_file(first: str, second: str) -> None:
    assert (files.node_file_name(first) == files.node_file_name(second)) == (first == second)


def test_two_runs_in_one_second_have_folders_of_their_own(tmp_path: Path) -> None:
    first, second = (files.make_timed_folder(tmp_path, NOW) for _run in range(2))
    assert [first.name, second.name] == ["2026-11-20T110504Z", "2026-11-20T110504Z-2"]


def test_write_replaces_in_one_step(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "file"
    files.write(path, "one")
    with path.open() as before:
        files.write(path, "two")
        assert before.read() == "one"
    assert path.read_text() == "two"
    assert [entry.name for entry in path.parent.iterdir()] == ["file"]
    assert path.stat().st_mode & 0o777 == 0o666 & ~files._umask()


def test_write_says_why_not(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(files.FolderError, match="file/below cannot be written: "):
        files.write(tmp_path / "file" / "below", "text")


def test_folder_says_why_not(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(files.FolderError, match="podnet_report_dir"):
        files.make_folder(tmp_path / "file" / "report")


def test_latest_leads_to_the_last_report(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        assert files.point_latest(tmp_path / name) is None
    assert os.readlink(tmp_path / "latest") == "two"


def test_latest_that_is_no_link_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "latest").mkdir()
    (tmp_path / "one").mkdir()
    assert "left alone" in (files.point_latest(tmp_path / "one") or "")
    assert not (tmp_path / "latest").is_symlink()


@given(
    st.recursive(
        st.none() | st.integers() | st.text(max_size=5),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=5), inner),
        max_leaves=20,
    )
)
def test_layered_json_is_json(value: object) -> None:
    text = files.layered_json(value, 2)
    assert json.loads(text) == value
    assert text.isascii()


def test_layered_json_has_a_line_for_each_entry() -> None:
    text = files.layered_json({"pods": [{"a": [1, 2]}, {"b": {}}], "n": 1}, 2)
    assert text == '{\n "pods": [\n  {"a": [1, 2]},\n  {"b": {}}\n ],\n "n": 1\n}'


@pytest.mark.parametrize("entries", [1, 3, 1000])
def test_a_second_process_writes_the_same_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, entries: int) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    monkeypatch.setattr(writing, "ENTRIES", entries)
    monkeypatch.setattr(writing, "FEWEST", 2)
    put(tmp_path, NodeFile(1, pods=7).document(), NodeFile(2, pods=2).document())
    model, sources = gathering.read_model([tmp_path])
    writing.write_report(tmp_path, model, sources)
    assert (tmp_path / "report.json").read_text(encoding="ascii") == files.layered_json(dict(model), 2) + "\n"


def test_report_from_several_folders(tmp_path: Path) -> None:
    newer = NodeFile(1, pods=2)
    newer.collected_at = "2026-11-20T12:00:00+00:00"
    put(tmp_path / "a", NodeFile(1, pods=1).document(), NodeFile(2).document())
    put(tmp_path / "b", newer.document(), NodeFile(3).document())
    for order in (("a", "b"), ("b", "a"), ("a", "b/nodes")):
        model, _sources = gathering.read_model([tmp_path / name for name in order])
        assert [node["host"] for node in model["nodes"]] == ["node1", "node2", "node3"]
        assert model["totals"]["pods"] == 2
        assert model["superseded"] == [
            {
                "host": "node1",
                "collected_at": "2026-11-20T11:05:04.120Z",
                "source": str(tmp_path / "a" / "nodes" / "node1.json"),
                "newer": str(tmp_path / "b" / "nodes" / "node1.json"),
            }
        ]


def test_newest_counts_even_if_it_is_an_error(tmp_path: Path) -> None:
    put(tmp_path / "a", NodeFile(1).document())
    put(tmp_path / "b", unread("node1"))
    model, _sources = gathering.read_model([tmp_path / "a", tmp_path / "b"])
    assert model["nodes"][0]["status"] == "unreachable"


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ('{"schema_version": 1, "host"', "not complete JSON: Expecting ':' delimiter in line 1, column 29"),
        ("", "not complete JSON"),
        ("[" * 100_000, "not JSON that can be used"),
        ("1" * 5000, "not JSON that can be used"),
        ("[]", "node1.json is a list, not an object"),
        ("{}", "node1.json.schema_version is missing"),
    ],
)
def test_bad_file_is_one_node_that_was_not_read(tmp_path: Path, text: str, cause: str) -> None:
    put(tmp_path, text, NodeFile(2).document(), names=("node1.json", "node2.json"))
    model, _sources = gathering.read_model([tmp_path])
    assert [(node["host"], node["status"]) for node in model["nodes"]] == [("node1", "failed"), ("node2", "read")]
    error = model["nodes"][0]["error"]
    assert error is not None
    assert cause in error["cause"]
    assert error["object"] == str(tmp_path / "nodes" / "node1.json")


def test_pipe_does_not_block(tmp_path: Path) -> None:
    put(tmp_path, NodeFile(2).document())
    os.mkfifo(tmp_path / "nodes" / "node1.json")
    model, _sources = gathering.read_model([tmp_path])
    assert [node["status"] for node in model["nodes"]] == ["failed", "read"]


@pytest.mark.parametrize("name", ["", "missing"])
def test_folder_without_node_files(tmp_path: Path, name: str) -> None:
    with pytest.raises(files.FolderError, match="Name a report folder or its nodes folder"):
        files.node_files(tmp_path / name)
