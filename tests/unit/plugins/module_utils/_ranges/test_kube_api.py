# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ranges from the Kubernetes API, asked of a stand-in on loopback: real TLS, and a client certificate is wanted."""

from __future__ import annotations

import base64
import json
import os
import shutil
import socket
import ssl
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Tuple
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.podnet.lab.plugins.module_utils._files.reader import Files
from ansible_collections.podnet.lab.plugins.module_utils._ranges import api, kube_api
from ansible_collections.podnet.lab.plugins.module_utils._ranges.api import ThisNode, own_node, read_api
from ansible_collections.podnet.lab.plugins.module_utils._ranges.kube_config import (
    Access,
    KubeConfigError,
    parse_kubeconfig,
)
from ansible_collections.podnet.lab.plugins.module_utils._ranges.pod_cidr import pod_cidr_facts
from ansible_collections.podnet.lab.plugins.module_utils._ranges.records import Ranges

THIS = ThisNode("CP1", ["192.0.2.11", "10.244.0.1"])
NODES = "/api/v1/nodes"
MAPS = "/api/v1/namespaces/kube-system/configmaps/"
CIDRS = "/apis/networking.k8s.io/v1/servicecidrs"


def _node(name: str, address: str, *cidrs: str) -> Dict[str, Any]:
    return {
        "metadata": {"name": name},
        "spec": {"podCIDR": cidrs[0], "podCIDRs": list(cidrs)} if cidrs else {},
        "status": {"addresses": [{"type": "InternalIP", "address": address}, {"type": "Hostname", "address": name}]},
    }


def _answers() -> Dict[str, Any]:
    """What kubeadm's cluster of two nodes answers."""
    return {
        NODES: {"items": [_node("w1", "192.0.2.12", "10.244.1.0/24"), _node("cp1", "192.0.2.11", "10.244.0.0/24")]},
        MAPS + "kubeadm-config": {
            "data": {
                "ClusterConfiguration": "kind: ClusterConfiguration\nnetworking:\n  podSubnet: 10.244.0.0/16\n"
                "  serviceSubnet: 10.96.0.0/16\n"
            }
        },
        MAPS + "kube-proxy": {
            "data": {"config.conf": "kind: KubeProxyConfiguration\nclusterCIDR: 10.244.0.0/16\n"},
        },
        CIDRS: {
            "items": [
                {"metadata": {"name": "kubernetes"}, "spec": {"cidrs": ["10.96.0.0/16"]}},
                {"metadata": {"name": "more"}, "spec": {"cidrs": ["10.112.0.0/20"]}},
            ]
        },
    }


