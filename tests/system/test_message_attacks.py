"""Attacks with messages, catalogue 48 to 62, against a real server process.

The dialect has its own tests and vectors; here it is shown what a peer is
answered, that its connection lives, and that nobody else receives any of it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import count

import pytest

from tests.support import rawframes
from tests.support.processes import ServerProcess
from tests.support.rawframes import BINARY, TEXT, frame
from tests.support.wire import RawConnection

CONFIG = """
[auth]
anonymous = true
[heartbeat]
interval_s = 3600
[limits]
publications_per_s = 1000
publications_burst = 1000
user_publications_per_s = 1000
user_publications_burst = 1000
[[channels]]
pattern = "lobby"
[[channels]]
pattern = "room:*"
[[channels]]
pattern = "board"
may_publish = "nobody"
"""

REFUSALS = 20
POLICY_VIOLATION = 1008


@pytest.fixture(scope="module")
def process() -> Iterator[ServerProcess]:
    with ServerProcess(CONFIG) as server:
        yield server


@pytest.fixture
def server(process: ServerProcess) -> Iterator[ServerProcess]:
    """A server on which a witness in the lobby sees nothing of an attack, and chats on after it."""
    with process.join() as witness:
        yield process
        witness.send_json({"type": "chat", "text": "still here"})
        assert witness.expect("chat")["text"] == "still here"


@pytest.fixture
def client(server: ServerProcess) -> Iterator[RawConnection]:
    with server.join() as connection:
        yield connection


@pytest.fixture
def guest(process: ServerProcess) -> Iterator[RawConnection]:
    """Somebody who is heard: no witness listens for its silence."""
    with process.join() as connection:
        yield connection


def _refused(
    client: RawConnection, text: str | bytes, code: str = "malformed"
) -> dict[str, object]:
    """The error a text is answered with; the connection has to live on."""
    client.send(frame(TEXT, text.encode() if isinstance(text, str) else text))
    error = client.expect("error")
    assert error["code"] == code, error
    assert client.ask_json({"type": "ping"})["type"] == "pong"
    return error


# -- 48 to 54: text that is no proper JSON -----------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "\0",
        "nonsense",
        "{",
        '{"type":"ping"',
        '{"type":"ping"}}',
        '{"type":"ping"} {"type":"ping"}',
        "\ufeff" + '{"type":"ping"}',
        "{'type':'ping'}",
        '{"type":"ping",}',
        '{type:"ping"}',
        '/**/{"type":"ping"}',
        '{"type":"chat","text":"a\tb"}',
        '{"type":"chat","text":"\\x41"}',
        "null",
        '"ping"',
        "7",
    ],
    ids=repr,
)
def test_what_is_no_json_object_is_answered_with_an_error(client: RawConnection, text: str) -> None:
    """Catalogue 48."""
    _refused(client, text)


def test_whoever_goes_on_and_on_with_rubbish_is_closed(server: ServerProcess) -> None:
    """Catalogue 48."""
    with server.join() as client:
        client.send(rawframes.text("rubbish") * (REFUSALS * 3))
        assert client.close_code().code == POLICY_VIOLATION


def test_a_mistake_now_and_then_is_forgiven(server: ServerProcess) -> None:
    """Catalogue 48: it is repetition that closes."""
    with server.join() as client:
        for _ in range(REFUSALS // 2):
            _refused(client, "rubbish")


@pytest.mark.parametrize("opening", ["[", '{"a":', '{"type":"publish","channel":"lobby","data":['])
def test_depth_is_an_error_and_no_crash(client: RawConnection, opening: str) -> None:
    """Catalogue 49: as deep as 64 KiB allow."""
    deepest = opening * (65_000 // len(opening))
    _refused(client, deepest)
    _refused(
        client, '{"type":"publish","channel":"lobby","data":' + "[" * 30_000 + "]" * 30_000 + "}"
    )


NOT_JSON_NUMBERS = ["NaN", "Infinity", "-Infinity", "01", "1.", "+1", ".5", "0x1", "1e", "--1"]


@pytest.mark.parametrize("number", [*NOT_JSON_NUMBERS, "1e400", "-1e400"])
@pytest.mark.parametrize(
    "place",
    ['{{"type":"ping","id":{}}}', '{{"type":"publish","channel":"lobby","data":{{"a":[{}]}}}}'],
    ids=["a field", "data"],
)
def test_a_number_no_parser_agrees_on_is_refused(
    client: RawConnection, place: str, number: str
) -> None:
    """Catalogue 50: wherever it stands, for it would be handed on to everybody."""
    _refused(client, place.format(number))


@pytest.mark.parametrize("number", NOT_JSON_NUMBERS)
def test_a_field_that_is_ignored_has_to_be_json_all_the_same(
    client: RawConnection, number: str
) -> None:
    """Catalogue 50."""
    _refused(client, f'{{"type":"ping","unknown":{number}}}')


@pytest.mark.parametrize("number", ["1e300", "1.7976931348623157e308", "2.2250738585072011e-308"])
@pytest.mark.parametrize("kind", ["publish", "unknown"])
def test_numbers_that_are_dear_to_read_hold_nobody_up(
    server: ServerProcess, kind: str, number: str
) -> None:
    """Catalogue 50: read digit by digit, one message of them takes a sixth of a second."""
    numbers = ",".join([number] * (60_000 // (len(number) + 1)))
    command = f'{{"type":"{kind}","channel":"room:numbers","data":[{numbers}]}}'
    used_s = server.cpu_s()
    with server.join() as client:
        client.push(rawframes.text(command) * (REFUSALS - 1))
        assert client.ask_json({"type": "ping"})["type"] == "pong"
    assert server.cpu_s() - used_s < 1


@pytest.mark.parametrize(
    "command",
    [
        '{"type":"ping","id":18446744073709551616}',
        '{"type":"ping","id":9007199254740992}',
        '{"type":"ping","id":-1}',
        '{"type":"ping","id":' + "9" * 5000 + "}",
        '{"type":"subscribe","channel":"room:a","since":{"epoch":"e","seq":18446744073709551616}}',
        '{"type":"subscribe","channel":"room:a","since":{"epoch":"e","seq":-1}}',
        '{"type":"history","channel":"room:a","limit":0}',
        '{"type":"history","channel":"room:a","limit":301}',
        '{"type":"publish","channel":"lobby","data":1,"ref":9223372036854775808}',
        '{"type":"publish","channel":"lobby","data":' + "9" * 5000 + "}",
    ],
    ids=lambda command: command[:40],
)
def test_a_number_out_of_range_is_refused(client: RawConnection, command: str) -> None:
    """Catalogue 51."""
    _refused(client, command)


def test_of_two_equal_keys_the_one_that_was_checked_counts(client: RawConnection) -> None:
    """Catalogue 52: not one channel for the permission, and another for the publication."""
    command = '{"type":"publish","id":1,"channel":"board","data":1,"channel":"room:a"}'
    client.send(rawframes.text(command))
    assert client.expect("published")["channel"] == "room:a"
    client.send(rawframes.text(command.replace("board", "room:b").replace('"room:a"', '"board"')))
    assert client.expect("error")["code"] == "forbidden"


def test_a_publication_has_one_of_each_key(guest: RawConnection) -> None:
    """Catalogue 52: what the sender wrote is not passed on beside what the server says."""
    guest.send(rawframes.text('{"type":"chat","text":"a","from":"x","from":"y","text":"b"}'))
    payload = guest.read_frame().payload
    assert json.loads(payload)["text"] == "b"
    for key in (b'"type"', b'"from"', b'"text"', b'"seq"', b'"channel"'):
        assert payload.count(key) == 1


@pytest.mark.parametrize(
    "escape", ["\\ud800", "\\udc00", "\\ud800x", "\\ud800\\ud800", "\\udfff\\ud800"]
)
@pytest.mark.parametrize(
    "place",
    ['{{"type":"chat","text":"{}"}}', '{{"type":"publish","channel":"lobby","data":["{}"]}}'],
    ids=["text", "data"],
)
def test_half_a_character_is_refused(client: RawConnection, place: str, escape: str) -> None:
    """Catalogue 53: whoever received it could not write it down as UTF-8."""
    _refused(client, place.format(escape))


@pytest.mark.parametrize("value", ["1.0", "true", "1e0", "[1]", "{}", '"x"'])
def test_an_integer_is_an_integer_and_nothing_like_it(client: RawConnection, value: str) -> None:
    """Catalogue 54."""
    _refused(client, f'{{"type":"history","channel":"room:a","limit":{value}}}')


@pytest.mark.parametrize("value", ["1", "null", "true", "[]", '{"a":"b"}'])
def test_a_text_is_a_text_and_nothing_like_it(client: RawConnection, value: str) -> None:
    """Catalogue 54."""
    _refused(client, f'{{"type":"chat","text":{value}}}')


# -- 55 to 58: types, names and batches --------------------------------------------------------


@pytest.mark.parametrize(
    "kind",
    ["unknown", "", "PING", "ping ", "__init__", "receive", "_ping", "connected", "user_left",
     "error", "message", "published", "constructor", "t" * 5000],
)  # fmt: skip
def test_an_unknown_type_is_an_error_and_calls_nothing(client: RawConnection, kind: str) -> None:
    """Catalogue 55: the server's own types and methods are as unknown as any."""
    error = _refused(client, json.dumps({"type": kind, "id": "mine"}))
    assert error["id"] == "mine"
    assert len(str(error["message"])) < 200


