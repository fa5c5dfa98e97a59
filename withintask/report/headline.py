"""The headline page: one self-contained HTML file, its figures and its tables."""

import base64
import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

import numpy as np
import polars as pl

from withintask.panel.notation import symbol
from withintask.report.tables import save
from withintask.sim.params import load_params, params_hash
from withintask.tests_of_model.admissible import chi_square_bound
from withintask.tests_of_model.claims import CONDITIONAL, FAILS, HOLDS
from withintask.tests_of_model.headline import FULL, QUICK, Headline, headline
from withintask.tests_of_model.moment_targets import load_target
from withintask.tests_of_model.moments_of_panel import OF_PANEL
from withintask.tests_of_model.msm_errors import open_end
from withintask.tests_of_model.parallel import processes
from withintask.tests_of_model.scenarios import tally
from withintask.tests_of_model.sensitivity import DELTA_GINI

_CSS = {HOLDS: "holds", CONDITIONAL: "conditional", FAILS: "fails"}
_DPI = 110


def _write_bytes(data: bytes, path: Path) -> None:
    path.write_bytes(data)


def run_headline(
    out: Path,
    *,
    target: Path | str,
    params: Path | None = None,
    n_processes: int = 2,
    is_quick: bool = False,
) -> Headline:
    """Compute the headline and write ``index.html``, figures and tables to a folder.

    Parameters
    ----------
    out
        Folder; the panel's covariance is kept in ``out/cache``.
    target
        Targets: a TOML file, or ``illustrative``.
    params
        Start and fixed parameters; the packaged baseline if None.
    n_processes
        Processes.
    is_quick
        Compute a coarse first look.
    """
    out.mkdir(parents=True, exist_ok=True)
    with reporting() as report, processes(n_processes) as executor:
        found = headline(
            load_target(target), load_params(params), plan=QUICK if is_quick else FULL,
            cache=out / "cache", executor=executor, on_progress=report,
        )  # fmt: skip
    write_headline(found, out)
    return found


def write_headline(found: Headline, out: Path) -> None:
    """Write the page, its figures (PNG) and its tables (Parquet and CSV)."""
    from withintask.report.headline_figures import figures

    for name, table in found.tables().items():
        save(out / "tables" / f"{name}.parquet", table.write_parquet)
        save(out / "tables" / f"{name}.csv", table.write_csv)
    images = {}
    for name, figure in figures(found).items():
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=_DPI)
        data = buffer.getvalue()
        save(out / "figures" / f"{name}.png", partial(_write_bytes, data))
        images[name] = base64.b64encode(data).decode("ascii")
    page = render(found, images)
    save(out / "index.html", lambda path: Path(path).write_text(page, encoding="utf-8"))


def render(found: Headline, images: dict[str, str]) -> str:
    """Render the page from what was found and the figures, base64 by name."""
    from jinja2 import Environment, StrictUndefined

    source = files("withintask.report").joinpath("headline.html").read_text(encoding="utf-8")
    environment = Environment(autoescape=True, undefined=StrictUndefined)
    return environment.from_string(source).render(
        is_quick=found.is_quick,
        target=found.target,
        n_assumed=found.target.status.count("assumed"),
        lead=_lead(found),
        images=images,
        params_hash=params_hash(found.fit.params),
        version=version("withintask"),
        **_fit_values(found),
        **_set_values(found),
        **_claim_values(found, images),
    )


def _fit_values(found: Headline) -> dict[str, object]:
    fit = found.fit
    status = dict(zip(found.target.names, found.target.status, strict=True))
    others = fit.root_table().filter(pl.col("is_root") & ~pl.col("is_reported"))
    return {
        "weight": "diagonal, inverse variances of the targets",
        "objective": fit.best.objective,
        "n_starts": len(fit.search.starts),
        "n_roots": len(fit.roots),
        "condition": fit.errors.condition_number,
        "moments": [
            {**row, "status": status[row["moment"]]} for row in fit.moment_table().to_dicts()
        ],
        "parameters": fit.table().to_dicts(),
        "other_roots": others.to_dicts(),
        "profiles": {one.name: open_end(one).split(": ")[1] for one in found.profiles},
        "weak": fit.errors.weak_directions,
        "sharing_said": _sharing_said(found),
    }


def _set_values(found: Headline) -> dict[str, object]:
    sets, design = found.sets, found.noise.design
    five = sets.ranges.filter(pl.col("n_moments") == len(OF_PANEL)).sort("n_workers", "box")
    errors = [
        f"{name} {error:.2g}" for name, error in zip(OF_PANEL, found.noise.std_error, strict=True)
    ]
    return {
        "bound": chi_square_bound(len(OF_PANEL)),
        "n_replicates": found.noise.n_replicates,
        "n_panel_workers": f"{design.n_workers:,}",
        "n_panel_firms": design.n_firms,
        "n_panel_occupations": design.n_occupations,
        "panel_errors": ", ".join(errors),
        "ranges": five.to_dicts(),
        "threshold_said": _threshold_said(found),
        "precision_said": (
            f"The covariance, from {found.noise.n_replicates} replicates, has a relative error of about "
            f"{np.sqrt(2 / found.noise.n_replicates):.0%} in each variance, so panel sizes are known to about as much."
        ),
        "sixth_said": _sixth_said(found),
    }


