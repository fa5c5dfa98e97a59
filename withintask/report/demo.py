"""The demonstration: OEWS, a simulated trial, H1 over replicates, one page."""

import base64
import os
import shutil
import sys
from importlib.resources import files
from pathlib import Path

import polars as pl

from withintask.panel.atomic import save, save_text
from withintask.panel.errors import ModelError
from withintask.panel.escape import save_csv
from withintask.report.progress import run_study
from withintask.report.terminal import print_rows
from withintask.sim.designs import load_design
from withintask.sim.params import load_params
from withintask.sim.worlds import NO_AI, REFERENCE, load_world
from withintask.tests_of_model.harness.diagnose import diagnose, wide
from withintask.tests_of_model.harness.replicate import plan

DESIGN = "rct-ability"
ESTIMATORS = ("dispersion_by_access", "pairs_difference", "gradient", "gradient_iv")
TERMS = ("delta_log_cv", "delta_log_sd", "ability_gradient")
YEARS = (2019, 2024)


def run_demo(out: Path, *, replicates: int) -> None:
    """Write ``out``: OEWS summary, replicates and diagnosis of H1 (Parquet and CSV), a figure and a page."""
    out.mkdir(parents=True, exist_ok=True)
    oews, label = oews_summary(out)
    save_csv(out / "oews_dispersion.csv", oews)
    save(out / "oews_dispersion.parquet", oews.write_parquet)
    worlds = [load_world(REFERENCE), load_world(NO_AI)]
    study = plan(
        load_params(),
        [load_design(DESIGN)],
        worlds,
        seed=1,
        replicates=replicates,
        estimators=ESTIMATORS,
    )
    replicated = run_study(study, out / "ledger", engine="processes", n_workers=os.cpu_count() or 1)
    table = wide(diagnose(replicated)).filter(pl.col("term").is_in(TERMS))
    save(out / "h1_replicates.parquet", replicated.write_parquet)
    save(out / "h1_diagnosis.parquet", table.write_parquet)
    save_csv(out / "h1_diagnosis.csv", table)
    _draw(replicated, out / "h1.png")
    _write_page(out, oews, label, table, replicates)
    _report(oews, label, table)
    print(
        f"{out}: index.html, h1.png, h1_diagnosis.csv, h1_replicates.parquet, oews_dispersion.csv"
    )
    print(f"Next: {command_here()} --help")


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
    roots = [*os.environ.get("WITHINTASK_DATA", "").split(os.pathsep), "../shared/data"]
    folders = [Path(root) / "bls_oews" for root in roots if root] + [cache]
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


def _draw(replicated: pl.DataFrame, path: Path) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    shown = (
        ("dispersion_by_access", "delta_log_cv", "H1a, spread of single outputs: mostly noise"),
        ("pairs_difference", "delta_log_sd", "H1a, spread of ability: pairs of items"),
        ("gradient_iv", "ability_gradient", "H1b: gain by ability, instrumented"),
        ("gradient", "ability_gradient", "H1b by least squares: attenuated"),
    )
    figure, axes = plt.subplots(1, len(shown), figsize=(14, 3.6), layout="constrained")
    for ax, (estimator, term, title) in zip(axes, shown, strict=True):
        rows = replicated.filter((pl.col("estimator") == estimator) & (pl.col("term") == term))
        for world, color in ((REFERENCE, "#2a7f62"), (NO_AI, "#999999")):
            usable = rows.filter((pl.col("world") == world) & (pl.col("status") == "ok"))
            ax.hist(
                usable["estimate"].to_numpy(),
                bins=30,
                color=color,
                alpha=0.75,
                label=world.replace("_", " "),
            )
            if usable.height:
                ax.axvline(
                    usable["truth"][0], color="black", lw=1.2, ls="--" if world == NO_AI else "-"
                )
        ax.set_title(title, fontsize=9)
        ax.set_yticks([])
        ax.spines[["top", "right", "left"]].set_visible(False)
    axes[0].legend(frameon=False, fontsize=8)
    figure.supxlabel("estimates over replicates; lines are the truth in each world", fontsize=9)
    save(path, lambda temporary: figure.savefig(temporary, dpi=150))
    plt.close(figure)


def _write_page(
    out: Path, oews: pl.DataFrame, label: str, table: pl.DataFrame, replicates: int
) -> None:
    from jinja2 import Environment

    template = files("withintask.report").joinpath("demo.html").read_text(encoding="utf-8")
    figure = base64.b64encode((out / "h1.png").read_bytes()).decode()
    page = (
        Environment(autoescape=True)
        .from_string(template)
        .render(
            oews=oews.to_dicts(),
            label=label,
            rows=table.to_dicts(),
            figure=figure,
            replicates=replicates,
            design=load_design(DESIGN),
        )
    )
    save_text(out / "index.html", page)


def _report(oews: pl.DataFrame, label: str, table: pl.DataFrame) -> None:
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
        ("year", "detailed", "top-coded p90", "mean ln(p90/p10)"), rows, title=f"OEWS ({label})"
    )
    lines = [
        (
            r["world"],
            r["estimator"],
            f"{r['truth']:+.4f}",
            f"{r['bias']:+.4f} ± {r['bias_mc_se']:.4f}",
            f"{r['coverage']:.3f} ± {r['coverage_mc_se']:.3f}",
            f"{r['power']:.3f}",
            f"{r['n_failed']} of {r['n_replicates']}",
        )
        for r in table.iter_rows(named=True)
    ]
    header = (
        "world",
        "estimator",
        "truth",
        "bias ± MC error",
        "coverage ± MC error",
        "rejects",
        "failed",
    )
    print_rows(header, lines, title="H1 over replicates of a simulated trial (synthetic)")
