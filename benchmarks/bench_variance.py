"""Time leave-out variance components beside hdfe-stream.

Run ``python benchmarks/bench_variance.py [--firms 500 4000 10000 50000] [--turns 3] [--also 100] [--peer-python PATH]``. A panel
has 30 rows a firm and at least 120,000, six periods, and a fifth of the workers move in each. Ours and the peer run in turns, so that
a busy machine slows both alike; medians are printed. The peer runs under its own interpreter, as its dependencies differ; only
its estimation is timed.
"""

import argparse
import os
import tempfile
import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
from peers import Peer, find
from rows import compare, in_turns, threads

from withintask.tests_of_model.components.two_way import VarianceComponents, two_way_components

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


def bench(n_firms: int, arguments: argparse.Namespace) -> None:
    frame = draw_panel(max(FEWEST_ROWS, ROWS_A_FIRM * n_firms), n_firms)
    present = find(arguments.peer_python)
    answers: dict[str, str] = {}

    def run(name: str, n_projections: int | None) -> float:
        taken, found = ours(frame, n_projections)
        answers[name] = (
            f"corrected {found.leave_out.firm:.4f} (plug-in {found.plug_in.firm:.4f}), "
            f"{found.n_projections} projections, simulation error {found.simulation.firm:.1g}"
        )
        return taken

    def ask(peer: Peer) -> float:
        taken, value = peer.answer()
        answers["hdfe-stream"] = f"corrected {value:.4f} (hdfe-stream {present['hdfe_stream']})"
        return taken

    candidates = {"withintask": partial(run, "withintask", None)}
    if arguments.also is not None:
        name = f"withintask, {arguments.also} projections"
        candidates[name] = partial(run, name, arguments.also)
    with ExitStack() as stack:
        path = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "panel.parquet"
        frame.write_parquet(path)
        if "hdfe_stream" in present:
            peer = Peer(arguments.peer_python, "hdfe_stream", path)
            stack.callback(peer.close)
            candidates["hdfe-stream"] = partial(ask, peer)
        seconds = in_turns(candidates, arguments.turns, warm=arguments.turns > 1)
    compare(
        seconds,
        absent={} if "hdfe-stream" in candidates else {"hdfe-stream": None},
        ratio_limits={"hdfe-stream": 1.0},
        key=f"leave_out_{n_firms}",
        what=f"leave-out components, {n_firms:,} firms, {len(frame):,} rows",
        turns=arguments.turns,
        note="; ".join(answers.values()),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--firms", type=int, nargs="+", default=[500, 4_000, 10_000, 50_000])
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--also", type=int, help="number of projections to time as well")
    parser.add_argument("--peer-python", help="interpreter that has hdfe-stream and pyfixest")
    arguments = parser.parse_args()
    print(f"cores {os.cpu_count()}, {threads()}, medians of {arguments.turns} turns")
    for n_firms in arguments.firms:
        bench(n_firms, arguments)


if __name__ == "__main__":
    main()
