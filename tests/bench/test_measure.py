from pathlib import Path

from bench.measure import TICKS_PER_S, Stat, Usage, family, parse_rss_kib, parse_stat, usage_of

STAT = "{pid} ({name}) S {parent} 1 1 0 -1 4194560 9 8 7 6 {user} {system} {cuser} {csystem} 20 0"


def stat_line(pid: int, parent: int, *ticks: int, name: str = "server") -> str:
    user, system, cuser, csystem = ticks
    return STAT.format(
        pid=pid, parent=parent, name=name, user=user, system=system, cuser=cuser, csystem=csystem
    )


def add_process(proc: Path, pid: int, parent: int, *ticks: int, rss_kib: int) -> None:
    folder = proc / str(pid)
    folder.mkdir()
    (folder / "stat").write_text(stat_line(pid, parent, *ticks))
    (folder / "status").write_text(f"Name:\tserver\nVmRSS:\t  {rss_kib} kB\nThreads:\t1\n")


def test_cpu_counts_user_and_system_time_and_that_of_children_already_reaped() -> None:
    assert parse_stat(stat_line(7, 3, 100, 20, 5, 1)) == Stat(parent=3, ticks=126)


def test_a_command_with_spaces_and_brackets_does_not_shift_the_fields() -> None:
    assert parse_stat(stat_line(7, 3, 1, 2, 0, 0, name="a (b) S 9")) == Stat(parent=3, ticks=3)


def test_memory_is_what_is_resident() -> None:
    assert parse_rss_kib("VmPeak:\t 99 kB\nVmRSS:\t  1234 kB\n") == 1234


def test_a_process_that_is_ending_has_no_memory() -> None:
    assert parse_rss_kib("Name:\tserver\nState:\tZ (zombie)\n") == 0


def test_grandchildren_belong_to_the_family_and_strangers_do_not() -> None:
    assert family(1, {1: 0, 2: 1, 3: 2, 4: 0, 5: 4}) == {1, 2, 3}


def test_usage_adds_up_the_whole_family(tmp_path: Path) -> None:
    add_process(tmp_path, 10, 1, 100, 100, 0, 0, rss_kib=1000)
    add_process(tmp_path, 11, 10, 50, 50, 0, 0, rss_kib=500)
    add_process(tmp_path, 12, 1, 999, 999, 0, 0, rss_kib=9999)
    (tmp_path / "uptime").write_text("not a process")

    assert usage_of(10, tmp_path) == Usage(cpu_s=300 / TICKS_PER_S, rss_kib=1500)


def test_a_process_that_is_gone_used_nothing(tmp_path: Path) -> None:
    assert usage_of(10, tmp_path).cpu_s == 0
