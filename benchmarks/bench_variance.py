"""Time leave-out variance components beside hdfe-stream.

Run ``python benchmarks/bench_variance.py [--rows 120000] [--peer-python PATH]``. The peer runs under
its own interpreter, as its dependencies differ; only its estimation is timed.
"""

import argparse
import os
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl

from withintask.tests_of_model.components.two_way import two_way_components

PEER = """
import sys, time
import polars as pl
from hdfe_stream import leave_out_kss
frame = pl.read_parquet(sys.argv[1])
for turn in range(int(sys.argv[2])):
    start = time.perf_counter()
    found = leave_out_kss("y ~ 1 | worker + firm", frame, verbose=False)
    print(time.perf_counter() - start, found.leave_out["var(psi)"])
"""


def draw_panel(n_rows: int, n_firms: int = 500, n_periods: int = 6) -> pl.DataFrame:
    rng = np.random.default_rng(11)
    n_workers = n_rows // n_periods
    firm = np.empty((n_workers, n_periods), dtype=np.int64)
    firm[:, 0] = rng.integers(0, n_firms, n_workers)
    for t in range(1, n_periods):
        moves = rng.random(n_workers) < 0.2
        firm[:, t] = np.where(moves, rng.integers(0, n_firms, n_workers), firm[:, t - 1])
    worker, firms = np.repeat(np.arange(n_workers), n_periods), firm.ravel()
    effect, own = 0.35 * rng.standard_normal(n_firms), rng.standard_normal(n_workers)
    y = effect[firms] + own[worker] + rng.standard_normal(len(worker))
    return pl.DataFrame({"y": y, "worker": worker, "firm": firms})


def peer(frame: pl.DataFrame, python: str, turns: int) -> tuple[float, float]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "panel.parquet"
        frame.write_parquet(path)
        command = [python, "-c", PEER, str(path), str(turns)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    rows = [line.split() for line in done.stdout.splitlines()]
    return min(float(row[0]) for row in rows), float(rows[-1][1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=120_000)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--peer-python", help="interpreter that has hdfe-stream and pyfixest")
    arguments = parser.parse_args()
    frame = draw_panel(arguments.rows)
    print(f"cores {os.cpu_count()}, load {os.getloadavg()[0]:.1f}, {len(frame):,} rows, 500 firms")
    seconds = []
    for _ in range(arguments.turns):
        start = time.perf_counter()
        found = two_way_components(frame["y"], frame["worker"], frame["firm"])
        seconds.append(time.perf_counter() - start)
    values = f"plug-in {found.plug_in.firm:.4f}, corrected {found.leave_out.firm:.4f}"
    print(f"  withintask  {min(seconds):8.3f} s   {values} (exact leverages)")
    if arguments.peer_python is None:
        print("  (no --peer-python given: hdfe-stream left out)")
        return
    theirs, value = peer(frame, arguments.peer_python, arguments.turns)
    ratio = min(seconds) / theirs
    print(f"  hdfe-stream {theirs:8.3f} s   corrected {value:.4f} (250 projections)")
    print(f"  ours/theirs {ratio:8.3f}")


if __name__ == "__main__":
    main()
