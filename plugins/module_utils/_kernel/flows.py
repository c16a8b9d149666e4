# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Flows that the kernel translates: a connection, or what UDP calls one.

A flow is translated as its first packet was, for as long as packets come. So rules that change do not reach a client
that goes on asking (kubernetes ``pkg/proxy/conntrack/cleanup.go``).
"""

from __future__ import annotations

from typing import Collection, Mapping, NamedTuple, Tuple

End = Tuple[str, int]
"""Address and port."""


class Flow(NamedTuple):
    """A flow: who asks, whom, and who answers."""

    source: End
    asked: End
    answers: End


def leads_on(flow: Flow, ways: Mapping[End, Collection[End]]) -> bool:
    """Tell whether who answers a flow is where *ways* lead from the address and port that was asked."""
    return flow.answers in ways.get(flow.asked, ())
