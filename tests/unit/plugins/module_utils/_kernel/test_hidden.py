# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the deep search asks of the kernel about threads; what it finds is tested on real namespaces."""

from __future__ import annotations

import os
import sys
import threading

import pytest

from ansible_collections.podnet.lab.plugins.module_utils._kernel import hidden

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has pidfds")


def _tid_of_a_thread(ending: threading.Event) -> int:
    found = []
    ready = threading.Event()

    def work() -> None:
        found.append(threading.get_native_id())
        ready.set()
        ending.wait()

    threading.Thread(target=work, daemon=True).start()
    assert ready.wait(10)
    return found[0]


def test_a_thread_that_an_older_kernel_does_not_open_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before Linux 6.9 PIDFD_THREAD is a flag that is not known: EINVAL, as a flag that no kernel has."""
    monkeypatch.setattr(hidden, "_PIDFD_THREAD", 0x40)
    kernel, ending = hidden._Kernel(), threading.Event()
    leader = kernel.open_thread(os.getpid())
    if leader is None:
        pytest.skip("this kernel has no pidfd_open")
    os.close(leader)
    assert kernel.unopened == 0
    assert kernel.open_thread(_tid_of_a_thread(ending)) is None
    ending.set()
    assert kernel.unopened == 1


def test_a_process_that_has_ended_is_not_counted() -> None:
    kernel = hidden._Kernel()
    assert kernel.open_thread(2**22 + 1) is None
    assert kernel.unopened == 0
