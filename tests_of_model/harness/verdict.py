"""Verdicts of the identification matrix: one a design, estimator and claim, by the rule of ``rule.py``.

Each design is judged with the estimator that an analyst would take: the first in the order of trust (of
``recommend.order_of_trust`` on the design's own panel, or of ``Hypothesis.estimators_of(term)``) that runs on what the
design shows and gives an estimate in at least half of the replicates. Where none runs, one that may not stand for its
hypothesis (another estimand, a known bias) does, as a last resort. No truth has a say; the other estimators are listed
beside it, and are not called identified where they were not tried in the rival worlds.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np
import polars as pl

from withintask.panel.arrays import Array
from withintask.panel.errors import ParameterError
from withintask.sim.worlds import NO_AI, REFERENCE, World, load_worlds
from withintask.tests_of_model.harness import rule
from withintask.tests_of_model.harness.diagnosands import ROUNDING
from withintask.tests_of_model.harness.figures import WorldFigures, world_figures
from withintask.tests_of_model.harness.reasons import Reason, reason, sample_factor
from withintask.tests_of_model.harness.rule import Draws, Judgement, Looks, judge
from withintask.tests_of_model.hypotheses.estimate import NOT_ESTIMABLE
from withintask.tests_of_model.hypotheses.hypothesis import OK
from withintask.tests_of_model.hypotheses.registry import HYPOTHESES

FAILURES_LIMIT = 0.5
"""Share of failed replicates from which on a design does not support an estimator."""
SAME = 1e-9
"""Relative difference of estimates below which a rival changes nothing."""

GAP = "not estimable"
BASES = (REFERENCE, NO_AI)
"""Worlds without a rival, in which every estimator is tried."""
RANK = (
    rule.IDENTIFIED,
    rule.INCONCLUSIVE,
    rule.UNDERPOWERED,
    rule.DISTORTED,
    rule.BIASED,
    GAP,
)
"""Verdicts, best first."""
UNTRIED = "not tried in the rival worlds"
"""Why an estimator that is listed beside the chosen one is left undecided."""

Orders = Mapping[tuple[str, str, str], Sequence[str]]
"""Estimators in the order of trust, by design, hypothesis and term."""

CLAIMS = (
    ("H1a", "H1", "delta_log_cv"),
    ("H1b", "H1", "ability_gradient"),
    ("H1a net", "H1", "delta_log_sd"),
    ("H1b net", "H1", "ability_gradient_net"),
    ("H2 cog", "H2", "delta_return_cog"),
    ("H2 soc", "H2", "delta_return_soc"),
    ("H2 gap", "H2", "delta_return_gap"),
    ("H2 log cog", "H2", "delta_log_return_cog"),
    ("H2 log soc", "H2", "delta_log_return_soc"),
    ("H2 log gap", "H2", "delta_log_return_gap"),
    ("H3", "H3", "delta_credential"),
    ("H3 slope", "H3", "credential_slope"),
    ("H4 ΔV_b", "H4", "delta_between_variance"),
    ("H4 ΔV_ψ", "H4", "delta_firm_effect_variance"),
    ("H4", "H4", "between_variance_contrast"),
)
"""Columns of the matrix: label, hypothesis and term."""

SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "claim": pl.String,
    "design": pl.String,
    "estimator": pl.String,
    "is_chosen": pl.Boolean,
    "verdict": pl.String,
    "alone": pl.String,
    "reason": pl.String,
    "world": pl.String,
    "relative_bias": pl.Float64,
    "relative_bias_mc_se": pl.Float64,
    "coverage": pl.Float64,
    "coverage_mc_se": pl.Float64,
    "size": pl.Float64,
    "size_mc_se": pl.Float64,
    "power": pl.Float64,
    "power_mc_se": pl.Float64,
    "sample_factor": pl.Float64,
    "n_replicates": pl.Int64,
    "n_decide": pl.Float64,
    "alone_n_decide": pl.Float64,
    "n_rivals": pl.Int64,
    "n_bad": pl.Int64,
    "idle": pl.List(pl.String),
}
"""Columns of the verdicts: ``alone``, the verdict in the reference world and without AI, were there no rivals; coverage
and bias in the reference world, size without AI; ``world`` where the verdict was found; ``n_decide`` replicates a
world that would decide, NaN where it is decided; ``n_rivals`` that were judged, ``n_bad`` worlds in which a figure is
shown bad, and the ``idle`` ones, which change nothing and do not count."""

_TYPES: dict[object, type[pl.DataType]] = {str: pl.String, int: pl.Int64, float: pl.Float64}
WORLDS_SCHEMA: dict[str, type[pl.DataType]] = {
    **dict.fromkeys(("claim", "design", "estimator"), pl.String),
    **{field.name: _TYPES[field.type] for field in fields(WorldFigures)},
    "is_open_alone": pl.Boolean,
}
"""Columns of the worlds behind the verdicts: claim, design, estimator, the fields of ``WorldFigures``, and whether a figure is
open there in the verdict without rivals."""


@dataclass(frozen=True, kw_only=True)
class Judged:
    """Verdicts, and the worlds behind them."""

    verdicts: pl.DataFrame
    """SCHEMA."""
    worlds: pl.DataFrame
    """WORLDS_SCHEMA."""


@dataclass(frozen=True, kw_only=True, eq=False)
class _Cell:
    """One claim, design and estimator."""

    claim: str
    design: str
    estimator: str
    gap: str
    """Why nothing can be judged; empty if it can."""
    idle: tuple[str, ...] = ()
    judgement: Judgement | None = None
    alone: Judgement | None = None
    """What is judged without rivals."""
    figures: tuple[WorldFigures, ...] = ()
    is_untried: bool = False
    """Whether it was not tried in every world in which the claim is judged."""

    @property
    def word(self) -> str:
        if self.judgement is None:
            return GAP
        word = rule.WORDS[int(self.judgement.word)]
        return rule.INCONCLUSIVE if self.is_untried and word == rule.IDENTIFIED else word

    @property
    def word_alone(self) -> str:
        if self.judgement is None:
            return GAP
        return rule.INCONCLUSIVE if self.alone is None else rule.WORDS[int(self.alone.word)]

    def is_open_alone(self, place: int) -> bool:
        """Whether a figure of a world is open in the verdict without rivals."""
        shown = {} if self.alone is None else self.alone.shown
        return any(place < s.size and float(s[place]) == rule.OPEN for s in shown.values())


def verdicts(replicates: pl.DataFrame, *, looks: Looks | None = None) -> pl.DataFrame:
    """Judge every design and estimator on every claim.

    Parameters
    ----------
    replicates
        Rows of :func:`withintask.tests_of_model.harness.replicate.replicate` in the reference world, without AI, and in any
        rival worlds.
    looks
        When the tests were to be made; once, with all replicates, if None.

    Returns
    -------
    polars.DataFrame
        SCHEMA; ``is_chosen`` marks the estimator with which a design is judged on a claim.

    Raises
    ------
    ParameterError
        If there are no replicates in the reference world.
    """
    return judge_replicates(replicates, looks=looks).verdicts


def judge_replicates(
    replicates: pl.DataFrame,
    *,
    looks: Looks | None = None,
    worlds: Sequence[World] = (),
    orders: Orders | None = None,
) -> Judged:
    """Judge as :func:`verdicts` does, with the figures of every world.

    Parameters
    ----------
    replicates, looks
        As for :func:`verdicts`.
    worlds
        Worlds of the replicates, for what is not judged in each; the packaged ones if empty.
    orders
        Estimators in the order of trust on each design; that of the hypothesis where it is not named.
    """
    if replicates.filter(pl.col("world") == REFERENCE).is_empty():
        raise ParameterError(
            f"verdicts: expected replicates in the world {REFERENCE!r}; found none"
        )
    usable = _without_failures(replicates)
    known = load_worlds()
    rows, figures = [], []
    for claim, hypothesis, term in CLAIMS:
        planned = _planned(worlds or known, usable, term, has_worlds=bool(worlds))
        of_claim = usable.filter(
            pl.col("world").is_in(planned.names),
            pl.col("hypothesis") == hypothesis,
            pl.col("term") == term,
        )
        cells = list(_cells(of_claim, claim, looks, planned))
        for design in dict.fromkeys(cell.design for cell in cells):
            here = [cell for cell in cells if cell.design == design]
            order = (orders or {}).get((design, hypothesis, term))
            chosen = _chosen(here, _order(hypothesis, term) if order is None else order)
            rows += [_row(cell, is_chosen=cell is chosen) for cell in here]
            figures += [
                (claim, design, cell.estimator, *vars(w).values(), cell.is_open_alone(place))
                for cell in here
                for place, w in enumerate(cell.figures)
            ]
    return Judged(
        verdicts=pl.DataFrame(rows, schema=SCHEMA, orient="row"),
        worlds=pl.DataFrame(figures, schema=WORLDS_SCHEMA, orient="row"),
    )


def _without_failures(replicates: pl.DataFrame) -> pl.DataFrame:
    """NaN in place of what a failed estimate says."""
    is_usable = pl.col("status") == OK
    return replicates.with_columns(
        pl.when(is_usable).then(pl.col(name)).otherwise(None).fill_null(float("nan"))
        for name in ("estimate", "conf_low", "conf_high", "p_value")
    )


@dataclass(frozen=True, kw_only=True)
class _Planned:
    """Worlds in which a claim is judged, whether or not an estimator has been tried there."""

    names: tuple[str, ...]
    n_null: int
    """Those without an effect, as far as their parameters say."""


def _planned(
    worlds: Sequence[World], rows: pl.DataFrame, term: str, *, has_worlds: bool
) -> _Planned:
    """The worlds of the study, or of the replicates if the study is not told."""
    judged = {world.name: world for world in worlds if term not in world.not_judged}
    hidden = {world.name for world in worlds} - set(judged)
    present = rows["world"].unique(maintain_order=True).to_list()
    names = judged if has_worlds else [name for name in present if name not in hidden]
    n_null = sum(judged[n].params.get("capability") == 0 for n in names if n in judged)
    return _Planned(names=tuple(names), n_null=n_null)


def _cells(
    rows: pl.DataFrame, claim: str, looks: Looks | None, planned: _Planned
) -> Iterator[_Cell]:
    for (design, estimator), part in rows.group_by("design", "estimator", maintain_order=True):
        names = claim, str(design), str(estimator)
        gap = _gap(part.filter(pl.col("world") == REFERENCE))
        yield (
            _cell(names, part, looks, planned)
            if not gap
            else _Cell(claim=names[0], design=names[1], estimator=names[2], gap=gap)
        )


def _gap(reference: pl.DataFrame) -> str:
    """Why an estimator says nothing on a design: what is missing, or its most frequent failure."""
    ruled_out = reference.filter(pl.col("status") == NOT_ESTIMABLE)
    if ruled_out.height or reference.is_empty():
        return str(ruled_out["message"][0]) if ruled_out.height else "not run"
    failed = reference.filter(pl.col("status") != OK)
    if failed.height > FAILURES_LIMIT * reference.height:
        return str(failed["message"].mode().sort()[0])
    return ""


def _cell(
    names: tuple[str, str, str], part: pl.DataFrame, looks: Looks | None, planned: _Planned
) -> _Cell:
    by_world = {
        str(key[0]): p
        for key, p in part.sort("replicate").partition_by("world", as_dict=True).items()
    }
    order = sorted(by_world, key=lambda name: (name != REFERENCE, name != NO_AI, name))
    idle = tuple(name for name in order if _is_idle(name, by_world))
    worlds = tuple(name for name in order if name not in idle)
    draws = _draws([by_world[name] for name in worlds], planned)
    judgement = judge(draws, looks)
    n_bases = sum(name in BASES for name in worlds)
    bases = _Planned(names=worlds[:n_bases], n_null=0)
    alone = judge(_draws([by_world[name] for name in bases.names], bases), looks)
    return _Cell(
        claim=names[0],
        design=names[1],
        estimator=names[2],
        gap="",
        idle=idle,
        judgement=judgement,
        alone=alone,
        figures=world_figures(draws, judgement, worlds),
        is_untried=len(by_world) < len(planned.names),
    )


def _is_idle(name: str, by_world: dict[str, pl.DataFrame]) -> bool:
    """Whether a rival's estimates are those of the reference world or of the world without AI, or cannot be made at all."""
    if by_world[name]["status"][0] == NOT_ESTIMABLE:
        return True
    bases = [by_world[base] for base in (REFERENCE, NO_AI) if base in by_world]
    return name not in (REFERENCE, NO_AI) and any(_is_same(by_world[name], base) for base in bases)


