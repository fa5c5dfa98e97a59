"""Numbers of pyfixest on panel.csv: ``python make_pyfixest.py`` writes pyfixest.json.

Needs pyfixest 0.60.0 (the version is stored beside the numbers). Singletons are kept
(``fixef_rm="none"``) and effects demeaned to 1e-12.
"""

import json
from pathlib import Path

import pandas as pd
import pyfixest

HERE = Path(__file__).parent
EFFECTS = ["", "worker", "cell + year", "worker + cell", "worker + cell + year"]
ERRORS = {
    "unadjusted": "iid",
    "robust": "hetero",
    "firm": {"CRV1": "firm"},
    "worker": {"CRV1": "worker"},
    "firm+cell": {"CRV1": "firm + cell"},
    "CR3 firm": {"CRV3": "firm"},
}


def main() -> None:
    frame = pd.read_csv(HERE / "panel.csv")
    frame["one"] = 1
    cases = []
    for effects in EFFECTS:
        for errors, vcov in ERRORS.items():
            for estimator in ("OLS", "WLS", "2SLS"):
                if errors == "CR3 firm" and estimator == "2SLS":
                    continue
                cases.append(case(frame, effects, errors, vcov, estimator))
    content = {"pyfixest": pyfixest.__version__, "script": Path(__file__).name, "cases": cases}
    (HERE / "pyfixest.json").write_text(json.dumps(content, indent=1) + "\n")


def case(frame: pd.DataFrame, effects: str, errors: str, vcov: object, estimator: str) -> dict:
    formula = "y ~ x + d" if estimator != "2SLS" else "y ~ d"
    formula += f" | {effects}" if effects else ""
    formula += " | x ~ z1 + z2" if estimator == "2SLS" else ""
    model = pyfixest.feols(
        formula,
        data=frame,
        vcov=vcov,
        weights="w" if estimator == "WLS" else None,
        fixef_rm="none",
        demeaner=pyfixest.MapDemeaner(fixef_tol=1e-12) if effects else None,
    )
    table = model.tidy().loc[["x", "d"]]
    return {
        "effects": effects.split(" + ") if effects else [],
        "errors": errors,
        "estimator": estimator,
        "params": table["Estimate"].tolist(),
        "std_error": table["Std. Error"].tolist(),
        "p_value": table["Pr(>|t|)"].tolist(),
    }


if __name__ == "__main__":
    main()
