"""Draw the worker-firm panel: ``python make_data.py`` writes panel.csv.

600 workers, 15 firms, 5 years; a worker moves each year with chance 0.3, so all firms stay tied when
any match is left out. Errors have unequal variances and are independent.
"""

from pathlib import Path

import numpy as np
import pandas as pd


def main() -> None:
    rng = np.random.default_rng(20240202)
    n_workers, n_firms, n_years = 600, 15, 5
    firm = np.empty((n_workers, n_years), dtype=int)
    firm[:, 0] = rng.integers(0, n_firms, n_workers)
    for year in range(1, n_years):
        moves = rng.random(n_workers) < 0.3
        firm[:, year] = np.where(moves, rng.integers(0, n_firms, n_workers), firm[:, year - 1])
    frame = pd.DataFrame({"i": np.repeat(np.arange(n_workers), n_years), "j": firm.ravel()})
    frame["t"] = np.tile(np.arange(n_years), n_workers)
    effect, own = 0.3 * rng.standard_normal(n_firms), 0.5 * rng.standard_normal(n_workers)
    spread = 0.3 + 0.5 * (frame["j"] < 5)
    frame["y"] = effect[frame["j"]] + own[frame["i"]] + spread * rng.standard_normal(len(frame))
    frame.to_csv(Path(__file__).with_name("panel.csv"), index=False, float_format="%.17g")


if __name__ == "__main__":
    main()
