"""What can be set: one frozen type per section, every field with its bounds and its meaning.

Values only. Where they come from is ``sources``, how they are checked against
each other is ``checks``. The descriptions here are the ones the reference page
and ``tidewire config schema`` show, so a fact about a setting is written once.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, Struct

from tidewire.config.values import Network, Secret

Port: TypeAlias = Annotated[int, Meta(ge=0, le=65535)]
Seconds: TypeAlias = Annotated[float, Meta(gt=0, le=86400)]
Count: TypeAlias = Annotated[int, Meta(ge=1)]
Rate: TypeAlias = Annotated[float, Meta(gt=0, le=10**9)]
Lifetime: TypeAlias = Annotated[float, Meta(gt=0, le=366 * 86400)]
ByteCount: TypeAlias = Annotated[int, Meta(ge=1)]
Who: TypeAlias = Literal["anyone", "authenticated", "subscribers", "token", "hook", "nobody"]
SlowReader: TypeAlias = Literal["disconnect", "drop_oldest", "conflate"]
LogLevel: TypeAlias = Literal["debug", "info", "warning", "error", "critical"]


def about(text: str) -> Meta:
    """The one-line description of a setting."""
    return Meta(description=text)


class Section(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of the configuration file."""


class Server(Section, frozen=True):
    """Where the server listens, and how it starts and stops."""

    host: Annotated[str, about("Address to listen on. Only this machine can reach 127.0.0.1.")] = (
        "127.0.0.1"
    )
    port: Annotated[Port, about("TCP port; 0 takes any free one. `PORT` is read too.")] = 8080
    uds: Annotated[
        str | None, about("Path of a Unix domain socket to listen on instead of host and port.")
    ] = None
    fd: Annotated[
        Annotated[int, Meta(ge=0)] | None,
        about("File descriptor of a socket that is already listening, from a process manager."),
    ] = None
    websocket_paths: Annotated[
        tuple[str, ...], about("Paths that accept a WebSocket; anything else goes to the app.")
    ] = ("/", "/ws")
    root_path: Annotated[
        str, about("Prefix a proxy strips from the path before it reaches this server.")
    ] = ""
    backlog: Annotated[
        Count, about("Connections the kernel may hold before they are accepted.")
    ] = 2048
    keep_alive_s: Annotated[
        Seconds, about("How long an idle HTTP connection stays open for a next request.")
    ] = 5.0
    drain_timeout_s: Annotated[
        Seconds, about("On SIGTERM, how long clients have to move away before the process exits.")
    ] = 30.0
    loop: Annotated[
        Literal["auto", "asyncio", "uvloop"],
        about("Event loop; auto takes uvloop where it is installed."),
    ] = "auto"


class Tls(Section, frozen=True):
    """The server's own TLS (1.2 or newer). Leave empty where a proxy ends TLS."""

    cert: Annotated[str | None, about("PEM file with the certificate and its chain.")] = None
    key: Annotated[str | None, about("PEM file with the certificate's private key.")] = None
    key_password_file: Annotated[
        str | None, about("File that holds the private key's password.")
    ] = None


class Proxy(Section, frozen=True):
    """A proxy in front, whose X-Forwarded-* headers may be believed."""

    behind: Annotated[
        bool, about("A trusted proxy ends TLS, so a public address without TLS is meant.")
    ] = False
    trusted: Annotated[
        tuple[Network, ...],
        about(
            "Networks (CIDR) of the proxies that may say who the client is."
            " `FORWARDED_ALLOW_IPS` is read too."
        ),
    ] = ()


class Origins(Section, frozen=True):
    """Which web pages may connect."""

    allowed: Annotated[
        tuple[str, ...],
        about("Exact origins such as https://app.example.com; empty allows the server's own host."),
    ] = ()