@pytest.mark.parametrize("kind", ["null", "1", "true", "[]", '{"a":1}', '["ping"]'])
def test_a_type_is_a_string(client: RawConnection, kind: str) -> None:
    """Catalogue 55."""
    _refused(client, f'{{"type":{kind}}}')


def test_unknown_fields_are_ignored(client: RawConnection) -> None:
    """Catalogue 55: this is how a protocol grows."""
    answer = client.ask_json({"type": "ping", "unknown": {"a": [1]}, "admin": True})
    assert answer["type"] == "pong"
    assert not {"unknown", "admin"} & answer.keys()


@pytest.mark.parametrize("name", ["__proto__", "constructor", "__class__", "toString", "__dict__"])
def test_names_that_mean_something_elsewhere_are_plain_data(
    client: RawConnection, name: str
) -> None:
    """Catalogue 56."""
    data = {name: {"polluted": True}, "list": [{name: name}]}
    client.send_json({"type": "publish", "channel": "lobby", "data": data, name: {"type": "x"}})
    received = client.expect("message")
    assert received["data"] == data
    assert name not in received


@pytest.mark.parametrize("batch", ["[]", '[{"type":"ping"}]', "[" + "{}," * 20_000 + "{}]"])
def test_a_batch_is_refused_before_it_is_looked_into(client: RawConnection, batch: str) -> None:
    """Catalogue 57, 58: no count to believe, no list to split."""
    _refused(client, batch)


