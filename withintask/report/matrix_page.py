"""The page of the identification matrix: every cell with the worlds behind it, in one file that needs no network."""

import math
from typing import Any

import polars as pl

from withintask.report.matrix_words import (
    COLORS,
    FIRST_LOOK,
    PALE,
    MatrixRun,
    cell_words,
    is_sound_alone,
    short_gap,
)
from withintask.report.page import render_template
from withintask.sim.design import Design
from withintask.sim.worlds import REFERENCE
from withintask.tests_of_model.harness import rule
from withintask.tests_of_model.harness.breakdown import HELD, IDLE, LOST
from withintask.tests_of_model.harness.diagnosands import ROUNDING
from withintask.tests_of_model.harness.verdict import CLAIMS, GAP

Row = dict[str, Any]
FILES = ("matrix.csv", "worlds.csv", "breakdown.csv", "matrix.svg")
"""What lies beside the page and is linked from it."""

_WIDTH, _HEIGHT = 176, 18
_HYPOTHESES = {claim: hypothesis for claim, hypothesis, _ in CLAIMS}


def matrix_page(result: MatrixRun) -> str:
    """Write the page, as HTML."""
    order = [_cell(row, result) for row in result.cells()]
    shown = set(result.judged.worlds["world"])
    noise_of = {design.name: _noise(design) for design in result.designs}
    values = {
        "note": result.note[:1].upper() + result.note[1:],
        "seed": result.seed,
        "is_quick": result.is_quick,
        "first_look": FIRST_LOOK,
        "colors": COLORS,
        "pale": PALE,
        "limits": _limits(),
        "claims": list(_HYPOTHESES),
        "designs": result.designs,
        "noise_of": noise_of,
        "noises": list(dict.fromkeys(noise_of.values())),
        "worlds": [world for world in result.worlds if world.name in shown],
        "cells": {(cell["claim"], cell["design"]): cell for cell in order},
        "judged": [cell for cell in order if cell["verdict"] != GAP],
        "gaps": [cell for cell in order if cell["verdict"] == GAP],
        "files": FILES,
    }
    return render_template("matrix.html", values, command=result.command)


def _noise(design: Design) -> str:
    """Noise of a design's outputs, in words."""
    return f"log sd {design.output_noise:g}" if design.has_outputs else "no outputs seen"


def _limits() -> dict[str, str]:
    return {
        "bias": f"{rule.BIAS_SHARE:.0%}",
        "coverage": f"{rule.COVERAGE_LIMIT:.0%}",
        "size": f"{rule.SIZE_LIMIT:.0%}",
        "power": f"{rule.POWER_GOAL:.0%}",
        "alpha": f"{rule.ALPHA:.0%}",
    }


def _cell(row: Row, result: MatrixRun) -> Row:
    """What the page shows of one design and claim."""
    judged, sizes = result.judged, result.sizes
    of_cell = pl.col("claim") == row["claim"], pl.col("design") == row["design"]
    of_estimator = pl.col("estimator") == row["estimator"]
    worlds = list(judged.worlds.filter(*of_cell, of_estimator).iter_rows(named=True))
    others = judged.verdicts.filter(*of_cell, ~pl.col("is_chosen"), pl.col("verdict") != GAP)
    word, below = cell_words(row, sizes)
    bad = [w["world"] for w in worlds if "bad" in {w[f"{name}_shown"] for name in rule.FIGURES}]
    ends = [w[q] for w in worlds for q in ("truth", "p05", "p95") if math.isfinite(w[q])]
    is_gap = row["verdict"] == GAP
    return {
        **row,
        "id": f"{row['claim']}-{row['design']}".replace(" ", "-"),
        "place": list(COLORS).index(row["verdict"]) + 1,
        "word": word,
        "below": below,
        "bad": " ".join(bad),
        "reason": short_gap(row["reason"]) if is_gap else row["reason"],
        "world": row["world"] or REFERENCE,
        "is_sound_alone": is_sound_alone(row),
        "hypothesis": _HYPOTHESES[row["claim"]],
        "design_summary": {d.name: d.summary for d in result.designs}.get(row["design"], ""),
        "worlds": [_world(w, worlds[0]["truth"], (min(ends), max(ends))) for w in worlds],
        "others": list(others.iter_rows(named=True)),
        "sizes": [_size(s) for s in sizes.filter(*of_cell).iter_rows(named=True)],
    }


def _world(row: Row, reference_truth: float, ends: tuple[float, float]) -> Row:
    scale = abs(reference_truth) or math.nan
    return {
        **row,
        "truth": _truth(row),
        "bias": _percent(row["bias"] / scale, row["bias_mc_se"] / scale, sign="+"),
        "coverage": _percent(row["coverage"], row["coverage_mc_se"]),
        "rejects": _percent(row["rejects"], row["rejects_mc_se"]),
        "rejects_shown": row["size_shown"] or row["power_shown"],
        "n": f"{row['n_replicates']:,} ({row['n_failed']})",
        "box": _box(row, ends),
    }


def _truth(row: Row) -> str:
    if math.isnan(row["truth"]):
        return "none"
    return f"{row['truth']:+.3g}" if abs(row["truth"]) > ROUNDING else "0"


def _percent(value: float, error: float, *, sign: str = "") -> str:
    return f"{value:{sign}.1%} ± {error:.1%}" if math.isfinite(value) else "–"


def _box(row: Row, ends: tuple[float, float]) -> str:
    """A box of the estimates with a mark at the truth, all worlds of a cell on one scale."""
    if not all(math.isfinite(row[q]) for q in ("p05", "p25", "p50", "p75", "p95", "truth")):
        return ""
    low, high = ends
    width = (high - low) or 1.0
    x = {
        q: 2 + (_WIDTH - 2 * 2) * (row[q] - low) / width
        for q in ("p05", "p25", "p50", "p75", "p95", "truth")
    }
    middle = _HEIGHT / 2
    return (
        '<svg viewBox="0 0 {w} {h}" role="img" aria-label="middle half {p25} to {p75}, truth {t}">'
        '<path d="M{a} {m}H{e}" stroke="var(--box)"/>'
        '<rect x="{b}" y="4" width="{wide}" height="10" fill="var(--box)" opacity=".6"/>'
        '<path d="M{c} 4v10" stroke="var(--ink)"/>'
        '<path d="M{z} 0v{h}" stroke="var(--truth)" stroke-width="2"/></svg>'
    ).format(
        w=_WIDTH,
        h=_HEIGHT,
        m=middle,
        p25=f"{row['p25']:.3g}",
        p75=f"{row['p75']:.3g}",
        t=_truth(row),
        a=f"{x['p05']:.1f}",
        b=f"{x['p25']:.1f}",
        wide=f"{max(x['p75'] - x['p25'], 1):.1f}",
        c=f"{x['p50']:.1f}",
        e=f"{x['p95']:.1f}",
        z=f"{x['truth']:.1f}",
    )


def _size(row: Row) -> Row:
    def number(value: float) -> str:
        return f"{value:.2g}" if math.isfinite(value) else "–"

    is_lost = row["status"] == LOST
    at_end = {HELD: "kept to the end", IDLE: IDLE}.get(row["status"], row["status"])
    return {
        **row,
        "lost": number(row["value"]) if is_lost else at_end,
        "sure": f"{number(row['low'])}, {number(row['high'])}" if is_lost else "",
        "end": number(row["end"]),
        "fails": f"{row['figure']} in {row['world']}" if is_lost else "",
    }
