from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.support.certificates import write_certificate
from tidewire.cli.examinations import address, certificate
from tidewire.config import Server, Settings

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("days", "state"), [(-1, "failed"), (1, "warning"), (13, "warning"), (15, "ok"), (400, "ok")]
)
def test_a_certificate_that_ends_soon_is_a_warning(tmp_path: Path, days: int, state: str) -> None:
    tls = write_certificate(tmp_path, expires=NOW + timedelta(days=days))
    assert certificate(Settings(tls=tls), NOW.timestamp()).state == state


def test_a_server_without_host_and_port_needs_no_free_port() -> None:
    assert address(Server(uds="/run/tidewire.sock")).state == "ok"
