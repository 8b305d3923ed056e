# SPDX-License-Identifier: Apache-2.0
"""`evoke config`: every fault of a file at once, and the pages made from the table of options."""
import json
import os
import re
import subprocess

import pytest

from evoked import BUILD, ROOT


def evoke(*args, env=None, stdin=None):
    return subprocess.run([str(BUILD / "evoke"), *args], capture_output=True, text=True, timeout=30, check=False, input=stdin,
                          env={"PATH": os.environ["PATH"], **(env or {})})


FAULTY = """\
# a comment
instances: 4001
instancez: 100
keep-warm: 5

keep-warm: 6
waiting: 1.5
region: [a, b]
listen: 300.0.0.1:80
drain: ten
log-level: info,pool=loud
"""

GOLDEN = """\
FILE: line 2: instances: 4001 is outside 1 to 4000
FILE: line 3: instancez: there is no such option; did you mean 'instances'?
FILE: line 6: keep-warm is given twice, first in line 4
FILE: line 7: waiting: '1.5' is not a whole number; it is 1 to 1000000
FILE: line 8: region: must be a text or a number
FILE: line 9: listen: '300.0.0.1:80' must be ADDRESS:PORT, such as 127.0.0.1:8900 or [::1]:8900
FILE: line 10: drain: 'ten' is not a whole number; it is 0 to 3600
FILE: line 11: log-level: """


def test_every_fault_is_named_with_line_option_value_and_limit(tmp_path):
    path = tmp_path / "evoke.yaml"
    path.write_text(FAULTY)
    r = evoke("config", "check", str(path))
    assert r.returncode == 2 and r.stderr == ""
    assert r.stdout.replace(str(path), "FILE").startswith(GOLDEN)
    assert "loud" in r.stdout and r.stdout.endswith("\n8 faults\n")
    # The daemon says the first of them in the same words.
    r = evoke("serve", "--data", str(tmp_path / "d"), "--config", str(path))
    assert r.returncode == 2
    said, following = r.stderr.replace(str(path), "FILE").splitlines()
    assert said == "evoke: serve: " + GOLDEN.splitlines()[0] and following.startswith("  next: `evoke help serve`")


def test_faults_for_programs(tmp_path):
    path = tmp_path / "evoke.yaml"
    path.write_text("waiting: 0\n\n*\n")
    r = evoke("config", "check", "--output", "json", str(path))
    assert r.returncode == 2
    answer = json.loads(r.stdout)
    assert answer["ok"] is False and "line 3" in answer["faults"][0]["message"]
    path.write_text("waiting: 0\nregion: x\n")
    answer = json.loads(evoke("config", "check", "--output", "json", str(path)).stdout)
    assert answer == {"file": str(path), "ok": False, "options": 0,
                      "faults": [{"line": 1, "message": "waiting: 0 is outside 1 to 1000000"}]}


def test_a_good_file_and_a_missing_one(tmp_path):
    path = tmp_path / "evoke.yaml"
    path.write_text("waiting: 10\nregion: 'here'\n")
    r = evoke("config", "check", env={"EVOKE_CONFIG": str(path)})
    assert (r.returncode, r.stdout, r.stderr) == (0, f"{path}: no fault, 2 options set\n", "")
    r = evoke("config", "check", str(tmp_path / "none.yaml"))
    assert r.returncode == 2 and "none.yaml" in r.stderr and r.stdout == ""
    path.write_bytes(b"waiting: \xff\n")
    assert evoke("config", "check", str(path)).returncode == 2


def test_the_example_is_a_file_without_fault_also_when_all_of_it_is_taken(tmp_path):
    text = evoke("config", "example").stdout
    path = tmp_path / "evoke.yaml"
    path.write_text(text)
    assert evoke("config", "check", str(path)).stdout == f"{path}: no fault, 0 options set\n"
    taken = re.sub(r"^#(?=[a-z-]+: )", "", text, flags=re.M)
    path.write_text(taken)
    r = evoke("config", "check", str(path))
    assert r.returncode == 0 and f"no fault, {len(re.findall(r'^[a-z-]+: ', taken, re.M))} options set" in r.stdout


@pytest.mark.parametrize("command,file", [("markdown", "docs/options.md"), ("example", "packaging/evoke.yaml")])
def test_pages_of_the_options_are_current(command, file):
    made = evoke("config", command).stdout
    assert made == (ROOT / file).read_text(), f"run: evoke config {command} > {file}"
