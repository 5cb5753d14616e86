# SPDX-License-Identifier: Apache-2.0
"""What is installed beside the program: completion in a real bash, and the manual pages."""
import os
import shlex
import subprocess
from pathlib import Path

import pytest

from lab import ECHO_PORT, config, reseat_binary, run, service
from waiting import now

ROOT = Path(__file__).parents[2]
MANUAL = Path(reseat_binary()).parent / "proxy/manual"


def complete(line, env=None):
    """What bash proposes for `line`, with the cursor at its end."""
    script = f"""
        source {shlex.quote(str(ROOT / "proxy/manual/reseat.bash"))}
        compopt() {{ :; }}   # only bash itself may call it for real
        COMP_LINE={shlex.quote(line)} COMP_POINT={len(line)}
        _reseat && printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    path = f"{Path(reseat_binary()).parent}:{os.environ['PATH']}"
    done = subprocess.run(["bash", "--norc", "-c", script], capture_output=True, text=True, timeout=10, stdin=subprocess.DEVNULL,
                          env={**os.environ, "PATH": path, **(env or {})}, cwd=ROOT)
    assert done.stderr == "", done.stderr
    return done.stdout.split()


def test_bash_completes_commands_flags_words_and_files():
    assert complete("reseat val") == ["validate"]
    assert set(complete("reseat status --")) >= {"--watch", "--output", "--instance", "--admin"}
    assert complete("reseat status -o j") == ["json"]
    assert complete("reseat status --output=j") == ["json"], "bash keeps what stands before the sign"
    assert complete("reseat run --config READ") == ["README.md"]
    assert complete("reseat run --config=READ") == ["README.md"]
    assert "docs" in complete("reseat validate d")
    assert "bash" in complete("reseat exec --config x -- ba")
    assert complete("reseat nosuch ") == []


def test_bash_completes_services_and_backends_of_what_runs(lab, echo):
    sidecar = lab.sidecar(config(service("echo", "10.96.0.7:7", {"a": lab.a.at(ECHO_PORT), "127.0.0.1:1": lab.b.at(ECHO_PORT)})),
                          lab.cgroup())
    env = {"RESEAT_ADMIN": str(sidecar.admin)}
    assert complete("reseat explain e", env) == ["echo"]
    assert complete("reseat drain ", env) == ["echo/"]
    assert complete("reseat drain echo/a", env) == ["echo/a"]
    assert complete("reseat drain --wait echo/127.0.0.1:", env) == ["1"], "bash keeps what stands before the colon"
    assert complete(f"reseat sockets --admin {sidecar.admin} e") == ["echo"]


def test_completion_neither_hangs_nor_complains_when_nobody_answers(lab, tmp_path):
    assert complete("reseat drain ", {"RESEAT_ADMIN": str(tmp_path / "nosuch.sock")}) == []
    silent = lab.sidecar(config(service("echo", "10.96.0.7:7", {"a": lab.a.at(ECHO_PORT), "b": lab.b.at(ECHO_PORT)})), lab.cgroup())
    silent.send_signal(19)  # SIGSTOP
    began = now()
    assert complete("reseat drain ", {"RESEAT_ADMIN": str(silent.admin)}) == []
    assert now() - began < 3
    silent.send_signal(18)  # SIGCONT


@pytest.mark.parametrize("page", ["reseat.1", "reseat.yaml.5"])
def test_the_manual_pages_render_without_a_warning(page):
    done = run("man", "--warnings=mac,el,font,syntax,char,reg,number,escape,space,missing,input,delim,scale,range,di", "-l",
               MANUAL / page, env={**os.environ, "LC_ALL": "C.UTF-8", "MANWIDTH": "80", "PAGER": "cat"})
    assert done.stderr == "", done.stderr
    assert "NAME" in done.stdout.upper() and len(done.stdout.splitlines()) > 200
    name = run("lexgrog", MANUAL / page).stdout
    assert "unparseable" not in name, name
