# SPDX-License-Identifier: Apache-2.0
"""What the parts of the benchmark share: load, functions of three runtimes, what the kernel says."""
import base64
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests/lib"))

from signing import PROJECT, Client, authorization, stamp, urn  # noqa: E402

ECHO_PY = "def handler(event, context):\n    return event\n"
ECHO_JS = "exports.handler = async (event, context) => event;\n"
EVENT = b'{"hello":"world"}'


# -- load --------------------------------------------------------------------------------------------------------------

def plain_request(port, method="POST", path="/", body=EVENT):
    return f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def invoke_request(evoke, name, body=EVENT):
    """Bytes of one signed synchronous invocation."""
    path = f"/v2/{PROJECT}/fgs/functions/{urn(name)}/invocations"
    headers = {"content-type": "application/json", "host": f"127.0.0.1:{evoke.port}", "x-sdk-date": stamp()}
    auth = authorization("POST", path, "", headers, body, evoke.access_key, evoke.secret_key)
    head = "".join(f"{k}: {v}\r\n" for k, v in headers.items())
    return (f"POST {path} HTTP/1.1\r\n{head}Authorization: {auth}\r\nContent-Length: {len(body)}\r\n\r\n"
            ).encode() + body


def load(build, port, connections, ms, request, may_fail=False):
    """ms = 0: one request per connection. A failed answer ends the benchmark unless it may_fail: then it is counted."""
    with tempfile.NamedTemporaryFile() as f:
        f.write(request)
        f.flush()
        out = subprocess.run([build / "bench/bench-load", str(port), str(connections), str(ms), f.name],
                             capture_output=True, text=True, check=False)
    if out.returncode:
        raise RuntimeError(f"bench-load: {out.stderr}")
    requests, errors, seconds, p50, p99, longest = out.stdout.split()
    if int(errors) and not may_fail:
        raise RuntimeError(f"{errors} errors: {out.stderr}")
    return {"requests": int(requests), "rps": int(requests) / float(seconds), "p50": float(p50), "p99": float(p99), "longest": float(longest),
            "errors": int(errors)}


def percentile(values, p):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * p))]


# -- functions ---------------------------------------------------------------------------------------------------------

class Functions:
    """Echo in each runtime, made under any name with any settings (FunctionGraph's own fields)."""

    KINDS = ("Python", "Node", "native")

    def __init__(self, build):
        native = (build / "tests/functions/native/echo/bootstrap").read_bytes()
        self.code = {"Python": ("Python3.9", "index.handler", "index.py", ECHO_PY.encode()),
                     "Node": ("Node.js18.15", "index.handler", "index.js", ECHO_JS.encode()),
                     "native": ("native", "bootstrap", None, zip_of({"bootstrap": native}))}

    def make(self, evoke, kind, name, instances=1000, concurrency=1, memory=128):
        runtime, handler, filename, data = self.code[kind]
        body = {"func_name": name, "package": "default", "runtime": runtime, "timeout": 30, "handler": handler,
                "memory_size": memory, "code_type": "inline" if filename else "zip",
                "code_filename": filename or "index.zip", "func_code": {"file": base64.b64encode(data).decode()},
                "strategy_config": {"concurrency": instances, "concurrent_num": concurrency}}
        r = Client(evoke).fg("POST", "/functions", body)
        if r.status_code != 200:
            raise RuntimeError(f"{kind}: {r.text}")


def zip_of(files):
    import io
    import zipfile
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as z:
        for name, data in files.items():
            info = zipfile.ZipInfo(name, (1980, 1, 2, 0, 0, 0))
            info.external_attr = 0o755 << 16
            z.writestr(info, data)
    return out.getvalue()


def counts(evoke):
    r = Client(evoke).call("GET", "/evoke/v1/status")
    return r.json()["instances"]


def settled(evoke):
    """Counts, once nothing runs or starts any more."""
    from evoked import deadline
    for _ in deadline(60):
        i = counts(evoke)
        if i["busy"] + i["starting"] + i["waiting"] == 0:
            return i
    raise RuntimeError(f"still busy: {i}")


# -- what the kernel says ----------------------------------------------------------------------------------------------

def rss_mib(pid):
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", text).group(1)) / 1024


def cpu_us(pid):
    """What all threads of a process have had of processors, however many others wanted them."""
    total = 0
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        total += int((task / "schedstat").read_text().split()[0])
    return total / 1000


def pss_mib(pids):
    total = 0
    for pid in pids:
        try:
            text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
            total += int(re.search(r"Pss:\s+(\d+)", text).group(1))
        except (OSError, AttributeError):
            pass  # it ended, or is a kernel's idea of a process
    return total / 1024


def cgroups_of(pids):
    """{directory: charged MiB} of the memory cgroups these processes are in, but the root and the bench's own: charged is
    everything, page tables and kernel stacks included."""
    own = memory_cgroup("self")
    found = {}
    for pid in pids:
        d = memory_cgroup(pid)
        if not d or d == own or d in found:
            continue
        for name in ("memory.current", "memory.usage_in_bytes"):
            try:
                found[d] = int((d / name).read_text()) / (1 << 20)
                break
            except OSError:
                pass
    return found


def memory_cgroup(pid):
    try:
        lines = pathlib.Path(f"/proc/{pid}/cgroup").read_text().splitlines()
    except OSError:
        return None
    paths = {c: p for c, p in (line.split(":", 2)[1:] for line in lines)}
    for controllers, path in paths.items():
        if "memory" in controllers.split(","):
            return pathlib.Path("/sys/fs/cgroup/memory" + path)
    for base in ("/sys/fs/cgroup", "/sys/fs/cgroup/unified"):
        d = pathlib.Path(base + paths.get("", "/none"))
        if (d / "memory.current").exists():
            return d
    return None


def machine():
    import platform
    return f"{os.cpu_count()} cores, kernel {platform.release()}"


