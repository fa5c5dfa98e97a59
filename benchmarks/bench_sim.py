"""Time the simulator: solving an economy, drawing in memory, small replicates, streaming to Parquet.

Run ``python benchmarks/bench_sim.py [--rows 100000000]``. Each part runs in a process of its own; all but the last
with one thread. Rates are medians of repeated runs in warm memory, the first (cold) run is printed beside them.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from withintask.sim.design import change_design, load_design
from withintask.sim.economy import solve_economy
from withintask.sim.params import load_params, vary
from withintask.sim.shocks import draw_shocks
from withintask.sim.simulate import simulate, simulate_many
from withintask.sim.stream import draw_chunks, write_streamed

ONE_THREAD = ("POLARS_MAX_THREADS", "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS")
N_NORMALS = 2**22
WORKERS_IN_MEMORY = 100_000
REPLICATES = 200
WORKERS_OF_REPLICATE = 250
MILLION = 1e6


def timed(run, repeats=7):
    """Return seconds of the first run and the median of the others."""
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - start)
    return seconds[0], statistics.median(seconds[1:])


def rct(n_workers):
    return change_design(load_design("rct"), n_workers=n_workers, n_firms=n_workers // 20)


def bench_economy(_):
    params = load_params()
    _, moment = timed(lambda: solve_economy(params))
    _, other = timed(
        lambda: solve_economy(vary(params, ability_sd=time.perf_counter() % 1 / 100 + 0.4))
    )
    print(
        f"solve an economy, 2^15 workers     {moment * 1e3:8.1f} ms (other ability_sd: {other * 1e3:.1f} ms)"
    )


def bench_memory(_):
    economy = solve_economy(load_params())
    draw = np.random.Generator(np.random.SFC64(1)).standard_normal
    normals = N_NORMALS / timed(lambda: draw(N_NORMALS))[1]
    print(f"normals alone                      {normals / MILLION:8.1f} million/s")
    noisy = rct(WORKERS_IN_MEMORY)
    for label, design in (
        ("as designed", noisy),
        ("no noise", change_design(noisy, output_noise=0.0)),
    ):
        rows = design.n_workers * design.n_tasks_by_worker * design.n_periods
        cold, warm = timed(lambda d=design: simulate(economy, d, draw_shocks(d, seed=1)))
        rate = rows / warm
        print(
            f"rct in memory, {label:<12}        {rate / MILLION:8.1f} million rows/s, {rows:,} rows, "
            f"{rate / normals:.2f} of normals alone; cold {rows / cold / MILLION:.1f}"
        )


def bench_replicates(_):
    economy = solve_economy(load_params())
    for name in ("rct", "rct-ability"):
        design = change_design(load_design(name), n_workers=WORKERS_OF_REPLICATE)
        rows = design.n_workers * design.n_tasks_by_worker * design.n_periods

        def run(design=design):
            for _ in simulate_many(economy, design, seed=1, replicates=range(REPLICATES)):
                pass

        _, warm = timed(run, repeats=4)
        print(
            f"{name:<11} {rows:,} rows, draws and all {warm / REPLICATES * 1e3:8.2f} ms a replicate"
        )


def bench_stream(n_rows):
    economy, design = solve_economy(load_params()), rct(max(n_rows // 40, 40))
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        written = write_streamed(economy, design, seed=1, folder=Path(folder) / "panel")
        ours = written.n_rows / (time.perf_counter() - start)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        frame = next(draw_chunks(economy, design, seed=1))["outputs"]
        file = Path(folder) / "one.parquet"
        start = time.perf_counter()
        for _ in range(written.n_chunks):
            frame.write_parquet(file, compression="zstd", compression_level=1)
        theirs = frame.height * written.n_chunks / (time.perf_counter() - start)
    print(
        f"streamed to zstd Parquet           {ours / MILLION:8.1f} million rows/s, {written.n_rows:,} rows, "
        f"{written.n_chunks} parts"
    )
    print(
        f"Polars writes as many rows         {theirs / MILLION:8.1f} million rows/s, ratio {ours / theirs:.2f}"
    )
    print(f"peak memory                        {peak:8.2f} GB")


PARTS = {
    "economy": bench_economy,
    "memory": bench_memory,
    "replicates": bench_replicates,
    "stream": bench_stream,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000, help="rows of the streamed panel")
    parser.add_argument("--part", choices=PARTS, help="run one part in this process")
    chosen = parser.parse_args()
    if chosen.part:
        PARTS[chosen.part](chosen.rows)
        return
    for part in PARTS:
        threads = {} if part == "stream" else dict.fromkeys(ONE_THREAD, "1")
        command = [sys.executable, __file__, "--part", part, "--rows", str(chosen.rows)]
        subprocess.run(command, check=True, env={**os.environ, **threads})


if __name__ == "__main__":
    main()
