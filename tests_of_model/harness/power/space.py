"""The designs that a search may choose from: all combinations of sizes that meet the limits, with their costs."""

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from types import SimpleNamespace
from typing import Any

import numpy as np

from withintask.panel.arrays import Array, Codes, Flags
from withintask.panel.errors import ParameterError, list_problems, nearest
from withintask.sim.design import Design
from withintask.sim.design_checks import TREATMENTS
from withintask.sim.designs import change_design
from withintask.tests_of_model.harness.power.costs import Costs

Value = int | float | str

WORKERS_BY_FIRM = "workers_by_firm"
"""The one axis that is no field of a design: workers are firms times it."""
AXES: Mapping[str, str] = {
    "firms": "n_firms",
    "workers": "n_workers",
    WORKERS_BY_FIRM: WORKERS_BY_FIRM,
    "items": "n_items",
    "tasks": "n_tasks",
    "before": "n_pre",
    "after": "n_post",
    "treated_share": "treated_share",
    "roll_out": "treatment",
    "raters": "n_raters",
    "occupations": "n_occupations",
    "postings": "n_postings_by_occupation",
    "applicants": "n_applicants_by_occupation",
}
"""What can be varied, by the name that users write, and its field."""
AXIS_WORDS: Mapping[str, str] = {
    "n_firms": "firms",
    "n_workers": "workers",
    WORKERS_BY_FIRM: "workers a firm",
    "n_items": "items a task and period",
    "n_tasks": "tasks",
    "n_pre": "periods before",
    "n_post": "periods after",
    "treated_share": "share treated",
    "treatment": "roll-out",
    "n_raters": "raters",
    "n_occupations": "occupations",
    "n_postings_by_occupation": "postings an occupation and period",
    "n_applicants_by_occupation": "applicants an occupation and period",
}
"""Words for what is varied."""
ROLL_OUTS: Mapping[str, str] = {
    "workers": "randomized",
    "firms": "randomized_firms",
    "staggered": "staggered",
    "items": "randomized_items",
    "universal": "universal",
}
"""Short names of treatments."""
ROLL_OUT_WORDS: Mapping[str, str] = {
    "randomized": "to workers at random within firms",
    "randomized_firms": "to whole firms at random, all at once",
    "staggered": "firm by firm in random order, the last after the panel ends",
    "staggered_opposed": "firm by firm, those with the most assets first",
    "randomized_items": "to items at random",
    "self_selected": "to those who choose it",
    "universal": "to everybody at once",
}
"""Treatments in words."""

LIMITS: Mapping[str, tuple[str, Callable[[Any], Any]]] = {
    "firms": ("firms", lambda d: d.n_firms),
    "workers": ("workers", lambda d: d.n_workers),
    "workers_by_firm": ("workers a firm", lambda d: d.n_workers / d.n_firms),
    "items_by_worker": (
        "items that a worker does in one period",
        lambda d: d.n_tasks_by_worker * d.n_items,
    ),
    "periods": ("periods", lambda d: d.n_periods),
    "tasks": ("tasks", lambda d: d.n_tasks_by_worker),
    "treated_firms": ("firms with AI", lambda d: d.n_firms * d.treated_share),
    "rows": (
        "rows of output",
        lambda d: d.n_workers * d.n_tasks_by_worker * d.n_items * d.n_raters * d.n_periods,
    ),
}
"""Quantities that can be limited: in words, and of a design or of arrays of sizes."""
LARGEST_PANEL = 250_000
"""Rows of output of the largest panel that a search draws, unless a limit of rows says otherwise."""
_MOST = 500_000
"""Combinations beyond which ranges should be coarser."""
_STEPS = 24
"""Sizes of a range low:high, in about even steps of the log."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Space:
    """Designs to choose from; arrays are (candidate,), by cost."""

    base: Design
    """What does not vary."""
    axes: Mapping[str, tuple[Value, ...]]
    """Field (or ``workers_by_firm``) to its values, ascending."""
    place: Mapping[str, Codes]
    """Place of each candidate's value in the values of an axis."""
    cost: Array
    """Cost."""

    def __len__(self) -> int:
        """Number of candidates."""
        return self.cost.size

    @cached_property
    def varied(self) -> tuple[str, ...]:
        """Axes with more than one value among the candidates."""
        return tuple(name for name, place in self.place.items() if np.unique(place).size > 1)

    def sizes(self, axis: str) -> Array:
        """Values of an axis of numbers, (candidate,)."""
        return np.array(self.axes[axis], dtype=np.float64)[self.place[axis]]

    def values(self, number: int) -> dict[str, Value]:
        """Values of one candidate by axis."""
        return {name: self.axes[name][int(place[number])] for name, place in self.place.items()}

    def design(self, number: int) -> Design:
        """Return one candidate, under a name that says what it is."""
        return make_design(self.base, self.values(number))

    def take(self, kept: Flags | Codes) -> "Space":
        """Keep some of the candidates."""
        places = {name: place[kept] for name, place in self.place.items()}
        return Space(base=self.base, axes=self.axes, place=places, cost=self.cost[kept])

    def neighbours(self, number: int) -> Codes:
        """Candidates that differ in one axis by one step from a candidate, by cost."""
        steps = np.array([np.abs(place - place[number]) for place in self.place.values()])
        return np.flatnonzero(steps.sum(axis=0) == 1)


