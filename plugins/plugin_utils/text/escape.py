# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Makes text from nodes safe to show.

Names of pods, interfaces and files come from whoever runs a container: they may hold control
characters, markup of any kind, or text that runs the other way. Each kind of place that shows
text has one function here, and nothing else in the collection builds such text.
"""

from __future__ import annotations

import re
import shlex
import unicodedata

_ELLIPSIS = "…"


def visible(text: str) -> str:
    r"""Return *text* with everything that does not print written out, as in ``\x1b`` or ``\u202e``.

    That covers control and format characters (terminal escape sequences, line ends, text
    direction, zero width), unassigned and private code points, and spaces other than the
    usual one: what ``str.isprintable`` refuses. What is left fits on one line.
    """
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else _written_out(character) for character in text)


def _written_out(character: str) -> str:
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    if code < 0x10000:
        return f"\\u{code:04x}"
    return f"\\U{code:08x}"


def width(text: str) -> int:
    """Return how many columns *text* takes in a terminal: wide characters two, combining marks none."""
    if text.isascii():
        return len(text)
    columns = 0
    for character in text:
        if unicodedata.combining(character) or unicodedata.category(character) in ("Mn", "Me"):
            continue
        columns += 2 if unicodedata.east_asian_width(character) in ("W", "F") else 1
    return columns


def shortened(text: str, columns: int) -> str:
    """Return *text* in at most *columns* columns, its middle left out when it is too long.

    Both ends are kept because names in Kubernetes differ at both: the workload is in front,
    the replica at the back.
    """
    if width(text) <= columns:
        return text
    room = max(columns - 1, 0)
    tail = room // 2
    return _start(text, room - tail) + _ELLIPSIS + _start(text[::-1], tail)[::-1]


def _start(text: str, columns: int) -> str:
    used = 0
    for index, character in enumerate(text):
        used += width(character)
        if used > columns:
            return text[:index]
    return text


# What GitHub Flavored Markdown gives a meaning to, in a line or in a table cell, written as HTML
# character references: https://github.github.com/gfm/#entity-and-numeric-character-references
# says that they are never structure. "$" starts mathematics on GitHub, "@" a mention.
_MARKDOWN = {ord(character): f"&#{ord(character)};" for character in "\\`*{}[]<>#!|~&@$^"}
_MARKDOWN_EDGE = re.compile(r"(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")
_MARKDOWN_LINK = re.compile(r":(?=/)|(?<=\bwww)\.", re.IGNORECASE)
_MARKDOWN_EMOJI = re.compile(r":(?=[\w+-]+:)")


def markdown_text(text: str) -> str:
    """Return *text* as plain words for a line or a table cell of GitHub's Markdown."""
    safe = visible(text).translate(_MARKDOWN)
    safe = _MARKDOWN_EDGE.sub("&#95;", safe)
    safe = _MARKDOWN_LINK.sub(lambda found: f"&#{ord(found.group())};", safe)
    return _MARKDOWN_EMOJI.sub("&#58;", safe)


def markdown_code(text: str) -> str:
    """Return *text* as a code span for a line or a table cell of GitHub's Markdown.

    Nothing inside a code span has a meaning but backticks, which a longer fence takes in, and in
    tables the pipe, which is written with a backslash there and loses it again when shown
    (https://github.github.com/gfm/#example-200). A pipe outside of a table would keep its
    backslash, so text with a pipe becomes a ``<code>`` element of escaped words instead.
    """
    shown = visible(text)
    if not shown.strip():
        return "``" if not shown else "<code>&nbsp;</code>"
    if "|" in shown:
        return f"<code>{markdown_text(text)}</code>"
    longest = max((len(run) for run in re.findall(r"`+", shown)), default=0)
    if not longest and shown == shown.strip():
        return f"`{shown}`"
    fence = "`" * (longest + 1)
    return f"{fence} {shown} {fence}"


def mermaid_label(text: str) -> str:
    """Return *text* as a quoted label of a Mermaid flow chart.

    All but letters, digits and a few harmless signs become ``#code;``, Mermaid's own character
    references (https://mermaid.js.org/syntax/flowchart.html#entity-codes-to-escape-characters).
    It looks for directives (``%%{``), icons (``fa:fa-x``), mathematics (``$$``), HTML and
    Markdown even inside quotes, so a list of what is harmless is the only safe one.
    """
    shown = visible(text)
    return '"' + "".join(_mermaid_character(character) for character in shown) + '"'


def _mermaid_character(character: str) -> str:
    if character.isascii() and (character.isalnum() or character in " ./-,"):
        return character
    return f"#{ord(character)};"


def shell_word(text: str) -> str:
    """Return *text* as one word of a POSIX shell command, to be shown to a person.

    What does not print is shown written out; such a command names its object, but cannot be
    typed as it stands.
    """
    return shlex.quote(visible(text))
