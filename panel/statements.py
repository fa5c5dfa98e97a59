"""What a user says of a file for which a manifest is proposed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from withintask.panel.outcome import OutcomeKind


@dataclass(frozen=True, kw_only=True)
class Statements:
    """What the user says of a file; whatever is said is not doubted."""

    columns: Mapping[str, str] = field(default_factory=dict)
    """ours -> theirs"""
    ignore: Sequence[str] = ()
    """their columns that are not used"""
    covariates: Sequence[str] = ()
    """their columns that are kept as covariates of rows"""
    outcome: OutcomeKind | None = None
    by: str | None = None
    start: date | None = None
    first_ai_period: int | None = None
    control_arm: str | None = None
    task: str | None = None
    """the one task, if the file has no column for it"""
    items: bool = False
    """every row is an item"""
    leave_out_zeros: bool = False
    """rows whose output is zero are left out"""
    aggregate: str | None = None
    """how one output is made of those of a worker, task and period"""
    sheet: str = ""
    labels: bool = False
    """value labels are read in place of values"""
