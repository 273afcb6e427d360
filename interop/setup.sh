#!/usr/bin/env bash
# Installs the judges: OpenSSL's, GnuTLS's and libcoap's programs and Chromium from Debian, aiocoap and TinyDTLS from PyPI
# into an environment of its own, pion/dtls from the Go module proxy, Californium and Leshan from Maven's registry.
# ../check and ./run call it; what is there already costs nothing. What cannot be had is skipped there, loudly.
set -uo pipefail
cd "$(dirname "$0")"
venv=${1:?usage: setup.sh DIRECTORY-FOR-THE-PYTHON-ENVIRONMENT}
target=$(dirname "$venv")

missing=()
command -v coap-client-notls >/dev/null || missing+=(libcoap3-bin)
command -v openssl >/dev/null || missing+=(openssl)
pkg-config --exists openssl 2>/dev/null || missing+=(libssl-dev pkg-config)
command -v gnutls-serv >/dev/null || missing+=(gnutls-bin)
command -v chromedriver >/dev/null || missing+=(chromium chromium-driver)
command -v valgrind >/dev/null || missing+=(valgrind)
# TinyDTLS is built from its sources.
command -v autoreconf >/dev/null || missing+=(autoconf gcc make python3-dev)
if [ ${#missing[@]} -gt 0 ]; then
  sudo=$([ "$(id -u)" = 0 ] || echo sudo)
  { $sudo apt-get update -qq && DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq "${missing[@]}"; } >/dev/null 2>&1 ||
    echo "setup: ${missing[*]} cannot be installed here" >&2
fi

if ! [ -x "$venv/bin/python" ] || ! "$venv/bin/python" -c 'import aiocoap' 2>/dev/null; then
  { python3 -m venv "$venv" && "$venv/bin/pip" install --quiet -r requirements.txt; } ||
    echo "setup: aiocoap cannot be installed here" >&2
fi
# Apart from the others, which are of use without it.
if [ -x "$venv/bin/python" ] && ! "$venv/bin/python" -c 'import DTLSSocket' 2>/dev/null; then
  "$venv/bin/pip" install --quiet -r requirements-dtls.txt >"$target/interop-tinydtls.log" 2>&1 ||
    { tail -3 "$target/interop-tinydtls.log"; echo "setup: TinyDTLS cannot be built here"; } >&2
fi

# Built anew when a source is newer than what was built.
stale() { [ ! -e "$1" ] || [ -n "$(find "$2" -type f -newer "$1" -print -quit)" ]; }

pion=$target/interop-pion/pion-peer
if command -v go >/dev/null; then
  if stale "$pion" pion; then
    (cd pion && go build -o "$pion" .) || echo "setup: pion cannot be built here" >&2
  fi
fi

java=$target/interop-java
if command -v mvn >/dev/null && command -v javac >/dev/null; then
  if stale "$java/judges.jar" java; then
    # What a run before this one fetched is not asked for again.
    for offline in --offline ''; do
      mvn --batch-mode --quiet $offline -f java/pom.xml -Djudges.target="$java" package >"$target/interop-java.log" 2>&1 && break
    done || { tail -5 "$target/interop-java.log"; echo "setup: Californium and Leshan cannot be built here"; } >&2
  fi
fi
