"""The command `withintask event-study`."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

StudyOutcome = Literal["dispersion", "dispersion_net", "gradient", "mean"]
StudyMethod = Literal["group_time", "imputation"]
StudyControls = Literal["not_yet", "never"]
StudyErrors = Literal["auto", "randomization"]
Trends = Literal["relative", "smooth", "none"]


def event_study(
    panel: Path,
    *,
    outcome: StudyOutcome = "dispersion",
    method: StudyMethod = "group_time",
    controls: StudyControls = "not_yet",
    control: Annotated[list[str] | None, Parameter(negative="")] = None,
    weight: str = "",
    errors: StudyErrors = "auto",
    level: float = 0.95,
    trends: Trends = "relative",
    bound: Annotated[list[float] | None, Parameter(negative="")] = None,
    at: int | None = None,
    plot: Path | None = None,
    out: Path | None = None,
    verify: bool = True,
    allow_outside: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Follow a staggered roll-out: effects by periods since AI came, cohort and period, with bands and a test of the leads.

    Parameters
    ----------
    panel
        Folder or database of a panel.
    outcome
        Dispersion within tasks; dispersion_net, ability net of noise, which needs several items a worker and period;
        gradient, the slope on ability measured before AI; or mean.
    method
        group_time compares each cohort with those without AI; imputation fits those and predicts, and has no leads.
    controls
        Compare with those that do not have AI yet, or with those that never do.
    control
        Columns to control for, such as tenure or 'C(site)', as means of units; their slopes come from values without AI.
    weight
        Column of sampling weights, beside the weight of outputs.
    errors
        auto, the cluster jackknife; or randomization: p-values, intervals and bands from dealing out the dates anew among
        what was assigned, within strata.
    level
        Coverage of intervals and bands.
    trends
        How trends may fail to be parallel: relative to how they differed before, smooth, or none to leave it out.
    bound
        Bounds to try, such as --bound 0.5 --bound 1; a grid if left out.
    at
        Periods since the start whose effect is looked at for trends; the average if left out.
    plot
        File for the figure (pdf, svg, png).
    out
        File for all effects, by cohort and period too; its suffix is the format: csv, parquet, json, xlsx, dta.
    verify
        Compare each file with its SHA-256, where the manifest has it; --no-verify is for those in a hurry.
    allow_outside
        Read files outside the folder of the manifest, if it names some.
    """
    from withintask.panel.errors import EstimationError
    from withintask.panel.store import read_panel
    from withintask.report.event_study import alternative_text, draw_study, print_study, write_study
    from withintask.report.style import fail_if_no_figure
    from withintask.report.tables import kind_of_rows
    from withintask.tests_of_model.hypotheses.event_study import event_study as run
    from withintask.tests_of_model.hypotheses.trend_sensitivity import trend_sensitivity

    if plot is not None:
        fail_if_no_figure(plot, force=True)
    if out is not None:
        kind_of_rows(out)
    whole = read_panel(panel, verify=verify, allow_outside=allow_outside)
    study = run(
        whole,
        outcome=outcome,
        method=method,
        controls=controls,
        level=level,
        covariates=tuple(control or ()),
        weight=weight,
        errors=errors,
    )
    table, why = None, ""
    if trends != "none" and method == "group_time":
        try:
            table = trend_sensitivity(study, restriction=trends, bounds=bound, event_time=at)
        except EstimationError as error:
            why = str(error)
    print_study(study, table)
    if why:
        print(why)
    if plot is not None:
        print(f"{draw_study(study, plot)}: written. {alternative_text(study)}")
    if out is not None:
        print(f"{write_study(study, out)}: written")
