"""A panel for every registered estimator, drawn once a design."""

from dataclasses import replace
from functools import cache, partial

import numpy as np
import polars as pl
from drawn_items import Items, draw_items

from withintask.sim.designs import change_design, load_design
from withintask.sim.shocks import draw_shocks
from withintask.sim.simulate import simulate
from withintask.tests_of_model.harness.replicate import solved
from withintask.tests_of_model.harness.synthetic import draw_panel
from withintask.tests_of_model.hypotheses.estimate import choose

ESTIMATORS = {f"{h.name}-{e.name}": e for h, e in choose()}
DESIGNS = {
    "H1-occupation_percentiles": "oews",
    "H1-dispersion_by_exposure": "task-cross-section",
    "H1-other_measures_by_exposure": "task-cross-section",
    "H1-gradient_of_output": "rct",
    "H2-education_cells": "education-cells",
    "H4-leave_out": "linked-pay",
}


@cache
def panel_of(name):
    """The panel that feeds an estimator, by hypothesis and name."""
    return DRAWN[name]() if name in DRAWN else _designed(DESIGNS.get(name, "everything-linked"))


@cache
def _designed(design):
    return draw_panel(design)


def _repeated():
    design = change_design(load_design("rct"), n_pre=2, n_post=2, n_workers=160, n_firms=8)
    economy, _ = solved(draw_panel("oews").origin.params)
    return simulate(economy, design, draw_shocks(design, seed=1))


def _staggered(design="rct", **settings):
    design = change_design(
        load_design(design),
        **{"treatment": "staggered", "n_post": 4, "n_firms": 30, "n_workers": 450, **settings},
    )
    economy, _ = solved(draw_panel("oews").origin.params)
    return simulate(economy, design, draw_shocks(design, seed=1))


@cache
def _with_ability():
    return draw_panel("rct-ability", settings=["n_workers=120", "n_firms=8", "n_tasks=4"])


@cache
def _items(form):
    settings = Items(form=form, n_workers=60, n_items=12, n_tasks=4, n_firms=12, ability_sd=0.6)
    return draw_items(settings, np.random.default_rng(4))


def _shares():
    """Scores between 0 and 1 whose logits are the log outputs of items."""
    panel = _items("within")
    share = 1 / (1 + 1 / pl.col("output"))
    info = replace(panel.info, outcome="score", outcome_floor=0.0, outcome_ceiling=1.0)
    outputs = panel.outputs.with_columns(output=share)
    return replace(panel, info=info, outputs=outputs)


DRAWN = {
    "H1-pairs_logit": _shares,
    **{
        f"H1-{kind}_{form}": partial(_items, form)
        for kind in ("pairs", "effect")
        for form in ("within", "between", "before_after", "difference")
    },
    "H1-dispersion_staggered": _staggered,
    "H1-dispersion_staggered_imputed": _staggered,
    "H1-effect_staggered": _staggered,
    "H1-gradient_staggered": partial(_staggered, "rct-ability", n_firms=12),
    "H1-pairs_staggered": partial(_staggered, n_items=2, n_firms=12, n_post=2),
    "H1-dispersion_two_way_effects": _staggered,
    "H1-variance_net_of_noise": _repeated,
    "H1-access_by_ability": _with_ability,
    "H1-access_by_ability_iv": _with_ability,
}
