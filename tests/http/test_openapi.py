"""The API's description is valid, and says no more and no less than there is."""

from __future__ import annotations

import httpx
from openapi_spec_validator import validate

from tests.support.asynchronous import run
from tests.support.backends import settings, url_of
from tests.support.inprocess import serving
from tidewire.api import Api, AsyncApi
from tidewire.api.calls import CALLS, method_of
from tidewire.http.openapi import document


def test_the_document_is_valid_openapi() -> None:
    validate(document())


def test_every_call_has_a_path_and_a_method_of_both_clients() -> None:
    methods = {method_of(call) for call in CALLS}
    assert {path.removeprefix("/api/") for path in document()["paths"]} == methods
    for client in (Api, AsyncApi):
        assert methods <= {*dir(client)}


def test_the_server_answers_it_without_a_key() -> None:
    async def scene() -> None:
        async with serving(settings()) as port, httpx.AsyncClient(base_url=url_of(port)) as http:
            answer = await http.get("/api/openapi.json")
        assert answer.json()["openapi"] == "3.1.0"

    run(scene())
