# SPDX-License-Identifier: Apache-2.0
"""nginx checked over HTTP and HTTPS: what is verified, what a verdict says, what a reload does."""
import json

import pytest

from certificates import Authority
from commands import FAILED, INVALID, attempt
from lab import BOUND, backends, config, service, wait_until
from names import Files

SERVICE = "10.96.0.20:443"

NGINX = """
user root; daemon off; worker_processes 1; pid {d}/nginx.pid; error_log {d}/error.log info;
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_body_temp_path {d}/body; proxy_temp_path {d}/proxy; fastcgi_temp_path {d}/fastcgi;
    uwsgi_temp_path {d}/uwsgi; scgi_temp_path {d}/scgi;
    server {{
        listen {address}:443 ssl;
        listen {address}:80;
        ssl_certificate {certificate}; ssl_certificate_key {key};
        {more}
        location = /ready {{ return 200 "all well\\n"; }}
        location / {{ return 503; }}
    }}
    {other}
}}
"""


@pytest.fixture
def authority(lab):
    return Authority(lab.tmp / "authority")


def start_nginx(host, authority, alternatives, more="", other=""):
    certificate, key = authority.issue(host.name, alternatives)
    directory = host.directory / "nginx"
    directory.mkdir()
    file = directory / "nginx.conf"
    file.write_text(NGINX.format(d=directory, address=host.v4, certificate=certificate, key=key, more=more,
                                 other=other))
    return host.spawn(["nginx", "-c", file, "-e", directory / "error.log"])


def start_both(lab, authority, alternatives="DNS:web.test,IP:{address}", more=""):
    for host in lab.hosts:
        start_nginx(host, authority, alternatives.format(address=host.v4), more)
    for host in lab.hosts:
        wait_until(lambda: lab.run("curl", "-sf", f"http://{host.v4}/ready", check=False).stdout, 10, "nginx")


def https(authority, tls, http="path: /ready", port=443):
    trust = f"ca_file: {authority.certificate}, " if authority else ""
    return f"type: http, port: {port}, http: {{{http}, tls: true}}, tls: {{{trust}{tls}}}"


def check_once(lab, check):
    """{backend: row} of `reseat check -o json`."""
    file = lab.write("check.yaml", config(service("web", SERVICE, backends(lab, 443), check=check)))
    done = attempt(lab, "check", file, "-o", "json")
    return {row["backend"]: row for row in json.loads(done.out)}


def test_https_verifies_name_address_and_authority(lab, authority):
    start_both(lab, authority)
    for tls in ("server_name: web.test", "server_name: ''"):
        for row in check_once(lab, https(authority, tls)).values():
            assert (row["result"], row["detail"]) == ("passed", "GET /ready: HTTP 200"), row
    wrong = {
        https(authority, "server_name: other.test"): "hostname mismatch, expected other.test",
        https(None, "server_name: web.test"): "unable to get local issuer certificate",
        https(authority, "server_name: web.test", http="path: /"): "HTTP 503, expected 200-399",
        https(authority, "server_name: web.test", port=80): "TLS: wrong version number",
    }
    for check, words in wrong.items():
        for row in check_once(lab, check).values():
            assert row["result"] == "bad_answer" and words in row["detail"], row
            assert row["latency_us"] > 0
    assert all(row["result"] == "passed"
               for row in check_once(lab, https(None, "insecure_skip_verify: true")).values())


