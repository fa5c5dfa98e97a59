"""The published panels that can be imported, by name."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from withintask.ingest.panels.advice import advice
from withintask.ingest.panels.ai_games import ai_games_errors, ai_games_reproduction
from withintask.ingest.panels.arellano_bond import arellano_bond
from withintask.ingest.panels.creamt import creamt_shifts, creamt_times
from withintask.ingest.panels.echoes import echoes, echoes_productivity
from withintask.ingest.panels.radiology import (
    radiology,
    radiology_answers,
    radiology_cases,
    radiology_times,
)
from withintask.ingest.panels.wages import cps, nlsy
from withintask.panel.errors import ParameterError, nearest, quoted
from withintask.panel.panel import Panel

Adapter = Callable[[str | Path], Panel]

ADAPTERS: Mapping[str, Adapter] = MappingProxyType(
    {
        "radiology": radiology,
        "radiology-cases": radiology_cases,
        "radiology-times": radiology_times,
        "radiology-answers": radiology_answers,
        "echoes": echoes,
        "echoes-productivity": echoes_productivity,
        "advice": advice,
        "creamt-times": creamt_times,
        "creamt-shifts": creamt_shifts,
        "ai-games-errors": ai_games_errors,
        "ai-games-reproduction": ai_games_reproduction,
        "cps": cps,
        "nlsy": nlsy,
        "arellano-bond": arellano_bond,
    }
)
"""Name -> function that reads the folder of the source and returns a validated panel."""


def import_panel(name: str, source_dir: str | Path) -> Panel:
    """Read a published panel.

    Parameters
    ----------
    name
        One of :data:`ADAPTERS`.
    source_dir
        The folder with the file as published.

    Returns
    -------
    Panel
        In memory, with what was left out in its note.

    Raises
    ------
    ParameterError
        If there is no such adapter.
    SourceError
        If the file is missing or its layout has changed.

    Examples
    --------
    ``data`` is the folder of published files.

    >>> import withintask as wt
    >>> panel = wt.import_panel("radiology", data / "panels" / "ruffle_radiology")
    >>> panel.outputs["worker_id"].n_unique()
    11
    """
    if name not in ADAPTERS:
        known = ", ".join(ADAPTERS)
        hint = nearest(name, ADAPTERS)
        raise ParameterError(f"panel {quoted(name)} is not known; expected one of {known}{hint}")
    return ADAPTERS[name](source_dir)
