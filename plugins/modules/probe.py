#!/usr/bin/python

# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Packets from inside any pod, and what became of them."""

from __future__ import annotations

DOCUMENTATION = r"""
module: probe
short_description: "Probe: send packets from inside any pod, and say what became of them"
version_added: 1.0.0
author: podnet.lab contributors (@podnet-lab)
description:
  - Sends probes from inside network namespaces of the node, with nothing from the images of the pods in them, and opens
    listeners there that say which address they saw.
  - All probes of a task are sent at once by one process, so that many pairs take seconds.
  - Changes nothing on the node. Listeners end with the task, or with O(hold) when their time is over or O(collect) ends
    them.
options:
  probes:
    description: What to send.
    type: list
    elements: dict
    default: []
    suboptions:
      id:
        description: What the result is called.
        type: str
        required: true
      kind:
        description:
          - V(tcp) connects, says a line and reads the answer. V(udp) sends a datagram and waits for one.
          - V(icmp) sends an echo. V(http) asks a web server for a page, and V(https) does so over TLS. Whether the
            server's certificate is to be trusted is not asked; for which hosts it is, C(detail) says.
          - V(dns) asks name servers. V(path_mtu) finds the largest packet that passes without being cut, by echoes.
        type: str
        required: true
        choices: [tcp, udp, icmp, http, https, dns, path_mtu]
      at:
        description:
          - Where it starts. C(namespace/name) of a pod of this node, V(container:web) for a container of this node by
            its name or id, V(node) for the node itself, the path of a network namespace, V(pid:812) for that of a
            process, or V(net:[4026532001]) by its number.
        type: str
        default: node
      to:
        description:
          - An address, a pod or container of this node or V(node), written as in O(probes[].at), or a name such as
            that of a Service, which is resolved as a process at O(probes[].at) would resolve it.
          - Of V(dns) the name that is asked for. The O(probes[].type=PTR) of an address is asked for by the address.
        type: str
        required: true
      port:
        description:
          - Port. 80 for V(http), 443 for V(https) and 53 for V(dns) when it is not given; V(tcp) and V(udp) need one.
        type: int
      timeout:
        description: Seconds to wait for an answer. O(timeout) when it is not given.
        type: float
      type:
        description: Of V(dns), the type of record.
        type: str
        choices: [A, AAAA, CNAME, PTR, SRV]
      server:
        description: Of V(dns), the address of a name server. By default those of the C(resolv.conf) at O(probes[].at).
        type: str
      transport:
        description: Of V(dns), by which the question is sent. What does not fit into V(udp) is asked for again.
        type: str
        choices: [udp, tcp]
      path:
        description: Of V(http) and V(https), what is asked for; C(/) when it is not given.
        type: str
      headers:
        description:
          - Of V(http) and V(https), headers to send. The host of C(Host) is also the name for which V(https) wants a
            certificate (SNI); without it that is O(probes[].to), when that is a name.
        type: dict
  listeners:
    description: Where to wait for probes.
    type: list
    elements: dict
    default: []
    suboptions:
      id:
        description: What the listener is called in its answers and in the result.
        type: str
        required: true
      at:
        description: Where it waits, as O(probes[].at).
        type: str
        required: true
      protocol:
        description: What it speaks.
        type: str
        choices: [tcp, udp]
        default: tcp
      address:
        description: Address that it waits at. Any, of both families, when it is not given.
        type: str
      port:
        description: Port, V(0) for any that is free.
        type: int
        default: 0
  hold:
    description:
      - Seconds for which the listeners wait on after the task, in one process, so that other nodes can reach them.
      - V(0) ends them with the task.
    type: float
    default: 0
  collect:
    description: The token of listeners that O(hold) left. Ends them, and returns what they saw.
    type: str
  timeout:
    description: Seconds that a probe waits for an answer.
    type: float
    default: 2
  total_timeout:
    description: Seconds that all probes may take together. Those whose turn does not come have the outcome C(not-sent).
    type: float
    default: 60
  parallel:
    description: So many probes run at once.
    type: int
    default: 512
extends_documentation_fragment:
  - podnet.lab.attributes
attributes:
  check_mode:
    support: full
    details:
      - In check mode nothing is sent and nothing listens. The results say what would be sent.
  diff_mode:
    support: N/A
    details:
      - This module never changes a node.
  idempotent:
    support: full
    details:
      - This module never changes a node.
  platform:
    support: full
notes:
  - Needs root, because only root may enter a network namespace.
  - V(icmp) and V(path_mtu) are answered by the kernel of the receiver, and a firewall may drop echoes alone.
seealso:
  - module: podnet.lab.netns_facts
  - module: podnet.lab.verify_probe
"""

