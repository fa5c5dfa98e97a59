"""P-values of wildboottest on panel.csv: ``python make_wildboottest.py`` writes wildboottest.json.

Needs wildboottest 0.3.2 and statsmodels. With 8 firms it enumerates all 2**8 sign patterns, so
the p-values have no simulation error.
"""

import json
from importlib.metadata import version
from pathlib import Path

import pandas as pd
import statsmodels.formula.api as smf
from wildboottest.wildboottest import wildboottest

HERE = Path(__file__).parent


def main() -> None:
    frame = pd.read_csv(HERE / "panel.csv")
    cases = []
    for effects in ([], ["cell"], ["cell", "year"]):
        formula = "y ~ x + d" + "".join(f" + C({name})" for name in effects)
        for term in ("x", "d"):
            table = wildboottest(
                smf.ols(formula, data=frame), B=9999, cluster=frame["firm"], param=term, seed=1,
                parallel=False, show=False,
            )  # fmt: skip
            cases.append(
                {
                    "effects": effects,
                    "term": term,
                    "statistic": float(table["statistic"].iloc[0]),
                    "p_value": float(table["p-value"].iloc[0]),
                }
            )
    content = {
        "wildboottest": version("wildboottest"),
        "script": Path(__file__).name,
        "cases": cases,
    }
    (HERE / "wildboottest.json").write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
