"""The headline page: one self-contained HTML file, its figures and its tables."""

from pathlib import Path

import numpy as np
import polars as pl

from withintask.panel.atomic import save, save_text
from withintask.panel.escape import save_csv
from withintask.panel.notation import symbol
from withintask.report.claims import claim_table
from withintask.report.headline_figures import figures
from withintask.report.page import image_link, render_template
from withintask.report.progress import stages
from withintask.report.style import save_figure
from withintask.sim.params import load_params, params_hash
from withintask.tests_of_model.evidence.admissible import chi_square_bound
from withintask.tests_of_model.evidence.claim import CONDITIONAL, FAILS, HOLDS
from withintask.tests_of_model.evidence.headline import FULL, QUICK, Headline, headline
from withintask.tests_of_model.evidence.scenarios import by_end, tally
from withintask.tests_of_model.harness.parallel import processes
from withintask.tests_of_model.moments.errors import open_end
from withintask.tests_of_model.moments.moments import NAMES
from withintask.tests_of_model.moments.of_panel import OF_PANEL
from withintask.tests_of_model.moments.sensitivity import DELTA_GINI
from withintask.tests_of_model.moments.targets import load_target

_BOXES = {"search": "the wide search bounds", "plausible": "the plausible ranges"}
_CSS = {HOLDS: "good", CONDITIONAL: "mixed", FAILS: "bad"}


