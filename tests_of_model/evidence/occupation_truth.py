"""How much of a known compression within tasks occupation data would show.

The simulator's ``oews`` design is run through the same regression as the published data, in a world
whose compression within tasks is known: it is what the paper's claim says of occupation data, with
a number. An occupation mixes exposed tasks with others and its workers with firms and prices, so
most of what happens within tasks does not reach the percentiles of its pay.
"""

import numpy as np
import polars as pl

from withintask.panel.arrays import Array
from withintask.panel.panel import Panel
from withintask.sim.designs import load_design
from withintask.sim.economy import solve_economy
from withintask.sim.params import Params
from withintask.sim.simulate import simulate_many
from withintask.tests_of_model.estimands.compression import delta_log_cv
from withintask.tests_of_model.evidence.occupation_slopes import Segment, slopes

_RATIOS = {
    "log_p90_p10": ("pay_p90", "pay_p10"),
    "log_p50_p10": ("pay_p50", "pay_p10"),
    "log_p90_p50": ("pay_p90", "pay_p50"),
}
_AFTER_MINUS_BEFORE = np.array([[-1.0, 1.0]])


def shown_compression(
    params: Params, *, n_replicates: int = 40, seed: int = 1, design: str = "oews"
) -> pl.DataFrame:
    """Return what the ``oews`` design shows of the compression within tasks of an economy.

    Parameters
    ----------
    params
        Parameters of the economy.
    n_replicates, seed
        Panels that are drawn; equal seeds give equal results.
    design
        A design with occupation percentiles, one period before AI and one after.

    Returns
    -------
    polars.DataFrame
        A row an outcome: ``outcome, truth, slope_by_sd, slope_mc_se, slope_sd, implied, shown_share, shown_mc_se,
        n_replicates``. ``truth`` is the change of log dispersion within tasks (H1a); ``slope_by_sd`` the mean slope on a
        standard deviation of exposure, with its simulation error, and ``slope_sd`` the spread of single panels;
        ``implied`` the log change of the spread of pay that the slope gives the average job, and ``shown_share`` that
        over the truth.
    """
    economy = solve_economy(params)
    asked = load_design(design)
    truth = delta_log_cv(economy)
    replicates = range(n_replicates)
    found = [
        _of_panel(panel)
        for panel in simulate_many(economy, asked, seed=seed, replicates=replicates)
    ]
    rows = []
    for outcome in _RATIOS:
        slope, implied = (np.array([one[outcome][n] for one in found]) for n in (0, 1))
        rows.append(
            {
                "outcome": outcome,
                "truth": truth,
                "slope_by_sd": slope.mean(),
                "slope_mc_se": _mc_se(slope),
                "slope_sd": slope.std(ddof=1),
                "implied": implied.mean(),
                "shown_share": implied.mean() / truth,
                "shown_mc_se": abs(_mc_se(implied) / truth),
                "n_replicates": n_replicates,
            }
        )
    return pl.DataFrame(rows)


def _mc_se(values: Array) -> float:
    return float(values.std(ddof=1) / np.sqrt(values.size))


def _of_panel(panel: Panel) -> dict[str, tuple[float, float]]:
    """Slope by standard deviation, and the log change of the spread it gives the average job."""
    assert panel.occupations is not None
    assert panel.occupation_pay is not None
    exposure = panel.occupations.lazy().select("occupation_code", "exposure")
    joined = panel.occupation_pay.lazy().join(exposure, on="occupation_code")
    wide = joined.sort("occupation_code", "period").collect()
    found = {}
    for outcome, pair in _RATIOS.items():
        segment, raw = _segment(wide, *pair)
        (slope,) = slopes(segment, _AFTER_MINUS_BEFORE).estimate
        before = float(np.mean(segment.low[segment.is_exact, 0]))
        by_exposure = slope / float(raw.std())
        found[outcome] = (float(slope), float(np.log1p(by_exposure * raw.mean() / before)))
    return found


def _segment(wide: pl.DataFrame, top: str, bottom: str) -> tuple[Segment, Array]:
    """Two periods of a panel as a segment; a top-coded ratio is unknown above."""
    is_bound = pl.any_horizontal(pl.col(f"{name}_bound").is_not_null() for name in (top, bottom))
    ratio = (pl.col(top) / pl.col(bottom)).log()
    rows = wide.with_columns(low=ratio, high=pl.when(is_bound).then(float("inf")).otherwise(ratio))
    whole = rows.group_by("occupation_code", maintain_order=True).agg(
        "low", "high", pl.col("exposure").first()
    )
    raw = whole["exposure"].to_numpy()
    segment = Segment(
        name="simulated",
        years=(0, 1),
        low=np.array(whole["low"].to_list()),
        high=np.array(whole["high"].to_list()),
        exposure=(raw - raw.mean()) / raw.std(),
        weight=np.ones(raw.size),
        cluster=whole["occupation_code"].cast(pl.String).to_numpy(),
        n_left_out=0,
    )
    return segment, raw
