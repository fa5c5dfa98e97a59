"""What treated mates do to a worker: exposure within teams, and a test of interference."""

import numpy as np
import polars as pl

from withintask.panel.arrays import Array, Codes, Flags
from withintask.panel.errors import EstimationError, ParameterError
from withintask.panel.memory import Data, as_panel
from withintask.panel.panel import Panel
from withintask.panel.transform import eager
from withintask.tests_of_model.hypotheses.estimates import failure, from_fit, tidy
from withintask.tests_of_model.hypotheses.hypothesis import Estimate
from withintask.tests_of_model.regression.absorb import Projector
from withintask.tests_of_model.regression.fit import fit
from withintask.tests_of_model.regression.grouping import compact_codes, encode, group_sums
from withintask.tests_of_model.regression.options import BY_RULE, Effects, Inference
from withintask.tests_of_model.samples.controls import level_codes
from withintask.tests_of_model.samples.item_rows import ItemRows, item_rows

DIRECT, SPILLOVER, TOTAL = "direct_effect", "spillover_on_untreated", "total_effect"
TEST = "no_interference"
_N_DRAWS = 999
_SEED = 20_260_106
_LEAST_SPREAD = 0.02
"""Standard deviation of mates' share among untreated workers below which it is taken as the same everywhere."""


def spillovers(data: Data, *, team: str = "firm_id") -> pl.DataFrame:
    """Estimate how output follows the share of a worker's team mates who have access.

    Parameters
    ----------
    data
        Panel, as for :func:`withintask.estimate`.
    team
        Column that names the team: of outputs, or of the workers table.

    Returns
    -------
    polars.DataFrame
        Rows ``direct_effect`` (own access where no mate has it), ``spillover_on_untreated`` (from no mate with access to all,
        for workers without), ``total_effect`` (own and all mates' access against neither), and ``no_interference``, a test
        alone; or why they could not be estimated.

    Notes
    -----
    The exposure mapping of Aronow and Samii (2017) by the share s of treated mates: output on access, s and their product,
    with task and period effects, errors clustered by team with those of ``auto``. The test permutes s among teams, the untreated
    workers of each moving together, and compares the slope of their output on s: exact where access was assigned to teams in
    shares drawn at random and nobody's output depends on his mates (Athey, Eckles and Imbens 2018).

    Examples
    --------
    >>> import numpy as np
    >>> import polars as pl
    >>> import withintask as wt
    >>> draws = np.random.default_rng(1)
    >>> team = np.repeat(np.arange(24), 10)
    >>> access = draws.random(240) < draws.choice([0.2, 0.5, 0.8], 24)[team]
    >>> outputs = pl.DataFrame(
    ...     {
    ...         "worker_id": [f"w{number}" for number in range(240)],
    ...         "firm_id": [f"f{number}" for number in team],
    ...         "task_id": "t",
    ...         "period": pl.Series([1] * 240, dtype=pl.Int64),
    ...         "ai_access": access,
    ...         "output": 0.3 * access + draws.normal(0, 0.3, 240),
    ...     }
    ... )
    >>> info = wt.PanelInfo(name="teams", first_ai_period=1, outcome="log")
    >>> rows = wt.spillovers(wt.Panel(info=info, outputs=outputs))
    >>> rows["term"].to_list()
    ['direct_effect', 'spillover_on_untreated', 'total_effect', 'no_interference']
    """
    terms = (DIRECT, SPILLOVER, TOTAL, TEST)
    panel = as_panel(data).collect()
    try:
        rows, code = _rows(panel, team)
        share, has_ai = _share_of_mates(rows, code)
        return tidy([*_regression(rows, code, share, has_ai), _test(rows, code, share, has_ai)])
    except EstimationError as error:
        return tidy([failure(term, "unusable", str(error)) for term in terms])


def _rows(panel: Panel, team: str) -> tuple[ItemRows, Codes]:
    assert panel.outputs is not None
    try:
        code = level_codes(panel, "outputs", eager(panel.outputs), (team,))[0]
    except EstimationError as error:
        raise ParameterError(f"spillovers: team {team!r}: {error}") from error
    rows = item_rows(panel)
    chosen: Flags = rows.is_known & rows.is_post & (code > 0) & ~(rows.exposure == 0)
    if not chosen.any():
        raise EstimationError(
            "spillovers: no row after AI's arrival of which team, access and output are known"
        )
    return rows.take(chosen), compact_codes(code[chosen])