def _is_same(rival: pl.DataFrame, base: pl.DataFrame) -> bool:
    n = min(rival.height, base.height)
    x, y = (part["estimate"].to_numpy()[:n] for part in (rival, base))
    is_same_truth = np.isclose(
        rival["truth"][0], base["truth"][0], rtol=SAME, atol=ROUNDING, equal_nan=True
    )
    return bool(is_same_truth) and np.allclose(x, y, rtol=SAME, atol=0, equal_nan=True)


def _draws(parts: Sequence[pl.DataFrame], planned: _Planned) -> Draws:
    longest = max(part.height for part in parts)

    def padded(name: str) -> Array:
        rows = np.full((len(parts), longest), np.nan)
        for row, part in zip(rows, parts, strict=True):
            row[: part.height] = part[name].to_numpy()
        return rows

    return Draws(
        truth=np.array([part["truth"][0] for part in parts]),
        n=np.array([part.height for part in parts]),
        estimate=padded("estimate"),
        conf_low=padded("conf_low"),
        conf_high=padded("conf_high"),
        p_value=padded("p_value"),
        n_worlds=len(planned.names),
        n_null=planned.n_null,
    )


def _order(hypothesis: str, term: str) -> Sequence[str]:
    known = {h.name: h for h in HYPOTHESES}
    return [e.name for e in known[hypothesis].estimators_of(term)] if hypothesis in known else []


