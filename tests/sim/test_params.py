"""Parameters and designs: every problem in one error, nearest names, nothing drawn."""

import dataclasses
from importlib.resources import files

import polars as pl
import pytest

from withintask.panel.errors import ParameterError
from withintask.panel.notation import parameter_names
from withintask.panel.schema import SCHEMAS
from withintask.panel.validate import validate
from withintask.sim.design_checks import OBSERVABLE, check_design
from withintask.sim.designs import change_design, design_hash, load_design, load_designs
from withintask.sim.economy import solve_economy
from withintask.sim.params import Params, load_params, load_sources, make_params, params_hash, vary
from withintask.sim.shocks import draw_shocks
from withintask.sim.simulate import simulate, simulate_many

DESIGNS = [design.name for design in load_designs()]


@pytest.fixture
def values(params):
    return dataclasses.asdict(params)


def test_parameters_are_the_names_of_the_notation_table():
    assert tuple(field.name for field in dataclasses.fields(Params)) == parameter_names()


def test_every_baseline_value_lies_in_its_plausible_range_and_has_a_source():
    for name, entry in load_sources().items():
        low, high = entry.range
        assert low <= entry.value <= high, name
        assert entry.source, name
        assert entry.unit, name


def test_both_ends_of_every_plausible_range_are_admissible(values):
    for name, entry in load_sources().items():
        for end in entry.range:
            make_params({**values, name: end})


def test_all_problems_of_a_parameter_set_are_in_one_error(values):
    del values["ability_sd"]
    wrong = {
        **values,
        "substitution": -1.0,
        "rent_sharing": 2,
        "n_tasks": 2.5,
        "own_gini": "high",
        "etha": 1,
    }
    with pytest.raises(ParameterError) as error:
        make_params(wrong)
    message = str(error.value)
    assert message.startswith("parameters: 6 problems")
    for part in (
        "ability_sd: missing",
        "substitution = -1.0",
        "rent_sharing = 2",
        "n_tasks = 2.5",
        "own_gini = 'high'",
        "etha: unknown",
    ):
        assert part in message


def test_the_nearest_known_parameter_is_suggested(values):
    with pytest.raises(ParameterError, match="did you mean rent_sharing"):
        make_params({**values, "rent_sharin": 0.2})


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"n_cog_tasks": 6}, "n_cog_tasks"),
        ({"proprietary_gap": 0.8}, "proprietary_gap"),
        ({"rent_sharing": 0.95, "rent_sharing_gap": 0.1}, "rent_sharing_gap"),
        ({"unexposed_share": 0.99}, "no exposed occupation"),
        ({"capability": float("nan")}, "capability"),
        ({"n_occupations": True}, "n_occupations"),
    ],
)
def test_values_that_do_not_fit_are_refused(params, change, part):
    with pytest.raises(ParameterError, match=part):
        vary(params, **change)


def test_a_file_that_is_not_toml_is_refused_by_name(tmp_path):
    file = tmp_path / "bad.toml"
    file.write_text("ability_sd = = 1", encoding="utf-8")
    with pytest.raises(ParameterError, match=r"bad\.toml"):
        load_params(file)


def test_an_entry_without_source_is_refused(tmp_path):
    file = tmp_path / "thin.toml"
    file.write_text(
        "[ability_sd]\nvalue = 0.4\n[substitution]\nvalue = 2\nunit = '1'\n", encoding="utf-8"
    )
    with pytest.raises(ParameterError, match="2 problems"):
        load_params(file)


def test_equal_parameters_have_equal_hashes_and_others_differ(params):
    assert params_hash(params) == params_hash(load_params())
    assert params_hash(params) != params_hash(vary(params, rent_sharing=0.16))


# Designs -------------------------------------------------------------------------------------------


def test_there_are_twelve_designs_in_order():
    assert [design.number for design in load_designs()] == list(range(1, 13))


def test_what_the_simulator_can_fill_is_in_the_schema():
    for table, columns in OBSERVABLE.items():
        assert set(columns) <= set(SCHEMAS[table].columns()), table


@pytest.mark.parametrize("name", DESIGNS)
def test_a_design_yields_exactly_its_tables_and_columns(economy, name):
    design = load_design(name)
    panel = simulate(economy, design, draw_shocks(design, seed=1))
    assert {table: tuple(frame.columns) for table, frame in panel.tables().items()} == dict(
        design.columns
    )


@pytest.mark.parametrize("name", DESIGNS)
def test_a_simulated_panel_breaks_no_rule(industries, name):
    nuisance = {
        "attrition": 0.2,
        "output_noise": 0.1,
        "task_reassignment": 0.2,
        "rating_ceiling": 2.0,
        "top_code": 2.0,
    }
    design = change_design(load_design(name), **nuisance)
    if design.has_outputs:
        outputs = (*design.columns["outputs"], "rating_ceiling")
        design = change_design(design, columns={**design.columns, "outputs": outputs})
    validate(simulate(industries, design, draw_shocks(design, seed=1)))


