# SPDX-License-Identifier: Apache-2.0
"""`reseat exec` is a wrapper: whoever starts it must see the command, and afterwards nothing at all."""
import os
import re
import signal

import pytest

from commands import EXEC_FAILED, assert_nothing_left, echoes
from lab import HERE, PYTHON, cgroup2_mount, reseat_binary, wait_until


def behind(lab, argv, **options):
    return lab.spawn_behind(echoes(lab), argv, **options)


@pytest.mark.parametrize("command, status", [
    (["true"], 0), (["sh", "-c", "exit 7"], 7), (["sh", "-c", "exit 125"], 125),
    (["sh", "-c", "kill -TERM $$"], 128 + signal.SIGTERM), (["sh", "-c", "kill -KILL $$"], 128 + signal.SIGKILL),
    (["/no/such/command"], 127), (["no-such-command-in-path"], 127), (["/"], 126), (["/etc/passwd"], 126),
], ids=lambda value: " ".join(value) if isinstance(value, list) else str(value))
def test_the_exit_status_is_the_commands_own(lab, echo, command, status):
    done = behind(lab, command)
    assert done.exits() == status, done.describe()
    assert_nothing_left(done.pid)


def test_arguments_input_and_output_pass_through_untouched(lab, echo):
    show = behind(lab, ["printf", "%s|", "--help", "a b", "", "-o", "--", "$HOME"], label="show")
    assert show.exits() == 0
    assert show.out == "--help|a b||-o|--|$HOME|"
    cat = behind(lab, ["cat"], label="cat", stdin=True)
    cat.tell("one line")
    cat.prints("one line\n", within=10)
    cat.hang_up()
    assert cat.exits() == 0
    assert cat.out == "one line\n"


def test_of_open_files_the_command_gets_its_own_and_none_of_ours(lab, echo):
    """A listening socket of ours in its hands would look like an instance that lives, and answer for it."""
    show = ("import os\nfor n in range(3, 100):\n"
            " if os.path.exists(f'/proc/self/fd/{n}'): print(n, os.readlink(f'/proc/self/fd/{n}'))")
    done = lab.run("sh", "-c", 'exec 7</dev/zero 9</dev/full; exec "$@"', "sh", reseat_binary(), "exec", "--config",
                   lab.write("reseat.yaml", echoes(lab)), "--", PYTHON, "-c", show)
    assert done.stdout.splitlines() == ["7 /dev/zero", "9 /dev/full"]


def test_the_command_runs_in_a_cgroup_of_its_own_that_is_gone_afterwards(lab, echo):
    done = behind(lab, ["cat", "/proc/self/cgroup"])
    assert done.exits() == 0, done.describe()
    path = re.search(r"^0::/(\S*reseat\S*)$", done.out, re.M)[1]
    assert not (cgroup2_mount() / path).exists()
    assert_nothing_left(done.pid)


def test_signals_reach_the_command_and_it_decides_how_to_end(lab, echo):
    client = behind(lab, [PYTHON, HERE / "clients/signals.py"])
    client.event("waiting", within=10)
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGQUIT):
        client.send_signal(number)
        client.event(number.name, within=5)
    client.send_signal(signal.SIGTERM)
    assert client.exits() == 42, client.describe()
    assert_nothing_left(client.pid)


def test_what_the_command_left_running_is_ended(lab, echo):
    done = behind(lab, ["sh", "-c", "sleep 1000 >/dev/null 2>&1 & echo $!"])
    assert done.exits() == 0, done.describe()
    pid = int(done.out)
    wait_until(lambda: not os.path.exists(f"/proc/{pid}"), 5, f"the end of {pid}")
    assert_nothing_left(done.pid)


def test_nothing_is_run_when_reseat_cannot_balance(lab):
    done = lab.spawn_behind("version: 1\nservices: [{name: x}]\n", ["echo", "it ran"])
    assert done.exits() == EXEC_FAILED, done.describe()
    assert done.out == ""
    assert_nothing_left(done.pid)
