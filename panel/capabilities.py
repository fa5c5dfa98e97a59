"""Which columns and links a panel has, hence which estimators can run on it.

An estimator declares its needs as text, in this vocabulary:

===============================================  ==========================================
need                                             is met when
===============================================  ==========================================
``outputs``                                      the table is there and has a row
``outputs.ai_access``                            the column is there and not null in every row
``outputs.ai_access varies``                     it has two different known values
``outputs.worker_id repeats over period``        some worker is seen in two periods
``outputs.worker_id,task_id repeats over period``  some worker-task pair is seen in two periods
``pay.firm_id->firms.firm_id``                   some id of the first is found in the second
``info.first_ai_period``                         the panel says when AI arrived
``outputs.period spans first_ai_period``         there are rows before and after AI arrived
``workers.ability_log or abilities.ability``     one of the two is met
===============================================  ==========================================
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cache
from typing import Protocol
from weakref import WeakKeyDictionary

import polars as pl

from withintask.panel.errors import ParameterError, quoted
from withintask.panel.panel import TABLES, Frame, Panel, PanelInfo

_NAME = r"[a-z_0-9]+"
_NAMES = rf"{_NAME}(?:,{_NAME})*"
_FORMS: Mapping[str, str] = {
    "info": rf"info\.(?P<field>{_NAME})",
    "table": rf"(?P<table>{_NAME})",
    "column": rf"(?P<table>{_NAME})\.(?P<column>{_NAME})",
    "varies": rf"(?P<table>{_NAME})\.(?P<column>{_NAME}) varies",
    "repeats": rf"(?P<table>{_NAME})\.(?P<column>{_NAMES}) repeats over (?P<over>{_NAME})",
    "link": rf"(?P<table>{_NAME})\.(?P<column>{_NAME})->(?P<parent>{_NAME})\.(?P<over>{_NAME})",
    "spans": rf"(?P<table>{_NAME})\.(?P<column>{_NAME}) spans first_ai_period",
}


class EstimatorLike(Protocol):
    """What an estimator must tell: its name and its needs."""

    @property
    def name(self) -> str:
        """Name of the estimator."""

    @property
    def needs(self) -> Sequence[str]:
        """What a panel must have for it to run."""


class HypothesisLike(Protocol):
    """What a hypothesis must tell: its name and its estimators."""

    @property
    def name(self) -> str:
        """Name of the hypothesis."""

    @property
    def estimators(self) -> Sequence[EstimatorLike]:
        """Its estimators."""


@dataclass(frozen=True, kw_only=True)
class Need:
    """One thing an estimator needs of a panel; made by :func:`parse_need`."""

    text: str
    """as it was declared"""
    form: str
    """which line of the vocabulary it is"""
    table: str = ""
    """the table it speaks of"""
    columns: tuple[str, ...] = ()
    """the columns of that table"""
    over: str = ""
    """the column repeated over, the column linked to, or the field of the panel's info"""
    parent: str = ""
    """the table linked to"""


def capabilities(panel: Panel, hypotheses: Iterable[HypothesisLike]) -> pl.DataFrame:
    """Say for each estimator of each hypothesis whether it can run on this panel.

    Parameters
    ----------
    panel
        Any panel, eager or lazy.
    hypotheses
        Objects with a ``name`` and ``estimators``, each of which has a ``name`` and ``needs``.

    Returns
    -------
    polars.DataFrame
        ``hypothesis, estimator`` (text), ``can_run`` (Boolean) and ``missing`` (list of text: the
        needs that are not met, each with the reason), in the order given.
    """
    gaps = Gaps(panel)
    rows = [
        (hypothesis.name, estimator.name, list(gaps.of(estimator.needs)))
        for hypothesis in hypotheses
        for estimator in hypothesis.estimators
    ]
    schema: Mapping[str, pl.DataType] = {
        "hypothesis": pl.String(),
        "estimator": pl.String(),
        "missing": pl.List(pl.String()),
    }
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    can_run = (pl.col("missing").list.len() == 0).alias("can_run")
    return frame.select("hypothesis", "estimator", can_run, "missing")


def missing(panel: Panel, needs: Iterable[str]) -> tuple[str, ...]:
    """Name the needs that a panel does not meet.

    Parameters
    ----------
    panel
        Any panel, eager or lazy.
    needs
        Needs in the vocabulary of this module.

    Returns
    -------
    tuple of str
        One text a gap, ``need: reason``, in the order given; empty if nothing is missing.

    Raises
    ------
    ParameterError
        If a need is not in the vocabulary or names a table or column that no panel can have.
    """
    return Gaps(panel).of(needs)


_known: WeakKeyDictionary[Panel, dict[str, str]] = WeakKeyDictionary()


class Gaps:
    """What a panel lacks, found out once a need however many estimators have it, and whoever asks."""

    def __init__(self, panel: Panel) -> None:
        self.panel = panel
        # A panel does not change, and what is known of one goes with it.
        self._known = _known.setdefault(panel, {})

    def of(self, needs: Iterable[str]) -> tuple[str, ...]:
        """Name the needs that the panel does not meet, as :func:`missing` does."""
        return tuple(f"{need}: {gap}" for need in needs if (gap := self._gap(need)))

    def _gap(self, need: str) -> str:
        if need not in self._known:
            self._known[need] = _gap_of_each(self.panel, need)
        return self._known[need]


def _gap_of_each(panel: Panel, need: str) -> str:
    """Say why none of a need's alternatives is met; empty if one is."""
    gaps = [_gap(panel, alternative) for alternative in alternatives(need)]
    return ", ".join(gaps) if all(gaps) else ""