def _share_of_mates(rows: ItemRows, team: Codes) -> tuple[Array, Array]:
    """Share of the other workers of the team and period who have access, and own access, (row,)."""
    cell = encode(team, rows.period)
    member = encode(cell, rows.worker)
    first = np.unique(member, return_index=True)[1]
    access = np.bincount(member, rows.arm > 0) / np.bincount(member) > 1 / 2
    cell_of = cell[first]
    size = np.bincount(cell_of)[cell]
    treated = group_sums(cell_of, access.astype(np.float64))[cell]
    own = access[member].astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = (treated - own) / (size - 1)
    if not np.isfinite(share).any():
        raise EstimationError("spillovers: every team has one worker; name the column of teams")
    untreated = np.isfinite(share) & (own == 0)
    if not untreated.any() or np.unique(own).size < 2:
        raise EstimationError("spillovers: everybody has access, or nobody")
    if float(share[untreated].std()) < _LEAST_SPREAD:
        raise EstimationError(
            f"spillovers: the share of treated mates is {share[untreated].mean():.2f} in every team, by design; only a design that "
            "treats teams in different shares can show them"
        )
    return share, own


def _regression(rows: ItemRows, team: Codes, share: Array, own: Array) -> tuple[Estimate, ...]:
    known = np.isfinite(share)
    rows = rows.take(known)
    share, own, code = share[known], own[known], compact_codes(team[known])
    fitted = fit(
        rows.value,
        np.column_stack([own, share, own * share, rows.covariates]),
        names=["own", "share", "both", *rows.covariate_names],
        effects=Effects(absorb=[encode(rows.task, rows.period)], weights=rows.weight),
        inference=Inference(cluster=[code]),
        options=BY_RULE,
    )
    total = fitted.contrast({"own": 1.0, "share": 1.0, "both": 1.0}, name="total")
    note = f"share of treated mates from {share.min():.2f} to {share.max():.2f}, {code.max() + 1} teams"
    direct = from_fit(fitted, {DIRECT: "own", SPILLOVER: "share"}, message=note)
    return (*direct, *from_fit(total, {TOTAL: "total"}, message=note))


def _test(rows: ItemRows, team: Codes, share: Array, own: Array) -> Estimate:
    """Permute teams' shares among teams that hold untreated workers."""
    chosen = np.isfinite(share) & (own == 0)
    rows = rows.take(chosen)
    cell = encode(rows.task, rows.period)
    left = Projector([cell], weights=rows.weight).residuals(rows.value)
    code = compact_codes(team[chosen])
    n = np.bincount(code).astype(np.float64)
    output, exposure = group_sums(code, left) / n, group_sums(code, share[chosen]) / n
    if n.size < 4:
        return failure(TEST, "unusable", f"{n.size} teams hold untreated workers, expected four")
    random = np.random.default_rng(_SEED)
    observed = abs(_slope(output, exposure, n))
    draws = [abs(_slope(output, random.permutation(exposure), n)) for _ in range(_N_DRAWS)]
    extreme = np.array([observed, *draws]) >= observed * (1 - _N_DRAWS * np.finfo(float).eps)
    return Estimate(
        term=TEST,
        estimate=_slope(output, exposure, n),
        std_error=float("nan"),
        p_value=float(extreme.mean()),
        n_obs=int(chosen.sum()),
        n_clusters=n.size,
        message=f"{_N_DRAWS} permutations of shares among {n.size} teams",
        convention="permutation",
    )


def _slope(output: Array, exposure: Array, weight: Array) -> float:
    """T statistic of the weighted slope of teams' mean output on exposure, robust."""
    x = exposure - np.average(exposure, weights=weight)
    y = output - np.average(output, weights=weight)
    square = float(weight @ x**2)
    if square == 0:
        return 0.0
    slope = float((weight * x) @ y) / square
    error = float(np.sqrt(((weight * x * (y - slope * x)) ** 2).sum())) / square
    return slope / error if error > 0 else 0.0
