"""Dispersion on a panel from sums by cell, seconds and peak memory beside DuckDB's own pass; or what estimators take in memory.

    python benchmarks/bench_stream.py [FOLDER] [--workers 500000] [--memory] [--turns 3]

FOLDER is a panel, such as ``withintask simulate --design rct-ability --set n_workers=62500 --set n_firms=125 --stream``
writes (10⁷ rows); if it is left out, such a panel of as many workers is drawn (160 rows each, 500 workers a firm) and removed.
With ``--memory`` estimators are run in memory instead, and their peak is told by row, less that of a panel without rows to speak of.
Each figure is the median of turns, in a process of its own; DuckDB's pass is count, mean and standard
deviation of output by firm, task, period and access, over the same files. Processor seconds are what a busy machine leaves alike.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from rows import record

from withintask.panel.own_files import largest_table

ROWS_A_WORKER, WORKERS_A_FIRM = 160, 500
ESTIMATOR = "dispersion_by_access"

_PLAIN = """
import duckdb
from pathlib import Path
from withintask.panel.own_files import own_files
files = [str(file) for file in own_files(Path('{folder}'), 'outputs')]
warm()
connection = duckdb.connect()
connection.execute("SET preserve_insertion_order = false")
connection.sql(
    "SELECT firm_id, task_id, period, ai_access, count(*), avg(output), stddev(output) "
    "FROM read_parquet(" + str(files) + ") GROUP BY ALL"
).fetchall()
"""
_STREAM = """
from pathlib import Path
from withintask.panel.own_files import own_files, scan_panel
from withintask.tests_of_model.hypotheses.stream import estimate_streamed
path = Path('{folder}')
warm()
estimate_streamed(scan_panel(path, verify=False), files=own_files(path, 'outputs'), estimators='{estimator}')
"""
_COMMAND = """
import sys
from withintask.cli.main import main
sys.argv = ['withintask', '-q', 'estimate', '{folder}', '--engine', 'stream', '--estimator', '{estimator}', '--no-verify']
main()
"""
_MEMORY = """
import sys
from withintask.cli.main import main
sys.argv = ['withintask', '-q', 'estimate', '{folder}', '--engine', 'fast', *'{estimator}'.split(), '--no-verify']
main()
"""
IN_MEMORY = {
    "dispersion": "--estimator dispersion_by_access",
    "average effects and gradients": "--estimator effect_difference --estimator gradient",
    "pairs": "--estimator pairs_difference",
    "all of H1": "--hypothesis H1",
}
"""What is estimated in memory, as options of the command."""
_TIMED = """
import json, resource, time
started = time.perf_counter(), time.process_time()
def warm():
    global started
    started = time.perf_counter(), time.process_time()
{code}
seconds, cpu = time.perf_counter() - started[0], time.process_time() - started[1]
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
print(json.dumps([seconds, cpu, peak]))
"""


def timed(
    code: str, folder: Path, turns: int, estimator: str = ESTIMATOR
) -> tuple[float, float, float]:
    """Median seconds, median processor seconds and largest peak memory, GB, over turns in processes of their own."""
    text = _TIMED.format(code=code.format(folder=folder, estimator=estimator))
    results = []
    for _ in range(turns):
        run = subprocess.run(
            [sys.executable, "-c", text], capture_output=True, text=True, check=True
        )
        results.append(json.loads(run.stdout.splitlines()[-1]))
    seconds, cpu, peak = zip(*results, strict=True)
    return statistics.median(seconds), statistics.median(cpu), max(peak)


def main() -> None:
    """Print one line a way."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--workers", type=int, default=500_000)
    parser.add_argument("--memory", action="store_true", help="in memory, by row")
    parser.add_argument("--turns", type=int, default=3)
    given = parser.parse_args()
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder = given.folder or draw(scratch / "panel", given.workers)
        n_rows = rows_of(folder)
        if given.memory:
            in_memory(folder, draw(scratch / "small", 2 * WORKERS_A_FIRM), n_rows)
        else:
            from_sums(folder, n_rows, given.turns)


def from_sums(folder: Path, n_rows: int, turns: int) -> None:
    """Sums by cell, and the whole command, beside DuckDB's own pass."""
    ways = {
        "DuckDB's own pass": _PLAIN,
        "sums by cell": _STREAM,
        "the command line, sums": _COMMAND,
    }
    plain, *others = ((name, timed(code, folder, turns)) for name, code in ways.items())
    for name, (seconds, cpu, peak) in others:
        record(
            key=f"stream_{name.replace(' ', '_').replace(',', '')}",
            what=f"{ESTIMATOR}, {n_rows:,} rows, {name}",
            ours=seconds,
            peak=peak,
            peak_limit=4.0,
            peer=plain[0],
            theirs=plain[1][0],
            ratio_limit=3.0,
            turns=turns,
            threads="as they come",
            note=f"processor time {cpu:.1f} s, {cpu / plain[1][1]:.1f} of {plain[0]}, which has peak {plain[1][2]:.2f} GB",
        )


def in_memory(folder: Path, small: Path, n_rows: int) -> None:
    """What estimators take in memory, in all and by row."""
    for name, options in IN_MEMORY.items():
        seconds, cpu, peak = timed(_MEMORY, folder, 1, options)
        least = timed(_MEMORY, small, 1, options)[2]
        by_row = (peak - least) * 1e9 / (n_rows - rows_of(small))
        record(
            key=f"memory_{name.replace(' ', '_')}",
            what=f"{name}, {n_rows:,} rows of outputs in memory",
            ours=seconds,
            peak=peak,
            threads="as they come",
            note=f"processor time {cpu:.1f} s; {by_row:,.0f} bytes a row",
        )


def rows_of(folder: Path) -> int:
    """Rows of outputs."""
    return largest_table(folder)[1]


def draw(folder: Path, n_workers: int) -> Path:
    """Draw a panel, streamed to disk."""
    sizes = ("--set", f"n_workers={n_workers}", "--set", f"n_firms={n_workers // WORKERS_A_FIRM}")
    words = ["simulate", "--design", "rct-ability", "--out", str(folder), "--stream", *sizes]
    code = f"import sys; from withintask.cli.main import main; sys.argv = ['withintask', *{words!r}]; main()"
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
    return folder


if __name__ == "__main__":
    main()
