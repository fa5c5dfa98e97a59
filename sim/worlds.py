"""Worlds: the reference economy and rivals that mimic it, as data in ``worlds.toml``."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

from withintask.panel.errors import ParameterError, list_problems, nearest
from withintask.sim.design import Design
from withintask.sim.designs import change_design
from withintask.sim.params import Params, vary

REFERENCE = "reference"
"""The world in which bias, coverage and power are judged."""
NO_AI = "no_ai"
"""The world in which size is judged."""


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

    def change_params(self, params: Params) -> Params:
        """Return the parameters of this world."""
        return vary(params, **self.params)

    def change_design(self, design: Design) -> Design:
        """Return a design as it is in this world."""
        return change_design(design, **self.design)


@lru_cache(maxsize=8)
def load_worlds(path: Path | None = None) -> tuple[World, ...]:
    """Read worlds from a TOML file, the packaged ones if None.

    Raises
    ------
    ParameterError
        If an entry lacks a key or has an unknown one; all are listed.
    """
    source = files("withintask.sim").joinpath("worlds.toml") if path is None else path
    entries = tomllib.loads(source.read_text(encoding="utf-8"))
    wanted = {"summary", "params", "design"}
    problems = [
        f"[{name}]: expected keys {', '.join(sorted(wanted))}"
        for name, e in entries.items()
        if set(e) != wanted
    ]
    if problems:
        raise ParameterError(list_problems(str(source), problems))
    return tuple(World(name=name, **entry) for name, entry in entries.items())


def load_world(name: str) -> World:
    """Return the packaged world of a name.

    Raises
    ------
    ParameterError
        If there is none; the nearest name is suggested.
    """
    worlds = {world.name: world for world in load_worlds()}
    if name not in worlds:
        hint = nearest(name, worlds) or f"; known: {', '.join(worlds)}"
        raise ParameterError(f"world {name!r}: unknown{hint}")
    return worlds[name]
