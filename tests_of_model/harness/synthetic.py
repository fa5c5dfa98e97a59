"""Synthetic panels on disk: drawn by name, and their truth computed again from the recipe beside them."""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import polars as pl

from withintask.panel.atomic import save_text
from withintask.panel.errors import SourceError
from withintask.panel.panel import Panel
from withintask.panel.store import write_panel
from withintask.sim.design import Design
from withintask.sim.designs import load_design
from withintask.sim.economy import solve_economy
from withintask.sim.params import Params, load_params, make_params
from withintask.sim.shocks import draw_shocks
from withintask.sim.simulate import simulate
from withintask.sim.stream import Progress, Written, write_streamed
from withintask.sim.worlds import load_world
from withintask.tests_of_model.harness.replicate import solved
from withintask.tests_of_model.harness.settings import apply_settings

RECIPE = Path("synthetic") / "recipe.json"
"""Where a synthetic panel keeps what its truth follows from; readers of panels ignore it."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What a synthetic panel was drawn from."""

    world: str
    """World."""
    seed: int
    """Seed."""
    replicate: int
    """Replicate."""
    params: Params
    """All parameters."""
    design: str
    """Name of the design."""


def draw_panel(
    design: str,
    *,
    world: str = "reference",
    seed: int = 1,
    replicate: int = 0,
    settings: Sequence[str] = (),
) -> Panel:
    """Draw one panel by the names of its design and world; its origin is the recipe that gives its truth.

    Parameters
    ----------
    design, world
        Packaged names.
    seed, replicate
        Which draw.
    settings
        ``name=value`` changes of the design's fields or of the parameters.

    Raises
    ------
    ParameterError
        If a name is unknown or a value impossible.
    """
    changed, recipe = _recipe(design, world, seed, replicate, settings)
    economy = solve_economy(recipe.params)
    shocks = draw_shocks(changed, seed=seed, replicate=replicate)
    return replace(simulate(economy, changed, shocks), origin=recipe)


def stream_panel(
    design: str,
    folder: Path,
    *,
    world: str = "reference",
    seed: int = 1,
    replicate: int = 0,
    settings: Sequence[str] = (),
    on_progress: Progress | None = None,
) -> Written:
    """Draw a panel that need not fit in memory, chunk by chunk, into a new folder with its recipe.

    Parameters
    ----------
    design, world, seed, replicate, settings
        As for :func:`draw_panel`, whose panel it is.
    folder
        Folder that does not exist yet.
    on_progress
        Called after every chunk.

    Returns
    -------
    Written
        Folder, rows of the largest table, and parts.

    Raises
    ------
    ParameterError
        If a name is unknown, a value impossible or the folder exists.
    """
    changed, recipe = _recipe(design, world, seed, replicate, settings)
    economy = solve_economy(recipe.params)
    written = write_streamed(
        economy, changed, seed=seed, replicate=replicate, folder=folder, on_progress=on_progress
    )
    _write_recipe(recipe, folder)
    return written


def _recipe(
    design: str, world: str, seed: int, replicate: int, settings: Sequence[str]
) -> tuple[Design, Recipe]:
    """The design as it is in the world, and the recipe."""
    chosen = load_world(world)
    changed, params = apply_settings(
        load_design(design), chosen.change_params(load_params()), settings
    )
    recipe = Recipe(world=world, seed=seed, replicate=replicate, params=params, design=design)
    return chosen.change_design(changed), recipe


def write_synthetic(panel: Panel, folder: Path) -> None:
    """Write a panel, with the recipe by which it was drawn beside it."""
    write_panel(panel, folder)
    if isinstance(panel.origin, Recipe):
        _write_recipe(panel.origin, folder)


def _write_recipe(recipe: Recipe, folder: Path) -> None:
    plain = {**asdict(recipe), "params": {k: _plain(v) for k, v in asdict(recipe.params).items()}}
    save_text(folder / RECIPE, json.dumps(plain, indent=1))


def _plain(value: float) -> float | str:
    return value if math.isfinite(value) else "inf"


def read_recipe(folder: Path) -> Recipe | None:
    """Read the recipe of a panel; None if the panel is not synthetic.

    Raises
    ------
    SourceError
        If there is one that cannot be read.
    """
    path = folder / RECIPE
    if not path.is_file():
        return None
    try:
        plain = json.loads(path.read_text(encoding="utf-8"))
        values = {name: float(v) if v == "inf" else v for name, v in plain.pop("params").items()}
        return Recipe(**plain, params=make_params(values, where=str(path)))
    except (ValueError, KeyError, TypeError) as error:
        raise SourceError(f"{path}: not a recipe of a synthetic panel: {error}") from error


def recipe_of(panel: Panel) -> Recipe | None:
    """Return the recipe of a panel that was drawn, in memory or on disk; None for any other."""
    if isinstance(panel.origin, Path):
        return read_recipe(panel.origin)
    return panel.origin if isinstance(panel.origin, Recipe) else None


def with_truth(estimates: pl.DataFrame, panel: Panel) -> pl.DataFrame:
    """Add the column truth: the estimand in the panel's economy, null where the panel is not synthetic."""
    recipe = recipe_of(panel)
    if recipe is None:
        return estimates.with_columns(truth=pl.lit(None, dtype=pl.Float64))
    _, truths = solved(recipe.params)
    pairs = estimates.select("hypothesis", "term").iter_rows()
    return estimates.with_columns(
        truth=pl.Series([truths[h][t] for h, t in pairs], dtype=pl.Float64)
    )
