"""What the estimators find on the published panels, as found; most of these panels are from before AI."""

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace

import numpy as np
import polars as pl

from withintask.panel.panel import Panel
from withintask.panel.transform import codes, eager
from withintask.tests_of_model.hypotheses.estimate import ESTIMATE_SCHEMA, estimate
from withintask.tests_of_model.hypotheses.estimates import from_fit, from_moments
from withintask.tests_of_model.hypotheses.h4_between import change_of_variances
from withintask.tests_of_model.hypotheses.hypothesis import OK, Estimate
from withintask.tests_of_model.regression.fit import fit
from withintask.tests_of_model.regression.options import Effects, Inference
from withintask.tests_of_model.samples.firm_moments import FirmMoments, firms_left_out

CPS_YEAR = 1985
"""As if AI had arrived between the two surveys, 1978 and 1985."""
NLSY_YEAR = 1984
"""As if AI had arrived in the middle of 1980-1987."""
FIRMS_YEAR = 1980
"""As if AI had arrived in the middle of 1976-1984."""

_TIDY = ("dataset", "sample", "reading", "hypothesis", "estimator")


def published_results(panels: Mapping[str, Panel]) -> pl.DataFrame:
    """Run what can be run on the published panels.

    Parameters
    ----------
    panels
        By name: ``radiology``, ``echoes``, ``cps``, ``nlsy``, ``arellano-bond``; others are left alone.

    Returns
    -------
    polars.DataFrame
        ``dataset, sample, reading, hypothesis, estimator`` and the estimate's columns; what could not be estimated is a
        row with its status and message.
    """
    frames = [run(panels[name]) for name, run in _RESULTS.items() if name in panels]
    return pl.concat(frames) if frames else _frame([])


def _radiology(panel: Panel) -> pl.DataFrame:
    reading = "same readers without, then with AI: practice and AI are not told apart"
    outputs = eager(panel.outputs) if panel.outputs is not None else pl.DataFrame()
    frames = [_estimates(panel, "both tasks", reading, ("H1",))]
    for task in outputs["task_id"].unique().sort():
        own = panel.with_tables(outputs=outputs.filter(pl.col("task_id") == task))
        frames.append(_estimates(own, str(task), reading, ("H1",)).filter(pl.col("status") == OK))
    return pl.concat(frames)


def _echoes(panel: Panel) -> pl.DataFrame:
    reading = "other developers with AI than without; the authors call the phase observational"
    by_arm = _estimates(panel, "phase 1", reading, ("H1",))
    median = ("echoes", "phase 1", reading, "H1", "median_regression", _median_output(panel))
    return pl.concat([by_arm, _frame([median])])


def _median_output(panel: Panel) -> Estimate:
    """Log output per unit of time on access at the median, errors robust to unequal densities (statsmodels)."""
    import statsmodels.api as sm

    assert panel.outputs is not None
    frame = eager(panel.outputs)
    access = frame["ai_access"].cast(pl.Float64).to_numpy()
    found = sm.QuantReg(frame["output"].log().to_numpy(), sm.add_constant(access)).fit(q=0.5)
    return from_moments(
        "median_log_output",
        float(found.params[1]),
        float(found.bse[1]),
        dof=float(found.df_resid),
        n_obs=frame.height,
        n_clusters=0,
        convention="robust, quantile regression",
    )


def _cps(panel: Panel) -> pl.DataFrame:
    reading = f"placebo, as if AI had come between 1978 and {CPS_YEAR}; total years of schooling"
    return _schooling(panel, CPS_YEAR, reading)


def _nlsy(panel: Panel) -> pl.DataFrame:
    reading = f"placebo, as if AI had come in {NLSY_YEAR}; total years of schooling"
    return _schooling(panel, NLSY_YEAR, reading)


