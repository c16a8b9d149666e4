# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""podnet.lab.probe in real namespaces: every kind of probe, every outcome, and nothing that stays behind."""

from __future__ import annotations

import collections
import re
import shutil
import time
from typing import Any

import pytest

from ansible_collections.podnet.lab.tests.integration.support.world import World

Json = dict[str, Any]
PODS = ("a", "b")
# Two pods on one bridge, which is their router; and a link behind a narrow one.
NETWORK = """
echo 1 > /proc/sys/net/ipv4/ip_forward
ip link add name bri0 type bridge; ip link set bri0 up
ip addr add 10.9.0.1/24 dev bri0; ip addr add fd09::1/64 dev bri0 nodad
for n in 2 3; do
  name=$(echo a b | cut -d' ' -f$((n - 1)))
  ip netns add $name; ip link add v$name type veth peer name eth0 netns $name; ip link set v$name master bri0 up
  ip -n $name link set lo up; ip -n $name link set eth0 up
  ip -n $name addr add 10.9.0.$n/24 dev eth0; ip -n $name addr add fd09::$n/64 dev eth0 nodad
  ip -n $name route add default via 10.9.0.1
done
ip netns add far; ip link add vfar mtu 1400 type veth peer name eth0 mtu 1400 netns far; ip link set vfar up
ip addr add 10.8.0.1/24 dev vfar; ip -n far link set lo up; ip -n far link set eth0 up
ip -n far addr add 10.8.0.2/24 dev eth0; ip -n far route add default via 10.8.0.1
"""
SERVER = r"""
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/" else 404)
        self.send_header("X-Seen", self.client_address[0])
        self.end_headers()
        self.wfile.write(("path %s\nname %s\n" % (self.path, self.headers["X-Name"])).encode())
http.server.ThreadingHTTPServer(("10.9.0.3", 80), Handler).serve_forever()
"""
# Says for whom it was asked by SNI; nobody has a certificate for refused.example.
SECURED = r"""
import http.server, ssl, sys
asked = []
def choose(sock, name, context):
    asked.append(str(name))
    return ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME if name == "refused.example" else None
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = ("path %s\nsni %s\nhost %s\n" % (self.path, asked[-1], self.headers["Host"])).encode() + b"x" * 3000
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1])
context.sni_callback = choose
server = http.server.HTTPServer(("10.9.0.3", 443), Handler)
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
"""
# A stand-in for a cluster's name server: it knows one name by its whole name, and says over UDP that it is too long.
NAMES = r"""
import socket, struct, threading
known = b"\3web\7default\3svc\7cluster\5local\0"
def answer(data, short):
    name, kind = data[12:-4], data[-4:-2]
    found = name == known and kind == b"\0\1" and not short
    flags = (0x8780 if short and name == known else 0x8580) if name == known else 0x8583
    record = b"\xc0\x0c\0\1\0\1\0\0\0\5\0\4" + socket.inet_aton("10.96.0.10") if found else b""
    return data[:2] + struct.pack(">5H", flags, 1, found, 0, 0) + data[12:] + record
def stream():
    server = socket.create_server(("10.9.0.3", 53))
    while True:
        peer, _ = server.accept()
        data = answer(peer.recv(512)[2:], False)
        peer.sendall(struct.pack(">H", len(data)) + data)
        peer.close()
threading.Thread(target=stream, daemon=True).start()
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.bind(("10.9.0.3", 53))
while True:
    data, peer = sock.recvfrom(512)
    sock.sendto(answer(data, True), peer)
"""


@pytest.fixture(scope="module")
def net(module_world: World) -> World:
    world = module_world
    world.sh(NETWORK)
    for source in (SERVER, NAMES):
        world.spawn("python3", "-c", source, netns="b")
    world.sh('for port in 53 80; do until ip netns exec b ss -ltn | grep -q ":$port "; do sleep 0.05; done; done')
    world.sh("printf 'nameserver 10.9.0.3\nsearch default.svc.cluster.local\noptions ndots:5\n' > /etc/resolv.conf")
    return world


