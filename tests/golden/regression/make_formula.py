"""Formulas of pyfixest on panel.csv: ``python make_formula.py`` writes formula.json.

Needs pyfixest 0.60.0 (the version is stored beside the numbers). Terms are stored as pyfixest names them; singletons are
kept (``fixef_rm="none"``) and effects demeaned to 1e-12.
"""

import json
from pathlib import Path

import pandas as pd
import pyfixest

HERE = Path(__file__).parent
FORMULAS = [
    "y ~ x + C(cell)",
    "y ~ x * d",
    "y ~ x + d | worker + year",
    "y ~ C(year) + d:x | firm",
    "y ~ d | worker | x ~ z1 + z2",
]


def main() -> None:
    frame = pd.read_csv(HERE / "panel.csv")
    cases = []
    for formula in FORMULAS:
        for weights in (None, "w"):
            model = pyfixest.feols(
                formula,
                data=frame,
                vcov={"CRV1": "firm"},
                weights=weights,
                fixef_rm="none",
                demeaner=pyfixest.MapDemeaner(fixef_tol=1e-12) if "|" in formula else None,
            )
            table = model.tidy()
            cases.append(
                {
                    "formula": formula,
                    "weights": weights or "",
                    "terms": [str(term) for term in table.index],
                    "params": table["Estimate"].tolist(),
                    "std_error": table["Std. Error"].tolist(),
                }
            )
    content = {"pyfixest": pyfixest.__version__, "script": Path(__file__).name, "cases": cases}
    (HERE / "formula.json").write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
