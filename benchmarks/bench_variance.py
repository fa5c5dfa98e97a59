"""Time leave-out variance components beside hdfe-stream.

Run ``python benchmarks/bench_variance.py [--firms 500 4000 10000 50000] [--turns 3] [--also 100] [--peer-python PATH]``. A panel
has 30 rows a firm and at least 120,000, six periods, and a fifth of the workers move in each. Ours and the peer run in turns, so that
a busy machine slows both alike; medians are printed. The peer runs under its own interpreter, as its dependencies differ; only
its estimation is timed.
"""

import argparse
import os
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl
from threadpoolctl import threadpool_info

from withintask.tests_of_model.components.two_way import VarianceComponents, two_way_components

PEER = """
import sys, time
import polars as pl
from hdfe_stream import leave_out_kss
frame = pl.read_parquet(sys.argv[1])
start = time.perf_counter()
found = leave_out_kss("y ~ 1 | worker + firm", frame, verbose=False)
print(time.perf_counter() - start, found.leave_out["var(psi)"])
"""
FEWEST_ROWS, ROWS_A_FIRM = 120_000, 30


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


def ours(frame: pl.DataFrame, n_projections: int | None) -> tuple[float, VarianceComponents]:
    start = time.perf_counter()
    found = two_way_components(
        frame["y"], frame["worker"], frame["firm"], n_projections=n_projections
    )
    return time.perf_counter() - start, found


def peer(path: Path, python: str) -> tuple[float, float]:
    command = [python, "-c", PEER, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    seconds, value = done.stdout.splitlines()[-1].split()
    return float(seconds), float(value)


def bench(n_firms: int, arguments: argparse.Namespace) -> None:
    frame = draw_panel(max(FEWEST_ROWS, ROWS_A_FIRM * n_firms), n_firms)
    ways: dict[str, int | None] = {"withintask": None}
    if arguments.also is not None:
        ways[f"withintask, {arguments.also} projections"] = arguments.also
    seconds: dict[str, list[float]] = {name: [] for name in (*ways, "hdfe-stream")}
    said: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "panel.parquet"
        frame.write_parquet(path)
        for _ in range(arguments.turns):
            for name, n_projections in ways.items():
                taken, found = ours(frame, n_projections)
                seconds[name].append(taken)
                said[name] = (
                    f"corrected {found.leave_out.firm:.4f} (plug-in {found.plug_in.firm:.4f}), "
                    f"{found.n_projections} projections, simulation error {found.simulation.firm:.1g}"
                )
            if arguments.peer_python:
                taken, value = peer(path, arguments.peer_python)
                seconds["hdfe-stream"].append(taken)
                said["hdfe-stream"] = f"corrected {value:.4f}"
    print(f"\n{n_firms:,} firms, {len(frame):,} rows, load {os.getloadavg()[0]:.1f}")
    first = statistics.median(seconds["withintask"])
    for name, text in said.items():
        median = statistics.median(seconds[name])
        ratio = "" if name == "withintask" else f"   ours/this {first / median:6.3f}"
        print(f"  {name:<28} {median:8.3f} s   {text}{ratio}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--firms", type=int, nargs="+", default=[500, 4_000, 10_000, 50_000])
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--also", type=int, help="number of projections to time as well")
    parser.add_argument("--peer-python", help="interpreter that has hdfe-stream and pyfixest")
    arguments = parser.parse_args()
    threads = sorted({pool["num_threads"] for pool in threadpool_info()})
    print(f"cores {os.cpu_count()}, BLAS threads {threads}, medians of {arguments.turns} turns")
    if arguments.peer_python is None:
        print("(no --peer-python given: hdfe-stream left out)")
    for n_firms in arguments.firms:
        bench(n_firms, arguments)


if __name__ == "__main__":
    main()
