# SPDX-License-Identifier: Apache-2.0
"""From a handler string to a function, or to a sentence about why not.

`dir/file.function`, split at the last dot. The module is imported as `dir.file` with the code
directory first in sys.path, so its own imports work. A name the interpreter already uses for
something else (`types.handler`) is loaded from its file.
"""

import os
import sys
from _frozen_importlib import module_from_spec
from _frozen_importlib_external import spec_from_file_location


class LoadError(Exception):
    """kind: the error type shown; cause: the exception behind it, or None."""

    def __init__(self, kind, message, cause=None):
        super().__init__(message)
        self.kind, self.cause = kind, cause


def handler(code_root, text, what="handler"):
    path, dot, name = text.rpartition(".")
    if not dot or not path or not name:
        raise LoadError("HandlerNotFound", "Bad %s '%s': it must be 'file.function'" % (what, text))
    module = _module(code_root, path, what, text)
    try:
        function = getattr(module, name)
    except AttributeError:
        raise LoadError(
            "HandlerNotFound", "Handler '%s' is missing on module '%s'" % (name, path)
        ) from None
    if not callable(function):
        raise LoadError(
            "HandlerNotFound",
            "Handler '%s' of module '%s' is not callable: it is of type '%s'"
            % (name, path, type(function).__name__),
        )
    return function


def _module(code_root, path, what, text):
    parts = path.split("/")
    if not all(parts) or ".." in parts or "." in parts:
        raise LoadError(
            "HandlerNotFound", "Bad %s '%s': the file must be inside the code" % (what, text)
        )
    base = code_root + "/" + path.replace(".", "/")
    name = path.replace("/", ".")
    file = base + ".py"
    if not os.path.exists(file):
        file = base + "/__init__.py"
        if not os.path.exists(file):
            raise LoadError(
                "ImportModuleError",
                "Unable to import module '%s': there is no file '%s.py' in the code"
                % (path, path.replace(".", "/")),
            )
    try:
        known = sys.modules.get(name)
        if known is not None and getattr(known, "__file__", None) != file:
            return _from_file(name, file)
        __import__(name)
        return sys.modules[name]
    except SyntaxError as e:
        where = "%s, line %s" % (os.path.basename(e.filename or "?"), e.lineno)
        raise LoadError(
            "SyntaxError", "Syntax error in module '%s'(%s (%s))" % (path, e.msg, where), e
        ) from None
    except ImportError as e:
        raise LoadError(
            "ImportModuleError", "Unable to import module '%s': %s" % (path, e), e
        ) from None


def _from_file(name, file):
    spec = spec_from_file_location(name, file)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
