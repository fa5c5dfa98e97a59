"""Peers under an interpreter of their own, since what they depend on differs from what we do.

``Peer(python, case, path)`` starts ``python peers.py case path`` there; the data are read once, and every call runs the case
once and returns the seconds that it says. ``PEERS`` lists the packages; ``find`` says which of them an interpreter has.
"""

import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

PEERS = ("pyfixest", "fereg", "within", "hdfe_stream", "wildboottest")
WARM_WORKERS = 600
"""On whose rows a peer is run once before it is timed, for some compile at the first call."""
FORMULA = "y ~ x1 + x2 | worker + cell"


class Peer:
    """One case of one peer, kept ready in a process."""

    def __init__(self, python: str, case: str, path: Path) -> None:
        self._process = subprocess.Popen(
            [python, __file__, case, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __call__(self) -> float:
        """Run the case once; seconds."""
        seconds, _ = self.answer()
        return seconds

    def answer(self) -> tuple[float, float]:
        """Run the case once; seconds and its estimate."""
        process = self._process
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("the peer's process has no pipes")
        process.stdin.write("go\n")
        process.stdin.flush()
        line = process.stdout.readline()
        if not line:
            raise RuntimeError("the peer ended without an answer")
        seconds, estimate = map(float, line.split())
        return seconds, estimate

    def close(self) -> None:
        """End the process."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait()


def find(python: str | None) -> dict[str, str]:
    """Return package -> version of the peers that an interpreter has; none without an interpreter."""
    if not python:
        return {}
    code = (
        "import importlib.metadata as m, importlib.util as u\n"
        "names = {'within': 'within-py', 'hdfe_stream': 'hdfe-stream'}\n"
        f"for n in {PEERS!r}:\n"
        "    if u.find_spec(n): print(n, m.version(names.get(n, n)))"
    )
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
    return dict(line.split() for line in done.stdout.splitlines())


def read(path: str) -> object:
    """Read the data as a pandas frame, which the peers share."""
    import pandas as pd

    return pd.read_parquet(path)


def some_workers(frame: object) -> object:
    """Return all rows of some workers, if the data have workers."""
    return frame[frame["worker"] < WARM_WORKERS] if "worker" in frame else frame


def feols(module: str) -> Callable[[object], float]:
    """Two-way effects with clustered errors by a package with fixest's interface."""

    def run(frame: object) -> float:
        package = __import__(module)
        fit = package.feols(FORMULA, data=frame, vcov={"CRV1": "worker"}, fixef_rm="none")
        return float(fit.coef()["x1"])

    return run


def within(frame: object) -> float:
    """Two-way effects taken out by within-py, then least squares with clustered errors in NumPy, as it has no regression."""
    import numpy as np
    from within import Design, Effect, solve_batch

    names = ("worker", "cell")
    design = Design([Effect(frame[name].to_numpy(dtype="uint32"), True) for name in names])
    columns = np.asfortranarray(frame[["y", "x1", "x2"]].to_numpy())
    free = solve_batch(design, columns).demeaned
    y, X = free[:, 0], free[:, 1:]
    bread = np.linalg.inv(X.T @ X)
    coefficients = bread @ X.T @ y
    scores = X * (y - X @ coefficients)[:, None]
    worker = frame["worker"].to_numpy()
    sums = np.column_stack([np.bincount(worker, score) for score in scores.T])
    bread @ (sums.T @ sums) @ bread
    return float(coefficients[0])


def leave_out(frame: object) -> float:
    """Variance of firm effects, corrected by leaving out."""
    import polars as pl
    from hdfe_stream import leave_out_kss

    found = leave_out_kss("y ~ 1 | worker + firm", pl.from_pandas(frame), verbose=False)
    return float(found.leave_out["var(psi)"])


def bootstrap(frame: object) -> float:
    """Wild cluster bootstrap of one coefficient."""
    import pyfixest

    model = pyfixest.feols("y ~ x1 + x2", data=frame, vcov={"CRV1": "firm"})
    return float(model.wildboottest(param="x1", reps=9999, seed=1)["Pr(>|t|)"])


CASES = {
    "pyfixest": feols("pyfixest"),
    "fereg": feols("fereg"),
    "within": within,
    "hdfe_stream": leave_out,
    "wildboottest": bootstrap,
}


def main(case: str, path: str) -> None:
    """Answer every line with the seconds of one run and what it found."""
    frame, run = read(path), CASES[case]
    with suppress(Exception):  # a peer may find too little in so few rows; it is compiled then
        run(some_workers(frame))
    for _ in sys.stdin:
        start = time.perf_counter()
        estimate = run(frame)
        print(time.perf_counter() - start, estimate, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
