"""Numbers of csdid, pyfixest and diff-diff on panel.csv: ``python make_peers.py`` writes peers.json.

Needs csdid 0.4.3, pyfixest 0.60.0 and diff-diff 3.13.0 (the versions are stored beside the numbers). csdid: no covariates,
analytic errors, the last period before the start as base throughout. pyfixest: Gardner's two stages, the event study.
diff-diff: imputation by Borusyak, Jaravel and Spiess.
"""

import json
import warnings
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd

HERE = Path(__file__).parent


def main() -> None:
    warnings.simplefilter("ignore")
    frame = pd.read_csv(HERE / "panel.csv")
    content = {
        "script": Path(__file__).name,
        "versions": {name: version(name) for name in ("csdid", "pyfixest", "diff-diff")},
        "csdid": [
            of_csdid(frame, controls, weighted)
            for controls in ("notyettreated", "nevertreated")
            for weighted in (False, True)
        ],
        "pyfixest": of_pyfixest(frame),
        "diff_diff": of_diff_diff(frame),
    }
    (HERE / "peers.json").write_text(json.dumps(content, indent=1) + "\n")


def of_csdid(frame: pd.DataFrame, controls: str, weighted: bool) -> dict:
    from csdid.att_gt import ATTgt

    fitted = ATTgt(
        yname="y",
        tname="period",
        idname="unit",
        gname="start",
        data=frame,
        control_group=[controls],
        weights_name="weight" if weighted else None,
    ).fit(est_method="reg", base_period="universal", bstrap=False)
    table = pd.DataFrame(
        {
            "cohort": np.asarray(fitted.results["group"], dtype=int),
            "period": np.asarray(fitted.results["year"], dtype=int),
            "estimate": np.asarray(fitted.results["att"], dtype=float),
            "std_error": np.asarray(fitted.results["se"], dtype=float),
        }
    )
    averages = {}
    for kind in ("simple", "dynamic", "group", "calendar"):
        result = fitted.aggte(typec=kind, bstrap=False, cband=False).atte
        averages[kind] = {
            "overall": numbers(result["overall_att"]),
            "overall_error": numbers(result["overall_se"]),
            "at": numbers(result.get("egt")),
            "estimate": numbers(result.get("att_egt")),
            "std_error": numbers(result.get("se_egt")),
        }
    return {
        "controls": controls,
        "weighted": weighted,
        "group_time": [
            row for row in table.to_dict("records") if row["period"] != row["cohort"] - 1
        ],
        "averages": averages,
    }


def numbers(values: object) -> object:
    if values is None:
        return None
    array = np.asarray(values, dtype=float).ravel()
    return (
        [None if np.isnan(x) else float(x) for x in array] if array.size != 1 else float(array[0])
    )


def of_pyfixest(frame: pd.DataFrame) -> dict:
    import pyfixest

    fit = pyfixest.event_study(
        frame, yname="y", idname="unit", tname="period", gname="start", estimator="did2s", att=True
    )
    tidy = fit.tidy()
    return {"att": float(tidy["Estimate"].iloc[0]), "std_error": float(tidy["Std. Error"].iloc[0])}


def of_diff_diff(frame: pd.DataFrame) -> dict:
    from diff_diff import ImputationDiD

    fit = ImputationDiD().fit(
        frame, outcome="y", unit="unit", time="period", first_treat="start", aggregate="event_study"
    )
    return {
        "att": float(fit.overall_att),
        "std_error": float(fit.overall_se),
        "event_time": {
            str(int(k)): float(v["effect"])
            for k, v in fit.event_study_effects.items()
            if int(k) >= 0 and np.isfinite(v["effect"])
        },
    }


if __name__ == "__main__":
    main()
