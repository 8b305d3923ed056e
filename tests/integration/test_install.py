# SPDX-License-Identifier: Apache-2.0
"""`make install`: a tree of its own that needs nothing of the build directory, and is small."""
import pathlib
import subprocess

import pytest

from evoked import BUILD, ROOT, Evoked

# Under the sanitizers the sizes would be theirs.
pytestmark = pytest.mark.slow

PROGRAM_BYTES, TREE_BYTES = 5 << 20, 25 << 20  # the budgets of docs/bench.md


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """Where PREFIX ended up. Below /tmp/pytest-of-*, which other users cannot walk."""
    root = tmp_path_factory.mktemp("installed")
    r = subprocess.run(["make", "install", f"BUILD={BUILD}", f"DESTDIR={root}", "PREFIX=/opt/evoke"], cwd=ROOT,
                       capture_output=True, text=True, timeout=300, check=False)
    # The tests that follow may not find a build directory that installs elsewhere than it did before.
    subprocess.run(["meson", "configure", str(BUILD), "-Dprefix=/usr/local"], check=True, capture_output=True)
    subprocess.run(["ninja", "-C", str(BUILD), "build.ninja"], check=True, capture_output=True)
    assert r.returncode == 0, r.stdout + r.stderr
    return root / "opt/evoke"


@pytest.fixture(params=["root", "user"])
def daemon(request, installed, open_path):
    program = installed / "bin/evoke"
    if request.param == "user":
        subprocess.run(["cp", "-r", str(installed), str(open_path / "moved")], check=True)
        program = open_path / "moved/bin/evoke"
    e = Evoked(program=program, unprivileged=request.param == "user").start()
    yield e
    e.stop()
    e.check_log()
    e.cleanup()


def test_the_installed_program_says_its_version(installed):
    r = subprocess.run([str(installed / "bin/evoke"), "version"], capture_output=True, text=True, check=False)
    assert (r.returncode, r.stdout.split()[0], r.stderr) == (0, "evoke", "")


def test_the_installed_tree_has_programs_runtimes_and_nothing_else(installed):
    assert sorted(p.name for p in installed.iterdir()) == ["bin", "include", "lib", "share"]
    assert [p.name for p in (installed / "bin").iterdir()] == ["evoke"]
    lib = installed / "lib/evoke"
    assert sorted(p.name for p in lib.iterdir()) == ["evoke-launcher", "runtimes"]
    assert (lib / "runtimes/python/bootstrap.py").exists()
    # Nobody can write byte code into the sandbox's read-only mount: it has to be there already.
    compiled = {p.name.split(".")[0] for p in (lib / "runtimes/python/_evoke/__pycache__").iterdir()}
    assert compiled == {p.stem for p in (lib / "runtimes/python/_evoke").glob("*.py")}
    node = lib / "runtimes/node"
    assert {p.name for p in node.rglob("*.js")} == {p.name for p in (ROOT / "runtimes/node").rglob("*.js")}


def test_manual_completions_and_units_are_installed_and_name_the_program(installed):
    assert (installed / "share/man/man1/evoke.1").read_text().startswith(".")
    assert "evoke" in (installed / "share/bash-completion/completions/evoke").read_text()
    unit = (installed / "lib/systemd/system/evoke.service").read_text()
    assert "ExecStart=/opt/evoke/bin/evoke serve" in unit and "@BINDIR@" not in unit
    r = subprocess.run([str(installed / "bin/evoke"), "config", "check", str(installed / "share/evoke/evoke.yaml")],
                       capture_output=True, text=True, check=False)
    assert r.returncode == 0 and "no fault" in r.stdout


def test_the_installed_tree_runs_functions(daemon, tmp_path):
    (tmp_path / "index.py").write_text("def handler(event, context):\n    return event['name']\n")
    (tmp_path / "evoke.yaml").write_text("functions:\n  f:\n    runtime: Python3.9\n    handler: index.handler\n")
    r = daemon.run("deploy", str(tmp_path))
    assert r.returncode == 0, r.stderr
    r = daemon.run("invoke", "f", "--event", '{"name":"installed"}')
    assert r.returncode == 0 and "installed" in r.stdout, r.stdout + r.stderr


def test_sizes_are_within_the_budget(installed):
    files = [p for p in installed.rglob("*") if p.is_file()]
    assert (installed / "bin/evoke").stat().st_size <= PROGRAM_BYTES
    assert sum(p.stat().st_size for p in files) <= TREE_BYTES, sorted(map(str, files))


def test_a_program_without_its_launcher_says_where_it_looked(installed, open_path):
    alone = pathlib.Path(open_path / "evoke")
    alone.write_bytes((installed / "bin/evoke").read_bytes())
    alone.chmod(0o755)
    r = subprocess.run([str(alone), "serve", "--data", str(open_path / "data")], capture_output=True, text=True,
                       timeout=30, check=False)
    assert r.returncode == 70 and f"neither in '{open_path}' nor in '{open_path}/../lib/evoke'" in r.stderr, r.stderr
