"""Time the simulator: solving an economy, drawing in memory, small replicates, streaming to Parquet.

Run ``python benchmarks/bench_sim.py [--rows 100000000]``. Each part runs in a process of its own; all but the last
with one thread. Rates are medians of repeated runs in warm memory, the first (cold) run is printed beside them.
Processor time stands beside wall time, since other work on the machine does not lengthen it as much. ``--against FOLDER``
runs each part a second time with the packages of another version (``pip install --no-deps --target FOLDER CHECKOUT``).
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from rows import peak_gigabytes, record

from withintask.sim.design import Design
from withintask.sim.designs import change_design, load_design
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
ITEMS = 8
MILLION = 1e6


class Clock:
    """Wall and processor seconds since it was made."""

    def __init__(self):
        self.start = time.perf_counter(), time.process_time()

    def read(self):
        """Return the seconds until now."""
        now = time.perf_counter(), time.process_time()
        return [end - start for start, end in zip(self.start, now, strict=True)]


def timed(run, repeats=7):
    """Return seconds of the first run, and median wall and processor seconds of the others."""
    seconds = []
    for _ in range(repeats):
        clock = Clock()
        run()
        seconds.append(clock.read())
    wall, cpu = zip(*seconds[1:], strict=True)
    return seconds[0][0], statistics.median(wall), statistics.median(cpu)


def rct(n_workers):
    return change_design(load_design("rct"), n_workers=n_workers, n_firms=n_workers // 20)


def bench_economy(_):
    params = load_params()
    _, moment, cpu = timed(lambda: solve_economy(params))
    _, other, _ = timed(
        lambda: solve_economy(vary(params, ability_sd=time.perf_counter() % 1 / 100 + 0.4))
    )
    record(
        key="economy",
        what="solve an economy of 2^15 workers",
        ours=moment,
        turns=6,
        note=f"{cpu * 1e3:.1f} ms of a processor; with another ability_sd {other * 1e3:.1f} ms",
    )


def bench_memory(_):
    economy = solve_economy(load_params())
    draw = np.random.Generator(np.random.SFC64(1)).standard_normal
    _, _, cpu = timed(lambda: draw(N_NORMALS))
    normals = N_NORMALS / cpu
    noisy = rct(WORKERS_IN_MEMORY)
    designs = {"as designed": noisy, "no noise": change_design(noisy, output_noise=0.0)}
    if "n_items" in Design.__dataclass_fields__:
        some = change_design(rct(WORKERS_IN_MEMORY // ITEMS), n_items=ITEMS, noise_persistence=0.2)
        designs |= {f"{ITEMS} items": some}
    for label, design in designs.items():
        cold, wall, cpu = timed(lambda d=design: simulate(economy, d, draw_shocks(d, seed=1)))
        rows = simulate(economy, design, draw_shocks(design, seed=1)).outputs.height
        record(
            key=f"sim_memory_{label.replace(' ', '_')}",
            what=f"draw rct in memory, {label}, {rows:,} rows",
            ours=rows / wall / MILLION,
            unit="M rows/s",
            more_is_better=True,
            peer="normals alone",
            theirs=normals / MILLION,
            turns=6,
            note=f"{rows / cpu / MILLION:.1f} by processor time; cold {rows / cold / MILLION:.1f}",
        )


def bench_replicates(_):
    economy = solve_economy(load_params())
    for name in ("rct", "rct-ability"):
        design = change_design(load_design(name), n_workers=WORKERS_OF_REPLICATE)
        rows = design.n_workers * design.n_tasks_by_worker * design.n_periods

        def run(design=design):
            for _ in simulate_many(economy, design, seed=1, replicates=range(REPLICATES)):
                pass

        _, wall, cpu = timed(run, repeats=4)
        record(
            key=f"sim_{name}",
            what=f"draw a replicate of {name}, {rows:,} rows, all columns",
            ours=wall / REPLICATES,
            turns=3,
            note=f"{cpu / REPLICATES * 1e3:.2f} ms of a processor",
        )


def bench_stream(n_rows):
    economy, design = solve_economy(load_params()), rct(max(n_rows // 40, 40))
    frame = next(draw_chunks(economy, design, seed=1))["outputs"]
    with tempfile.TemporaryDirectory() as folder:
        # The peer writes before and after, so that a change of other load falls on both.
        file = Path(folder) / "one.parquet"
        n_chunks = -(-n_rows // frame.height)
        first = written_alone(frame, file, n_chunks // 2)
        clock = Clock()
        written = write_streamed(economy, design, seed=1, folder=Path(folder) / "panel")
        ours = clock.read()
        peak = peak_gigabytes()
        last = written_alone(frame, file, n_chunks - n_chunks // 2)
    theirs = [a + b for a, b in zip(first, last, strict=True)]
    rows = n_chunks * frame.height
    record(
        key="sim_stream",
        what=f"draw and stream to zstd Parquet, {written.n_rows:,} rows",
        ours=written.n_rows / ours[0] / MILLION,
        unit="M rows/s",
        more_is_better=True,
        peer="Polars writes as many rows",
        theirs=rows / theirs[0] / MILLION,
        peak=peak,
        peak_limit=2.0,
        note=f"by processor time {written.n_rows / ours[1] / MILLION:.1f} and {rows / theirs[1] / MILLION:.1f}",
    )


def written_alone(frame, file, n_times):
    """Return wall and processor seconds in which Polars writes a frame again and again."""
    clock = Clock()
    for _ in range(n_times):
        frame.write_parquet(file, compression="zstd", compression_level=1)
    return clock.read()


PARTS = {
    "economy": bench_economy,
    "memory": bench_memory,
    "replicates": bench_replicates,
    "stream": bench_stream,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000, help="rows of the streamed panel")
    parser.add_argument("--parts", choices=PARTS, nargs="+", help="parts to run, all if not named")
    parser.add_argument(
        "--against", type=Path, help="folder of another version, run after each part"
    )
    parser.add_argument("--part", choices=PARTS, help="run one part in this process")
    chosen = parser.parse_args()
    if chosen.part:
        PARTS[chosen.part](chosen.rows)
        return
    print("load average {:.1f} {:.1f} {:.1f}".format(*os.getloadavg()))
    for part in chosen.parts or PARTS:
        threads = {} if part == "stream" else dict.fromkeys(ONE_THREAD, "1")
        command = [sys.executable, __file__, "--part", part, "--rows", str(chosen.rows)]
        subprocess.run(command, check=True, env={**os.environ, **threads})
        if chosen.against:
            print(f"-- the same with {chosen.against}", flush=True)
            path = {"PYTHONPATH": str(chosen.against)}
            subprocess.run(command, check=True, env={**os.environ, **threads, **path})


if __name__ == "__main__":
    main()