class _Pki:
    """A throw-away authority with one server and one client."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=kubernetes",
                      "-keyout", "ca.key", "-out", "ca.crt")  # fmt: skip
        self._issue("server", "/CN=kube-apiserver", "subjectAltName=IP:127.0.0.1")
        self._issue("client", "/O=system:masters/CN=kubernetes-admin", "extendedKeyUsage=clientAuth")

    def _openssl(self, *arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=str(self.directory), check=True, capture_output=True, timeout=60)

    def _issue(self, name: str, subject: str, extension: str) -> None:
        (self.directory / "extension").write_text(extension + "\n", encoding="ascii")
        self._openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", subject,
                      "-keyout", name + ".key", "-out", name + ".csr")  # fmt: skip
        self._openssl("x509", "-req", "-in", name + ".csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial",
                      "-days", "2", "-extfile", "extension", "-out", name + ".crt")  # fmt: skip

    def text(self, name: str) -> str:
        return (self.directory / name).read_text(encoding="ascii")

    def data(self, name: str) -> str:
        return base64.b64encode((self.directory / name).read_bytes()).decode("ascii")


class StandInApi:
    """Answers GET like an API server: no more than what is put into `answers`."""

    def __init__(self, pki: _Pki) -> None:
        self.answers: Dict[str, Any] = _answers()
        self.status: Dict[str, int] = {}
        self.requests: List[Tuple[str, str, Dict[str, str], Any]] = []
        """Method, path, header fields and certificate of each who asked."""
        stand_in = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                connection: Any = self.connection
                stand_in.requests.append((self.command, self.path, dict(self.headers), connection.getpeercert()))
                self._answer(*stand_in.answer(self.path))

            def _answer(self, status: int, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *arguments: Any) -> None:
                """Say nothing."""

        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(str(pki.directory / "server.crt"), str(pki.directory / "server.key"))
        self.context.load_verify_locations(str(pki.directory / "ca.crt"))
        self.context.verify_mode = ssl.CERT_REQUIRED
        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self._server.socket = self.context.wrap_socket(self._server.socket, server_side=True)
        self._server.handle_error = lambda *_arguments: None  # type: ignore[method-assign]
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def answer(self, path: str) -> Tuple[int, bytes]:
        parts = urlsplit(path)
        following = parse_qs(parts.query).get("continue", [""])[0]
        key = parts.path + ("?" + following if following else "")
        status = self.status.get(key, 200 if key in self.answers else 404)
        body = self.answers.get(key, {"kind": "Status"})
        return status, body if isinstance(body, bytes) else json.dumps(body).encode()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def paths(self) -> List[str]:
        return [urlsplit(path).path for _method, path, _fields, _certificate in self.requests]


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> _Pki:
    if shutil.which("openssl") is None:
        pytest.skip("no openssl on this machine")
    return _Pki(tmp_path_factory.mktemp("pki"))


@pytest.fixture
def server(pki: _Pki) -> Iterator[StandInApi]:
    stand_in = StandInApi(pki)
    yield stand_in
    stand_in.close()


def _config(pki: _Pki, port: int, cluster: Optional[Dict[str, Any]] = None) -> Dict[str, Any]:
    cluster = {"server": "https://127.0.0.1:%d" % port, "certificate-authority-data": pki.data("ca.crt"),
               **(cluster or {})}  # fmt: skip
    user = {"client-certificate-data": pki.data("client.crt"), "client-key-data": pki.data("client.key")}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "other", "cluster": {}}, {"name": "kubernetes", "cluster": cluster}],
        "users": [{"name": "kubernetes-admin", "user": user}],
        "contexts": [{"name": "a@k", "context": {"cluster": "kubernetes", "user": "kubernetes-admin"}}],
        "current-context": "a@k",
    }


def _ask(
    root: Path, config: Any, deadline: Optional[float] = None, path: str = "etc/kubernetes/admin.conf"
) -> Tuple[Any, Ranges, Files]:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(config if isinstance(config, str) else json.dumps(config), encoding="utf-8")
    files, ranges = Files(str(root), deadline), Ranges()
    return read_api(files, ranges, THIS), ranges, files


def _short(entries: Any) -> List[Tuple[str, str, str, str]]:
    return [(one["cidr"], one["scope"], one["source"]["command"], one["source"]["key"]) for one in entries]


def _target(link: Path) -> str:
    try:
        return os.readlink(link)
    except FileNotFoundError:  # the descriptor that listed them
        return ""


# --------------------------------------------------------------------------- what is asked, and what is said


def test_nodes_config_maps_and_service_cidrs_are_read(pki: _Pki, server: StandInApi, tmp_path: Path) -> None:
    facts, ranges, files = _ask(tmp_path, _config(pki, server.port))
    assert files.errors == []
    assert ranges.errors == []
    assert facts == {
        "path": "/etc/kubernetes/admin.conf",
        "server": "https://127.0.0.1:%d" % server.port,
        "node": "cp1",
        "nodes": [{"name": "cp1", "pod_cidrs": ["10.244.0.0/24"]}, {"name": "w1", "pod_cidrs": ["10.244.1.0/24"]}],
        "service_cidrs": [
            {"name": "kubernetes", "cidrs": ["10.96.0.0/16"]},
            {"name": "more", "cidrs": ["10.112.0.0/20"]},
        ],
    }
    kubeadm = "kubectl -n kube-system get configmap kubeadm-config -o yaml"
    proxy = "kubectl -n kube-system get configmap kube-proxy -o yaml"
    assert _short(ranges.pod) == [
        ("10.244.0.0/24", "node", "kubectl get node cp1 -o yaml", "spec.podCIDRs[0]"),
        ("10.244.0.0/16", "cluster", kubeadm, "networking.podSubnet"),
        ("10.244.0.0/16", "cluster", proxy, "clusterCIDR"),
    ]
    assert _short(ranges.service) == [
        ("10.96.0.0/16", "cluster", kubeadm, "networking.serviceSubnet"),
        ("10.96.0.0/16", "cluster", "kubectl get servicecidrs -o yaml", "items[kubernetes].spec.cidrs[0]"),
        ("10.112.0.0/20", "cluster", "kubectl get servicecidrs -o yaml", "items[more].spec.cidrs[0]"),
    ]
    assert {one["source"]["kind"] for one in ranges.pod + ranges.service} == {"api"}


def test_only_get_is_said_and_with_the_files_own_certificate(pki: _Pki, server: StandInApi, tmp_path: Path) -> None:
    _ask(tmp_path, _config(pki, server.port))
    assert server.paths() == [NODES, MAPS + "kubeadm-config", MAPS + "kube-proxy", CIDRS]
    assert {method for method, _path, _fields, _certificate in server.requests} == {"GET"}
    for _method, _path, fields, certificate in server.requests:
        assert "Authorization" not in fields
        assert (("commonName", "kubernetes-admin"),) in certificate["subject"]


def test_the_key_is_neither_written_nor_shown(
    pki: _Pki, server: StandInApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = tmp_path / "written"
    written.mkdir()
    monkeypatch.setenv("TMPDIR", str(written))
    facts, ranges, files = _ask(tmp_path / "root", _config(pki, server.port))
    assert facts["node"] == "cp1"
    assert list(written.iterdir()) == []
    descriptors = Path("/proc/self/fd")
    assert [name for name in os.listdir(descriptors) if "memfd:" in _target(descriptors / name)] == []
    shown = json.dumps([facts, ranges.pod, ranges.service, ranges.errors, files.errors])
    for secret in (pki.data("client.key"), pki.text("client.key"), pki.data("client.crt"), pki.data("ca.crt")):
        assert secret[40:80] not in shown


def test_certificates_in_files_of_their_own(pki: _Pki, server: StandInApi, tmp_path: Path) -> None:
    config = _config(pki, server.port)
    config["clusters"][1]["cluster"] = {"server": "https://127.0.0.1:%d" % server.port, "certificate-authority": "ca"}
    config["users"][0]["user"] = {"client-certificate": "/pki/client.crt", "client-key": "../../pki/client.key"}
    (tmp_path / "pki").mkdir()
    (tmp_path / "etc/kubernetes").mkdir(parents=True)
    (tmp_path / "etc/kubernetes/ca").write_text(pki.text("ca.crt"))
    for name in ("client.crt", "client.key"):
        (tmp_path / "pki" / name).write_text(pki.text(name))
    facts, _ranges, files = _ask(tmp_path, config)
    assert (facts["node"], files.errors) == ("cp1", [])


def test_a_token_is_sent_to_the_verified_server(pki: _Pki, server: StandInApi, tmp_path: Path) -> None:
    server.context.verify_mode = ssl.CERT_NONE
    config = _config(pki, server.port)
    config["users"][0]["user"] = {"token": "c2VjcmV0.very"}
    path = "var/snap/microk8s/current/credentials/client.config"
    facts, _ranges, files = _ask(tmp_path, config, path=path)
    assert (facts["path"], facts["node"], files.errors) == ("/" + path, "cp1", [])
    assert server.requests[0][2]["Authorization"] == "Bearer c2VjcmV0.very"
    assert "c2VjcmV0" not in json.dumps(facts)


def test_kubeadms_own_yaml_is_read(pki: _Pki, server: StandInApi, tmp_path: Path) -> None:
    text = (
        "apiVersion: v1\nclusters:\n- cluster:\n    certificate-authority-data: %s\n    server: https://127.0.0.1:%d\n"
        "  name: kubernetes\ncontexts:\n- context:\n    cluster: kubernetes\n    user: kubernetes-admin\n"
        "  name: kubernetes-admin@kubernetes\ncurrent-context: kubernetes-admin@kubernetes\nkind: Config\n"
        "preferences: {}\nusers:\n- name: kubernetes-admin\n  user:\n    client-certificate-data: %s\n"
        "    client-key-data: %s\n" % (pki.data("ca.crt"), server.port, pki.data("client.crt"), pki.data("client.key"))
    )
    facts, _ranges, files = _ask(tmp_path, text, path="etc/kubernetes/super-admin.conf")
    assert (facts["node"], files.errors) == ("cp1", [])


def test_a_worker_has_no_credentials_and_no_error(tmp_path: Path) -> None:
    files, ranges = Files(str(tmp_path)), Ranges()
    assert read_api(files, ranges, THIS) is None
    assert (files.errors, ranges.pod) == ([], [])


def test_lists_are_read_in_pages(pki: _Pki, server: StandInApi, tmp_path: Path) -> None:
    nodes = server.answers[NODES]["items"]
    server.answers[NODES] = {"items": nodes[:1], "metadata": {"continue": "a/b=="}}
    server.answers[NODES + "?a/b=="] = {"items": nodes[1:], "metadata": {"continue": ""}}
    facts, _ranges, files = _ask(tmp_path, _config(pki, server.port))
    assert [one["name"] for one in facts["nodes"]] == ["cp1", "w1"]
    assert files.errors == []


def test_what_the_server_does_not_have_is_no_error(pki: _Pki, server: StandInApi, tmp_path: Path) -> None:
    """k3s has no config map of kubeadm's, Kubernetes before 1.31 no ServiceCIDR."""
    server.answers = {NODES: server.answers[NODES]}
    facts, ranges, files = _ask(tmp_path, _config(pki, server.port))
    assert files.errors == []
    assert facts["service_cidrs"] is None
    assert [one["cidr"] for one in ranges.pod] == ["10.244.0.0/24"]
    assert server.paths()[-1] == "/apis/networking.k8s.io/v1beta1/servicecidrs"


