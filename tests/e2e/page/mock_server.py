# SPDX-License-Identifier: Apache-2.0
"""A server that plays reseat for the status page: it says whatever a test wants it to say.

The page and the headers come as reseat sends them. Started by hand, it shows the scenes of edge_cases.py:
python3 tests/e2e/page/mock_server.py [PORT]
"""
import base64
import ctypes
import hashlib
import json
import os
import re
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

SOURCES = Path(__file__).parents[3] / "proxy/admin/page"


def page():
    """index.html with what it links to, as join.cmake makes it."""
    def linked(match):
        tag = "style" if match[1] else "script"
        return f"<{tag}>\n{(SOURCES / (match[1] or match[2])).read_text()}</{tag}>"
    return re.sub(r'<link rel="stylesheet" href="(\w+\.css)">|<script src="(\w+\.js)"></script>',
                  linked, (SOURCES / "index.html").read_text())




def policy(text):
    """What a browser may do with it, as reseat says: run the scripts that are in it, and ask this server."""
    scripts = re.findall(r"<script>(.*?)</script>", text, re.S)
    hashes = " ".join(f"'sha256-{base64.b64encode(hashlib.sha256(s.encode()).digest()).decode()}'" for s in scripts)
    return (f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; connect-src 'self'; img-src data:; "
            "base-uri 'none'; form-action 'none'; frame-ancestors 'none'")


_libc = ctypes.CDLL(None, use_errno=True)


def _enter(namespace):
    """Sockets that this thread makes from here on are in that network namespace."""
    CLONE_NEWNET = 0x40000000
    with open(f"/run/netns/{namespace}", "rb") as file:
        assert _libc.setns(file.fileno(), CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())


class MockServer:
    """with MockServer(("127.0.0.1", 0), status, events) as mock: ... mock.url"""

    def __init__(self, address, status, events=(), namespace=None):
        self.status, self.events, self.told = status, list(events), threading.Condition()
        self.requests = []
        self._address, self._namespace = address, namespace

    def start(self):
        mock = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                mock.answer(self)

            def log_message(self, *_):
                pass

        listening, self._stopping, self._server = threading.Event(), False, None

        def serve():
            try:
                if self._namespace:
                    _enter(self._namespace)
                self._server = ThreadingHTTPServer(self._address, Handler)
                self._server.daemon_threads = True
            finally:
                listening.set()
            self._server.serve_forever(poll_interval=0.05)

        threading.Thread(target=serve, daemon=True).start()
        listening.wait()
        assert self._server, f"no listener at {self._address}"
        self._address = self._server.server_address
        return self

    def stop(self):
        """Connections are refused and streams end from here on; start() comes back at the same address."""
        with self.told:
            self._stopping = True
            self.told.notify_all()
        self._server.shutdown()
        self._server.server_close()

    __enter__ = start

    def __exit__(self, *exception):
        self.stop()

    @property
    def url(self):
        return f"http://{self._address[0]}:{self._address[1]}/"

    def tell(self, **event):
        """A new event."""
        with self.told:
            self.events.append({"id": len(self.events) + 1, "service": None, "backend": None, "report": None, **event})
            self.told.notify_all()

    def answer(self, request):
        url = urlsplit(request.path)
        query = {key: values[0] for key, values in parse_qs(url.query).items()}
        self.requests.append(request.path)
        if url.path == "/":
            text = page()
            self._whole(request, "text/html; charset=utf-8", text.encode(), {"Content-Security-Policy": policy(text)})
        elif url.path == "/status":
            status = self.status() if callable(self.status) else self.status
            self._whole(request, "application/json", json.dumps(status).encode())
        elif url.path == "/events" and "follow" in query:
            self._stream(request, int(query.get("since", 0)))
        else:
            request.send_error(404)

    @staticmethod
    def _headers(request, kind, more):
        request.send_response(200)
        for name, value in {"Content-Type": kind, "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff",
                            **more}.items():
            request.send_header(name, value)
        request.end_headers()

    def _whole(self, request, kind, body, more={}):
        self._headers(request, kind, {"Content-Length": str(len(body)), "Connection": "close", **more})
        request.wfile.write(body)
        request.close_connection = True

    def _stream(self, request, since):
        self._headers(request, "application/x-ndjson", {"Transfer-Encoding": "chunked"})
        request.close_connection = True
        while True:
            with self.told:
                self.told.wait_for(lambda: self._stopping or any(e["id"] > since for e in self.events), timeout=60)
                fresh = [e for e in self.events if e["id"] > since]
                if self._stopping or not fresh:
                    break
                since = fresh[-1]["id"]
            lines = "".join(json.dumps(e) + "\n" for e in fresh).encode()
            try:
                request.wfile.write(f"{len(lines):x}\r\n".encode() + lines + b"\r\n")
                request.wfile.flush()
            except OSError:
                return
        request.wfile.write(b"0\r\n\r\n")


if __name__ == "__main__":
    from edge_cases import EVENTS, strange_status
    with MockServer(("127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 0), strange_status, EVENTS) as mock:
        print(mock.url, flush=True)
        threading.Event().wait()