def make_design(base: Design, values: Mapping[str, Value]) -> Design:
    """Return the base with values of axes, under a name that lists them."""
    changes: dict[str, object] = dict(values)
    by_firm = changes.pop(WORKERS_BY_FIRM, None)
    if by_firm is not None:
        changes["n_workers"] = int(changes.get("n_firms", base.n_firms)) * int(by_firm)  # type: ignore[call-overload]
    label = ",".join(
        f"{name}={value:g}" if isinstance(value, float) else f"{name}={value}"
        for name, value in changes.items()
    )
    return change_design(base, **changes, name=f"{base.name}[{label}]")


def make_space(
    base: Design,
    axes: Mapping[str, Sequence[Value]],
    costs: Costs,
    *,
    limits: Mapping[str, tuple[float, float]] | None = None,
    budget: float = np.inf,
) -> Space:
    """List the designs that meet limits and budget.

    Parameters
    ----------
    base
        What does not vary.
    axes
        Field (or ``workers_by_firm``) to values, see :func:`parse_axes`.
    costs
        Unit costs.
    limits
        Name of LIMITS to lowest and highest value.
    budget
        Highest cost.

    Raises
    ------
    ParameterError
        If there are too many combinations, a limit is unknown, a limit or the budget leaves nothing.
    """
    limits = {
        **(limits or {}),
        **({} if "rows" in (limits or {}) else {"rows": (0.0, LARGEST_PANEL)}),
    }
    _fail_if_unknown(limits)
    n = int(np.prod([len(values) for values in axes.values()], dtype=np.float64))
    if n > _MOST:
        raise ParameterError(
            f"power: {n:,} combinations; expected at most {_MOST:,}: take coarser ranges"
        )
    grids = np.meshgrid(*(np.arange(len(v)) for v in axes.values()), indexing="ij")
    place = {name: grid.ravel() for name, grid in zip(axes, grids, strict=True)}
    whole = Space(
        base=base, axes={k: tuple(v) for k, v in axes.items()}, place=place, cost=np.zeros(n)
    )
    sizes = _sizes(whole)
    is_possible = sizes.n_firms <= sizes.n_workers
    kept = is_possible & _within(limits, sizes, is_possible)
    cost = np.broadcast_to(np.asarray(costs.of(sizes), dtype=np.float64), (n,))
    _fail_if_too_dear(whole, kept, cost, budget)
    kept = np.flatnonzero(kept & (cost <= budget))
    order = kept[np.argsort(cost[kept], kind="stable")]
    return Space(
        base=base,
        axes=whole.axes,
        place={name: p[order] for name, p in place.items()},
        cost=cost[order],
    )


def _sizes(space: Space) -> SimpleNamespace:
    """Sizes of all candidates under the names of a design's fields."""
    n = len(space)
    values: dict[str, Any] = {
        field.name: np.full(n, getattr(space.base, field.name), dtype=np.float64)
        for field in fields(Design)
        if isinstance(getattr(space.base, field.name), (int, float))
    }
    for name in space.axes:
        if name != "treatment":
            values[name] = space.sizes(name)
    if WORKERS_BY_FIRM in values:
        values["n_workers"] = values["n_firms"] * values[WORKERS_BY_FIRM]
    values["n_tasks_by_worker"] = values["n_tasks"] + values["n_control_tasks"]
    values["n_periods"] = values["n_pre"] + values["n_post"]
    is_repeated = space.base.is_repeated_cross_section
    values["n_cross_sections"] = values["n_periods"] if is_repeated else np.ones(n)
    return SimpleNamespace(**values)


def _within(limits: Mapping[str, tuple[float, float]], sizes: Any, is_possible: Flags) -> Flags:
    kept = np.asarray(is_possible)
    for name, (low, high) in limits.items():
        words, quantity = LIMITS[name]
        value = np.asarray(quantity(sizes))
        is_in = (value >= low) & (value <= high)
        if not (kept & is_in).any():
            reached = value[kept]
            raise ParameterError(
                f"limit {name} = {low:g} to {high:g}: leaves no design; what is varied has "
                f"{reached.min():g} to {reached.max():g} {words} within the limits before it. Nothing was drawn."
            )
        kept = kept & is_in
    return kept


def _fail_if_unknown(limits: Mapping[str, object]) -> None:
    unknown = [f"{name}: unknown{nearest(name, LIMITS)}" for name in limits if name not in LIMITS]
    if unknown:
        known = ", ".join(f"{name} ({words})" for name, (words, _) in LIMITS.items())
        raise ParameterError(list_problems("limits", unknown, advice=f"Known: {known}"))