def sent(world: World, *probes: Json, **options: Any) -> list[Json]:
    asked = [{"id": str(number), "at": "/run/netns/a", **one} for number, one in enumerate(probes)]
    result = world.module("probe", {"probes": asked, "timeout": 1, **options})
    assert result["changed"] is False
    found: list[Json] = result["probes"]
    assert [one["id"] for one in found] == [one["id"] for one in asked]
    return found


def test_both_ends_say_the_same(net: World) -> None:
    listeners = [
        {"id": protocol, "at": "/run/netns/b", "protocol": protocol, "port": 4000} for protocol in ("tcp", "udp")
    ]
    probes = [
        {"id": f"{protocol} {to}", "kind": protocol, "at": "/run/netns/a", "to": to, "port": 4000}
        for protocol in ("tcp", "udp")
        for to in ("10.9.0.3", "fd09::3")
    ]
    result = net.module("probe", {"listeners": listeners, "probes": probes})
    for one in result["probes"]:
        own = "fd09::2" if ":" in one["to"] else "10.9.0.2"
        assert (one["outcome"], one["answered_by"]) == ("ok", one["kind"])
        assert one["sent_from"]["address"] == own
        assert one["seen_as"] == one["sent_from"]
        assert one["latency_ms"] > 0
    for one in result["listeners"]:
        assert {(seen["peer"], seen["local"]) for seen in one["seen"]} == {
            ("10.9.0.2", "10.9.0.3"), ("fd09::2", "fd09::3"),
        }  # fmt: skip


def test_translation_on_the_way_is_seen(net: World) -> None:
    net.sh("nft 'table ip t { chain c { type nat hook postrouting priority 100; oifname vfar masquerade; }; }'")
    try:
        listener = {"id": "far", "at": "/run/netns/far", "port": 4001}
        probe = {"id": "1", "kind": "tcp", "at": "/run/netns/a", "to": "10.8.0.2", "port": 4001}
        (one,) = net.module("probe", {"listeners": [listener], "probes": [probe]})["probes"]
        assert (one["sent_from"]["address"], one["seen_as"]["address"]) == ("10.9.0.2", "10.8.0.1")
    finally:
        net.sh("nft delete table ip t")


def test_outcomes(net: World) -> None:
    rules = """nft -f - <<'END'
      table ip t { chain c { type filter hook forward priority 0;
        tcp dport 5001 drop; tcp dport 5002 reject with icmp admin-prohibited
        tcp dport 5003 reject with tcp reset; }; }
END
ip route add unreachable 10.7.0.0/24; ip -n a route add prohibit 10.6.0.0/24"""
    net.sh(rules)
    try:
        found = sent(
            net,
            {"kind": "tcp", "to": "10.9.0.3", "port": 9},
            *({"kind": "tcp", "to": "10.8.0.2", "port": port} for port in (5001, 5002, 5003)),
            {"kind": "tcp", "to": "10.7.0.1", "port": 9},
            {"kind": "tcp", "to": "10.6.0.1", "port": 9},
            {"kind": "udp", "to": "10.9.0.3", "port": 9},
            {"kind": "icmp", "to": "10.7.0.1"},
            {"kind": "tcp", "to": "10.9.0.3", "port": 9, "at": "/run/netns/gone"},
        )
        assert [one["outcome"] for one in found] == [
            "refused", "timeout", "prohibited", "refused", "unreachable", "prohibited", "refused", "unreachable",
            "error",
        ]  # fmt: skip
        assert found[2]["icmp"] == {"type": 3, "code": 13, "from": "10.9.0.1"}
        assert found[0]["errno"] == "ECONNREFUSED"
        assert found[6]["icmp"]["code"] == 3
        assert "/run/netns/gone: No such file or directory" in found[8]["detail"]["cause"]
    finally:
        net.sh("nft delete table ip t; ip route del 10.7.0.0/24; ip -n a route del 10.6.0.0/24")


