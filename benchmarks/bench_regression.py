"""Time the regression engine beside pyfixest, fereg and linearmodels, and the bootstrap.

Run ``python benchmarks/bench_regression.py [--rows 1000000] [--compressed-rows 100000000]
[--skip-compressed]``. Each line has our seconds, the peer's and their ratio, the best of several
runs of each, taken in turns so that a busy machine slows both alike. Peers that are not installed
are named.
"""

import argparse
import importlib.util
import multiprocessing
import os
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd

from withintask.tests_of_model.regression.absorb import Projector
from withintask.tests_of_model.regression.bootstrap import wild_bootstrap
from withintask.tests_of_model.regression.compressed import fit_compressed
from withintask.tests_of_model.regression.fit import fit
from withintask.tests_of_model.regression.options import Effects, Inference

NAMES = ("x1", "x2")


def best_of(candidates: dict[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Best seconds of each candidate, run in turns after one warm-up each."""
    seconds = {name: float("inf") for name in candidates}
    for turn in range(repeats + 1):
        for name, run in candidates.items():
            start = time.perf_counter()
            run()
            if turn:
                seconds[name] = min(seconds[name], time.perf_counter() - start)
    return seconds


def report(title: str, seconds: dict[str, float]) -> None:
    ours = seconds["withintask"]
    print(f"\n{title}\n  withintask {ours:10.4f} s")
    for name, value in seconds.items():
        if name != "withintask":
            print(f"  {name:<20} {value:10.4f} s   ours/theirs {ours / value:6.3f}")


def is_installed(name: str) -> bool:
    if importlib.util.find_spec(name):
        return True
    print(f"  ({name} is not installed: left out)")
    return False


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


def peers(frame: pd.DataFrame, names: list[str]) -> dict[str, Callable[[], object]]:
    candidates: dict[str, Callable[[], object]] = {"withintask": lambda: our_fit(frame)}
    formula, vcov = "y ~ x1 + x2 | worker + cell", {"CRV1": "worker"}
    for name in names:
        if is_installed(name):
            module = importlib.import_module(name)
            candidates[name] = lambda module=module: module.feols(
                formula, data=frame, vcov=vcov, fixef_rm="none"
            )
    return candidates


def bench_two_way(n_obs: int) -> None:
    frame = two_way_panel(n_obs, low_mobility=False)
    candidates = peers(frame, ["pyfixest", "fereg"])
    report(f"two-way effects, clustered, {n_obs:,} rows", best_of(candidates, 5))
    frame = two_way_panel(n_obs, low_mobility=True)
    report(
        f"the same, low mobility (each worker in three neighbouring cells), {n_obs:,} rows",
        best_of({"withintask": lambda: our_fit(frame)}, 5),
    )
    print("  (peers by alternating projections take 30 s and more there: not run)")


def bench_replicate(n_obs: int = 10_000) -> None:
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

    def draws() -> object:
        return rng.standard_normal(3 * n_obs)

    seconds = best_of({"withintask": replicate, "draws alone": draws}, 300)
    report("replicate of 10,000 rows: draw, fit, cluster; projector kept", seconds)
    if is_installed("fereg"):
        import fereg

        def peer() -> object:
            X = rng.standard_normal((2, n_obs))
            frame = pd.DataFrame({"x1": X[0], "x2": X[1], "worker": worker, "cell": cell})
            frame["y"] = X[0] + 2 * X[1] + rng.standard_normal(n_obs)
            return fereg.feols(
                "y ~ x1 + x2 | worker + cell", data=frame, vcov={"CRV1": "worker"}, fixef_rm="none"
            )

        report("the same", best_of({"withintask": replicate, "fereg": peer}, 30))


def bench_bootstrap(n_obs: int = 10_000, n_clusters: int = 50) -> None:
    rng = np.random.default_rng(3)
    firm = rng.integers(0, n_clusters, n_obs)
    X = rng.standard_normal((n_obs, 2)) + rng.standard_normal((n_clusters, 2))[firm]
    y = X @ [0.02, 1.0] + rng.standard_normal(n_clusters)[firm] + rng.standard_normal(n_obs)
    design = np.column_stack([X, np.ones(n_obs)])
    candidates: dict[str, Callable[[], object]] = {
        "withintask": lambda: wild_bootstrap(
            y, design, names=("x1", "x2", "1"), term="x1", cluster=firm, seed=1
        )
    }
    if is_installed("wildboottest") and is_installed("pyfixest"):
        import pyfixest

        frame = pd.DataFrame({"y": y, "x1": X[:, 0], "x2": X[:, 1], "firm": firm})
        model = pyfixest.feols("y ~ x1 + x2", data=frame, vcov={"CRV1": "firm"})
        candidates["pyfixest"] = lambda: model.wildboottest(param="x1", reps=9999, seed=1)
    title = "wild bootstrap, p-value and interval, 9,999 draws, 10,000 rows, 50 clusters"
    report(title, best_of(candidates, 5))


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
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    seconds.put((time.perf_counter() - start, peak))


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
    print(f"\ncompressed engine, {n_rows:,} rows of Parquet ({size:,.0f} MB), clustered")
    print(f"  withintask {seconds:10.4f} s, peak {peak:.2f} GB in its own process")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--compressed-rows", type=int, default=100_000_000)
    parser.add_argument("--skip-compressed", action="store_true")
    arguments = parser.parse_args()
    print(f"cores {os.cpu_count()}, load {os.getloadavg()[0]:.1f}")
    bench_two_way(arguments.rows)
    bench_replicate()
    bench_bootstrap()
    if not arguments.skip_compressed:
        bench_compressed(arguments.compressed_rows)


if __name__ == "__main__":
    main()
