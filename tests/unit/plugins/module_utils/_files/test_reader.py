# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What Files refuses, and that it refuses without waiting."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.podnet.lab.plugins.module_utils._files.reader import Files, load_json, printable


@pytest.fixture
def files(tmp_path: Path) -> Any:
    return Files(str(tmp_path))


def _within_seconds(call: Any, limit: Any = 5.0) -> Any:
    """The result of call(), which must not block."""
    result = []
    thread = threading.Thread(target=lambda: result.append(call()), daemon=True)
    thread.start()
    thread.join(limit)
    assert not thread.is_alive(), "reading blocked"
    return result[0]


def test_a_regular_file_is_read_whole(tmp_path: Path, files: Any) -> None:
    tmp_path.joinpath("a").write_bytes(b"x\r\n\xff\xc3\xa9")
    assert files.text("/a") == "x\r\n\\xffé"
    assert files.errors == []


@pytest.mark.parametrize("path", ["/missing", "/a/below-a-file"])
def test_what_does_not_exist_is_no_error(tmp_path: Path, files: Any, path: Any) -> None:
    tmp_path.joinpath("a").write_text("")
    assert files.text(path) is None
    assert files.names(path) == []
    assert files.errors == []


def _fifo(path: Any) -> None:
    os.mkfifo(path)


def _unix_socket(path: Any) -> None:
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(path)


def _loop(path: Any) -> None:
    os.symlink(path, path)


def _to_device(path: Any) -> None:
    os.symlink("/dev/zero", path)


def _too_long(path: Any) -> None:
    with open(path, "wb") as stream:
        stream.truncate(50 * 1024 * 1024)


@pytest.mark.parametrize("make", [_fifo, _unix_socket, _loop, _to_device, os.mkdir, _too_long])
def test_what_is_no_file_of_sane_length_is_an_error_at_once(tmp_path: Path, files: Any, make: Any) -> None:
    make(str(tmp_path / "odd"))
    assert _within_seconds(lambda: files.text("/odd")) is None
    (error,) = files.errors
    assert error["object"] == "/odd"
    assert error["cause"]
    assert error["remedy"]


def test_a_file_of_the_limit_is_read_and_one_byte_more_is_refused(tmp_path: Path, files: Any) -> None:
    tmp_path.joinpath("a").write_text("x" * 100)
    assert files.text("/a", limit=100) == "x" * 100
    assert files.text("/a", limit=99) is None
    assert "99 bytes" in files.errors[0]["cause"]


@pytest.mark.skipif(os.getuid() == 0, reason="root may read everything")
def test_a_file_of_another_user_is_an_error_that_names_become(tmp_path: Path, files: Any) -> None:
    tmp_path.joinpath("a").write_text("")
    tmp_path.joinpath("a").chmod(0)
    assert files.text("/a") is None
    assert "become" in files.errors[0]["remedy"]


def test_the_links_of_a_config_map_volume_are_followed_but_not_out_of_it(tmp_path: Path, files: Any) -> None:
    volume = tmp_path / "volume"
    dated = volume / "..2026_01_15_08_30_12.123456789"
    dated.mkdir(parents=True)
    dated.joinpath("net-conf.json").write_text("{}")
    volume.joinpath("..data").symlink_to(dated.name)
    volume.joinpath("net-conf.json").symlink_to("..data/net-conf.json")
    tmp_path.joinpath("secret").write_text("secret")
    volume.joinpath("evil").symlink_to("../secret")
    assert files.text("/volume/net-conf.json", within="/volume") == "{}"
    assert files.text("/volume/evil", within="/volume") is None
    assert "leads out of /volume" in files.errors[0]["cause"]


def test_names_are_sorted_and_names_that_are_not_utf8_are_noted(tmp_path: Path, files: Any) -> None:
    for name in (b"b", b"a", b"\xff", b"z\nz"):
        with open(os.path.join(os.fsencode(str(tmp_path)), name), "wb"):
            pass
    assert files.names("/") == ["a", "b", "z\nz"]
    (error,) = files.errors
    assert error["object"].endswith("\\xff")


def test_a_directory_without_end_is_cut_with_an_error(tmp_path: Path, files: Any) -> None:
    for number in range(5):
        tmp_path.joinpath(str(number)).write_text("")
    assert len(files.names("/", limit=3)) == 3
    assert "more than 3 entries" in files.errors[0]["cause"]


def test_after_the_deadline_nothing_is_read_and_one_error_says_so(tmp_path: Path) -> None:
    tmp_path.joinpath("a").write_text("x")
    late = Files(str(tmp_path), deadline=time.monotonic() - 1)
    assert late.text("/a") is None
    assert late.names("/") == []
    assert late.timed_out
    assert len(late.errors) == 1


def test_a_path_with_a_nul_byte_is_an_error(files: Any) -> None:
    assert files.text("/a\0b") is None
    assert len(files.errors) == 1


@pytest.mark.parametrize(
    "text",
    ["", "{", "[" * 100000, '{"a":' * 100000, "NaN", "[Infinity]", "1" * 5000, '"\\ud800"', "{} {}", "\x00", "'a'"],
)
def test_what_is_no_json_raises_one_error_type_quickly(text: Any) -> None:
    start = time.monotonic()
    with pytest.raises(ValueError):
        load_json(text)
    assert time.monotonic() - start < 2


@given(st.text(max_size=80))
def test_any_text_is_json_or_an_error_and_never_has_lone_surrogates(text: Any) -> None:
    try:
        value = load_json(text)
    except ValueError:
        return
    json.dumps(value, ensure_ascii=False).encode("utf-8")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@settings(deadline=None)
@given(JSON, st.booleans())
def test_json_comes_back_as_it_was(value: Any, ascii_only: Any) -> None:
    assert load_json(json.dumps(value, ensure_ascii=ascii_only)) == value


@given(st.binary(max_size=40))
def test_names_stay_different_and_printable(name: Any) -> None:
    text = os.fsdecode(name)
    shown = printable(text)
    shown.encode("utf-8")
    assert shown == name.decode("utf-8", "backslashreplace")
