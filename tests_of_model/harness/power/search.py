"""The cheapest valid design: a surrogate says where to draw, new replicates confirm what it says."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from withintask.panel.arrays import Array, Codes, Flags
from withintask.sim.worlds import NO_AI, REFERENCE
from withintask.tests_of_model.harness.power.lab import Lab, Results, Together, Visit, wilson
from withintask.tests_of_model.harness.power.screen import Tally, likely_valid, tally
from withintask.tests_of_model.harness.power.space import Space
from withintask.tests_of_model.harness.power.surface import (
    Surface,
    fit_surface,
    make_features,
    needed,
)
from withintask.tests_of_model.harness.power.valid import Validity, judge_validity
from withintask.tests_of_model.harness.replicate import BLOCK
from withintask.tests_of_model.harness.rule import POWER_GOAL
from withintask.tests_of_model.harness.sequential import make_looks

_FIRST = np.linspace(0.1, 0.7, 8)
"""Shares of the range of log cost at which designs, any of that cost, are visited first: dear ones take longest to draw."""
_ROUND = 6
"""Draws of the posterior whose cheapest designs are visited next."""
_DRAWS = 200
"""Draws that say how sure the cheapest design's cost is."""
_SURE = 0.03
"""Spread of the log cost of the cheapest design at which exploring ends."""
_NEAR = 1.1
"""Cost of a neighbour, over the winner's, up to which it is confirmed as well."""
_LEAST = 0.5
"""Power, by the surface, below which a neighbour is not worth confirming."""
_EXCLUDED = 2.0
"""Errors by which the surrogate must put a design's power below the goal for it not to be confirmed."""
_TRIES = 12
"""Candidates that are confirmed at most."""


@dataclass(frozen=True, kw_only=True)
class Target:
    """What a design must do."""

    terms: tuple[str, ...]
    """Terms, in the order of the lab's results."""
    goal: float = POWER_GOAL
    """Power."""
    together: Together = "all"
    """Whether all terms must be rejected, or any."""


@dataclass(frozen=True, kw_only=True)
class Effort:
    """Replicates that are spent."""

    explore: int = 600
    """Most, for the surrogate."""
    confirm: int = 1_000
    """A world, at a candidate for the winner: the last of the looks at which its validity is judged."""
    neighbour: int = 125
    """At each neighbour."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Confirmed:
    """A candidate with new replicates."""

    number: int
    """Place in the space."""
    cost: float
    """Cost."""
    hits: int
    """Studies that succeeded."""
    n: int
    """Replicates."""
    validity: tuple[Validity, ...] = ()
    """By term; empty where only power was confirmed."""
    results: Results | None = None
    """With the effect."""

    @property
    def power(self) -> float:
        """Share that succeeded."""
        return self.hits / self.n

    @property
    def interval(self) -> tuple[float, float]:
        """95 percent interval of power, Monte-Carlo error alone."""
        return wilson(self.hits, self.n)

    @property
    def is_valid(self) -> bool:
        """Whether every term's estimator is shown valid here."""
        return bool(self.validity) and all(v.is_valid for v in self.validity)

    def why_not(self) -> str:
        """Why it is not valid; empty if it is."""
        return "; ".join(filter(None, (v.why_not() for v in self.validity)))


@dataclass(frozen=True, kw_only=True, eq=False)
class Answer:
    """What a search found."""

    space: Space
    """The designs it chose from."""
    surface: Surface
    """Fitted to all replicates."""
    winner: Confirmed | None
    """The cheapest valid design with the power asked for; None if there is none."""
    neighbours: tuple[Confirmed, ...]
    """Designs one step from it, with new replicates."""
    rejected: tuple[Confirmed, ...]
    """Designs that are large enough, but not shown valid."""
    short: tuple[Confirmed, ...]
    """Designs that the surrogate took for large enough and new replicates did not."""
    likely: Flags
    """Designs whose coverage and bias are likely to be shown adequate, by their surfaces; all where none is."""
    visited: Codes
    """Candidates visited to fit the surrogate."""
    n_explored: int
    """Replicates spent on that."""
    n_confirmed: int
    """Replicates spent on confirming, both worlds."""


