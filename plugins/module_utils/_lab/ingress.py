# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""How the lab's ingress routes by host and path: the configuration of its nginx, and the certificate.

Hosts and paths are those of Kubernetes (networking.k8s.io/v1, ``IngressRule``), directives those of nginx 1.22 and
later (nginx.org/en/docs/dirindex.html). nginx is started as a container (``pod_container``). A change of the
configuration is loaded by the running one: its new workers take new connections, and the old ones finish theirs.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import signal
import time
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

from ansible.module_utils.basic import AnsibleModule

from .ingress_names import HOST, PATH
from .processes import Process, alive, identify, parent_of
from .step import LAB_ARGUMENT, Step, address_of
from .store import Store, container_process

PROGRAMS = {"nginx": "nginx", "openssl": "openssl"}
"""What the node of the ingress needs, and the packages that have them."""
CONFIG, PEM = "nginx.conf", "ingress.pem"
_LOADED = "nginx.loaded"
_DIRECTORY, _PID = "nginx", "nginx.pid"
_TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
_SECONDS = 10.0
_DAYS, _LEAST_DAYS = 365, 30
"""How long a certificate is good, and when it is made anew."""


class Backend(NamedTuple):
    """The address and port of a Service."""

    address: str
    port: int

    @property
    def url(self) -> str:
        """Where nginx passes requests on to."""
        return "http://%s:%d" % ("[%s]" % self.address if ":" in self.address else self.address, self.port)


class Route(NamedTuple):
    """Which requests go where."""

    host: str
    """Empty: any that has no rules of its own. ``*.`` at the beginning stands for one label."""
    path: str
    exact: bool
    """Only this path; else what has all its elements at the beginning too."""
    backend: Backend


def command(state: str) -> Tuple[str, ...]:
    """Return the command of the container; `state` is the lab's directory.

    nginx writes its title over its environment, which carries the lab's mark; so a shell stays before it.
    """
    return ("sh", "-c", "nginx -e stderr -c %s/%s; exit" % (state, CONFIG))


def locations(routes: List[Route], default: Optional[Backend]) -> List[str]:
    """Return the locations of a server. An exact path goes before a prefix, and of these the longest counts.

    What is below a prefix must begin a new element: ``/foo`` has ``/foo`` and ``/foo/bar``, and not ``/foobar``.
    """
    found: Dict[str, str] = {"/": "proxy_pass %s;" % default.url if default is not None else "return 404;"}
    for route in (route for route in routes if not route.exact):
        element = route.path.rstrip("/")
        found[element + "/"] = "proxy_pass %s;" % route.backend.url
        if element:
            found["= " + element] = "proxy_pass %s;" % route.backend.url
    for route in (route for route in routes if route.exact):
        found["= " + route.path] = "proxy_pass %s;" % route.backend.url
    return ["location %s { %s }" % item for item in sorted(found.items())]


def server_name(host: str) -> str:
    """Return how nginx names a host. Its own ``*`` stands for any number of labels, that of Kubernetes for one.

    >>> server_name("*.shop.example")
    '"~^[^.]+\\\\.shop\\\\.example$"'
    """
    return '"~^[^.]+%s$"' % host[1:].replace(".", "\\.") if host.startswith("*.") else host


def listens(port: str, ipv6: bool) -> List[str]:
    """Return the lines by which a server listens at a port, which may have words behind it.

    A socket of nginx for IPv6 is for IPv6 alone (``ipv6only``).
    """
    return ["    listen %s;" % port, *(["    listen [::]:%s;" % port] if ipv6 else [])]


def configuration(
    state: str, routes: List[Route], default: Optional[Backend], tls_hosts: List[str], ipv6: bool = False
) -> List[str]:
    """Return the lines of the configuration; `state` is the lab's directory, `ipv6` whether it listens there too."""
    lines = [
        "user root root;",
        "daemon off;",
        "worker_processes 1;",
        "pid %s/%s;" % (state, _PID),
        "error_log stderr;",
        "events {",
        "  worker_connections 1024;",
        "}",
        "http {",
        "  access_log off;",
        "  server_tokens off;",
        "  server_names_hash_bucket_size 512;",
        *("  %s_temp_path %s/%s/%s;" % (name, state, _DIRECTORY, name) for name in _TEMPORARY),
        "  proxy_http_version 1.1;",
        '  proxy_set_header Connection "";',
        "  proxy_set_header Host $http_host;",
        "  proxy_set_header X-Forwarded-For $remote_addr;",
        "  proxy_set_header X-Forwarded-Proto $scheme;",
    ]
    if tls_hosts:
        lines += ["  ssl_certificate %s/%s;" % (state, PEM), "  ssl_certificate_key %s/%s;" % (state, PEM)]
        lines += ["  server {", *listens("443 ssl default_server", ipv6), "    ssl_reject_handshake on;", "  }"]
    for host in sorted({"", *(route.host for route in routes)}):
        lines += ["  server {", *listens("80" if host else "80 default_server", ipv6)]
        lines += listens("443 ssl", ipv6) if host in tls_hosts else []
        lines += ["    server_name %s;" % server_name(host)] if host else []
        lines += ["    " + line for line in locations([r for r in routes if r.host == host], default)] + ["  }"]
    return [*lines, "}"]


