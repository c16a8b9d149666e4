# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""The configuration of the lab's name server, with all records that it has.

The server is dnsmasq: one small process that answers for a domain from its configuration, says NXDOMAIN for what is not
there and NODATA where a name has other records, knows SRV and the way back from addresses, and can ask others for all
else. Debian's dnsmasq-base has it without a service that starts by itself. Options: dnsmasq(8).
"""

from __future__ import annotations

import hashlib
import ipaddress
import re
from typing import Any, Dict, List

from ansible.module_utils.basic import AnsibleModule

from .step import LAB_ARGUMENT, Step
from .store import Store

SUFFIX = ".dnsmasq"
_NAME = re.compile(r"(?=.{1,253}\Z)_?[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\._?[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)*\Z")
_TTL = 5
"""Seconds, as CoreDNS's plugin kubernetes has it: pods come and go."""
_HEAD = [
    "pid-file=",
    "user=root",
    "no-resolv",
    "no-hosts",
    "no-poll",
    "local-ttl=%d" % _TTL,
    "bogus-priv",
]


def conf_name(lines: List[str]) -> str:
    """Return the name of the configuration's file. It changes with the text, so that the server is started anew."""
    return "names-%s%s" % (hashlib.sha256("\n".join(lines).encode()).hexdigest()[:8], SUFFIX)


def record_line(record: Dict[str, Any]) -> str:
    """Return the line of one record. Raise ValueError, with words for a person.

    >>> record_line({"type": "A", "name": "web.default.svc.cluster.local", "value": "10.96.1.1", "port": None})
    'host-record=web.default.svc.cluster.local,10.96.1.1'
    """
    name, value = record["name"], record["value"]
    if not _NAME.match(name):
        raise ValueError("%r is not a name" % name)
    if record["type"] == "A":
        return "host-record=%s,%s" % (name, ipaddress.IPv4Address(value))
    if record["type"] == "AAAA":
        return "host-record=%s,%s" % (name, ipaddress.IPv6Address(value))
    if record["type"] == "TXT":
        if not re.match(r"[A-Za-z0-9. -]{1,255}\Z", value):
            raise ValueError("%s: %r is not a text for a record" % (name, value))
        return "txt-record=%s,%s" % (name, value)
    if not _NAME.match(value) or record["port"] is None or not 0 < record["port"] < 65536:
        raise ValueError("%s: %r is not a name with a port" % (name, value))
    return "srv-host=%s,%s,%d,0,100" % (name, value, record["port"])


def upstream(text: str) -> str:
    """Return the address of a server in its usual form. Raise ValueError for anything else, with words for a person.

    ``ipaddress`` takes what it is given behind a ``%``, a link's name, as it is, with line ends.
    """
    if "%" in text:
        raise ValueError("%r: an address with a link's name is not reached from a pod" % text)
    return str(ipaddress.ip_address(text))


def configuration(domain: str, records: List[Dict[str, Any]], upstreams: List[str]) -> List[str]:
    """Return the lines of the server's configuration. Raise ValueError, with words for a person.

    Without upstreams every name that is not known here does not exist: the root of all names is this server.
    """
    if not _NAME.match(domain):
        raise ValueError("%r is not a domain" % domain)
    others = ["server=%s" % upstream(item) for item in upstreams]
    lines = [*_HEAD, "local=/%s/" % domain, *(["dns-loop-detect", *others] if others else ["address=/#/"])]
    return lines + [record_line(record) for record in records]


_RECORD_OPTIONS: Dict[str, Any] = {
    "type": {"type": "str", "choices": ["A", "AAAA", "SRV", "TXT"], "required": True},
    "name": {"type": "str", "required": True},
    "value": {"type": "str", "required": True},
    "port": {"type": "int"},
}

ARGUMENTS: Dict[str, Any] = {
    "argument_spec": {
        "lab": LAB_ARGUMENT,
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "domain": {"type": "str"},
        "records": {"type": "list", "elements": "dict", "default": [], "options": _RECORD_OPTIONS},
        "upstreams": {"type": "list", "elements": "str", "default": []},
    },
    "required_if": [("state", "present", ["domain"])],
}
"""What AnsibleModule is to know of the options."""


def run(module: AnsibleModule) -> None:
    """Do what the module is asked for, and end it."""
    step = Step(module)
    store = Store(step.lab)
    lines: List[str] = []
    if module.params["state"] == "present":
        try:
            lines = configuration(module.params["domain"], module.params["records"], module.params["upstreams"])
        except ValueError as error:
            step.fail("records", str(error), "Correct the options.")
    before = store.kept(SUFFIX)
    text = "".join(line + "\n" for line in lines)
    path = "%s/%s" % (store.path, conf_name(lines)) if lines else None
    if before != (text or None):
        old = ["rm %s/*%s" % (store.path, SUFFIX)] if before is not None else []
        step.commands += old + (["cat > %s <<'END'" % path, *lines, "END"] if lines else [])
    if step.real:
        store.keep_one(SUFFIX, conf_name(lines), text or None)
    step.exit(before=(before or "").splitlines(), after=lines, see=["cat " + path] if path else [], path=path)
