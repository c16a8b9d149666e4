# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What nodes sent back: from the JSON of podnet.lab.probe to records."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from ..model.reading import Item, ShapeError
from ..model.records import Json
from ..text.escape import visible
from .records import Answer, Listening, Peer, Plan, Result


def listening(documents: Iterable[tuple[Json, str]]) -> dict[str, Listening]:
    """Return the listeners of all nodes by id. Raises ShapeError."""
    found = {}
    for document, place in documents:
        for one in Item(document, place).items("listeners"):
            error = one.item_or_none("error")
            found[one.text("id")] = Listening(
                None if error else one.number_or_none("port"), error.text("cause") if error else None
            )
    return found


def answers(plan: Plan, documents: Iterable[tuple[Json, str]]) -> list[Answer]:
    """Return each check of *plan* with what came of it. Raises ShapeError."""
    results: dict[int, list[Result]] = defaultdict(list)
    for document, place in documents:
        for one in Item(document, place).items("probes"):
            number = one.text("id").partition(".")[0]
            if not number.isdecimal() or int(number) >= len(plan.checks):
                raise ShapeError(f"{one.place}.id is none of this plan's probes")
            results[int(number)].append(result(one))
    return [(check, results.get(number, [])) for number, check in enumerate(plan.checks)]


def result(item: Item) -> Result:
    """Return what came of one probe."""
    detail = item.item_or_none("detail") or Item({}, f"{item.place}.detail")
    return Result(
        outcome=item.text("outcome"),
        address=item.text_or_none("address"),
        sent_from=_peer(item, "sent_from"),
        seen_as=_peer(item, "seen_as"),
        answered_by=item.text_or_none("answered_by"),
        reason=_reason(item, detail),
        status=detail.number_or_none("status"),
        body=detail.text_or_none("body") or "",
        names=_names(detail),
        answers=_records(detail),
        server=detail.text_or_none("server"),
        mtu=detail.number_or_none("mtu"),
        connected=bool(detail.flag_or_none("connected")),
    )


def _peer(item: Item, key: str) -> Peer | None:
    one = item.item_or_none(key)
    # A server that listens for both families writes an IPv4 address as ::ffff:10.244.0.2 (RFC 4291, 2.5.5.2).
    return None if one is None else Peer(one.text("address").removeprefix("::ffff:"), one.number("port"))


def _names(detail: Item) -> tuple[str, ...]:
    certificate = detail.item_or_none("certificate")
    return () if certificate is None else tuple(certificate.texts("names"))


def _reason(item: Item, detail: Item) -> str:
    icmp = item.item_or_none("icmp")
    if icmp is not None:
        sender = icmp.text_or_none("from")
        return f"ICMP type {icmp.number('type')} code {icmp.number('code')}{f' from {sender}' if sender else ''}"
    if item.text("outcome") == "no-tls":
        return visible(detail.text_or_none("cause") or "")
    return item.text_or_none("errno") or ""


def _records(detail: Item) -> tuple[str, ...]:
    return tuple(sorted(one.text("data") for one in detail.items("records") if one.text("type") in ("A", "AAAA")))
