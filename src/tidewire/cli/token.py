"""``tidewire token``: make a token for a user, or look into one."""

from __future__ import annotations

import base64
import json
import secrets
import sys
from datetime import UTC, datetime
from typing import Any, get_args

import click

from tidewire.channels.names import is_name
from tidewire.channels.options import Action, ChannelOptions
from tidewire.channels.patterns import ChannelTable
from tidewire.cli.durations import read_duration
from tidewire.cli.formats import json_option
from tidewire.cli.options import load_settings, setting_options, source_options
from tidewire.cli.surroundings import Surroundings
from tidewire.config import Auth, read_keys, read_secrets
from tidewire.errors import ConfigError
from tidewire.security.refusals import TokenRefused
from tidewire.security.tokens import MAX_LIFETIME_S, MAX_TOKEN_LENGTH, TokenIssuer, TokenVerifier

TOKEN_ID_BYTES = 12
"""Names a token so that it can be revoked; 96 random bits never meet."""

TIMES = frozenset({"exp", "iat", "nbf"})


@click.group()
def token() -> None:
    """Make a token for a user, or look into one."""


@token.command()
@click.option("--user", required=True, metavar="ID", help="User the token is for (its `sub`).")
@click.option(
    "--ttl",
    metavar="DURATION",
    default="1h",
    show_default=True,
    callback=read_duration,
    help="How long it is valid, such as 90s, 15m, 12h or 7d.",
)
@click.option("--info", metavar="JSON", help="What others may see of the user, as JSON.")
@click.option(
    "--may",
    metavar="PATTERN=ACTIONS",
    multiple=True,
    help="What it may do where a channel asks the token: chat:{room}=subscribe,publish",
)
@click.option(
    "--subscribe",
    metavar="CHANNEL",
    multiple=True,
    help="Channel that its clients are subscribed to at once.",
)
@setting_options("auth.secret_files")
@source_options
@json_option
@click.pass_context
def create(
    context: click.Context,
    user: str,
    ttl: float,
    info: str | None,
    *,
    may: tuple[str, ...],
    subscribe: tuple[str, ...],
    as_json: bool,
) -> None:
    """Print a token, signed with the first configured secret."""
    around: Surroundings = context.obj
    if ttl > MAX_LIFETIME_S:
        raise ConfigError("a token is valid for at most 366 days: no server takes a longer one")
    auth = load_settings(context).settings.auth
    now = around.clock.time()
    try:
        made = issuer_of(auth).issue(
            user,
            now=now,
            ttl_s=ttl,
            info=_parsed(info),
            token_id=secrets.token_urlsafe(TOKEN_ID_BYTES),
            channels=dict(map(_capability, may)),
            subscribe=[_channel(name) for name in subscribe],
        )
    except ValueError as error:
        raise ConfigError(str(error)) from None
    click.echo(json.dumps({"token": made, "expiresAt": int(now + ttl)}) if as_json else made)


def issuer_of(auth: Auth) -> TokenIssuer:
    """Signs as the server that has these settings expects it."""
    known = read_secrets(auth)
    if not known:
        raise ConfigError("there is no secret to sign with: give --secret-file or auth.secrets")
    return TokenIssuer(known[0], auth.algorithm, issuer=auth.issuer, audience=auth.audience)


def _capability(text: str) -> tuple[str, list[str]]:
    """A pattern and what may be done in its channels."""
    pattern, has_actions, listed = text.rpartition("=")
    actions = listed.split(",")
    known = get_args(Action)
    if not has_actions or not set(actions) <= set(known):
        raise ConfigError(
            f"--may is PATTERN=ACTIONS, the actions some of {','.join(known)}, not {text}"
        )
    ChannelTable([(pattern, ChannelOptions())])  # a pattern that means nothing is named
    return pattern, actions


def _channel(name: str) -> str:
    if not is_name(name):
        raise ConfigError(f"--subscribe: {name!r} is no channel name")
    return name


def _parsed(info: str | None) -> Any:
    if info is None:
        return None
    try:
        return json.loads(info)
    except (ValueError, RecursionError):
        raise ConfigError(f'--info must be JSON, as in \'{{"name": "Ada"}}\', not {info}') from None


@token.command()
@click.argument("text", metavar="TOKEN")
@setting_options("auth.secret_files")
@source_options
@json_option
@click.pass_context
def inspect(context: click.Context, text: str, as_json: bool) -> None:
    """Show what TOKEN ("-" reads it from standard input) says, and whether it verifies here.

    Nothing it says is believed for that: the keys are the configured ones.
    """
    around: Surroundings = context.obj
    given = sys.stdin.read(MAX_TOKEN_LENGTH + 1).strip() if text == "-" else text
    header, claims = _parts(given)
    verdict = _verdict(load_settings(context).settings.auth, given, around.clock.time())
    if as_json:
        click.echo(json.dumps({"header": header, "claims": claims, **verdict}))
        return
    for title, part in (("header", header), ("claims", claims)):
        click.echo(f"{title}:")
        for name, value in part.items():
            click.echo(f"  {name}: {_shown(name, value)}")
    click.echo(f"verified: {_in_words(verdict)}")


def _parts(text: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims as they stand there, believed or not."""
    pieces = text.split(".")
    if len(pieces) != 3 or len(text) > MAX_TOKEN_LENGTH:
        raise ConfigError("this is no token: a token is three parts with dots between them")
    return _object(pieces[0], "header"), _object(pieces[1], "claims")


def _object(piece: str, name: str) -> dict[str, Any]:
    try:
        found = json.loads(base64.urlsafe_b64decode(piece + "=" * (-len(piece) % 4)))
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise ConfigError(f"this is no token: its {name} cannot be read")
    return found


def _verdict(auth: Auth, text: str, now: float) -> dict[str, Any]:
    keys = read_keys(auth)
    if not len(keys):
        return {"verified": None, "reason": "no key is configured"}
    verifier = TokenVerifier(
        keys, audience=auth.audience, issuer=auth.issuer, leeway_s=auth.leeway_s
    )
    try:
        verifier.verify(text, now)
    except TokenRefused as error:
        return {"verified": False, "reason": str(error)}
    return {"verified": True, "reason": None}


def _in_words(verdict: dict[str, Any]) -> str:
    word = {True: "yes", False: "no", None: "not checked"}[verdict["verified"]]
    return word if verdict["reason"] is None else f"{word} ({verdict['reason']})"


def _shown(name: str, value: object) -> str:
    """A claim as JSON, so that nothing in it reaches the terminal as a control sequence."""
    text = json.dumps(value)
    if name in TIMES and isinstance(value, (int, float)):
        try:
            return f"{text} ({datetime.fromtimestamp(value, UTC):%Y-%m-%d %H:%M:%S} UTC)"
        except (ValueError, OverflowError, OSError):
            return text
    return text
