"""A study of power, as a file or flags state it: what is asked, what varies, what it costs; checked before anything is drawn."""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any, get_args

from withintask.panel.errors import (
    EstimationError,
    ModelError,
    ParameterError,
    list_problems,
    nearest,
)
from withintask.panel.store import read_panel
from withintask.sim.design import Design
from withintask.sim.designs import load_design
from withintask.sim.params import Params, load_params
from withintask.sim.worlds import REFERENCE, load_world
from withintask.tests_of_model.harness.pilot import calibrate, taken
from withintask.tests_of_model.harness.power.costs import Costs, make_costs
from withintask.tests_of_model.harness.power.effect import (
    SolvedEffect,
    parse_effect,
    solve_effect,
)
from withintask.tests_of_model.harness.power.lab import Together
from withintask.tests_of_model.harness.power.search import Effort, Target
from withintask.tests_of_model.harness.power.space import (
    Space,
    Value,
    make_design,
    make_space,
    read_axes,
)
from withintask.tests_of_model.harness.power.terms import TermTest, asked_terms, choose_test
from withintask.tests_of_model.harness.rule import POWER_GOAL
from withintask.tests_of_model.harness.settings import apply_settings


@dataclass(frozen=True, kw_only=True)
class PowerStudy:
    """What a study file states; flags state the same."""

    terms: tuple[str, ...] = ()
    """Terms, claims or hypotheses to be powered; the effect's term if empty."""
    effect: str = ""
    """A term and its truth, such as ``delta_log_sd=-10%``; the parameters as they are if empty."""
    move: str = ""
    """Parameter that gives the effect; the capability of AI if empty."""
    power: float = POWER_GOAL
    """Power asked for."""
    together: Together = "all"
    """Whether all terms must be rejected, or any (by Holm)."""
    estimator: str = ""
    """Estimator of every term; what the design calls for if empty."""
    like: str = "rct"
    """Design from which it differs."""
    settings: tuple[str, ...] = ()
    """Changes of design or parameters, name=value."""
    vary: Mapping[str, Sequence[Value]] = field(default_factory=dict)
    """Axis to values; what ``defaults.toml`` has for the design's tables if empty."""
    costs: Mapping[str, float] = field(default_factory=dict)
    """Unit to cost."""
    budget: float = float("inf")
    """Highest cost."""
    limits: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """Quantity to lowest and highest value."""
    pilot: Path | None = None
    """Panel from which nuisances are taken, with their uncertainty."""
    verify: bool = True
    """Whether files of the pilot are compared with their SHA-256."""
    replicates: int = 1_000
    """Most replicates a world at a candidate for the winner."""
    explore: int = 600
    """Most replicates for the surrogate."""
    seed: int = 1
    """Seed."""

    @cached_property
    def setting(self) -> tuple[Design, Params]:
        """The design and the parameters before any effect, as the reference world has them."""
        world = load_world(REFERENCE)
        base = world.change_design(load_design(self.like))
        return apply_settings(base, world.change_params(load_params()), self.settings)

    @cached_property
    def base(self) -> Design:
        """The design with what the pilot shows, but for what varies."""
        design = self.setting[0]
        if self.pilot is None:
            return design
        shown = taken(design, calibrate(design, read_panel(self.pilot, verify=self.verify)))
        kept = {name: value for name, value in shown.items() if name not in self.held_out}
        return replace(design, **kept)  # type: ignore[arg-type]

    @cached_property
    def held_out(self) -> frozenset[str]:
        """Fields that the pilot does not decide: what varies, and what was set."""
        set_by_user = {text.partition("=")[0] for text in self.settings}
        return frozenset({*self.axes, *set_by_user, "n_firms", "n_workers"})

    @cached_property
    def axes(self) -> dict[str, tuple[Value, ...]]:
        """Field to values of all that varies."""
        return _axes(self.vary) if self.vary else default_axes(self.setting[0])

    @cached_property
    def solved(self) -> SolvedEffect | None:
        """The economy that has the effect; None if none was asked for."""
        if not self.effect:
            return None
        return solve_effect(self.setting[1], parse_effect(self.effect, parameter=self.move))

    @property
    def params(self) -> Params:
        """Parameters with the effect."""
        return self.setting[1] if self.solved is None else self.solved.params

    @cached_property
    def cost(self) -> Costs:
        """Unit costs."""
        return make_costs(self.costs, where="costs")

    @cached_property
    def space(self) -> Space:
        """Designs to choose from."""
        return make_space(self.base, self.axes, self.cost, limits=self.limits, budget=self.budget)

    @cached_property
    def tests(self) -> dict[str, tuple[TermTest, ...]]:
        """Tests of the terms by kind of design, see :meth:`kind`."""
        names = self.terms or (self.effect.partition("=")[0].strip(),)
        asked = asked_terms(names)
        chosen: dict[str, tuple[TermTest, ...]] = {}
        for values in _kinds(self.axes):
            design = make_design(self.base, values)
            if self.kind(design) in chosen:
                continue
            chosen[self.kind(design)] = tuple(
                choose_test(a, self.params, design, estimator=self.estimator, seed=self.seed)
                for a in asked
            )
        _fail_if_terms_differ(chosen)
        return chosen

    def kind(self, design: Design) -> str:
        """What decides which estimator a design calls for: roll-out, periods, and whether items and raters are several."""
        several = (design.n_items > 1, design.n_raters > 1, design.n_pre > 1, design.n_post > 1)
        return f"{design.treatment} {several}"

    def choose(self, design: Design) -> tuple[TermTest, ...]:
        """Return the tests of a design, one a term."""
        return self.tests[self.kind(design)]

    @property
    def target(self) -> Target:
        """What a design must do."""
        first = next(iter(self.tests.values()))
        return Target(terms=tuple(t.term for t in first), goal=self.power, together=self.together)

    @property
    def effort(self) -> Effort:
        """Replicates that are spent."""
        return Effort(
            explore=self.explore,
            confirm=self.replicates,
            neighbour=max(25, self.replicates // 8),
        )

    def check(self) -> None:
        """Find all that is wrong before any replicate is drawn.

        Raises
        ------
        ParameterError
            Lists every problem.
        """
        fail_if_any(self.problems_of_form() or _problems(self, ("space", "tests")))

    def problems_of_form(self) -> list[str]:
        """Find what is wrong before designs are listed and a test is chosen."""
        return [
            *_value_problems(self),
            *_problems(self, ("setting", "axes", "solved", "cost", "base")),
        ]


def fail_if_any(problems: Sequence[str]) -> None:
    """Refuse a study with all its problems in one error.

    Raises
    ------
    ParameterError
        If there are any.
    """
    whole = list(dict.fromkeys(problems))
    if len(whole) == 1:
        raise ParameterError(whole[0])
    if whole:
        each = [problem for text in whole for problem in _each(text)]
        raise ParameterError(list_problems("power", each, advice="Nothing was drawn."))


def _each(text: str) -> list[str]:
    """Problems of a message that lists several, each with where it is."""
    where = _LISTED.match(text)
    if where is None:
        return [text.removesuffix(" Nothing was drawn.")]
    return [f"{where[1]}: {line[4:]}" for line in text.splitlines() if line.startswith("  - ")]


_LISTED = re.compile(r"(.*): \d+ problems?\n")


def _fail_if_terms_differ(chosen: Mapping[str, Sequence[TermTest]]) -> None:
    """Refuse a hypothesis whose term depends on the design: designs with and without items have other estimands."""
    found = {tuple(test.term for test in tests) for tests in chosen.values()}
    if len(found) > 1:
        listed = " and ".join(sorted(", ".join(names) for names in found))
        raise EstimationError(
            f"designs with one item and with several call for other terms, {listed}: name the term"
        )


def _problems(study: PowerStudy, parts: Sequence[str]) -> list[str]:
    problems = []
    for part in parts:
        try:
            getattr(study, part)
        except ModelError as error:
            problems.append(str(error))
    return problems


NO_COSTS = "no costs"


def _value_problems(study: PowerStudy) -> list[str]:
    checks = (
        (
            bool(study.terms or study.effect),
            "no term: name one (delta_log_sd, H1b, H3) or an effect",
        ),
        (0 < study.power < 1, f"power = {study.power:g}: expected between 0 and 1"),
        (
            study.together in get_args(Together),
            f"together = {study.together!r}: expected all or any",
        ),
        (
            bool(study.costs),
            f"{NO_COSTS}: state at least one, for example --cost firm=5000 --cost worker=150 --cost item=2",
        ),
        (study.replicates >= 1, f"replicates = {study.replicates}: expected at least 1"),
        (study.explore >= 1, f"explore = {study.explore}: expected at least 1"),
    )
    return [message for holds, message in checks if not holds]


def default_axes(design: Design) -> dict[str, tuple[Value, ...]]:
    """Return what varies where nothing is said: sizes that the design's tables have."""
    text = (
        files("withintask.tests_of_model.harness.power")
        .joinpath("defaults.toml")
        .read_text("utf-8")
    )
    entries = tomllib.loads(text)
    kind = next(name for name in entries if name in design.columns or name == "else")
    return _axes(entries[kind])


def _axes(written: Mapping[str, Any]) -> dict[str, tuple[Value, ...]]:
    entries = [
        (
            f"vary {name} = {values}",
            name,
            values if isinstance(values, str) else ",".join(str(v) for v in _several(values)),
        )
        for name, values in written.items()
    ]
    both = "vary: workers and workers_by_firm are both given; firms times the second is the first"
    return read_axes("vary", entries, both=both)


def _several(values: object) -> Sequence[object]:
    return values if isinstance(values, (list, tuple)) else [values]


def _kinds(axes: Mapping[str, Sequence[Value]]) -> list[dict[str, Value]]:
    """Combinations of what decides the estimator, at a smallish value of all other sizes."""
    import itertools

    deciding = {
        name: sorted({values[0], values[-1]}, key=str) if name != "treatment" else values
        for name, values in axes.items()
        if name in ("treatment", "n_items", "n_raters", "n_pre", "n_post")
    }
    middle = {name: values[len(values) // 3] for name, values in axes.items()}
    return [
        {**middle, **dict(zip(deciding, values, strict=True))}
        for values in itertools.product(*deciding.values())
    ]


def read_study(path: Path) -> PowerStudy:
    """Read a study file, see ``withintask power init``.

    Parameters
    ----------
    path
        A file in TOML.

    Returns
    -------
    PowerStudy
        What the file says; what it does not say is as without a file.

    Raises
    ------
    ParameterError
        Lists every unknown table and key, with the nearest known one, and every value of another type.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import withintask as wt
    >>> file = Path(tempfile.mkdtemp()) / "study.toml"
    >>> _ = file.write_text('question.effect = "delta_log_sd=-10%"')
    >>> wt.read_study(file).effect
    'delta_log_sd=-10%'
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ParameterError(f"{path}: expected a study in TOML; {error}") from error
    problems: list[str] = []
    values: dict[str, Any] = {}
    known = {f.name for f in fields(PowerStudy)}
    for table, entry in content.items():
        if table not in _TABLES:
            problems.append(
                f"[{table}]: unknown{nearest(table, _TABLES)}; known: {', '.join(_TABLES)}"
            )
        elif not isinstance(entry, dict):
            problems.append(f"{table}: expected a table")
        else:
            values |= _read_table(table, entry, known, problems)
    if problems:
        raise ParameterError(list_problems(str(path), problems, advice="Nothing was drawn."))
    return PowerStudy(**values)


_QUESTION = (
    "terms",
    "effect",
    "move",
    "power",
    "together",
    "estimator",
    "replicates",
    "explore",
    "seed",
    "pilot",
)
_TABLES = ("question", "design", "vary", "costs", "limits")


def _read_table(
    table: str, entry: Mapping[str, Any], known: set[str], problems: list[str]
) -> dict[str, Any]:
    if table == "question":
        unknown = [key for key in entry if key not in _QUESTION]
        problems += [f"[question] {key}: unknown{nearest(key, _QUESTION)}" for key in unknown]
        return {key: _as_field(key, value) for key, value in entry.items() if key in _QUESTION}
    if table == "design":
        settings = tuple(f"{k}={_written(v)}" for k, v in entry.items() if k != "like")
        return {"settings": settings, **({"like": entry["like"]} if "like" in entry else {})}
    if table == "limits":
        limits = {k: _pair(v) for k, v in entry.items() if k != "budget"}
        problems += [
            f"[limits] {k}: expected [lowest, highest]" for k, v in limits.items() if v is None
        ]
        budget = {"budget": float(entry["budget"])} if "budget" in entry else {}
        return {"limits": {k: v for k, v in limits.items() if v is not None}, **budget}
    return {table: dict(entry)}


def _as_field(key: str, value: Any) -> Any:
    if key == "terms":
        return (value,) if isinstance(value, str) else tuple(value)
    return Path(value) if key == "pilot" else value


def _written(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _pair(value: object) -> tuple[float, float] | None:
    is_pair = isinstance(value, list) and len(value) == 2
    return (float(value[0]), float(value[1])) if is_pair else None  # type: ignore[index]
