"""Commands on panels of items: the curve over persistence of noise, and gains by baseline."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

if TYPE_CHECKING:
    import polars as pl

Form = Literal["within", "between", "before_after", "difference"]
FollowedForm = Literal["within", "before_after", "difference"]


def persistence(
    panel: Path,
    *,
    form: Form | None = None,
    arm: str = "",
    at: Annotated[list[float] | None, Parameter(negative="")] = None,
    out: Path | None = None,
    figure: Path | None = None,
) -> None:
    """Estimate by pairs under assumed persistence of noise, and find where each sign is lost.

    Parameters
    ----------
    panel
        Folder or database of a panel of items.
    form
        What is compared; the comparison that takes least for granted if left out.
    arm
        Of several arms, the one compared with the control; all with AI together if left out.
    at
        Values of persistence from 0 to below 1; 0 to .8 if left out.
    out
        File for the whole curve: csv, parquet or json.
    figure
        File for a figure (png, pdf, svg).
    """
    from withintask.panel.store import read_panel
    from withintask.report.estimate_words import term_words
    from withintask.report.item_curves import draw_curve
    from withintask.report.item_words import breakdown_words, curve_rows
    from withintask.report.style import fail_if_no_figure
    from withintask.report.tables import kind_of_rows
    from withintask.report.terminal import print_rows
    from withintask.tests_of_model.harness.item_analysis import persistence_curve
    from withintask.tests_of_model.hypotheses.persistence import GRID

    kind = kind_of_rows(out)
    if figure is not None:
        fail_if_no_figure(figure, force=True)
    curve = persistence_curve(read_panel(panel), form=form, arm=arm, persistence=at or GRID)
    terms = curve["term"].unique(maintain_order=True)
    header = ("persistence", *(term_words(term) for term in terms))
    print_rows(header, curve_rows(curve), title=f"{curve['form'][0].replace('_', '-')}, 95 % sets")
    print("\n".join(breakdown_words(curve)))
    _write(curve, kind, out)
    if figure is not None:
        draw_curve(curve, figure)
        print(f"{figure}: written")


def gains(
    panel: Path,
    *,
    groups: int = 4,
    form: FollowedForm | None = None,
    arm: str = "",
    out: Path | None = None,
    figure: Path | None = None,
) -> None:
    """Estimate the effect of AI by groups of workers, ranked by their other items without it.

    Parameters
    ----------
    panel
        Folder or database of a panel of items.
    groups
        Groups of equal size: 4 for quartiles, 10 for deciles.
    form
        What is compared; the comparison that takes least for granted if left out.
    arm
        Of several arms, the one compared with the control; all with AI together if left out.
    out
        File for the table: csv, parquet or json.
    figure
        File for a figure (png, pdf, svg).
    """
    from withintask.panel.store import read_panel
    from withintask.report.item_curves import draw_baseline
    from withintask.report.style import fail_if_no_figure
    from withintask.report.tables import kind_of_rows
    from withintask.report.terminal import print_frame
    from withintask.tests_of_model.harness.item_analysis import effect_by_baseline

    kind = kind_of_rows(out)
    if figure is not None:
        fail_if_no_figure(figure, force=True)
    frame = effect_by_baseline(read_panel(panel), form=form, n_groups=groups, arm=arm)
    print_frame(frame, digits=4)
    _write(frame, kind, out)
    if figure is not None:
        draw_baseline(frame, figure)
        print(f"{figure}: written")


def _write(frame: "pl.DataFrame", kind: str, out: Path | None) -> None:
    from withintask.report.tables import write_rows

    if out is not None:
        write_rows(frame, kind, out)
        print(f"{out}: written")
