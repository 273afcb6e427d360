#!/usr/bin/env bash
# DTLS engines in memory: ours beside dimpl and OpenSSL (rows 9, 11, 13, 14, 15 of docs/performance.md).
#   ./benches/engines.sh                 all of it
#   ./benches/engines.sh count [--bless] instructions of the server's part, by callgrind; fails beyond 3 % more than
#                                        engines.tsv says; --bless rewrites that
#   ./benches/engines.sh times [ROUNDS]  CPU time of the server's part; worth something on a quiet machine only
#   ./benches/engines.sh sessions [N]    bytes per idle session, saved sessions, allocations
#   ./benches/engines.sh constant [N]    what may not be told apart by time (|t| < 4.5); a quiet machine only
# Needs OpenSSL's headers (libssl-dev) and cmake, for the peers; valgrind to count.
set -euo pipefail
cd "$(dirname "$0")"
target=${CARGO_TARGET_DIR:-$PWD/target}
work=$target/engines
mkdir -p "$work"
cargo build --quiet --release -p engines
bin=$target/release/engines

counted() { # CASE TIMES
  valgrind --tool=callgrind --callgrind-out-file="$work/out" --collect-atstart=no \
    --toggle-collect='*engines::served*' "$bin" run "$1" "$2" 2>"$work/log"
  sed -n 's/^totals: //p' "$work/out"
}

count() {
  local name empty full each toolchain
  if ! command -v valgrind >/dev/null; then
    echo "engines: SKIPPED: no valgrind here, so instructions were NOT counted (apt-get install valgrind)"
    return
  fi
  : >"$work/counts"
  for name in $("$bin" list); do
    case $name in *handshake*) each=20 ;; *) each=200 ;; esac
    empty=$(counted "$name" 0)
    full=$(counted "$name" $each)
    printf '%s\t%s\n' "$name" $(((full - empty + each / 2) / each)) | tee -a "$work/counts"
  done
  toolchain=$(rustc -V)
  if [ "${1:-}" = --bless ]; then
    { echo "# instructions of the server's part; $toolchain; rewritten by benches/engines.sh count --bless"; cat "$work/counts"; } >engines.tsv
  fi
  if ! grep -qF "$toolchain" engines.tsv 2>/dev/null; then
    echo "engines: SKIPPED: engines.tsv is of another toolchain than $toolchain"
    return
  fi
  awk -F '\t' '
    FNR == 1 { file++ }
    /^#/ { next }
    file == 1 { before[$1] = $2; next }
    $1 !~ /\/ours/ { next }
    !($1 in before) { printf "engines: %s is new: count --bless\n", $1; bad++; next }
    { change = ($2 - before[$1]) * 100 / before[$1] }
    change > 3 { printf "engines: %s takes %+.1f %% (%d, was %d)\n", $1, change, $2, before[$1]; bad++ }
    change < -3 { printf "engines: %s takes %+.1f %% (%d, was %d): --bless keeps it so\n", $1, change, $2, before[$1] }
    END { if (bad) { print "engines: FAILED: more instructions than engines.tsv says"; exit 1 } }
  ' engines.tsv "$work/counts"
}

case ${1:-all} in
  count) count "${2:-}" ;;
  times) "$bin" times "${2:-9}" ;;
  sessions) "$target/release/sessions" "${2:-10000}" ;;
  constant) "$bin" constant "${2:-20000}" ;;
  all)
    count
    "$bin" times 9
    "$target/release/sessions" 10000
    "$target/release/sessions" 1000000
    "$bin" constant 100000
    ;;
  *) sed -n '2,9s/^# \{0,1\}//p' "$0"; exit 2 ;;
esac
