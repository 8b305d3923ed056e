# SPDX-License-Identifier: Apache-2.0
"""The Python worker: what runs inside a sandbox and turns frames on descriptor 3 into calls.

Start here, then read _evoke/worker.py. This file is compiled anew at each start (a main script is
never cached), so it only fetches the package beside it and leaves: `__main__` belongs to the
function's author.
"""

import sys

if __name__ == "__main__":
    here = __file__.rpartition("/")[0] or "."
    sys.path[:] = [here] + [p for p in sys.path if p not in ("", here)]
    from _evoke import worker

    sys.path.remove(here)
    worker.main(3)
