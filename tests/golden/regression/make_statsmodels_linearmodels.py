"""Numbers of statsmodels and linearmodels on panel.csv, by their own interfaces.

``python make_statsmodels_linearmodels.py`` writes statsmodels_linearmodels.json. Needs statsmodels
0.15.0 and linearmodels 7.1 (the versions are stored). Unlike the reference engine of the package,
nothing of withintask is imported here.
"""

import json
from pathlib import Path

import linearmodels
import pandas as pd
import statsmodels
import statsmodels.formula.api as smf
from linearmodels.iv import IV2SLS
from linearmodels.iv.absorbing import AbsorbingLS

HERE = Path(__file__).parent
EFFECTS = [[], ["worker"], ["cell", "year"], ["worker", "cell"]]
ERRORS = ["unadjusted", "robust", "firm", "worker", "firm+cell", "CR3 firm", "jackknife firm"]


def main() -> None:
    frame = pd.read_csv(HERE / "panel.csv")
    cases = []
    for effects in EFFECTS:
        for errors in ERRORS:
            is_jackknife = errors.split(" ")[0] in ("CR3", "jackknife")
            if is_jackknife and "worker" in effects:
                continue  # refused: without a firm the dummies of its workers are all zero
            cases.append(by_statsmodels(frame, effects, errors))
            if is_jackknife:
                continue
            if effects:
                cases.append(by_absorbing(frame, effects, errors))
            cases.append(by_iv(frame, effects, errors))
    content = {
        "statsmodels": statsmodels.__version__,
        "linearmodels": linearmodels.__version__,
        "script": Path(__file__).name,
        "cases": cases,
    }
    path = HERE / "statsmodels_linearmodels.json"
    path.write_text(json.dumps(content, indent=1) + "\n")


def by_statsmodels(frame: pd.DataFrame, effects: list[str], errors: str) -> dict:
    dummies = "".join(f" + C({name})" for name in effects)
    model = smf.wls(f"y ~ x + d{dummies}", data=frame, weights=frame["w"])
    if errors == "unadjusted":
        result = model.fit()
    elif errors == "robust":
        result = model.fit(cov_type="HC1", use_t=True)
    else:
        kind = {"CR3 firm": "cluster-crv3", "jackknife firm": "cluster-jk"}.get(errors, "cluster")
        groups = frame[errors.rsplit(" ", maxsplit=1)[-1].split("+")].to_numpy().squeeze()
        result = model.fit(cov_type=kind, cov_kwds={"groups": groups}, use_t=True)
    return {
        "package": "statsmodels", "effects": effects, "errors": errors, "estimator": "WLS",
        "params": result.params[["x", "d"]].tolist(),
        "std_error": result.bse[["x", "d"]].tolist(),
        "p_value": result.pvalues[["x", "d"]].tolist(),
    }  # fmt: skip


def covariance(frame: pd.DataFrame, errors: str) -> dict:
    if errors in ("unadjusted", "robust"):
        return {"cov_type": errors}
    return {"cov_type": "clustered", "clusters": frame[errors.split("+")]}


def by_absorbing(frame: pd.DataFrame, effects: list[str], errors: str) -> dict:
    absorbed = frame[effects].astype("category")
    model = AbsorbingLS(frame["y"], frame[["x", "d"]], absorb=absorbed, weights=frame["w"])
    tight = {"atol": 1e-15, "btol": 1e-15}
    result = model.fit(
        debiased=True, method="lsmr", absorb_options=tight, **covariance(frame, errors)
    )
    return {
        "package": "linearmodels", "effects": effects, "errors": errors, "estimator": "WLS",
        "params": result.params[["x", "d"]].tolist(),
        "std_error": result.std_errors[["x", "d"]].tolist(),
        "p_value": result.pvalues[["x", "d"]].tolist(),
    }  # fmt: skip


def by_iv(frame: pd.DataFrame, effects: list[str], errors: str) -> dict:
    dummies = [pd.get_dummies(frame[name], prefix=name, drop_first=True) for name in effects]
    exog = pd.concat([frame[["d"]].assign(one=1.0), *dummies], axis=1).astype(float)
    model = IV2SLS(frame["y"], exog, frame[["x"]], frame[["z1", "z2"]])
    result = model.fit(debiased=True, **covariance(frame, errors))
    return {
        "package": "linearmodels", "effects": effects, "errors": errors, "estimator": "2SLS",
        "params": result.params[["x", "d"]].tolist(),
        "std_error": result.std_errors[["x", "d"]].tolist(),
        "p_value": result.pvalues[["x", "d"]].tolist(),
    }  # fmt: skip


if __name__ == "__main__":
    main()