def _fail_if_too_dear(space: Space, kept: Flags, cost: Array, budget: float) -> None:
    if not kept.any():
        raise ParameterError(
            "power: no combination has as many workers as firms. Nothing was drawn."
        )
    cheapest = int(np.flatnonzero(kept)[np.argmin(cost[kept])])
    if cost[cheapest] > budget:
        words = describe_values(space.values(cheapest))
        raise ParameterError(
            f"budget {budget:,.0f}: below the smallest design, which costs {cost[cheapest]:,.0f} ({words}). "
            "Raise it, or let sizes go lower. Nothing was drawn."
        )


def describe_values(values: Mapping[str, Value]) -> str:
    """Say what the values of axes are, in words."""
    words = []
    for name, value in values.items():
        if name == "treatment":
            words.append(f"AI {ROLL_OUT_WORDS.get(str(value), str(value))}")
        elif name == "treated_share":
            words.append(f"{float(value):.0%} treated")
        else:
            words.append(counted(value, AXIS_WORDS.get(name, name)))
    return ", ".join(words)


def counted(value: Value, words: str) -> str:
    """Say how many of something, in the singular where there is one."""
    noun, space, rest = words.partition(" ")
    if value == 1:
        noun = noun.removesuffix("s")
    return f"{value:,} {noun}{space}{rest}"


def parse_axes(texts: Sequence[str]) -> dict[str, tuple[Value, ...]]:
    """Read what varies: ``firms=10:80`` (steps of a range), ``items=2,4,8``, ``roll_out=firms,staggered``.

    Returns
    -------
    dict
        Field (or ``workers_by_firm``) to ascending values.

    Raises
    ------
    ParameterError
        Lists everything that is not of that form, with the nearest name.
    """
    pairs = [(text, *text.partition("=")) for text in texts]
    return read_axes(
        "--vary",
        [(repr(text), name.strip(), written.strip()) for text, name, _, written in pairs],
        both="workers and workers_by_firm: give one of them, firms times the second is the first",
    )


def read_axes(
    subject: str, entries: Iterable[tuple[str, str, str]], *, both: str
) -> dict[str, tuple[Value, ...]]:
    """Read axes from wherever they are written.

    Parameters
    ----------
    subject
        Where they are written, for the error.
    entries
        What to call an axis in the error, its name and its values as text.
    both
        What to say where workers and workers a firm are both given.

    Raises
    ------
    ParameterError
        Lists everything that is not of that form, with the nearest name.
    """
    axes: dict[str, tuple[Value, ...]] = {}
    problems = []
    for label, name, written in entries:
        try:
            field = axis_field(name)
            axes[field] = axis_values(field, written)
        except ValueError as error:
            problems.append(f"{label}: {error}")
    if "n_workers" in axes and WORKERS_BY_FIRM in axes:
        problems.append(both)
    if problems:
        raise ParameterError(list_problems(subject, problems, advice="Nothing was drawn."))
    return axes


def axis_field(name: str) -> str:
    """Return the field of an axis's name.

    Raises
    ------
    ValueError
        With the nearest name.
    """
    known = {**AXES, **{field: field for field in AXES.values()}}
    plain = name.replace("-", "_")
    if plain in known:
        return known[plain]
    whole = {f.name for f in fields(Design) if f.type is int}
    if plain in whole:
        return plain
    raise ValueError(
        f"{name!r} is nothing that can be varied{nearest(plain, (*known, *whole))}; known: {', '.join(AXES)}"
    )


def axis_values(field: str, written: str) -> tuple[Value, ...]:
    """Read the values of an axis.

    Raises
    ------
    ValueError
        If they are not of its kind.
    """
    if field == "treatment":
        return _treatments(written.split(","))
    low, colon, high = written.partition(":")
    try:
        if not colon:
            kind = float if field == "treated_share" else int
            return tuple(sorted({kind(value) for value in written.split(",")}))
        return spread(int(low), int(high))
    except ValueError:
        raise ValueError("expected numbers such as 10,20,40 or a range such as 10:80") from None


def spread(low: int, high: int) -> tuple[int, ...]:
    """Whole numbers from low to high, in about even steps of the log.

    Raises
    ------
    ValueError
        If they are not ascending and positive.
    """
    if not 1 <= low <= high:
        raise ValueError
    return tuple(int(v) for v in np.unique(np.geomspace(low, high, _STEPS).round()))


def _treatments(names: Sequence[str]) -> tuple[str, ...]:
    plain = [ROLL_OUTS.get(name.strip(), name.strip()) for name in names]
    unknown = [name for name in plain if name not in TREATMENTS]
    if unknown:
        known = (*ROLL_OUTS, *TREATMENTS)
        raise ValueError(
            f"{unknown[0]!r} is no roll-out{nearest(unknown[0], known)}; known: {', '.join(ROLL_OUTS)}"
        )
    return tuple(dict.fromkeys(plain))


def crossed(axes: Mapping[str, Sequence[Value]]) -> list[dict[str, Value]]:
    """Every combination of values of axes."""
    return [dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())]
