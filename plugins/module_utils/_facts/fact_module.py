# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""What the fact modules share: options, one pass over the node, the time limit, the result."""

from __future__ import annotations

import gc
import time
from functools import partial
from typing import Any, Callable, Dict, FrozenSet, List, Mapping, NamedTuple, Tuple

from ansible.module_utils.basic import AnsibleModule

from .._files.reader import Files
from .._kernel.snapshot import take_snapshot
from .._pods.identity import identify, read_evidence
from .subsets import SUBSETS, UnknownSubsetError, choose, needs
from .views import Facts, Node

ARGUMENT_SPEC: Dict[str, Dict[str, Any]] = {
    "gather_subset": {"type": "list", "elements": "str", "default": ["default"]},
    "timeout": {"type": "int", "default": 30},
    "on_timeout": {"type": "str", "choices": ["error", "warn", "ignore"], "default": "error"},
}


class Pass(NamedTuple):
    """One pass over the node: what was read, and the reader for what a key needs beside."""

    node: Node
    files: Files
    started: float
    """When the snapshot was begun, in seconds since the epoch."""
    run: Callable[[List[str]], Tuple[int, str, str]]
    """Starts a command; for what is asked for and only a command shows."""


View = Callable[[Pass], Facts]
"""Makes the value of one fact key."""


def run(
    views: Mapping[str, View],
    default: FrozenSet[str],
    also_needs: FrozenSet[str] = frozenset(),
    matters: FrozenSet[str] = frozenset(SUBSETS),
) -> None:
    """Be a fact module that returns the keys of `views`, made from one pass over the node.

    Of the subsets that are asked for, those that *matters* does not name change nothing, and are not read.
    """
    gc.disable()  # hundreds of thousands of values are made, none dies before the end, and the end is near
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    try:
        subsets = choose(module.params["gather_subset"], default) & matters
    except UnknownSubsetError as error:
        module.fail_json(msg=str(error))
    timeout = module.params["timeout"]
    if timeout < 1:
        module.fail_json(msg="timeout must be at least 1 second; it is %d." % timeout)
    deadline = time.monotonic() + timeout
    try:
        gathered = _gather(module, subsets, also_needs, deadline)
        facts = {key: view(gathered) for key, view in views.items()}
    except OSError as error:
        module.fail_json(msg="The kernel refused to say what is asked: %s." % error)
    if time.monotonic() > deadline:
        _late(module, timeout)
    module.exit_json(ansible_facts=facts)


def _gather(module: AnsibleModule, subsets: FrozenSet[str], also_needs: FrozenSet[str], deadline: float) -> Pass:
    files = Files(deadline=deadline)
    evidence = read_evidence(files)
    started = time.time()
    snapshot = take_snapshot(needs(subsets) | also_needs, deadline)
    # What cannot even be started must not end the module: who asked for it notes the OSError.
    start = partial(module.run_command, handle_exceptions=False)
    return Pass(Node(snapshot, identify(evidence, snapshot), subsets, evidence.errors), files, started, start)


def _late(module: AnsibleModule, timeout: int) -> None:
    message = "The node was not read within %d seconds. Raise timeout, or gather less with gather_subset." % timeout
    if module.params["on_timeout"] == "error":
        module.fail_json(msg=message)
    elif module.params["on_timeout"] == "warn":
        module.warn(message + " The facts are marked as partial.")
