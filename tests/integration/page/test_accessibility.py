# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a screen reader gets of the pages: Chromium's accessibility tree, asked for by the DevTools protocol."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from ansible_collections.podnet.lab.plugins.plugin_utils.page import comparing, site
from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.comparison.sides import compared, made
from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.model.node_files import NodeFile, model_of

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")

_SECONDS = 90.0


class Thing(NamedTuple):
    """What a screen reader says of one thing: its role, its name, and how deep a heading is."""

    role: str
    name: str
    level: int | None


class Reader:
    """Chromium without a window, spoken to over a pipe: messages of JSON, each with a NUL at its end."""

    def __init__(self, directory: Path) -> None:
        """Start it; messages to it go by file descriptor 3, those from it come by 4 (--remote-debugging-pipe)."""
        assert CHROMIUM is not None
        theirs_in, self._out = os.pipe()
        self._in, theirs_out = os.pipe()
        script = 'in=$1 out=$2; shift 2; exec bash -c \'exec "$@" 3<&\'"$in"\' 4>&\'"$out" chromium "$@"'
        options = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
        self._process = subprocess.Popen(
            ["bash", "-c", script, "start", str(theirs_in), str(theirs_out), CHROMIUM, *options,
             "--remote-debugging-pipe", f"--user-data-dir={directory / 'profile'}", "about:blank"],
            pass_fds=(theirs_in, theirs_out),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(theirs_in)
        os.close(theirs_out)
        os.set_blocking(self._in, False)
        self._number, self._rest = 0, b""

    def ask(self, method: str, session: str | None = None, **params: Any) -> dict[str, Any]:
        """Send a command, and return its result; events in between are passed over."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        os.write(
            self._out, json.dumps(message if session is None else {**message, "sessionId": session}).encode() + b"\0"
        )
        until = time.monotonic() + _SECONDS
        while time.monotonic() < until:
            for answer in self._messages():
                if answer.get("id") == self._number:
                    assert "error" not in answer, answer
                    result: dict[str, Any] = answer["result"]
                    return result
            time.sleep(0.02)
        raise AssertionError(f"{method} was not answered within {_SECONDS:g} seconds")

    def _messages(self) -> Iterator[dict[str, Any]]:
        try:
            self._rest += os.read(self._in, 1 << 20)
        except BlockingIOError:
            return
        *whole, self._rest = self._rest.split(b"\0")
        yield from [json.loads(one) for one in whole]

    def things(self, path: Path) -> list[Thing]:
        """Return all that is not ignored on the page at *path*, once it has been loaded."""
        target = self.ask("Target.createTarget", url=path.as_uri())["targetId"]
        session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        until = time.monotonic() + _SECONDS
        while time.monotonic() < until:
            state = self.ask("Runtime.evaluate", session, expression="location.protocol + document.readyState")
            if state["result"]["value"] == "file:complete":
                break
            time.sleep(0.1)
        nodes = self.ask("Accessibility.getFullAXTree", session)["nodes"]
        return [_thing(node) for node in nodes if not node["ignored"]]

    def close(self) -> None:
        """End the browser."""
        os.close(self._out)
        try:
            self._process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._in)


def _thing(node: dict[str, Any]) -> Thing:
    level = next((one["value"]["value"] for one in node.get("properties", ()) if one["name"] == "level"), None)
    return Thing(node["role"]["value"], node.get("name", {}).get("value", ""), level)


@pytest.fixture(name="reader", scope="module")
def _reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    reader = Reader(tmp_path_factory.mktemp("browser"))
    yield reader
    reader.close()


@pytest.fixture(name="pages", scope="module")
def _pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    node = NodeFile(1, pods=3)
    node.unplug(1)
    report = site.write(model_of(node, NodeFile(2, pods=3)), tmp_path_factory.mktemp("report"))
    sides = tmp_path_factory.mktemp("sides")
    comparison = compared(made(sides, NodeFile(1, pods=3)), made(sides, node))
    html = report.parent / "html"
    return {
        "overview": report,
        "node": html / "node-node1.html",
        "finding": html / "finding-cable-unplugged.html",
        "ranges": html / "ranges.html",
        "comparison": comparing.write(comparison, tmp_path_factory.mktemp("comparison")),
    }


PAGES = ("overview", "node", "finding", "ranges", "comparison")


@pytest.mark.parametrize("page", PAGES)
def test_a_screen_reader_finds_its_way(reader: Reader, pages: dict[str, Path], page: str) -> None:
    things = reader.things(pages[page])
    roles = [one.role for one in things]
    assert roles.count("main") == 1
    assert roles.count("banner") == 1
    assert "navigation" in roles
    levels = [one.level for one in things if one.role == "heading"]
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(after is not None and before is not None and after <= before + 1 for before, after in pairwise(levels))


@pytest.mark.parametrize("page", PAGES)
def test_what_can_be_used_or_entered_has_a_name(reader: Reader, pages: dict[str, Path], page: str) -> None:
    roles = ("link", "button", "textbox", "searchbox", "navigation", "region", "heading", "image", "columnheader",
             "rowheader")  # fmt: skip
    things = [one for one in reader.things(pages[page]) if one.role in roles]
    assert things
    assert [one for one in things if not one.name.strip()] == []


def test_the_picture_says_what_is_wrong_in_words(reader: Reader, pages: dict[str, Path]) -> None:
    things = reader.things(pages["node"])
    marks = [one for one in things if one.role == "link" and one.name.startswith("cable-unplugged: ")]
    assert marks


def test_tables_are_tables(reader: Reader, pages: dict[str, Path]) -> None:
    for page in PAGES:
        roles = [one.role for one in reader.things(pages[page])]
        assert "table" not in roles or {"row", "cell"} <= set(roles), page
