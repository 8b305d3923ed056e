# SPDX-License-Identifier: Apache-2.0
"""Every way of misbehaving the fault suite knows: what the code does, per language, and what its caller is told.

A row's source is the body of a handler called with (event, context), or with `at` the first lines of the module or the body of the
initializer. The helpers below are there for it: channel() is the descriptor of the socket to the daemon, frame() and put() make
and send what a worker might. The harness calls a handler twice before and after: {"fault": false} answers with the instance's id.
"""

HANDLER, MODULE, INITIALIZER = "handler", "module", "initializer"
EITHER = "either"
BOMB = "bomb"

# What the caller is told: errorType, and what errorMessage matches.
TIMEOUT = ("InvocationTimedOut", "timed out after 3 seconds")
GARBLED = ("SystemError", "sent something the platform does not understand")
MEMORY = ("MemoryLimitExceeded|MemoryError|RangeError|OSError|RuntimeExited",
          "memory limit exceeded|out of memory|^$|Array buffer allocation failed|Cannot allocate memory|signal 6|signal 9|exit code")

MEMORY_HARD = ("MemoryLimitExceeded", "memory limit exceeded")  # by a cgroup, which says who ended it


def exited(how):
    return "RuntimeExited", rf"runtime process is exited \({how}\)$"


class Fault:
    """
    error    (errorType, pattern of errorMessage), or None: it is answered
    hard     what it is instead where a cgroup holds the memory limit
    answer   then: with what
    lives    whether the same instance serves the next invocation; EITHER where the host's limits decide
    log      a pattern in the tail of the log the caller gets
    late     it breaks the protocol when it has been answered: this invocation or the next may be lost by it, no further one
    heavy    it takes more than its share of the machine, so little runs beside it; BOMB: nothing but its like, for where no cgroup
             holds it nobody can say how long anything takes
    fields   of the function; its timeout is 3 seconds (30 where it is to answer), its memory 128 MB
    """

    def __init__(self, name, python, node, error=None, answer=None, lives=None, log=None, late=False, heavy=False, at=HANDLER,
                 hard=None, **fields):
        self.name, self.python, self.node, self.error, self.answer, self.log = name, python, node, error, answer, log
        self.lives = (error is None and not late) if lives is None else lives
        self.late, self.heavy, self.at, self.hard, self.fields = late, heavy, at, hard, fields


def lines(text, indent):
    return "".join(" " * indent + line + "\n" for line in text.strip("\n").split("\n"))


PYTHON = '''
import ctypes, os, signal, socket, struct, subprocess, sys, threading, time

ID = os.urandom(8).hex()

def channel():
    for fd in os.listdir("/proc/self/fd"):
        try:
            if os.readlink("/proc/self/fd/" + fd).startswith("socket:"):
                return int(fd)
        except OSError:
            pass

def frame(kind, stream, payload=b"", flags=0):
    return struct.pack(">IBBHI", len(payload), kind, flags, 0, stream) + payload

def put(data):
    while data:
        data = data[os.write(channel(), data):]

'''

NODE = '''
const fs = require("fs"), cp = require("child_process");
const ID = require("crypto").randomBytes(8).toString("hex");

function channel() {
  for (const fd of fs.readdirSync("/proc/self/fd")) {
    try {
      if (fs.readlinkSync("/proc/self/fd/" + fd).startsWith("socket:")) return Number(fd);
    } catch (e) { /* the directory itself */ }
  }
}
function frame(kind, stream, payload = "", flags = 0) {
  const head = Buffer.alloc(12), body = Buffer.from(payload);
  head.writeUInt32BE(body.length, 0);
  head[4] = kind;
  head[5] = flags;
  head.writeUInt32BE(stream, 8);
  return Buffer.concat([head, body]);
}
function put(data) {
  const fd = channel();
  for (let at = 0; at < data.length;) {
    try { at += fs.writeSync(fd, data, at); } catch (e) { if (e.code !== "EAGAIN") throw e; }
  }
}
const sleep = ms => new Promise(done => setTimeout(done, ms));

'''


