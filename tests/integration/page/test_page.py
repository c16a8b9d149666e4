# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The pages of a report in a real browser, opened from disk: the search, hostile names, light and dark."""

from __future__ import annotations

import html
import re
import shutil
import struct
import subprocess
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import pytest

from ansible_collections.podnet.lab.plugins.plugin_utils.model.records import Model
from ansible_collections.podnet.lab.plugins.plugin_utils.page import comparing, site
from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.comparison.sides import compared, made
from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.model.node_files import NodeFile, model_of
from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.page.reading import Page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")

BITING = (
    "<script>document.title='bitten'</script>",
    "<img src=x onerror=\"document.title='bitten'\">",
    "'\"><svg onload=document.title='bitten'>",
    "</title></svg></desc><a href=\"javascript:document.title='bitten'\">x</a>",
    "{{ 7 * 7 }}{% raw %}",
    "\u202egnp.exe\x1b[31m",
)
"""Names that a browser would act on where they were not text."""

Color = tuple[int, int, int]


class Seen(NamedTuple):
    """What a browser made of a page, and what it complained about."""

    page: Page
    title: str
    complaints: list[str]


class Browser:
    """Chromium without a window, each time with a profile of its own."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.number = 0

    def run(self, url: str, *options: str) -> subprocess.CompletedProcess[str]:
        """Open *url*, wait until nothing moves on it, and do what *options* say."""
        self.number += 1
        assert CHROMIUM is not None
        done = subprocess.run(
            [
                CHROMIUM,
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                f"--user-data-dir={self.directory / f'profile{self.number}'}",
                "--virtual-time-budget=10000",
                "--enable-logging=stderr",
                *options,
                url,
            ],
            check=False,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        return done

    def see(self, path: Path, query: str = "") -> Seen:
        """Return the page at *path* as it is once its scripts have run."""
        done = self.run(path.as_uri() + query, "--dump-dom")
        complaints = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
        return Seen(Page(done.stdout), _title(done.stdout), complaints)

    def colors(self, path: Path, *options: str) -> Callable[[int, int], Color]:
        """Return what says which colour a pixel of the page has."""
        shot = self.directory / f"shot{self.number}.png"
        self.run(path.as_uri(), f"--screenshot={shot}", "--hide-scrollbars", "--window-size=500,300", *options)
        return _pixels(shot.read_bytes())


def _title(text: str) -> str:
    title = re.search(r"<title>(.*?)</title>", text, re.DOTALL)
    return html.unescape(title[1]) if title else ""


def _pixels(png: bytes) -> Callable[[int, int], Color]:
    """Read a PNG of 8 bits in red, green, blue and perhaps alpha: https://www.w3.org/TR/png-3/#9Filters."""
    width, height, depth, kind = struct.unpack(">IIBB", png[16:26])
    assert depth == 8
    step = {2: 3, 6: 4}[kind]
    data, place = b"", 8
    while place < len(png):
        (length,) = struct.unpack(">I", png[place : place + 4])
        if png[place + 4 : place + 8] == b"IDAT":
            data += png[place + 8 : place + 8 + length]
        place += length + 12
    raw = zlib.decompress(data)
    size = width * step
    lines: list[bytearray] = []
    above = bytearray(size)
    for row in range(height):
        line = bytearray(raw[row * (size + 1) + 1 : (row + 1) * (size + 1)])
        _unfilter(raw[row * (size + 1)], line, above, step)
        lines.append(line)
        above = line

    def color(x: int, y: int) -> Color:
        red, green, blue = lines[y][x * step : x * step + 3]
        return red, green, blue

    return color


