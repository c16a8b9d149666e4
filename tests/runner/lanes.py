# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who may run at the same time: what needs the machine goes one by one, what needs a processor takes what is left."""

from __future__ import annotations

import collections
import contextlib
import threading
from collections.abc import Iterator


class Lanes:
    """Places for ``processors`` stages.

    A stage that is ``alone`` (it makes nodes, or time-outs are at play) runs with no other such stage, and with all
    places but one taken, so that one single-threaded stage, at a lower priority, may run beside it. Once a stage waits
    to be alone, no further place is given to others, so that it does not starve. Others come in the order in which they
    asked, for the same reason.
    """

    def __init__(self, processors: int) -> None:
        """Have at least two places: on one processor the system divides the time."""
        self._places = max(2, processors)
        self._taken = 0
        self._waiting_alone = 0
        self._alone = False
        self._queue: collections.deque[object] = collections.deque()
        self._changed = threading.Condition()

    @contextlib.contextmanager
    def place(self, *, alone: bool) -> Iterator[None]:
        """Wait for a place and keep it while in the context."""
        size = self._places - 1 if alone else 1
        ticket = object()
        with self._changed:
            self._waiting_alone += alone
            if not alone:
                self._queue.append(ticket)
            try:
                self._changed.wait_for(lambda: self._fits(size, alone) and (alone or self._queue[0] is ticket))
            finally:
                self._waiting_alone -= alone
                if not alone:
                    self._queue.remove(ticket)
                self._changed.notify_all()
            self._taken += size
            self._alone = self._alone or alone
        try:
            yield
        finally:
            with self._changed:
                self._taken -= size
                self._alone = self._alone and not alone
                self._changed.notify_all()

    def _fits(self, size: int, alone: bool) -> bool:
        if self._taken + size > self._places:
            return False
        if alone:
            return not self._alone
        return self._alone or self._waiting_alone == 0 or self._taken == 0
