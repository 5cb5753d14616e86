# SPDX-License-Identifier: Apache-2.0
"""backend.py ADDRESS PORT NAME: tells everybody its name."""
import socket
import sys

address, port, name = sys.argv[1:]
server = socket.create_server((address, int(port)))
while True:
    try:
        with server.accept()[0] as connection:
            connection.sendall(name.encode())
    except OSError:
        pass  # a probe that is gone already
