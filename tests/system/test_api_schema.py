"""Schemathesis asks a real server whatever its OpenAPI document lets it, and more."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import ignored_auth, positive_data_acceptance

from tests.support.backends import KEY
from tests.support.processes import ServerProcess
from tidewire.http.openapi import document
from tidewire.security.api_keys import line_of

CONFIG = f"""
[auth]
anonymous = true
[api]
keys = ["{line_of("shop", KEY)}"]
[[channels]]
pattern = "*"
keeps_latest = true
"""

EXAMPLES = 30
"""Of each call; the same ones in every run, so that a failure can be looked at."""

NOT_MEANT = [ignored_auth, positive_data_acceptance]
"""A request without a key is 401, but 429 when there have been many. And what JSON Schema lets
pass is not all that is taken: 1.0 is no integer here, and a user's name has to be printable."""

schema = schemathesis.openapi.from_dict(document())


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[str, requests.Session]]:
    with ServerProcess(CONFIG) as running, requests.Session() as session:
        yield f"http://127.0.0.1:{running.port}", session


@schema.parametrize()
@settings(
    max_examples=EXAMPLES,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
def test_whatever_is_asked_is_answered_as_described(
    case: schemathesis.Case[Any], server: tuple[str, requests.Session]
) -> None:
    url, session = server
    headers = {"Authorization": f"Bearer {KEY}"}
    case.call_and_validate(
        base_url=url, session=session, headers=headers, timeout=60, excluded_checks=NOT_MEANT
    )