def test_the_apis_word_against_the_cni_configuration(pki: _Pki, server: StandInApi, tmp_path: Path) -> None:
    _ask(tmp_path, _config(pki, server.port))
    conf = {"name": "n", "cniVersion": "0.4.0", "plugins": [{"type": "bridge", "ipam": {"subnet": "10.244.9.0/24"}}]}
    (tmp_path / "etc/cni/net.d").mkdir(parents=True)
    (tmp_path / "etc/cni/net.d/10-bridge.conflist").write_text(json.dumps(conf))
    empty: Any = {"own": 1, "hostname": "cp1", "namespaces": {}, "errors": [], "partial": False}
    without = pod_cidr_facts(empty, {}, Files(str(tmp_path)))
    assert "api" not in without
    assert without["conflicts"] == []
    facts = pod_cidr_facts(empty, {}, Files(str(tmp_path)), api=True)
    assert facts["api"]["node"] == "cp1"
    (conflict,) = facts["conflicts"]
    assert conflict["message"].startswith("Sources disagree about the pod range of the node")
    assert {one["value"] for one in conflict["sides"]} == {"10.244.0.0/24", "10.244.9.0/24"}


# --------------------------------------------------------------------------- what goes wrong


def test_credentials_without_the_right_are_named(pki: _Pki, server: StandInApi, tmp_path: Path) -> None:
    server.status = {NODES: 403}
    facts, _ranges, files = _ask(tmp_path, _config(pki, server.port))
    (error,) = files.errors
    assert error["object"] == "https://127.0.0.1:%d/api/v1/nodes?limit=500" % server.port
    assert "403" in error["cause"]
    assert "user of the kubeconfig" in error["remedy"]
    assert facts["nodes"] == []


