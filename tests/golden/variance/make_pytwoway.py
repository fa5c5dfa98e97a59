"""Components of pytwoway on panel.csv: ``python make_pytwoway.py`` writes pytwoway.json.

Needs pytwoway 0.3.21, bipartitepandas 1.1.10, and numpy 1.26.4 with scipy 1.13.1 (newer ones break
it). Observations are left out; leverages and traces are exact, so nothing is random.
"""

import json
from importlib.metadata import version
from pathlib import Path

import bipartitepandas as bpd
import pandas as pd
import pytwoway

HERE = Path(__file__).parent
NAMES = {"var(psi)": "firm", "var(alpha)": "worker", "cov(psi, alpha)": "covariance"}


def main() -> None:
    frame = pd.read_csv(HERE / "panel.csv")
    clean = bpd.clean_params({"connectedness": "leave_out_observation", "verbose": False})
    panel = bpd.BipartiteDataFrame(frame).clean(clean)
    exact = {"exact_trace_sigma_2": True, "exact_trace_ho": True, "exact_trace_he": True}
    params = pytwoway.fe_params(
        {
            "he": True,
            "exact_lev_he": True,
            **exact,
            "Q_var": [pytwoway.Q.VarPsi(), pytwoway.Q.VarAlpha()],
            "Q_cov": pytwoway.Q.CovPsiAlpha(),
            "progress_bars": False,
            "preconditioner": None,
        }
    )
    model = pytwoway.FEEstimator(panel, params)
    model.fit()
    found = {key: float(value) for key, value in model.summary.items()}
    kinds = {"plug_in": "_fe", "homoskedastic": "_ho", "leave_out": "_he"}
    content = {
        "pytwoway": version("pytwoway"),
        "bipartitepandas": version("bipartitepandas"),
        "script": Path(__file__).name,
        "n_obs": len(panel),
        **{
            kind: {ours: found[theirs + suffix] for theirs, ours in NAMES.items()}
            for kind, suffix in kinds.items()
        },
    }
    (HERE / "pytwoway.json").write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
