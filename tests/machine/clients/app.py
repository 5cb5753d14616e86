# SPDX-License-Identifier: Apache-2.0
"""app.py ADDRESS PORT LOG: connects, asks who answers, and appends the answer or the error's name, for ever."""
import errno
import socket
import sys
import time


def ask(address):
    try:
        with socket.create_connection(address, timeout=5) as sock:
            return sock.recv(64).decode() or "closed"
    except TimeoutError:
        return "ETIMEDOUT"
    except OSError as error:
        return errno.errorcode[error.errno]


host, port, log = sys.argv[1:]
while True:
    answer = ask((host, int(port)))
    with open(log, "a") as file:
        print(answer, file=file)
    time.sleep(0.02)
