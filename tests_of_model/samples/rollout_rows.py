"""A roll-out in the rows of a panel: what got AI as one, when, and who is compared with whom."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from withintask.panel.arrays import Codes, Flags
from withintask.panel.errors import EstimationError, list_problems
from withintask.tests_of_model.regression.grouping import encode, first_rows
from withintask.tests_of_model.samples.item_rows import ItemRows, describe_left_out
from withintask.tests_of_model.samples.unknown import joined, known_or_unasked

Level = Literal["firm", "worker"]
"""Whether AI comes to whole firms, or to workers at different times within one."""


@dataclass(frozen=True, kw_only=True, eq=False)
class RolloutRows:
    """Rows of exposed tasks and when AI came, (row,) each unless said otherwise."""

    rows: ItemRows
    """The rows; access before AI's arrival may be unknown."""
    wave: Codes
    """Place of the period among those that occur, from 0."""
    start: Codes
    """First wave with AI of what got it as one; the number of waves if never."""
    team: Codes
    """Code of those whose output is taken together: a firm, or its workers who start together."""
    cluster: Codes
    """Code of what was assigned as one; coarser than a team where the roll-out is by firm."""
    level: Level
    """How AI was rolled out."""
    periods: tuple[int, ...]
    """The panel's periods, by wave."""
    message: str
    """What was left out, and what there is to know."""

    @property
    def n_waves(self) -> int:
        """Periods that occur."""
        return len(self.periods)


def rollout_rows(rows: ItemRows) -> RolloutRows:
    """Find out how AI was rolled out.

    Parameters
    ----------
    rows
        Items of a panel.

    Returns
    -------
    RolloutRows
        Of exposed tasks. A firm is what got AI as one if in every period all of its rows have AI or none; else a worker.

    Raises
    ------
    EstimationError
        Names every reason for which there is nothing to compare, and what would do.
    """
    chosen = _known(rows) & ~(rows.exposure == 0)
    if not chosen.any():
        raise EstimationError("roll-out: no row of an exposed task is known")
    left = describe_left_out(rows)
    rows = rows.take(chosen)
    wave = encode(rows.period)
    has_ai = rows.arm > 0
    level, unit = _level(rows, wave, has_ai)
    start = _starts(unit, wave, has_ai)
    _fail_if_nothing_to_compare(level, unit, wave, has_ai, start)
    team = rows.firm if level == "firm" else encode(rows.firm, start[unit])
    return RolloutRows(
        rows=rows,
        wave=wave,
        start=start[unit],
        team=encode(team),
        cluster=_clusters(rows, level),
        level=level,
        periods=tuple(int(period) for period in np.unique(rows.period)),
        message=joined(left, _always(level, start)),
    )


def _known(rows: ItemRows) -> Flags:
    """Rows of which all is known; before AI's arrival access need not be."""
    access = rows.is_known | ~rows.is_post
    finite = np.isfinite(rows.value) & (rows.weight > 0) & (rows.firm >= 0)
    return np.asarray(access & finite & known_or_unasked(rows.exposure))


def _level(rows: ItemRows, wave: Codes, has_ai: Flags) -> tuple[Level, Codes]:
    """What got AI as one, and its code in each row."""
    firm = encode(rows.firm)
    if _is_pure(firm, wave, has_ai):
        return "firm", firm
    worker = encode(rows.worker)
    if not _is_pure(worker, wave, has_ai):
        raise EstimationError(
            "roll-out: access varies between tasks or items of one worker and period, so that AI was not rolled out to "
            "workers or firms; compare items with AI and without (effect_within, pairs_within)"
        )
    return "worker", worker


def _is_pure(unit: Codes, wave: Codes, has_ai: Flags) -> bool:
    cell = encode(unit, wave)
    share = np.bincount(cell, has_ai) / np.bincount(cell)
    return bool(((share == 0) | (share == 1)).all())


def _starts(unit: Codes, wave: Codes, has_ai: Flags) -> Codes:
    """First wave with AI of each unit; the number of waves if never, (unit,)."""
    start = np.full(int(unit.max()) + 1, int(wave.max()) + 1)
    np.minimum.at(start, unit[has_ai], wave[has_ai])
    return start


def _fail_if_nothing_to_compare(
    level: Level, unit: Codes, wave: Codes, has_ai: Flags, start: Codes
) -> None:
    n_waves = int(wave.max()) + 1
    ends = np.unique(unit[~has_ai & (wave > start[unit])]).size
    begun = np.unique(start[(start > 0) & (start < n_waves)])
    never, always = int((start == n_waves).sum()), int((start == 0).sum())
    problems = []
    if ends:
        problems.append(
            f"access ends in {ends} {level}s after it began, and what it leaves behind is not modelled: leave out their "
            "periods after it ended"
        )
    if begun.size == 0:
        problems.append(
            f"no {level} is seen before it gets AI ({always} have it from the first period, {never} never): "
            "periods before AI would do, or a comparison after its arrival (dispersion_between_arms)"
        )
    elif begun.size == 1 and never == 0:
        problems.append(
            f"all {level}s that are seen before AI get it at once and none stays without: {level}s without AI would do; "
            "dispersion_before_after compares them with themselves, and takes practice for AI"
        )
    if problems:
        raise EstimationError(list_problems("roll-out", problems))


def _clusters(rows: ItemRows, level: Level) -> Codes:
    """What was assigned as one: as the panel says, if that is no finer than a firm where firms got AI as one."""
    named = not np.array_equal(rows.assignment, rows.worker)
    firm = encode(rows.firm)
    if level == "worker":
        return encode(rows.assignment)
    if named:
        assignment = encode(rows.assignment)
        first = first_rows(firm)
        if np.array_equal(assignment, assignment[first][firm]):
            return assignment
    return firm


def _always(level: Level, start: Codes) -> str:
    always = int((start == 0).sum())
    return f"{always} {level}s with AI from the first period left out" if always else ""