def _chosen(cells: list[_Cell], order: Sequence[str]) -> _Cell:
    """The estimator that an analyst would take; where none runs, the one that lacks least."""

    def place(cell: _Cell) -> tuple[bool, int, int]:
        trust = list(order).index(cell.estimator) if cell.estimator in order else len(order)
        return bool(cell.gap), cell.gap.count("; "), trust

    return min(cells, key=place)


def _row(cell: _Cell, *, is_chosen: bool) -> tuple[object, ...]:
    names = cell.claim, cell.design, cell.estimator, is_chosen, cell.word, cell.word_alone
    if cell.judgement is None or cell.alone is None:
        return (*names, cell.gap, "", *[None] * 12, 0, 0, [])
    reference = cell.figures[0]
    no_ai = next((w for w in cell.figures if w.world == NO_AI), None)
    scale = float("nan") if reference.is_null else abs(reference.truth)
    n_decide = float(cell.judgement.n_decide)
    is_beside = cell.is_untried and cell.word == rule.INCONCLUSIVE and not is_chosen
    why = Reason(text=UNTRIED) if is_beside else reason(cell.word, cell.figures, n_decide)
    is_weak, is_open = cell.word == rule.UNDERPOWERED, cell.word == rule.INCONCLUSIVE
    return (
        *(*names, why.text, why.world),
        *(reference.bias / scale, reference.bias_mc_se / scale),
        *(reference.coverage, reference.coverage_mc_se),
        *((no_ai.rejects, no_ai.rejects_mc_se) if no_ai else (None, None)),
        *(reference.rejects, reference.rejects_mc_se),
        sample_factor(reference.truth, reference.empirical_se, reference.rejects)
        if is_weak
        else None,
        reference.n_replicates,
        n_decide if is_open else None,
        float(cell.alone.n_decide) if cell.word_alone == rule.INCONCLUSIVE else None,
        sum(w.world not in BASES for w in cell.figures),
        sum(w.is_bad for w in cell.figures),
        list(cell.idle),
    )
