from bench.profile_hot_path import by_function, by_library, functions_table

FLUSH = "flush (/x/src/tidewire/hub.py:9)"
MAIN = "main (/x/src/tidewire/cli/main.py:1)"
RUN = "run (/x/src/run.py:2)"


def test_time_belongs_to_the_innermost_function() -> None:
    profile = by_function([f"{MAIN};{FLUSH} 30", f"{MAIN} 10", f"{RUN};{FLUSH} 5"])
    assert profile.itself == {"tidewire/hub.py flush": 35, "tidewire/cli/main.py main": 10}


def test_a_function_also_answers_for_what_it_calls_once_however_deep() -> None:
    profile = by_function([f"{MAIN};{MAIN};{FLUSH} 30", f"{MAIN} 10"])
    assert profile.inclusive == {"tidewire/hub.py flush": 30, "tidewire/cli/main.py main": 40}


def test_a_function_of_a_package_is_named_by_its_place_in_it() -> None:
    stack = "data_received (/x/site-packages/uvicorn/protocols/http.py:3) 1"
    assert list(by_function([stack]).itself) == ["uvicorn/protocols/http.py data_received"]


def test_the_functions_that_took_longest_stand_first() -> None:
    profile = by_function(["a (/src/a.py:1) 1", "a (/src/a.py:1);b (/src/b.py:1) 3"])
    assert functions_table(profile).splitlines()[2:] == [
        "| b.py b | 75.0% | 75.0% |",
        "| a.py a | 25.0% | 100.0% |",
    ]


def test_ranked_inclusively_what_is_on_every_stack_is_left_out() -> None:
    profile = by_function(["a (/src/a.py:1);b (/src/b.py:1) 3", "a (/src/a.py:1) 1"])
    rows = functions_table(profile, inclusive=True).splitlines()[2:]
    assert rows == ["| b.py b | 75.0% | 75.0% |"]


def test_libraries_are_read_from_the_lines_that_are_no_comment() -> None:
    report = ["# Overhead  Shared Object", "", "    76.60%  libpython3.11.so.1.0  ", " 1.10%  [k]"]
    assert by_library(report) == [("libpython3.11.so.1.0", 76.6), ("[k]", 1.1)]
