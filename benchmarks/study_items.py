"""Coverage and size of the estimators by pairs of items, where the truth is known: the tables of docs/items.md.

Run ``python benchmarks/study_items.py within`` (or ``between``, ``before_after``, ``difference``, ``size``, ``time``)
``[--replicates 1000] [--seed 1]``. Every replicate draws a panel and runs the registered estimator on it, from the panel to
the set; a set that failed counts as one that does not cover. One core.
"""

import argparse
import os
import sys
import time
from dataclasses import replace
from pathlib import Path

os.environ["OPENBLAS_NUM_THREADS"] = "1"
sys.path.append(str(Path(__file__).resolve().parents[1] / "tests"))

import numpy as np
from drawn_items import Items, draw_items
from rows import record

from withintask.tests_of_model.components.pair_design import pair_design
from withintask.tests_of_model.components.pairs import unit_moments
from withintask.tests_of_model.hypotheses.hypothesis import OK
from withintask.tests_of_model.hypotheses.pair_terms import TERMS, terms_of
from withintask.tests_of_model.hypotheses.pairs import pairs
from withintask.tests_of_model.samples.comparisons import compare
from withintask.tests_of_model.samples.item_rows import item_rows
from withintask.tests_of_model.samples.sample import Sample

WITHIN = {
    "12 x 20, noise .15": Items(n_workers=12, n_items=20, noise=0.15),
    "12 x 20, noise .5": Items(n_workers=12, n_items=20),
    "12 x 20, noise .75": Items(n_workers=12, n_items=20, noise=0.75),
    "60 x 3": Items(n_workers=60, n_items=3),
    "60 x 3, noise .75": Items(n_workers=60, n_items=3, noise=0.75),
    "400 x 2": Items(n_workers=400, n_items=2),
    "2,000 x 2, noise .75": Items(n_workers=2000, n_items=2, noise=0.75),
    "60 x 10, persistence .2": Items(n_items=10, persistence=0.2),
    "60 x 20, persistence .4": Items(n_items=20, persistence=0.4),
    "200 x 20, persistence .6": Items(n_workers=200, n_items=20, persistence=0.6),
    "60 x 6, t3 noise": Items(n_items=6, heavy_tails=True),
    "60 x 6, a fifth missing": Items(n_items=6, missing=0.2),
    "60 x 6, unequal": Items(n_items=6, unequal=True),
    "12 x 20, shared items": Items(n_workers=12, n_items=20, is_shared=True, item_sd=0.3),
    "60 x 6, shared items, a fifth missing": Items(
        n_items=6, is_shared=True, item_sd=0.3, missing=0.2
    ),
    "60 x 6, own effects .1": Items(n_items=6, effect_sd=0.1),
}
GROUPS = {
    "12 x 20": Items(n_workers=12, n_items=20),
    "15 x 5": Items(n_workers=15, n_items=5),
    "30 x 5": Items(n_workers=30, n_items=5),
    "60 x 3": Items(n_workers=60, n_items=3),
    "60 x 6, noise .75": Items(n_workers=60, n_items=6, noise=0.75),
    "60 x 20, noise .15": Items(n_workers=60, n_items=20, noise=0.15),
    "200 x 8, t3, unequal": Items(n_workers=200, n_items=8, heavy_tails=True, unequal=True),
    "400 x 2": Items(n_workers=400, n_items=2),
    "100 x 20, persistence .4": Items(n_workers=100, n_items=20, persistence=0.4),
}
TOO_SHORT = {"200 x 8, persistence .6": Items(n_workers=200, n_items=8, persistence=0.6)}
SIZE = {
    f"{name}, {form.replace('_', '-')}": replace(settings, form=form)
    for name, settings in {
        "12 x 20, steadies": Items(n_workers=12, n_items=20, gap=0, noise_ratio=0.5),
        "60 x 4, steadies": Items(n_workers=60, n_items=4, gap=0, noise_ratio=0.5),
        "400 x 2, steadies": Items(n_workers=400, n_items=2, gap=0, noise_ratio=0.5),
        "60 x 4, weak null": Items(n_workers=60, n_items=4, gap=0, kept=0.8),
        "12 x 20, weak null": Items(n_workers=12, n_items=20, gap=0, kept=0.8),
        "60 x 4, own effects": Items(n_workers=60, n_items=4, gap=0, effect_sd=0.2),
    }.items()
    for form in ("within", "difference")
}


def study(settings, *, replicates, seed):
    """Whether each term's set covers, rejects no effect and has no end, (replicate, 3)."""
    random = np.random.default_rng(seed)
    truth, terms = settings.truth(), terms_of(settings.form)
    figures = {term: [] for term in terms}
    for _ in range(replicates):
        for row in pairs(Sample(draw_items(settings, random)), form=settings.form):
            usable = row.status == OK
            covers = usable and row.conf_low <= truth[row.term] <= row.conf_high
            width = row.conf_high - row.conf_low
            figures[row.term].append((covers, row.p_value < 0.05, not np.isfinite(width)))
    return {term: np.array(values, dtype=float) for term, values in figures.items()}


def table(cases, form, *, replicates, seed):
    """Print one line a setting: for each term the share of sets that cover, that reject no effect, and that have no end."""
    print(f"| workers x items a side | {' | '.join(TERMS)} |")
    print(f"|{'---|' * (1 + len(TERMS))}")
    for name, case in cases.items():
        figures = study(
            replace(case, form=form) if form else case, replicates=replicates, seed=seed
        )
        cells = [
            " ".join(f"{x:.3f}".lstrip("0") for x in figures[term][:, :3].mean(axis=0))
            if term in figures
            else "–"
            for term in TERMS
        ]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


def times(seed, n_workers):
    """Print CPU seconds for a million items."""
    settings = Items(n_workers=n_workers, n_items=25)
    panel = draw_items(settings, np.random.default_rng(seed))
    started = time.process_time()
    rows = item_rows(panel)
    size = f"{rows.value.size:,} items"
    report("items_rows", f"rows of a panel of {size}", started)
    for distance in (1, 8):
        design = pair_design(compare(rows, "within"), distance=distance)
        started = time.process_time()
        unit_moments(design.rows)
        report(f"items_pairs_{distance}", f"moments by pairs, distance {distance}, {size}", started)
    started = time.process_time()
    pairs(Sample(panel), form="within")
    report("items_all", f"estimator by pairs, from the panel to the sets, {size}", started)


def report(key, what, started):
    """Say how much processor time something took."""
    record(key=key, what=what, ours=time.process_time() - started, note="processor time")


def main():
    """Run the part asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "part", choices=("within", "between", "before_after", "difference", "size", "time")
    )
    parser.add_argument("--replicates", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=20_000, help="of the panel that is timed")
    parser.add_argument("--only", default="", help="settings whose name holds this")
    given = parser.parse_args()
    if given.part == "time":
        times(given.seed, given.workers)
        return
    cases = {"within": WITHIN, "size": SIZE, "before_after": GROUPS | TOO_SHORT}.get(
        given.part, GROUPS
    )
    chosen = {name: case for name, case in cases.items() if given.only in name}
    form = "" if given.part == "size" else given.part
    table(chosen, form, replicates=given.replicates, seed=given.seed)


if __name__ == "__main__":
    main()
