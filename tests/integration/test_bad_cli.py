# SPDX-License-Identifier: Apache-2.0
"""Every command against an endpoint that is no daemon, or one gone mad: a sentence and an exit code, never a crash or a lie."""
import json
import os
import socket
import subprocess
import threading

import pytest
from evoked import BUILD

WHOLE = "functiongraph/a/b/c/f"
COMMANDS = [["status"], ["key", "show"], ["key", "add", "x", "--scope", "read"], ["key", "rotate", "AK"], ["key", "remove", "AK"],
            ["backup", "-"], ["delete", "f", "--yes"], ["delete", WHOLE, "--yes"], ["invoke", WHOLE], ["invoke", WHOLE, "--repeat", "3"],
            ["list"], ["get", WHOLE], ["describe", WHOLE], ["logs", WHOLE], ["logs", "--all"], ["why", WHOLE], ["top", "--once"],
            ["audit"], ["version"]]


def answer(body, status="200 OK", head=""):
    return (f"HTTP/1.1 {status}\r\n{head}X-Evoke-Version: 0.1.0\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
            f"Connection: close\r\n\r\n{body}").encode()


ANSWERS = {
    "nothing": b"",
    "another protocol": b"SSH-2.0-OpenSSH_9.2\r\n",
    "less than promised": b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{}",
    "a web page": answer("<html>It works!</html>"),
    "an error page": answer("<html>oops</html>", "500 Oops"),
    "a stranger": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}",
    "elsewhere": answer("", "302 Found", "Location: http://127.0.0.1:1/\r\n"),
    "endless chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
    "a huge head": b"HTTP/1.1 200 OK\r\nX: " + b"y" * 500000 + b"\r\n\r\n{}",
    "depths": answer("[" * 200000),
    "wrong types": answer(json.dumps({k: 7 for k in ("functions", "records", "keys", "files", "id", "state", "instances", "cursor")})),
    "odd rows": answer(json.dumps({k: [{}, 7, None] for k in ("functions", "records", "keys", "files", "starts", "failures")})),
    "odd numbers": answer('{"functions":[{"name":"f","memory_mb":1e999,"rate":1e308,"runs":-9e99}],"bytes":-1,"covered_s":1e300,'
                          '"files":[{"path":"../../x","bytes":-1,"sha256":"z"}],"id":"../x"}'),
}


@pytest.fixture
def endpoint():
    """endpoint(answer) is a URL where every request is answered so."""
    server = socket.create_server(("127.0.0.1", 0), backlog=100)
    says = []

    def one(connection):
        with connection:
            try:
                head = b""
                while b"\r\n\r\n" not in head and (part := connection.recv(65536)):
                    head += part
                connection.sendall(says[0])
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(65536):
                    pass
            except OSError:
                pass

    def serve():
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            threading.Thread(target=one, args=(connection,), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    yield lambda text: says.append(text) or f"http://127.0.0.1:{server.getsockname()[1]}"
    server.shutdown(socket.SHUT_RDWR)
    server.close()


@pytest.mark.parametrize("name", ANSWERS)
def test_every_command_survives_every_answer(endpoint, name):
    env = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "EVOKE_ENDPOINT": endpoint(ANSWERS[name]), "EVOKE_ACCESS_KEY": "AK",
           "EVOKE_SECRET_KEY": "SK", **{k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")}}
    for command in COMMANDS:
        p = subprocess.run([BUILD / "evoke", *command], env=env, capture_output=True, timeout=60, check=False, stdin=subprocess.DEVNULL)
        said = p.stderr.decode()
        assert p.returncode in (0, 1, 2, 3, 4, 5, 7, 70), (command, p.returncode, said)
        assert p.returncode == 0 or said.startswith("evoke: ") or "\nevoke: " in said or p.stdout, (command, said)
        assert name != "a stranger" or command == ["version"] or p.returncode == 70, (command, p.returncode, said)
        assert "Sanitizer" not in said and "deleted" not in said, (command, said)
