# SPDX-License-Identifier: Apache-2.0
"""The Python zygote: a warmed interpreter that the launcher has forked into slots.

Like bootstrap.py, this file only fetches the package beside it: see _evoke/zygote.py.
"""

import sys

if __name__ == "__main__":
    here = __file__.rpartition("/")[0] or "."
    sys.path[:] = [here] + [p for p in sys.path if p not in ("", here)]
    from _evoke import zygote

    sys.path.remove(here)
    zygote.main(here)
