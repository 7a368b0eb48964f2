"""The herd: many clients lose their server at one moment, and each comes back by its own rule.

    python -m bench.herd                        # 100,000 clients, 40 s of CPU: prints the tables
    python -m bench.herd --write                # also a million, and writes HERD.md and herd.svg

Simulated, not measured: no socket is opened, and the same seed gives the same figures everywhere.
``herd_rules`` holds the rules and where they are from, ``herd_crowd`` the crowd, ``herd_chart`` the
picture.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from bench.herd_chart import Panel, Row, draw, percent
from bench.herd_crowd import (
    EVENTS,
    SLOTS_PER_S,
    Event,
    admitted,
    busiest_second,
    first_arrivals,
    shares,
    time_until,
)
from bench.herd_rules import DOUBLING, OTHERS, OURS, RULES, Rule

CLIENTS = 100_000
MORE_CLIENTS = 1_000_000

ADMITTED_PER_S = 3_000
"""What one process takes in a second with a token to check (RESULTS.md, a connect storm)."""

HERE = Path(__file__).parent
ALL_RULES = (OURS, DOUBLING, *OTHERS)

INTRODUCTION = f"""\
# The herd

Made by `python -m bench.herd --write`. {CLIENTS:,} clients lose their server at the same
moment, and each comes back by the default rule of its library. Simulated: no network, no
machine, a seed.

![When they come back](herd.svg)

- **Busiest second**: the share of all clients that comes in it, wherever it begins.
- **99 % are back**: seconds since the server is there again; in a drain, since it was announced.
- **At {ADMITTED_PER_S:,}/s**: the same for {CLIENTS:,} clients where only so many are let in
  within a second, and the others are refused and go on by their rule. About what one Tidewire
  process takes with a token to check ([RESULTS.md](RESULTS.md)). Nobody waits in line here, which
  is hard on rules whose clients all come in the same millisecond.

In a drain the server leaves and others are there at once. Ours tells the clients a window and
closes them in a spread ([drain.py](../src/tidewire/server/drain.py)); Phoenix closes 10,000 every
two seconds, and who is left after 30 s goes with the server. The others' clients know no such
window, and are taken to be closed at once."""

READING = """\
## What it says

- **The cap decides, and how soon it is reached.** At most 5 % in any second means waits of more
  than 20 s, and the clients must be in them when the server is back. Doubling from half a second
  has got to 4 or 8 s when an outage of 5 s ends; ours has had its two short waits by then.
- **Jitter before the cap is little.** Socket.IO draws first and cuts at 5 s, so after a few tries
  most of its clients wait exactly 5 s.
- **Without an outage only who always waits is spread.** PartySocket waits one to five seconds even
  where a single line was cut; ours is back within half a second, and so is everybody at once. What
  helps is a server that says so: the window of a drain, or a refusal, after which the long waits
  spread the rest. Where only so many are let in, the rules with jitter end up near each other.
- **What ours costs.** After an outage of 5 s, 99 % are back 23 s after the server; by rules with
  shorter waits after 3 to 15 s, where the server bears it. After one of 30 s all are in their long
  waits, 12.5 s on average, and the first second sees 7 %.

[Why ours is as it is](../docs/explanation/reconnecting.md)."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One rule in one event."""

    busiest: float
    back_s: float
    by_second: Sequence[float]
    back_admitted_s: float | None = None


@cache
def outcome(
    rule: Rule, event: Event, clients: int, *, admitted_per_s: int | None = None
) -> Outcome:
    """What ``clients`` of one rule do; ``admitted_per_s``: and under that limit, too."""
    tries = first_arrivals(rule, event, clients)
    moments, since = [at for at, _, _ in tries], event.outage_s
    by_slot = shares(moments, since)
    seconds = range(0, len(by_slot), SLOTS_PER_S)
    limited = admitted_per_s and admitted(rule, tries, admitted_per_s)
    return Outcome(
        busiest_second(by_slot),
        time_until(0.99, moments, since),
        [sum(by_slot[at : at + SLOTS_PER_S]) for at in seconds],
        time_until(0.99, limited, since) if limited else None,
    )


Outcomes = dict[tuple[str, str, int], Outcome]


def simulate(clients: int, *, admitted_per_s: int | None = None) -> Outcomes:
    """Every rule in every event."""
    return {
        (event.name, rule.name, clients): outcome(
            rule, _as_seen_by(rule, event), clients, admitted_per_s=admitted_per_s
        )
        for event in EVENTS
        for rule in ALL_RULES
    }


def _as_seen_by(rule: Rule, event: Event) -> Event:
    """To a client that knows no drain it is a cut."""
    return event if rule.departure or not event.is_drain else EVENTS[0]


def report(found: Outcomes, crowds: Sequence[int]) -> str:
    """HERD.md, from what was found and nothing else."""
    tables = [
        f"## After {event.name}\n\n" + "\n".join(_table(event, found, crowds)) for event in EVENTS
    ]
    rules = "## The rules\n\n" + "\n".join(_rules())
    return "\n\n".join((INTRODUCTION, *tables, READING, rules)) + "\n"


def _table(event: Event, found: Outcomes, crowds: Sequence[int]) -> Iterator[str]:
    busiest = "".join(f" busiest second of {clients:,} |" for clients in crowds)
    back = "".join(f" 99 % of {clients:,} are back |" for clients in crowds)
    yield f"| client |{busiest}{back} at {ADMITTED_PER_S:,}/s |"
    yield "| --- |" + " ---: |" * (2 * len(crowds) + 1)
    for rule in ALL_RULES:
        yield _line(rule, [found[event.name, rule.name, clients] for clients in crowds])


def _line(rule: Rule, outcomes: Sequence[Outcome]) -> str:
    name = f"**{rule.name}**" if rule is OURS else rule.name
    cells = [
        *(percent(each.busiest) for each in outcomes),
        *(f"{each.back_s:.1f} s" for each in outcomes),
        f"{outcomes[0].back_admitted_s:.0f} s",
    ]
    return f"| {name} | {' | '.join(cells)} |"


def _rules() -> Iterator[str]:
    yield "Seconds before a try, by default; n counts from 0, and `random(a, b)` is uniform."
    yield ""
    yield "| client | wait | source |"
    yield "| --- | --- | --- |"
    for rule in ALL_RULES:
        yield f"| {rule.name} | `{rule.formula}` | {rule.source} |"


def picture(found: Outcomes, clients: int) -> str:
    """herd.svg."""
    panels = []
    for event in EVENTS:
        of_rules = [(rule.name, found[event.name, rule.name, clients]) for rule in RULES]
        rows = [Row(name, each.by_second, each.busiest) for name, each in of_rules]
        panels.append(Panel(f"After {event.name}", rows))
    title = f"When {clients:,} clients come back: seconds since the server is there again"
    return draw(title, panels)


def main() -> None:
    parser = argparse.ArgumentParser(description="Simulate a herd of reconnecting clients.")
    parser.add_argument("--write", action="store_true", help="also a million; write HERD.md")
    is_written = parser.parse_args().write
    found = simulate(CLIENTS, admitted_per_s=ADMITTED_PER_S)
    if not is_written:
        print(report(found, (CLIENTS,)))
        return
    found |= simulate(MORE_CLIENTS)
    (HERE / "HERD.md").write_text(report(found, (CLIENTS, MORE_CLIENTS)))
    (HERE / "herd.svg").write_text(picture(found, CLIENTS))


if __name__ == "__main__":
    main()
