# SPDX-License-Identifier: Apache-2.0
"""As much of a Kubernetes API server as lists and watches EndpointSlices, and does on order what a real one cannot be
made to do. It is steered over a Unix socket by lines of JSON: kube_api.KubeApi is the other side.

usage: kube_api.py PORT CERTIFICATE KEY CONTROL-SOCKET
"""
import http.server
import json
import os
import re
import socket
import socketserver
import ssl
import sys
import threading
import time
import urllib.parse

from say import say

GROUP = re.compile(r"^/apis/discovery\.k8s\.io/(v1|v1beta1)/namespaces/([^/]+)/endpointslices$")


class State:
    """What there is, and how it is to be told."""

    def __init__(self):
        self.changed = threading.Condition()
        self.version = 100
        self.slices = {}  # (namespace, name) -> object
        self.log = []     # (version, namespace, type, object)
        self.oldest = 0   # what is older was compacted
        self.token = None
        self.versions = {"v1"}
        self.faults = []  # of the next requests: {"status": 429, ...}
        self.behaviour = {}
        self.requests = []
        self.cut = 0

    def put(self, namespace, name, service, endpoints, ports, address_type="IPv4", silent=False, **more):
        with self.changed:
            self.version += 1
            key = (namespace, name)
            kind = "MODIFIED" if key in self.slices else "ADDED"
            created = self.slices[key]["metadata"]["creationTimestamp"] if key in self.slices else "2026-11-22T15:00:00Z"
            self.slices[key] = {
                "kind": "EndpointSlice", "apiVersion": "discovery.k8s.io/v1",
                "metadata": {"name": name, "namespace": namespace, "resourceVersion": str(self.version),
                             "creationTimestamp": created, "labels": {"kubernetes.io/service-name": service}},
                "addressType": address_type, "endpoints": endpoints, "ports": ports, **more}
            self._note(namespace, kind, self.slices[key], silent)

    def delete(self, namespace, name, silent=False):
        with self.changed:
            self.version += 1
            gone = self.slices.pop((namespace, name))
            gone["metadata"]["resourceVersion"] = str(self.version)
            self._note(namespace, "DELETED", gone, silent)  # with its last endpoints in it, as a real one

    def _note(self, namespace, kind, slice_, silent):
        if not silent:
            self.log.append((self.version, namespace, kind, json.loads(json.dumps(slice_))))
        self.changed.notify_all()


