"""Components of hdfe-stream on panel.csv: ``python make_hdfe_stream.py`` writes hdfe_stream.json.

Needs hdfe-stream 0.5.1. Its leverages and traces are random projections: the numbers are means over
seeds, each with the error of the mean.
"""

import json
from importlib.metadata import version
from pathlib import Path

import numpy as np
import polars as pl
from hdfe_stream import leave_out_kss

HERE = Path(__file__).parent
N_SEEDS, N_DRAWS = 20, 500


def main() -> None:
    frame = pl.read_csv(HERE / "panel.csv")
    content = {"hdfe-stream": version("hdfe-stream"), "script": Path(__file__).name}
    for leave_out in ("observation", "match"):
        found = [one(frame, leave_out, seed) for seed in range(N_SEEDS)]
        mean, spread = np.mean(found, axis=0), np.std(found, axis=0, ddof=1) / np.sqrt(N_SEEDS)
        names = ("firm", "worker", "covariance")
        content[leave_out] = {
            name: {"mean": float(mean[k]), "error_of_mean": float(spread[k])}
            for k, name in enumerate(names)
        }
    (HERE / "hdfe_stream.json").write_text(json.dumps(content, indent=1) + "\n")


def one(frame: pl.DataFrame, leave_out: str, seed: int) -> list[float]:
    found = leave_out_kss(
        "y ~ 1 | i + j", frame, n_draws=N_DRAWS, seed=seed, leave_out=leave_out, verbose=False
    )
    return [found.leave_out[name] for name in ("var(psi)", "var(alpha)", "cov(psi, alpha)")]


if __name__ == "__main__":
    main()