def test_one_thing_that_is_refused_does_not_hide_the_others(pki: _Pki, server: StandInApi, tmp_path: Path) -> None:
    server.status = {MAPS + "kubeadm-config": 403, MAPS + "kube-proxy": 500}
    facts, ranges, files = _ask(tmp_path, _config(pki, server.port))
    assert [error["object"].rsplit("/", 1)[-1] for error in files.errors] == ["kubeadm-config", "kube-proxy"]
    assert [one["cidr"] for one in ranges.service] == ["10.96.0.0/16", "10.112.0.0/20"]
    assert facts["node"] == "cp1"


def test_a_server_that_another_authority_vouches_for_gets_nothing(
    pki: _Pki, server: StandInApi, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    config = _config(pki, server.port, {"certificate-authority-data": _Pki(other).data("ca.crt")})
    _facts, ranges, files = _ask(tmp_path, config)
    (error,) = files.errors
    assert error["cause"].startswith("The server did not prove who it is")
    assert server.requests == []
    assert ranges.pod == []


def test_a_certificate_for_another_name_is_refused(pki: _Pki, server: StandInApi, tmp_path: Path) -> None:
    _facts, _ranges, files = _ask(tmp_path, _config(pki, server.port, {"tls-server-name": "kubernetes.example"}))
    assert "did not prove" in files.errors[0]["cause"]
    assert server.requests == []


def test_a_server_that_is_down_is_asked_once(pki: _Pki, tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    facts, _ranges, files = _ask(tmp_path, _config(pki, port))
    (error,) = files.errors
    assert error["cause"] == "The server cannot be reached: Connection refused."
    assert facts["server"] == "https://127.0.0.1:%d" % port


def test_a_silent_server_costs_half_of_the_time_that_is_left(pki: _Pki, tmp_path: Path) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(5)
        began = time.monotonic()
        _facts, _ranges, files = _ask(tmp_path, _config(pki, silent.getsockname()[1]), began + 1)
        assert 0.3 < time.monotonic() - began < 0.95
    assert [error["cause"] for error in files.errors] == ["The server did not answer in time."]


def test_a_server_that_drips_is_held_to_the_same_time(pki: _Pki, server: StandInApi, tmp_path: Path) -> None:
    original = server.answer

    def drip(path: str) -> Tuple[int, bytes]:
        time.sleep(0.8)
        return original(path)

    server.answer = drip  # type: ignore[method-assign]
    began = time.monotonic()
    _facts, _ranges, files = _ask(tmp_path, _config(pki, server.port), began + 1)
    assert time.monotonic() - began < 0.95
    assert [error["cause"] for error in files.errors] == ["The server did not answer in time."]


def test_an_answer_without_end_is_cut(
    pki: _Pki, server: StandInApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kube_api, "MAX_BYTES", 1000)
    server.answers[NODES] = {"items": [], "padding": "x" * 100000}
    _facts, _ranges, files = _ask(tmp_path, _config(pki, server.port))
    assert files.errors[0]["cause"] == "The answer is longer than 1000 bytes."


@pytest.mark.parametrize(
    "answer", [b"<html>", b"", b"[1]", b'{"items": 3}', b'{"items": [1, {"metadata": 2}, {"spec": {"podCIDRs": 4}}]}']
)
def test_answers_of_another_shape_do_no_harm(pki: _Pki, server: StandInApi, tmp_path: Path, answer: bytes) -> None:
    server.answers = dict.fromkeys(server.answers, answer)
    facts, ranges, files = _ask(tmp_path, _config(pki, server.port))
    assert (facts["nodes"], facts["node"], ranges.pod) == ([], None, [])
    json.dumps(files.errors)


def test_a_range_that_is_none_is_an_error_with_its_source(pki: _Pki, server: StandInApi, tmp_path: Path) -> None:
    server.answers[CIDRS]["items"][1]["spec"]["cidrs"] = ["10.112.0.0"]
    _facts, ranges, _files = _ask(tmp_path, _config(pki, server.port))
    assert [error["object"] for error in ranges.errors] == [
        "kubectl get servicecidrs -o yaml: items[more].spec.cidrs[0]"
    ]


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        ({"insecure-skip-tls-verify": True}, "credentials are not sent to anybody"),
        ({"proxy-url": "http://proxy:3128"}, "a proxy"),
        ({"server": "http://127.0.0.1:1"}, "its server is not https"),
        ({"server": "https://user:word@127.0.0.1:1"}, "its server is not https"),
        ({"server": "https://127.0.0.1:99999"}, "its server is not https"),
        ({"server": "https://[::1"}, "its server is not https"),
        ({"server": "https://a\x1bb:1"}, "its server is not https"),
        ({"server": 7}, "its server is not https"),
        ({"certificate-authority-data": "%%%"}, "not base64"),
        ({"certificate-authority-data": "", "certificate-authority": "nowhere"}, "names cannot be read"),
        ({"certificate-authority-data": ""}, "no certificate authority"),
        ({"certificate-authority-data": "bm9uZQ=="}, "is no certificate"),
    ],
)
def test_files_that_lead_nowhere_say_why(
    pki: _Pki, server: StandInApi, tmp_path: Path, change: Dict[str, Any], cause: str
) -> None:
    facts, _ranges, files = _ask(tmp_path, _config(pki, server.port, change))
    (error,) = files.errors
    assert cause in error["cause"]
    assert error["object"] == "/etc/kubernetes/admin.conf"
    assert "word" not in json.dumps([facts, error])
    assert server.requests == []