def test_all_problems_of_a_design_are_in_one_error():
    with pytest.raises(ParameterError) as error:
        change_design(
            load_design("rct"),
            n_firms=0,
            attrition=0.7,
            treatment="some",
            columns={
                "outputs": ("worker_id", "otput"),
                "works": ("worker_id",),
                "postings": ("posting_id",),
            },
        )
    message = str(error.value)
    assert "6 problems" in message
    for part in (
        "n_firms",
        "attrition",
        "treatment",
        "did you mean output?",
        "did you mean workers?",
        "n_postings_by_occupation",
    ):
        assert part in message
    assert message.endswith("Nothing was drawn.")


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"n_workers": -5}, "n_workers = -5"),
        ({"n_workers": 2.5}, "n_workers = 2.5"),
        ({"is_repeated_cross_section": "no"}, "true or false"),
        ({"is_repeated_cross_section": True}, "columns.workers"),
        ({"output_noise": float("nan")}, "output_noise"),
        ({"ability_selection": 1.5}, "ability_selection"),
        ({"n_pre": 0, "n_post": 0}, "expected a period"),
        ({"outcome": "grade"}, "outcome = 'grade'"),
        ({"score_floor": 2.0}, "below score_ceiling"),
        ({"score_slope": float("inf")}, "a finite number"),
        ({"count_mean": 0.0}, "above 0"),
        ({"n_items": 0, "n_raters": 0}, "n_raters = 0"),
        ({"columns": {"workers": ("worker_id", "worker_id")}}, "worker_id: named 2 times"),
    ],
)
def test_impossible_designs_are_refused(change, part):
    with pytest.raises(ParameterError, match=part):
        change_design(load_design("rct"), **change)


def test_the_nearest_known_field_and_design_are_suggested():
    with pytest.raises(ParameterError, match="did you mean attrition"):
        change_design(load_design("rct"), atrition=0.1)
    with pytest.raises(ParameterError, match="did you mean rct"):
        load_design("rtc")


def test_problems_of_all_design_files_are_listed(tmp_path):
    for name in ("a", "b"):
        (tmp_path / f"{name}.toml").write_text(f"name = '{name}'\nnumbr = 1\n", encoding="utf-8")
    with pytest.raises(ParameterError) as error:
        load_designs(tmp_path)
    assert "a.toml" in str(error.value)
    assert "b.toml" in str(error.value)
    assert "did you mean number" in str(error.value)


def test_more_tasks_than_an_occupation_has_are_refused_before_anything_is_drawn(economy):
    design = change_design(load_design("everything-linked"), n_tasks=6)
    with pytest.raises(ParameterError, match="an occupation has 5"):
        check_design(design, economy.params)
    with pytest.raises(ParameterError, match="Nothing was drawn"):
        next(simulate_many(economy, design, seed=1, replicates=range(1)))


def test_control_tasks_are_refused_where_ai_reaches_all(params):
    everywhere = vary(params, n_cog_tasks=5, unexposed_share=0.0)
    economy = solve_economy(everywhere, n_workers=2**8)
    with pytest.raises(ParameterError, match="n_control_tasks"):
        check_design(load_design("task-cross-section"), economy.params)


def test_a_design_hash_names_every_field():
    design = load_design("rct")
    assert design_hash(design) == design_hash(load_design("rct"))
    assert design_hash(design) != design_hash(change_design(design, n_workers=401))
    assert design_hash(design) != design_hash(
        change_design(design, columns={"workers": ("worker_id",)})
    )


def test_a_design_of_ones_own_states_only_what_differs(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('like = "rct"\nn_workers = 80\n', encoding="utf-8")
    expected = change_design(load_design("rct"), name="mine", number=0, summary="", n_workers=80)
    assert load_design(path) == expected


def test_a_variant_is_named_behind_a_design(tmp_path):
    noisy = load_design("rct@noisy")
    assert noisy == change_design(load_design("rct"), name="rct@noisy", output_noise=0.75)
    path = tmp_path / "a@b" / "mine.toml"
    path.parent.mkdir()
    path.write_text('like = "rct"\nn_workers = 80\n', encoding="utf-8")
    assert load_design(path).n_workers == 80
    assert load_design(f"{path}@laboratory").output_noise == 0.15
    with pytest.raises(ParameterError, match="did you mean noisy"):
        load_design("rct@nosy")


def test_a_file_of_several_designs_shares_its_defaults(tmp_path):
    path = tmp_path / "mine.toml"
    text = '[defaults]\nlike = "rct"\nn_workers = 80\n[small]\n[large]\nn_workers = 160\n'
    path.write_text(text, encoding="utf-8")
    assert [(d.name, d.n_workers) for d in load_designs(path)] == [("small", 80), ("large", 160)]
    with pytest.raises(ParameterError, match="expected one design, found 2"):
        load_design(path)


def test_a_design_that_shows_nothing_is_refused(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text("n_workers = 80\n", encoding="utf-8")
    with pytest.raises(ParameterError, match="columns: missing"):
        load_design(path)


def test_the_packaged_designs_have_the_noise_and_mobility_of_real_panels():
    designs = {design.name: design for design in load_designs()}
    seen = [design for design in designs.values() if design.has_outputs]
    assert {(design.output_noise, design.n_items) for design in seen} == {(0.5, 8)}
    assert all(designs[name].mobility > 0 for name in ("linked-pay", "everything-linked"))


def test_every_number_of_real_data_in_the_packaged_designs_has_a_source_or_is_called_assumed():
    text = files("withintask.sim").joinpath("designs.toml").read_text(encoding="utf-8")
    kinds = ("noise", "persistence", "premium_sd", "mobility", "n_items")
    lines = [line for line in text.splitlines() if line.split(" = ")[0].endswith(kinds)]
    of_variants = 3  # the source of all three stands above them
    bare = [line for line in lines if "#" not in line and not line.endswith(" = 0.0")]
    assert len(lines) > 10
    assert len(bare) == of_variants, bare


def test_firm_effects_are_a_fifth_of_the_variance_of_log_pay(economy):
    panel = simulate(
        economy, load_design("linked-pay"), draw_shocks(load_design("linked-pay"), seed=1)
    )
    first = panel.pay.filter(pl.col("period") == 0)
    total = float(first["pay"].log().var())
    assert 0.17 < load_design("linked-pay").firm_premium_sd ** 2 / total < 0.23
