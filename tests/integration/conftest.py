# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Fixtures of every integration test. The helpers behind them are in tests/integration/support."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

# `make setup` links the checkout into this collections path; helpers and module_utils are imported through it.
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / ".venv" / "collections"))

from ansible_collections.podnet.lab.tests.integration.support.nodes import Nodes, NodesUnavailableError, open_nodes
from ansible_collections.podnet.lab.tests.integration.support.world import World, WorldUnavailableError, open_world


def _interrupt(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt("ended by SIGTERM")


LONGEST = (
    "manual_lab/test_dual_stack.py",
    "manual_lab/test_lab_networks.py",
    "manual_lab/test_dual_stack_services.py",
    "manual_lab/test_manual_lab.py",
    "manual_lab/test_lab_services.py",
    "manual_lab/test_lab_ingress.py",
    "local_nodes/test_full_nodes.py",
    "manual_lab/test_lab_bgp.py",
    "manual_lab/test_lab_names.py",
    "manual_lab/test_lab_load_balancers.py",
    "manual_lab/test_lab_policies.py",
    "kubernetes_bundle/test_bundle.py",
    "local_nodes/test_tools.py",
    "local_nodes/test_life.py",
    "verify/test_verify.py",
    "path/test_live.py",
    "compare/test_compare.py",
    "compare/test_services_compared.py",
    "pods_as_hosts/test_pods_as_hosts.py",
)
"""Files that take minutes, the longest first. Two processes that share out files end at about the same time so."""


PATIENCE_WITH_PROCESSES = 100
"""Seconds in which a process of pytest-xdist takes its worlds and nodes down."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the processes of pytest-xdist begin with the longest files; its own order is by the number of tests."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        directory = Path(__file__).parent
        ranks = {(directory / name).resolve(strict=True): rank for rank, name in enumerate(LONGEST)}
        items.sort(key=lambda item: ranks.get(item.path.resolve(), len(ranks)))


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Wait until the processes of pytest-xdist have taken their nodes down: after Ctrl-C it gives them ten seconds."""
    shared_out = session.config.pluginmanager.getplugin("dsession")
    end = time.monotonic() + PATIENCE_WITH_PROCESSES
    for gateway in shared_out.nodemanager.group if shared_out else ():
        with suppress(OSError, EOFError):  # it has ended already, or ends meanwhile
            while gateway.remote_status().numexecuting and time.monotonic() < end:
                time.sleep(0.2)


# A run that is told to end (by `timeout`, by CI) takes its worlds and nodes down, as after Ctrl-C.
if threading.current_thread() is threading.main_thread():
    signal.signal(signal.SIGTERM, _interrupt)


@pytest.fixture
def world() -> Iterator[World]:
    """A throwaway world for one test."""
    yield from _world()


@pytest.fixture(scope="module")
def module_world() -> Iterator[World]:
    """A throwaway world that the tests of one file share; they only read it, or say what they change."""
    yield from _world()


def _world() -> Iterator[World]:
    with ExitStack() as stack:
        try:
            opened = stack.enter_context(open_world())
        except WorldUnavailableError as error:
            pytest.skip(str(error))
        yield opened


@pytest.fixture(scope="session")
def ssh_nodes() -> Iterator[Nodes]:
    """Three nodes that answer over SSH, made by playbooks/nodes.yml; shared by the whole session."""
    with ExitStack() as stack:
        try:
            nodes = stack.enter_context(open_nodes())
        except NodesUnavailableError as error:
            pytest.skip(str(error))
        nodes.keep_compiled()
        yield nodes
