"""Commands of `withintask regime`: the two regimes, their boundary, and what policy does."""

from pathlib import Path
from typing import Literal

from cyclopts import App

app = App(name="regime", help="Does AI equalize or concentrate income? Maps, boundaries, policies.")

Measure = Literal["income", "pay"]


@app.default
def report(*, out: Path = Path("out/regime"), values: int = 21) -> None:
    """Map the regimes, find the boundaries, compare policies; write figures and tables.

    Parameters
    ----------
    out
        Folder to write.
    values
        Values on each axis of a map.
    """
    from withintask.report.regime import run_regime

    run_regime(out, n_values=values)


@app.command
def boundary(
    *,
    along: str = "proprietary_share",
    low: float | None = None,
    high: float | None = None,
    measure: Measure = "income",
) -> None:
    """Print where the change of inequality is zero along one axis.

    Parameters
    ----------
    along
        A parameter, proprietary_share or concentration.
    low, high
        Values between which the sign changes; the plausible range if left out.
    measure
        Inequality of income or of pay.
    """
    from withintask.sim.params import load_params
    from withintask.sim.regime import axis_range
    from withintask.sim.regime import boundary as find

    ends = axis_range(along)
    bracket = (ends[0] if low is None else low, ends[1] if high is None else high)
    value = find(load_params(), along=along, bracket=bracket, measure=measure)
    print(f"ΔGini({measure}) = 0 at {along} = {value:.4f}")


@app.command
def figures(*, scrambles: int = 8, out: Path | None = None) -> None:
    """Print the model's reference figures with their quadrature error.

    Parameters
    ----------
    scrambles
        Scrambles of the population over which figures are averaged, at least 2.
    out
        Markdown page to write besides.
    """
    from withintask.panel.errors import ParameterError
    from withintask.report.reference_figures import run_reference_figures

    if scrambles <= 1:
        raise ParameterError(f"scrambles = {scrambles}: expected at least 2, to measure the error")
    run_reference_figures(n_scrambles=scrambles, out=out)
