"""The demonstration: what the toolkit is for, in one page."""

import os
import shutil
import sys
from pathlib import Path

import polars as pl

from withintask.panel.atomic import save, save_text
from withintask.panel.errors import ModelError
from withintask.panel.escape import save_csv
from withintask.report.demo_blocks import (
    design_blocks,
    next_blocks,
    oews_blocks,
    panel_blocks,
    trial_blocks,
)
from withintask.report.estimate_table import decimals
from withintask.report.estimate_words import estimator_words
from withintask.report.page import Block, Page, render_page
from withintask.report.progress import run_study
from withintask.report.terminal import print_rows
from withintask.results import Estimates, estimate
from withintask.sim.design import Design
from withintask.sim.designs import change_design, load_design, load_designs
from withintask.sim.params import load_params
from withintask.sim.worlds import NO_AI, REFERENCE, load_world
from withintask.tests_of_model.harness.diagnose import diagnose, wide
from withintask.tests_of_model.harness.replicate import plan
from withintask.tests_of_model.harness.synthetic import draw_panel
from withintask.tests_of_model.hypotheses.recommend import RECOMMENDED, recommendations

DESIGN = "rct-ability"
SIZES = {"n_workers": 200, "n_tasks": 5, "n_items": 4}
ESTIMATORS = ("dispersion_by_access", "pairs_difference", "gradient", "gradient_iv")
_TERMS = ("delta_log_cv", "delta_log_sd", "ability_gradient")
YEARS = (2019, 2024)
PUBLISHED = ("radiology-times", "panels/ruffle_radiology")
"""The published panel of the page, and its folder below that of the published files."""


def run_demo(out: Path, *, replicates: int) -> None:
    """Write ``out``: pay by occupation, a published panel, a simulated trial over replicates, and the page of them."""
    out.mkdir(parents=True, exist_ok=True)
    oews, label = oews_summary(out)
    save_csv(out / "oews_dispersion.csv", oews)
    save(out / "oews_dispersion.parquet", oews.write_parquet)
    result, source = published_panel()
    result.save(out / "panel_estimates.csv", force=True)
    design = change_design(load_design(DESIGN), **SIZES)
    replicated = _replicates(design, out, replicates)
    table = wide(diagnose(replicated)).filter(pl.col("term").is_in(_TERMS))
    save(out / "h1_replicates.parquet", replicated.write_parquet)
    save_csv(out / "h1_replicates.csv", replicated)
    save(out / "h1_diagnosis.parquet", table.write_parquet)
    save_csv(out / "h1_diagnosis.csv", table)
    blocks = (
        *oews_blocks(oews, label),
        *panel_blocks(result, source),
        *trial_blocks(replicated, table, _trial_in_words(design), replicates),
        *design_blocks(designs_by_hypothesis()),
        *next_blocks(command_here(), out / "oews.duckdb"),
    )
    save_text(out / "index.html", _page(blocks, out, replicates))
    _report(oews, label, result, table)
    print(f"\nOpen {out / 'index.html'}; the data behind each figure lie beside it.")
    print(f"Next: {command_here()} --help")


def _page(blocks: tuple[Block, ...], out: Path, replicates: int) -> str:
    return render_page(
        Page(
            title="Does generative AI equalize workers?",
            lead="Data on occupations cannot say. Panels of workers at the same tasks can, if they are of the right kind and large enough: "
            "this page shows what there is, what it says, which estimator to trust, and which data would do.",
            command=f"withintask demo --out {out} --replicates {replicates}",
            blocks=blocks,
        )
    )


def published_panel() -> tuple[Estimates, str]:
    """Estimate on a published panel, or on a synthetic one where its files are not there; and say which."""
    from withintask.ingest.panels.adapters import import_panel

    name, folder = PUBLISHED
    for root in data_roots():
        if (root / folder).is_dir():
            return estimate(import_panel(name, root / folder), hypotheses="H1"), "PANEL"
    print("no published panel here (set WITHINTASK_DATA): a synthetic one is shown instead")
    return estimate(draw_panel(DESIGN, seed=1), hypotheses="H1"), "PANEL"


def data_roots() -> list[Path]:
    """Folders in which published files are looked for, those named in ``$WITHINTASK_DATA`` first."""
    named = os.environ.get("WITHINTASK_DATA", "").split(os.pathsep)
    return [Path(root) for root in (*named, "../shared/data") if root]


def designs_by_hypothesis() -> pl.DataFrame:
    """The estimator recommended for each design and hypothesis, from one panel of each design; null where none fits."""
    rows = []
    for design in load_designs():
        chosen = recommendations(draw_panel(design.name, seed=1)).filter(verdict=RECOMMENDED)
        names = {
            h: estimator_words(e) for h, e in chosen.select("hypothesis", "estimator").iter_rows()
        }
        rows.append(
            {
                "design": design.name,
                "what it is": design.summary,
                **{h: names.get(h) for h in _HYPOTHESES},
            }
        )
    columns = ("design", "what it is", *_HYPOTHESES)
    return pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String))


_HYPOTHESES = ("H1", "H2", "H3", "H4")


