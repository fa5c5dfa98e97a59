"""What `withintask estimate` does where not all rows are in memory."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from withintask.larger import StreamedEstimates
    from withintask.panel.panel import Panel
    from withintask.tests_of_model.regression.errors import Errors


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What was asked of `withintask estimate`."""

    hypothesis: list[str] | None
    """Names of hypotheses."""
    estimator: list[str] | None
    """Names of estimators."""
    errors: "Errors"
    """Which errors."""
    arm: str
    """Name of the arm compared."""
    of_rows: Mapping[str, object]
    """Options that need rows, and what was given."""
    verify: bool
    """Whether files are compared with their SHA-256."""
    allow_outside: bool
    """Whether files outside the folder may be read."""


def read_whole(
    path: Path | None, asked: Asked, *, recommended: bool
) -> "tuple[Panel, tuple[str, ...]]":
    """Scan a panel whose rows are to be in memory, and name the estimators recommended for it if that is asked."""
    from withintask.panel.profile import few_people
    from withintask.panel.store import read_panel
    from withintask.report.verbosity import remark
    from withintask.tests_of_model.hypotheses.recommend import recommended_estimators

    where = _given(path)
    panel = read_panel(
        where, lazy=True, check=False, verify=asked.verify, allow_outside=asked.allow_outside
    )
    for sentence in few_people(panel):
        remark(sentence)
    chosen = recommended_estimators(panel, asked.hypothesis or ()) if recommended else ()
    return panel, tuple(chosen)


def _given(path: Path | None) -> Path:
    """The panel named; one is needed unless cells are."""
    from withintask.panel.errors import ParameterError

    if path is None:
        raise ParameterError("name a panel, or --cells FILE")
    return path


def is_streamed(path: Path | None, engine: str) -> bool:
    """Tell whether a panel is estimated from sums by cell, as asked or by its size; say which, on standard error."""
    from withintask.larger import why_streamed
    from withintask.report.verbosity import remark

    reason = why_streamed(_given(path)) if engine == "auto" else ""
    if engine == "stream" or reason:
        remark(reason or "from sums, not rows; that keys are unique is not checked")
    return engine == "stream" or bool(reason)


def estimates_of_sums(path: Path | None, cells: Path | None, asked: Asked) -> "StreamedEstimates":
    """Estimate from sums by cell, made of a panel or by a database, refusing what needs rows."""
    from withintask.larger import estimate_from_cells, estimate_larger, fail_if_not_served

    not_served = [name for name, given in asked.of_rows.items() if given]
    if cells is not None:
        beside = {"PANEL": path, "--hypothesis": asked.hypothesis, "--arm": asked.arm}
        fail_if_not_served(not_served, [name for name, given in beside.items() if given])
        return estimate_from_cells(
            cells,
            estimators=asked.estimator or (),
            errors=asked.errors,
        )
    fail_if_not_served(not_served)
    return estimate_larger(
        _given(path),
        hypotheses=asked.hypothesis or (),
        estimators=asked.estimator or (),
        errors=asked.errors,
        arm=asked.arm,
        verify=asked.verify,
        allow_outside=asked.allow_outside,
    )
