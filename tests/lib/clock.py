# SPDX-License-Identifier: Apache-2.0
"""The clock that a daemon's events and timers live by, in the hands of a test (src/base/clock_shift.c reads it).

    clock = Clock(path)                 real time, until it is moved
    daemon = Evoked(clock=clock)
    clock.jump(86400_000)               a day ahead; back with a negative number
    clock.scale(3600)                   an hour in a second; 0: it stands
    clock.set("2026-03-29T01:59:59Z")   this moment now

The daemon sees a move within 20 ms. Signatures, logs and limits of requests stay on real time.
"""
import datetime
import mmap
import pathlib
import struct
import time

MAGIC = b"evokeclk"
SLOT = struct.Struct("=qqq")
SIZE = 16 + 2 * SLOT.size


class Clock:
    def __init__(self, path):
        self.path = pathlib.Path(path)
        self.path.write_bytes(MAGIC + bytes(SIZE - len(MAGIC)))
        self.path.chmod(0o644)
        with open(self.path, "r+b") as f:
            self.map = mmap.mmap(f.fileno(), SIZE)
        self.sequence = 0
        self._write(time.monotonic_ns(), time.time_ns() // 1_000_000, 1000)

    def _write(self, mono_ns, store_ms, scale_milli):
        """The slot not in use first, then the number that puts it in use: eight aligned bytes at once."""
        self.anchor = mono_ns, store_ms, scale_milli
        self.sequence += 1
        SLOT.pack_into(self.map, 16 + self.sequence % 2 * SLOT.size, *self.anchor)
        memoryview(self.map).cast("Q")[1] = self.sequence

    def now(self):
        """Unix time in ms."""
        return self._at(time.monotonic_ns())

    def _at(self, mono_ns):
        then, store_ms, scale_milli = self.anchor
        return store_ms + (mono_ns - then) * scale_milli // 1_000_000_000

    def jump(self, ms):
        mono = time.monotonic_ns()
        self._write(mono, self._at(mono) + ms, self.anchor[2])

    def scale(self, times):
        """So many times as fast as real time, from what it shows now."""
        mono = time.monotonic_ns()
        self._write(mono, self._at(mono), round(times * 1000))

    def set(self, moment):
        """Unix time in ms, or ISO 8601 text."""
        if isinstance(moment, str):
            moment = round(datetime.datetime.fromisoformat(moment.replace("Z", "+00:00")).timestamp() * 1000)
        self._write(time.monotonic_ns(), moment, self.anchor[2])
