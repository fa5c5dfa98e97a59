"""What a user writes as name=value: changes of a design or of parameters, sizes to cross, effects to run."""

from collections.abc import Sequence
from dataclasses import fields

from withintask.panel.errors import ParameterError, list_problems, nearest, quoted
from withintask.panel.notation import SYMBOLS, parameter_names
from withintask.sim.design import Design
from withintask.sim.designs import change_design
from withintask.sim.params import Params, vary

SHORT_NAMES = {
    "workers": "n_workers",
    "tasks": "n_tasks",
    "firms": "n_firms",
    "occupations": "n_occupations",
}
"""Sizes by the names that the command line takes."""


def parse_grid(vary: Sequence[str]) -> dict[str, list[int]]:
    """Read sizes such as ``workers=50,100`` into fields of a design.

    Raises
    ------
    ParameterError
        Lists everything that is not of that form.
    """
    grid: dict[str, list[int]] = {}
    problems = []
    for text in vary:
        name, equals, values = text.partition("=")
        try:
            grid[SHORT_NAMES.get(name, name)] = sorted({int(value) for value in values.split(",")})
        except ValueError:
            problems.append(
                f"{quoted(text)}: expected name=number,number, for example workers=50,100"
            )
        if not equals:
            problems.append(f"{quoted(text)}: expected an equals sign")
    if problems:
        raise ParameterError(list_problems("--vary", problems))
    return grid


def parse_effects(effect: str) -> tuple[str, list[float]]:
    """Read a parameter and its values, such as ``capability=0.25,0.5``.

    Raises
    ------
    ParameterError
        If it is not of that form or names no parameter.
    """
    name, _, values = effect.partition("=")
    if name not in parameter_names():
        raise ParameterError(
            f"--effect {quoted(effect)}: {name} is no parameter{nearest(name, parameter_names())}"
        )
    try:
        return name, sorted({float(value) for value in values.split(",")})
    except ValueError:
        raise ParameterError(
            f"--effect {quoted(effect)}: expected a parameter and numbers, for example capability=0.25,0.5"
        ) from None


def parse_values(settings: Sequence[str], option: str) -> dict[str, float]:
    """Read ``name=value`` pairs.

    Raises
    ------
    ParameterError
        Lists everything that is not of that form.
    """
    values, problems = {}, []
    for setting in settings:
        name, _, text = setting.partition("=")
        try:
            values[name] = float(text)
        except ValueError:
            problems.append(f"{quoted(setting)}: expected name=value")
    if problems:
        raise ParameterError(list_problems(option, problems))
    return values


def apply_settings(
    design: Design, params: Params, settings: Sequence[str]
) -> tuple[Design, Params]:
    """Apply ``name=value`` changes to whichever of design and parameters has the name.

    Raises
    ------
    ParameterError
        Lists every setting that is not of that form or names nothing.
    """
    of_design = {field.name: field.type for field in fields(Design) if field.name != "columns"}
    of_params = {field.name: field.type for field in fields(Params)}
    changes: tuple[dict[str, object], dict[str, object]] = ({}, {})
    problems = []
    for setting in settings:
        name, equals, text = setting.partition("=")
        kinds = [kinds for kinds in (of_design, of_params) if name in kinds]
        try:
            if not equals or not kinds:
                hint = _hint(name, (*of_design, *of_params))
                raise ValueError(
                    f"expected name=value with a field of the design or a parameter{hint}"
                )
            changes[0 if kinds[0] is of_design else 1][name] = _parse(kinds[0][name], text)
        except ValueError as error:
            problems.append(f"{setting}: {error}")
    if problems:
        raise ParameterError(list_problems("--set", problems))
    return change_design(design, **changes[0]), vary(params, **changes[1])


def _hint(name: str, names: tuple[str, ...]) -> str:
    """The name that a symbol such as ξ stands for, or the nearest name."""
    by_symbol = [row.name for row in SYMBOLS if row.symbol == name and row.name in names]
    return f"; {name} is {by_symbol[0]}" if by_symbol else nearest(name, names)


def _parse(kind: object, text: str) -> object:
    if kind is bool:
        if text not in ("true", "false"):
            raise ValueError("expected true or false")
        return text == "true"
    if kind is str:
        return text
    return int(text) if kind is int else float(text)
