"""Let pairs of writers write one panel at the same moment, and see whether a whole panel of one of them is left.

``python tests/attacks/racing.py PAIRS`` prints one JSON object. Forks as in ``killing.py``.
"""

import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from killing import in_fork_json, panel

from withintask.panel import atomic, store
from withintask.panel.errors import SourceError

N_ROWS = 20_000
HEAD_START = 0.3


def main() -> None:
    n_pairs = int(sys.argv[1])
    outcomes = [pair(number) for number in range(n_pairs)]
    problems = [problem for _, found in outcomes for problem in found]
    n_refused = sum(statuses.count(1) for statuses, _ in outcomes)
    print(json.dumps({"n_pairs": n_pairs, "n_refused": n_refused, "problems": problems}))


def pair(number: int) -> tuple[list[int], list[str]]:
    """Two processes write panels of different sizes; over one that is there in every second pair."""
    with tempfile.TemporaryDirectory() as scratch:
        target = Path(scratch) / ("target.duckdb" if number % 4 == 3 else "target")
        if number % 2:
            in_fork_json(lambda: str(store.write_panel(panel(5, "old"), target)))
        sizes = (N_ROWS, N_ROWS + 1)
        start = time.monotonic() + HEAD_START
        children = [forked(lambda n=n: write_at(start, n, target)) for n in sizes]
        statuses = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
        left = in_fork_json(lambda: what_is_left(target))
        rest = sorted(file.name for file in Path(scratch).iterdir() if file != target)
        shutil.rmtree(target, ignore_errors=True)
    problems = [f"pair {number}: a writer ended with {s}" for s in statuses if s not in (0, 1)]
    problems += [f"pair {number}: both were refused"] if statuses == [1, 1] else []
    problems += [] if left in [[n, n] for n in sizes] else [f"pair {number}: {left} is left"]
    return statuses, problems + [f"pair {number}: {name} is left beside it" for name in rest]


def forked(act: Callable[[], None]) -> int:
    child = os.fork()
    if child == 0:
        try:
            act()
        except SourceError:
            os._exit(1)
        except BaseException as error:
            print(f"{type(error).__name__}: {error}", file=sys.stderr)
            os._exit(2)
        os._exit(0)
    return child


def write_at(start: float, n: int, target: Path) -> None:
    made = panel(n, str(n))
    time.sleep(max(0.0, start - time.monotonic()))
    store.write_panel(made, target)


def what_is_left(target: Path) -> list[int]:
    """The name of the panel that is left and its rows, both sizes of one writer if it is whole."""
    try:
        found = store.read_panel(target)
    except (OSError, SourceError) as error:
        return [str(error)]  # type: ignore[list-item]
    files = [f for f in target.iterdir() if f.name.startswith(".")] if target.is_dir() else []
    return [int(found.info.name), found.outputs.height, *map(str, files)]  # type: ignore[union-attr,list-item]


if __name__ == "__main__":
    assert atomic  # imported before the forks
    main()
