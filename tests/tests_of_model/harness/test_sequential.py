"""Replicates where they decide: which blocks are run, and that it does not matter how."""

import numpy as np
import polars as pl
import pytest

from withintask.panel.errors import ParameterError
from withintask.sim.designs import change_design, load_design
from withintask.sim.params import load_params
from withintask.sim.worlds import load_world
from withintask.tests_of_model.harness.ledger import SCHEMA
from withintask.tests_of_model.harness.parallel import open_executor
from withintask.tests_of_model.harness.replicate import plan, replicate
from withintask.tests_of_model.harness.rule import Looks
from withintask.tests_of_model.harness.sequential import make_looks, replicate_until_decided
from withintask.tests_of_model.harness.verdict import BASES

WORLDS = [load_world(name) for name in ("reference", "no_ai", "degree_inflation")]
DESIGNS = [load_design(name) for name in ("postings", "postings-screening")]


def made_up(bias_by_design, bias_of_reference=0.0):
    """Return a runner of studies whose bias is known, and the blocks that it was asked for."""
    asked = []

    def run(study):
        asked.append({(b.world, b.design.name, b.first) for b in study.blocks})
        frames = []
        for block in study.blocks:
            n = block.last - block.first
            truth = 1.0 if block.world == "reference" else 0.0
            seed = [block.first, len(block.world), len(block.design.name)]
            bias = {
                "degree_inflation": bias_by_design[block.design.name],
                "reference": bias_of_reference,
            }.get(block.world, 0.0)
            estimate = truth + bias + 0.1 * np.random.default_rng(seed).standard_normal(n)
            frames.append(
                pl.DataFrame(
                    {
                        **dict.fromkeys(SCHEMA, None),
                        "world": block.world,
                        "design": block.design.name,
                        "replicate": range(block.first, block.last),
                        "hypothesis": "H3",
                        "estimator": "linear_probability",
                        "term": "delta_credential",
                        "truth": truth,
                        "estimate": estimate,
                        "p_value": np.full(n, 1.0 - truth),
                        "conf_low": estimate - 1,
                        "conf_high": estimate + 1,
                        "status": "ok",
                    },
                    schema=SCHEMA,
                )
            )
        return pl.concat(frames)

    return run, asked


def words(judged):
    chosen = judged.verdicts.filter("is_chosen", claim="H3")
    return dict(chosen.select("design", "verdict").iter_rows())


def test_replicates_are_added_only_where_they_can_decide():
    run, asked = made_up({"postings": 0.5, "postings-screening": 0.08})
    frame, judged = replicate_until_decided(
        load_params(), DESIGNS, WORLDS, seed=1, looks=make_looks(400), run=run
    )
    assert words(judged) == {"postings": "biased", "postings-screening": "identified"}
    bases, first, *_ = asked
    assert {(world, design) for world, design, _ in bases} == {
        (world, design) for world in BASES for design in words(judged)
    }
    assert {world for world, _, _ in first} == {"degree_inflation"}
    # Twenty-five replicates show a bias of half the truth; nothing is added for it.
    assert {design for _, design, _ in asked[-1]} == {"postings-screening"}
    counts = {(w, d): n for w, d, n in frame.group_by("world", "design").len().iter_rows()}
    assert counts["degree_inflation", "postings"] == 25
    assert counts["degree_inflation", "postings-screening"] > 25


def test_a_cell_that_is_decided_without_rivals_is_not_tried_in_them():
    run, asked = made_up({"postings": 0.0, "postings-screening": 0.0}, bias_of_reference=0.5)
    _, judged = replicate_until_decided(
        load_params(), DESIGNS, WORLDS, seed=1, looks=make_looks(400), run=run
    )
    assert set(words(judged).values()) == {"biased"}
    assert len(asked) == 1


def test_a_rival_in_which_a_figure_seems_bad_goes_on_alone():
    run, _ = made_up({"postings": 0.18, "postings-screening": 0.18})
    frame, judged = replicate_until_decided(
        load_params(),
        DESIGNS,
        [*WORLDS, load_world("degree_reset")],
        seed=1,
        looks=make_looks(400),
        run=run,
    )
    assert set(words(judged).values()) == {"biased"}
    counts = {(w, d): n for w, d, n in frame.group_by("world", "design").len().iter_rows()}
    assert {counts["degree_reset", design.name] for design in DESIGNS} == {25}
    assert max(counts["degree_inflation", design.name] for design in DESIGNS) > 25


