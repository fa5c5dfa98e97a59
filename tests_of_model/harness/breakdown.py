"""Breakdown values: the size of each nuisance at which an identified cell is lost, by bisection.

A cell is tried in the reference world and without AI, with one nuisance turned on. It is lost where a figure, as
estimated, is beyond its limit of ``rule.py``. All sizes meet the same shocks, so that what changes between two sizes is the
nuisance's doing; Monte-Carlo error remains in where the line is crossed, and `low` and `high` bound it.
"""

import math
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cache
from importlib.resources import files

import polars as pl

from withintask.panel.errors import ParameterError
from withintask.sim.design import OFF, Design
from withintask.sim.designs import change_design
from withintask.sim.params import Params
from withintask.sim.switches import SWITCHES
from withintask.sim.worlds import NO_AI, REFERENCE, World, load_world
from withintask.tests_of_model.harness import rule
from withintask.tests_of_model.harness.diagnosands import LEVEL
from withintask.tests_of_model.harness.diagnose import diagnose, wide
from withintask.tests_of_model.harness.ledger import SCHEMA
from withintask.tests_of_model.harness.replicate import Study, plan, replicate
from withintask.tests_of_model.harness.verdict import CLAIMS, SAME

STEPS = 5
"""Halvings of the range that is searched."""
MC_ERRORS = 2.0
"""Monte-Carlo errors by which a figure must be within, or beyond, its limit to count in ``low`` and ``high``."""
LOST, HELD, IDLE, IMPOSSIBLE = "lost", "held", "changes nothing", "impossible"

BREAKDOWN_SCHEMA = {
    "claim": pl.String,
    "design": pl.String,
    "estimator": pl.String,
    "nuisance": pl.String,
    "unit": pl.String,
    "off": pl.Float64,
    "end": pl.Float64,
    "status": pl.String,
    "value": pl.Float64,
    "share": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "figure": pl.String,
    "world": pl.String,
    "n_replicates": pl.Int64,
    "seen": pl.String,
}
"""Columns: the range searched (from ``off`` to ``end``); ``status``, one of lost, held (to the end), changes nothing and
impossible (the design cannot carry it); the ``value`` at which the cell is lost, and its ``share`` of the range, NaN unless
lost; the largest size tried at which it surely holds and the smallest at which it is surely lost; the figure and the world
in which it is lost; what real panels show."""


@dataclass(frozen=True, kw_only=True)
class Nuisance:
    """Something that happens beside AI, and how far its size is tried in one direction."""

    name: str
    """Field of a design."""
    unit: str
    """Of its size."""
    off: float
    """Size at which it changes nothing."""
    end: float
    """Size at which the search ends."""
    companions: Mapping[str, float]
    """Fields that must be on for it to do anything."""
    seen: str
    """What real panels show, if that is known."""

    def size(self, share: float) -> float:
        """Size at a share of the range."""
        return self.off + share * (self.end - self.off)

    def turn_on(self, design: Design, share: float) -> Design:
        """Return the design with the nuisance at a share of its range, under a name that says so."""
        on = {**self.companions, **({self.name: self.size(share)} if share else {})}
        label = ",".join(f"{name}={value:g}" for name, value in on.items())
        name = f"{design.name}[{label}]" if on else design.name
        return change_design(design, **on, name=name)


@dataclass(frozen=True, kw_only=True)
class Visit:
    """What one size does to a cell."""

    share: float
    """Size, as a share of the range."""
    slack: float
    """Distance of the worst figure from its limit: 1 where it should be, 0 at the limit, negative beyond."""
    slack_mc_se: float
    """Its Monte-Carlo error."""
    figure: str
    """The worst figure."""
    world: str
    """Where it is."""


