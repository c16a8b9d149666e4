# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the lab writes for nginx, and what it does not let into its configuration."""

from __future__ import annotations

import re
from typing import Any, Dict, List, Optional

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.podnet.lab.plugins.module_utils._lab import ingress
from ansible_collections.podnet.lab.plugins.module_utils._lab.ingress import Backend, Route

STATE = "/run/podnet-lab/lab0"


def value(path: str = "/", path_type: str = "Prefix", host: Optional[str] = None, port: int = 80) -> Dict[str, Any]:
    """A route as the module's option has it."""
    return {"host": host, "path": path, "path_type": path_type, "address": "10.96.1.1", "port": port}


def leads(routes: List[Route], path: str, default: Optional[Backend] = None) -> str:
    """What nginx does with a path: an exact location first, then the longest prefix (ngx_http_core_module)."""
    found = {}
    for line in ingress.locations(routes, default):
        words = re.match(r"location (= )?(\S+) \{ (.*) \}\Z", line)
        assert words is not None
        found[(words.group(1) or "") + words.group(2)] = words.group(3)
    if "= " + path in found:
        return found["= " + path]
    return found[max((key for key in found if key[0] == "/" and path.startswith(key)), key=len)]


# The examples of kubernetes.io/docs/concepts/services-networking/ingress/#examples: kind, paths, request, matched path.
EXAMPLES = [
    ("Prefix", ["/"], "/anything", "/"),
    ("Exact", ["/foo"], "/foo", "/foo"),
    ("Exact", ["/foo"], "/bar", None),
    ("Exact", ["/foo"], "/foo/", None),
    ("Exact", ["/foo/"], "/foo", None),
    ("Prefix", ["/foo"], "/foo", "/foo"),
    ("Prefix", ["/foo"], "/foo/", "/foo"),
    ("Prefix", ["/foo/"], "/foo", "/foo/"),
    ("Prefix", ["/foo/"], "/foo/", "/foo/"),
    ("Prefix", ["/aaa/bb"], "/aaa/bbb", None),
    ("Prefix", ["/aaa/bbb"], "/aaa/bbb", "/aaa/bbb"),
    ("Prefix", ["/aaa/bbb/"], "/aaa/bbb", "/aaa/bbb/"),
    ("Prefix", ["/aaa/bbb"], "/aaa/bbb/", "/aaa/bbb"),
    ("Prefix", ["/aaa/bbb"], "/aaa/bbb/ccc", "/aaa/bbb"),
    ("Prefix", ["/aaa/bbb"], "/aaa/bbbxyz", None),
    ("Prefix", ["/", "/aaa"], "/aaa/ccc", "/aaa"),
    ("Prefix", ["/", "/aaa", "/aaa/bbb"], "/aaa/bbb", "/aaa/bbb"),
    ("Prefix", ["/", "/aaa", "/aaa/bbb"], "/ccc", "/"),
    ("Prefix", ["/aaa"], "/ccc", None),
]


@pytest.mark.parametrize(("kind", "paths", "request_path", "matched"), EXAMPLES)
def test_paths_match_as_kubernetes_documents_it(
    kind: str, paths: List[str], request_path: str, matched: Optional[str]
) -> None:
    routes = ingress.read_routes([value(path, kind, port=1 + index) for index, path in enumerate(paths)])
    expected = "return 404;" if matched is None else "proxy_pass http://10.96.1.1:%d;" % (1 + paths.index(matched))
    assert leads(routes, request_path) == expected


def test_an_exact_path_goes_before_a_prefix_and_what_is_left_to_the_default() -> None:
    routes = ingress.read_routes([value("/foo", "Prefix", port=1), value("/foo", "Exact", port=2)])
    assert leads(routes, "/foo").endswith(":2;")
    assert leads(routes, "/foo/x").endswith(":1;")
    assert leads(routes, "/bar", Backend("10.96.1.9", 9)) == "proxy_pass http://10.96.1.9:9;"
    six = ingress.read_routes([{**value("/six", "Exact"), "address": "fd00:10:96::7"}])
    assert leads(six, "/six") == "proxy_pass http://[fd00:10:96::7]:80;"


