#!/usr/bin/env bash
# Installs the judges: libcoap's programs and Chromium from Debian, aiocoap from PyPI into an environment of its own.
# ../check and ./run call it; what is there already costs nothing. What cannot be had is skipped there, loudly.
set -uo pipefail
cd "$(dirname "$0")"
venv=${1:?usage: setup.sh DIRECTORY-FOR-THE-PYTHON-ENVIRONMENT}

missing=()
command -v coap-client-notls >/dev/null || missing+=(libcoap3-bin)
command -v chromedriver >/dev/null || missing+=(chromium chromium-driver)
command -v valgrind >/dev/null || missing+=(valgrind)
if [ ${#missing[@]} -gt 0 ]; then
  sudo=$([ "$(id -u)" = 0 ] || echo sudo)
  { $sudo apt-get update -qq && DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq "${missing[@]}"; } >/dev/null 2>&1 ||
    echo "setup: ${missing[*]} cannot be installed here" >&2
fi

if ! [ -x "$venv/bin/python" ] || ! "$venv/bin/python" -c 'import aiocoap' 2>/dev/null; then
  { python3 -m venv "$venv" && "$venv/bin/pip" install --quiet -r requirements.txt; } ||
    echo "setup: aiocoap cannot be installed here" >&2
fi
