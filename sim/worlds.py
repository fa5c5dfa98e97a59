"""Worlds: the reference economy and rivals that mimic it, as data in ``worlds.toml``, or in a file of one's own."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from withintask.panel.errors import (
    ParameterError,
    list_problems,
    nearest,
    quoted,
    shortened,
    unknown_name,
)
from withintask.sim.design import Design
from withintask.sim.designs import change_design, load_design
from withintask.sim.named import by_name
from withintask.sim.params import Params, load_params, vary
from withintask.sim.switches import SWITCHES, why_idle

REFERENCE = "reference"
"""The world in which bias, coverage and power are judged."""
NO_AI = "no_ai"
"""The world in which size is judged."""
LIKE = "like"
"""Key of a world that names the packaged world from which it differs; the reference if left out."""
_KEYS = ("name", "summary", LIKE, "params", "design", "not_judged")
_FULLEST = "everything-linked"


@dataclass(frozen=True, kw_only=True)
class World:
    """Changes of parameters and of a design's nuisances that make a world."""

    name: str
    """Short name."""
    summary: str
    """One line."""
    params: Mapping[str, float]
    """Parameters that differ from the baseline."""
    design: Mapping[str, float]
    """Fields of the design that differ."""
    not_judged: tuple[str, ...] = ()
    """Terms of hypotheses whose truth is another here than the parameters say, so that no estimate of them is judged."""

    def change_params(self, params: Params) -> Params:
        """Return the parameters of this world."""
        return vary(params, **self.params)

    def change_design(self, design: Design) -> Design:
        """Return a design as it is in this world."""
        return change_design(design, **self.design)

    def idle(self, design: Design) -> dict[str, str]:
        """Name the switches of this world that change nothing in a design, with the reason."""
        changed = self.change_design(design)
        reasons = {s.name: why_idle(s, changed) for s in SWITCHES if s.name in self.design}
        return {name: reason for name, reason in reasons.items() if reason}


def load_worlds(path: Path | str | None = None) -> tuple[World, ...]:
    """Read worlds from a TOML file, the packaged ones if None.

    Parameters
    ----------
    path
        A file of one world, or of a table for each. A world states the ``params`` and fields of the ``design`` that
        differ from those of the packaged world that it is ``like``, by default the reference.

    Raises
    ------
    ParameterError
        If a key, a parameter or a field of the design is unknown or impossible; all are listed.
    """
    return tuple(_packaged().values()) if path is None else _read(Path(path))


def load_world(name: Path | str) -> World:
    """Return the packaged world of a name, or the one world of a file such as ``mine.toml``.

    Parameters
    ----------
    name
        Of a packaged world, see `withintask worlds`; or a file of your own, such as ``mine.toml``.

    Returns
    -------
    World
        What it changes of parameters and of designs.

    Raises
    ------
    ParameterError
        If there is none, with the nearest name; or if the file holds several.

    Examples
    --------
    >>> import withintask as wt
    >>> wt.load_world("no_ai").change_params(wt.load_params()).capability
    0.0
    """
    return by_name(name, _packaged(), load_worlds, "world")


@cache
def _packaged() -> dict[str, World]:
    """The packaged worlds by name; each is like one above it."""
    text = files("withintask.sim").joinpath("worlds.toml").read_text(encoding="utf-8")
    worlds: dict[str, World] = {}
    for name, entry in tomllib.loads(text).items():
        worlds[name] = _world(name, entry, worlds)
    return worlds


def _read(path: Path) -> tuple[World, ...]:
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ParameterError(f"{path}: expected a file of worlds in TOML; {error}") from error
    is_one = any(key in content for key in _KEYS)
    entries = {str(content.get("name", path.stem)): content} if is_one else content
    problems = [
        f"[{shortened(name)}] {problem}"
        for name, entry in entries.items()
        for problem in _problems(entry)
    ]
    if not entries:
        problems.append("no world in it")
    if problems:
        raise ParameterError(list_problems(str(path), problems, advice="Nothing was drawn."))
    return tuple(_world(name, entry, _packaged()) for name, entry in entries.items())


def _world(name: str, entry: Mapping[str, Any], known: Mapping[str, World]) -> World:
    """One world, completed from the one that it is like."""
    like = known.get(entry.get(LIKE, REFERENCE))
    return World(
        name=name,
        summary=entry.get("summary", ""),
        params={**(like.params if like else {}), **entry.get("params", {})},
        design={**(like.design if like else {}), **entry.get("design", {})},
        not_judged=(*(like.not_judged if like else ()), *entry.get("not_judged", ())),
    )


def _problems(entry: object) -> list[str]:
    """What is wrong with a user's entry: its keys, then the parameters and fields that it changes."""
    if not isinstance(entry, dict):
        return ["expected a table of params and design"]
    problems = [unknown_name(key, _KEYS) for key in entry if key not in _KEYS]
    like = entry.get(LIKE, REFERENCE)
    if like not in _packaged():
        problems.append(f"{LIKE} = {quoted(like)}: unknown{nearest(str(like), _packaged())}")
    wrong = [key for key in ("params", "design") if not isinstance(entry.get(key, {}), dict)]
    problems += [f"{key}: expected a table of values" for key in wrong]
    for key, change in () if wrong else (("params", _vary), ("design", _change)):
        try:
            change(entry.get(key, {}))
        except (ParameterError, TypeError) as error:
            problems.append(f"{key}: {error}")
    return problems


def _vary(values: Mapping[str, Any]) -> None:
    vary(load_params(), **values)


def _change(values: Mapping[str, Any]) -> None:
    change_design(load_design(_FULLEST), **values)