@pytest.mark.parametrize(
    "user", [{}, {"exec": {"command": "aws"}}, {"token": "two words"}, {"client-key-data": "aaaa"}]
)
def test_a_user_without_credentials(pki: _Pki, server: StandInApi, tmp_path: Path, user: Dict[str, Any]) -> None:
    config = _config(pki, server.port)
    config["users"][0]["user"] = user
    _facts, _ranges, files = _ask(tmp_path, config)
    assert "neither a client certificate with its key nor a token" in files.errors[0]["cause"]


@pytest.mark.parametrize(
    "text",
    [
        "users: [{user: {token: !!binary SECRET}}]",
        "token: &anchor SECRET",
        "token: 'SECRET",
        "token: SECRET: SECRET",
        "\ttoken: SECRET",
        '{"token": "SECRET',
        '{"token": SECRET}',
        "SECRET",
        "",
    ],
)
def test_errors_of_a_broken_file_quote_nothing_of_it(tmp_path: Path, text: str) -> None:
    facts, _ranges, files = _ask(tmp_path, text)
    assert len(files.errors) == 1
    assert "SECRET" not in json.dumps([facts, files.errors])


def test_a_key_that_does_not_fit(pki: _Pki, server: StandInApi, tmp_path: Path) -> None:
    config = _config(pki, server.port)
    config["users"][0]["user"]["client-key-data"] = pki.data("server.key")
    _facts, _ranges, files = _ask(tmp_path, config)
    assert "do not fit" in files.errors[0]["cause"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["clusters", "users", "contexts", "current-context", "name", "cluster", "user", "context",
                         "server", "token", "certificate-authority-data", "metadata", "spec", "podCIDRs"]),
        inner, max_size=4,
    ),
    max_leaves=20,
)  # fmt: skip