def alternatives(need: str) -> tuple[Need, ...]:
    """Read a need, or each of those that would do, joined by ``or``.

    Raises
    ------
    ParameterError
        As for :func:`parse_need`.
    """
    return tuple(parse_need(text) for text in need.split(" or "))


@cache
def parse_need(text: str) -> Need:
    """Read one need, for example ``outputs.worker_id repeats over period``.

    Raises
    ------
    ParameterError
        If it is not in the vocabulary or names a table or column that no panel can have.
    """
    for form, pattern in _FORMS.items():
        match = re.fullmatch(pattern, text)
        if match:
            need = _need(text, form, match.groupdict())
            _fail_if_unknown(need)
            return need
    raise ParameterError(
        f"need {quoted(text)}: expected one of the forms in withintask.panel.capabilities, for example "
        "'outputs', 'outputs.output', 'outputs.worker_id repeats over period'"
    )


def _need(text: str, form: str, parts: Mapping[str, str]) -> Need:
    columns = tuple(parts["column"].split(",")) if "column" in parts else ()
    over = parts.get("over", parts.get("field", ""))
    table, parent = parts.get("table", ""), parts.get("parent", "")
    return Need(text=text, form=form, table=table, columns=columns, over=over, parent=parent)


def _fail_if_unknown(need: Need) -> None:
    """Refuse a need that no panel could meet: it would hide an estimator for ever."""
    from withintask.panel.schema import SCHEMAS

    if need.form == "info":
        known = need.over in {field.name for field in fields(PanelInfo)}
        unknown = [] if known else [f"info.{need.over}"]
    else:
        known_columns = {name: schema.column_names() for name, schema in SCHEMAS.items()}
        unknown = [f"{t}.{c}" for t, c in _used(need) if c not in known_columns.get(t, ())]
        unknown += [] if need.table in TABLES else [need.table]
    if unknown:
        raise ParameterError(f"need {quoted(need.text)}: no panel can have {', '.join(unknown)}")


def _used(need: Need) -> list[tuple[str, str]]:
    """Table and column of everything the need speaks of."""
    used = [(need.table, column) for column in need.columns]
    if need.form == "repeats":
        used.append((need.table, need.over))
    if need.form == "link":
        used.append((need.parent, need.over))
    return used


def _gap(panel: Panel, need: Need) -> str:
    """Say why the need is not met; empty if it is."""
    if need.form == "info":
        return "not stated" if getattr(panel.info, need.over) is None else ""
    whole: list[tuple[str, str | None]] = [(need.table, None)]
    for table, column in _used(need) or whole:
        reason = _absence(panel, table, column)
        if reason:
            return reason
    check = _CHECKS.get(need.form)
    return check(panel, need) if check else ""


def _absence(panel: Panel, table: str, column: str | None) -> str:
    frame: Frame | None = getattr(panel, table)
    if frame is None:
        return f"no table {table}"
    if column is None:
        return "" if _value(frame, pl.len()) else f"no rows in {table}"
    if column not in frame.collect_schema().names():
        return f"no column {table}.{column}"
    is_known = _value(frame, pl.col(column).is_not_null().any())
    return "" if is_known else f"{table}.{column} is null in every row"


def _constant(panel: Panel, need: Need) -> str:
    column = pl.col(need.columns[0])
    varies = _value(getattr(panel, need.table), column.min() != column.max())
    return "" if varies else f"{need.table}.{need.columns[0]} is the same in every row"


def _unrepeated(panel: Panel, need: Need) -> str:
    frame: Frame = getattr(panel, need.table)
    known = pl.all_horizontal(pl.col(*need.columns, need.over).is_not_null())
    over = pl.col(need.over)
    groups = frame.lazy().filter(known).group_by(need.columns).agg(twice=over.min() != over.max())
    if groups.select(pl.col("twice").any()).collect(engine="streaming").item():
        return ""
    return f"no {' and '.join(need.columns)} of {need.table} is seen with two values of {need.over}"


def _unlinked(panel: Panel, need: Need) -> str:
    ids = _distinct_texts(getattr(panel, need.table).lazy(), need.columns[0]).rename(
        {need.columns[0]: need.over}
    )
    parent = _distinct_texts(getattr(panel, need.parent).lazy(), need.over)
    matches = ids.drop_nulls().join(parent, on=need.over, how="semi").limit(1)
    if matches.collect().height:
        return ""
    return f"no {need.table}.{need.columns[0]} is found in {need.parent}.{need.over}"


def _distinct_texts(frame: pl.LazyFrame, column: str) -> pl.LazyFrame:
    """Ids of a column; those that are categories once each and as texts, so that two tables' can be compared."""
    ids = frame.select(column)
    if isinstance(ids.collect_schema()[column], pl.Categorical):
        return ids.unique().cast(pl.String)
    return ids


def _one_sided(panel: Panel, need: Need) -> str:
    first = panel.info.first_ai_period
    if first is None:
        return "info.first_ai_period is not stated"
    period = pl.col(need.columns[0])
    frame: Frame = getattr(panel, need.table)
    if not _value(frame, (period < first).any()):
        return f"no row of {need.table} is before AI arrived ({first})"
    if not _value(frame, (period >= first).any()):
        return f"no row of {need.table} is after AI arrived ({first})"
    return ""


_CHECKS: Mapping[str, Callable[[Panel, Need], str]] = {
    "varies": _constant,
    "repeats": _unrepeated,
    "link": _unlinked,
    "spans": _one_sided,
}


def _value(frame: Frame, expression: pl.Expr) -> object:
    if isinstance(frame, pl.LazyFrame):
        return frame.select(expression).collect(engine="streaming").item()
    return frame.select(expression).item()
