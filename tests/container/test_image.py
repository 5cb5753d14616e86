# SPDX-License-Identifier: Apache-2.0
"""The image holds what reseat needs, and nothing else."""
import json
import tarfile

import pytest

from engine import IMAGE

COMMAND = ["run", "--config", "/etc/reseat/reseat.yaml"]


def test_it_says_its_version_without_any_right(engine):
    done = engine.podman("run", "--rm", "--read-only", "--cap-drop=ALL", "--network=none", IMAGE, "version")
    assert "libbpf" in done.stdout


@pytest.mark.from_source
def test_the_test_stage_builds_and_passes_the_unit_tests(engine):
    assert "100% tests passed, 0 tests failed" in engine.build_stage("test")


def test_it_runs_reseat_as_root_by_default(engine):
    found = json.loads(engine.podman("image", "inspect", IMAGE).stdout)[0]["Config"]
    assert (found["Entrypoint"], found["Cmd"], found["User"]) == (["/usr/bin/reseat"], COMMAND, "0:0")


def test_it_has_no_shell_no_package_manager_and_nothing_that_is_set_user_id(engine):
    archive = engine.directory / "image.tar"
    engine.podman("create", "--name", "looked-at", IMAGE)
    engine.podman("export", "-o", archive, "looked-at")
    with tarfile.open(archive) as tar:
        members = tar.getmembers()
    programs = [m.name for m in members if m.isfile() and m.mode & 0o111 and ".so" not in m.name]
    assert programs == ["usr/bin/reseat"]
    assert [m.name for m in members if m.mode & 0o6000 or m.mode & 0o002 and m.isfile()] == []
    assert sum(m.size for m in members) < 48e6