@dataclass(kw_only=True)
class _Search:
    """The search for one cell and nuisance."""

    claim: str
    hypothesis: str
    term: str
    estimator: str
    design: Design
    nuisance: Nuisance
    visits: list[Visit] = field(default_factory=list)
    status: str = ""

    def next_share(self) -> float | None:
        """Share to try next: the end first, then the middle between what holds and what is lost; None when done."""
        if self.status:
            return None
        if not self.visits:
            return 1.0
        return sum(self.bracket()) / 2

    def bracket(self) -> tuple[float, float]:
        """Largest share below the first that is lost, and that one."""
        lost = min((v.share for v in self.visits if v.slack <= 0), default=1.0)
        return max((v.share for v in self.visits if v.share < lost), default=0.0), lost

    def start(self, visit: Visit) -> None:
        """Take in what the companions do alone."""
        if visit.slack <= 0:
            self.visits, self.status = [visit], LOST

    def add(self, visit: Visit) -> None:
        """Take in what a size does."""
        self.visits.append(visit)
        if visit.share == 1 and visit.slack > 0:
            self.status = HELD
        elif len(self.visits) > STEPS:
            self.status = LOST

    def sure(self) -> tuple[float, float]:
        """Shares: the largest tried at which it surely holds, and the smallest at which it is surely lost (NaN if none)."""
        errors = MC_ERRORS
        lost = [v.share for v in self.visits if v.slack + errors * v.slack_mc_se < 0]
        high = min(lost, default=float("nan"))
        holds = [v.share for v in self.visits if v.slack - errors * v.slack_mc_se > 0]
        return max((share for share in holds if not share > high), default=0.0), high

    def row(self, n: int) -> tuple[object, ...]:
        """Row of BREAKDOWN_SCHEMA."""
        nuisance, nan = self.nuisance, float("nan")
        share = sum(self.bracket()) / 2 if self.status == LOST else nan
        low, high = self.sure()
        worst = min(self.visits, key=lambda v: (v.slack > 0, v.share), default=None)
        is_lost = worst is not None and self.status == LOST
        return (
            *(self.claim, self.design.name, self.estimator, nuisance.name, nuisance.unit),
            *(nuisance.off, nuisance.end, self.status, nuisance.size(share), share),
            *((nuisance.size(low), nuisance.size(high)) if self.visits else (nan, nan)),
            *((worst.figure, worst.world) if worst is not None and is_lost else ("", "")),
            *(n, nuisance.seen),
        )


def breakdown(
    verdicts: pl.DataFrame,
    params: Params,
    designs: Sequence[Design],
    *,
    seed: int,
    n: int,
    run: Callable[[Study], pl.DataFrame] = replicate,
    nuisances: Sequence[str] = (),
) -> pl.DataFrame:
    """Find the size of each nuisance at which each identified cell is lost.

    Parameters
    ----------
    verdicts
        Of :func:`withintask.tests_of_model.harness.verdict.verdicts`; the identified cells of chosen estimators are tried.
    params, designs
        Baseline parameters, and the designs of the verdicts.
    seed
        Seed; the same shocks serve all sizes.
    n
        Replicates a size and world.
    run
        Runs a study: on which engine and from which ledger; called once a halving, with all cells together.
    nuisances
        Names to keep; all if empty.

    Returns
    -------
    polars.DataFrame
        BREAKDOWN_SCHEMA, one row a cell, nuisance and direction.
    """
    searches = _searches(verdicts, designs, nuisances)
    plain = _run(searches, {}, params, seed, n, run)
    for search in searches:
        if search.nuisance.companions and not search.status:
            search.start(_worst(_rows_of(search, 0.0, plain), 0.0))
    _probe(searches, plain, params, seed, run)
    while any(search.status == "" for search in searches):
        tried = {
            place: share
            for place, s in enumerate(searches)
            if (share := s.next_share()) is not None
        }
        rows = _run(searches, tried, params, seed, n, run)
        for place, share in tried.items():
            search = searches[place]
            if not search.status:
                search.add(_worst(_rows_of(search, share, rows), share))
    return pl.DataFrame([s.row(n) for s in searches], schema=BREAKDOWN_SCHEMA, orient="row")


def _probe(
    searches: Sequence[_Search],
    plain: pl.DataFrame,
    params: Params,
    seed: int,
    run: Callable[[Study], pl.DataFrame],
) -> None:
    """Set aside, by a single replicate at the end of the range, the nuisances that change nothing."""
    ends = {place: 1.0 for place, search in enumerate(searches) if not search.status}
    rows = _run(searches, ends, params, seed, 1, run)
    for search in searches:
        if not search.status and _is_same(
            _rows_of(search, 1.0, rows), _rows_of(search, 0.0, plain)
        ):
            search.status = IDLE


@cache
def load_nuisances() -> tuple[Nuisance, ...]:
    """Return the nuisances that a design can have, one for each direction."""
    text = files("withintask.tests_of_model.harness").joinpath("nuisances.toml").read_text("utf-8")
    units = {switch.name: switch.unit for switch in SWITCHES}
    known = {field.name for field in fields(Design)}
    return tuple(
        Nuisance(
            name=name,
            unit=units.get(name) or entry["unit"],
            off=float(OFF.get(name, 0.0)),  # type: ignore[arg-type]
            end=end,
            companions=entry.get("with", {}),
            seen=entry.get("seen", ""),
        )
        for name, entry in tomllib.loads(text).items()
        if name in known
        for end in entry["ends"]
    )


