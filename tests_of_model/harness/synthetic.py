"""Synthetic panels on disk: drawn by name, and their truth computed again from the recipe beside them."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from withintask.panel.errors import SourceError
from withintask.panel.manifest import MANIFEST, file_hashes, manifest_of, read_manifest
from withintask.panel.panel import Panel
from withintask.panel.store import read_sections, write_panel
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

SECTION = "recipe"
"""Section of the manifest in which a synthetic panel keeps what its truth follows from; readers of panels ignore it."""

_OLD_RECIPE = Path("synthetic") / "recipe.json"
"""Where it was kept before."""


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

    Returns
    -------
    Panel
        In memory; :func:`withintask.estimate` shows its truth beside the estimates.

    Raises
    ------
    ParameterError
        If a name is unknown or a value impossible.

    Examples
    --------
    >>> import withintask as wt
    >>> small = ["n_workers=120", "n_firms=6", "n_tasks=4", "n_items=4"]
    >>> panel = wt.draw_panel("rct-ability", seed=1, settings=small)
    >>> panel.outputs.height == 120 * 4 * 4 * 2
    True
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
    return write_streamed(
        economy,
        changed,
        seed=seed,
        replicate=replicate,
        folder=folder,
        on_progress=on_progress,
        sections=_sections(recipe),
    )


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


def write_synthetic(panel: Panel, path: Path) -> None:
    """Write a panel, in one step with the recipe by which it was drawn."""
    recipe = panel.origin
    write_panel(panel, path, sections=_sections(recipe) if isinstance(recipe, Recipe) else None)


def _sections(recipe: Recipe) -> dict[str, dict[str, Any]]:
    return {SECTION: asdict(recipe)}


def read_recipe(path: Path) -> Recipe | None:
    """Read the recipe of a panel; None if the panel is not synthetic.

    Raises
    ------
    SourceError
        If there is one that cannot be read.
    """
    plain = read_sections(path).get(SECTION) or _old_recipe(path)
    if plain is None:
        return None
    try:
        values = {name: float(v) if v == "inf" else v for name, v in plain.pop("params").items()}
        return Recipe(**plain, params=make_params(values, where=str(path)))
    except (AttributeError, ValueError, KeyError, TypeError) as error:
        raise SourceError(f"{path}: no recipe of a synthetic panel: {error}") from error


def _old_recipe(path: Path) -> dict[str, Any] | None:
    """Read the recipe of a panel whose manifest has neither a recipe nor hashes: it lies beside the manifest."""
    folder = manifest_of(path).parent
    file = folder / _OLD_RECIPE
    if not file.is_file() or file_hashes(read_manifest(folder / MANIFEST), folder) is not None:
        return None
    try:
        plain: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise SourceError(f"{file}: not a recipe of a synthetic panel: {error}") from error
    return plain


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
