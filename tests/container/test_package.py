# SPDX-License-Identifier: Apache-2.0
"""The Debian package that ./dev package builds."""
import re

import pytest

from engine import BASE, ROOT
from lab import run


@pytest.fixture(scope="module")
def package():
    built, = (ROOT / "build").glob("reseat_*.deb")
    return built


@pytest.fixture
def unpacked(package, tmp_path):
    run("dpkg", "-x", package, tmp_path)
    return tmp_path


def test_it_names_the_libraries_that_it_loads_and_runs(package, unpacked):
    assert re.search(r"\blibbpf1\b.*\blibssl3\b", run("dpkg-deb", "--field", package, "Depends").stdout)
    assert "libbpf" in run(unpacked / "usr/bin/reseat", "version").stdout
    assert (unpacked / "etc/reseat").is_dir()
    run(unpacked / "usr/bin/reseat", "validate", unpacked / "usr/share/doc/reseat/examples/example.yaml")


@pytest.mark.parametrize("unit, name", [("reseat.service", "reseat.service"), ("reseat@.service", "reseat@my-app.service")])
def test_its_units_name_what_it_installs(unpacked, unit, name):
    text = (unpacked / "usr/lib/systemd/system" / unit).read_text()
    (unpacked / name).write_text(text.replace("/usr/bin/", f"{unpacked}/usr/bin/"))
    done = run("systemd-analyze", "verify", "--man=no", unpacked / name, check=False)
    assert done.returncode == 0 and str(unpacked) not in done.stderr, done.stderr


def test_lintian_has_nothing_to_say(package):
    run("lintian", "--allow-root", "--fail-on", "error,warning", package, within=120)


def test_it_is_installed_and_removed_without_a_trace(engine, package):
    script = ("apt-get update -qq && apt-get install -y -qq --no-install-recommends /package.deb && reseat version && "
              "apt-get purge -y -qq reseat && ! test -e /usr/bin/reseat && ! test -e /etc/reseat")
    done = engine.podman("run", "--rm", "--network=host", f"--volume={package}:/package.deb:ro", BASE, "sh", "-c", script)
    assert "libbpf" in done.stdout
