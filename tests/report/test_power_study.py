"""`withintask power`: a study from flags or from a file, resumed, written as page, paragraphs and tables."""

import json
import re

import polars as pl
import pytest

from tests.command_line import run
from withintask.panel.errors import EstimationError, ModelError, ParameterError
from withintask.report.power_paragraph import latex
from withintask.sim.design_fields import describe_fields
from withintask.sim.designs import load_design, load_designs
from withintask.tests_of_model.harness.power.flags import parse_limits, with_flags
from withintask.tests_of_model.harness.power.init import study_text
from withintask.tests_of_model.harness.power.space import axis_values, parse_axes
from withintask.tests_of_model.harness.power.study import PowerStudy, read_study

EFFECT = ("--effect", "delta_log_sd=-30%", "--set", "output_noise=0.2")
SIZES = (
    "--vary",
    "firms=6,8,10",
    "--vary",
    "workers_by_firm=6,8",
    "--vary",
    "items=2",
    "--vary",
    "tasks=4",
)
COSTS = ("--cost", "firm=100", "--cost", "worker=10", "--budget", 3000)
FEW = ("--replicates", 25, "--explore", 25, "--engine", "serial")


@pytest.fixture(scope="module")
def answer(tmp_path_factory):
    folder = tmp_path_factory.mktemp("power")
    return folder, run("power", *EFFECT, *SIZES, *COSTS, *FEW, "--roll-out", "firms", cwd=folder)


def test_the_first_line_names_the_estimator_and_why(answer):
    _, done = answer
    assert done.returncode == 0, done.stderr
    first, _, rest = " ".join(done.stdout.split()).partition(" Effect: ")
    assert first.startswith("Test: ")
    assert "(pairs_difference): items tell ability from noise" in first
    assert "(-30.0%) in truth, by capability (AI frontier after arrival)" in rest
    assert max(map(len, done.stdout.splitlines()[:-1])) <= 160


def test_no_name_of_the_code_is_in_the_paragraph_for_a_proposal(answer):
    methods = (answer[0] / "out" / "power" / "methods.md").read_text()
    assert re.findall(r"[a-z]+_[a-z_]+", methods) == []


def test_what_is_written_is_whole(answer):
    out = answer[0] / "out" / "power"
    page = (out / "index.html").read_text()
    for part in (
        "Power along each size",
        "What was held",
        "For the methods section",
        "data:image/svg+xml",
    ):
        assert part in page
    assert "://" not in page
    methods = (out / "methods.md").read_text()
    assert "Monte-Carlo error" in methods
    assert "seed 1" in methods
    assert r"\%" in (out / "methods.tex").read_text()
    designs = pl.read_csv(out / "designs.csv")
    assert {"n_firms", "n_workers", "power_low", "relative_bias", "coverage", "size"} <= set(
        designs.columns
    )
    assert json.loads((out / "study.json").read_text())["seeds"] == {
        "explore": 1,
        "confirm": 2,
        "neighbours": 3,
    }


def test_a_second_run_goes_on_from_the_ledger_and_says_the_same(answer):
    folder, first = answer
    ledger = folder / "out" / "power" / "ledger"
    before = sorted(p.name for p in ledger.iterdir())
    times = {p.name: p.stat().st_mtime_ns for p in ledger.iterdir()}
    again = run("power", *EFFECT, *SIZES, *COSTS, *FEW, "--roll-out", "firms", cwd=folder)
    assert again.stdout == first.stdout
    assert sorted(p.name for p in ledger.iterdir()) == before
    assert {p.name: p.stat().st_mtime_ns for p in ledger.iterdir()} == times


def asked(
    *, vary=(), roll_out=(), cost=(), costs=(("firm", 100.0),), limit=(), settings=(), **given
):
    """A study as flags state it, for an effect of 30 percent within 3,000 unless said otherwise."""
    given = {"effect": "delta_log_sd=-30%", "budget": 3_000.0, **given}
    return with_flags(
        PowerStudy(),
        given,
        vary=vary,
        roll_out=roll_out,
        cost=cost,
        costs=dict(costs),
        limit=limit,
        settings=settings,
    )


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"costs": ()}, "no costs: state at least one"),
        ({"costs": (("items", 2.0),)}, r"did you mean item\?"),
        ({"budget": 100.0}, "below the smallest design, which costs 600"),
        ({"effect": "delta_log_sd=-2"}, "the nearest is"),
        ({"limit": ["firms=300:400"]}, "leaves no design"),
        ({"limit": ["firms=30"]}, "expected name=low:high"),
        ({"effect": "", "terms": ("H3",)}, "no table postings"),
        ({"vary": ["firm=3"]}, r"did you mean firms\?"),
        ({"roll_out": ["firm"]}, r"did you mean firms\?"),
        ({"settings": ["output_nois=1"]}, r"did you mean output_noise\?"),
        ({"effect": "", "terms": ()}, "no term: name one"),
        ({"power": 80.0}, "expected between 0 and 1"),
    ],
)
def test_bad_input_is_refused_before_anything_is_drawn(given, said):
    with pytest.raises(ModelError, match=said):
        asked(**given).check()