def _claim_values(found: Headline, images: dict[str, str]) -> dict[str, object]:
    shown = [
        {"name": c.name, "claim": c.claim, "verdict": c.verdict, "finding": c.finding, "css": _CSS[c.verdict],
         "image": images[f"claim_{c.name}"]}
        for c in found.claims
    ]  # fmt: skip
    return {
        "claims": shown,
        "n_combinations": 2 ** len(OF_PANEL),
        "signs": tally(found.scenarios).to_dicts(),
    }


def _lead(found: Headline) -> str:
    """The answer, in three sentences, every figure computed."""
    gini = float(found.fit.best.moments[-1])
    smallest = _five(found, "plausible").sort("n_workers").row(0, named=True)
    verdicts = [claim.verdict for claim in found.claims]
    counted = ", ".join(
        f"{verdicts.count(v)} {v.replace('does not hold', 'do not hold').replace('holds', 'hold')}"
        for v in (HOLDS, CONDITIONAL, FAILS)
        if v in verdicts
    )
    return (
        f"At the fitted parameters dispersion within tasks falls (m1 = {found.fit.best.moments[0]:+.3f}) and the Gini of income changes by {gini:+.4f}. "
        f"A linked panel of {smallest['n_workers']:,.0f} workers leaves {'the sign open' if smallest['spans_zero'] else 'no doubt of the sign'}: "
        f"parameters in their plausible ranges that m1–m5 do not reject give {smallest['low']:+.4f} to {smallest['high']:+.4f}. {_threshold_said(found)} "
        f"Of {len(verdicts)} claims, in this closure, {counted}."
    )


def _five(found: Headline, box: str) -> pl.DataFrame:
    return found.sets.ranges.filter((pl.col("n_moments") == len(OF_PANEL)) & (pl.col("box") == box))


def _threshold_said(found: Headline) -> str:
    names = {"search": "within the wide search bounds", "plausible": "within plausible ranges"}
    said = []
    for row in found.sets.threshold.iter_rows(named=True):
        low, high = row["n_workers_below"], row["n_workers_above"]
        if low is None:
            said.append(f"{names[row['box']]} the sign is known at every size shown")
        elif high is None:
            said.append(f"{names[row['box']]} it is open at every size shown")
        else:
            said.append(
                f"{names[row['box']]} the sign is known from between {low:,.0f} and {high:,.0f} workers on"
            )
    text = "; ".join(dict.fromkeys(said))
    return text[0].upper() + text[1:] + "."


def _sharing_said(found: Headline) -> str:
    if found.given_sharing is None:
        return "A parameter lies at its bound, so no derivative is shown."
    one = found.given_sharing
    row = one.per_std_error[one.rows.index(DELTA_GINI)]
    largest = one.moments[int(np.argmax(np.abs(row)))]
    return (
        f"One standard error of {largest} moves ΔGini most, by {row[np.argmax(np.abs(row))]:+.4f}. "
        f"Along the parameters that keep m1–m5, ΔGini changes by {found.sharing_gradient / 100:+.4f} per 0.01 of {symbol('rent_sharing').symbol}: "
        "what the five leave open is rent sharing together with proprietary AI."
    )


def _sixth_said(found: Headline) -> str:
    six = found.sets.ranges.filter(
        (pl.col("n_moments") == len(OF_PANEL) + 1) & (pl.col("box") == "plausible")
    )
    row = six.sort("n_workers").row(0, named=True)
    other = _five(found, "plausible").sort("n_workers").row(0, named=True)
    share = (row["high"] - row["low"]) / (other["high"] - other["low"])
    return (
        f"A sample of {row['n_workers']:,.0f} people with incomes before and after AI gives ΔGini with a standard error of "
        f"{found.sets.gini_std_error:.4f} (taken as independent of the panel). With it the range is {row['low']:+.4f} to {row['high']:+.4f}, "
        f"{share:.0%} of that without: m6 measures the answer directly, so it adds nothing on why. What it adds on the mechanism is the "
        "sixth equation, without which six parameters lie on a curve."
    )


@contextmanager
def reporting() -> Iterator[Callable[[str, int, int], None]]:
    """Show one progress bar a stage."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description:<10}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns) as progress:
        tasks: dict[str, object] = {}

        def report(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = progress.add_task(stage, total=total)
            progress.update(tasks[stage], completed=done, total=total)  # type: ignore[arg-type]

        yield report
