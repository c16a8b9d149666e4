# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The walk in a terminal of 80 columns, and as Markdown that a learner follows by hand."""

from __future__ import annotations

from collections.abc import Iterator

from ..text import words
from ..text.escape import markdown_text, shell_word, visible
from ..text.layout import paragraph
from .records import Answer, Scene, Told

TERMINAL_LINES = 12
"""So many lines of an output are shown in the terminal; Markdown has what the node sent."""

Side = tuple[str, Scene, list[Told]]
"""What a side is called, its scene, and its steps with their answers."""


def terminal(sides: list[Side], path: str | None) -> str:
    """Return the whole walk; *path* is where the Markdown is."""
    lines = []
    for name, scene, _told in sides:
        lines.extend(paragraph(_subject(scene), "WALK through " if len(sides) == 1 else f"WALK through {name}: ", "  "))
    for number, row in enumerate(_rows(sides), 1):
        step = row[0][1].step
        lines.extend(["", *paragraph(f"{step.title.upper()}: {step.question}", f"{number} ", "  ")])
        for label, one in _labelled(row):
            lines.extend(_terminal_side(one, label))
        for look in _looks(row):
            lines.extend(paragraph(look, "  > ", "    "))
    if path is not None:
        lines.extend(["", f"All of it: {visible(path)}"])
    return "\n".join(lines)


def _labelled(row: list[tuple[str, Told]]) -> Iterator[tuple[str, Told]]:
    """Yield what each side did with what it is called: by its node, and where there are two by its name as well."""
    for name, one in row:
        yield (one.host if len(row) == 1 or name == one.host else f"{name}, {one.host}"), one


def _looks(row: list[tuple[str, Told]]) -> Iterator[str]:
    """Yield what there is to look at: once where both sides show the same, by name where they do not."""
    looks = [(label, one.step.look) for label, one in _labelled(row) if one.step.lacking is None]
    if len({look for _label, look in looks}) > 1:
        yield from (f"{label}: {look}" for label, look in looks)
    else:
        yield from (look for _label, look in looks[:1])


def _terminal_side(one: Told, label: str) -> Iterator[str]:
    if one.step.lacking is not None:
        yield from paragraph(f"not here: {one.step.lacking}", f"  {visible(label)}: ", "    ")
        return
    for answer in one.answers:
        if answer.argv is None:
            yield from paragraph(_without(answer), f"  {visible(label)}: ", "    ")
            if not answer.output:
                continue
        else:
            yield from paragraph(command(answer.argv), f"  {visible(label)} # ", "      ")
        shown = answer.output[:TERMINAL_LINES]
        for line in shown:
            yield from paragraph(visible(line.expandtabs()).rstrip(), "    ", "        ")
        if answer.code:
            yield f"    (ended with code {answer.code})"
        left_out = len(answer.output) - len(shown) + answer.left_out
        if left_out:
            yield f"    ... {words.counted(left_out, 'more line')}"


def _without(answer: Answer) -> str:
    if answer.output:
        return f"without {_either(answer)}, which the node lacks, podnet.lab asked with a socket of its own"
    return f"not here: the node has no {_either(answer)}"


def _either(answer: Answer) -> str:
    return " or ".join(answer.missing)


def command(argv: tuple[str, ...]) -> str:
    """Return a command as a person types it."""
    return " ".join(shell_word(word) for word in argv)


def _subject(scene: Scene) -> str:
    place = f"{words.pod_name(scene.pod)} on {scene.pod['host']}"
    return f"the network of {place}, namespace net:[{scene.inside['inode']}]"


def _rows(sides: list[Side]) -> Iterator[list[tuple[str, Told]]]:
    """Yield each step with what every side told: all have the same steps in the same order."""
    for told in zip(*(steps for _name, _scene, steps in sides), strict=True):
        yield [(name, one) for (name, _scene, _steps), one in zip(sides, told, strict=True)]


def markdown(sides: list[Side]) -> str:
    """Return the whole walk as GitHub Flavored Markdown."""
    lines = ["# A walk through a pod's network", ""]
    for name, scene, _told in sides:
        told = f"{name}: {_subject(scene)}" if len(sides) > 1 else _subject(scene)
        lines.append(f"- {markdown_text(told)}")
    lines += [
        "",
        "Each command is for a shell on the node named above it, as root. None of them changes anything.",
        "",
    ]
    for number, row in enumerate(_rows(sides), 1):
        step = row[0][1].step
        lines += [f"## {number}. {markdown_text(step.title)}", "", f"*{markdown_text(step.question)}*", ""]
        for label, one in _labelled(row):
            lines.extend(_markdown_side(one, label))
        for look in _looks(row):
            lines += [markdown_text(look), ""]
    return "\n".join(lines).rstrip() + "\n"


def _markdown_side(one: Told, label: str) -> Iterator[str]:
    yield f"**{markdown_text(label)}**"
    yield ""
    if one.step.lacking is not None:
        yield f"Not here: {markdown_text(one.step.lacking)}."
        yield ""
        return
    for answer in one.answers:
        if answer.argv is None and not answer.output:
            yield f"{markdown_text(_without(answer).capitalize())}."
            yield ""
            continue
        if answer.argv is None:
            yield f"{markdown_text(_without(answer).capitalize())}:"
            yield ""
        yield from _fenced(answer)


def _fenced(answer: Answer) -> Iterator[str]:
    """Yield a code block that nothing in it can end."""
    lines = [] if answer.argv is None else [f"# {command(answer.argv)}"]
    lines += [visible(line.expandtabs()).rstrip() for line in answer.output]
    if answer.code:
        lines.append(f"(ended with code {answer.code})")
    if answer.left_out:
        lines.append(f"... {words.counted(answer.left_out, 'more line')}")
    longest = max((len(line) - len(line.lstrip("`")) for line in (one.lstrip() for one in lines)), default=0)
    fence = "`" * max(3, longest + 1)
    yield f"{fence}console"
    yield from lines
    yield fence
    yield ""