EXAMPLES = r"""
- name: Does pod1 reach pod2, and by which address is it seen
  podnet.lab.probe:
    listeners:
      - {id: pod2, at: default/pod2}
    probes:
      - {id: web, kind: http, at: default/pod1, to: 10.244.1.2}
      - {id: shop, kind: https, at: default/pod1, to: 10.89.0.241, headers: {Host: shop.example}}
      - {id: name, kind: dns, at: default/pod1, to: web.default}
      - {id: mtu, kind: path_mtu, at: default/pod1, to: 10.244.1.2}
  become: true
  register: seen

- name: Listen on one node
  podnet.lab.probe:
    listeners:
      - {id: pod2, at: default/pod2, port: 4000}
    hold: 60
  become: true
  register: held
  delegate_to: node2

- name: Send from the other
  podnet.lab.probe:
    probes:
      - {id: there, kind: tcp, at: default/pod1, to: 10.244.1.2, port: 4000}
  become: true
  register: sent

- name: End the listener, and see whom it saw
  podnet.lab.probe:
    collect: "{{ held.held.token }}"
  become: true
  delegate_to: node2
"""

RETURN = r"""
probes:
  description: One for each probe, in their order.
  returned: success
  type: list
  elements: dict
  sample:
    - id: there
      kind: tcp
      at: default/pod1
      to: 10.244.1.2
      address: 10.244.1.2
      port: 4000
      outcome: ok
      sent_from: {address: 10.244.0.2, port: 40112}
      seen_as: {address: 10.244.0.2, port: 40112}
      answered_by: pod2
      latency_ms: 0.211
      errno: null
      icmp: null
      detail: {connected: true}
  contains:
    id:
      description: What it was called.
      type: str
    kind:
      description: Its kind.
      type: str
    at:
      description: Where it started.
      type: str
    to:
      description: What was asked for.
      type: str
    address:
      description: The address that was really asked.
      type: str
    port:
      description: The port that was asked.
      type: int
    outcome:
      description:
        - C(ok), C(refused), C(reset), C(timeout), C(unreachable), C(prohibited), C(too-big), C(closed) (without an
          answer), C(no-tls) (connected, and the server refused or does not speak TLS), C(no-name), C(no-server) (no
          name server answered), C(not-sent) or C(error).
        - Of V(tcp), C(timeout) and C(closed) with C(connected) in C(detail) mean that a server is there, which waits
          for other words than this module's.
      type: str
    sent_from:
      description: C(address) and C(port) that the sender had.
      type: dict
    seen_as:
      description: C(address) and C(port) that the receiver saw, when it was a listener of this module.
      type: dict
    answered_by:
      description: Which listener answered.
      type: str
    latency_ms:
      description: Milliseconds to connect, or to an answer where nothing connects.
      type: float
    errno:
      description: Name of the error of the kernel, as in C(ECONNREFUSED).
      type: str
    icmp:
      description: C(type) and C(code) of the ICMP error behind it, and C(from) whom it came.
      type: dict
    detail:
      description:
        - C(connected), C(status), C(headers) and C(body) of a page, C(certificate) with the C(names) of the hosts and
          addresses that it is for, C(answer) of another server, C(records), C(server), C(name_asked), C(asked) and the
          C(resolv_conf) by which it was completed of a name, C(mtu) of a path, C(cause) of what could not be sent and
          of C(no-tls).
      type: dict
listeners:
  description: One for each listener.
  returned: success
  type: list
  elements: dict
  sample:
    - id: pod2
      at: default/pod2
      protocol: tcp
      address: "::"
      port: 4000
      error: null
      count: 1
      seen:
        - {peer: 10.244.0.2, peer_port: 40112, local: 10.244.1.2, local_port: 4000, nonce: 9f31c1d2a5b6e7f8}
  contains:
    id:
      description: What it was called.
      type: str
    at:
      description: Where it waits.
      type: str
    protocol:
      description: What it speaks.
      type: str
    address:
      description: Address that it waits at, C(::) for any.
      type: str
    port:
      description: Port, null when it could not be opened.
      type: int
    error:
      description: C(object), C(cause) and C(remedy) when it could not be opened.
      type: dict
    count:
      description: How many asked.
      type: int
    seen:
      description: Who asked, the first thousand.
      type: list
      elements: dict
held:
  description: Of listeners that wait on.
  returned: with O(hold)
  type: dict
  contains:
    token:
      description: What O(collect) takes.
      type: str
      sample: 0f6c1c8d3f6f4c0f9e0b7a7f6a1d2c3b
would_send:
  description: Number of probes that would be sent.
  returned: in check mode
  type: int
  sample: 3
"""

