# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Pods and containers by name: decisions over hand-made records, without root."""

from __future__ import annotations

from typing import Any, Dict, Optional, Tuple

import pytest

from ansible_collections.podnet.lab.plugins.module_utils._pods.identity import Identity
from ansible_collections.podnet.lab.plugins.module_utils._probe.naming import NamedPlace, is_name, names_of

OWN, POD, BOX, OTHER = 100, 200, 300, 400
WEB, SIDECAR, AGAIN = "c0ffee" * 10 + "0001", "c0ffee" * 10 + "0002", "abad1dea" * 8


def snapshot(**addresses: str) -> Any:
    """A node whose namespaces have an address of global and one of link scope each."""
    found = {
        int(inode[1:]): {"addresses": [{"local": one, "scope": 0}, {"local": "fe80::1", "scope": 253}]}
        for inode, one in addresses.items()
    }
    return {"namespaces": found}


def owner(name: str) -> Any:
    return {"namespace": "default", "name": name}


def identity(pod: Any = None, on_host: Any = (), **containers: Tuple[Optional[str], Optional[str]]) -> Identity:
    by_pid: Dict[int, Any] = {int(pid[1:]): one for pid, one in containers.items()}
    return Identity("pod" if pod else "container", pod, list(on_host), by_pid, {})


def test_pods_and_containers_are_found_by_what_they_are_called() -> None:
    found = names_of(
        snapshot(n100="10.0.0.1", n200="10.244.0.2", n300="172.17.0.2"),
        {
            OWN: identity(None, [owner("proxy")], p1=(AGAIN, "agent")),
            POD: identity(owner("pod1"), p2=(None, None)),
            # Two processes of one container, and another container beside it.
            BOX: identity(None, [], p3=(WEB, "web"), p4=(WEB, "web"), p5=(SIDECAR, None)),
        },
    )
    node, pod, box = NamedPlace(OWN, ("10.0.0.1",)), NamedPlace(POD, ("10.244.0.2",)), NamedPlace(BOX, ("172.17.0.2",))
    assert found == {
        "default/proxy": [node], "container:agent": [node], "container:" + AGAIN: [node],
        "container:" + AGAIN[:12]: [node], "default/pod1": [pod], "container:web": [box], "container:" + WEB: [box],
        "container:" + SIDECAR: [box], "container:" + WEB[:12]: [box],
    }  # fmt: skip


def test_a_name_that_two_namespaces_have_leads_to_both() -> None:
    found = names_of(
        snapshot(n300="172.17.0.2", n400="10.88.0.2"),
        {BOX: identity(p1=(WEB, "web")), OTHER: identity(p2=(AGAIN, "web"))},
    )
    assert [place.inode for place in found["container:web"]] == [BOX, OTHER]
    assert [place.inode for place in found["container:" + AGAIN[:12]]] == [OTHER]


@pytest.mark.parametrize(
    ("where", "named"),
    [("default/pod1", True), ("container:web", True), ("web.default", False), ("fd00::1", False), ("node", False)],
)
def test_what_is_written_like_a_name(where: str, named: bool) -> None:
    assert is_name(where) is named
