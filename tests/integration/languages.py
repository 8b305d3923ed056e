# SPDX-License-Identifier: Apache-2.0
"""The languages that the tables of escapes and faults are run in."""
import base64
import io
import zipfile

import pytest

from evoked import BUILD
from signing import PROJECT


def package(files):
    """{name: text or bytes}"""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as z:
        for name, content in files.items():
            info = zipfile.ZipInfo(name)
            info.create_system, info.external_attr = 3, 0o100644 << 16
            z.writestr(info, content)
    return out.getvalue()


def deploy(client, name, lang, files, **settings):
    """By our own API, which knows settings no cloud has; FunctionGraph's API then finds the function."""
    body = {"runtime": lang.runtime, "handler": "index.handler", "timeout_ms": 30000, **settings,
            "code": {"zip": base64.b64encode(package(files)).decode()}}
    r = client.call("PUT", f"/evoke/v1/functions/functiongraph/{PROJECT}/local-1/default/{name}", body)
    assert r.status_code in (200, 201), r.text


class Language:
    """born: what /proc/self/cmdline has when it came to be as most do."""

    def __init__(self, worker, runtime, filename, probe, born):
        self.worker, self.runtime, self.filename, self.probe, self.born = worker, runtime, filename, probe, born

    def there(self):
        return (BUILD / "runtimes" / self.worker).is_dir()

    def need(self):
        if not self.there():
            pytest.skip(f"no worker for {self.worker} in this build")


PYTHON_PROBE = '''
import ctypes, os

probe = ctypes.CDLL("/opt/function/code/probe.so")

def run(program):
    verdict = ctypes.create_string_buffer(1024)
    probe.probe_run(program.encode(), verdict, len(verdict))
    return verdict.value.decode("utf-8", "replace")

def target(fd):
    try:
        return os.readlink("/proc/self/fd/" + fd)
    except OSError:
        return "/proc/0/fd"  # the directory that was being listed

def facts():
    status = dict(l.rstrip("\\n").split(":\\t", 1) for l in open("/proc/self/status") if ":\\t" in l)
    return {"uid": [os.getuid(), os.geteuid()], "gid": [os.getgid(), os.getegid()], "status": status,
            "pids": [int(p) for p in os.listdir("/proc") if p.isdigit()], "own_pids": [os.getpid()],
            "fds": {n: target(n) for n in os.listdir("/proc/self/fd")}, "environ": sorted(os.environ),
            "program": open("/proc/self/cmdline").read(), "limits": open("/proc/self/limits").read(),
            "stat": open("/proc/self/stat").read(),
            "mounts": open("/proc/self/mountinfo").read().splitlines()}

def handler(event, context):
    return {"verdicts": {name: run(p) for name, p in event["programs"].items()}, "facts": facts()}
'''

NODE_PROBE = '''
const fs = require("fs");
const loaded = { exports: {} };
process.dlopen(loaded, "/opt/function/code/probe.so");

function target(fd) {
  try { return fs.readlinkSync("/proc/self/fd/" + fd); } catch (e) { return "/proc/0/fd"; }
}

function facts() {
  const status = {};
  for (const line of fs.readFileSync("/proc/self/status", "utf8").split("\\n")) {
    const at = line.indexOf(":\\t");
    if (at > 0) status[line.slice(0, at)] = line.slice(at + 2);
  }
  return {
    uid: [process.getuid(), process.geteuid()], gid: [process.getgid(), process.getegid()], status,
    pids: fs.readdirSync("/proc").filter(n => /^[0-9]+$/.test(n)).map(Number), own_pids: [process.pid],
    fds: Object.fromEntries(fs.readdirSync("/proc/self/fd").map(n => [n, target(n)])), environ: Object.keys(process.env),
    program: fs.readFileSync("/proc/self/cmdline", "utf8"), limits: fs.readFileSync("/proc/self/limits", "utf8"),
    stat: fs.readFileSync("/proc/self/stat", "utf8"),
    mounts: fs.readFileSync("/proc/self/mountinfo", "utf8").trim().split("\\n"),
  };
}

exports.handler = async (event) => {
  const verdicts = {};
  for (const [name, program] of Object.entries(event.programs)) verdicts[name] = loaded.exports(program);
  return { verdicts, facts: facts() };
};
'''

LANGUAGES = {
    "python": Language("python", "Python3.9", "index.py", PYTHON_PROBE, "zygote.py"),
    "node": Language("node", "Node.js18.15", "index.js", NODE_PROBE, "bootstrap.js"),
}
