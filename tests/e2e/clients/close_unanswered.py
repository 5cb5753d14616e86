# SPDX-License-Identifier: Apache-2.0
"""A server that reads one request of each connection and closes it without an answer.

usage: close_unanswered.py ADDRESS PORT
"""
import socket
import sys
import threading

from say import say


def close_after_request(peer):
    with peer:
        peer.recv(4096)


def main(address, port):
    server = socket.create_server((address, int(port)), backlog=128)
    say("listening")
    while True:
        peer, _ = server.accept()
        threading.Thread(target=close_after_request, args=(peer,), daemon=True).start()


main(*sys.argv[1:])
