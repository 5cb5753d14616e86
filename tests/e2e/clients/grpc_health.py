# SPDX-License-Identifier: Apache-2.0
"""grpc_health.py ADDRESS:PORT [CERTIFICATE KEY]: python3-grpcio's server with the health service, written by hand as
Debian has no stubs for it. Standard input sets states: "SERVICE STATUS-NUMBER"; "" is the server as a whole."""
import json
import sys
from concurrent import futures

import grpc

SERVING = 1
states = {"": SERVING}


def check(request, context):
    """HealthCheckRequest and -Response have one field each."""
    service = request[2:].decode()
    if service not in states:
        context.abort(grpc.StatusCode.NOT_FOUND, f"no service {service}")
    return b"\x08" + bytes([states[service]])


def main(address, certificate=None, key=None):
    server = grpc.server(futures.ThreadPoolExecutor(4))
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(
        "grpc.health.v1.Health", {"Check": grpc.unary_unary_rpc_method_handler(check)}),))
    if certificate:
        pair = (open(key, "rb").read(), open(certificate, "rb").read())
        server.add_secure_port(address, grpc.ssl_server_credentials([pair]))
    else:
        server.add_insecure_port(address)
    server.start()
    print(json.dumps({"event": "listening"}), flush=True)
    for line in sys.stdin:
        service, status = line.rstrip("\n").split(" ")
        states[service] = int(status)
        print(json.dumps({"event": "set"}), flush=True)
    server.stop(None)


if __name__ == "__main__":
    main(*sys.argv[1:])
