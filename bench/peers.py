# SPDX-License-Identifier: Apache-2.0
"""Servers other people would use for the same work, started beside ours: an echo of JSON over HTTP.

Each lives on loopback in a directory of its own, is measured in the same rounds, and is ended by its process id. One that
is not installed is named, not skipped in silence.
"""
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time

WSGI_APP = '''
import json

def handler(event, context):
    return event

def application(environ, start_response):
    event = json.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
    body = json.dumps(handler(event, None)).encode()
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]
'''

NODE_APP = '''
const handler = async (event, context) => event;

require('node:http').createServer((req, res) => {
  const parts = [];
  req.on('data', (d) => parts.push(d));
  req.on('end', async () => {
    const body = Buffer.from(JSON.stringify(await handler(JSON.parse(Buffer.concat(parts)), null)));
    res.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': body.length });
    res.end(body);
  });
}).listen(Number(process.argv[2]), '127.0.0.1');
'''

NGINX_CONF = '''
user root;
daemon off;
worker_processes 1;
pid {dir}/nginx.pid;
error_log {dir}/error.log;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    keepalive_requests 100000000;
    client_body_temp_path {dir}/body;
    fastcgi_temp_path {dir}/fastcgi;
    uwsgi_temp_path {dir}/uwsgi;
    proxy_temp_path {dir}/proxy;
    scgi_temp_path {dir}/scgi;
    server {{
        listen 127.0.0.1:{port};
        location / {{ include /etc/nginx/uwsgi_params; uwsgi_pass unix:{dir}/app.sock; }}
    }}
}}
'''


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Peer:
    """name: in the table. programs: all of them are needed. kind: the functions it is put beside."""

    name, kind, programs = "", "", ()

    def __init__(self):
        self.processes = []
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="evoke-peer-"))
        self.port = free_port()

    def missing(self):
        return [p for p in self.programs if not shutil.which(p)]

    def spawn(self, *argv):
        out = open(self.dir / f"out-{len(self.processes)}", "wb")
        with out:
            self.processes.append(subprocess.Popen(argv, cwd=self.dir, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                                   start_new_session=True))

    def wait(self):
        """Until it answers; what it said if it does not."""
        request = (f"POST / HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\nConnection: close\r\nContent-Length: 2\r\n\r\n"
                   "{}").encode()
        end = time.monotonic() + 20
        while time.monotonic() < end and all(p.poll() is None for p in self.processes):
            try:
                with socket.create_connection(("127.0.0.1", self.port), 5) as s:
                    s.sendall(request)
                    if s.recv(4096).startswith(b"HTTP/1.1 200"):
                        return
            except OSError:
                pass
            time.sleep(0.02)
        said = "".join(f.read_text(errors="replace") for f in self.dir.glob("out-*"))
        self.stop()
        raise RuntimeError(f"{self.name} does not answer: {said[-2000:]}")

    def stop(self):
        for p in reversed(self.processes):
            try:
                os.killpg(p.pid, signal.SIGKILL)  # a session of its own: it and its workers, nobody else
            except ProcessLookupError:
                pass
            p.wait()
        shutil.rmtree(self.dir, ignore_errors=True)


class Uwsgi(Peer):
    name, kind, programs = "nginx + uWSGI (2 processes)", "Python", ("nginx", "uwsgi")

    def start(self):
        (self.dir / "app.py").write_text(WSGI_APP)
        (self.dir / "nginx.conf").write_text(NGINX_CONF.format(dir=self.dir, port=self.port))
        self.spawn("uwsgi", "--plugin", "python3", "--socket", f"{self.dir}/app.sock", "--wsgi-file", f"{self.dir}/app.py",
                   "--processes", "2", "--master", "--disable-logging", "--listen", "100")
        self.spawn("nginx", "-e", f"{self.dir}/error.log", "-c", f"{self.dir}/nginx.conf")
        self.wait()


class NodeHttp(Peer):
    name, kind, programs = "node:http (1 process)", "Node", ("node",)

    def start(self):
        (self.dir / "app.js").write_text(NODE_APP)
        self.spawn("node", str(self.dir / "app.js"), str(self.port))
        self.wait()


PEERS = (Uwsgi, NodeHttp)


def start_all():
    """(running peers, sentences about those that are not)."""
    running, absent = [], []
    for make in PEERS:
        peer = make()
        if peer.missing():
            absent.append(f"{peer.name}: not installed ({', '.join(peer.missing())})")
            peer.stop()
            continue
        try:
            peer.start()
            running.append(peer)
        except BaseException:
            for p in running:
                p.stop()
            raise
    return running, absent
