# -*- coding: utf-8 -*-
"""A WSGI application: its path begins behind the function's name."""


def application(environ, start_response):
    length = int(environ.get("CONTENT_LENGTH") or 0)
    words = environ["wsgi.input"].read(length).decode("utf-8") or "nothing"
    start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8")])
    return [f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']} with {words}\n".encode("utf-8")]
