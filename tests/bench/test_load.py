from bench.load import FanOut


def pairs(load: FanOut) -> dict[str, str]:
    words = load.options()
    return dict(zip(words[::2], words[1::2], strict=True))


def test_a_tenth_of_the_load_goes_first_to_warm_up() -> None:
    assert pairs(FanOut(100, 1, 32, 5_000, "%s"))["-z"] == "500"


def test_warming_up_has_a_bound_of_its_own() -> None:
    assert pairs(FanOut(100, 1, 32, 1_000_000, "%s", longest_warm_up=20))["-z"] == "20"


def test_answers_are_awaited_only_where_the_server_gives_them() -> None:
    assert "-A" not in pairs(FanOut(100, 1, 32, 5_000, "%s"))
    assert pairs(FanOut(100, 1, 32, 5_000, "%s", answer="ok"))["-A"] == "ok"