def read_backend(value: Dict[str, Any]) -> Backend:
    """Turn an option into a record. Raise ValueError, with words for a person."""
    if not 0 < value["port"] < 65536:
        raise ValueError("port %d is not a number from 1 to 65535" % value["port"])
    return Backend(address_of(value["address"]), value["port"])


def read_routes(values: List[Dict[str, Any]]) -> List[Route]:
    """Turn the option into records. Raise ValueError, with words for a person.

    What nginx gives a meaning to must not be in a host or a path: they become part of its configuration.
    """
    found: Dict[Tuple[str, str, bool], Route] = {}
    for value in values:
        host, path, exact = value["host"] or "", value["path"], value["path_type"] == "Exact"
        if host and not HOST.match(host):
            raise ValueError("%r is not a host of the form of RFC 1123" % host)
        if not PATH.match(path):
            raise ValueError("%r is not a path of letters, digits and /._~@:+,=- without empty elements" % path)
        route = Route(host, path, exact, read_backend(value))
        key = (host, path if exact else path.rstrip("/"), exact)
        if found.setdefault(key, route) != route:
            raise ValueError("%s%s leads to two backends" % (host, path))
    return [found[key] for key in sorted(found)]


def read_tls_hosts(values: List[str]) -> List[str]:
    """Return the hosts of the certificate, sorted. Raise ValueError, with words for a person."""
    wrong = [host for host in values if not HOST.match(host)]
    if wrong:
        raise ValueError("%r is not a host of the form of RFC 1123" % wrong[0])
    return sorted(set(values))


def names_of(text: str) -> List[str]:
    """Return the hosts of a certificate from what ``openssl x509 -noout -ext subjectAltName`` prints, sorted.

    >>> names_of("X509v3 Subject Alternative Name: \\n    DNS:shop.example, DNS:*.shop.example\\n")
    ['*.shop.example', 'shop.example']
    """
    return sorted(re.findall(r"DNS:([^,\s]+)", text))


class Certificate:
    """The file with the key and the certificate of the ingress, which root alone can read."""

    def __init__(self, step: Step, store: Store) -> None:
        self.step = step
        self.path = "%s/%s" % (store.path, PEM)

    def hosts(self) -> Optional[List[str]]:
        """Return for which hosts it is good, and for some time to come; None when there is none."""
        if not os.path.exists(self.path):
            return None
        check = ["x509", "-in", self.path, "-noout", "-checkend", str(_LEAST_DAYS * 86400), "-ext", "subjectAltName"]
        status, out, _err = self.step.module.run_command([self.step.tool("openssl"), *check])
        secret = os.stat(self.path).st_mode & 0o777 == 0o600
        return names_of(out) if status == 0 and secret else []

    def make(self, hosts: List[str]) -> None:
        """Make a key, and a certificate that it signs itself."""
        names = "subjectAltName=" + ",".join("DNS:" + host for host in hosts)
        words = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        words += ["-days", str(_DAYS), "-subj", "/CN=%s" % self.step.lab, "-addext", names]
        self.step.commands.append(
            "(umask 077; openssl %s -keyout %s -out %s)" % (" ".join(words), self.path, self.path)
        )
        if not self.step.real:
            return
        os.makedirs(os.path.dirname(self.path), mode=0o755, exist_ok=True)
        new = self.path + ".new"
        if os.path.exists(new):
            os.unlink(new)
        status, _out, err = self.step.module.run_command(
            [self.step.tool("openssl"), *words, "-keyout", new, "-out", new], umask=0o077
        )
        if status != 0:
            self.step.failed("openssl " + " ".join(words), err)
        os.rename(new, self.path)

    def digest(self, text: str) -> str:
        """Return what is noted of a configuration and this file when nginx has loaded them, or will when it starts."""
        try:
            found = os.stat(self.path)
            text += "%d %d" % (found.st_ino, found.st_mtime_ns)
        except FileNotFoundError:
            pass
        return hashlib.sha256(text.encode()).hexdigest()


def master(store: Store) -> Optional[Process]:
    """Return the master process of the nginx that runs, the child of its container's first process."""
    for pod in store.pods().values():
        for container in pod["containers"]:
            first = container_process(container)
            if tuple(container["command"]) == command(store.path) and alive(first):
                return next(iter(children_of(first.pid)), None)
    return None


def children_of(pid: int) -> List[Process]:
    """Return the child processes of a process."""
    found = []
    for name in os.listdir("/proc"):
        process = identify(int(name)) if name.isdigit() and parent_of(int(name)) == pid else None
        found += [process] if process is not None else []
    return sorted(found)


