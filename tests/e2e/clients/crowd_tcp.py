# SPDX-License-Identifier: Apache-2.0
"""Very many idle TCP connections at once; tells when all are open, and each time that some have broken.

usage: crowd_tcp.py ADDRESS PORT COUNT
"""
import collections
import resource
import select
import socket
import sys

from say import errno_of, say


def main(address, port, count):
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    watched, open_ones, broken = select.epoll(), {}, collections.Counter()
    for _ in range(int(count)):
        sock = socket.create_connection((address, int(port)))
        watched.register(sock, select.EPOLLIN | select.EPOLLRDHUP)
        open_ones[sock.fileno()] = sock
    say("open", count=len(open_ones))
    while open_ones:
        for fd, _ in watched.poll():
            sock = open_ones.pop(fd)
            try:
                broken["data" if sock.recv(1) else "closed"] += 1
            except OSError as error:
                broken[errno_of(error)] += 1
            sock.close()
        say("broken", by=dict(broken), left=len(open_ones))


main(*sys.argv[1:])
