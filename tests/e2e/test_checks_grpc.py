# SPDX-License-Identifier: Apache-2.0
"""The standard gRPC health protocol against python3-grpcio's server, plain and over TLS."""
import json

from certificates import Authority
from commands import attempt
from lab import BOUND, HERE, PYTHON, backends, config, service

SERVICE, PORT = "10.96.0.30:50051", 50051
SERVING, NOT_SERVING = 1, 2


def start_health(lab, *credentials):
    """A health server on each host. {host name: process}"""
    servers = {host.name: host.spawn([PYTHON, HERE / "clients/grpc_health.py", host.at(PORT), *credentials],
                                     "grpc", stdin=True) for host in lab.hosts}
    for server in servers.values():
        server.prints("listening", within=20)
    return servers


def check_once(lab, check):
    file = lab.write("check.yaml", config(service("orders", SERVICE, backends(lab, PORT), check=check)))
    return json.loads(attempt(lab, "check", file, "-o", "json").out)


def test_serving_passes_and_everything_else_says_what_came(lab):
    servers = start_health(lab)
    sidecar = lab.sidecar(config(service("orders", SERVICE, backends(lab, PORT),
                                         check="type: grpc, grpc: {service: ''}")), lab.cgroup())
    assert sidecar.states("orders") == {"a": "up", "b": "up"}
    assert sidecar.backend("orders", "a")["check"]["detail"] == "Health/Check: SERVING"
    servers["a"].tell(f" {NOT_SERVING}")
    sidecar.logs(r"orders/a is DOWN: Health/Check: NOT_SERVING, in \d+\.\d ms \(", within=BOUND)
    assert sidecar.backend("orders", "a")["check"]["result"] == "bad_answer"
    servers["a"].tell(f" {SERVING}")
    sidecar.wait_state("orders", "a", "up")
    unknown = check_once(lab, "type: grpc, grpc: {service: nobody}")
    assert {row["detail"] for row in unknown} == {
        "Health/Check nobody: gRPC status 5 NOT_FOUND: no service nobody"}


def test_over_tls_with_alpn(lab):
    authority = Authority(lab.tmp / "authority")
    start_health(lab, *authority.issue("orders", "DNS:orders.test"))
    tls = f"tls: {{server_name: orders.test, ca_file: {authority.certificate}}}"
    good = check_once(lab, f"type: grpc, grpc: {{tls: true}}, {tls}")
    assert {row["detail"] for row in good} == {"Health/Check: SERVING"}
    plain = check_once(lab, "type: grpc")
    assert all(row["result"] == "bad_answer" for row in plain), plain
    stranger = check_once(lab, "type: grpc, grpc: {tls: true}, tls: {server_name: orders.test}")
    assert all("the certificate is not accepted" in row["detail"] for row in stranger)
