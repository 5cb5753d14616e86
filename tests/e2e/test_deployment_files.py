# SPDX-License-Identifier: Apache-2.0
"""What is shipped beside the binary is right by the judgement of those who will read it."""
import re
import shutil
from pathlib import Path

import pytest

from process import run

ROOT = Path(__file__).parents[2]
RULES = ROOT / "container/prometheus-rules.yaml"
FOUR = ["CAP_BPF", "CAP_NET_ADMIN", "CAP_PERFMON", "CAP_SYS_PTRACE"]


def test_the_alert_rules_are_valid_and_each_fires_when_it_should():
    run("promtool", "check", "rules", "--lint=all", "--lint-fatal", RULES)
    run("promtool", "test", "rules", ROOT / "tests/promtool/rules_test.yaml")


def test_every_alert_has_a_test():
    alerts = re.findall(r"- alert: (\w+)", RULES.read_text())
    tested = (ROOT / "tests/promtool/rules_test.yaml").read_text()
    assert alerts and [a for a in alerts if f"alertname: {a}\n        exp_alerts" not in tested] == []


@pytest.mark.parametrize("unit", ["reseat.service", "reseat@.service"])
def test_systemd_understands_the_units(tmp_path, unit):
    """As an instance of a name with a dash; the program has to exist where the unit expects it."""
    name = unit.replace("@", "@my-app")
    text = (ROOT / "container/systemd" / unit).read_text().replace("/usr/bin/reseat", "/bin/true")
    (tmp_path / unit).write_text(text)
    if unit != name:
        shutil.copy(tmp_path / unit, tmp_path / name)
    done = run("systemd-analyze", "verify", "--man=no", tmp_path / name, check=False)
    assert done.returncode == 0 and str(tmp_path) not in done.stderr, done.stderr


@pytest.mark.parametrize("unit", ["reseat.service", "reseat@.service"])
def test_a_unit_grants_the_four_capabilities_and_no_more(unit):
    text = (ROOT / "container/systemd" / unit).read_text()
    for key in ("CapabilityBoundingSet", "AmbientCapabilities"):
        assert re.search(rf"^{key}=(.*)$", text, re.M)[1].split() == FOUR
