"""Dispersion on a panel from sums by cell: seconds and peak memory beside DuckDB's own pass and estimation in memory.

    python benchmarks/bench_stream.py [FOLDER] [--workers 500000] [--memory] [--turns 3]

FOLDER is a panel, such as ``withintask simulate --design rct-ability --set n_workers=62500 --set n_firms=125 --stream``
writes (10⁷ rows); if it is left out, such a panel of as many workers is drawn (160 rows each, 500 workers a firm) and removed.
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
from withintask.panel.store import read_panel
from withintask.tests_of_model.hypotheses.estimate import estimate
warm()
estimate(read_panel('{folder}', check=False, verify=False), estimators='{estimator}')
"""
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


def timed(code: str, folder: Path, turns: int) -> tuple[float, float, float]:
    """Median seconds, median processor seconds and largest peak memory, GB, over turns in processes of their own."""
    text = _TIMED.format(code=code.format(folder=folder, estimator=ESTIMATOR))
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
    parser.add_argument("--memory", action="store_true", help="also in memory: 400 bytes a row")
    parser.add_argument("--turns", type=int, default=3)
    given = parser.parse_args()
    ways = {
        "DuckDB's own pass": _PLAIN,
        "sums by cell": _STREAM,
        "the command line, sums": _COMMAND,
    }
    if given.memory:
        ways["in memory"] = _MEMORY
    with ExitStack() as stack:
        folder, size = given.folder, "a panel given"
        if folder is None:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "panel"
            draw(folder, given.workers)
            size = f"{ROWS_A_WORKER * given.workers:,} rows"
        plain, *others = ((name, timed(code, folder, given.turns)) for name, code in ways.items())
        for name, (seconds, cpu, peak) in others:
            record(
                key=f"stream_{name.replace(' ', '_').replace(',', '')}",
                what=f"{ESTIMATOR}, {size}, {name}",
                ours=seconds,
                peak=peak,
                peak_limit=None if name == "in memory" else 4.0,
                peer=plain[0],
                theirs=plain[1][0],
                ratio_limit=None if name == "in memory" else 3.0,
                turns=given.turns,
                threads="as they come",
                note=f"processor time {cpu:.1f} s, {cpu / plain[1][1]:.1f} of {plain[0]}, which has peak {plain[1][2]:.2f} GB",
            )


def draw(folder: Path, n_workers: int) -> None:
    """Draw the panel, streamed to disk."""
    sizes = ("--set", f"n_workers={n_workers}", "--set", f"n_firms={n_workers // WORKERS_A_FIRM}")
    words = ["simulate", "--design", "rct-ability", "--out", str(folder), "--stream", *sizes]
    code = f"import sys; from withintask.cli.main import main; sys.argv = ['withintask', *{words!r}]; main()"
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


if __name__ == "__main__":
    main()
