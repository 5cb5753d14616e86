# SPDX-License-Identifier: Apache-2.0
"""Takes every TCP connection and keeps it, without a word.

usage: hold_tcp.py ADDRESS PORT
"""
import resource
import socket
import sys

from say import say


def main(address, port):
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    server, held = socket.create_server((address, int(port)), backlog=1024), []
    say("listening")
    while True:
        held.append(server.accept()[0])


main(*sys.argv[1:])
