# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""All rules of a namespace, as commands print them: which are started, and what is said of those that fail."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any, Dict, List, Tuple

import pytest

from ansible_collections.podnet.lab.plugins.module_utils._facts import rulesets
from ansible_collections.podnet.lab.plugins.module_utils._files.reader import Files
from ansible_collections.podnet.lab.plugins.module_utils._firewall.presence import first_kind


class Node:
    """A node's files and commands."""

    def __init__(self, root: Path, prints: Dict[str, str]) -> None:
        """Have commands that print something, and nothing else."""
        self.files = Files(str(root))
        self.prints = prints
        self.started: List[str] = []
        for name in prints:
            path = root / "usr" / "sbin" / name.split()[0]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        self.root = root

    def has(self, path: str, text: str = "") -> None:
        """Have a file."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def run(self, command: List[str]) -> Tuple[int, str, str]:
        """Print what is to be printed; fail for what is not."""
        name = " ".join([command[0].rsplit("/", 1)[-1], *command[1:]])
        self.started.append(name)
        text = self.prints[name]
        return (1, "", text[5:]) if text.startswith("FAIL ") else (0, text, "")

    def read(self, nf_tables: bool = True) -> Any:
        """Read the rules."""
        return rulesets.read_ruleset(self.files, self.run, nf_tables)


def test_without_tables_nothing_is_started(tmp_path: Path) -> None:
    node = Node(tmp_path, {"nft -j list ruleset": "{}"})
    assert node.read(nf_tables=False) == {"complete": True, "parts": []}
    assert node.started == []


def test_nft_is_read_as_it_prints(tmp_path: Path) -> None:
    node = Node(tmp_path, {"nft -j list ruleset": '{"nftables": []}'})
    part = {"variant": "nftables", "family": None, "command": "nft -j list ruleset", "text": '{"nftables": []}'}
    assert node.read() == {"complete": True, "parts": [part]}


def test_rules_of_iptables_are_read_by_who_wrote_them(tmp_path: Path) -> None:
    nft = '{"nftables": [{"rule": {"expr": [{"xt": {"type": "match", "name": "recent"}}]}}]}'
    node = Node(
        tmp_path,
        {
            "nft -j list ruleset": nft,
            "iptables-nft-save": "*nat",
            "ip6tables-nft-save": "*nat6",
            "iptables-legacy-save": "*raw",
        },
    )
    for module in ("nft_compat", "xt_tcpudp", "xt_comment", "xt_mark"):
        node.has("sys/module/%s/x" % module)
    node.has("proc/thread-self/net/ip_tables_names", "raw\n")
    found = node.read()
    assert found["complete"]
    assert [(one["variant"], one["family"], one["text"]) for one in found["parts"]] == [
        ("iptables-legacy", "inet", "*raw"),
        ("nftables", None, nft),
        ("iptables-nft", "inet", "*nat"),
        ("iptables-nft", "inet6", "*nat6"),
    ]


@pytest.mark.parametrize("prints", [{}, {"nft -j list ruleset": "FAIL no such thing"}])
def test_what_cannot_be_read_is_said(tmp_path: Path, prints: Dict[str, str]) -> None:
    node = Node(tmp_path, prints)
    assert node.read() == {"complete": False, "parts": []}
    assert len(node.files.errors) == 1


def test_what_is_too_long_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rulesets, "MOST_TEXT", 8)
    node = Node(tmp_path, {"nft -j list ruleset": '{"nftables": []}'})
    assert node.read() == {"complete": False, "parts": []}


def test_the_kernel_says_whether_there_are_tables() -> None:
    head = struct.Struct("=IHHII")
    assert first_kind(head.pack(40, 10 << 8, 2, 1, 0) + bytes(24)) == 10 << 8
    assert first_kind(head.pack(20, 3, 2, 1, 0) + bytes(4)) == 3
    with pytest.raises(OSError, match="the kernel refuses to list tables"):
        first_kind(head.pack(36, 2, 0, 1, 0) + struct.pack("=i", -1) + bytes(16))
    for cut in (b"", b"\0" * 15, bytes(16)):
        with pytest.raises(OSError, match="the kernel's answer"):
            first_kind(cut)