def reload(step: Step, running: Process) -> None:
    """Have a running nginx load its configuration, and wait until a new worker takes connections."""
    step.commands.append("kill -HUP %d" % running.pid)
    if not step.real:
        return
    before = children_of(running.pid)
    os.kill(running.pid, signal.SIGHUP)
    limit = time.monotonic() + _SECONDS
    while not set(children_of(running.pid)) - set(before):
        if time.monotonic() > limit or not alive(running):
            step.fail(
                "nginx %d" % running.pid,
                "it has not loaded its new configuration within %d seconds" % _SECONDS,
                "See what it says of it: nginx -t -e stderr -c %s/%s." % (Store(step.lab).path, CONFIG),
            )
        time.sleep(0.02)


def check(step: Step, store: Store, text: str) -> None:
    """Have nginx read a configuration before it takes the place of the other, and end the module when it refuses."""
    os.makedirs("%s/%s" % (store.path, _DIRECTORY), mode=0o755, exist_ok=True)
    trial = CONFIG + ".trial"
    store.keep(trial, text)
    path = "%s/%s" % (store.path, trial)
    status, _out, err = step.module.run_command([step.tool("nginx"), "-t", "-q", "-e", "stderr", "-c", path])
    store.forget(trial)
    if status != 0:
        step.failed("nginx -t -c %s/%s" % (store.path, CONFIG), err)


def present(step: Step, store: Store) -> None:
    """Have the configuration that the options describe, in force if nginx runs, and end the module."""
    options = step.module.params
    try:
        routes, tls_hosts = read_routes(options["routes"]), read_tls_hosts(options["tls_hosts"])
        default = read_backend(options["default"]) if options["default"] is not None else None
    except ValueError as error:
        step.fail("ingress", str(error), "Correct the options.")
    certificate, earlier = Certificate(step, store), store.text(CONFIG)
    certified = certificate.hosts()
    if tls_hosts and certified != tls_hosts:
        certificate.make(tls_hosts)
    lines = configuration(store.path, routes, default, tls_hosts, options["ipv6"])
    text, path = "".join(line + "\n" for line in lines), "%s/%s" % (store.path, CONFIG)
    if earlier != text:
        step.commands += ["mkdir %s/%s" % (store.path, _DIRECTORY)] if earlier is None else []
        step.commands += ["cat > %s <<'END'" % path, *lines, "END"]
        if step.real:
            check(step, store, text)
            store.keep(CONFIG, text)
    if certified is not None and not tls_hosts:
        step.commands.append("rm " + certificate.path)
        if step.real:
            os.unlink(certificate.path)
    in_force = certificate.digest(text)
    stale = earlier != text or tls_hosts != (certified or []) or store.text(_LOADED) != in_force
    running = master(store)
    if stale and running is not None:
        reload(step, running)
    if step.real:
        store.keep(_LOADED, in_force)
    see = ["cat " + path] + (["openssl x509 -noout -text -in " + certificate.path] if tls_hosts else [])
    step.exit(before=shown(earlier, certified), after=shown(text, tls_hosts), see=see)


def shown(text: Optional[str], hosts: Optional[List[str]]) -> List[str]:
    """Return configuration and certificate as lines for the diff, without the key."""
    return (["certificate for " + ", ".join(hosts)] if hosts else []) + (text or "").splitlines()


def absent(step: Step, store: Store) -> None:
    """Have nothing of it, and end the module."""
    certificate, earlier = Certificate(step, store), store.text(CONFIG)
    certified = certificate.hosts()
    names = (CONFIG, CONFIG + ".new", CONFIG + ".trial", _LOADED, _LOADED + ".new", PEM, PEM + ".new", _PID, _DIRECTORY)
    left = [path for path in ("%s/%s" % (store.path, name) for name in names) if os.path.lexists(path)]
    step.commands += ["rm -r " + " ".join(left)] if left else []
    for path in left if step.real else ():
        if os.path.isdir(path):
            shutil.rmtree(path)
        else:
            os.unlink(path)
    if step.real:
        store.tidy()
    step.exit(before=shown(earlier, certified), after=[], see=[])


_BACKEND_OPTIONS: Dict[str, Any] = {
    "address": {"type": "str", "required": True},
    "port": {"type": "int", "required": True},
}
_ROUTE_OPTIONS: Dict[str, Any] = {
    "host": {"type": "str"},
    "path": {"type": "str", "default": "/"},
    "path_type": {"type": "str", "choices": ["Exact", "Prefix"], "default": "Prefix"},
    **_BACKEND_OPTIONS,
}

ARGUMENTS: Dict[str, Any] = {
    "argument_spec": {
        "lab": LAB_ARGUMENT,
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "routes": {"type": "list", "elements": "dict", "default": [], "options": _ROUTE_OPTIONS},
        "default": {"type": "dict", "options": _BACKEND_OPTIONS},
        "tls_hosts": {"type": "list", "elements": "str", "default": []},
        "ipv6": {"type": "bool", "default": False},
    },
}
"""What AnsibleModule is to know of the options."""


def run(module: AnsibleModule) -> None:
    """Do what the module is asked for, and end it."""
    step = Step(module)
    {"present": present, "absent": absent}[module.params["state"]](step, Store(step.lab))
