"""What the fields of a design are: value, unit and meaning, for whoever reads or changes one."""

import ast
import inspect
import itertools
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from importlib.resources import files
from typing import get_args

from withintask.panel.outcome import OutcomeKind
from withintask.sim.design import OFF, Design
from withintask.sim.design_checks import SAMPLINGS, TREATMENTS
from withintask.sim.switches import SWITCHES


@dataclass(frozen=True, kw_only=True)
class DesignField:
    """One field of a design, as shown."""

    name: str
    """Field."""
    value: str
    """Value, as it is written with ``--set``."""
    unit: str
    """Unit."""
    meaning: str
    """One line."""
    is_off: bool
    """Whether the value is that at which the field changes nothing."""


def describe_fields(design: Design) -> tuple[DesignField, ...]:
    """Return every field of a design with its value, unit and meaning, in the order of the type."""
    return tuple(
        DesignField(
            name=field.name,
            value=_written(getattr(design, field.name)),
            unit=field_unit(field.name),
            meaning=field_meaning(field.name),
            is_off=field.name in OFF and getattr(design, field.name) == OFF[field.name],
        )
        for field in fields(Design)
    )


def field_unit(name: str) -> str:
    """Return the unit of a field of a design."""
    return _units()[name]


def field_meaning(name: str) -> str:
    """Return what a field of a design means, one line; of a word, which there are."""
    known = _WORDS.get(name, ())
    return f"One of {', '.join(known)}." if known else _meanings()[name]


_WORDS: Mapping[str, tuple[str, ...]] = {
    "treatment": TREATMENTS,
    "task_sampling": SAMPLINGS,
    "outcome": get_args(OutcomeKind),
}


def _written(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return "; ".join(f"{table}: {', '.join(names)}" for table, names in value.items())
    return f"{value:g}" if isinstance(value, float) else str(value)


@cache
def _units() -> Mapping[str, str]:
    text = files("withintask.sim").joinpath("design_units.toml").read_text(encoding="utf-8")
    return {**tomllib.loads(text), **{switch.name: switch.unit for switch in SWITCHES}}


@cache
def _meanings() -> Mapping[str, str]:
    """The line below each field of the type."""
    (body,) = (
        n.body for n in ast.parse(inspect.getsource(Design)).body if isinstance(n, ast.ClassDef)
    )
    meanings: dict[str, str] = {}
    for field, text in itertools.pairwise(body):
        is_text = isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant)
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and is_text:
            meanings[field.target.id] = " ".join(str(text.value.value).split())  # type: ignore[attr-defined]
    return meanings
