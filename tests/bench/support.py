"""Results made by hand, for tests of what is derived from them."""

from bench.results import Machine, Results, Sample, Skipped


def results_of(
    *samples: tuple[str, str, dict[str, float]], skipped: tuple[Skipped, ...] = ()
) -> Results:
    return Results(
        date="2026-01-02",
        commit="abc1234",
        machine=Machine("A processor", 2, 24.0, "Linux 6"),
        rounds=3,
        scale=1.0,
        versions={"tidewire": "0.1.0", "bun": "1.0"},
        samples=[
            Sample(workload, server, number, figures)
            for number, (workload, server, figures) in enumerate(samples)
        ],
        skipped=list(skipped),
    )
