"""Which column of a file is which of ours, by its name and by what it holds; with the doubts."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from withintask.panel.errors import quoted
from withintask.panel.sniff import Column

FEW_TASKS = 200
"""More distinct values than these are items rather than tasks."""


@dataclass(frozen=True, kw_only=True)
class Role:
    """A column of theirs proposed for one of ours."""

    ours: str
    theirs: str
    doubt: str = ""
    """why it is not certain; empty if it is"""


def _words(*names: str) -> re.Pattern[str]:
    joined = "|".join(names)
    return re.compile(rf"(^|[^a-z])({joined})(s|id|ids|no|nr|num|number|code|key|name)?([^a-z]|$)")


_NAMES: Mapping[str, re.Pattern[str]] = MappingProxyType(
    {
        "worker_id": _words(
            *("worker", "agent", "employee", "emp", "user", "participant", "subject", "person"),
            *("student", "translator", "clerk", "respondent", "developer", "consultant", "pid"),
            *("reader", "physician", "doctor", "operator", "rep", "advisor", "coder", "staff"),
        ),
        "item_id": _words(
            *("item", "call", "ticket", "chat", "conversation", "segment", "question", "issue"),
            *("case", "order", "job", "paragraph", "essay", "contact", "request", "puzzle"),
        ),
        "task_id": _words(
            *("task", "queue", "topic", "category", "project", "problem", "type", "skill"),
            *("line", "product", "language", "domain"),
        ),
        "period": _words(
            *("period", "date", "day", "week", "month", "quarter", "wave", "round", "year"),
            *("datetime", "timestamp", "session", "start", "started", "opened", "closed"),
        ),
        "firm_id": _words(
            *("firm", "company", "site", "office", "location", "centre", "center", "plant"),
            *("school", "store", "branch", "establishment", "employer", "organisation"),
            "organization",
        ),
        "rater_id": _words("rater", "reviewer", "judge", "grader", "annotator", "evaluator"),
        "ai_access": _words(
            *("ai", "access", "copilot", "gpt", "chatgpt", "llm", "assist", "assistant", "bot"),
            *("treated", "treat", "tool", "aiaccess", "hasai", "live", "golive", "rollout"),
        ),
        "arm": _words("arm", "condition", "group", "treatment", "modality", "branch", "variant"),
        "ai_use": _words("use", "usage", "used", "aiuse", "adoption"),
        "sequence": _words("sequence", "seq", "position", "rank", "trial"),
        "assignment_id": _words("assignment", "assigned", "cluster", "class", "classroom", "team"),
        "stratum_id": _words("stratum", "strata", "block"),
        "weight": _words("weight", "wt", "pweight"),
        "output": _words(
            *("output", "score", "resolved", "handled", "duration", "seconds", "secs", "time"),
            *("minutes", "grade", "correct", "accuracy", "quality", "productivity", "count"),
            *("words", "rating", "aht", "resolution", "errors", "points", "answered", "solved"),
            *("handling", "handle", "result", "speed", "mark", "outcome", "ms", "sales", "per"),
        ),
        "ability": _words(
            *("ability", "pretest", "baseline", "gpa", "prior", "aptitude", "iq", "premark"),
            *("pre", "sat", "entrance"),
        ),
    }
)
"""Words in the names of columns, by ours."""

_OPTIONAL = ("rater_id", "arm", "ai_use", "sequence", "assignment_id", "stratum_id", "weight")
"""Ours that a panel can do without: a name with words of two of ours is not taken for them."""

_FITS: Mapping[str, Callable[[Column], bool]] = MappingProxyType(
    {
        "worker_id": lambda c: not c.date_formats,
        "item_id": lambda c: c.n_distinct > 1 and not c.date_formats,
        "task_id": lambda c: c.n_distinct <= FEW_TASKS and not c.date_formats,
        "period": lambda c: bool(c.date_formats) or c.is_whole,
        "firm_id": lambda c: not c.date_formats,
        "rater_id": lambda c: not c.date_formats,
        "ai_access": lambda c: bool(c.truths) or bool(c.date_formats),
        "arm": lambda c: 1 < c.n_distinct <= len(c.values) and not c.date_formats,
        "ai_use": lambda c: c.is_number and _within(c, 0, 1),
        "sequence": lambda c: c.is_whole and _within(c, 0, float("inf")),
        "assignment_id": lambda c: not c.date_formats and not c.truths,
        "stratum_id": lambda c: not c.date_formats and not c.truths,
        "weight": lambda c: c.is_number and c.low is not None and c.low > 0,
        "output": lambda c: c.is_number or bool(c.truths),
        "ability": lambda c: c.is_number,
    }
)
"""What a column must hold to be one of ours."""


def _within(column: Column, low: float, high: float) -> bool:
    return (
        column.low is not None
        and column.high is not None
        and low <= column.low
        and column.high <= high
    )


def propose_roles(columns: Iterable[Column], stated: Mapping[str, str]) -> tuple[Role, ...]:
    """Propose a column of theirs for each of ours.

    Parameters
    ----------
    columns
        The columns of the file.
    stated
        Ours -> theirs, as the user says; never doubted, never used for another.

    Notes
    -----
    A column whose name is ours is taken without doubt if it holds what ours holds. One whose name
    has a word of ours is taken with the doubt said: that the name alone speaks for it, or that
    others would do as well.
    """
    free = [column for column in columns if column.name not in stated.values()]
    roles = [Role(ours=ours, theirs=theirs) for ours, theirs in stated.items()]
    for ours, fits in _FITS.items():
        if ours in stated:
            continue
        likely = [c for c in free if fits(c) and _is_named(c, ours)]
        exact = [c for c in likely if c.name == ours]
        chosen = (exact or sorted(likely, key=lambda c: _place(c, ours)))[:1]
        for column in chosen:
            free.remove(column)
            roles.append(Role(ours=ours, theirs=column.name, doubt=_doubt(column, ours, likely)))
    more = [c for c in free if _FITS["ability"](c) and _NAMES["ability"].search(_spaced(c.name))]
    roles += [Role(ours="ability", theirs=c.name, doubt="by its name alone") for c in more]
    return tuple(roles)


def sounds_like(name: str, ours: str) -> bool:
    """Whether a name has a word of ours."""
    return _NAMES[ours].search(_spaced(name)) is not None


def _is_named(column: Column, ours: str) -> bool:
    """Whether a word of ours is in its name; calls per hour are no calls, a question group is no arm."""
    name = _spaced(column.name)
    is_rate = " per " in name and ours != "output"
    others = [other for other in _NAMES if other not in (ours, "output", "ability")]
    is_torn = ours in _OPTIONAL and any(_NAMES[other].search(name) for other in others)
    is_torn = is_torn and column.name != ours
    return not is_rate and not is_torn and _NAMES[ours].search(name) is not None


def _spaced(name: str) -> str:
    """Lower case, with a space before each capital inside: CallID -> call id."""
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Za-z])(?=[0-9])", " ", name)
    return parted.lower().replace("_", " ")


def _place(column: Column, ours: str) -> tuple[int, int]:
    """Prefer dates for periods, and the columns whose name has the word first."""
    match = _NAMES[ours].search(_spaced(column.name))
    is_second = ours in ("period",) and not column.date_formats
    return int(is_second), match.start() if match else 0


def _doubt(column: Column, ours: str, likely: list[Column]) -> str:
    others = [c.name for c in likely if c.name != column.name]
    if others:
        return f"or is it {', '.join(quoted(name) for name in others)}?"
    if column.name == ours:
        return ""
    return "by its name alone"