def test_echoes_and_pages(net: World) -> None:
    four, six, page, other, odd = sent(
        net,
        {"kind": "icmp", "to": "10.9.0.3"},
        {"kind": "icmp", "to": "fd09::3"},
        {"kind": "http", "to": "10.9.0.3", "headers": {"X-Name": "x"}},
        {"kind": "http", "to": "10.9.0.3", "path": "/none"},
        {"kind": "http", "to": "10.9.0.3", "port": 53},
    )
    assert (four["outcome"], four["sent_from"]["address"]) == ("ok", "10.9.0.2")
    assert (six["outcome"], six["sent_from"]["address"]) == ("ok", "fd09::2")
    assert (page["detail"]["status"], page["detail"]["body"]) == (200, "path /\nname x\n")
    assert page["detail"]["headers"]["x-seen"] == "10.9.0.2"
    assert other["detail"]["status"] == 404
    assert (odd["outcome"], odd["detail"]["connected"]) == ("closed", True)


def test_pages_over_tls(net: World) -> None:
    if not shutil.which("openssl"):
        pytest.skip("the program openssl (Debian: openssl), which makes a certificate, is not here")
    make = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=x"
    names = "subjectAltName=DNS:shop.example,IP:10.9.0.3"
    net.sh(f"{make} -addext {names} -keyout /run/tls.pem -out /run/tls.pem 2>/dev/null")
    net.spawn("python3", "-c", SECURED, "/run/tls.pem", netns="b")
    net.sh('until ip netns exec b ss -ltn | grep -q ":443 "; do sleep 0.05; done')
    named, bare, refused, plain, closed, silent = sent(
        net,
        {"kind": "https", "to": "10.9.0.3", "path": "/a", "headers": {"Host": "shop.example:443"}},
        {"kind": "https", "to": "10.9.0.3"},
        {"kind": "https", "to": "10.9.0.3", "headers": {"Host": "refused.example"}},
        {"kind": "https", "to": "10.9.0.3", "port": 80},
        {"kind": "https", "to": "10.9.0.3", "port": 9},
        {"kind": "http", "to": "10.9.0.3", "port": 443, "timeout": 5},
    )
    assert (named["outcome"], named["port"], named["detail"]["status"]) == ("ok", 443, 200)
    assert named["detail"]["body"].splitlines()[:3] == ["path /a", "sni shop.example", "host shop.example:443"]
    assert len(named["detail"]["body"]) > 3000
    assert named["detail"]["certificate"] == {"names": ["shop.example", "10.9.0.3"]}
    assert bare["detail"]["body"].splitlines()[:3] == ["path /", "sni None", "host 10.9.0.3:443"]
    assert (refused["outcome"], refused["detail"]["cause"]) == ("no-tls", "tlsv1 unrecognized name")
    assert (plain["outcome"], plain["detail"]["connected"]) == ("no-tls", True)
    assert closed["outcome"] == "refused"
    assert silent["outcome"] in ("closed", "reset")


def test_path_mtu_on_a_narrow_path(net: World) -> None:
    wide, six, narrow = sent(
        net,
        {"kind": "path_mtu", "to": "10.9.0.3"},
        {"kind": "path_mtu", "to": "fd09::3"},
        {"kind": "path_mtu", "to": "10.8.0.2"},
    )
    assert [one["detail"]["mtu"] for one in (wide, six, narrow)] == [1500, 1500, 1400]
    assert narrow["icmp"] == {"type": 3, "code": 4, "from": "10.9.0.1"}


def test_names_as_a_process_there_resolves_them(net: World) -> None:
    net.spawn("sleep", "1000", netns="a")
    whole, short, unknown, dead, page, reverse = sent(
        net,
        {"kind": "dns", "to": "web.default.svc.cluster.local."},
        {"kind": "dns", "to": "web"},
        {"kind": "dns", "to": "nobody"},
        {"kind": "dns", "to": "web", "server": "10.9.0.1"},
        {"kind": "http", "to": "nobody"},
        {"kind": "dns", "to": "10.9.0.3", "type": "PTR"},
    )
    # The answer over UDP was cut off, so that it was asked for again over TCP.
    assert [(one["type"], one["data"]) for one in whole["detail"]["records"]] == [("A", "10.96.0.10")]
    assert short["detail"]["name_asked"] == "web.default.svc.cluster.local."
    assert short["detail"]["server"] == "10.9.0.3"
    assert (unknown["outcome"], unknown["detail"]["asked"]) == (
        "no-name",
        ["nobody.default.svc.cluster.local.", "nobody."],
    )
    assert (dead["outcome"], dead["errno"]) == ("no-server", "ECONNREFUSED")
    assert page["outcome"] == "no-name"
    assert reverse["detail"]["asked"] == ["3.0.9.10.in-addr.arpa."]
    assert re.fullmatch(r"/proc/\d+/root/etc/resolv\.conf", whole["detail"]["resolv_conf"])


