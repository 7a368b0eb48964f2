#!/bin/sh
# Writes requirements/*.txt: every package with its version and hashes, for every platform.
# UV names the uv to use; EXTRA is passed on (for example EXTRA=--upgrade).
set -eu

lock() {
    "${UV:-uv}" pip compile --quiet --universal --python-version 3.11 --generate-hashes \
        --no-header --no-annotate ${EXTRA:-} "$@"
}

lock requirements/build.in --output-file requirements/build.txt
lock pyproject.toml --output-file requirements/run.txt
lock pyproject.toml --group dev --output-file requirements/dev.txt \
    --constraints requirements/run.txt --constraints requirements/build.txt
lock requirements/lock.in --output-file requirements/lock.txt
