"""The repository's own lint: what no committed file may say, and links that must lead somewhere.

Reads the files git would commit. Opens no connection: links to other hosts are not followed.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

REGISTRIES = tuple(
    ".".join(parts)
    for parts in (
        ("pypi", "org"),
        ("files", "pythonhosted", "org"),
        ("registry", "npmjs", "org"),
        ("registry", "yarnpkg", "com"),
        ("proxy", "golang", "org"),
        ("sum", "golang", "org"),
        ("index", "crates", "io"),
    )
)
"""A lock that names one breaks for everybody behind a mirror. Joined here, so as not to match."""

SOMEONES_MACHINE = re.compile(
    r"(?<![\w.])/(?:" + "|".join(("work", "root", "home", "Users")) + ")/"
)
"""Paths that exist on one machine only."""

LINK = re.compile(r"!?\[[^\]\n]*\]\(<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\)")
HEADING = re.compile(r"^#{1,6}\s+(.+?)\s*#*$", re.MULTILINE)
FENCE = re.compile(r"^(`{3,}|~{3,}).*?^\1\s*$", re.MULTILINE | re.DOTALL)
ELSEWHERE = ("http://", "https://", "mailto:", "ws://", "wss://")


def committed_files(root: Path) -> list[Path]:
    """What git tracks or would add, so that a mistake is found before it is committed."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=root,
        capture_output=True,
        check=True,
    )
    paths = (root / name for name in listed.stdout.decode().split("\0") if name)
    return sorted(path for path in paths if path.is_file())


def check_text(path: Path, text: str) -> Iterator[str]:
    """Host names of registries and paths of one machine."""
    for number, line in enumerate(text.splitlines(), start=1):
        for host in REGISTRIES:
            if host in line:
                yield f"{path}:{number}: names a package registry ({host})"
        if SOMEONES_MACHINE.search(line):
            yield f"{path}:{number}: names a path of one machine"


def check_links(path: Path, text: str) -> Iterator[str]:
    """Relative links of one Markdown file, and the headings they point at."""
    for target in LINK.findall(FENCE.sub("", text)):
        if target.startswith(ELSEWHERE):
            continue
        name, _, anchor = target.partition("#")
        file = (path.parent / name) if name else path
        if not file.exists():
            yield f"{path}: links to {target}, which is not there"
        elif anchor and file.suffix == ".md" and anchor not in anchors(file.read_text("utf-8")):
            yield f"{path}: links to {target}, but no heading is called that"


def anchors(text: str) -> set[str]:
    """The names a Markdown page's headings are linked by."""
    return {_anchor(heading) for heading in HEADING.findall(FENCE.sub("", text))}


def _anchor(heading: str) -> str:
    plain = re.sub(r"[^\w\- ]", "", heading.replace("`", "").lower())
    return plain.replace(" ", "-")


def check_files(paths: Iterable[Path]) -> Iterator[str]:
    for path in paths:
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:  # a picture or a binary fixture
            continue
        yield from check_text(path, text)
        if path.suffix == ".md":
            yield from check_links(path, text)


def main() -> int:
    findings = list(check_files(committed_files(Path())))
    for finding in findings:
        print(finding)
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