def test_what_a_cell_is_without_rivals_is_decided_too():
    run, _ = made_up({"postings": 0.5, "postings-screening": 0.5})
    _, judged = replicate_until_decided(
        load_params(), DESIGNS, WORLDS, seed=1, looks=make_looks(400), run=run
    )
    chosen = judged.verdicts.filter("is_chosen", claim="H3")
    assert chosen.select("verdict", "alone").unique().rows() == [("biased", "identified")]


def test_what_no_reachable_number_decides_is_given_up():
    run, asked = made_up({"postings": 0.5, "postings-screening": 0.1})
    _, judged = replicate_until_decided(
        load_params(), DESIGNS, WORLDS, seed=1, looks=make_looks(1000), run=run
    )
    assert words(judged)["postings-screening"] == "inconclusive"
    assert max(first for blocks in asked for _, _, first in blocks) < 1000 - 25


def test_only_estimators_with_which_a_design_is_judged_are_tried_in_rival_worlds(small):
    several = {**small, "worlds": WORLDS, "looks": Looks(sizes=(25,))}
    frame, judged = replicate_until_decided(
        **several | {"estimators": ["logit", "linear_probability"]}
    )
    tried = frame.group_by("estimator").agg(pl.col("world").unique().sort())
    assert dict(tried.iter_rows()) == {
        "linear_probability": ["degree_inflation", "no_ai", "reference"],
        "logit": ["no_ai", "reference"],
    }
    beside = judged.verdicts.filter(claim="H3", estimator="logit").row(0, named=True)
    assert (beside["is_chosen"], beside["n_rivals"]) == (False, 0)
    assert beside["verdict"] != "identified"


def test_no_block_is_asked_for_twice():
    run, asked = made_up({"postings": 0.095, "postings-screening": 0.095})
    replicate_until_decided(load_params(), DESIGNS, WORLDS, seed=1, looks=make_looks(400), run=run)
    assert sum(map(len, asked)) == len(set().union(*asked))


@pytest.fixture(scope="module")
def small():
    """One design that is undecided at the first of two looks, in two worlds."""
    design = change_design(load_design("postings"), n_postings_by_occupation=40)
    return {
        "params": load_params(),
        "designs": [design],
        "worlds": WORLDS[:2],
        "seed": 3,
        "looks": Looks(sizes=(25, 50)),
        "estimators": ["linear_probability"],
    }


@pytest.fixture(scope="module")
def serial(small):
    return replicate_until_decided(**small)


def test_the_replicates_are_those_of_a_study_of_that_size(small, serial):
    whole = plan(
        small["params"],
        small["designs"],
        small["worlds"],
        seed=3,
        replicates=50,
        estimators=small["estimators"],
    )
    rows = replicate(whole).join(serial[0], on=["world", "replicate"], how="semi")
    assert serial[0].height > 2 * 25
    assert serial[0].equals(rows, null_equal=True)


def test_engines_and_a_resumed_run_give_the_same_verdicts(small, serial, tmp_path):
    calls = []

    def stop_after_the_first_look(study):
        if calls:
            raise KeyboardInterrupt
        calls.append(study)
        return replicate(study, ledger=tmp_path)

    with pytest.raises(KeyboardInterrupt):
        replicate_until_decided(**small, run=stop_after_the_first_look)
    with open_executor("threads", 2) as threads:
        frame, judged = replicate_until_decided(
            **small, run=lambda study: replicate(study, ledger=tmp_path, executor=threads)
        )
    assert frame.equals(serial[0], null_equal=True)
    assert judged.verdicts.equals(serial[1].verdicts, null_equal=True)
    assert judged.worlds.equals(serial[1].worlds, null_equal=True)


def test_looks_end_at_the_limit_in_whole_blocks():
    assert make_looks(1000).sizes == (25, 100, 400, 1000)
    assert make_looks(210).sizes == (25, 100, 200)
    assert make_looks(16).sizes == (16,)
    with pytest.raises(ParameterError, match="expected at least 1"):
        make_looks(0)