class Auth(Section, frozen=True):
    """Who may connect. Without anonymous clients, at least one key has to be given."""

    anonymous: Annotated[bool, about("Let clients in that show no token.")] = False
    algorithm: Annotated[
        Literal["HS256", "HS384", "HS512"], about("Algorithm of the tokens signed with `secrets`.")
    ] = "HS256"
    secrets: Annotated[
        tuple[Secret, ...],
        about("Signing secrets, each at least as long as the hash. New tokens use the first."),
    ] = ()
    secret_files: Annotated[
        tuple[str, ...], about("Files that hold one signing secret each, as mounted secrets do.")
    ] = ()
    public_key_files: Annotated[
        tuple[str, ...], about('Public keys, each with its one algorithm: "RS256:path.pem".')
    ] = ()
    jwks_file: Annotated[str | None, about("File with a JSON Web Key Set.")] = None
    jwks_url: Annotated[str | None, about("https address of the issuer's JSON Web Key Set.")] = None
    audience: Annotated[str | None, about("`aud` a token has to carry; unset checks none.")] = None
    issuer: Annotated[str | None, about("`iss` a token has to carry; unset checks none.")] = None
    leeway_s: Annotated[
        Annotated[float, Meta(ge=0, le=30)],
        about("Clock difference forgiven when a token's times are checked."),
    ] = 30.0
    cookie: Annotated[
        str | None, about("Cookie that may carry the token; unset ignores all cookies.")
    ] = None
    ticket_ttl_s: Annotated[
        Annotated[float, Meta(gt=0, le=300)], about("How long a single-use ticket may wait.")
    ] = 30.0


class Limits(Section, frozen=True):
    """What one client, one user, one address and the whole process may use."""

    message_bytes: Annotated[
        Annotated[int, Meta(ge=1, le=2**30)],
        about("Largest message a client may send, fragments added up."),
    ] = 65536
    fragments: Annotated[
        Annotated[int, Meta(ge=1, le=4096)], about("Frames one message may be split into.")
    ] = 128
    unfinished_message_s: Annotated[
        Seconds, about("How long a message may take from its first byte to its last.")
    ] = 10.0
    frames_per_s: Annotated[
        Rate, about("Frames of every kind a connection may send per second, in the long run.")
    ] = 200.0
    frames_burst: Annotated[Count, about("Frames a connection may send at once.")] = 400
    publications_per_s: Annotated[
        Rate, about("Publications per second and connection, in the long run.")
    ] = 20.0
    publications_burst: Annotated[Count, about("Publications a connection may send at once.")] = 40
    publication_bytes_per_s: Annotated[
        Rate,
        about(
            "Bytes of publications, calls and an application's messages above 1 KiB per second"
            " and connection, in the long run."
        ),
    ] = 262144.0
    publication_bytes_burst: Annotated[
        ByteCount,
        about(
            "Bytes of such publications a connection may send at once."
            " Half of `queue_bytes`, so that one client's burst fills nobody's queue."
        ),
    ] = 524_288
    user_publications_per_s: Annotated[
        Rate, about("Publications per second and user over all connections, in the long run.")
    ] = 100.0
    user_publications_burst: Annotated[
        Count, about("Publications a user may send at once, over all connections.")
    ] = 200
    refusals: Annotated[
        Count,
        about("Refusals, for rate or form, a connection survives at once; forgiven within 10 s."),
    ] = 20
    connections_per_user: Annotated[
        Count, about("Connections one authenticated user may hold.")
    ] = 20
    connections_per_ip: Annotated[
        Count, about("Connections from one address (IPv6: one /64), trusted proxies aside.")
    ] = 100
    unfinished_handshakes_per_ip: Annotated[
        Count, about("Handshakes one address may have open at a time, trusted proxies aside.")
    ] = 20
    connections: Annotated[
        Annotated[int, Meta(ge=0)],
        about("Connections of the process; 0 means 80 % of its file descriptors."),
    ] = 0
    handshake_s: Annotated[
        Seconds, about("From the first byte (or none) to the end of the handshake, in total.")
    ] = 5.0
    header_bytes: Annotated[
        Annotated[int, Meta(ge=1024, le=2**20)], about("Request line and headers together.")
    ] = 16384
    headers: Annotated[
        Annotated[int, Meta(ge=16, le=1000)], about("Number of headers in a request.")
    ] = 64
    queue_bytes: Annotated[
        ByteCount, about("Bytes that may wait for a slow reader before it is closed to recover.")
    ] = 1_048_576
    queue_age_s: Annotated[
        Seconds, about("How long a reader may stand still before it is closed to recover.")
    ] = 10.0
    subscribes_per_s: Annotated[
        Rate, about("Channels a connection may subscribe to per second, in the long run.")
    ] = 50.0
    subscribes_burst: Annotated[
        Count,
        about("Channels it may subscribe to at once: all that it may have, twice over."),
    ] = 256
    subscriptions: Annotated[Count, about("Channels one connection may be subscribed to.")] = 128
    unanswered_ids: Annotated[
        Count, about("Commands with an `id` a connection may have waiting for their answer.")
    ] = 64