def python_source(fault):
    body = {HANDLER: "pass", INITIALIZER: "pass", MODULE: ""} | {fault.at: fault.python}
    return (PYTHON + lines(body[MODULE], 0) + "\ndef init(context):\n" + lines(body[INITIALIZER], 4) +
            "\ndef fault(event, context):\n" + lines(body[HANDLER], 4) +
            '\ndef handler(event, context):\n    return fault(event, context) if event["fault"] else ID\n')


def node_source(fault):
    body = {HANDLER: "", INITIALIZER: "", MODULE: ""} | {fault.at: fault.node}
    return (NODE + lines(body[MODULE], 0) + "\nexports.init = async (context) => {\n" + lines(body[INITIALIZER], 2) + "};\n" +
            "\nasync function fault(event, context) {\n" + lines(body[HANDLER], 2) + "}\n" +
            "\nexports.handler = async (event, context) => event.fault ? fault(event, context) : ID;\n")


# The invocation before was stream 1, this one is stream 2.
FAULTS = [
    # -- the process ends
    Fault("exits", "os._exit(3)", "process.exit(3);", exited("exit code 3")),
    Fault("exits with 0", "os._exit(0)", "process.exit(0);", exited("exit code 0")),
    Fault("is killed by itself", "os.kill(os.getpid(), 9)", 'process.kill(process.pid, "SIGKILL"); await sleep(9e3);', exited("signal 9")),
    Fault("segfaults", "ctypes.string_at(0)", 'process.kill(process.pid, "SIGSEGV"); await sleep(9e3);', exited("signal 11")),
    Fault("aborts", "os.abort()", "process.abort();", exited("signal 6")),
    Fault("terminates itself", "os.kill(os.getpid(), 15)\ntime.sleep(9)", 'process.kill(process.pid, "SIGTERM"); await sleep(9e3);',
          exited("signal 15")),
    Fault("says why and exits", 'print("the disk is on fire", flush=True)\nos._exit(4)', 'console.log("the disk is on fire"); process.exit(4);',
          exited("exit code 4"), log="the disk is on fire"),

    # -- somebody raises
    Fault("raises", 'raise ValueError("three")', 'throw new TypeError("three");', ("ValueError|TypeError", "^three$"), lives=True, log="three"),
    Fault("recurses for ever", "return fault(event, context)", "const f = () => f() + 1; f();",
          ("RecursionError|RangeError", "recursion|call stack"), lives=True),
    Fault("raises in a thread or a timer", 't = threading.Thread(target=lambda: 1 / 0)\nt.start()\nt.join()\nreturn "done"',
          'setTimeout(() => { throw new Error("late"); }, 10); await sleep(2e3); return "done";',
          error={"node": exited("exit code 1")}, answer="done", log="ZeroDivisionError|late"),
    Fault("rejects a promise nobody waits for", 'threading.Thread(target=sys.exit).start()\nreturn "done"',
          'Promise.reject(new Error("lost")); await sleep(2e3); return "done";', error={"node": exited("exit code 1")}, answer="done",
          log="Finish|lost"),
    Fault("raises what cannot be told", 'class E(Exception):\n    def __str__(self): raise self\nraise E()',
          'throw { get message() { throw this; }, toString() { throw this; } };', (".+", ""), lives=True),

    # -- nothing ends
    Fault("hangs", "time.sleep(99)", "await new Promise(() => setInterval(() => {}, 1e3));", TIMEOUT),
    Fault("never answers", "threading.Event().wait()", "await new Promise(() => {});", TIMEOUT),
    Fault("is busy and deaf", "for s in range(1, 32):\n    try:\n        signal.signal(s, signal.SIG_IGN)\n    except OSError:\n        pass\n"
          "while True:\n    pass", 'for (const s of ["SIGTERM", "SIGINT", "SIGHUP"]) process.on(s, () => {});\nfor (;;);', TIMEOUT),
    Fault("hangs in the initializer", "time.sleep(99)", "await sleep(99e3);", ("InitializationTimedOut", "timed out after 1 second"),
          at=INITIALIZER, initializer_handler="index.init", initializer_timeout=1),
    Fault("exits in the initializer", "os._exit(4)", "process.exit(4);",
          ("RuntimeExited", r"Initialization failed: runtime process is exited \(exit code 4\)"),
          at=INITIALIZER, initializer_handler="index.init", initializer_timeout=1),
    Fault("hangs on its first line", "time.sleep(99)", "for (;;);", ("InitializationTimedOut", "timed out"), at=MODULE),
    Fault("raises on its first line", 'raise KeyError("first")', 'throw new SyntaxError("first");', ("KeyError|SyntaxError", "first"), at=MODULE),
    Fault("exits on its first line", "os._exit(5)", "process.exit(5);",
          ("RuntimeExited", r"Initialization failed: runtime process is exited \(exit code 5\)"), at=MODULE),
    Fault("answers slowly", 'time.sleep(0.5)\nreturn "slow"', 'await sleep(500); return "slow";', answer="slow"),

    # -- children
    Fault("forks and outlives", 'subprocess.Popen(["/bin/sleep", "99"])\nreturn "parent"',
          'cp.spawn("/bin/sleep", ["99"], { stdio: "ignore", detached: true }).unref(); return "parent";', answer="parent"),
    Fault("forks twice, setsid, holds every descriptor",
          "if os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n        time.sleep(99)\n    os._exit(0)\nos.wait()\nreturn 'parent'",
          'const all = [0, 1, 2, channel()];\ncp.spawn("/bin/sh", ["-c", "setsid sleep 99 & exit"], { stdio: all, detached: true }).unref();\n'
          'return "parent";', answer="parent"),
    Fault("exits and leaves a child with every descriptor", "if os.fork() == 0:\n    time.sleep(99)\nos._exit(6)",
          'cp.spawn("/bin/sleep", ["99"], { stdio: [0, 1, 2, channel()], detached: true });\nawait sleep(50); process.exit(6);',
          exited("exit code 6")),
    Fault("stops itself", "os.kill(os.getpid(), signal.SIGSTOP)", 'process.kill(process.pid, "SIGSTOP");', TIMEOUT),

    # -- output and descriptors
    Fault("floods its output", "for _ in range(5 * 1024):\n    print('x' * 1023)\nreturn 'printed'",
          'const line = "x".repeat(1023);\nfor (let i = 0; i < 5 * 1024; i++) console.log(line);\nreturn "printed";', answer="printed", log="Finish", timeout=30),
    Fault("prints lines of 1 MB", "for _ in range(3):\n    print('y' * (1 << 20))\nreturn 'printed'",
          'for (let i = 0; i < 3; i++) console.log("y".repeat(1 << 20));\nreturn "printed";', answer="printed", log="Finish", timeout=30),
    Fault("writes bytes that are no text", "for fd in (1, 2):\n    os.write(fd, bytes(range(256)) * 256)\nreturn 'printed'",
          'for (const fd of [1, 2]) fs.writeSync(fd, Buffer.alloc(65536, 0xa5));\nreturn "printed";', answer="printed"),
    Fault("closes its output", "os.closerange(1, 3)\nreturn 'mute'", 'for (const fd of [1, 2]) fs.closeSync(fd);\nreturn "mute";', answer="mute"),
    Fault("closes every descriptor", "os.closerange(0, 2048)\nreturn 'closed'",
          'for (const fd of fs.readdirSync("/proc/self/fd")) { try { fs.closeSync(Number(fd)); } catch (e) {} }\nreturn "closed";',
          ("RuntimeExited", "runtime process is exited")),
    Fault("hangs up", "os.close(channel())\ntime.sleep(99)", "fs.closeSync(channel()); await sleep(99e3);", ("RuntimeExited", "runtime process is exited")),

    # -- frames: READY 1, ASSIGN 2, OPEN 3, DATA 4, END 5, CREDIT 6, RESET 7, LOG 8
    Fault("writes garbage", 'put(b"\\xa5" * 4096)\ntime.sleep(99)', "put(Buffer.alloc(4096, 0xa5)); await sleep(99e3);", GARBLED),
    Fault("writes garbage everywhere", "for fd in range(1024):\n    try:\n        os.write(fd, b'\\xa5' * 999)\n    except OSError:\n        pass\n"
          "time.sleep(99)", 'for (let fd = 0; fd < 64; fd++) { try { if (fs.fstatSync(fd).isSocket()) fs.writeSync(fd, Buffer.alloc(999, 0xa5)); } '
          "catch (e) {} }\nawait sleep(99e3);", GARBLED),
    Fault("sends a frame of 1 GB", 'put(struct.pack(">IBBHI", 1 << 30, 4, 0, 0, 2))\ntime.sleep(99)',
          "const f = frame(4, 2); f.writeUInt32BE(1 << 30, 0); put(f); await sleep(99e3);", GARBLED),
    Fault("sends a frame one byte too large", 'put(frame(4, 2, b"x" * 65537))\ntime.sleep(99)', 'put(frame(4, 2, "x".repeat(65537))); await sleep(99e3);',
          GARBLED),
    Fault("sends half a frame", 'put(frame(4, 2, b"half")[:14])\nos._exit(7)', 'put(frame(4, 2, "half").subarray(0, 14)); process.exit(7);',
          ("SystemError|RuntimeExited", "does not understand|exit code 7")),
    Fault("sends a frame of no type", "put(frame(99, 2))\ntime.sleep(99)", "put(frame(99, 2)); await sleep(99e3);", GARBLED),
    Fault("sends reserved bits", 'put(b"\\0\\0\\0\\0\\4\\0\\0\\1\\0\\0\\0\\2")\ntime.sleep(99)',
          "const f = frame(4, 2); f[7] = 1; put(f); await sleep(99e3);", GARBLED),
    Fault("assigns its host", 'put(frame(2, 0, b"{}"))\ntime.sleep(99)', 'put(frame(2, 0, "{}")); await sleep(99e3);', GARBLED),
    Fault("opens a stream itself", 'put(frame(3, 3, b"{}"))\ntime.sleep(99)', 'put(frame(3, 3, "{}")); await sleep(99e3);', GARBLED),
    Fault("is ready again", 'put(frame(1, 0, b"{}"))\ntime.sleep(99)', 'put(frame(1, 0, "{}")); await sleep(99e3);', GARBLED),
    Fault("answers a request that has ended", 'put(frame(4, 1, b"replayed") + frame(5, 1))\ntime.sleep(99)',
          'put(Buffer.concat([frame(4, 1, "replayed"), frame(5, 1)])); await sleep(99e3);', GARBLED),
    Fault("answers a request that has not come", 'put(frame(4, 3, b"forged") + frame(5, 3))\ntime.sleep(99)',
          'put(Buffer.concat([frame(4, 3, "forged"), frame(5, 3)])); await sleep(99e3);', GARBLED),
    Fault("answers a request of somebody else", 'put(frame(4, 0xfffffffe, b"forged") + frame(5, 0xfffffffe))\ntime.sleep(99)',
          'put(Buffer.concat([frame(4, 0xfffffffe, "forged"), frame(5, 0xfffffffe)])); await sleep(99e3);', GARBLED),
    Fault("answers twice", 'put(frame(4, 2, b"once") + frame(5, 2))\nreturn "twice"',
          'put(Buffer.concat([frame(4, 2, "once"), frame(5, 2)])); return "twice";', answer="once", late=True),
    Fault("gives its request up", "put(frame(7, 2))\ntime.sleep(99)", "put(frame(7, 2)); await sleep(99e3);", GARBLED),
    Fault("ends with a summary that is none", 'put(frame(5, 2, b"{\\"peak_bytes\\":"))\ntime.sleep(99)',
          "put(frame(5, 2, '{\"peak_bytes\":')); await sleep(99e3);", GARBLED),
    Fault("grants more credit than there is", 'put(frame(6, 2, b"\\xff\\xff\\xff\\xff"))\ntime.sleep(99)',
          "put(frame(6, 2, Buffer.alloc(4, 0xff))); await sleep(99e3);", GARBLED),
    Fault("logs for another request", 'put(frame(8, 9, b"forged line\\n"))\ntime.sleep(99)', 'put(frame(8, 9, "forged line\\n")); await sleep(99e3);', GARBLED),
    Fault("sends a descriptor", 's = socket.socket(fileno=os.dup(channel()))\nsocket.send_fds(s, [frame(8, 2, b"here it is\\n")], [0, 1, 2])\nreturn "sent"',
          None, answer="sent", log="here it is"),

    # -- size
    Fault("answers with 7 MB", 'return "x" * (7 << 20)', 'return "x".repeat(7 << 20);', ("FunctionResponseTooLarge", "larger than"), lives=True),
    Fault("answers with 1 GB", 'return "x" * (1 << 30)', "return Buffer.alloc(1 << 30, 1);", MEMORY, lives=EITHER, heavy=True),
    Fault("answers with 1 GB of frames", 'piece = frame(4, 2, b"x" * 65536)\nfor _ in range(16384):\n    put(piece)\ntime.sleep(99)',
          'const piece = frame(4, 2, "x".repeat(65536));\nfor (let i = 0; i < 16384; i++) put(piece);\nawait sleep(99e3);',
          ("SystemError|FunctionResponseTooLarge", "does not understand|larger than"), heavy=True, timeout=30),
    Fault("eats memory", "x = []\nwhile True:\n    x.append(b'z' * (1 << 20))",
          "const x = [];\nfor (;;) x.push(Buffer.alloc(1 << 20, 1));", MEMORY, lives=EITHER, heavy=True, hard=MEMORY_HARD),
    Fault("eats memory on its first line", "x = []\nwhile True:\n    x.append(b'z' * (1 << 20))",
          "const x = [];\nfor (;;) x.push(Buffer.alloc(1 << 20, 1));", MEMORY, heavy=True, at=MODULE, hard=MEMORY_HARD),
    Fault("forks without end on its first line", "while True:\n    try:\n        os.fork()\n    except OSError:\n        pass",
          'cp.spawn("/bin/sh", ["-c", "b() { b & b & wait; }; b"], { stdio: "ignore" });\nfor (;;);',
          ("MemoryLimitExceeded|InitializationTimedOut|RuntimeExited|InvocationTimedOut", "memory limit exceeded|timed out|exited"), heavy=BOMB, at=MODULE),
    Fault("fills /tmp", "n = 0\ntry:\n    with open('/tmp/f', 'wb', buffering=0) as f:\n        while True:\n            n += f.write(b'z' * (1 << 20))\n"
          "except OSError as e:\n    return '%d MB, then %d' % (n >> 20, e.errno)",
          'const f = fs.openSync("/tmp/f", "w"), mb = Buffer.alloc(1 << 20, 122);\nlet n = 0;\n'
          'try { for (;;) n += fs.writeSync(f, mb); } catch (e) { return `${n >> 20} MB, then ${-e.errno}`; }',
          answer="512 MB, then 28", heavy=True, memory_size=1024, timeout=30),
]
BY_NAME = {f.name: f for f in FAULTS}
assert len(BY_NAME) == len(FAULTS), "two faults have the same name"