@dataclass(kw_only=True, eq=False)
class Search:
    """State of a search."""

    space: Space
    lab: Lab
    target: Target
    seed: int
    effort: Effort
    hits: dict[int, float] = field(default_factory=dict)
    trials: dict[int, float] = field(default_factory=dict)
    seen: dict[int, list[tuple[Tally, ...]]] = field(default_factory=dict)
    explored: int = 0
    confirmed: int = 0
    next_replicate: int = 0
    excluded: Flags = field(init=False)

    def __post_init__(self) -> None:
        """Prepare the features and leave nothing out."""
        self.features = make_features(self.space)
        self.excluded = np.zeros(len(self.space), dtype=np.bool_)
        self.rng = np.random.default_rng(self.seed)

    def fit(self) -> Surface:
        """Fit the surrogate to all there is."""
        visited = np.array(sorted(self.trials), dtype=np.int64)
        hits, trials = (np.array([d[k] for k in visited]) for d in (self.hits, self.trials))
        return fit_surface(self.features, visited, hits, trials)

    def explore(self) -> Surface:
        """Visit the cheapest designs of draws of the surrogate until it is sure of the cost, or replicates are spent."""
        self._visit(self._of_all_costs())
        while True:
            surface = self.fit()
            picks = self._cheapest(surface.draws(_DRAWS, self.rng))
            spread = float(np.std(np.log(self.space.cost[picks] + 1)))
            # That no design is enough is not believed until the strongest have had their replicates.
            is_sure = spread < _SURE and self.pick(surface) is not None
            if self.explored >= self.effort.explore or is_sure:
                return surface
            self._visit(self.rng.choice(picks, _ROUND, replace=False))

    def pick(self, surface: Surface) -> int | None:
        """Cheapest design that is not left out and has the power, by the surrogate; None if none has."""
        enough = (surface.log_noncentrality >= needed(self.target.goal)) & self.is_open()
        return int(np.argmax(enough)) if enough.any() else None

    def strongest(self, surface: Surface) -> int | None:
        """Design not left out with most power, if the surrogate does not exclude that it is enough; None if it does.

        That no design is enough is said after new replicates, not on the surrogate's word.
        """
        error = np.sqrt(np.sum((self.features.X @ surface.covariance) * self.features.X, axis=1))
        is_possible = surface.log_noncentrality + _EXCLUDED * error >= needed(self.target.goal)
        able = np.where(is_possible & self.is_open(), surface.log_noncentrality, -np.inf)
        return int(np.argmax(able)) if np.isfinite(able).any() else None

    def add(self, number: int, results: Results) -> int:
        """Take in replicates with the effect; returns the studies that succeeded."""
        hits = int(results.rejects(self.target.together).sum())
        self.hits[number] = self.hits.get(number, 0) + hits
        self.trials[number] = self.trials.get(number, 0) + results.n
        self.seen.setdefault(number, []).append(tally(results))
        return hits

    def is_open(self) -> Flags:
        """Candidates that are not left out, and whose estimator is likely to be valid where any is."""
        likely = self.is_likely() & ~self.excluded
        return likely if likely.any() else ~self.excluded

    def is_likely(self) -> Flags:
        """Candidates whose estimator is likely to be valid; all where none is."""
        likely = likely_valid(self.features, self.seen)
        return likely if likely.any() else np.ones_like(likely)

    def _cheapest(self, log_noncentrality: Array) -> Codes:
        """Of each draw the cheapest design that has the power, or the one that has most."""
        open_to = np.where(self.is_open(), log_noncentrality, -np.inf)
        enough = open_to >= needed(self.target.goal)
        return np.where(enough.any(axis=1), enough.argmax(axis=1), open_to.argmax(axis=1))

    def _of_all_costs(self) -> Codes:
        """Some design of each of several costs."""
        logs = np.log(self.space.cost + 1)
        wanted = logs[0] + _FIRST * (logs[-1] - logs[0])
        ends = np.searchsorted(logs, wanted[:, None] + np.array([-1, 1]) * 0.05 * np.ptp(logs))
        return np.array(
            [
                self.rng.integers(low, max(high, low + 1))
                for low, high in np.minimum(ends, logs.size - 1)
            ]
        )

    def _visit(self, numbers: Codes) -> None:
        visits, order = [], []
        for number in np.unique(numbers):
            design = self.space.design(int(number))
            first = self.next_replicate
            self.next_replicate += BLOCK
            visits.append(Visit(design=design, first=first, last=first + BLOCK, seed=self.seed))
            order.append(int(number))
        for number, results in zip(order, self.lab(visits, "exploring"), strict=True):
            self.add(number, results)
            self.explored += results.n

    def confirm(self, number: int) -> Confirmed:
        """Draw new replicates of a candidate, with the effect and without AI, until its validity is decided."""
        looks = make_looks(self.effort.confirm)
        design, seed = self.space.design(number), self.seed + 1
        both: list[Results] = []
        done = 0
        for size in looks.sizes:
            visits = [
                Visit(design=design, first=done, last=size, seed=seed, world=world)
                for world in (REFERENCE, NO_AI)
            ]
            fresh = self.lab(visits, "confirming")
            both = [a.joined(b) for a, b in zip(both, fresh, strict=True)] if both else fresh
            done = size
            validity = judge_validity(self.target.terms, both[0], both[1], looks)
            if any(v.is_bad for v in validity):
                break
            hits = int(both[0].rejects(self.target.together).sum())
            if wilson(hits, done)[1] < self.target.goal or self._is_settled(validity, hits, done):
                break
        self.confirmed += 2 * done
        hits = self.add(number, both[0])
        return Confirmed(
            number=number,
            cost=float(self.space.cost[number]),
            hits=hits,
            n=done,
            validity=validity,
            results=both[0],
        )

    def _is_settled(self, validity: Sequence[Validity], hits: int, n: int) -> bool:
        """Whether validity is shown and enough was drawn to say what power is."""
        return all(v.is_valid for v in validity) and n >= min(_ENOUGH, self.effort.confirm)

    def confirm_neighbours(self, number: int) -> list[Confirmed]:
        """Draw new replicates of the designs one step away that cost about as much or less."""
        surface = self.fit()
        near = [
            int(k)
            for k in self.space.neighbours(number)
            if self.space.cost[k] <= _NEAR * self.space.cost[number] and surface.power[k] >= _LEAST
        ]
        visits = [
            Visit(
                design=self.space.design(k), first=0, last=self.effort.neighbour, seed=self.seed + 2
            )
            for k in near
        ]
        confirmed = []
        for k, results in zip(near, self.lab(visits, "neighbours") if visits else [], strict=True):
            self.confirmed += results.n
            confirmed.append(
                Confirmed(
                    number=k, cost=float(self.space.cost[k]), hits=self.add(k, results), n=results.n
                )
            )
        return confirmed

    def leave_out(self, candidate: Confirmed) -> None:
        """Leave out a candidate, and, where it has too little power, all that have no more of anything."""
        self.excluded[candidate.number] = True
        if candidate.power >= self.target.goal:
            return
        place = self.space.place
        no_more = np.ones(len(self.space), dtype=np.bool_)
        for name, places in place.items():
            own = places[candidate.number]
            no_more &= places == own if name == "treatment" else places <= own
        self.excluded |= no_more


