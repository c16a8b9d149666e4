# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is read of processes, without looking at the ones of this machine."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.podnet.lab.plugins.module_utils._kernel.processes import namespace_inode


@pytest.mark.parametrize(
    ("link", "inode"),
    [
        ("net:[4026531840]", 4026531840),
        ("pid:[1]", 1),
        ("", 0),
        ("/", 0),
        ("net:[]", 0),
        ("net:[12", 0),
        ("net:[-3]", 0),
        ("net:[١٢]", 0),
        ("/run/netns/net:[x]", 0),
    ],
)
def test_the_number_in_a_namespace_link(link: str, inode: int) -> None:
    assert namespace_inode(link) == inode


@given(st.text())
def test_any_text(link: str) -> None:
    assert namespace_inode(link) >= 0
