"""Randomization p-values of pyfixest on panel.csv: ``python make_ritest.py`` writes ritest.json.

Needs pyfixest 0.60.0 (the version is stored beside the numbers). A treatment of workers (every other one of a firm) is
assigned anew among the 40 workers, 1,999 times; p-values by coefficients and by t statistics, without strata.
"""

import json
from pathlib import Path

import pandas as pd
import pyfixest

HERE = Path(__file__).parent
N_DRAWS = 1_999


def main() -> None:
    frame = pd.read_csv(HERE / "panel.csv")
    frame["treated"] = (frame["worker"] // 8 % 2).astype(float)
    frame["y"] = frame["y"] + 0.6 * frame["treated"]
    model = pyfixest.feols("y ~ treated + d | year", data=frame, vcov={"CRV1": "worker"})
    cases = []
    for kind in ("randomization-c", "randomization-t"):
        found = model.ritest(
            resampvar="treated=0", cluster="worker", reps=N_DRAWS, type=kind, rng=_rng()
        )
        cases.append({"statistic": kind, "p_value": float(found["Pr(>|t|)"])})
    content = {"pyfixest": pyfixest.__version__, "script": Path(__file__).name, "cases": cases}
    (HERE / "ritest.json").write_text(json.dumps(content, indent=1) + "\n")


def _rng() -> object:
    import numpy as np

    return np.random.default_rng(20240202)


if __name__ == "__main__":
    main()
