"""Rows of what is judged, and who runs them."""

import concurrent.futures
import os
import re
import time
import traceback

# Rows wait far more than they work.
AT_ONCE = 16
# Those of a bad network.
SEEDS = range(1, 21 if os.environ.get("LWM2M_LONG") else 3)
_rows = []


def row(*kinds, times=()):
    """A row that needs these makes. With `times`, one row for each tuple of further arguments."""

    def enter(function):
        name = function.__name__.replace("_", " ")
        for arguments in times or [()]:
            words = [word.name if isinstance(word, type) else str(word) for word in arguments]
            needed = [*kinds, *(word for word in arguments if isinstance(word, type))]
            _rows.append((" ".join([name, *words]), needed, lambda arguments=arguments: function(*arguments)))
        return function

    return enter


def run(name, makes, words):
    """Runs the rows that hold one of the words, or all, for the judge of this name; `makes` has one judge of each kind. The exit code."""
    chosen = [row for row in _rows if not words or any(re.search(word, row[0]) for word in words)]
    counts = dict.fromkeys(("passed", "failed", "skipped"), 0)

    def judge(row):
        title, needed, function = row
        for kind in needed:
            if not makes[kind].present():
                return "skipped", f"!! SKIPPED {title}: there is no {kind.name} ({kind.package})"
        begun = time.monotonic()
        try:
            function()
        except Exception:
            return "failed", f"FAILED {title}\n{traceback.format_exc()}"
        return "passed", f"ok {title} ({time.monotonic() - begun:.1f} s)"

    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as workers:
        for outcome, line in workers.map(judge, chosen):
            counts[outcome] += 1
            print(line, flush=True)
    print(f"{name}: " + ", ".join(f"{count} {what}" for what, count in counts.items()))
    return int(counts["failed"] != 0)
