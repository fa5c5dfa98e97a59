"""A study file to begin with, with comments: what can be said, and what a pilot says of it."""

import math
from pathlib import Path

from withintask.panel.store import read_panel
from withintask.sim.design_fields import field_meaning, field_unit
from withintask.sim.designs import load_design
from withintask.tests_of_model.harness.power.costs import COST_UNITS
from withintask.tests_of_model.harness.power.pilot import PilotFigures, pilot_figures
from withintask.tests_of_model.harness.power.space import AXES, LIMITS, ROLL_OUTS
from withintask.tests_of_model.harness.power.study import default_axes

_NOISE = (
    "output_noise",
    "noise_persistence",
    "ai_noise_ratio",
    "rater_noise",
    "ability_noise",
    "pay_noise",
)


def figures_of_pilot(design: str, pilot: Path, *, seed: int = 1) -> PilotFigures:
    """Return what a study of a design takes from a pilot, and how sure that is.

    Parameters
    ----------
    design
        Name or file of the design from which the study differs.
    pilot
        A panel.
    seed
        Seed of the draws that say how sure the figures are.

    Raises
    ------
    ParameterError
        If design or pilot cannot be read.
    """
    base = load_design(design)
    held = frozenset({*default_axes(base), "n_firms", "n_workers"})
    return pilot_figures(base, read_panel(pilot), held=held, seed=seed)


def study_text(
    design: str, *, pilot: Path | None = None, figures: PilotFigures | None = None
) -> str:
    """Write a study file for a design.

    Parameters
    ----------
    design
        Name or file of the design from which it differs.
    pilot
        A panel that is used when the study is run.
    figures
        Of the pilot, which are written into the comments.

    Raises
    ------
    ParameterError
        If the design cannot be read.
    """
    base = load_design(design)
    axes = default_axes(base)
    taken = {f.name for f in figures.figures} if figures else set()
    names = {field: name for name, field in AXES.items()}
    lines = [
        "# A study of power: withintask power study.toml --out out/power",
        "# Whatever is left out has the value given here; flags of the command come before what is written here.",
        "",
        "[question]",
        f'effect = "{_first_effect(base.columns)}" # a term and its truth; -10% is ln(0.9). The model is solved for it',
        '# terms = ["H1b", "H3"] # more terms, claims or hypotheses to be powered at once; the effect\'s if left out',
        '# together = "all" # or "any": which of several terms must be rejected (any: by Holm)',
        '# move = "capability" # the parameter that gives the effect; all others are held',
        "power = 0.8",
        "replicates = 1000 # most a world at a candidate for the winner; an eighth at each neighbour and nuisance",
        "seed = 1",
        *([f'pilot = "{pilot.resolve()}"'] if pilot else []),
        "",
        "[design]",
        f'like = "{design}" # withintask designs {design} shows every field',
        *(_pilot_lines(figures) if figures else []),
        *(
            f"{name} = {getattr(base, name):g} # {field_unit(name)}: {field_meaning(name)}"
            for name in _NOISE
            if name not in taken
            and (base.has_outputs or name == "pay_noise")
            and (name in ("output_noise", "pay_noise"))
        ),
        "",
        "[vary] # low:high is a range, in steps; a list is these values",
        *(f"{names.get(field, field)} = {_values(values)}" for field, values in axes.items()),
        f'# roll_out = ["firms", "staggered"] # of {", ".join(ROLL_OUTS)}',
        "# treated_share = [0.3, 0.5]",
        "# raters = [1, 2]",
        "",
        "[costs] # in one currency; REPLACE these, they are examples",
        *_cost_lines(bool(base.has_outputs), "postings" in base.columns),
        "",
        "[limits]",
        "budget = 200000",
        *(f"# {name} = [lowest, highest] # {words}" for name, (words, _) in LIMITS.items()),
    ]
    return "\n".join(lines) + "\n"


def _first_effect(columns: object) -> str:
    shown = set(columns)  # type: ignore[call-overload]
    if "outputs" in shown:
        return "delta_log_sd=-10%"
    return "delta_credential=0.05" if "postings" in shown else "delta_log_return_gap=-0.003"


def _values(values: tuple[object, ...]) -> str:
    is_range = len(values) > 6 and not isinstance(values[0], str)
    return f'"{values[0]}:{values[-1]}"' if is_range else str(list(values)).replace("'", '"')


def _cost_lines(has_outputs: bool, has_postings: bool) -> list[str]:
    examples = (
        {"firm": 2000, "worker": 100, "item": 2, "period": 5000} if has_outputs else {"worker": 20}
    )
    examples = {"posting": 1} if has_postings and not has_outputs else examples
    return [
        f"{unit.name} = {examples[unit.name]} # {unit.meaning}"
        if unit.name in examples
        else f"# {unit.name} = 0 # {unit.meaning}"
        for unit in COST_UNITS
    ]


def _pilot_lines(figures: PilotFigures) -> list[str]:
    lines = [
        f"# From the pilot of {figures.n_units} {figures.unit}; its uncertainty is drawn into the power. To hold one, write it without the #"
    ]
    for f in figures.figures:
        value = (
            f"{f.value:.4g}"
            if isinstance(f.value, float)
            else str(f.value).lower()
            if isinstance(f.value, bool)
            else f'"{f.value}"'
            if isinstance(f.value, str)
            else str(f.value)
        )
        spread = (
            ""
            if math.isnan(f.std_error)
            else f" ± {f.std_error:.2g}, 95 % {f.low:.3g} to {f.high:.3g}"
        )
        lines.append(f"# {f.name} = {value} # {f.unit}{spread}: {f.meaning}")
    return lines
