"""The server's own TLS: a certificate from files, and again when they were renewed.

A context is loaded anew in place: connections that are open keep what they have,
new ones get the new certificate.
"""

from __future__ import annotations

import ssl
from pathlib import Path

from msgspec import Struct

from tidewire.errors import StartFailed


class Certificate(Struct, frozen=True):
    """Where a certificate is: PEM files, and perhaps one that holds the key's password."""

    cert: str
    key: str
    password_file: str | None = None

    def context(self) -> ssl.SSLContext:
        """A server's context, TLS 1.2 or newer. Raises ``StartFailed``: one sentence."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._load_into(context)
        return context

    def renew(self, context: ssl.SSLContext) -> None:
        """Read the files again. Raises ``StartFailed``, and ``context`` stays as it is."""
        # Into one of its own first: a certificate without its key must not be half loaded.
        self.context()
        self._load_into(context)

    def _load_into(self, context: ssl.SSLContext) -> None:
        try:
            password = self._password()
            # Without a password given, OpenSSL would stop and ask the terminal for it.
            context.load_cert_chain(self.cert, self.key, lambda: password)
        except ssl.SSLError as error:
            reason = error.reason or "not a PEM certificate and its key"
            raise StartFailed(
                f"cannot use certificate {self.cert} with key {self.key}: {reason}"
            ) from None
        except OSError as error:
            raise StartFailed(
                f"cannot read {error.filename or self.cert}: {error.strerror}"
            ) from None

    def _password(self) -> bytes:
        if self.password_file is None:
            return b""
        return Path(self.password_file).read_bytes().rstrip(b"\r\n")
