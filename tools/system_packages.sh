#!/bin/sh
# system_packages.sh python|node|chromium: makes sure this machine has it.
# Installs through apt when root or passwordless sudo allows, else says in one sentence what to
# install. Chromium missing only skips the browser tests; the other two are needed to go on.
set -u

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

install() {
    command -v apt-get >/dev/null || return 1
    as_root true 2>/dev/null || return 1
    echo "Installing $* through apt (once)"
    export DEBIAN_FRONTEND=noninteractive
    as_root apt-get update -qq </dev/null >/dev/null 2>&1
    as_root apt-get install -y -qq --no-install-recommends "$@" </dev/null >/dev/null 2>&1
}

python_can_make_environments() {
    "${PYTHON:-python3}" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' \
        2>/dev/null
}

node_is_recent() {
    command -v npm >/dev/null && [ "$(node -p 'parseInt(process.versions.node)')" -ge 20 ]
}

has_chromium() {
    command -v chromium >/dev/null || command -v chromium-browser >/dev/null ||
        command -v google-chrome >/dev/null
}

case "$1" in
python)
    python_can_make_environments && exit
    install python3 python3-venv && python_can_make_environments && exit
    echo "Please install Python 3.11 or newer with its venv module (Debian: python3-venv)." >&2
    exit 1
    ;;
node)
    node_is_recent && exit
    install nodejs npm && node_is_recent && exit
    echo "Please install Node 20 or newer with npm." >&2
    exit 1
    ;;
chromium)
    has_chromium && exit
    install chromium && has_chromium && exit
    echo "Please install chromium (Debian: chromium) to run the browser tests; they are skipped." >&2
    ;;
*)
    echo "usage: $0 python|node|chromium" >&2
    exit 2
    ;;
esac