class Heartbeat(Section, frozen=True):
    """How a vanished client is noticed."""

    interval_s: Annotated[
        Annotated[float, Meta(ge=1, le=3600)],
        about("Silence after which a client is pinged; below 60 s keeps proxies from closing."),
    ] = 25.0
    timeout_s: Annotated[
        Annotated[float, Meta(gt=0, le=3600)],
        about("How long a pinged client has to show life before it is cut."),
    ] = 10.0


class Lobby(Section, frozen=True):
    """The channel everyone is in from the start."""

    channel: Annotated[
        Annotated[str, Meta(min_length=1, max_length=255)], about("Name of the lobby's channel.")
    ] = "lobby"
    announce_up_to: Annotated[
        Annotated[int, Meta(ge=0)],
        about("Members up to which each join and leave is announced; above, only their number."),
    ] = 200
    occupancy_interval_s: Annotated[Seconds, about("Least time between two such numbers.")] = 1.0


class Engine(Section, frozen=True):
    """What keeps the channels' histories."""

    url: Annotated[
        str,
        about(
            "memory:// forgets with the process; sqlite:///history.db (a path from the current"
            " directory) or sqlite:////var/lib/history.db keeps them in a file."
        ),
    ] = "memory://"
    disk_bytes: Annotated[
        ByteCount, about("Bytes the file may hold; above, the oldest publications leave.")
    ] = 4_294_967_296


class History(Section, frozen=True):
    """How much of a channel a returning client can catch up on."""

    size: Annotated[
        Annotated[int, Meta(ge=0)], about("Publications kept per channel; 0 keeps none.")
    ] = 100
    ttl_s: Annotated[Lifetime, about("How long a publication is kept.")] = 300.0
    total_bytes: Annotated[
        ByteCount, about("Bytes the memory engine keeps over all channels together.")
    ] = 268_435_456
    total_entries: Annotated[
        Count, about("Publications the memory engine keeps over all channels together.")
    ] = 1_000_000


class Compression(Section, frozen=True):
    """permessage-deflate. Off: secrets beside a stranger's text leak through its sizes."""

    enabled: Annotated[bool, about("Compress messages for clients that offer it.")] = False
    window_bits: Annotated[
        Annotated[int, Meta(ge=12, le=15)], about("Size of the window, as a power of two.")
    ] = 15
    min_bytes: Annotated[
        Annotated[int, Meta(ge=0)], about("Smaller messages are sent uncompressed.")
    ] = 256


class Log(Section, frozen=True):
    """What is written to standard error. Never tokens, never what people say."""

    level: Annotated[LogLevel, about("Least level that is written.")] = "info"
    format: Annotated[
        Literal["auto", "text", "json"], about("auto is text on a terminal and JSON otherwise.")
    ] = "auto"
    access: Annotated[bool, about("Write a line for every HTTP request.")] = False