def _schooling(panel: Panel, year: int, reading: str) -> pl.DataFrame:
    as_if = replace(panel, info=replace(panel.info, first_ai_period=year))
    return _estimates(as_if, "all workers", reading, ("H2",))


def _firms(panel: Panel) -> pl.DataFrame:
    """Between-firm variance of pay, and pay on capital: what H4 needs, without workers, rents or AI."""
    assert panel.firms is not None
    frame = eager(panel.firms).drop_nulls(["pay_mean", "n_workers"]).sort("firm_id", "period")
    reading = f"placebo, as if AI had come in {FIRMS_YEAR}; firm means, no workers or rents"
    rows = [
        ("variance_change", change_of_variances(_firm_years(frame))[0]),
        ("pay_on_capital", _pay_on_capital(frame.drop_nulls("assets"))),
    ]
    return _frame(
        [("arellano-bond", "all firms", reading, "H4", name, estimate) for name, estimate in rows]
    )


def _firm_years(frame: pl.DataFrame) -> FirmMoments:
    """Moments of firms with years in the place of workers: what differs between years is noise of a firm's mean."""
    log_pay = pl.col("pay_mean").log()
    by_side = frame.group_by("firm_id", post=pl.col("period") >= FIRMS_YEAR).agg(
        mean=log_pay.mean(),
        within=log_pay.var(),
        n=pl.len(),
        size=pl.col("n_workers").mean(),
        industry=pl.col("industry_code").first(),
    )
    sides = [by_side.filter(pl.col("post") == post).drop("post") for post in (False, True)]
    both = sides[0].join(sides[1], on="firm_id", suffix="_after").sort("firm_id")
    usable = both.filter(pl.min_horizontal("n", "n_after") > 1)

    def pair(name: str) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
        return usable.select(name, f"{name}_after").cast(pl.Float64).to_numpy()

    return FirmMoments(
        mean=pair("mean"),
        noise=pair("within") / pair("n"),
        within=pair("within"),
        size=pair("size").mean(axis=1),
        industry=codes(usable["industry"]),
        kind=np.full((usable.height, 2), math.nan),
        n_obs=frame.height,
        message=firms_left_out(frame["firm_id"].n_unique() - usable.height),
    )


def _pay_on_capital(frame: pl.DataFrame) -> Estimate:
    """Log pay on log capital per worker with firm and year effects: a rent-sharing regression without rents."""
    capital = (frame["assets"] / frame["n_workers"]).log().to_numpy()
    firm = codes(frame["firm_id"])
    fitted = fit(
        frame["pay_mean"].log().to_numpy(),
        capital[:, None],
        names=["log_capital_per_worker"],
        effects=Effects(absorb=[firm, codes(frame["period"])]),
        inference=Inference(cluster=[firm]),
    )
    return from_fit(fitted, {"pay_elasticity_of_capital": "log_capital_per_worker"})[0]


_RESULTS: dict[str, Callable[[Panel], pl.DataFrame]] = {
    "radiology": _radiology,
    "echoes": _echoes,
    "cps": _cps,
    "nlsy": _nlsy,
    "arellano-bond": _firms,
}


def _estimates(
    panel: Panel, sample: str, reading: str, hypotheses: tuple[str, ...]
) -> pl.DataFrame:
    found = estimate(panel, hypotheses=hypotheses).drop("p_value_adjusted")
    labels = {"dataset": panel.info.name, "sample": sample, "reading": reading}
    labelled = found.with_columns(**{name: pl.lit(value) for name, value in labels.items()})
    return labelled.select(_frame([]).columns)


def _frame(rows: list[tuple[str, str, str, str, str, Estimate]]) -> pl.DataFrame:
    fields = [(*labels, *asdict(one).values()) for *labels, one in rows]
    names = [*_TIDY, *Estimate.__dataclass_fields__]
    schema = {name: ESTIMATE_SCHEMA.get(name, pl.String) for name in names}
    return pl.DataFrame(fields, schema=schema, orient="row")
