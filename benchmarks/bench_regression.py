"""Time the regression engine beside peers, the bootstrap, and the compressed engine.

Run ``python benchmarks/bench_regression.py [--rows 1000000] [--compressed-rows 100000000] [--skip-compressed] [--turns 5]
[--peer-python PATH]``. Medians of turns, ours and the peers' one after the other, so that a busy machine slows all alike. Peers
run under their own interpreter; those that it does not have are named.
"""

import argparse
import multiprocessing
import os
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
from peers import Peer, find
from rows import compare, in_turns, peak_gigabytes, record

from withintask.tests_of_model.regression.absorb import Projector
from withintask.tests_of_model.regression.bootstrap import wild_bootstrap
from withintask.tests_of_model.regression.compressed import fit_compressed
from withintask.tests_of_model.regression.fit import fit
from withintask.tests_of_model.regression.options import Effects, Inference

NAMES = ("x1", "x2")


def two_way_panel(n_obs: int, *, low_mobility: bool) -> pd.DataFrame:
    rng = np.random.default_rng(7)
    worker = rng.integers(0, n_obs // 10, n_obs)
    near = (worker % 1000 + rng.integers(0, 3, n_obs)) % 1000
    cell = near if low_mobility else rng.integers(0, 1000, n_obs)
    X = rng.standard_normal((n_obs, 2))
    y = X @ [1.0, 2.0] + 0.001 * cell + rng.standard_normal(n_obs)
    return pd.DataFrame({"y": y, "x1": X[:, 0], "x2": X[:, 1], "worker": worker, "cell": cell})


def our_fit(frame: pd.DataFrame) -> object:
    return fit(
        frame["y"].to_numpy(),
        frame[["x1", "x2"]].to_numpy(),
        names=NAMES,
        effects=Effects(absorb=[frame["worker"].to_numpy(), frame["cell"].to_numpy()]),
        inference=Inference(cluster=[frame["worker"].to_numpy()]),
    )


def beside_peers(frame: pd.DataFrame, names: tuple[str, ...], ours, options, **fields) -> None:
    """Time ours and the named peers on a frame, in turns."""
    present = find(options.peer_python)
    with ExitStack() as stack:
        path = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "frame.parquet"
        frame.to_parquet(path)
        candidates = {"withintask": ours}
        for name in names:
            if name in present:
                candidates[name] = peer = Peer(options.peer_python, name, path)
                stack.callback(peer.close)
        seconds = in_turns(candidates, options.turns)
    absent = {name: None for name in names if name not in present}
    versions = ", ".join(f"{name} {present[name]}" for name in names if name in present)
    compare(seconds, absent=absent, turns=options.turns, note=versions, **fields)


def bench_two_way(options: argparse.Namespace) -> None:
    names, n_obs = ("pyfixest", "fereg", "within"), options.rows
    frame = two_way_panel(n_obs, low_mobility=False)
    beside_peers(
        frame,
        names,
        lambda: our_fit(frame),
        options,
        key="two_way",
        what=f"two-way effects, clustered errors, {n_obs:,} rows",
        ratio_limits={"pyfixest": 0.5, "fereg": 1.0},
    )
    frame = two_way_panel(n_obs, low_mobility=True)
    beside_peers(
        frame,
        ("fereg", "within"),
        lambda: our_fit(frame),
        options,
        key="low_mobility",
        what=f"the same, each worker in three neighbouring cells, {n_obs:,} rows",
        limit=2.0,
        ratio_limits={"fereg": 1.0},
    )


def bench_replicate(options: argparse.Namespace, n_obs: int = 10_000) -> None:
    rng = np.random.default_rng(1)
    worker, cell = rng.integers(0, n_obs // 10, n_obs), rng.integers(0, 100, n_obs)
    projector = Projector([worker, cell])

    def replicate() -> object:
        X = rng.standard_normal((2, n_obs))
        y = X[0] + 2 * X[1] + rng.standard_normal(n_obs)
        return fit(
            y,
            X.T,
            names=NAMES,
            effects=Effects(projector=projector),
            inference=Inference(cluster=[worker]),
        )

    turns = 60 * options.turns
    draws = {"withintask": replicate, "draws alone": lambda: rng.standard_normal(3 * n_obs)}
    compare(
        in_turns(draws, turns),
        key="replicate",
        what=f"{n_obs:,} rows drawn, fitted, clustered, projector kept",
        limit=1e-3,
        turns=turns,
    )


def bench_bootstrap(options: argparse.Namespace) -> None:
    rng, n_obs, n_clusters = np.random.default_rng(3), 10_000, 50
    firm = rng.integers(0, n_clusters, n_obs)
    X = rng.standard_normal((n_obs, 2)) + rng.standard_normal((n_clusters, 2))[firm]
    y = X @ [0.02, 1.0] + rng.standard_normal(n_clusters)[firm] + rng.standard_normal(n_obs)
    design = np.column_stack([X, np.ones(n_obs)])
    frame = pd.DataFrame({"y": y, "x1": X[:, 0], "x2": X[:, 1], "firm": firm})
    beside_peers(
        frame,
        ("wildboottest",),
        lambda: wild_bootstrap(y, design, names=("x1", "x2", "1"), term="x1", cluster=firm, seed=1),
        options,
        key="wild",
        what="wild bootstrap, p-value and interval, 9,999 draws, 10,000 rows, 50 clusters",
        limit=0.03,
    )


def write_rows(path: Path, n_rows: int) -> None:
    """Write the large panel in row groups, in bounded memory."""
    query = f"""
        SELECT (random() > 0.5)::TINYINT AS ai, (random() * 8)::TINYINT AS school,
               (random() * 999)::SMALLINT AS firm, random() + random() + random() AS pay
        FROM range({n_rows})"""
    with duckdb.connect() as connection:
        connection.execute("SET memory_limit = '1GB'; SET preserve_insertion_order = false")
        connection.execute(f"COPY ({query}) TO '{path}' (FORMAT parquet, COMPRESSION zstd)")


def compressed_once(path: Path, seconds: "multiprocessing.Queue[tuple[float, float]]") -> None:
    start = time.perf_counter()
    fit_compressed(
        path, outcome="pay", regressors=["ai", "school"], cluster=["firm"], constant=True
    )
    seconds.put((time.perf_counter() - start, peak_gigabytes()))


def bench_compressed(n_rows: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "panel.parquet"
        write_rows(path, n_rows)
        context = multiprocessing.get_context("spawn")
        queue = context.Queue()
        process = context.Process(target=compressed_once, args=(path, queue))
        process.start()
        seconds, peak = queue.get()
        process.join()
        size = path.stat().st_size / 2**20
    record(
        key="compressed",
        what=f"compressed engine, clustered, {n_rows:,} rows of Parquet ({size:,.0f} MB)",
        ours=seconds,
        limit=10.0,
        peak=peak,
        peak_limit=2.0,
        threads="",
        note="in a process of its own",
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--compressed-rows", type=int, default=100_000_000)
    parser.add_argument("--skip-compressed", action="store_true")
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--peer-python", help="interpreter that has pyfixest, fereg, wildboottest")
    options = parser.parse_args()
    print(f"cores {os.cpu_count()}, load {os.getloadavg()[0]:.1f}")
    bench_two_way(options)
    bench_replicate(options)
    bench_bootstrap(options)
    if not options.skip_compressed:
        bench_compressed(options.compressed_rows)


if __name__ == "__main__":
    main()