class Channel(Section, frozen=True):
    """Rules for the channels that match a pattern. The first table that matches decides."""

    pattern: Annotated[
        Annotated[str, Meta(min_length=1, max_length=255)],
        about("Channel name, or a pattern such as `room:*`."),
    ]
    history_size: Annotated[
        Annotated[int, Meta(ge=0)] | None, about("As `history.size`, which is the default.")
    ] = None
    history_ttl_s: Annotated[
        Lifetime | None, about("As `history.ttl_s`, which is the default.")
    ] = None
    announce_up_to: Annotated[
        Annotated[int, Meta(ge=0)] | None,
        about("As `lobby.announce_up_to`, which is the default."),
    ] = None
    keeps_latest: Annotated[
        bool, about("Keep the latest entry of each `key`; a subscribe then returns them first.")
    ] = False
    presence: Annotated[bool, about("Whether it is known, and told, who is here.")] = True
    leave_after_s: Annotated[
        Annotated[float, Meta(ge=0, le=3600)],
        about("How long a client that has gone may take to come back before its leave is told."),
    ] = 0.0
    may_subscribe: Annotated[
        Who,
        about(
            "Who may subscribe. anyone includes anonymous clients where they are let in;"
            " token asks the token's `channels`, hook the application."
        ),
    ] = "anyone"
    may_publish: Annotated[Who, about("Who may publish, signal and set a state.")] = "anyone"
    may_read_history: Annotated[
        Who | None, about("Who may read its history; unset, whoever may subscribe.")
    ] = None
    may_read_presence: Annotated[
        Who | None, about("Who may ask who is here; unset, whoever may subscribe.")
    ] = None
    publications_per_s: Annotated[
        Rate | None,
        about("Publications and signals of one client here; unset, only `limits` counts."),
    ] = None
    publications_burst: Annotated[
        Count | None, about("How many of them at once; unset, twice as many as per second.")
    ] = None
    schema: Annotated[
        str | None, about("File with the JSON Schema that what clients publish must fit.")
    ] = None
    slow_reader: Annotated[
        SlowReader,
        about("What becomes of a reader that is behind: closed, or kept up to date instead."),
    ] = "disconnect"
    echo: Annotated[bool, about("Send a publisher its own publications, too.")] = True
    subscribed_by_server: Annotated[
        bool, about("Subscribe every client at connect, unasked: `news`, `user:{userId}`.")
    ] = False


class Http(Section, frozen=True):
    """Clients without a WebSocket. A path that is off belongs to the mounted application."""

    sse: Annotated[bool, about("Serve event streams at /sse.")] = True
    poll: Annotated[bool, about("Answer long polls at /poll.")] = True
    publish: Annotated[bool, about("Take clients' publications at /publish.")] = True


class Api(Section, frozen=True):
    """What is served over HTTP beside the WebSocket."""

    metrics: Annotated[bool, about("Serve Prometheus metrics at /metrics.")] = True
    asyncapi: Annotated[
        bool, about("Describe an application's messages at /asyncapi and /asyncapi.json.")
    ] = True
    keys: Annotated[
        tuple[str, ...],
        about(
            "Who may use the HTTP API: `name:hash` for each key, as `tidewire api-key create`"
            " prints it. Without one there is no API."
        ),
    ] = ()
    port: Annotated[
        Port | None,
        about(
            "Port of a listener of its own for API, health and metrics; the public port then"
            " serves neither API nor metrics."
        ),
    ] = None
    host: Annotated[str, about("Address of that listener.")] = "127.0.0.1"
    revocation_ttl_s: Annotated[
        Lifetime,
        about("How long a revocation is kept: at least as long as your longest token is valid."),
    ] = 31_622_400.0


class Settings(Section, frozen=True):
    """Everything that can be set. No room below the composition root sees the whole of it."""

    server: Server = Server()
    tls: Tls = Tls()
    proxy: Proxy = Proxy()
    origins: Origins = Origins()
    auth: Auth = Auth()
    limits: Limits = Limits()
    heartbeat: Heartbeat = Heartbeat()
    lobby: Lobby = Lobby()
    engine: Engine = Engine()
    history: History = History()
    compression: Compression = Compression()
    log: Log = Log()
    http: Http = Http()
    api: Api = Api()
    channels: tuple[Channel, ...] = ()


__all__ = [
    "Api",
    "Auth",
    "Channel",
    "Compression",
    "Engine",
    "Heartbeat",
    "History",
    "Http",
    "Limits",
    "Lobby",
    "Log",
    "LogLevel",
    "Origins",
    "Proxy",
    "Section",
    "Server",
    "Settings",
    "Tls",
    "Who",
]
