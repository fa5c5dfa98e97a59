"""Breakdown values: the size of each nuisance at which a cell is lost that is sound without it.

A cell is tried in the reference world and without AI, with one nuisance turned on. It is lost where a figure, as
estimated, is beyond its limit of ``rule.py``. All sizes meet the same shocks, so that what changes between two sizes is the
nuisance's doing (``slack.py``); Monte-Carlo error remains in where the line is crossed, and `low` and `high` bound it. Sizes
are tried where a straight line between held and lost crosses the limit.
"""

import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cache
from importlib.resources import files

import polars as pl

from withintask.panel.errors import ParameterError
from withintask.sim.design import OFF, Design
from withintask.sim.designs import change_design
from withintask.sim.params import Params
from withintask.sim.switches import SWITCHES
from withintask.sim.worlds import World, load_world
from withintask.tests_of_model.harness import rule
from withintask.tests_of_model.harness.ledger import SCHEMA
from withintask.tests_of_model.harness.replicate import Study, plan, replicate
from withintask.tests_of_model.harness.slack import WORLDS, Visit, visit
from withintask.tests_of_model.harness.verdict import CLAIMS, SAME

STEPS = 2
"""Sizes that are tried beside the end of the range."""
NEAREST = 0.05
"""Share of a bracket by which a further size stays off its ends."""
N_BASE = 100
"""Replicates, at least, of a cell without the nuisance."""
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

    def of(self, design: Design) -> "Nuisance":
        """Return the nuisance from the size that a design already has."""
        return replace(self, off=float(getattr(design, self.name)))

    def turn_on(self, design: Design, share: float) -> Design:
        """Return the design with the nuisance at a share of its range, under a name that says so."""
        on = {**self.companions, **({self.name: self.size(share)} if share else {})}
        label = ",".join(f"{name}={value:g}" for name, value in on.items())
        name = f"{design.name}[{label}]" if on else design.name
        return change_design(design, **on, name=name)


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
        """Share to try next: the end first, then where a straight line between held and lost crosses; None when done."""
        if self.status:
            return None
        return self.crossing() if len(self.visits) > 1 else 1.0

    def bracket(self) -> tuple[Visit, Visit]:
        """The last visit that holds before the first that is lost, and that one."""
        lost = min((v for v in self.visits if v.slack <= 0), key=lambda v: v.share)
        held = (v for v in self.visits if v.share < lost.share)
        return max(held, key=lambda v: v.share, default=lost), lost

    def crossing(self) -> float:
        """Share at which the line between the two ends of the bracket meets the limit, not too near to either."""
        low, high = self.bracket()
        if low is high:
            return low.share
        part = low.slack / (low.slack - high.slack)
        return low.share + min(max(part, NEAREST), 1 - NEAREST) * (high.share - low.share)

    def start(self, visit: Visit) -> None:
        """Take in what the cell is without the nuisance; with what that needs alone."""
        self.visits = [visit]
        if visit.slack <= 0:
            self.status = LOST

    def add(self, visit: Visit) -> None:
        """Take in what a size does."""
        self.visits.append(visit)
        if visit.share == 1 and visit.slack > 0:
            self.status = HELD
        elif len(self.visits) > STEPS + 1:
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
        share = self.crossing() if self.status == LOST else nan
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
        Of :func:`withintask.tests_of_model.harness.verdict.verdicts`; the cells of chosen estimators are tried that are
        identified in the reference world and without AI.
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
    plain = _run(searches, {}, params, seed, max(n, N_BASE), run)
    for search in searches:
        if not search.status:
            rows = _rows_of(search, 0.0, plain)
            search.start(visit(0.0, rows, rows))
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
                base = _rows_of(search, 0.0, plain)
                search.add(visit(share, _rows_of(search, share, rows), base))
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
    cells = verdicts.filter("is_chosen", alone=rule.IDENTIFIED)
    return [
        _Search(
            claim=claim,
            hypothesis=terms[claim][0],
            term=terms[claim][1],
            estimator=estimator,
            design=by_name[design],
            nuisance=nuisance.of(by_name[design]),
        )
        for claim, design, estimator in cells.select("claim", "design", "estimator").iter_rows()
        for nuisance in load_nuisances()
        if not names or nuisance.name in names
        if getattr(by_name[design], nuisance.name) != nuisance.end
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
    worlds = [load_world(name) for name in WORLDS]
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
