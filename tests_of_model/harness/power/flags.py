"""Flags of the command make a study, or change what a study file says."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

from withintask.panel.errors import ParameterError, list_problems
from withintask.tests_of_model.harness.power.costs import parse_costs
from withintask.tests_of_model.harness.power.space import parse_axes
from withintask.tests_of_model.harness.power.study import (
    NO_COSTS,
    PowerStudy,
    default_axes,
    fail_if_any,
)


def with_flags(
    study: PowerStudy,
    given: Mapping[str, Any],
    *,
    vary: Sequence[str] = (),
    roll_out: Sequence[str] = (),
    settings: Sequence[str] = (),
    cost: Sequence[str] = (),
    costs: Mapping[str, float] | None = None,
    limit: Sequence[str] = (),
) -> PowerStudy:
    """Return a study as flags change it.

    Parameters
    ----------
    study
        Of a file, or the defaults.
    given
        Field of the study to value; what is empty or None leaves the field as it is.
    vary
        Sizes, name=values; they replace all that varied, since what is not named is then held.
    roll_out
        Who gets AI; beside what varies.
    settings
        Changes of the design, after those of the study.
    cost, costs
        Unit costs, unit=number, and unit to cost, beside those of the study.
    limit
        Quantity and its lowest and highest value, name=low:high.

    Raises
    ------
    ParameterError
        Lists every flag that is not of its form, and whatever else is wrong with the study that the others make.
    """
    problems: list[str] = []

    def read(parse: Callable[[Sequence[str]], Mapping[str, Any]], texts: Sequence[str]) -> Any:
        try:
            return parse(texts)
        except ParameterError as error:
            problems.append(str(error))
            return {}

    kept = {name: value for name, value in given.items() if value not in (None, "", ())}
    unknown = set(kept) - {field.name for field in fields(PowerStudy)}
    if unknown:
        raise ParameterError(f"power: unknown settings {', '.join(sorted(unknown))}")
    changed = replace(
        study,
        **kept,
        settings=(*study.settings, *settings),
        costs={**study.costs, **(costs or {}), **read(parse_costs, cost)},
        limits={**study.limits, **read(parse_limits, limit)},
    )
    axes: dict[str, Any] = read(parse_axes, vary) if vary else dict(study.vary)
    kinds = read(parse_axes, [f"roll_out={','.join(roll_out)}"]) if roll_out else {}
    if problems:
        others = changed.problems_of_form()
        fail_if_any([*problems, *(p for p in others if not (cost and p.startswith(NO_COSTS)))])
    if roll_out and not axes:
        fail_if_any(changed.problems_of_form())
        axes = default_axes(changed.setting[0])
    return replace(changed, vary={**axes, **kinds})


def parse_limits(texts: Sequence[str]) -> dict[str, tuple[float, float]]:
    """Read limits such as ``firms=10:40``; an end that is left out is none.

    Raises
    ------
    ParameterError
        Lists everything that is not of that form.
    """
    limits, problems = {}, []
    for text in texts:
        name, _, ends = text.partition("=")
        low, colon, high = ends.partition(":")
        try:
            pair = (float(low or 0), float(high or "inf"))
            if not colon or pair[0] > pair[1]:
                raise ValueError
            limits[name.strip().replace("-", "_")] = pair
        except ValueError:
            problems.append(f"{text!r}: expected name=low:high, for example firms=10:40")
    if problems:
        raise ParameterError(list_problems("--limit", problems))
    return limits
