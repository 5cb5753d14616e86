# SPDX-License-Identifier: Apache-2.0
"""Sends a counter every 20 ms for ever on one connected UDP socket, and never reads: fire and forget.

usage: statsd_sender.py HOST:PORT
"""
import itertools
import socket
import sys
import time

from say import errno_of, peer_of, say


def main(address):
    host, port = address.split(":")
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.connect((host, int(port)))
    say("started", port=udp.getsockname()[1])
    for number in itertools.count(1):
        try:
            udp.send(f"deploys.{number}:1|c".encode())
        except OSError as error:
            say("error", errno=errno_of(error), number=number)
        if number % 25 == 0:
            say("sent", number=number, peer=peer_of(udp), port=udp.getsockname()[1])
        time.sleep(0.02)


main(sys.argv[1])
