#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Check who includes whom: the walls of the house, as one table.

A room may include itself and the rooms listed for it. Run from anywhere; prints each breach with the line to
mend and exits 1 if there is one.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent

# room: the rooms it may use (ARCHITECTURE.md, "Rooms"). Order: bottom up.
MAY_USE = {
    "base": [],
    "conf": ["base"],
    "sign": ["base"],
    "frame": ["base"],
    "fn": ["base"],
    "loop": ["base"],
    "http": ["base", "loop"],
    "auth": ["base", "sign", "http"],
    "store": ["base", "loop"],
    "schedule": ["base"],
    "object": ["base", "loop", "http", "auth", "sign", "fn", "store"],
    "catalog": ["base", "loop", "fn", "store"],
    "sandbox": ["base"],
    "launcher": ["base", "sandbox"],
    "runtime": ["base", "fn"],
    "dialect/shape": ["base", "fn", "dialect/shape.h", "dialect/answer.h", "dialect/pairs.h", "launcher/proto.h"],
    "pool": ["base", "loop", "frame", "fn", "runtime", "launcher/proto.h"],
    "observe": ["base", "fn"],
    "observe/logs": ["base", "loop", "fn", "observe/run.h", "observe/health.h"],
    "observe/metrics": ["base", "loop", "fn", "observe/run.h"],
    "observe/audit": ["base", "loop", "observe/health.h"],
    "observe/trace": ["base", "fn", "observe/run.h"],
    "invoke": ["base", "sign", "loop", "fn", "catalog", "runtime", "pool", "observe/run.h", "observe/trace/trace.h", "dialect/shape.h",
               "launcher/proto.h"],
    "delivery": ["base", "loop", "fn", "catalog", "store/queue.h", "store/lease.h", "invoke", "observe/health.h", "observe/run.h",
                 "observe/trace/trace.h", "dialect/shape.h"],
    "gateway/model": ["base", "fn"],
    "gateway/plane": ["base", "fn", "catalog", "gateway/model"],
    "gateway/guard": ["base", "http", "auth", "sign", "fn", "catalog", "invoke", "gateway/model", "gateway/plane/objects.h", "gateway/map/headers.h",
                      "gateway/call.h", "gateway/gateway.h", "dialect/shape.h"],
    "gateway/map": ["base", "http", "gateway/model", "gateway/call.h", "dialect/shape.h"],
    "gateway": ["base", "loop", "http", "auth", "sign", "fn", "catalog", "invoke", "delivery", "store/queue.h", "observe/run.h",
                "observe/trace/trace.h", "dialect/shape.h", "gateway/model", "gateway/plane", "gateway/guard", "gateway/map"],
    "source": ["base", "loop", "catalog", "schedule", "delivery", "store/queue.h", "dialect/shape.h", "gateway/model/binding.h"],
    "api": ["base", "loop", "http", "auth", "catalog", "fn", "invoke", "observe", "gateway", "object"],
    "storage": ["base", "loop", "http", "auth", "sign", "fn", "object", "api"],
    "dialect/api": ["base", "loop", "http", "auth", "sign", "fn", "catalog", "invoke", "api", "runtime", "object",
                    "delivery", "store/queue.h", "source", "gateway", "observe", "pool/pool.h", "dialect/shape.h"],
    "admin": ["base", "loop", "http", "auth", "fn", "catalog", "invoke", "observe", "pool", "api", "runtime",
              "delivery", "store/queue.h", "source", "gateway",
              "dialect/shape.h", "launcher/proto.h"],
    "proxy": ["base", "fn", "http/h1.h"],
    "cli": ["base", "conf", "fn", "runtime", "sign", "proxy/proxy.h"],
    "daemon": None,  # wires everything
}

# A library and the only rooms that may name it.
LIBRARIES = {
    "uv.h": ["loop"],
    "sqlite3.h": ["store"],
    "seccomp.h": ["sandbox"],
    "libmnl/": ["sandbox"],
    "archive.h": ["catalog", "cli"],
    "archive_entry.h": ["catalog", "cli"],
    "pcre2.h": ["observe/logs", "gateway"],
    "curl/curl.h": ["cli", "observe/trace", "delivery", "gateway", "object"],
    "yaml.h": ["base"],
    "openssl/": ["base", "proxy"],
}

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def room_of(path):
    """dialect/fc/api/ops.c, dialect/fc/v3/ops.c -> dialect/api; dialect/shape.c -> dialect/shape; observe/logs/x.c -> observe/logs; pool/x.c -> pool"""
    parts = path.parts
    if parts[0] != "dialect":
        inner = "/".join(parts[:2])
        return inner if inner in MAY_USE else parts[0]
    return "dialect/shape" if "shape" in parts or len(parts) < 4 else "dialect/api"


def allowed(room, header):
    if MAY_USE[room] is None:
        return True
    own = room.split("/")[0]
    if room.startswith("dialect/") and header.startswith("dialect/"):
        if header.count("/") == 2:  # dialect/fc/fc.h names both halves and includes nothing
            return True
        return header in MAY_USE[room] or header.count("/") > 2 and room_of(pathlib.PurePath(header)) == room
    if own != "dialect" and room_of(pathlib.PurePath(header)) == room:
        return True
    used = room_of(pathlib.PurePath(header))
    return header in MAY_USE[room] or used in MAY_USE[room] or header.split("/")[0] in MAY_USE[room]


def main():
    bad = 0
    for path in sorted((ROOT / "src").rglob("*.[ch]")):
        room = room_of(path.relative_to(ROOT / "src"))
        if room not in MAY_USE:
            print(f"{path.relative_to(ROOT)}: room '{room}' is not in tools/layers.py")
            bad += 1
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            m = INCLUDE.match(line)
            if not m:
                continue
            where = f"{path.relative_to(ROOT)}:{number}"
            if m.group(1) == '"':
                if not allowed(room, m.group(2)):
                    print(f"{where}: '{room}' may not use {m.group(2)}; it may use {', '.join(MAY_USE[room])}")
                    bad += 1
                continue
            for lib, rooms in LIBRARIES.items():
                if m.group(2).startswith(lib) and room not in rooms and room.split("/")[0] not in rooms:
                    print(f"{where}: <{m.group(2)}> belongs to {', '.join(rooms)}")
                    bad += 1
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
