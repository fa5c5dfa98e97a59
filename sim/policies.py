"""Policy levers: named changes of one axis each, and what they do to inequality, alone and together."""

import tomllib
from dataclasses import dataclass, fields
from importlib.resources import files
from pathlib import Path

import polars as pl

from withintask.panel.errors import ParameterError, list_problems, quoted, shortened
from withintask.sim.params import Params
from withintask.sim.regime import Regime, change_axis, regime

NONE, ALL = "none", "all together"


@dataclass(frozen=True, kw_only=True)
class Policy:
    """One lever."""

    name: str
    """Short name."""
    summary: str
    """One line."""
    axis: str
    """Parameter or derived axis that it changes; see :func:`withintask.sim.regime.change_axis`."""
    value: float
    """New value."""


def load_policies(path: Path | None = None) -> tuple[Policy, ...]:
    """Read policies from a TOML file, the packaged ones if None.

    Raises
    ------
    ParameterError
        If the file is not TOML or an entry lacks a key or has an unknown one; all are listed.
    """
    source = files("withintask.sim").joinpath("policies.toml") if path is None else path
    try:
        entries = tomllib.loads(source.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ParameterError(f"{source}: expected a TOML file of policies; {error}") from error
    wanted = {field.name for field in fields(Policy)} - {"name"}
    problems = [
        f"[{shortened(name)}]: expected keys {', '.join(sorted(wanted))}; found {quoted(entry)}"
        for name, entry in entries.items()
        if not isinstance(entry, dict) or set(entry) != wanted
    ]
    if problems:
        raise ParameterError(list_problems(str(source), problems))
    return tuple(Policy(name=name, **entry) for name, entry in entries.items())


def policy_effects(
    params: Params, policies: tuple[Policy, ...], *, scramble: int = 0
) -> pl.DataFrame:
    """Return the change of inequality that AI brings without, with each, and with all policies.

    Parameters
    ----------
    params
        Parameters without any policy.
    policies
        Levers; each changes its own axis.
    scramble
        Seed of the quadrature.

    Returns
    -------
    polars.DataFrame
        ``policy, summary, delta_gini_income, effect_income, delta_gini_pay, effect_pay, regime``; an effect is the
        difference from the row ``none``.
    """
    none = regime(params, scramble=scramble)
    together = params
    rows = [_row(NONE, "AI as in the baseline", none, none)]
    for policy in policies:
        alone = regime(change_axis(params, policy.axis, policy.value), scramble=scramble)
        rows.append(_row(policy.name, policy.summary, alone, none))
        together = change_axis(together, policy.axis, policy.value)
    rows.append(_row(ALL, "every lever at once", regime(together, scramble=scramble), none))
    return pl.DataFrame(rows)


def _row(name: str, summary: str, found: Regime, none: Regime) -> dict[str, str | float]:
    return {
        "policy": name,
        "summary": summary,
        "delta_gini_income": found.delta_gini_income,
        "effect_income": found.delta_gini_income - none.delta_gini_income,
        "delta_gini_pay": found.delta_gini_pay,
        "effect_pay": found.delta_gini_pay - none.delta_gini_pay,
        "regime": found.name,
    }
