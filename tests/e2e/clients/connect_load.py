# SPDX-License-Identifier: Apache-2.0
"""Connects, asks the echo server who it is and closes, on and on, until standard input closes. Every error counts.

usage: connect_load.py HOST:PORT THREADS [TIMEOUT]
"""
import collections
import socket
import sys
import threading
import time

from say import errno_of, say

stop = threading.Event()
lock = threading.Lock()
answered_by, failures = collections.Counter(), []


def work(host, port, timeout):
    while not stop.is_set():
        try:
            with socket.create_connection((host, port), timeout=timeout) as sock:
                sock.sendall(b"who")
                name = sock.recv(64).decode().strip()
            with lock:
                answered_by[name] += 1
        except OSError as error:
            with lock:
                failures.append({"errno": errno_of(error), "what": repr(error)})
        time.sleep(0.01)


def main(address, threads, timeout=5):
    host, port = address.rsplit(":", 1)
    workers = [threading.Thread(target=work, args=(host, int(port), float(timeout)), daemon=True) for _ in range(int(threads))]
    for worker in workers:
        worker.start()
    threading.Thread(target=lambda: (sys.stdin.read(), stop.set()), daemon=True).start()
    while not stop.wait(0.1):
        with lock:
            say("progress", answered_by=dict(answered_by), failures=failures)
    for worker in workers:
        worker.join()
    say("done", answered_by=dict(answered_by), failures=failures)


main(*sys.argv[1:])
