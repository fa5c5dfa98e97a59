"""A panel's design in sentences, for people."""

from collections.abc import Iterator

from withintask.panel.covariates import COVARIATE_KINDS
from withintask.panel.design_kind import DesignKind
from withintask.panel.outcome import OUTCOMES
from withintask.panel.panel import Panel

_SHOWN, _FEW, _TWO, _ONE = 8, 3, 2, 1
ENOUGH_TASKS = 10
"""Tasks from which on they count as drawn from a population; below they are taken as given."""
_EACH = (
    "; estimate compares each with the control (--each-arm, or --arm NAME), or all with AI together"
)
_NAMES = {"ai_access": "access to AI", "arm": "the arm", "ai_use": "use of AI"}


def design_sentences(panel: Panel, kind: DesignKind) -> tuple[str, ...]:
    """Say what a panel lets one compare: its size, what varies, what was assigned, its items.

    Parameters
    ----------
    panel
        The panel.
    kind
        What :func:`withintask.panel.design_kind.design_kind` found in it.
    """
    return (
        *_size(kind),
        _outcome(panel),
        *_treatment(kind),
        *_assigned(kind),
        *_items(kind),
        *_tasks(kind),
        *_ability(kind),
        *_covariates(panel),
    )


def _size(kind: DesignKind) -> Iterator[str]:
    periods = _listed(kind.periods)
    yield (
        f"{kind.n_rows:,} rows: {_count(kind.n_workers, 'worker')}, {_count(kind.n_tasks, 'task')}, "
        f"{_count(len(kind.periods), 'period')} ({periods})."
    )
    first = kind.first_ai_period
    if first is None:
        yield "The panel does not say when AI arrived (first_ai_period), so no period is before or after."
    elif all(period >= first for period in kind.periods):
        yield f"AI exists in every period (from {first} on): there is no period before."
    elif all(period < first for period in kind.periods):
        yield f"AI arrives in period {first}, after the last period: there is no period after."
    else:
        n_before = sum(period < first for period in kind.periods)
        n_after = len(kind.periods) - n_before
        yield f"AI arrives in period {first}: {_count(n_before, 'period')} before, {n_after} from then on."


def _outcome(panel: Panel) -> str:
    info = panel.info
    outcome = OUTCOMES[info.outcome_kind]
    stated = "" if info.outcome else " (not stated, so read as positive)"
    limits = [
        f"{word} {limit:g}"
        for word, limit in (("floor", info.outcome_floor), ("ceiling", info.outcome_ceiling))
        if limit is not None
    ]
    scale = {"log": "its log", "minus log": "minus its log", "level": "its level"}
    return (
        f"The outcome is {info.outcome_kind}{stated}: {outcome.meaning}"
        f"{' (' + ', '.join(limits) + ')' if limits else ''}; compared is {scale[outcome.analysed]}."
    )


def _treatment(kind: DesignKind) -> Iterator[str]:
    if not kind.treatment:
        yield "Neither access, arm nor use of AI varies: only periods before and after can be compared."
        return
    what = _NAMES[kind.treatment]
    if kind.n_within_cells:
        yield _within(kind, f"{what} varies within workers by item", kind.n_within_cells)
    if kind.n_within_periods:
        yield _within(kind, f"{what} varies within workers by task", kind.n_within_periods)
    if kind.n_over_time:
        yield _within(kind, f"{what} varies within workers over time", kind.n_over_time)
    if kind.between_firms:
        yield _capital(f"{what} varies between firms, {_when(kind)}.")
    elif kind.between_workers:
        yield _capital(f"{what} varies between workers, {_when(kind)}.")
    elif kind.n_over_time:
        yield "No period has workers with and workers without: this is a comparison before and after."
    if kind.starts.n_ending and not kind.n_within_cells:
        units = _count(kind.starts.n_ending, kind.starts.unit)
        yield f"AI is taken away again from {units}: designs that hold on to a first period do not fit."
    if kind.n_unknown:
        yield _capital(f"{what} is not known in {kind.n_unknown:,} rows; they are left out.")
    if kind.arms:
        arms = ", ".join(f"{arm} ({_count(n, 'worker')})" for arm, n in kind.arms)
        yield f"Arms: {arms}{_EACH if len(kind.arms) > _TWO else ''}."


