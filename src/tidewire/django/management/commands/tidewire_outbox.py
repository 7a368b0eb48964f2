"""``manage.py tidewire_outbox``: sends what is in the outbox, until it is told to stop."""

from __future__ import annotations

import signal
import threading
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from tidewire.django.outbox import relay
from tidewire.errors import TidewireError

MAX_WAIT_S = 30.0
"""Between two attempts while the server cannot be reached: well within what ``once`` remembers."""


class Command(BaseCommand):
    help = "Sends the outbox's publications, oldest first, until SIGTERM or SIGINT."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true", help="send what is there, then stop")
        parser.add_argument(
            "--poll", type=float, default=0.5, metavar="SECONDS", help="how often to look (0.5)"
        )

    def handle(self, *_: Any, **options: Any) -> None:
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        wait_s = options["poll"]
        while not stop.is_set():
            try:
                sent = relay()
            except (TidewireError, TimeoutError) as error:
                self.stderr.write(f"not sent, trying again: {error or type(error).__name__}")
                sent, wait_s = 0, min(wait_s * 2, MAX_WAIT_S)
            else:
                wait_s = options["poll"]
            if options["once"] and not sent:
                return
            if not sent:
                stop.wait(wait_s)