def test_places(net: World) -> None:
    pid = net.spawn("sleep", "1000", netns="a")
    inode = net.sh("stat -L -c %i /run/netns/a").strip()
    found = sent(
        net,
        *({"kind": "icmp", "to": "10.9.0.3", "at": at} for at in (f"pid:{pid}", f"net:[{inode}]", "node")),
        {"kind": "icmp", "to": "10.9.0.3", "at": "default/nobody"},
        {"kind": "icmp", "to": "10.9.0.3", "at": "what is this"},
    )
    assert [(one["sent_from"] or {}).get("address") for one in found] == [
        "10.9.0.2",
        "10.9.0.2",
        "10.9.0.1",
        None,
        None,
    ]
    assert "no pod of this node is called so" in found[3]["detail"]["cause"]
    assert "it names no place" in found[4]["detail"]["cause"]


def test_the_node_is_where_its_default_route_leaves(net: World) -> None:
    (lost,) = sent(net, {"kind": "icmp", "to": "node"})
    assert "it has no default route" in lost["detail"]["cause"]
    net.sh("ip route add default via 10.8.0.2")
    try:
        (found,) = sent(net, {"kind": "icmp", "to": "node"})
        assert (found["outcome"], found["address"], found["sent_from"]["address"]) == ("ok", "10.8.0.1", "10.9.0.2")
    finally:
        net.sh("ip route delete default")


def state(world: World) -> str:
    """What is there. A process that has ended and that the world's init has yet to note (state Z) holds nothing."""
    return world.sh(
        "ip netns; ip -o link; for n in '' a b; do ${n:+ip netns exec $n} ss -lntupx; done; ls /run;"
        " ps -e -o stat=,pid=,comm= | grep python | grep -v ^Z"
    )


def test_listeners_that_are_held_are_ended_and_leave_nothing(net: World) -> None:
    before = state(net)
    listeners = [{"id": "b", "at": "/run/netns/b", "port": 4002}, {"id": "taken", "at": "/run/netns/b", "port": 80}]
    held = net.module("probe", {"listeners": listeners, "hold": 60})
    listening, taken = held["listeners"]
    assert (listening["port"], taken["port"]) == (4002, None)
    assert taken["error"]["cause"] == "Address already in use"
    (one,) = sent(net, {"kind": "tcp", "to": "10.9.0.3", "port": 4002})
    assert one["answered_by"] == "b"
    ended = net.module("probe", {"collect": held["held"]["token"]})
    assert [seen["peer"] for seen in ended["listeners"][0]["seen"]] == ["10.9.0.2"]
    assert ended["listeners"][0]["count"] == 1
    again = net.module("probe", {"collect": held["held"]["token"]}, fail_ok=True)
    assert "nobody holds them any more" in again["msg"]
    assert state(net) == before


def test_listeners_end_when_their_time_is_over(net: World) -> None:
    before = state(net)
    net.module("probe", {"listeners": [{"id": "b", "at": "/run/netns/b", "port": 4003}], "hold": 0.5})
    deadline = time.monotonic() + 20
    while state(net) != before:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_check_mode_sends_nothing(net: World) -> None:
    # Of IPv4 only: the kernel itself sends IPv6 packets now and then, to find neighbours and routers.
    counters = "grep -E '^(Icmp|Tcp|Udp):' /proc/net/snmp"
    before = net.sh(counters, netns="a"), net.sh(counters, netns="b")
    probe = {"id": "1", "kind": "tcp", "at": "/run/netns/a", "to": "10.9.0.3", "port": 80}
    listener = {"id": "b", "at": "/run/netns/b"}
    result = net.module("probe", {"probes": [probe], "listeners": [listener]}, check_mode=True)
    assert (result["would_send"], result["probes"][0]["outcome"]) == (1, "not-sent")
    assert result["listeners"][0]["error"]["cause"] == "nothing listens in check mode"
    assert (net.sh(counters, netns="a"), net.sh(counters, netns="b")) == before