def run_headline(
    out: Path,
    *,
    target: Path | str,
    params: Path | None = None,
    n_processes: int = 2,
    dask: str = "",
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
    dask
        Address of a running scheduler, in the place of processes.
    is_quick
        Compute a coarse first look.
    """
    out.mkdir(parents=True, exist_ok=True)
    with stages() as report, processes(n_processes, dask=dask) as executor:
        computed = headline(
            load_target(target), load_params(params), plan=QUICK if is_quick else FULL,
            cache=(out / "cache").resolve(), executor=executor, on_progress=report,
        )  # fmt: skip
    write_headline(computed, out)
    return computed


def write_headline(page: Headline, out: Path) -> None:
    """Write the page, its figures (SVG) and its tables (Parquet and CSV)."""
    for name, table in {**page.tables(), "claims": claim_table(page.claims)}.items():
        save(out / "tables" / f"{name}.parquet", table.write_parquet)
        save_csv(out / "tables" / f"{name}.csv", table)
    images = {}
    for name, figure in figures(page).items():
        save_figure(figure, out / "figures" / f"{name}.svg")
        images[name] = image_link(figure)
    save_text(out / "index.html", render(page, images))


def render(page: Headline, images: dict[str, str]) -> str:
    """Render the page from its numbers and the figures, addresses that hold them by name."""
    values = {
        "is_quick": page.is_quick,
        "target": page.target,
        "n_assumed": page.target.status.count("assumed"),
        "lead": lead(page),
        "images": images,
        "tables": set(page.tables()),
        "params_hash": params_hash(page.fit.params),
        **_fit_values(page),
        **_set_values(page),
        **_claim_values(page, images),
    }
    command = "withintask headline --quick" if page.is_quick else "withintask headline"
    return render_template("headline.html", values, command=command)


def _fit_values(page: Headline) -> dict[str, object]:
    fit = page.fit
    status = dict(zip(page.target.names, page.target.status, strict=True))
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
        "profiles": {
            interval.name: open_end(interval).split(": ")[1] for interval in page.profiles
        },
        "weak": fit.errors.weak_directions,
        "sharing_in_words": _sharing_in_words(page),
    }


def _set_values(page: Headline) -> dict[str, object]:
    sets, design = page.sets, page.noise.design
    five = sets.ranges.filter(pl.col("n_moments") == len(OF_PANEL)).sort("n_workers", "box")
    rows = [{**row, "box": _BOXES[row["box"]]} for row in five.to_dicts()]
    errors = [
        f"{name} {error:.2g}" for name, error in zip(OF_PANEL, page.noise.std_error, strict=True)
    ]
    return {
        "bound": chi_square_bound(len(OF_PANEL)),
        "n_replicates": page.noise.n_replicates,
        "n_panel_workers": f"{design.n_workers:,}",
        "n_panel_firms": design.n_firms,
        "n_panel_occupations": design.n_occupations,
        "panel_errors": ", ".join(errors),
        "ranges": rows,
        "threshold_in_words": _threshold_in_words(page),
        "precision_in_words": (
            f"The covariance, from {page.noise.n_replicates} replicates, has a relative error of about "
            f"{np.sqrt(2 / page.noise.n_replicates):.0%} in each variance, so panel sizes are known to about as much."
        ),
        "curve_in_words": _curve_in_words(page),
        "sixth_in_words": _sixth_in_words(page),
    }


def _claim_values(page: Headline, images: dict[str, str]) -> dict[str, object]:
    shown = [
        {**row, "css": _CSS[row["verdict"]], "image": images[f"claim_{row['name']}"]}
        for row in claim_table(page.claims).to_dicts()
    ]
    return {
        "claims": shown,
        "n_combinations": 2 ** len(OF_PANEL),
        "signs": tally(page.scenarios).to_dicts(),
        "scenarios_in_words": _scenarios_in_words(page),
    }


def lead(page: Headline) -> str:
    """Give the answer in a few sentences, every figure computed."""
    moments = page.fit.best.moments
    smallest = _ranges_of(page, len(OF_PANEL), "plausible").row(0, named=True)
    verdicts = [claim.verdict for claim in page.claims]
    words = {HOLDS: "hold", CONDITIONAL: "hold on a condition", FAILS: "do not hold"}
    counted = ", ".join(f"{verdicts.count(v)} {word}" for v, word in words.items() if v in verdicts)
    return (
        f"At the fitted parameters the dispersion of output within tasks changes by {moments[0]:+.3f} in logs and the Gini of income by "
        f"{moments[-1]:+.4f}. If ownership, assets, ψ, R0, η0 and ρ were known exactly, a linked panel of {smallest['n_workers']:,.0f} workers would leave "
        f"{'its sign open' if smallest['spans_zero'] else 'no doubt of its sign'}: parameters in their plausible ranges that m1–m5 do not "
        f"reject give {smallest['low']:+.4f} to {smallest['high']:+.4f}. {_threshold_in_words(page)} "
        f"Of the {len(verdicts)} claims below, in this closure, {counted}."
    )


def _ranges_of(page: Headline, n_moments: int, box: str) -> pl.DataFrame:
    """Ranges of ΔGini with so many moments, from the smallest panel up."""
    is_wanted = (pl.col("n_moments") == n_moments) & (pl.col("box") == box)
    return page.sets.ranges.filter(is_wanted).sort("n_workers")


def _threshold_in_words(page: Headline) -> str:
    places: dict[str, list[str]] = {}
    for row in page.sets.threshold.iter_rows(named=True):
        low, high = row["n_workers_below"], row["n_workers_above"]
        if low is None:
            sign = "the sign is known at every size shown"
        elif high is None:
            sign = "the sign is open at every size shown"
        else:
            sign = (
                f"the sign is known from a panel of {_rounded(low)} to {_rounded(high)} workers on"
            )
        places.setdefault(sign, []).append(_BOXES[row["box"]])
    return " ".join(
        f"Within {' and within '.join(where)} {sign}." for sign, where in places.items()
    )


def _rounded(count: float) -> str:
    """Write a count with two significant digits."""
    return f"{float(f'{count:.2g}'):,.0f}"


def _curve_in_words(page: Headline) -> str:
    curve = page.sets.curve
    gini = curve["delta_gini_income"].to_numpy()
    spans = ", ".join(
        f"{symbol(name).symbol} {curve[name].to_numpy().min():.3g} to {curve[name].to_numpy().max():.3g}"
        for name in page.fit.names
    )
    ambiguous = gini.min() < 0 < gini.max()
    return (
        f"An endless panel would still leave a curve of parameters that match m1–m5 exactly ({spans}), along which ΔGini is "
        f"{gini.min():+.4f} to {gini.max():+.4f}: the five moments alone leave "
        + ("even the sign open." if ambiguous else "its size open, but not its sign.")
    )


def _sharing_in_words(page: Headline) -> str:
    if page.given_sharing is None:
        return "A parameter lies at its bound, so no derivative is shown."
    effects = page.given_sharing
    row = effects.per_std_error[effects.rows.index(DELTA_GINI)]
    largest = int(np.argmax(np.abs(row)))
    return (
        f"One standard error of {effects.moments[largest]} moves ΔGini most, by {row[largest]:+.4f} if the response were linear that far. "
        f"Along the parameters that keep m1–m5, ΔGini changes by {page.sharing_gradient / 100:+.4f} per 0.01 of {symbol('rent_sharing').symbol}."
    )


def _sixth_in_words(page: Headline) -> str:
    rows = {
        n: _ranges_of(page, n, "plausible").row(0, named=True) for n in (len(OF_PANEL), len(NAMES))
    }
    five, six = rows.values()
    share = (six["high"] - six["low"]) / (five["high"] - five["low"])
    return (
        f"A sample of {six['n_workers']:,.0f} people with incomes before and after AI gives ΔGini with a standard error of "
        f"{page.sets.gini_std_error:.4f} (taken as independent of the panel). With it the range is {six['low']:+.4f} to {six['high']:+.4f}, "
        f"{share:.0%} of that without. m6 measures the answer directly, so that it pins ΔGini is a tautology. What it adds on the mechanism is "
        "the sixth equation, without which six parameters lie on the curve above."
    )


def _scenarios_in_words(page: Headline) -> str:
    table = page.scenarios
    counts = by_end(table).pivot("end", index="moment", values=["n", "n_rises"])
    gap = counts["n_rises_high"] / counts["n_high"] - counts["n_rises_low"] / counts["n_low"]
    top = counts.row(int(np.argmax(np.abs(gap.to_numpy()))), named=True)
    far = table.filter(~pl.col("is_near"))
    opposite = far.filter(pl.col("m1") != pl.col("m2")).height
    return (
        f"{top['moment']} decides most: ΔGini rises in {top['n_rises_high']} of {top['n_high']} combinations with it at its high end and in "
        f"{top['n_rises_low']} of {top['n_low']} with it at its low end. The model comes near {table.height - far.height} of {table.height}; "
        f"{opposite} of the {far.height} others have m1 and m2, almost one number in this model, at opposite ends."
    )
