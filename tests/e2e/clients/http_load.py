# SPDX-License-Identifier: Apache-2.0
"""A steady load of short requests until standard input closes, each on a connection of its own or, with
`keep-alive`, on one connection per thread for as long as the server keeps it.

A request is tried again only when it cannot have been served: connect() refused, or the connection ended before
the first byte (it was still in the queue of a listener that closed, or the server ended an idle connection). Any
other end is a failure.

usage: http_load.py HOST:PORT THREADS [keep-alive]
"""
import collections
import http.client
import sys
import threading
import time

from say import errno_of, say

stop = threading.Event()
lock = threading.Lock()
answered_by, failures, retried = collections.Counter(), [], collections.Counter()
slowest = 0.0


class Client:
    """One thread's HTTP client."""

    def __init__(self, address, keep_alive):
        self.connection, self.keep_alive = http.client.HTTPConnection(address), keep_alive

    def once(self):
        self.connection.request("GET", "/who", headers={} if self.keep_alive else {"Connection": "close"})
        response = self.connection.getresponse()
        return response.read().decode().strip() if response.status == 200 else f"status {response.status}"

    def request(self, attempts=20):
        for attempt in range(attempts):
            try:
                return self.once()
            except (ConnectionRefusedError, ConnectionResetError, BrokenPipeError,
                    http.client.RemoteDisconnected) as error:
                self.connection.close()
                if attempt == attempts - 1:
                    raise
                with lock:
                    retried[type(error).__name__] += 1
                time.sleep(0.01)


def work(address, keep_alive):
    global slowest
    client = Client(address, keep_alive)
    while not stop.is_set():
        began = time.monotonic()
        try:
            host, failure = client.request(), None
        except (OSError, http.client.HTTPException) as error:
            failure = {"errno": errno_of(error), "what": repr(error)}
            client.connection.close()
        took = time.monotonic() - began
        with lock:
            slowest = max(slowest, took)
            if failure:
                failures.append({**failure, "took": took})
            else:
                answered_by[host] += 1
        time.sleep(0.005)


def report(event):
    with lock:
        say(event, answered_by=dict(answered_by), failures=failures, retried=dict(retried), slowest=slowest)


def main(address, threads, keep_alive):
    for _ in range(threads):
        threading.Thread(target=work, args=(address, keep_alive), daemon=True).start()
    threading.Thread(target=lambda: (sys.stdin.read(), stop.set()), daemon=True).start()
    while not stop.wait(0.1):
        report("progress")
    report("done")


main(sys.argv[1], int(sys.argv[2]), "keep-alive" in sys.argv[3:])