def test_a_message_of_newlines_is_one_message(client: RawConnection) -> None:
    """Catalogue 58: lines are not commands here."""
    _refused(client, "\n" * 65_000)
    _refused(client, '{"type":"ping"}\n{"type":"ping"}\n')


def test_a_binary_frame_is_refused_unless_it_was_agreed_on(server: ServerProcess) -> None:
    with server.join() as client:
        client.send(frame(BINARY, b'{"type":"ping"}'))
        assert client.close_code().code == 1003


# -- 59 to 62: what a client says about channels and itself ------------------------------------

BAD_NAMES = [
    "",
    "c" * 256,
    "c" * 10_000,
    "*",
    "room:*",
    ">",
    "room:>",
    "../etc/passwd",
    "room:../a",
    "room/a",
    "room:a\r\nSET x 1",
    "room:a\0",
    "room:a b",
    "room:\u202eabc",
    "room:caf\u00e9",
    "room:cafe\u0301",
    "room:\uff41",
    "room:",
    ":room",
    "room::a",
    "room:{a}",
    "{room}",
    "room:a?",
    "room:[ab]",
    "room:%00",
    "room:\\u0061",
]


@pytest.mark.parametrize("name", BAD_NAMES, ids=lambda name: repr(name)[:20])
@pytest.mark.parametrize("kind", ["subscribe", "publish", "history", "presence"])
def test_a_channel_has_a_plain_name_or_is_refused(
    client: RawConnection, kind: str, name: str
) -> None:
    """Catalogue 59, 60: nothing that a path, a log line, a pattern or a key would read otherwise.

    ``forbidden`` is the answer to every name there is no channel of.
    """
    answer = client.ask_json({"type": kind, "channel": name, "data": 1})
    assert answer["type"] == "error"
    assert answer["code"] in ("malformed", "forbidden")


def test_the_longest_name_is_a_name(client: RawConnection) -> None:
    """Catalogue 59: the limit is where it is said to be."""
    name = "room:" + "c" * 250
    assert client.ask_json({"type": "subscribe", "channel": name})["channel"] == name


def test_names_that_differ_in_case_are_different_channels(client: RawConnection) -> None:
    """Catalogue 59: nothing is folded after it was allowed."""
    client.ask_json({"type": "subscribe", "channel": "room:a"})
    client.ask_json({"type": "publish", "channel": "room:A", "data": "not for room:a"})
    client.send_json({"type": "publish", "channel": "room:a", "data": "for room:a"})
    assert client.expect("message")["data"] == "for room:a"


SPOOFED = {
    "from": "admin", "clientId": "c-admin", "userId": "admin", "seq": 999, "tag": "forged",
    "epoch": "forged", "timestamp": 1, "kind": "system", "user_id": "admin", "client_id": "c",
}  # fmt: skip


@pytest.mark.parametrize(
    "command", [{"type": "chat", "text": "x"}, {"type": "publish", "channel": "lobby", "data": "x"}]
)
def test_who_and_when_and_where_are_the_servers_to_say(
    guest: RawConnection, command: dict[str, str]
) -> None:
    """Catalogue 61."""
    guest.send_json({**command, **SPOOFED})
    received = guest.expect("chat" if command["type"] == "chat" else "message")
    me = guest.connected
    assert received["from"] == me["userId"]
    assert "clientId" not in received
    assert received["seq"] == me["seq"] + 1
    assert received["timestamp"] > 1_600_000_000_000
    assert not {"forged", "admin", "system"} & {str(value) for value in received.values()}


def test_markup_is_passed_on_as_it_came(guest: RawConnection) -> None:
    """Catalogue 62: a server that changed it would make a client trust what it receives."""
    numbers = count(1)
    for text in (
        "<script>alert(1)</script>",
        '"><img src=x onerror=alert(1)>',
        "&lt;b&gt;",
        "\u2028",
    ):
        guest.send_json({"type": "chat", "text": text, "id": next(numbers)})
        assert guest.expect("chat")["text"] == text
