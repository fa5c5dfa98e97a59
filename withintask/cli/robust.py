"""Commands beside `estimate`: use and access, workers lost, what was not seen, spillovers, distributions, joint tests."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

if TYPE_CHECKING:
    from collections.abc import Callable

    import polars as pl

Names = Annotated[list[str] | None, Parameter(negative="")]
Errors = Literal["auto", "CR1", "CR2", "CR3", "jackknife", "wild"]


def compliance(
    panel: Path,
    *,
    form: Literal["between", "difference", "within"] = "between",
    out: Path | None = None,
) -> None:
    """Estimate effects of use, instrumented by access: compliers' share, mean (LATE) and spread.

    Parameters
    ----------
    panel
        Folder or database of a panel with access and use.
    form
        What is compared.
    out
        File for the rows: csv, parquet or json.
    """
    from withintask.tests_of_model.hypotheses.compliance import compliance as run

    _show(lambda: run(panel, form=form), out)


def attrition(panel: Path, *, out: Path | None = None) -> None:
    """Bound effects where workers are lost, more of them in one arm (Lee; worst case for the spread).

    Parameters
    ----------
    panel
        Folder or database of a panel with several periods after AI's arrival, or arms in every period.
    out
        File for the rows: csv, parquet or json.
    """
    from withintask.tests_of_model.hypotheses.attrition import attrition_bounds

    _show(lambda: attrition_bounds(panel), out)


def confounding(panel: Path, *, control: Names = None, out: Path | None = None) -> None:
    """Say how strong unseen differences would have to be where use is chosen (Oster's delta, Rosenbaum's gamma).

    Parameters
    ----------
    panel
        Folder or database of a panel with use.
    control
        Columns to control for; the declared covariates if left out.
    out
        File for the rows: csv, parquet or json.
    """
    from withintask.tests_of_model.hypotheses.confounding import confounding as run

    _show(lambda: run(panel, controls=tuple(control or ())), out)


def spillovers(panel: Path, *, team: str = "firm_id", out: Path | None = None) -> None:
    """Estimate how output follows the share of team mates with access, and test interference.

    Parameters
    ----------
    panel
        Folder or database of a panel with access.
    team
        Column that names the team.
    out
        File for the rows: csv, parquet or json.
    """
    from withintask.tests_of_model.hypotheses.spillovers import spillovers as run

    _show(lambda: run(panel, team=team), out)


def distribution(
    panel: Path,
    *,
    form: Literal["between", "difference"] = "between",
    quantile: Annotated[list[float] | None, Parameter(negative="")] = None,
    control: Names = None,
    errors: Errors = "auto",
    out: Path | None = None,
    figure: Path | None = None,
) -> None:
    """Estimate effects on quantiles, p90/p10, variance and Gini, by recentred influence functions.

    Parameters
    ----------
    panel
        Folder or database of a panel with access.
    form
        What is compared.
    quantile
        Shares such as 0.1; the nine tenths if left out.
    control
        Columns to control for; the declared covariates if left out.
    errors
        As for estimate.
    out
        File for the rows: csv, parquet or json.
    figure
        File for a figure of the quantile effects (png, pdf, svg).
    """
    from withintask.report.distribution_figure import draw_quantile_effects
    from withintask.report.style import fail_if_no_figure
    from withintask.tests_of_model.hypotheses.distribution import QUANTILES
    from withintask.tests_of_model.hypotheses.distribution import distribution as run

    if figure is not None:
        fail_if_no_figure(figure, force=True)
    frame = _show(
        lambda: run(
            panel,
            form=form,
            quantiles=tuple(quantile or QUANTILES),
            controls=tuple(control or ()),
            errors=errors,
        ),
        out,
    )
    if figure is not None:
        print(f"{draw_quantile_effects(frame, figure)}: written")


def joint(
    panel: Path,
    *,
    hypothesis: Names = None,
    errors: Errors = "auto",
    out: Path | None = None,
) -> None:
    """Test the primary terms of H1 to H4 together: one covariance, Holm, Romano-Wolf, the chain of signs.

    Parameters
    ----------
    panel
        Folder or database of a panel.
    hypothesis
        Names to keep; all if left out.
    errors
        As for estimate.
    out
        File for the estimates: csv, parquet or json.
    """
    from withintask.report.tables import kind_of_rows, write_rows
    from withintask.report.terminal import print_frame
    from withintask.tests_of_model.hypotheses.joint import joint as run

    kind = kind_of_rows(out)
    found = run(panel, hypotheses=tuple(hypothesis or ("H1", "H2", "H3", "H4")), errors=errors)
    if out is None:
        print_frame(found.estimates.drop("message"), digits=4)
        print("\ncovariance\n")
        print_frame(found.covariance, digits=4)
    else:
        write_rows(found.estimates, kind, out)
        print(f"{out}: written")
    print(f"\nall zero: p {found.p_wald:.4f}; chain of predicted signs: p {found.p_chain:.4f}")
    print(found.message)


def components(
    panel: Path,
    *,
    table: Literal["pay", "outputs"] = "pay",
    levels: Annotated[bool, Parameter(negative="")] = False,
    leave_out: Literal["match", "observation"] = "match",
    together: Annotated[bool, Parameter(negative="")] = False,
    out: Path | None = None,
) -> None:
    """Split the variance of pay or output into worker effects, firm effects and sorting.

    Parameters
    ----------
    panel
        Folder or database of a panel whose workers move between firms.
    table
        Pay, or outputs.
    levels
        Take the outcome as it is, instead of its log.
    leave_out
        What is left out for the correction.
    together
        All periods at once, instead of before and with AI apart.
    out
        File for the rows: csv, parquet or json.
    """
    from withintask.tests_of_model.hypotheses.panel_components import components as run

    _show(
        lambda: run(panel, table=table, levels=levels, leave_out=leave_out, by_side=not together),
        out,
    )


def _show(compute: "Callable[[], pl.DataFrame]", out: Path | None) -> "pl.DataFrame":
    """Print rows of terms in a table that fits, or write them; a file that cannot be written is refused before the work."""
    from withintask.report.tables import kind_of_rows, write_rows
    from withintask.report.terms import terms_text

    kind = kind_of_rows(out)
    frame = compute()
    if out is None:
        print(terms_text(frame))
    else:
        write_rows(frame, kind, out)
        print(f"{out}: written")
    return frame
