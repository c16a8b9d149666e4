# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Typed reading of JSON that somebody else wrote.

Node files may come from a broken or hostile node, from another version, or from an editor.
Every value is looked at once, here, so that the code after it can rely on its types; what has
another type is one error that names the place. Most strings stand in many places and files, as do
names of interfaces and hosts: each is kept once, which takes a fifth of a large model's memory away.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import lru_cache

from .records import Error, Json, PodName


class ShapeError(ValueError):
    """A value is not what its place in the document asks for."""


class Item:
    """One JSON object together with the place where it stands in its document."""

    __slots__ = ("_index", "_inside", "_name", "_value")

    def __init__(self, value: Json, name: str, inside: Item | None = None, index: int | None = None) -> None:
        """Wrap *value*, which is called *name* in the object *inside*, or its list *name* holds at *index*.

        Raises ShapeError when it is not an object.
        """
        self._name = name
        self._inside = inside
        self._index = index
        if not isinstance(value, dict):
            raise ShapeError(f"{self.place} is {_kind(value)}, not an object")
        self._value: dict[str, Json] = value

    def __contains__(self, key: str) -> bool:
        """Tell whether *key* is there and not null."""
        return self._value.get(key) is not None

    def has(self, key: str) -> bool:
        """Tell whether *key* is there, be it null."""
        return key in self._value

    @property
    def place(self) -> str:
        """Where this object stands, as in ``podnet_veth.pairs[3]``. Only errors name it, so it is put together here."""
        name = self._name if self._index is None else f"{self._name}[{self._index}]"
        return name if self._inside is None else f"{self._inside.place}.{name}"

    def _wrong(self, key: str, wanted: str) -> ShapeError:
        if key not in self._value:
            return ShapeError(f"{self.place}.{key} is missing")
        return ShapeError(f"{self.place}.{key} is {_kind(self._value[key])}, not {wanted}")

    def _wrong_entry(self, key: str, index: int, value: Json, wanted: str) -> ShapeError:
        return ShapeError(f"{self.place}.{key}[{index}] is {_kind(value)}, not {wanted}")

    def text(self, key: str) -> str:
        """Return the string under *key*."""
        value = self._value.get(key)
        if not isinstance(value, str):
            raise self._wrong(key, "a string")
        return sys.intern(value)

    def text_or_none(self, key: str) -> str | None:
        """Return the string under *key*, or None when there is none."""
        value = self._value.get(key)
        if isinstance(value, str):
            return sys.intern(value)
        if value is None:
            return None
        raise self._wrong(key, "a string")

    def text_unless_absent(self, key: str, usual: str) -> str | None:
        """Return the string under *key*, None for null, and *usual* when the key is absent."""
        return self.text_or_none(key) if key in self._value else usual

    def number(self, key: str) -> int:
        """Return the integer under *key*."""
        value = self._value.get(key)
        if not isinstance(value, int) or isinstance(value, bool):
            raise self._wrong(key, "an integer")
        return value

    def number_or_none(self, key: str) -> int | None:
        """Return the integer under *key*, or None when there is none. A flag counts as 0 or 1."""
        value = self._value.get(key)
        if value is None:
            return None
        if not isinstance(value, int):
            raise self._wrong(key, "an integer")
        return int(value)

    def flag_or_none(self, key: str) -> bool | None:
        """Return the truth value under *key*, or None when there is none."""
        value = self._value.get(key)
        if value is None:
            return None
        if not isinstance(value, (bool, int)):
            raise self._wrong(key, "true or false")
        return bool(value)

    def flag_unless_absent(self, key: str, usual: bool) -> bool | None:
        """Return the truth value under *key*, None for null, and *usual* when the key is absent."""
        return self.flag_or_none(key) if key in self._value else usual

    def pod(self, key: str) -> PodName | None:
        """Return the pod under *key*, or None when there is none.

        It is ``namespace/name`` or, without a slash, the uid of one whose name is unknown. Until version 2 of the
        facts it was an object.
        """
        value = self._value.get(key)
        if isinstance(value, dict):
            item = self.item(key)
            return {"namespace": item.text_or_none("namespace") or "", "name": item.text_or_none("name") or ""}
        if value is None:
            return None
        return _pod_name(self.text(key))

    def texts(self, key: str) -> list[str]:
        """Return the list of strings under *key*; an absent list is empty."""
        found: list[str] = []
        for index, value in enumerate(self._list(key)):
            if not isinstance(value, str):
                raise self._wrong_entry(key, index, value, "a string")
            found.append(sys.intern(value))
        return found

    def numbers(self, key: str) -> list[int]:
        """Return the list of integers under *key*; an absent list is empty."""
        found: list[int] = []
        for index, value in enumerate(self._list(key)):
            if not isinstance(value, int) or isinstance(value, bool):
                raise self._wrong_entry(key, index, value, "an integer")
            found.append(value)
        return found

    def item(self, key: str) -> Item:
        """Return the object under *key*."""
        if key not in self._value:
            raise self._wrong(key, "an object")
        return Item(self._value[key], key, self)

    def item_or_none(self, key: str) -> Item | None:
        """Return the object under *key*, or None when there is none."""
        return None if self._value.get(key) is None else self.item(key)

    def is_object(self, key: str) -> bool:
        """Tell whether an object is under *key*."""
        return isinstance(self._value.get(key), dict)

    def items(self, key: str) -> Iterator[Item]:
        """Yield the objects of the list under *key*; an absent list is empty."""
        for index, value in enumerate(self._list(key)):
            yield Item(value, key, self, index)

    def scalars(self, key: str) -> dict[str, int | str | None]:
        """Return the object under *key* whose values are numbers, strings or null; an absent one is empty."""
        found: dict[str, int | str | None] = {}
        for name, value in self.item(key)._value.items() if key in self else ():
            if isinstance(value, bool) or not isinstance(value, (int, str, type(None))):
                raise ShapeError(f"{self.place}.{key}.{name} is {_kind(value)}, not a number or a string")
            found[name] = value
        return found

    def errors(self, key: str = "errors") -> list[Error]:
        """Return the list of errors under *key*."""
        return [error(item) for item in self.items(key)]

    def _list(self, key: str) -> list[Json]:
        value = self._value.get(key)
        if value is None:
            return []
        if not isinstance(value, list):
            raise self._wrong(key, "a list")
        return value


@lru_cache(maxsize=1024)
def _pod_name(text: str) -> PodName:
    """Return the pod that *text* names. One node's file names each of its pods four times."""
    namespace, slash, name = text.partition("/")
    return {"namespace": namespace, "name": name} if slash else {"namespace": "", "name": ""}


def error(item: Item) -> Error:
    """Return the error that *item* describes."""
    return {
        "object": item.text("object"),
        "cause": item.text("cause"),
        "remedy": item.text_or_none("remedy") or "",
    }


def _kind(value: Json) -> str:
    if value is None:
        return "null"
    return {bool: "true or false", dict: "an object", list: "a list", str: "a string"}.get(type(value), "a number")
