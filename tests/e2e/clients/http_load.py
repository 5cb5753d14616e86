# SPDX-License-Identifier: Apache-2.0
"""A steady load of short requests, each on a connection of its own, until standard input closes.

A request is tried again only when it cannot have been served: connect() refused, or the connection
reset before the first byte (it was still in the queue of a listener that closed). Any other end is a failure.

usage: http_load.py HOST:PORT THREADS
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


def once(address):
    connection = http.client.HTTPConnection(address)
    try:
        connection.request("GET", "/who", headers={"Connection": "close"})
        response = connection.getresponse()
        return response.read().decode().strip() if response.status == 200 else f"status {response.status}"
    finally:
        connection.close()


def request(address, attempts=20):
    for attempt in range(attempts):
        try:
            return once(address)
        except (ConnectionRefusedError, ConnectionResetError, http.client.RemoteDisconnected) as error:
            if attempt == attempts - 1:
                raise
            with lock:
                retried[type(error).__name__] += 1
            time.sleep(0.01)


def work(address):
    global slowest
    while not stop.is_set():
        began = time.monotonic()
        try:
            host, failure = request(address), None
        except (OSError, http.client.HTTPException) as error:
            failure = {"errno": errno_of(error), "what": repr(error)}
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


def main(address, threads):
    for _ in range(threads):
        threading.Thread(target=work, args=(address,), daemon=True).start()
    threading.Thread(target=lambda: (sys.stdin.read(), stop.set()), daemon=True).start()
    while not stop.wait(0.1):
        report("progress")
    report("done")


main(sys.argv[1], int(sys.argv[2]))
