#!/usr/bin/env bash
# Installs the judges: libcoap's programs from Debian, aiocoap from PyPI into an environment of its own.
# Run once; ./run calls it. What cannot be had is skipped there, loudly.
set -uo pipefail
cd "$(dirname "$0")"
venv=${1:?usage: setup.sh DIRECTORY-FOR-THE-PYTHON-ENVIRONMENT}

if ! command -v coap-client-notls >/dev/null; then
  sudo=$([ "$(id -u)" = 0 ] || echo sudo)
  { $sudo apt-get update -qq && $sudo apt-get install -y -qq libcoap3-bin; } >/dev/null 2>&1 ||
    echo "setup: libcoap3-bin cannot be installed here" >&2
fi

if ! [ -x "$venv/bin/python" ] || ! "$venv/bin/python" -c 'import aiocoap' 2>/dev/null; then
  { python3 -m venv "$venv" && "$venv/bin/pip" install --quiet -r requirements.txt; } ||
    echo "setup: aiocoap cannot be installed here" >&2
fi