def _replicates(design: Design, out: Path, replicates: int) -> pl.DataFrame:
    worlds = [load_world(REFERENCE), load_world(NO_AI)]
    study = plan(
        load_params(), [design], worlds, seed=1, replicates=replicates, estimators=ESTIMATORS
    )
    return run_study(study, out / "ledger", engine="processes", n_workers=os.cpu_count() or 1)


def _trial_in_words(design: Design) -> str:
    sizes = f"{design.n_workers} workers, {design.n_tasks} tasks, {design.n_items} items each before and after"
    return f"a randomized trial ({sizes})"


def command_here() -> str:
    """How to call ``withintask`` from this folder: by its name if that is found, else by its path."""
    ours = Path(sys.executable).with_name("withintask")
    found = shutil.which("withintask")
    if found is not None and Path(found).resolve() == ours.resolve():
        return "withintask"
    return str(ours.relative_to(Path.cwd())) if ours.is_relative_to(Path.cwd()) else str(ours)


def oews_summary(out: Path) -> tuple[pl.DataFrame, str]:
    """Return dispersion of pay by year in OEWS, and what the files are.

    Real workbooks are looked for in ``$WITHINTASK_DATA``, ``../shared/data`` and the cache, then downloaded if
    ``$WITHINTASK_EMAIL`` gives the address that BLS asks for; else one is written from the model's economy and
    labelled synthetic.
    """
    from withintask.ingest.database import connect
    from withintask.ingest.store import build_oews

    source, label = find_oews(out)
    db = out / "oews.duckdb"
    build_oews(source, db)
    query = """
        select year, count(*) as detailed_occupations,
               count(*) filter (where a_pct90_bound is null and a_pct10_bound is null and a_pct90 is not null
                                and a_pct10 is not null) as both_known,
               count(*) filter (where a_pct90_status = 'top_coded') as top_coded_p90,
               avg(ln(a_pct90 / a_pct10)) filter (where a_pct90_bound is null and a_pct10_bound is null)
                   as mean_log_p90_p10
        from oews where o_group = 'detailed' group by year order by year
    """
    with connect(db) as connection:
        return connection.sql(query).pl(), label


def find_oews(out: Path) -> tuple[Path, str]:
    """Find published workbooks, or write a synthetic one; return the folder and its label."""
    cache = (
        Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "withintask" / "bls_oews"
    )
    folders = [*(root / "bls_oews" for root in data_roots()), cache]
    for folder in folders:
        if any(folder.glob("*national_M20*_dl.xlsx")) or any(folder.glob("oesm*nat.zip")):
            return folder, f"published workbooks in {folder}"
    email = os.environ.get("WITHINTASK_EMAIL")
    if email and _downloaded(cache, email):
        return cache, "published workbooks, downloaded"
    return _synthetic_workbooks(
        out
    ), "synthetic: drawn from the model's own economy, not published by BLS"


def _downloaded(cache: Path, email: str) -> bool:
    from withintask.ingest.oews.download import Settings, default_base_url
    from withintask.report.download import run_download

    first, last = YEARS
    settings = Settings(base_url=default_base_url(), email=email)
    try:
        run_download(cache, years=tuple(range(first, last + 1)), settings=settings)
    except ModelError as error:
        print(
            f"no download ({str(error).splitlines()[0]}); a synthetic workbook is written instead"
        )
        return False
    return True


def _synthetic_workbooks(out: Path) -> Path:
    from withintask.ingest.oews.writer import write_national_workbook
    from withintask.report.synthetic_oews import national_frames

    folder = out / "synthetic_oews"
    folder.mkdir(exist_ok=True)
    for year, frame in national_frames().items():
        write_national_workbook(frame, folder / f"national_M{year}_dl.xlsx", year)
    return folder


def _recommended_alone(result: Estimates) -> str:
    """The summary as far as the recommended estimates; the page has the others."""
    return result.summary().partition("\nOthers,")[0].rstrip()


def _report(oews: pl.DataFrame, label: str, result: Estimates, table: pl.DataFrame) -> None:
    rows = [
        (
            str(r["year"]),
            str(r["detailed_occupations"]),
            str(r["top_coded_p90"]),
            f"{r['mean_log_p90_p10']:.4f}",
        )
        for r in oews.iter_rows(named=True)
    ]
    print_rows(
        ("year", "occupations", "top-coded p90", "mean ln(p90/p10)"), rows, title=f"OEWS ({label})"
    )
    print("The step from May 2020 to May 2021 is a new method and new codes, no effect of AI.")
    print(f"\nPanel {result.panel.info.name}\n\n{_recommended_alone(result)}")
    lines = [
        (
            estimator_words(r["estimator"]),
            r["world"].replace("_", " "),
            decimals(round(r["truth"], 4) + 0.0),
            f"{r['bias']:+.4f}",
            f"{r['coverage']:.3f}",
            f"{r['power']:.3f}",
        )
        for r in table.iter_rows(named=True)
    ]
    header = ("estimator", "world", "truth", "bias", "coverage", "rejects")
    print_rows(header, lines, title="H1 over replicates of a simulated trial (synthetic)")