def _unfilter(kind: int, line: bytearray, above: bytearray, step: int) -> None:
    for place in range(len(line)):
        left = line[place - step] if place >= step else 0
        corner = above[place - step] if place >= step else 0
        up = above[place]
        if kind == 4:
            guess = left + up - corner
            near = min((left, up, corner), key=lambda value: abs(guess - value))
            line[place] = (line[place] + near) & 255
        else:
            line[place] = (line[place] + (0, left, up, (left + up) // 2)[kind]) & 255


def biting() -> Model:
    """Return a node on which whatever has a name has one that bites."""
    nodes = [NodeFile(1), NodeFile(2, host=BITING[1])]
    for name in BITING:
        for node in nodes:
            pod = node.pod(name, namespace=name)
            pod["containers"][0]["name"] = name
            pod["paths"] = [f"/run/netns/{name}"]
            node.pairs[-1].update(resolution="ambiguous", reason=name)
            node.service(name, [(str(node.range[2]), 80)], address=name, namespace=name, port_name=name)
            node.errors.append({"object": name, "cause": name, "remedy": name})
            node.conflicts.append({"kind": name, "message": name, "sides": [{"value": name, "source": name}]})
    return model_of(*nodes)


@pytest.fixture(name="browser")
def _browser(tmp_path: Path) -> Browser:
    return Browser(tmp_path)


@pytest.fixture(name="report", scope="module")
def _report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    node = NodeFile(1, pods=3)
    node.unplug(1)
    return site.write(model_of(node, NodeFile(2, pods=3)), tmp_path_factory.mktemp("report"))


@pytest.fixture(name="bitten", scope="module")
def _bitten(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return site.write(biting(), tmp_path_factory.mktemp("bitten"))


def found(seen: Seen) -> list[str]:
    """Return where the search's results lead, from the folder of the pages."""
    links = [link for link in seen.page.links if link.startswith("file:")]
    return [link.rpartition("/html/")[2] for link in links]


def test_the_search_finds_an_address_an_interface_and_a_pod(report: Path, browser: Browser) -> None:
    for words, where in (
        ("10.244.2.3", ["node-node2.html#pod-2"]),
        ("VETH00010003", ["node-node1.html#pod-3"]),
        ("pod3 node2", ["node-node2.html#pod-3"]),
        ("default/pod1", ["node-node1.html#pod-1", "node-node2.html#pod-1"]),
        ("nobody", []),
    ):
        seen = browser.see(report, f"?find={quote(words)}")
        assert found(seen) == where, words
        assert seen.complaints == []
    assert "Nothing found." in seen.page.text


def test_the_search_works_on_every_page(report: Path, browser: Browser) -> None:
    seen = browser.see(report.parent / "html" / "finding-cable-unplugged.html", "?find=pod3%20node1")
    assert found(seen) == ["node-node1.html#pod-3"]


def test_without_script_there_is_no_search_and_everything_else(report: Path, browser: Browser, tmp_path: Path) -> None:
    folder = tmp_path / "scriptless"
    shutil.copytree(report.parent, folder)
    (folder / "html" / "search.js").unlink()
    seen = browser.see(folder / "report.html", "?find=pod1")
    form = next(one for one in seen.page.all("form") if one["id"] == "search")
    assert "hidden" in form
    assert found(seen) == []
    assert "Something does not work: 1 fault on 1 of 2 nodes." in seen.page.text


def test_names_that_bite_are_text(bitten: Path, browser: Browser) -> None:
    folder = bitten.parent / "html"
    kinds = sorted(folder.glob("finding-*.html"))
    lists = (folder / "services.html", folder / "ranges.html")
    for path in (bitten, *sorted(folder.glob("node-*.html")), *lists, *kinds[:3]):
        seen = browser.see(path)
        assert seen.title == _title(path.read_text(encoding="utf-8")), path
        assert seen.page.all("img") == [], path
        assert [one["src"].rpartition("/")[2] for one in seen.page.all("script")] == ["search.js"], path
        assert not [link for link in seen.page.links if link.lower().startswith("javascript")], path
        assert seen.complaints == [], path


def test_names_that_bite_are_text_in_the_search(bitten: Path, browser: Browser) -> None:
    for name in BITING[:4]:
        seen = browser.see(bitten, f"?find={quote(name[:8])}")
        assert seen.title == "Pod networks"
        assert found(seen) != []
        assert seen.page.all("img") == []
        assert not [one for one in seen.page.all("svg") if "onload" in one]


def test_a_comparison_is_whole_and_names_that_bite_are_text_in_it(browser: Browser, tmp_path: Path) -> None:
    node = NodeFile(1)
    for name in BITING:
        node.pod(name, namespace=name)
    path = comparing.write(compared(made(tmp_path, NodeFile(1)), made(tmp_path, node)), tmp_path)
    seen = browser.see(path)
    assert seen.title == _title(path.read_text(encoding="utf-8"))
    assert seen.page.all("img") == seen.page.all("script") == []
    assert not [one for one in seen.page.all("svg") if "onload" in one]
    assert not [link for link in seen.page.links if link.lower().startswith("javascript")]
    assert seen.complaints == []
    light = browser.colors(path, "--blink-settings=preferredColorScheme=1")
    dark = browser.colors(path, "--blink-settings=preferredColorScheme=0")
    assert (light(5, 290), dark(5, 290)) == ((0xF6, 0xF7, 0xF9), (0x14, 0x18, 0x1F))


@pytest.mark.parametrize("page", ["report.html", "html/node-node1.html"])
def test_light_and_dark(report: Path, browser: Browser, page: str) -> None:
    light = browser.colors(report.parent / page, "--blink-settings=preferredColorScheme=1")
    dark = browser.colors(report.parent / page, "--blink-settings=preferredColorScheme=0")
    assert light(5, 290) == (0xF6, 0xF7, 0xF9)
    assert dark(5, 290) == (0x14, 0x18, 0x1F)


def test_the_policy_holds_where_markup_gets_in(report: Path, browser: Browser, tmp_path: Path) -> None:
    """Break the escaping on purpose: the browser itself refuses to run or load what is not ours."""
    folder = tmp_path / "broken"
    shutil.copytree(report.parent, folder)
    page = folder / "report.html"
    text = page.read_text(encoding="utf-8")
    markup = (
        "<script>document.title='bitten'</script><img src=x onerror=\"document.title='bitten'\">"
        '<p style="color: red">x</p><form action="https://evil.invalid"></form>'
    )
    page.write_text(text.replace("<main", f"{markup}<main", 1), encoding="utf-8")
    seen = browser.see(page)
    assert seen.title == "Pod networks"
    assert len(seen.complaints) >= 3
