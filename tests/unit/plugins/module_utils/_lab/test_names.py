# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the lab writes for names: the server's configuration and the pods' resolv.conf."""

from __future__ import annotations

from typing import Any, Dict, List

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.podnet.lab.plugins.module_utils._lab.dns_records import conf_name, configuration
from ansible_collections.podnet.lab.plugins.module_utils._lab.resolv_conf import content, is_own


def record(kind: str, name: str, value: str, port: Any = None) -> Dict[str, Any]:
    """A record as the module's option has it."""
    return {"type": kind, "name": name, "value": value, "port": port}


def test_a_configuration_knows_its_domain_and_nothing_else() -> None:
    found = configuration(
        "cluster.local",
        [
            record("TXT", "dns-version.cluster.local", "1.1.0"),
            record("A", "web.default.svc.cluster.local", "10.96.1.1"),
            record("SRV", "_http._tcp.web.default.svc.cluster.local", "web.default.svc.cluster.local", 80),
        ],
        [],
    )
    assert found[-5:] == [
        "local=/cluster.local/",
        "address=/#/",
        "txt-record=dns-version.cluster.local,1.1.0",
        "host-record=web.default.svc.cluster.local,10.96.1.1",
        "srv-host=_http._tcp.web.default.svc.cluster.local,web.default.svc.cluster.local,80,0,100",
    ]
    assert conf_name(found) != conf_name(found[:-1])


def test_with_others_to_ask_other_names_may_exist() -> None:
    found = configuration("cluster.local", [], ["192.0.2.53"])
    assert found[-3:] == ["local=/cluster.local/", "dns-loop-detect", "server=192.0.2.53"]
    assert configuration("cluster.local", [], ["2001:db8:0::53"])[-1] == "server=2001:db8::53"


@pytest.mark.parametrize(
    ("domain", "records", "upstreams"),
    [
        ("cluster.local/\nconf-file=/etc/shadow", [], []),
        ("cluster.local", [], ["192.0.2.53\nuser=x"]),
        ("cluster.local", [], ["fe80::53%eth0\nuser=x"]),
        ("cluster.local", [], ["2001:db8::53@eth0"]),
        ("cluster.local", [record("A", "a,b", "10.96.1.1")], []),
        ("cluster.local", [record("A", "a", "10.96.1.1\ndhcp-script=/bin/sh")], []),
        ("cluster.local", [record("TXT", "a", "x\ny")], []),
        ("cluster.local", [record("TXT", "a", "x,y")], []),
        ("cluster.local", [record("SRV", "_a._tcp.b", "c,d", 80)], []),
        ("cluster.local", [record("SRV", "_a._tcp.b", "c")], []),
        ("cluster.local", [record("SRV", "_a._tcp.b", "c", 70000)], []),
    ],
)
def test_what_the_server_would_read_as_something_else_is_refused(
    domain: str, records: List[Any], upstreams: List[str]
) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        configuration(domain, records, upstreams)


@given(st.text(max_size=30), st.text(max_size=30), st.sampled_from(["A", "TXT", "SRV"]))
def test_a_record_is_one_line_whatever_it_says(name: str, value: str, kind: str) -> None:
    before = len(configuration("cluster.local", [], []))
    try:
        lines = configuration("cluster.local", [record(kind, name, value, 80)], [])
    except ValueError:
        return
    assert len("\n".join(lines).splitlines()) == before + 1
    assert lines[-1].count(",") == (4 if kind == "SRV" else 1)


def test_a_resolv_conf_carries_the_labs_mark() -> None:
    text = content("lab0", ["10.96.0.10"], ["default.svc.cluster.local", "svc.cluster.local"], ["ndots:5"])
    assert text.splitlines()[1:] == [
        "search default.svc.cluster.local svc.cluster.local",
        "nameserver 10.96.0.10",
        "options ndots:5",
    ]
    assert is_own(text, "lab0")
    assert not is_own(text, "lab")
    assert not is_own(text, "lab00")
    assert not is_own(None, "lab0")


@pytest.mark.parametrize("words", [(["x"], [], []), ([], ["a b"], []), ([], ["a\nb"], []), ([], [], ["n\nnameserver"])])
def test_a_resolv_conf_with_other_words_is_refused(words: Any) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        content("lab0", *words)