def test_named_backends_are_asked_for_by_their_name_over_https_and_tls(lab, authority):
    """The certificate has the name alone, and nginx gives another one to whoever asks without SNI."""
    stranger = authority.issue("stranger", "DNS:stranger.test")
    other = "server {{ listen {address}:443 ssl default_server; ssl_certificate {0}; ssl_certificate_key {1}; return 404; }}"
    for host in lab.hosts:
        start_nginx(host, authority, "DNS:web.internal", f"server_name web.internal; if ($host != web.internal) "
                    "{ return 421; }", other.format(*stranger, address=host.v4))
    for host in lab.hosts:
        wait_until(lambda: lab.run("curl", "-sf", "-H", "Host: web.internal", f"http://{host.v4}/ready", check=False).stdout,
                   10, "nginx")
    files = Files(lab, "10.98.0.11", hosts=f"{lab.a.v4} web.internal\n{lab.b.v4} web.internal\n")
    trust = f"tls: {{ca_file: {authority.certificate}}}"

    def check(check, *entries):
        text = config(service("web", SERVICE, {}, check=check) + "".join(f"      - {entry}\n" for entry in entries))
        done = attempt(lab, "check", lab.write("named.yaml", text), "-o", "json", wrapper=files.wrapper())
        return [(row["result"], row["detail"]) for row in json.loads(done.out)]
    https_check = f"type: http, http: {{path: /ready, tls: true}}, {trust}"
    assert check(https_check, "web.internal:443") == 2 * [("passed", "GET /ready: HTTP 200")]
    assert check(f"tcp: {{tls: true}}, {trust}", "web.internal:443") == 2 * [("passed", "connected over TLS")]
    assert check("type: http, http: {path: /ready}", "web.internal:80") == 2 * [("passed", "GET /ready: HTTP 200")]
    named, nameless = check(https_check, f"{{address: {lab.a.v4}:443, health_check: {{host: web.internal}}}}",
                            f"{lab.b.v4}:443")
    assert named == ("passed", "GET /ready: HTTP 200")
    assert nameless[0] == "bad_answer" and "IP address mismatch" in nameless[1]


def test_a_client_certificate_opens_a_server_that_asks_for_one(lab, authority):
    start_both(lab, authority, more=f"ssl_client_certificate {authority.certificate}; ssl_verify_client on;")
    for row in check_once(lab, https(authority, "server_name: web.test")).values():
        assert "HTTP 400" in row["detail"], row
    certificate, key = authority.issue("reseat", "DNS:reseat.test")
    own = f"server_name: web.test, cert_file: {certificate}, key_file: {key}"
    assert all(row["result"] == "passed" for row in check_once(lab, https(authority, own)).values())


def test_a_verdict_over_https_says_what_came_and_a_bad_reload_changes_nothing(lab, authority):
    start_both(lab, authority)
    cgroup = lab.cgroup()

    def whole(check):
        return config(service("web", SERVICE, backends(lab, 443), check=check))
    sidecar = lab.sidecar(whole(https(authority, "server_name: web.test")), cgroup)
    assert sidecar.states("web") == {"a": "up", "b": "up"}
    before = sidecar.status()["config"]["sha256"]
    sidecar.configure(whole(https(authority, "cert_file: /nonexistent/a.pem, key_file: /nonexistent/b.pem")))
    sidecar.logs(r"cert_file: '/nonexistent/a.pem' cannot be opened: No such file or directory; check the path")
    assert sidecar.status()["config"]["sha256"] == before
    assert sidecar.states("web") == {"a": "up", "b": "up"}
    sidecar.configure(whole(https(authority, "server_name: other.test")))
    sidecar.logs(r"web/a is DOWN: GET /ready: TLS: the certificate is not accepted: hostname mismatch, "
                 r"expected other\.test, in \d+\.\d ms", within=BOUND + 2)


def test_validate_tells_a_missing_file_with_its_place(lab, authority):
    text = config(service("web", SERVICE, backends(lab, 443), check=https(None, "ca_file: /nonexistent.pem")))
    done = attempt(lab, "validate", lab.write("missing.yaml", text))
    assert done.popen.returncode == INVALID
    assert "ca_file: '/nonexistent.pem' cannot be opened" in done.err and "missing.yaml:" in done.err


def test_plain_http_over_the_same_servers(lab, authority):
    start_both(lab, authority)
    good = check_once(lab, "type: http, port: 80, http: {path: /ready, expect_body: 'all well'}")
    assert all(row["detail"] == "GET /ready: HTTP 200, body as expected" for row in good.values())
    file = lab.write("bad.yaml", config(service("web", SERVICE, backends(lab, 443),
                                                check="type: http, port: 80, http: {path: /sick}")))
    done = attempt(lab, "check", file)
    assert done.popen.returncode == FAILED
    assert "GET /sick: HTTP 503, expected 200-399" in " ".join(done.out.split())
