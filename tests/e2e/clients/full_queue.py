# SPDX-License-Identifier: Apache-2.0
"""A server whose queue of connections is full: it accepts none, and the kernel drops every SYN.

usage: full_queue.py ADDRESS PORT
"""
import socket
import sys
import time

from say import say


def is_taken(address):
    """Kept open: it fills the queue."""
    client = socket.socket()
    client.settimeout(0.2)
    kept.append(client)
    try:
        client.connect(address)
        return True
    except TimeoutError:
        return False


kept = []
server = socket.create_server((sys.argv[1], int(sys.argv[2])), backlog=0)
while is_taken(server.getsockname()):
    pass
say("listening")
time.sleep(3600)
