"""An issuer's key set behind HTTP on this machine, which a test may break in many ways."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Issuer:
    """Answers ``/keys`` with ``status``, ``headers`` and ``body``; counts how often it is asked."""

    def __init__(self, *keys: dict[str, Any]) -> None:
        self.status = 200
        self.headers: dict[str, str] = {}
        self.body = b""
        self.asked = 0
        self.may_answer = threading.Event()
        self.may_answer.set()
        self.url = ""
        self.publish(*keys)

    def publish(self, *keys: dict[str, Any]) -> None:
        self.body = json.dumps({"keys": keys}).encode()


@contextmanager
def issuing(*keys: dict[str, Any]) -> Iterator[Issuer]:
    """An issuer that publishes ``keys``, from entering to leaving."""
    issuer = Issuer(*keys)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            issuer.asked += 1
            issuer.may_answer.wait()
            self.send_response(issuer.status)
            for name, value in issuer.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(issuer.body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
            """A test's output is its own."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        issuer.url = f"http://127.0.0.1:{server.server_port}/keys"
        try:
            yield issuer
        finally:
            issuer.may_answer.set()
            server.shutdown()
            thread.join()
