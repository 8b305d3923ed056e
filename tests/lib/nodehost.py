# SPDX-License-Identifier: Apache-2.0
"""A Node.js worker without a sandbox, and the host's side of its channel."""

import json
import os
import socket
import subprocess
from pathlib import Path

import pytest

from workerhost import DEADLINE_S, Host

NODE = "/usr/bin/node"
RUNTIME = Path(__file__).parents[2] / "runtimes" / "node"
FRESH = "%s --v8-pool-size=1 --max-semi-space-size=4 '%s/bootstrap.js'" % (NODE, RUNTIME)
# What one that has been waiting for a while has done; here before it says READY.
REHEARSED = ("%s -e 'const { Worker, main } = require(\"%s/lib/worker.js\");"
             "const { warm } = require(\"%s/lib/warm.js\");"
             "Object.keys(require.cache).forEach(file => delete require.cache[file]);"
             "warm(Worker, () => true).then(() => main(3))'" % (NODE, RUNTIME, RUNTIME))
DIALECTS = pytest.mark.parametrize("dialect", ["functiongraph", "fc"])
NEEDED = pytest.mark.skipif(not os.path.exists(NODE), reason=NODE + " is not installed")


class NodeHost(Host):
    """A Node.js worker of its own, exec'ed without a sandbox."""

    def __init__(self, root, command=FRESH):
        ours, theirs = socket.socketpair()
        fd = theirs.fileno()
        self.process = subprocess.Popen(
            ["bash", "-c", f"exec 3<&{fd} {fd}<&- {command}"], pass_fds=[fd],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env={"PATH": "/usr/bin:/bin", "HOME": "/tmp", "LANG": "C.UTF-8", "LEAKED": "yes"})
        theirs.close()
        super().__init__(ours, root)

    def end(self):
        """Close our end; (exit code, stdout, stderr)."""
        self.sock.close()
        out, err = self.process.communicate(timeout=DEADLINE_S)
        return self.process.returncode, out, err


@pytest.fixture
def start(tmp_path):
    hosts = []

    def begin(code, command=FRESH, **files):
        """code is index.js; files are named by `name__ending`, a second `__` is a slash."""
        (tmp_path / "code").mkdir()
        (tmp_path / "code" / "index.js").write_text(code)
        for name, text in files.items():
            name, _, ending = name.rpartition("__")
            path = tmp_path / "code" / (name.replace("__", "/") + "." + ending)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        hosts.append(NodeHost(tmp_path, command))
        return hosts[-1]

    yield begin
    for host in hosts:
        host.sock.close()
        if host.process.poll() is None:
            host.process.kill()
        host.process.communicate()


def expect_error(result):
    flags, body, _ = result
    assert flags == 1
    return json.loads(body)


def answers(body, args="event, context"):
    return "exports.handler = async (%s) => (%s);\n" % (args, body)
