"""Ability, noise and gradient by pairs on the published panels of items: the last table of docs/items.md.

Run ``python benchmarks/items_on_published.py ../shared/data/panels ../shared/data_new/panels``.
"""

import argparse
import os

os.environ["OPENBLAS_NUM_THREADS"] = "1"

from pathlib import Path

import numpy as np
import polars as pl

from withintask.panel.panel import Panel, PanelInfo
from withintask.tests_of_model.hypotheses.average_effect import average_effect
from withintask.tests_of_model.hypotheses.pairs import ability_by_pairs, pairs
from withintask.tests_of_model.samples.sample import Sample


def radiology(folder):
    """Eleven readers, 100 scans each, read without and later with AI: seconds, and right or wrong."""
    frame = pl.read_csv(
        folder / "ruffle_radiology" / "radiologist_df.csv", infer_schema_length=None
    )
    keys = {
        "worker_id": pl.col("radiologist"),
        "task_id": pl.lit("reading"),
        "item_id": pl.col("case_id"),
        "period": pl.col("with_segmentation").cast(pl.Int64),
        "ai_access": pl.col("with_segmentation"),
    }
    for kind, column in (("time", "response_time"), ("binary", "correct_prediction")):
        outputs = frame.select(**keys, output=pl.col(column).cast(pl.Float64))
        info = PanelInfo(name=f"radiology, {kind}", first_ai_period=1, outcome=kind)
        yield Panel(info=info, outputs=outputs), "before_after"


def advice(folder):
    """118 students, 684 questions: probability on the right answer before and after advice."""
    frame = pl.read_csv(folder / "chatgpt_advice" / "responses.csv", infer_schema_length=None)
    right = {
        side: pl.coalesce(
            pl.when(pl.col("correct_answer") == letter).then(pl.col(f"{side}_choice{letter}"))
            for letter in "ABCD"
        )
        for side in ("init", "adjusted")
    }
    sides = [
        frame.select(
            worker_id="participant_id",
            task_id=pl.lit("question"),
            item_id=pl.col("question_id").cast(pl.String),
            period=pl.lit(number),
            sequence=pl.col("question_num"),
            ai_access=pl.lit(number == 1),
            output=right[side],
        )
        for number, side in enumerate(("init", "adjusted"))
    ]
    info = PanelInfo(
        name="advice, score", first_ai_period=1, outcome="score", outcome_floor=0, outcome_ceiling=1
    )
    yield Panel(info=info, outputs=pl.concat(sides)), "before_after"


def creamt(folder):
    """Four translators, paragraphs from scratch and with a machine draft: seconds a word, hours left open left out."""
    frame = pl.read_csv(folder / "creamt" / "per2csv.csv", infer_schema_length=None)
    outputs = frame.filter(pl.col("ev_time_ms") < 3_600_000).select(
        worker_id=pl.concat_str("Language", "subject"),
        task_id=pl.lit("translation"),
        item_id=pl.concat_str("Language", "paragraph"),
        period=pl.lit(1),
        ai_access=pl.col("tasktype") == "pe",
        output=pl.col("ev_time_ms") / pl.col("len_sl_wrd") / 1000,
    )
    info = PanelInfo(name="creamt, time a word", outcome="time")
    yield Panel(info=info, outputs=outputs), "within"


def show(panel, form):
    """Print one line a panel."""
    sample = Sample(panel)
    ability = ability_by_pairs(sample.item_rows, form)
    moments = ability.moments
    variance = np.nanmean(moments.product, axis=1)
    noise = np.nanmean(moments.square - moments.product[:2], axis=1)
    spread = " / ".join(f"{np.sqrt(v):.2f}" if v > 0 else "–" for v in variance[:2])
    rows = {row.term: row for row in pairs(sample, form=form)}
    cells = [f"{np.sqrt(noise[0]):.2f} / {np.sqrt(noise[1]):.2f}", spread]
    for term in ("delta_log_sd", "delta_log_cv_net", "ability_gradient_net", "delta_log_noise"):
        row = rows[term]
        cells.append(f"{row.estimate:+.2f} [{row.conf_low:+.2f}, {row.conf_high:+.2f}]")
    effect = {row.term: row for row in average_effect(sample, form=form)}
    cells.append(f"{effect['average_effect_log'].estimate:+.2f}")
    workers = rows["delta_log_sd"].n_clusters
    print(f"| {panel.info.name} ({workers}) | {form} | {' | '.join(cells)} |")
    print("   ", rows["delta_log_sd"].message)


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path)
    print(
        "| panel (workers) | form | noise | ability | Δ ln sd | Δ ln CV | gradient | Δ ln noise | effect |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for folder in parser.parse_args().folders:
        for name, read in (
            ("ruffle_radiology", radiology),
            ("chatgpt_advice", advice),
            ("creamt", creamt),
        ):
            if (folder / name).is_dir():
                for panel, form in read(folder):
                    show(panel, form)


if __name__ == "__main__":
    main()