STATE = State()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def reply(self, status, body, headers=()):
        text = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(text)

    def refuse(self, code, message, reason="", retry_after=None):
        details = {"retryAfterSeconds": retry_after} if retry_after else {}
        headers = [("Retry-After", str(retry_after))] if retry_after else []
        self.reply(code, {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason,
                          "message": message, "details": details}, headers)

    def do_GET(self):
        where = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(where.query))
        with STATE.changed:
            STATE.requests.append({"path": where.path, "query": query, "at": time.monotonic(),
                                   "authorization": self.headers.get("Authorization")})
            fault = STATE.faults.pop(0) if STATE.faults else STATE.behaviour.get("always")
            token, versions = STATE.token, set(STATE.versions)
        if fault:
            return self.misbehave(fault)
        sent = self.headers.get("Authorization")
        if token and sent is None:
            return self.refuse(403, 'endpointslices.discovery.k8s.io is forbidden: User "system:anonymous" cannot list',
                               "Forbidden")
        if token and sent != f"Bearer {token}":
            return self.refuse(401, "Unauthorized", "Unauthorized")
        found = GROUP.match(where.path)
        if not found or found[1] not in versions:
            return self.refuse(404, "the server could not find the requested resource", "NotFound")
        wanted = re.search(r"\(([^)]*)\)", query.get("labelSelector", ""))
        names = set(wanted[1].split(",")) if wanted else None
        if query.get("watch"):
            return self.watch(found[2], names, int(query["resourceVersion"]), float(query["timeoutSeconds"]))
        return self.list(found[2], names, query)

    def misbehave(self, fault):
        if "sleep" in fault:
            time.sleep(fault["sleep"])
        if fault.get("html"):
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", "22")
            self.end_headers()
            return self.wfile.write(b"<html>nothing</html>\n\n")
        if fault.get("close"):
            return self.connection.close()
        self.refuse(fault["status"], fault.get("message", ""), fault.get("reason", ""), fault.get("retry_after"))

    def list(self, namespace, names, query):
        with STATE.changed:
            asked = int(query.get("resourceVersion") or 0)
            if asked > STATE.version:
                return self.refuse(504, f"Too large resource version: {asked}, current: {STATE.version}", "Timeout", 1)
            items = [s for (where, _), s in STATE.slices.items() if where == namespace and matches(s, names)]
            body = {"kind": "EndpointSliceList", "apiVersion": "discovery.k8s.io/v1",
                    "metadata": {"resourceVersion": str(STATE.version)}, "items": items}
        self.reply(200, body)

    def watch(self, namespace, names, version, seconds):
        with STATE.changed:
            if version > STATE.version:
                return self.refuse(504, f"Too large resource version: {version}, current: {STATE.version}", "Timeout", 1)
            if version < STATE.oldest and STATE.behaviour.get("gone") == "head":
                return self.refuse(410, "too old resource version", "Expired")
            cut = STATE.cut
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        end = time.monotonic() + seconds
        if version < STATE.oldest:
            self.line({"type": "ERROR", "object": {"kind": "Status", "code": 410, "reason": "Expired",
                                                   "message": "too old resource version"}})
            return self.end()
        while time.monotonic() < end:
            with STATE.changed:
                news = [entry for entry in STATE.log if entry[0] > version and entry[1] == namespace]
                if not news:
                    STATE.changed.wait(0.2)
                if STATE.cut != cut:
                    half = STATE.behaviour.get("half")
                    if half:
                        self.chunk(half.encode())
                    self.close_connection = True
                    return self.connection.shutdown(socket.SHUT_RDWR)
                if STATE.behaviour.get("hang"):
                    news = []
            for number, _, kind, slice_ in news:
                version = number
                if matches(slice_, names):
                    self.line({"type": kind, "object": slice_})
        self.end()

    def line(self, event):
        self.chunk(json.dumps(event).encode() + b"\n")

    def chunk(self, data):
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.flush()

    def end(self):
        self.wfile.write(b"0\r\n\r\n")
        self.close_connection = True


def matches(slice_, names):
    return names is None or slice_["metadata"]["labels"]["kubernetes.io/service-name"] in names


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    def handle_error(self, request, client_address):
        pass  # a client that went


def obey(order):
    what = order.pop("do")
    with STATE.changed:
        if what == "requests":
            return STATE.requests
        if what == "set":
            for name, value in order.items():
                setattr(STATE, name, set(value) if name == "versions" else value)
        elif what == "compact":
            STATE.oldest = STATE.version
            STATE.log.clear()
            STATE.cut += 1
        elif what == "cut":
            STATE.cut += 1
        elif what == "raise":
            STATE.version += order["by"]
        STATE.changed.notify_all()
    if what == "put":
        STATE.put(**order)
    if what == "delete":
        STATE.delete(**order)
    return None


def steer(control):
    while True:
        connection, _ = control.accept()
        threading.Thread(target=serve_orders, args=(connection,), daemon=True).start()


def serve_orders(connection):
    with connection, connection.makefile("rw") as file:
        for line in file:
            file.write(json.dumps(obey(json.loads(line))) + "\n")
            file.flush()


def main(port, certificate, key, control):
    if os.path.exists(control):
        os.unlink(control)
    orders = socket.socket(socket.AF_UNIX)
    orders.bind(control)
    orders.listen()
    server = Server(("127.0.0.1", int(port)), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=steer, args=(orders,), daemon=True).start()
    say("listening", port=server.server_address[1])
    server.serve_forever()


main(*sys.argv[1:])
