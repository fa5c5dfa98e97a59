"""Columns of a wide file that stand side by side, one a wave or an item, told by their names."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from withintask.panel.roles import Role, sounds_like
from withintask.panel.sniff import Column, Look

_NUMBERED = re.compile(r"^(?P<stem>.*?[^0-9\W_])?[ _.\-]*(?P<number>[0-9]{1,4})$")
_WAVE_FIRST = re.compile(
    r"^(?P<kind>wave|w|time|t|round|week|day|month|period|session|q|question|item)[ _.\-]*"
    r"(?P<number>[0-9]{1,4})[ _.\-]+(?P<stem>.+)$",
    re.IGNORECASE,
)
_ITEM = re.compile(r"^(q|question|item|statement|problem|case|call|puzzle)s?$", re.IGNORECASE)
_SIDES: Mapping[str, int] = MappingProxyType(
    {"before": 0, "pre": 0, "baseline": 0, "without": 0, "after": 1, "post": 1, "endline": 1}
)
"""Words that tell two columns apart, and the period of each."""
_WORD = re.compile(r"[A-Za-z]+")


@dataclass(frozen=True, kw_only=True)
class Family:
    """Columns that hold one quantity, side by side."""

    stem: str
    """what their names share"""
    by: str
    """``period`` or ``item_id``: what tells them apart"""
    columns: Mapping[str, object]
    """their column -> our value of `by`"""


@dataclass(frozen=True, kw_only=True)
class _Member:
    name: str
    stem: str
    by: str
    value: int


def families(columns: Iterable[Column]) -> tuple[Family, ...]:
    """Find families of two columns or more, the largest first.

    Parameters
    ----------
    columns
        Columns of a file; those that hold numbers or two words for true and false can be in one.

    Notes
    -----
    Names are alike but for a number at the end (``score_1``), a wave at the front (``w2_score``), or a word such as
    before and after. Two families in which the same columns would stand are one: the first that is found.
    """
    groups: dict[tuple[str, str], dict[str, int]] = {}
    for column in columns:
        member = _member(column.name) if column.is_number or column.truths else None
        if member is not None:
            groups.setdefault((member.stem, member.by), {})[member.name] = member.value
    found = [
        Family(stem=stem, by=by, columns=_values(by, members))
        for (stem, by), members in groups.items()
        if len(members) > 1 and len(set(members.values())) == len(members)
    ]
    return tuple(sorted(found, key=lambda family: -len(family.columns)))


def side_by_side(look: Look, columns: Iterable[Column], roles: Iterable[Role]) -> Family | None:
    """Return the columns of output of a file with a row a worker, where these stand side by side.

    Parameters
    ----------
    look
        The file.
    columns
        Its columns that are used.
    roles
        What each is taken for.
    """
    known = {column.name: column for column in columns}
    of = {role.ours: role for role in roles}
    worker = of.get("worker_id")
    if worker is None or known[worker.theirs].n_distinct < look.n_rows:
        return None
    found = families(known.values())
    return next((family for family in found if sounds_like(family.stem, "output")), None)


def _values(by: str, members: Mapping[str, int]) -> Mapping[str, object]:
    return {name: name for name in members} if by == "item_id" else dict(members)


def _member(name: str) -> _Member | None:
    if match := _WAVE_FIRST.match(name):
        kind = "item_id" if _ITEM.match(match["kind"]) else "period"
        return _Member(name=name, stem=match["stem"], by=kind, value=int(match["number"]))
    if (match := _NUMBERED.match(name)) and match["stem"]:
        last = _WORD.findall(match["stem"])[-1]
        kind = "item_id" if _ITEM.match(last) else "period"
        return _Member(name=name, stem=match["stem"], by=kind, value=int(match["number"]))
    words = _WORD.findall(name)
    sides = [word for word in words if word.lower() in _SIDES]
    if len(sides) == 1 and len(words) > 1:
        stem = " ".join(word for word in words if word != sides[0])
        return _Member(name=name, stem=stem, by="period", value=_SIDES[sides[0].lower()])
    return None