import os
from typing import Any, Dict

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.podnet.lab.plugins.module_utils._kernel.namespaces import Home, raise_descriptor_limit
from ansible_collections.podnet.lab.plugins.module_utils._probe.engine import Limits, run
from ansible_collections.podnet.lab.plugins.module_utils._probe.holding import collect, hold
from ansible_collections.podnet.lab.plugins.module_utils._probe.listening import not_opened, open_all
from ansible_collections.podnet.lab.plugins.module_utils._probe.places import Places
from ansible_collections.podnet.lab.plugins.module_utils._probe.records import (
    KINDS,
    ProbeError,
    listeners_from,
    probes_from,
    result_of,
)

PROBE: Dict[str, Dict[str, Any]] = {
    "id": {"type": "str", "required": True},
    "kind": {"type": "str", "required": True, "choices": list(KINDS)},
    "at": {"type": "str", "default": "node"},
    "to": {"type": "str", "required": True},
    "port": {"type": "int"},
    "timeout": {"type": "float"},
    "type": {"type": "str", "choices": ["A", "AAAA", "CNAME", "PTR", "SRV"]},
    "server": {"type": "str"},
    "transport": {"type": "str", "choices": ["udp", "tcp"]},
    "path": {"type": "str"},
    "headers": {"type": "dict"},
}
LISTENER: Dict[str, Dict[str, Any]] = {
    "id": {"type": "str", "required": True},
    "at": {"type": "str", "required": True},
    "protocol": {"type": "str", "choices": ["tcp", "udp"], "default": "tcp"},
    "address": {"type": "str"},
    "port": {"type": "int", "default": 0},
}


def main() -> None:
    """Open, send, and say what came of it."""
    module = AnsibleModule(
        argument_spec={
            "probes": {"type": "list", "elements": "dict", "default": [], "options": PROBE},
            "listeners": {"type": "list", "elements": "dict", "default": [], "options": LISTENER},
            "hold": {"type": "float", "default": 0},
            "collect": {"type": "str"},
            "timeout": {"type": "float", "default": 2},
            "total_timeout": {"type": "float", "default": 60},
            "parallel": {"type": "int", "default": 512},
        },
        supports_check_mode=True,
    )
    for name in ("timeout", "total_timeout", "parallel"):
        if module.params[name] <= 0:
            module.fail_json(msg="%s must be more than 0; it is %s." % (name, module.params[name]))
    if os.geteuid() != 0:
        module.fail_json(
            msg="Only root may enter the network namespace of a pod, and this is user %d. "
            "Run the task with become: true." % os.geteuid()
        )
    try:
        module.exit_json(changed=False, **_results(module.params, module.check_mode))
    except ProbeError as error:
        module.fail_json(msg="%s." % error)
    except OSError as error:
        module.fail_json(msg="The kernel refused what is needed to send probes: %s." % error)


def _results(params: Dict[str, Any], check_mode: bool) -> Dict[str, Any]:
    """Return the result of the module. Raises ProbeError and OSError."""
    probes, listeners = probes_from(params["probes"], params["timeout"]), listeners_from(params["listeners"])
    if check_mode:
        nothing = {"object": "check mode", "cause": "nothing listens in check mode", "remedy": "Run it without --check"}
        return {
            "probes": [result_of(one) for one in probes],
            "listeners": [not_opened(one, nothing) for one in listeners],
            "would_send": len(probes),
        }
    if params["collect"]:
        return {"probes": [], "listeners": collect(params["collect"])}
    raise_descriptor_limit(params["parallel"] + 4 * len(listeners) + 2 * len(probes) + 256)
    home = Home()
    places = Places(home)
    try:
        opened, lacking = open_all(places, listeners)
        found: Dict[str, Any] = {
            "probes": run(places, probes, Limits(params["parallel"], params["total_timeout"]), opened)
        }
        found["listeners"] = [one.state() for one in opened] + lacking
        if params["hold"] > 0 and opened:
            found["held"] = {"token": hold(opened, params["hold"])}
        for one in opened:
            one.sock.close()
        return found
    finally:
        places.close()
        home.close()


if __name__ == "__main__":
    main()