def test_hosts_have_servers_of_their_own_and_tls_where_it_is_asked_for() -> None:
    routes = ingress.read_routes([value(host="shop.example"), value(host="*.shop.example"), value("/x")])
    text = "\n".join(ingress.configuration(STATE, routes, None, ["shop.example"]))
    servers = text.split("  server {")[1:]
    assert [re.findall(r"server_name (.*);", server) for server in servers] == [
        [],
        [],
        ['"~^[^.]+\\.shop\\.example$"'],
        ["shop.example"],
    ]
    assert ["ssl_reject_handshake on;" in server for server in servers] == [True, False, False, False]
    assert ["listen 443 ssl;" in server for server in servers] == [False, False, False, True]
    assert "443" not in "\n".join(ingress.configuration(STATE, routes, None, []))
    assert "[::]" not in text
    both = "\n".join(ingress.configuration(STATE, routes, None, ["shop.example"], ipv6=True))
    listening = re.findall(r"listen (.*);", text)
    assert re.findall(r"listen (.*);", both) == [way for one in listening for way in (one, "[::]:" + one)]
    wild = re.compile(ingress.server_name("*.shop.example").strip('"~'))
    assert wild.match("a.shop.example")
    assert not wild.match("a.b.shop.example")
    assert not wild.match("shop.example")
    assert not wild.match("a.shopxexample")


@pytest.mark.parametrize(
    "wrong",
    [
        value("/a; return 200"), value("/a }"), value("/{"), value('/"'), value("/'"), value("/a b"), value("/$uri"),
        value("/a\n"), value("/\\x"), value("/#"), value("relative"), value(""), value("//"), value("/../x"),
        value("/."), value("/" + "a" * 2000), value("/%2e"), value("/ä"),
        value(host="a.example; }"), value(host="a.example\n"), value(host="~^.*$"), value(host=".example"),
        value(host="*"), value(host="a.*.example"), value(host="*.*.example"), value(host="_"), value(host="A.example"),
        value(host="a" * 64 + ".example"), value(host="a b"), value(host="-a"), value(host="a:80"), value(host="[::1]"),
        value(port=0), value(port=65536), {**value(), "address": "10.96.1.1;"}, {**value(), "address": "localhost"},
        {**value(), "address": "fd00:10:96::7%x; return 200"},
    ],
)  # fmt: skip
def test_what_nginx_gives_a_meaning_to_is_refused(wrong: Dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        ingress.read_routes([wrong])


@given(host=st.text(max_size=20), path=st.text(max_size=20).map(lambda text: "/" + text))
def test_whatever_is_accepted_has_nothing_that_nginx_gives_a_meaning_to(host: str, path: str) -> None:
    try:
        (route,) = ingress.read_routes([value(path, host=host)])
    except ValueError:
        return
    assert not set(route.host + route.path) & set(" \t\r\n;{}\"'$\\#^")


def test_hosts_of_the_certificate_are_checked_as_they_become_a_part_of_a_command() -> None:
    assert ingress.read_tls_hosts(["b.example", "*.a.example", "b.example"]) == ["*.a.example", "b.example"]
    for wrong in ("a,IP:1.2.3.4", "a\nb", "a b", ""):
        with pytest.raises(ValueError):
            ingress.read_tls_hosts([wrong])
    assert ingress.names_of("No extensions in certificate\n") == []


def test_two_backends_for_one_path_are_refused() -> None:
    with pytest.raises(ValueError, match="leads to two backends"):
        ingress.read_routes([value("/foo"), value("/foo/", port=81)])
    assert len(ingress.read_routes([value("/foo"), value("/foo", "Exact", port=81)])) == 2
