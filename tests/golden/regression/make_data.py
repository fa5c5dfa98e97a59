"""Draw the panel on which all packages were run: ``python make_data.py`` writes panel.csv.

240 rows of 40 workers in 8 firms (a worker stays), 6 cells and 5 years. Errors are correlated
within firms and have unequal variances; x is endogenous, z1 and z2 are instruments.
"""

from pathlib import Path

import numpy as np
import pandas as pd


def main() -> None:
    rng = np.random.default_rng(20240201)
    n_obs = 240
    worker = rng.integers(0, 40, n_obs)
    frame = pd.DataFrame({"worker": worker, "firm": worker % 8})
    frame["cell"] = rng.integers(0, 6, n_obs)
    frame["year"] = rng.integers(0, 5, n_obs)
    frame["z1"], frame["z2"] = rng.standard_normal((2, n_obs))
    hidden = rng.standard_normal(n_obs)
    frame["x"] = frame["z1"] + 0.5 * frame["z2"] + hidden + rng.standard_normal(n_obs)
    frame["d"] = rng.standard_normal(n_obs) + 0.3 * rng.standard_normal(8)[frame["firm"]]
    shock = 0.5 * rng.standard_normal(8)[frame["firm"]] * frame["d"]
    frame["y"] = frame["x"] - 0.5 * frame["d"] + hidden + shock + rng.standard_normal(40)[worker]
    frame["w"] = rng.uniform(0.5, 2, n_obs)
    frame.to_csv(Path(__file__).with_name("panel.csv"), index=False, float_format="%.17g")


if __name__ == "__main__":
    main()
