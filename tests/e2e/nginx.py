# SPDX-License-Identifier: Apache-2.0
"""nginx as a backend's server: /who names it, /slow takes seconds."""
from waiting import wait_until

SLOW_SIZE, SLOW_RATE = 48 * 1024, 16 * 1024

CONFIG = """
user root;
daemon off;
worker_processes 1;
pid {d}/nginx.pid;
error_log {d}/error.log info;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {d}/body; proxy_temp_path {d}/proxy; fastcgi_temp_path {d}/fastcgi;
    uwsgi_temp_path {d}/uwsgi; scgi_temp_path {d}/scgi;
    keepalive_timeout 600s;
    server {{
        listen {address}:80; {extra}
        root {d};
        add_header X-Host {name};
        location = /who {{ return 200 "{name}\\n"; }}
        location = /slow {{ limit_rate {rate}; }}
    }}
}}
"""


def start_nginx(lab, host, name=None, extra=None):
    """One nginx on `host`, answering as `name` (default: the host's) at a further address `extra`, returned once it
    answers."""
    name = name or host.name
    directory = host.directory / f"nginx-{name}"
    directory.mkdir(exist_ok=True)
    (directory / "slow").write_bytes(b"." * SLOW_SIZE)
    file = directory / "nginx.conf"
    file.write_text(CONFIG.format(d=directory, address=host.v4, name=name, rate=SLOW_RATE,
                                  extra=f"listen {extra}:80;" if extra else ""))
    server = host.spawn(["nginx", "-c", file, "-e", directory / "error.log"])
    answer = ["curl", "-sf", f"http://{host.v4}/who"]
    wait_until(lambda: lab.run(*answer, check=False).stdout.strip() == name, 10, server.describe)
    return server
