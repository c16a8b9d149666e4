# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Fixtures of every integration test. The helpers behind them are in tests/integration/support."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

# `make setup` links the checkout into this collections path; helpers and module_utils are imported through it.
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / ".venv" / "collections"))

from ansible_collections.podnet.lab.tests.integration.support.nodes import Nodes, NodesUnavailableError, open_nodes
from ansible_collections.podnet.lab.tests.integration.support.world import World, WorldUnavailableError, open_world


def _interrupt(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt("ended by SIGTERM")


# A run that is told to end (by `timeout`, by CI) takes its worlds and nodes down, as after Ctrl-C.
if threading.current_thread() is threading.main_thread():
    signal.signal(signal.SIGTERM, _interrupt)


@pytest.fixture
def make_world() -> Iterator[Callable[[str], World]]:
    """A function that makes worlds by host name; all end with the test."""
    with ExitStack() as stack:

        def make(name: str) -> World:
            try:
                return stack.enter_context(open_world(name))
            except WorldUnavailableError as error:
                pytest.skip(str(error))

        yield make


@pytest.fixture
def world(make_world: Callable[[str], World]) -> World:
    """A throwaway world for one test."""
    return make_world("world")


@pytest.fixture(scope="module")
def module_world() -> Iterator[World]:
    """A throwaway world that the tests of one file share; they only read it, or say what they change."""
    try:
        manager = open_world("world")
        opened = manager.__enter__()
    except WorldUnavailableError as error:
        pytest.skip(str(error))
    try:
        yield opened
    finally:
        manager.__exit__(None, None, None)


@pytest.fixture(scope="session")
def ssh_nodes() -> Iterator[Nodes]:
    """Three nodes that answer over SSH, made by playbooks/nodes.yml; shared by the whole session."""
    try:
        manager = open_nodes()
        nodes = manager.__enter__()
    except NodesUnavailableError as error:
        pytest.skip(str(error))
    try:
        yield nodes
    finally:
        manager.__exit__(None, None, None)