@given(JSON)
def test_kubeconfigs_of_any_shape_are_refused_with_a_reason(document: Any) -> None:
    with pytest.raises(KubeConfigError):
        parse_kubeconfig(document, "/x", lambda _path: None)


@given(st.text(max_size=12) | st.text(alphabet="[]:/@%.1a?#\x1b\n", max_size=12))
def test_servers_of_any_spelling_are_refused_or_shown_without_harm(rest: str) -> None:
    try:
        access = Access("https://" + rest, b"")
    except KubeConfigError:
        return
    assert access.server.isprintable()
    assert 0 < access.port < 65536


@given(st.lists(JSON, max_size=4))
def test_objects_of_any_shape_do_no_harm(items: Any) -> None:
    ranges = Ranges()
    own = own_node(items, THIS)
    api.add_node(ranges, items, own)
    api.add_service_cidrs(ranges, items)
    json.dumps([api.node_facts(items), api.service_cidr_facts(items)])


# --------------------------------------------------------------------------- which node this is


@pytest.mark.parametrize(
    ("nodes", "expected"),
    [
        ([_node("other-name", "192.0.2.11"), _node("cp1", "192.0.2.12")], "other-name"),
        ([_node("cp1", "198.51.100.1"), _node("w1", "198.51.100.2")], "cp1"),
        ([_node("cp1", "192.0.2.11"), _node("twin", "192.0.2.11")], "cp1"),
        ([_node("a", "192.0.2.11"), _node("b", "192.0.2.11")], None),
        ([_node("w1", "192.0.2.12")], None),
        ([], None),
    ],
)
def test_the_node_is_known_by_its_address_then_by_its_name(nodes: List[Any], expected: Optional[str]) -> None:
    assert own_node(nodes, THIS) == expected


def test_old_clusters_have_one_range_for_each_node() -> None:
    ranges = Ranges()
    node = {"metadata": {"name": "cp1"}, "spec": {"podCIDR": "10.1.0.0/24"}}
    api.add_node(ranges, [node], "cp1")
    assert _short(ranges.pod) == [("10.1.0.0/24", "node", "kubectl get node cp1 -o yaml", "spec.podCIDR")]
