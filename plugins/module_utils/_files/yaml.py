# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""A strict reader of the part of YAML that Kubernetes and its distributions write.

Why an own reader: nodes need not have PyYAML, and the files may hold secrets (a k3s ``config.yaml``
has the cluster's token), so they are read where they are instead of being sent to the control node.

Read are: block mappings and sequences (also without indentation below a key, also compact as in
``- - a`` and ``- key: value``), plain, single- and double-quoted scalars over one or more lines,
literal and folded blocks with their indicators, flow lists and mappings (hence JSON without
tabs), comments, and several documents. Scalars become None, bool or int where every YAML version
and JSON agree about them, else they stay text: ``yes``, ``010``, ``1.5`` and ``1:30`` are text.

Everything else raises :class:`YamlError` with the line: anchors, aliases, tags, merge keys, explicit
(``?``) keys, keys that are collections or too long, directives, tabs as white space, duplicate keys,
control characters, bad indentation, and nesting deeper than `MAX_DEPTH`. A document is either
read as PyYAML's ``SafeLoader`` reads its structure or not at all. The time is linear in the length.

The source of the rules is YAML 1.1 (https://yaml.org/spec/1.1/), as PyYAML and go-yaml read it.
"""

from __future__ import annotations

import re
from typing import Any, Callable, Dict, List, Optional

MAX_DEPTH = 64
"""Collections within collections. A Pod, the deepest document that is read, has about 15."""

_MAX_KEY = 1000
_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,399})\Z")
_CONSTANTS = {
    "": None,
    "~": None,
    "null": None,
    "Null": None,
    "NULL": None,
    "true": True,
    "True": True,
    "TRUE": True,
    "false": False,
    "False": False,
    "FALSE": False,
}
# What YAML allows in a stream (c-printable), less the line breaks that only YAML 1.1 knows.
_FORBIDDEN = re.compile(
    "[^\\n\\t\\x20-\\x7e\\xa0-\\u2027\\u202a-\\ud7ff\\ue000-\\ufefe\\uff00-\\ufffd\\U00010000-\\U0010ffff]"
)
_PLAIN_END = re.compile(r" #|:(?: |$)|\t")
_FLOW_PLAIN_END = re.compile(r"[,\[\]{}?\t]| #|:(?=[ ,\[\]{}]|$)|$")
_BLOCK_HEADER = re.compile(r"[|>](?:([+-])([1-9])?|([1-9])([+-])?)? *(?: #.*)?\Z")
_REST = re.compile(r" *(?: #.*)?\Z")
_DOUBLE = re.compile(r'[^"\\]*')
_SINGLE = re.compile(r"(?:[^']|'')*")
_DASH_ENDS = ("", " ", ",", "[", "]", "{", "}")
_NOT_PLAIN = frozenset(",[]{}#&*!|>'\"%@`?:")
_ESCAPES = {
    "0": "\0",
    "a": "\a",
    "b": "\b",
    "t": "\t",
    "\t": "\t",
    "n": "\n",
    "v": "\v",
    "f": "\f",
    "r": "\r",
    "e": "\x1b",
    " ": " ",
    '"': '"',
    "/": "/",
    "\\": "\\",
    "N": "\x85",
    "_": "\xa0",
    "L": "\u2028",
    "P": "\u2029",
}
_HEX = {"x": 2, "u": 4, "U": 8}
_OUTSIDE = {
    "&": "an anchor",
    "*": "an alias",
    "!": "a tag",
    "%": "a directive",
    "?": "an explicit key",
    "\t": "a tab as white space",
}


class YamlError(ValueError):
    """The text is not YAML, or is YAML that this reader refuses. `line` counts from 1."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__("line %d: %s" % (line, reason))
        self.line = line


def load_all(text: str) -> List[Any]:
    """Return the value of every document in `text`; raise :class:`YamlError`.

    >>> load_all("a: 1\\nb:\\n- x\\n---\\n{c: [true]}\\n")
    [{'a': 1, 'b': ['x']}, {'c': [True]}]
    """
    return _Reader(text).stream()


class _Reader:
    """The text as lines, and a position: `row` and `column` of what is read next."""

    def __init__(self, text: str) -> None:
        text = text[1:] if text.startswith("\ufeff") else text
        text = text.replace("\r\n", "\n")
        bad = _FORBIDDEN.search(text)
        if bad:
            raise YamlError(text.count("\n", 0, bad.start()) + 1, "it holds the character %a" % bad.group())
        self.lines = text.split("\n")
        self.row = 0
        self.column = 0
        self.depth = 0

    def fail(self, reason: str) -> YamlError:
        return YamlError(min(self.row, len(self.lines) - 1) + 1, reason)

    def unexpected(self) -> YamlError:
        character = self.lines[self.row][self.column]
        return self.fail(_OUTSIDE.get(character, "%a is not expected" % character) + " is not read here")

    # Positions

    def seek(self) -> bool:
        """Go to the next thing that is neither white space nor comment; False at a document's end."""
        while self.row < len(self.lines):
            line = self.lines[self.row]
            if self.column == 0 and self.marker():
                return False
            while self.column < len(line) and line[self.column] == " ":
                self.column += 1
            if self.column < len(line):
                character = line[self.column]
                if character == "\t":
                    raise self.unexpected()
                if character != "#":
                    return True
                if self.column and line[self.column - 1] != " ":
                    raise self.unexpected()
            self.row += 1
            self.column = 0
        return False

    def marker(self) -> str:
        """Return ``---`` or ``...`` when the line is such a mark, else an empty string."""
        line = self.lines[self.row] if self.row < len(self.lines) else ""
        return line[:3] if line.startswith(("---", "...")) and line[3:4] in ("", " ") else ""

    def finish_line(self) -> None:
        """Check that only a comment follows on this line, and leave the line."""
        if not _REST.match(self.lines[self.row], self.column):
            raise self.fail("there is something behind a complete value")
        self.row += 1
        self.column = 0

    # Documents

    def stream(self) -> List[Any]:
        documents: List[Any] = []
        bare = True
        while True:
            if self.seek():
                if not bare or self.lines[self.row].startswith("%"):
                    raise self.fail("a document must begin with --- here")
                documents.append(self.node(-1, True))
            elif self.row == len(self.lines):
                return documents
            elif self.marker() == "...":
                raise self.fail("there is no document that could end here")
            else:
                row, self.column = self.row, 3
                documents.append(self.node(-1, self.row != row) if self.seek() else None)
            bare = False
            if self.seek():
                raise self.fail("the indentation fits nothing above it")
            while self.marker() == "...":
                self.column = 3
                self.finish_line()
                self.seek_comments()

    def seek_comments(self) -> None:
        if self.seek():
            raise self.fail("a document must begin with --- here")

    # Block style

    def node(self, indent: int, block: bool) -> Any:
        """Read what begins here, inside a collection at column `indent`.

        `block` allows a block mapping or sequence; behind ``key:`` on one line there is none.
        """
        line = self.lines[self.row]
        character = line[self.column]
        if self.at_dash():
            if not block:
                raise self.fail("a sequence must begin on a line of its own")
            return self.nested(self.sequence)
        if character in "|>":
            return self.block_scalar(indent)
        if character in "[{":
            value = self.flow()
            self.finish_line()
            return value
        if character in "'\"":
            row, start = self.row, self.column
            text = self.quoted(indent)
            if self.is_key(row, start):
                self.row, self.column = row, start
                return self.mapping_here(block)
            self.finish_line()
            return text
        if character in _NOT_PLAIN:
            raise self.unexpected()
        end = _PLAIN_END.search(line, self.column)
        if end and end.group()[0] == ":":
            return self.mapping_here(block)
        return self.plain(indent)

    def is_key(self, row: int, start: int) -> bool:
        """Tell whether a colon makes a key of the quoted scalar that was just read."""
        if row != self.row:
            return False
        behind = self.lines[row][self.column :].lstrip(" ")
        return behind[:1] == ":" and behind[1:2] in ("", " ")

    def mapping_here(self, block: bool) -> Any:
        if not block:
            raise self.fail("a mapping must begin on a line of its own")
        return self.nested(self.mapping)

    def nested(self, read: Callable[[], Any]) -> Any:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self.fail("it is nested more than %d deep" % MAX_DEPTH)
        value = read()
        self.depth -= 1
        return value

    def sequence(self) -> List[Any]:
        column = self.column
        items: List[Any] = []
        while True:
            row = self.row
            self.column += 1
            if self.seek() and (self.row == row or self.column > column):
                items.append(self.node(column, True))
            else:
                items.append(None)
            if not self.seek() or self.column < column:
                return items
            if self.column > column:
                raise self.fail("the indentation fits nothing above it")
            if not self.at_dash():
                return items

    def mapping(self) -> Dict[Any, Any]:
        column = self.column
        values: Dict[Any, Any] = {}
        while True:
            key = self.key()
            if key in values:
                raise self.fail("the key %a is there twice" % key)
            row = self.row
            if not self.seek():
                values[key] = None
                return values
            if self.row == row:
                values[key] = self.node(column, False)
            elif self.column > column or (self.column == column and self.at_dash()):
                values[key] = self.node(column, True)
            else:
                values[key] = None
            if not self.seek() or self.column < column:
                return values
            if self.column > column:
                raise self.fail("the indentation fits nothing above it")

    def at_dash(self) -> bool:
        line = self.lines[self.row]
        return line[self.column] == "-" and line[self.column + 1 : self.column + 2] in ("", " ")

    def key(self) -> Any:
        """Read a key and its colon."""
        line = self.lines[self.row]
        start = self.column
        if line[start] in "'\"":
            row = self.row
            key: Any = self.quoted(-1)
            if not self.is_key(row, start):
                raise YamlError(row + 1, "a key without a colon")
            self.column = line.index(":", self.column) + 1
        else:
            if line[start] in _NOT_PLAIN or self.at_dash():
                raise self.unexpected()
            end = _PLAIN_END.search(line, start)
            if not end or end.group()[0] != ":":
                raise self.fail("a key without a colon")
            key = _resolve(line[start : end.start()].rstrip(" "))
            if key == "<<":
                raise self.fail("a merge key is not read here")
            self.column = end.start() + 1
        if self.column - start > _MAX_KEY:
            raise self.fail("a key has more than %d characters" % _MAX_KEY)
        return key

    # Scalars

    def plain(self, indent: int) -> Any:
        """Read a plain scalar outside of flow style, with the lines that continue it."""
        end = _PLAIN_END.search(self.lines[self.row], self.column)
        texts = [self.plain_line(self.column, end)]
        breaks = 0
        while end is None and self.row < len(self.lines):
            line = self.lines[self.row]
            content = line.lstrip(" ")
            column = len(line) - len(content)
            if not content:
                breaks += 1
                self.row += 1
                continue
            if column <= indent or content[0] == "#" or (column == 0 and self.marker()):
                break
            if content[0] in "-?:" and content[1:2] in ("", " "):
                raise self.fail("the line neither continues the text above nor begins something new")
            end = _PLAIN_END.search(line, column)
            texts.append("\n" * breaks or " ")
            texts.append(self.plain_line(column, end))
            breaks = 0
        return _resolve("".join(texts))

    def plain_line(self, column: int, end: Optional[re.Match[str]]) -> str:
        if end and end.group() != " #":
            raise self.fail("a tab or a colon stands in a text without quotes")
        text = self.lines[self.row][column : end.start() if end else None].rstrip(" ")
        self.row += 1
        self.column = 0
        return text

    def quoted(self, indent: int) -> str:
        """Read a quoted scalar; the position is then behind the closing quote."""
        read = self.double_line if self.lines[self.row][self.column] == '"' else self.single_line
        self.column += 1
        first = self.row
        chunks: List[str] = []
        while True:
            end = read(chunks)
            if end == "closed":
                return "".join(chunks)
            breaks = 0
            while True:
                self.row += 1
                if self.row >= len(self.lines):
                    raise YamlError(first + 1, "a quote is not closed")
                content = self.lines[self.row].lstrip(" \t")
                if content:
                    break
                breaks += 1
            self.column = len(self.lines[self.row]) - len(content)
            if self.marker() or self.column <= indent:
                raise self.fail("a quote goes on at the wrong indentation")
            chunks.append("\n" * breaks if breaks or end == "joined" else " ")

    def single_line(self, chunks: List[str]) -> str:
        """Read a line of a single-quoted scalar; return how it ends, ``closed`` or ``open``."""
        line = self.lines[self.row]
        match = _SINGLE.match(line, self.column)
        text = match.group() if match else ""
        self.column += len(text)
        if self.column == len(line):
            chunks.append(text.replace("''", "'").rstrip(" \t"))
            return "open"
        chunks.append(text.replace("''", "'"))
        self.column += 1
        return "closed"

    def double_line(self, chunks: List[str]) -> str:
        """Read a line of a double-quoted scalar; return ``closed``, ``open`` or ``joined`` (a backslash ends it)."""
        line = self.lines[self.row]
        while True:
            match = _DOUBLE.match(line, self.column)
            text = match.group() if match else ""
            self.column += len(text)
            if self.column == len(line):
                chunks.append(text.rstrip(" \t"))
                return "open"
            chunks.append(text)
            if line[self.column] == '"':
                self.column += 1
                return "closed"
            escape = line[self.column + 1 : self.column + 2]
            if not escape:
                return "joined"
            self.column += 2
            if escape in _ESCAPES:
                chunks.append(_ESCAPES[escape])
            elif escape in _HEX:
                chunks.append(self.hexadecimal(_HEX[escape]))
            else:
                raise self.fail("%a is no escape" % ("\\" + escape))

    def hexadecimal(self, digits: int) -> str:
        text = self.lines[self.row][self.column : self.column + digits]
        self.column += digits
        if not re.match("[0-9A-Fa-f]{%d}\\Z" % digits, text):
            raise self.fail("an escape lacks digits")
        code = int(text, 16)
        if code > 0x10FFFF or 0xD800 <= code <= 0xDFFF:
            raise self.fail("an escape names no character")
        return chr(code)

    def block_scalar(self, indent: int) -> str:
        """Read a literal (``|``) or folded (``>``) block (YAML 1.1, chapter 9.5 and 9.6)."""
        line = self.lines[self.row]
        header = _BLOCK_HEADER.match(line, self.column)
        if not header:
            raise self.fail("the head of a text block is not understood")
        folded = line[self.column] == ">"
        chomp = header.group(1) or header.group(4)
        digit = header.group(2) or header.group(3)
        self.row += 1
        self.column = 0
        least = max(indent + 1, 1)
        width = least + int(digit) - 1 if digit else self.block_width(least)
        last = len(self.lines) - 1
        chunks: List[str] = []
        breaks: List[str] = []
        ending = ""
        previous_text = False
        while self.row <= last:
            line = self.lines[self.row]
            if len(line) > width and not line[:width].strip(" "):
                content = line[width:]
                text = content[0] not in " \t"
                if chunks:
                    if folded and previous_text and text:
                        chunks.extend(breaks or [" "])
                    else:
                        chunks.extend([ending, *breaks])
                else:
                    chunks.extend(breaks)
                chunks.append(content)
                breaks = []
                previous_text = text
                ending = "\n" if self.row < last else ""
            elif not line.strip(" "):
                if self.row < last:
                    breaks.append("\n")
            else:
                break
            self.row += 1
        if chomp != "-":
            chunks.append(ending)
        if chomp == "+":
            chunks.extend(breaks)
        return "".join(chunks)

    def block_width(self, least: int) -> int:
        """Return the column of a block's text: that of its first line that is not empty."""
        blank = 0
        for row in range(self.row, len(self.lines)):
            line = self.lines[row]
            content = line.lstrip(" ")
            column = len(line) - len(content)
            if content:
                if column < least:
                    break
                if blank > column:
                    self.row = row
                    raise self.fail("an empty line above is indented more than the text")
                return column
            blank = max(blank, column)
        return max(least, blank)

    # Flow style

    def flow(self) -> Any:
        """Read a flow list or mapping; the position is then behind its closing bracket."""
        opening = self.lines[self.row][self.column]
        self.column += 1
        return self.nested(self.flow_list if opening == "[" else self.flow_mapping)

    def flow_seek(self) -> str:
        """Go to the next thing inside a flow collection and return its first character."""
        if not self.seek():
            raise self.fail("a bracket is not closed")
        return self.lines[self.row][self.column]

    def flow_list(self) -> List[Any]:
        items: List[Any] = []
        while self.flow_seek() != "]":
            items.append(self.flow_node())
            character = self.flow_seek()
            if character == ",":
                self.column += 1
            elif character != "]":
                raise self.unexpected()
        self.column += 1
        return items

    def flow_mapping(self) -> Dict[Any, Any]:
        values: Dict[Any, Any] = {}
        while self.flow_seek() != "}":
            row, start = self.row, self.column
            if self.lines[row][start] in "[{":
                raise self.fail("a key is a collection")
            plain = self.lines[row][start] not in "'\""
            key = self.flow_node()
            if key in values or (plain and key == "<<"):
                raise self.fail("the key %a is there twice or is a merge key" % key)
            if self.flow_seek() != ":" or self.row != row or self.column - start > _MAX_KEY:
                raise self.fail("a key without a colon")
            self.column += 1
            values[key] = None if self.flow_seek() in ",}" else self.flow_node()
            if self.flow_seek() == ",":
                self.column += 1
            elif self.lines[self.row][self.column] != "}":
                raise self.unexpected()
        self.column += 1
        return values

    def flow_node(self) -> Any:
        line = self.lines[self.row]
        character = line[self.column]
        if character in "[{":
            return self.flow()
        if character in "'\"":
            return self.quoted(-1)
        if character in _NOT_PLAIN or (character == "-" and line[self.column + 1 : self.column + 2] in _DASH_ENDS):
            raise self.unexpected()
        end = _FLOW_PLAIN_END.search(line, self.column)
        stop = end.start() if end else len(line)
        text = line[self.column : stop].rstrip(" ")
        self.column = stop
        if end and end.group() in ("\t", "?"):
            raise self.unexpected()
        return _resolve(text)


def _resolve(text: str) -> Any:
    """Return the value of a plain scalar: None, bool or int where all versions agree, else the text."""
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    return int(text) if _INTEGER.match(text) else text
