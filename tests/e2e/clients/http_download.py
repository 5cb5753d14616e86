# SPDX-License-Identifier: Apache-2.0
"""Reads a slow response; when it breaks off, asks again on a new connection at once.

usage: http_download.py HOST:PORT
"""
import http.client
import sys

from say import errno_of, say


def main(address):
    download = http.client.HTTPConnection(address)
    download.request("GET", "/slow")
    response = download.getresponse()
    say("downloading", host=response.getheader("X-Host"), peer=list(download.sock.getpeername()))
    try:
        while response.read(1024):
            pass
        say("done")
    except OSError as error:
        say("broken", errno=errno_of(error))
    again = http.client.HTTPConnection(address)
    again.request("GET", "/who")
    say("asked again", host=again.getresponse().read().decode().strip())


main(sys.argv[1])