def _searches(
    verdicts: pl.DataFrame, designs: Sequence[Design], names: Sequence[str]
) -> list[_Search]:
    by_name = {design.name: design for design in designs}
    terms = {claim: (hypothesis, term) for claim, hypothesis, term in CLAIMS}
    unknown = set(names) - {nuisance.name for nuisance in load_nuisances()}
    if unknown:
        raise ParameterError(f"nuisances {', '.join(sorted(unknown))}: unknown")
    cells = verdicts.filter("is_chosen", pl.col("verdict") == rule.IDENTIFIED)
    return [
        _Search(
            claim=claim,
            hypothesis=terms[claim][0],
            term=terms[claim][1],
            estimator=estimator,
            design=by_name[design],
            nuisance=nuisance,
        )
        for claim, design, estimator in cells.select("claim", "design", "estimator").iter_rows()
        for nuisance in load_nuisances()
        if not names or nuisance.name in names
    ]


def _run(
    searches: Sequence[_Search],
    tried: Mapping[int, float],
    params: Params,
    seed: int,
    n: int,
    run: Callable[[Study], pl.DataFrame],
) -> pl.DataFrame:
    """Replicate the designs of the searches at the shares tried; as they are, with companions alone, if none is."""
    worlds = [load_world(REFERENCE), load_world(NO_AI)]
    designs: dict[str, Design] = {}
    estimators: dict[str, dict[str, None]] = {}
    for place, search in enumerate(searches):
        if search.status or (tried and place not in tried):
            continue
        try:
            design = search.nuisance.turn_on(search.design, tried.get(place, 0.0))
            _check(design, worlds)
        except ParameterError:
            search.status = IMPOSSIBLE
            continue
        designs[design.name] = design
        estimators.setdefault(design.name, {})[search.estimator] = None
    studies = [
        plan(params, [d], worlds, seed=seed, replicates=n, estimators=list(estimators[name]))
        for name, d in designs.items()
    ]
    if not studies:
        return pl.DataFrame(schema=SCHEMA)
    return run(Study(blocks=tuple(block for study in studies for block in study.blocks)))


def _check(design: Design, worlds: Sequence[World]) -> None:
    for world in worlds:
        world.change_design(design)


def _rows_of(search: _Search, share: float, rows: pl.DataFrame) -> pl.DataFrame:
    return rows.filter(
        pl.col("design") == search.nuisance.turn_on(search.design, share).name,
        pl.col("estimator") == search.estimator,
        pl.col("term") == search.term,
    )


def _is_same(here: pl.DataFrame, before: pl.DataFrame) -> bool:
    pair = here.join(before, on=["world", "replicate"], suffix="_before")
    x, y = pair["estimate"], pair["estimate_before"]
    return bool(((x - y).abs() <= SAME * y.abs()).fill_null(True).all())


def _worst(rows: pl.DataFrame, share: float) -> Visit:
    """The figure that is nearest to its limit, or furthest beyond, of both worlds."""
    table = {row["world"]: row for row in wide(diagnose(rows)).iter_rows(named=True)}
    margin = rule.BIAS_SHARE * abs(table[REFERENCE]["truth"]) if REFERENCE in table else math.nan
    slacks: list[tuple[float, float, str, str]] = []
    for world in (REFERENCE, NO_AI):
        if world not in table:
            slacks.append((-1.0, 0.0, "estimates", world))
            continue
        row = table[world]
        nominal = 1 - LEVEL
        slacks += [
            (1 - abs(row["bias"]) / margin, row["bias_mc_se"] / margin, "bias", world),
            _share_slack(row, "coverage", rule.COVERAGE_LIMIT, nominal, world),
            _share_slack(row, "power", rule.SIZE_LIMIT, LEVEL, world)
            if world == NO_AI
            else _share_slack(row, "power", rule.POWER_GOAL, 1.0, world),
        ]
    slack, error, figure, world = min(
        slacks, key=lambda s: s[0] if math.isfinite(s[0]) else -math.inf
    )
    slack = slack if math.isfinite(slack) else -1.0
    return Visit(share=share, slack=slack, slack_mc_se=error, figure=figure, world=world)


def _share_slack(
    row: Mapping[str, float], name: str, limit: float, ideal: float, world: str
) -> tuple[float, float, str, str]:
    figure = "size" if name == "power" and world == NO_AI else name
    scale = ideal - limit
    return (row[name] - limit) / scale, row[f"{name}_mc_se"] / abs(scale), figure, world