_ENOUGH = 400
"""Replicates with the effect below which a valid winner gets more: power to about four points."""


def search(
    space: Space,
    lab: Lab,
    target: Target,
    *,
    seed: int,
    effort: Effort | None = None,
    on_note: Callable[[str], None] | None = None,
) -> Answer:
    """Find the cheapest design that is shown valid and has the power asked for.

    Parameters
    ----------
    space
        Designs to choose from.
    lab
        Where replicates come from.
    target
        What the design must do.
    seed
        Seed of exploring; confirming has the next one, so that its replicates are new.
    effort
        Replicates that are spent.
    on_note
        Told in words of each step.

    Returns
    -------
    Answer
        The winner's power is that of its new replicates alone.

    Raises
    ------
    EstimationError
        If the lab gives no results.

    Notes
    -----
    Exploring is Thompson sampling: each draw of the surrogate's posterior names a cheapest design with the power, and these
    are visited. Then the cheapest by the surrogate is confirmed with replicates of another seed, judged for validity by the
    matrix's rule, and its neighbours are drawn; the surrogate takes all in. If it then names a cheaper design, that is
    confirmed in turn; a candidate that falls short is left out with all
    that have no more of anything; one that is not valid teaches the surfaces of coverage and bias where not to look.
    """
    state = Search(space=space, lab=lab, target=target, seed=seed, effort=effort or Effort())
    tell = on_note or (lambda words: None)
    surface = state.explore()
    tell(f"explored {len(state.trials)} designs in {state.explored:,} replicates")
    rejected: list[Confirmed] = []
    short: list[Confirmed] = []
    winner: Confirmed | None = None
    neighbours: list[Confirmed] = []
    for _ in range(_TRIES):
        number = state.pick(surface)
        if number is None and winner is None:
            number = state.strongest(surface)
        if number is None or (winner is not None and number == winner.number):
            break
        candidate = state.confirm(number)
        if candidate.power < target.goal:
            short.append(candidate)
            state.leave_out(candidate)
        elif not candidate.is_valid:
            rejected.append(candidate)
            state.leave_out(candidate)
        elif winner is None or candidate.cost < winner.cost:
            winner = candidate
            neighbours = state.confirm_neighbours(number)
        tell(_note(candidate, target))
        surface = state.fit()
        if winner is not None:
            dearer = space.cost >= winner.cost
            dearer[winner.number] = False
            state.excluded |= dearer
            state.excluded |= _fallen(state, neighbours, target)
    return Answer(
        space=space,
        surface=surface,
        likely=state.is_likely(),
        winner=winner,
        neighbours=tuple(neighbours),
        rejected=tuple(rejected),
        short=tuple(short),
        visited=np.array(sorted(state.trials), dtype=np.int64),
        n_explored=state.explored,
        n_confirmed=state.confirmed,
    )


def _fallen(state: Search, neighbours: Sequence[Confirmed], target: Target) -> Flags:
    """Neighbours that their own new replicates put below the goal."""
    fallen = np.zeros(len(state.space), dtype=np.bool_)
    fallen[[c.number for c in neighbours if c.power < target.goal]] = True
    return fallen


def _note(candidate: Confirmed, target: Target) -> str:
    low, high = candidate.interval
    figures = f"power {candidate.power:.3f} ({low:.3f} to {high:.3f}), cost {candidate.cost:,.0f}"
    if candidate.power < target.goal:
        return f"candidate too small: {figures}"
    return f"candidate {'valid' if candidate.is_valid else 'large enough, but ' + candidate.why_not()}: {figures}"