def test_all_that_is_wrong_is_said_at_once():
    with pytest.raises(ParameterError, match=r"(?s)power = 80.*no costs"):
        asked(power=80.0, costs=()).check()


def test_flags_of_other_forms_are_listed_with_whatever_else_is_wrong_each_once():
    with pytest.raises(ParameterError) as error:
        asked(
            power=80.0,
            limit=["frms=3"],
            vary=["firm=3"],
            settings=["output_nois=.3"],
            cost=["firm=x"],
            costs=(),
        )
    message = str(error.value)
    assert message.startswith("power: 5 problems")
    for part in ("'firm=x'", "'frms=3'", "'firm=3'", "power = 80", "output_nois=.3"):
        assert message.count(part) == 1


def test_on_the_command_line_an_error_is_one_message(tmp_path):
    done = run("power", *EFFECT, "--budget", 100, "--cost", "firm=100", cwd=tmp_path)
    assert done.returncode == 1
    assert "below the smallest design" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.rglob("*.parquet"))


def test_init_writes_a_study_that_is_read_back(tmp_path):
    path = tmp_path / "study.toml"
    path.write_text(study_text("rct"))
    study = read_study(path)
    assert study.budget == 200_000
    assert study.axes["n_firms"][0] == 6
    assert study.like == "rct"


def test_flags_come_before_what_the_file_says(tmp_path):
    path = tmp_path / "study.toml"
    path.write_text(study_text("rct"))
    study = with_flags(
        read_study(path), {"budget": 5.0, "power": None}, costs={"firm": 1.0}, vary=["firms=6,7"]
    )
    assert (study.budget, study.power, study.costs["firm"]) == (5.0, 0.8, 1.0)
    assert study.axes == {"n_firms": (6, 7)}


def test_all_that_is_wrong_with_a_study_file_is_listed(tmp_path):
    path = tmp_path / "study.toml"
    path.write_text("[question]\nefect = 'x'\n[varry]\na = 1\n[limits]\nfirms = 3\n")
    with pytest.raises(
        ParameterError, match=r"(?s)did you mean effect\?.*did you mean vary\?.*lowest, highest"
    ):
        read_study(path)


def test_one_and_several_items_call_for_other_terms_so_the_term_must_be_named():
    study = PowerStudy(
        terms=("H1",),
        vary={"items": [1, 3], "firms": [8]},
        costs={"firm": 1.0},
        settings=("n_workers=80", "n_tasks=4"),
    )
    with pytest.raises(EstimationError, match="name the term"):
        study.tests  # noqa: B018


def test_a_range_is_whole_numbers_in_steps_and_a_list_is_itself():
    assert axis_values("n_items", "2:5") == (2, 3, 4, 5)
    assert axis_values("n_items", "8,2") == (2, 8)
    assert parse_axes(["roll_out=firms,staggered"])["treatment"] == (
        "randomized_firms",
        "staggered",
    )


def test_an_end_of_a_limit_that_is_left_out_is_none():
    assert parse_limits(["firms=:40", "workers=10:"]) == {
        "firms": (0, 40),
        "workers": (10, float("inf")),
    }


def test_latex_has_no_bare_special_character():
    assert latex("5 % of a_b & c ± 1") == "5 \\% of a\\_b \\& c $\\pm$ 1\n"


def test_every_field_of_every_design_has_a_unit_and_a_meaning():
    for design in load_designs():
        for field in describe_fields(design):
            assert field.unit
            assert field.meaning.endswith(".")


def test_designs_shows_a_variant_field_by_field(tmp_path):
    (noise,) = (f for f in describe_fields(load_design("rct@noisy")) if f.name == "output_noise")
    assert (noise.value, noise.unit) == ("0.75", "log points")
    shown = run("designs", "rct@noisy", cwd=tmp_path).stdout
    assert re.search(r"output_noise[ =]+0\.75[ (]+log points", shown)
