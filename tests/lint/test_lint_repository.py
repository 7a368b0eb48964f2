"""The repository's lint finds leaks and dead links; and this repository has none."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.lint_repository import REGISTRIES, check_files, check_links, check_text, committed_files

ROOT = Path(__file__).parents[2]


def test_no_committed_file_breaks_a_rule_of_the_house() -> None:
    assert list(check_files(committed_files(ROOT))) == []


@pytest.mark.parametrize("host", REGISTRIES)
def test_the_host_name_of_a_registry_is_found(host: str) -> None:
    [finding] = check_text(Path("a.lock"), f"fine\nresolved: https://{host}/ws.tgz")
    assert finding.startswith("a.lock:2: ")


@pytest.mark.parametrize("folder", ["home", "root", "Users"])
def test_a_path_of_one_machine_is_found(folder: str) -> None:
    assert list(check_text(Path("a.md"), f"see /{folder}/someone/notes"))


def test_paths_every_machine_has_are_left_alone() -> None:
    assert not list(check_text(Path("a.md"), "/etc/tidewire.toml /var/lib https://a.example/home/"))


def _links(tmp_path: Path, text: str) -> list[str]:
    page = tmp_path / "page.md"
    page.write_text(text)
    (tmp_path / "other.md").write_text("# What is *promised*\n")
    return list(check_links(page, text))


@pytest.mark.parametrize("target", ["gone.md", "docs/", "#nowhere", "other.md#nowhere"])
def test_a_link_that_leads_nowhere_is_found(tmp_path: Path, target: str) -> None:
    assert len(_links(tmp_path, f"[text]({target})")) == 1


@pytest.mark.parametrize(
    "target", ["other.md", "other.md#what-is-promised", "https://example.com/gone", "page.md"]
)
def test_a_link_that_leads_somewhere_passes(tmp_path: Path, target: str) -> None:
    assert _links(tmp_path, f"[text]({target})") == []


def test_brackets_inside_a_code_block_are_no_link(tmp_path: Path) -> None:
    assert _links(tmp_path, "```js\nhandlers[name](gone)\n```\n") == []