def _within(kind: DesignKind, what: str, n_workers: int) -> str:
    return _capital(f"{what}: {n_workers:,} of {_count(kind.n_workers, 'worker')} have both.")


def _when(kind: DesignKind) -> str:
    starts = kind.starts
    parts = []
    if starts.n_starting:
        n_periods = len(starts.periods)
        how = "at once, in period" if n_periods == 1 else f"staggered over {n_periods} periods:"
        parts.append(
            f"{_count(starts.n_starting, starts.unit)} start {how} {_listed(starts.periods)}"
        )
    if starts.n_never:
        parts.append(f"{_count(starts.n_never, starts.unit)} never")
    if starts.n_always:
        parts.append(f"{_count(starts.n_always, starts.unit)} from their first period on")
    return "; ".join(parts)


def _assigned(kind: DesignKind) -> Iterator[str]:
    if not kind.n_assigned:
        yield (
            "What was assigned is not stated (assignment_id): nothing says that access was randomized, "
            "and errors are clustered by worker or firm."
        )
        return
    what = (
        " = ".join(kind.assigned) or "units that are neither workers, groups of workers nor items"
    )
    strata = f", within {_count(kind.n_strata, 'stratum', 'strata')}" if kind.n_strata else ""
    yield f"Assigned were {kind.n_assigned:,} units ({what}){strata}; errors belong to them."
    if kind.n_divided:
        yield (
            f"In {kind.n_divided:,} of them rows have AI and others not in one period, so that they are not what was assigned, and "
            "errors by them are far too wide or too narrow: state assignment_id anew, as stratum_id if it is the block within "
            "which was assigned, or leave it out."
        )


def _items(kind: DesignKind) -> Iterator[str]:
    items = kind.items
    sizes = f"{items.smallest} to {items.largest} rows, {items.median} in the median"
    yield f"A worker has {sizes}, in a cell of task, period and access."
    if items.n_items is None:
        noise = "ability and noise cannot be told apart" if items.largest <= 1 else ""
        yield "Items are not declared" + (f": {noise}." if noise else ".")
    else:
        shared = f"{items.n_shared:,} of {_count(items.n_items, 'item')} were done by two workers or more"
        yield f"{shared}; {_crossing(items.n_shared, items.n_items)}"
    if items.n_raters:
        yield f"{_count(items.n_raters, 'rater')} rated them."


def _tasks(kind: DesignKind) -> Iterator[str]:
    """Say for which tasks the sets are, where tasks are few."""
    if _ONE < kind.n_tasks < ENOUGH_TASKS:
        yield (
            f"{kind.n_tasks} tasks are taken as given: intervals and sets are for these. For all tasks of their kind they are too "
            f"narrow, and {ENOUGH_TASKS} tasks or more are needed (docs/items.md)."
        )


def _crossing(n_shared: int, n_items: int) -> str:
    if n_shared == 0:
        return "items lie within workers, so an item's difficulty cannot be taken out."
    if n_shared == n_items:
        return "workers and items are crossed."
    return "workers and items are crossed in part."


def _ability(kind: DesignKind) -> Iterator[str]:
    if not kind.abilities:
        yield "Ability before AI was not measured."
        return
    measures = ", ".join(f"{name} ({_count(n, 'worker')})" for name, n in kind.abilities)
    yield f"Ability before AI: {measures}."


def _covariates(panel: Panel) -> Iterator[str]:
    """Name the declared covariates and what they are; whether they can be used is validated."""
    tables = panel.tables()
    named = []
    for name in panel.info.covariates:
        table, _, column = name.partition(".")
        dtype = tables[table].lazy().collect_schema().get(column) if table in tables else None
        named.append(f"{name} ({COVARIATE_KINDS.get(dtype, 'of another type')})")
    if named:
        yield f"Covariates: {', '.join(named)}."


def _count(number: int, noun: str, plural: str = "") -> str:
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def _listed(periods: tuple[int, ...]) -> str:
    if not periods:
        return "none"
    first, last = periods[0], periods[-1]
    if last - first + 1 == len(periods) and len(periods) > _FEW:
        return f"{first} to {last}"
    if len(periods) <= _SHOWN:
        return ", ".join(map(str, periods))
    return f"{', '.join(map(str, periods[: _SHOWN - 1]))}, … {last}"


def _capital(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]
