"""Worlds: what the packaged ones are, and files of one's own."""

from pathlib import Path

import pytest

from withintask.panel.errors import ParameterError
from withintask.sim.designs import load_design, load_designs
from withintask.sim.params import load_params, params_hash
from withintask.sim.worlds import load_world, load_worlds
from withintask.tests_of_model.hypotheses.registry import HYPOTHESES

BEFORE = {
    "reference": "fb5dcd0eee0489a1",
    "no_ai": "ef028be8f07baf26",
    "selection": "ef028be8f07baf26",
    "occupation_shock": "ef028be8f07baf26",
    "method_break": "ef028be8f07baf26",
    "multiplicative": "3c16ce3e3ff4a39c",
    "complements": "014c9f6789d19aaa",
    "commodity": "7431bb71c8154328",
}


def mine(tmp_path, text):
    file = tmp_path / "mine.toml"
    file.write_text(text, encoding="utf-8")
    return file


@pytest.mark.parametrize("name", BEFORE)
def test_worlds_have_the_parameters_that_finished_studies_were_run_with(name):
    assert params_hash(load_world(name).change_params(load_params())) == BEFORE[name]


@pytest.mark.parametrize("design", load_designs(), ids=lambda design: design.name)
def test_every_world_can_be_laid_over_every_design(design):
    for world in load_worlds():
        world.change_params(load_params())
        assert world.change_design(design).name == design.name


def test_a_world_says_which_of_its_switches_a_design_cannot_carry():
    found = load_world("weak_null").idle(load_design("postings"))
    assert set(found) == {"effect_sd", "occupation_effect_sd"}
    assert found["effect_sd"].startswith("no table outputs")
    assert load_world("spillover").idle(load_design("rct")) == {}


def test_a_world_of_ones_own_states_only_what_differs(tmp_path):
    text = 'summary = "mine"\nlike = "spillover"\n[params]\ncapability = 2.0\n[design]\nhawthorne = 0.1\n'
    world = load_world(mine(tmp_path, text))
    assert (world.name, world.summary) == ("mine", "mine")
    assert dict(world.params) == {**load_world("reference").params, "capability": 2.0}
    assert dict(world.design) == {"spillover": 0.3, "hawthorne": 0.1}


def test_the_world_of_the_page_can_be_used(tmp_path):
    page = (Path(__file__).resolve().parents[2] / "docs" / "diagnosis.md").read_text(
        encoding="utf-8"
    )
    world = load_world(mine(tmp_path, page.partition("```toml\n")[2].partition("```")[0]))
    assert dict(world.design) == {"spillover": 0.2, "item_choice": 0.05}
    assert world.params["capability"] == 0


def test_a_file_holds_one_world_or_several(tmp_path):
    file = mine(tmp_path, "[a.design]\nspillover = 0.1\n[b]\nlike = 'no_ai'\n")
    assert [world.name for world in load_worlds(file)] == ["a", "b"]
    with pytest.raises(ParameterError, match="expected one world, found 2"):
        load_world(file)


def test_everything_wrong_with_a_world_is_in_one_error(tmp_path):
    text = "[a]\nsumary = ''\nlike = 'refrence'\n[a.params]\ncapabilty = 1\n[a.design]\nspillover = 3.0\n"
    with pytest.raises(ParameterError) as error:
        load_worlds(mine(tmp_path, text))
    for part in ("summary?", "reference?", "capability", "spillover = 3.0", "Nothing was drawn."):
        assert part in str(error.value)


@pytest.mark.parametrize("text", ["", "name = \n", "a = 1\n"])
def test_a_file_that_holds_no_world_is_refused(tmp_path, text):
    with pytest.raises(ParameterError, match=r"mine\.toml"):
        load_world(mine(tmp_path, text))


def test_the_nearest_world_is_suggested():
    with pytest.raises(ParameterError, match="did you mean spillover"):
        load_world("spilover")


def test_terms_that_are_not_judged_exist():
    terms = {term for hypothesis in HYPOTHESES for term in hypothesis.estimands}
    assert {term for world in load_worlds() for term in world.not_judged} <= terms
