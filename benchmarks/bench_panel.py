"""Time and memory of validating a panel, ours against dataframely's own validation.

Run ``python benchmarks/bench_panel.py [n_rows]`` (10 million by default). Each measurement runs
in a process of its own, three times: median time, most memory. ``lazy`` and ``eager`` are ours, on
the scanned files and in memory (the table alone takes about 1 GB). The peer checks the rules of
one table; ours also checks keys between tables, ids and units.
"""

import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl
from rows import record

from withintask.panel.panel import Panel, PanelInfo
from withintask.panel.store import load_panel, write_panel

N_ROWS = 10_000_000
TASKS_A_WORKER = 5
N_TASKS = 5_000
N_FIRMS = 500
KILOBYTES_A_GIGABYTE = 1e6
REPEATS = 3
KINDS = ("lazy", "eager", "dataframely")


def main() -> None:
    """Write a panel, then measure each kind of validation on it."""
    n_rows = int(sys.argv[1]) if len(sys.argv) > 1 else N_ROWS
    with tempfile.TemporaryDirectory() as folder:
        run("--make", str(n_rows), folder)  # a child's peak memory starts at its parent's
        results = {kind: best(kind, folder) for kind in KINDS}
    lazy, eager, peer = (results[kind] for kind in KINDS)
    record(
        key="panel_lazy",
        what=f"validate {n_rows:,} output rows from Parquet, all rules, keys and links",
        ours=lazy[0],
        peak=lazy[1],
        peak_limit=0.6,
        turns=REPEATS,
    )
    record(
        key="panel_eager",
        what=f"validate {n_rows:,} output rows in memory",
        ours=eager[0],
        peak=eager[1],
        peer="dataframely (rules of one table)",
        theirs=peer[0],
        ratio_limit=1.0,
        turns=REPEATS,
    )


def made_panel(n_rows: int) -> Panel:
    """Make a valid panel: workers x five tasks x two periods, with firms."""
    rng = np.random.default_rng(0)
    row = np.arange(n_rows)
    worker, period = row // (2 * TASKS_A_WORKER), (row // TASKS_A_WORKER) % 2
    task = (row % TASKS_A_WORKER + TASKS_A_WORKER * worker) % N_TASKS
    numbers = pl.DataFrame({"worker": worker, "task": task, "firm": worker % N_FIRMS})
    outputs = numbers.select(
        worker_id=pl.format("w{}", pl.col("worker").cast(pl.String).str.zfill(7)),
        task_id=pl.format("t{}", "task"),
        period=pl.Series(period),
        firm_id=pl.format("f{}", "firm"),
        ai_access=pl.Series(period == 1),
        ai_use=pl.Series(rng.random(n_rows) * period),
        output=pl.Series(rng.lognormal(size=n_rows)),
        unit=pl.lit("calls an hour"),
    )
    firms = outputs.select("firm_id", "period").unique()
    ids = {name: outputs.select(name).unique() for name in ("worker_id", "task_id")}
    return Panel(
        info=PanelInfo(name="benchmark", first_ai_period=1, is_synthetic=True),
        workers=ids["worker_id"],
        tasks=ids["task_id"],
        outputs=outputs,
        firms=firms,
    )


def best(kind: str, folder: str) -> tuple[float, float]:
    """Median seconds and most gigabytes of three measurements, a process each."""
    found = [tuple(map(float, run("--one", kind, folder).split())) for _ in range(REPEATS)]
    seconds, gigabytes = zip(*found, strict=True)
    return statistics.median(seconds), max(gigabytes)


def run(*words: str) -> str:
    """Run this script in a process of its own and return what it prints."""
    command = [sys.executable, __file__, *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def measure(kind: str, folder: str) -> None:
    """Validate once and print seconds and peak gigabytes."""
    from withintask.panel.schema import Outputs
    from withintask.panel.validate import panel_violations

    panel = load_panel(Path(folder) / "panel").panel
    if kind != "lazy":
        panel = panel.collect()
    start = time.perf_counter()
    if kind == "dataframely":
        Outputs.validate(with_all_columns(panel.outputs.lazy().collect(), Outputs))
    elif panel_violations(panel, with_outputs=True).height:
        raise AssertionError("the benchmark panel is not valid")
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / KILOBYTES_A_GIGABYTE
    print(seconds, peak)


def with_all_columns(frame, schema):
    """Add the optional columns the table leaves out, which dataframely demands."""
    absent = [
        pl.lit(None, dtype=column.dtype).alias(name)
        for name, column in schema.columns().items()
        if name not in frame.columns
    ]
    return frame.with_columns(absent)


if __name__ == "__main__":
    if "--one" in sys.argv:
        measure(*sys.argv[-2:])
    elif "--make" in sys.argv:
        write_panel(made_panel(int(sys.argv[-2])), Path(sys.argv[-1]) / "panel")
    else:
        main()
