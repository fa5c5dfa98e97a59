"""A design over two of its sizes: what it needs, by noise and workers or items."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import product

from withintask.panel.errors import ParameterError, list_problems, unknown_name
from withintask.sim.design import Design
from withintask.sim.designs import change_design
from withintask.tests_of_model.harness.settings import SHORT_NAMES

AXES = {**SHORT_NAMES, "items": "n_items", "noise": "output_noise"}
"""Fields of a design by the names that the command line takes."""


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One design of a grid."""

    base: Design
    """The design that is varied."""
    values: Mapping[str, float]
    """What is varied, by field."""
    design: Design
    """The design at these values."""


def parse_axes(texts: Sequence[str]) -> dict[str, list[float]]:
    """Read the two axes of a map, such as ``noise=0.15,0.5`` and ``workers=60,240``, into fields of a design.

    Raises
    ------
    ParameterError
        Lists everything that is not of that form; or if there are not two.
    """
    axes: dict[str, list[float]] = {}
    known = {field.name: field.type for field in fields(Design) if field.type in (int, float)}
    problems = []
    for text in texts:
        name, _, values = text.partition("=")
        field = AXES.get(name, name)
        if field not in known:
            problems.append(unknown_name(field, known))
            continue
        kind = float if known[field] is float else int
        try:
            axes[field] = sorted({kind(value) for value in values.split(",")})
        except ValueError:
            problems.append(f"{text!r}: expected name=number,number, for example workers=60,240")
    if not problems and len(axes) != 2:
        problems.append(f"expected two axes, such as noise=0.15,0.5 and workers=60,240; {texts}")
    if problems:
        raise ParameterError(list_problems("--vary", problems, advice="Nothing was drawn."))
    return axes


def cross(designs: Sequence[Design], axes: Mapping[str, Sequence[float]]) -> list[Variant]:
    """Return every design at every combination of the axes' values; firms grow with workers, so that they stay as large.

    Raises
    ------
    ParameterError
        If a combination is impossible.
    """
    variants = []
    for base in designs:
        for combination in product(*axes.values()):
            values = dict(zip(axes, combination, strict=True))
            label = ",".join(f"{name}={value:g}" for name, value in values.items())
            firms = {} if "n_firms" in values else _firms(base, values)
            design = change_design(base, **{**values, **firms}, name=f"{base.name}[{label}]")
            variants.append(Variant(base=base, values=values, design=design))
    return variants


def _firms(base: Design, values: Mapping[str, float]) -> dict[str, int]:
    share = values.get("n_workers", base.n_workers) / base.n_workers
    return {"n_firms": max(round(base.n_firms * share), 1)}
