# SPDX-License-Identifier: Apache-2.0
"""Takes the screenshots of the status page in docs/: real hosts, clients and checks, and a host that vanishes.

usage: screenshots.py DIRECTORY       (as root, with RESEAT_BINARY set: ./dev screenshots)
"""
import os
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
import dnsmasq  # noqa: E402
from browser import Browser  # noqa: E402
from lab import HERE, PYTHON, Lab, now, wait_until  # noqa: E402
from nginx import start_nginx  # noqa: E402

PORT = 9901
CHECK = "interval: 1s, fast_interval: 250ms, timeout: 400ms, unhealthy_threshold: 3, healthy_threshold: 2"
MOST_BYTES = 150_000

CONFIGURATION = """
version: 1
pin: off
services:
  - name: postgres
    address: 10.96.0.10:5432
    health_check: {{type: tcp, {check}}}
    backends:
      - {{address: "{a}:5432", name: pg-1}}
      - {{address: "{b}:5432", name: pg-2, weight: 2}}
      - {{address: "{c}:5432", name: pg-3}}
      - {{address: "{d}:5432", name: pg-standby, priority: 1}}
  - name: checkout
    address: ["10.96.0.20:80"]
    lb_policy: least_conn
    health_check: {{type: http, http: {{path: /who}}, {check}}}
    backends:
      - {{address: "{a}:80", name: checkout-a}}
      - {{address: "{b}:80", name: checkout-b}}
      - {{address: "{c}:80", name: checkout-c, state: drain}}
      - {{address: "{d}:80", name: checkout-d}}
  - name: dns
    protocol: udp
    address: 10.96.0.53:53
    health_check: {{{dns_check}, {check}}}
    backends:
      - {{address: "{b}:53", name: node-local}}
      - {{address: "{c}:53", name: core-1, priority: 1}}
      - {{address: "{d}:53", name: core-2, priority: 1}}
policies:
  - {{name: no-external-dns, action: deny, to: [{{cidr: 0.0.0.0/0, except: [10.0.0.0/8], protocol: udp, ports: [53]}}]}}
"""

# The same letters wherever they are taken.
FAMILIES = {"system-ui": "Inter", "sans-serif": "Inter", "sans": "Inter", "monospace": "JetBrains Mono"}
FONTS = '<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig><include>/etc/fonts/fonts.conf</include>' + "".join(
    f'<match target="pattern"><test name="family"><string>{family}</string></test>'
    f'<edit name="family" mode="prepend" binding="strong"><string>{font}</string></edit></match>'
    for family, font in FAMILIES.items()) + "</fontconfig>"


def serve(lab):
    """Four hosts with three servers each, and a sidecar beside clients of all services."""
    for host in lab.hosts:
        host.spawn([PYTHON, HERE / "clients/echo_server.py", host.v4, 5432, host.name], "postgres").event("listening", within=10)
        start_nginx(lab, host)
        dnsmasq.start_dnsmasq(lab, host)
    text = CONFIGURATION.format(check=CHECK, dns_check=dnsmasq.CHECK, **{host.name: host.v4 for host in lab.hosts})
    cgroup = lab.cgroup("reseat-shop")
    os.chdir(lab.tmp)
    sidecar = lab.sidecar(text, cgroup, file=Path("shop.yaml"), write=lambda file, text: file.write_text(
        text.replace("}", f', address: "127.0.0.1:{PORT}"}}', 1)))
    targets = [f"db-{n}=10.96.0.10/5432" for n in range(24)]
    clients = lab.spawn([PYTHON, HERE / "clients/idle_tcp.py", *targets], "app", cgroup=cgroup)
    for target in targets:
        clients.event(target.split("=")[0], within=10)
    lab.spawn([PYTHON, HERE / "clients/http_load.py", "10.96.0.20:80", 6, "keep-alive"], "web", cgroup=cgroup, stdin=True)
    return cgroup, sidecar


def until(moment, lab, cgroup):
    """The application works until then."""
    def reached():
        dnsmasq.dig(lab, "10.96.0.53", cgroup)
        return now() > moment
    wait_until(reached, moment - now() + 20, "the end of the work")


def take(browser, directory, name, **look):
    browser.look(**look)
    browser.open(f"http://127.0.0.1:{PORT}/")
    browser.wait("document.querySelectorAll('.card').length === 3 && document.querySelectorAll('.events time').length", 10)
    seen = browser.evaluate("answeredAt")
    browser.wait(f"answeredAt > {seen} + 1500", 10)  # drawn again at this size
    file = directory / f"status-page-{name}.png"
    browser.screenshot(file)
    subprocess.run(["pngquant", "--force", "--speed", "1", "--strip", "--nofs", "--output", file, "64", file], check=True)
    size = file.stat().st_size
    print(f"{file}: {size} bytes")
    assert size < MOST_BYTES, f"{file} has {size} bytes"


def main(directory):
    directory = directory.resolve()
    with Lab("abcd") as lab, Browser(lab, {"FONTCONFIG_FILE": str(lab.write("fonts.conf", FONTS))}) as browser:
        cgroup, sidecar = serve(lab)
        begun = now()
        lab.run("dig", "@192.0.2.53", "+tries=1", "+time=1", "example.com", cgroup=cgroup, check=False)
        until(begun + 35, lab, cgroup)
        lab.a.vanish()
        for service, backend in (("postgres", "pg-1"), ("checkout", "checkout-a")):
            sidecar.wait_state(service, backend, "down", within=10)
        until(now() + 8, lab, cgroup)
        take(browser, directory, "light", width=1240, height=880, scale=1.5)
        take(browser, directory, "dark", width=1240, height=880, scale=1.5, scheme="dark")
        take(browser, directory, "phone", width=360, height=780, scale=2, phone=True)
        assert browser.complaints == [], browser.complaints


main(Path(sys.argv[1]))