def test_the_time_of_a_task_is_kept(net: World) -> None:
    net.sh("nft 'table ip t { chain c { type filter hook forward priority 0; tcp dport 5001 drop; }; }'")
    try:
        began = time.monotonic()
        silent = [{"kind": "tcp", "to": "10.8.0.2", "port": 5001}] * 120  # a minute, two at a time
        found = sent(net, *silent, timeout=1, total_timeout=1.5, parallel=2)
        assert time.monotonic() - began < 45
        outcomes = collections.Counter(one["outcome"] for one in found)
        assert outcomes["not-sent"] >= 100
        assert outcomes["timeout"] >= 2
    finally:
        net.sh("nft delete table ip t")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"timeout": 0}, "timeout must be more than 0"),
        ({"collect": "../../x"}, "this is no token"),
        ({"probes": [{"id": "1", "kind": "tcp", "to": "10.9.0.3"}]}, "a tcp probe needs a port"),
    ],
)
def test_what_is_wrong_is_said(net: World, options: Json, told: str) -> None:
    assert told in net.module("probe", options, fail_ok=True)["msg"]


MANY = 110
# Pods with an address of their own each, and a router that they all see under the same address, as Calico makes them.
ROUTED = """
echo 1 > /proc/sys/net/ipv4/ip_forward
for n in $(seq {count}); do
  ip netns add p$n; ip link add vp$n type veth peer name eth0 netns p$n; ip addr add 169.254.1.1/32 dev vp$n
  ip link set vp$n up; ip -n p$n link set lo up; ip -n p$n link set eth0 up; ip -n p$n addr add 10.5.0.$n/32 dev eth0
  ip -n p$n route add 169.254.1.1 dev eth0; ip -n p$n route add default via 169.254.1.1; ip route add 10.5.0.$n dev vp$n
done
"""


def all_pairs(net: World) -> tuple[int, int, float]:
    """Connect every pod of a full node to every pod; pairs, those with a wrong answer, and seconds."""
    net.sh(ROUTED.replace("{count}", str(MANY)))
    numbers = range(1, MANY + 1)
    listeners = [{"id": str(number), "at": f"/run/netns/p{number}", "port": 4000} for number in numbers]
    held = net.module("probe", {"listeners": listeners, "hold": 120})
    script = f"""
import json, sys, time
from ansible_collections.podnet.lab.plugins.module_utils._kernel.namespaces import Home, raise_descriptor_limit
from ansible_collections.podnet.lab.plugins.module_utils._probe.engine import Limits, run
from ansible_collections.podnet.lab.plugins.module_utils._probe.places import Places
from ansible_collections.podnet.lab.plugins.module_utils._probe.records import probes_from
raise_descriptor_limit(4096)
asked = [dict(id="%d-%d" % (one, other), kind="tcp", at="/run/netns/p%d" % one, to="10.5.0.%d" % other, port=4000)
         for one in range(1, {MANY + 1}) for other in range(1, {MANY + 1})]
began = time.monotonic()
found = run(Places(Home()), probes_from(asked, 5.0), Limits(512, 110.0), [])
wrong = [one for one in found if one["outcome"] != "ok" or one["answered_by"] != one["id"].split("-")[1]
         or one["seen_as"] != one["sent_from"]]
print(json.dumps([len(found), len(wrong), time.monotonic() - began]))
"""
    count, wrong, took = net.python(script, timeout=180)
    net.module("probe", {"collect": held["held"]["token"]})
    return count, wrong, took


@pytest.mark.slow
def test_all_pairs_of_a_full_node(net: World) -> None:
    assert all_pairs(net)[:2] == (MANY * MANY, 0)
