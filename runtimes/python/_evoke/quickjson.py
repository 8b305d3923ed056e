# SPDX-License-Identifier: Apache-2.0
"""json.loads and json.dumps without importing json.

The json package pulls in `re` and costs 5 to 7 ms of a cold start; its two C functions do not. The
results are those of json's defaults. Whatever is unusual (an error to word, an interpreter whose
_json is different) goes to the real package.
"""

try:
    from _json import encode_basestring, encode_basestring_ascii, make_encoder, make_scanner
except ImportError:  # an interpreter without the accelerator
    make_scanner = None


class _Defaults:
    """What json.JSONDecoder() would hand the scanner."""

    strict = True
    object_hook = object_pairs_hook = None
    parse_float, parse_int = float, int
    parse_constant = {"-Infinity": float("-inf"), "Infinity": float("inf"), "NaN": float("nan")}.get


try:
    _scan = make_scanner(_Defaults) if make_scanner else None
except (TypeError, AttributeError):
    _scan = None

_SPACE = " \t\n\r"


def loads(data):
    """Of UTF-8 bytes. Raises what json.loads raises."""
    if _scan:
        try:
            text = data.decode().strip(_SPACE)
            value, end = _scan(text, 0)
            if end == len(text):
                return value
        except RecursionError:
            raise
        except (ValueError, StopIteration):
            pass
    import json

    return json.loads(data)


def _refuse(value):
    raise TypeError("Object of type %s is not JSON serializable" % type(value).__name__)


def dumps(value, ascii=True, default=_refuse):
    if make_scanner:
        quote = encode_basestring_ascii if ascii else encode_basestring
        try:
            encode = make_encoder({}, default, quote, None, ": ", ", ", False, False, True)
        except TypeError:
            pass  # another signature
        else:
            return "".join(encode(value, 0))
    import json

    return json.dumps(value, ensure_ascii=ascii, default=default)
