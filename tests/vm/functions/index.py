# SPDX-License-Identifier: Apache-2.0
"""What a limit is for, one trick per event."""
import os
import time


def hog():
    kept = []
    while True:
        kept.append(bytearray(4 << 20))


def fork():
    """How many processes there can be beside this one."""
    children = []
    try:
        while len(children) < 5000:
            pid = os.fork()
            if pid == 0:
                time.sleep(600)
                os._exit(0)
            children.append(pid)
    except OSError:
        pass
    for pid in children:
        os.kill(pid, 9)
        os.waitpid(pid, 0)
    return len(children)


def burn():
    """CPU used per second, in thousandths, over two seconds."""
    start, used = time.monotonic(), time.process_time()
    while time.monotonic() < start + 2:
        pass
    return (time.process_time() - used) / (time.monotonic() - start) * 1000


def handler(event, context):
    what = event["do"]
    if what == "hog":
        hog()
    answer = {"hello": lambda: "hello", "fork": fork, "burn": burn,
              "cpu": lambda: int(os.environ["RUNTIME_CPU"])}[what]()
    return {"statusCode": 200, "isBase64Encoded": False, "headers": {}, "body": str(answer)}
