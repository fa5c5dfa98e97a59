"""The harness judged by estimators whose bias, coverage and power are known."""

import math
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import polars as pl
import pytest

from withintask.panel.errors import ParameterError, SourceError
from withintask.sim.designs import change_design, load_design
from withintask.sim.params import load_params
from withintask.sim.worlds import load_world, load_worlds
from withintask.tests_of_model.harness import verdict as rule
from withintask.tests_of_model.harness.diagnosands import DIAGNOSANDS, Replicates
from withintask.tests_of_model.harness.diagnose import diagnose, failures, not_estimable, wide
from withintask.tests_of_model.harness.ledger import SCHEMA
from withintask.tests_of_model.harness.parallel import open_executor
from withintask.tests_of_model.harness.reasons import rounded
from withintask.tests_of_model.harness.replicate import BLOCK, plan, replicate, run_block
from withintask.tests_of_model.hypotheses.estimate import NOT_ESTIMABLE

N = 4_000
ESTIMATORS = ("linear_probability", "compression_iv")


def normal_replicates(*, truth, bias=0.0, sd=1.0, said_sd=1.0, n=N, failed=0, seed=0):
    """Replicates of an estimator with known bias, spread and stated standard error."""
    estimate = truth + bias + sd * np.random.default_rng(seed).standard_normal(n)
    estimate[:failed] = np.nan
    p = np.array(
        [math.erfc(abs(x / said_sd) / 2**0.5) if math.isfinite(x) else math.nan for x in estimate]
    )
    half = 1.959964 * said_sd
    return Replicates(
        truth=truth,
        estimate=estimate,
        std_error=np.where(np.isfinite(estimate), said_sd, np.nan),
        p_value=p,
        conf_low=estimate - half,
        conf_high=estimate + half,
    )


def expect(name, one, expected):
    value, error = DIAGNOSANDS[name](one)
    assert abs(value - expected) <= 4 * error, (name, value, expected, error)


def test_diagnosands_of_a_known_estimator():
    one = normal_replicates(truth=2.0, bias=0.3, sd=1.0, said_sd=0.8)
    phi = lambda x: math.erfc(-x / 2**0.5) / 2  # noqa: E731
    expect("bias", one, 0.3)
    expect("relative_bias", one, 0.15)
    expect("empirical_se", one, 1.0)
    expect("rmse", one, math.sqrt(1 + 0.3**2))
    half = 1.959964 * 0.8
    expect("coverage", one, phi(half - 0.3) - phi(-half - 0.3))
    expect("bias_eliminated_coverage", one, 2 * phi(half) - 1)
    expect("power", one, phi(2.3 - half) + phi(-2.3 - half))
    assert DIAGNOSANDS["model_se"](one) == pytest.approx((0.8, 0.0), abs=1e-12)


def test_sign_and_exaggeration_errors_of_a_weak_test():
    one = normal_replicates(truth=0.2, n=200_000)
    phi = lambda x: math.erfc(-x / 2**0.5) / 2  # noqa: E731
    wrong, right = phi(-1.959964 - 0.2), phi(0.2 - 1.959964)
    expect("sign_error", one, wrong / (wrong + right))
    assert DIAGNOSANDS["exaggeration"](one)[0] > 5


def test_failures_stay_in_the_denominator():
    one = normal_replicates(truth=10.0, failed=N // 4)
    assert DIAGNOSANDS["power"](one)[0] == pytest.approx(0.75)
    assert DIAGNOSANDS["coverage"](one)[0] == pytest.approx(
        0.75 * 0.95, abs=4 * (0.7 * 0.3 / N) ** 0.5
    )


def rows(world, one, *, design="d", estimator="e", status="ok"):
    n = one.n
    failed = ~np.isfinite(one.estimate)
    return pl.DataFrame(
        {
            "world": [world] * n,
            "design": [design] * n,
            "design_hash": ["x"] * n,
            "params_hash": ["x"] * n,
            "seed": [0] * n,
            "replicate": list(range(n)),
            "hypothesis": ["H1"] * n,
            "estimator": [estimator] * n,
            "estimator_version": [1] * n,
            "term": ["delta_log_cv"] * n,
            "truth": [one.truth] * n,
            "estimate": one.estimate,
            "std_error": one.std_error,
            "statistic": one.estimate / one.std_error,
            "p_value": one.p_value,
            "conf_low": one.conf_low,
            "conf_high": one.conf_high,
            "n_obs": [1] * n,
            "n_clusters": [1] * n,
            "status": np.where(failed, "failed", status).tolist(),
            "message": ["why"] * n,
        },
        schema=SCHEMA,
    )


def judged(reference, no_ai, **rivals):
    worlds = {"reference": reference, "no_ai": no_ai, **rivals}
    return rule.verdicts(pl.concat([rows(w, one, status="ok") for w, one in worlds.items()])).row(
        0, named=True
    )


STRONG = {"truth": -6.0, "seed": 1}


def test_a_sound_and_strong_estimator_is_identified():
    assert (
        judged(normal_replicates(**STRONG), normal_replicates(truth=0.0))["verdict"] == "identified"
    )


def test_bias_in_the_reference_world_is_named_with_its_size():
    row = judged(normal_replicates(**STRONG, bias=1.0), normal_replicates(truth=0.0))
    assert row["verdict"] == "biased"
    assert row["reason"].startswith("reference: bias +")


def test_bias_in_a_rival_world_takes_identification_away():
    row = judged(
        normal_replicates(**STRONG),
        normal_replicates(truth=0.0),
        method_break=normal_replicates(truth=0.0, bias=-2.0),
    )
    assert (row["verdict"], row["reason"].split(":")[0]) == ("biased", "method_break")


def test_a_design_is_judged_with_the_most_trusted_estimator_that_runs_not_with_the_one_the_truth_favours():
    null, deceived = normal_replicates(truth=0.0), normal_replicates(**STRONG, bias=1.0)
    references = {
        "dispersion_between_arms": normal_replicates(**STRONG),
        "dispersion_by_access": deceived,
    }
    frames = [
        rows(world, one, estimator=estimator)
        for estimator, reference in references.items()
        for world, one in (("reference", reference), ("no_ai", null))
    ]
    table = rule.verdicts(pl.concat(frames))
    assert dict(table.select("estimator", "verdict").iter_rows()) == {
        "dispersion_between_arms": "identified",
        "dispersion_by_access": "biased",
    }
    assert table.filter("is_chosen")["estimator"].to_list() == ["dispersion_by_access"]


def test_an_estimator_that_may_not_stand_is_judged_only_where_no_other_runs():
    worlds = {"reference": normal_replicates(**STRONG), "no_ai": normal_replicates(truth=0.0)}
    last_resort, trusted = (
        pl.concat([rows(world, one, estimator=name) for world, one in worlds.items()])
        for name in ("deviation_regression", "dispersion_by_access")
    )
    both = rule.verdicts(pl.concat([last_resort, trusted])).filter("is_chosen")
    alone = rule.verdicts(last_resort).filter("is_chosen")
    assert both["estimator"].to_list() == ["dispersion_by_access"]
    assert alone["estimator"].to_list() == ["deviation_regression"]


def test_a_rival_that_changes_nothing_is_reported_and_not_counted():
    null = normal_replicates(truth=0.0)
    row = judged(
        normal_replicates(**STRONG), null, idle=null, other=normal_replicates(truth=0.0, seed=5)
    )
    assert (row["n_rivals"], row["idle"]) == (1, ["idle"])


def test_a_rival_in_which_the_estimator_cannot_run_is_reported_and_not_counted():
    null = normal_replicates(truth=0.0)
    frames = [
        rows("reference", normal_replicates(**STRONG)),
        rows("no_ai", null),
        rows("lacking", normal_replicates(truth=0.0, n=50, failed=50), status=NOT_ESTIMABLE),
    ]
    frames[2] = frames[2].with_columns(status=pl.lit(NOT_ESTIMABLE))
    (row,) = rule.verdicts(pl.concat(frames)).iter_rows(named=True)
    assert (row["verdict"], row["idle"]) == ("identified", ["lacking"])


def test_replicates_without_the_reference_world_are_refused():
    with pytest.raises(ParameterError, match="expected replicates in the world 'reference'"):
        rule.verdicts(rows("no_ai", normal_replicates(truth=0.0, n=5)))


def test_where_nothing_can_be_estimated_the_best_lacks_least():
    one = normal_replicates(truth=1.0, n=5)
    frames = [
        rows("reference", one, estimator=name, status=NOT_ESTIMABLE).with_columns(
            message=pl.lit(said)
        )
        for name, said in (("far", "a: x; b: x; c: x"), ("near", "a: x"))
    ]
    best = rule.verdicts(pl.concat(frames)).filter("is_chosen").row(0, named=True)
    assert (best["estimator"], best["reason"]) == ("near", "a: x")


def test_a_truth_of_rounding_has_no_relative_bias():
    one = normal_replicates(truth=-3e-16)
    assert all(math.isnan(DIAGNOSANDS[name](one)[0]) for name in ("relative_bias", "sign_error"))


def test_a_test_that_rejects_too_often_is_size_distorted():
    row = judged(normal_replicates(**STRONG), normal_replicates(truth=0.0, said_sd=0.6))
    assert row["verdict"] == "size-distorted"


def test_an_underpowered_design_is_told_the_sample_that_would_do():
    row = judged(normal_replicates(truth=-1.0), normal_replicates(truth=0.0))
    assert row["verdict"] == "underpowered"
    assert row["sample_factor"] == pytest.approx((1.959964 + 0.841621) ** 2, rel=0.1)


def test_a_missing_column_is_not_estimable_and_named():
    row = rule.verdicts(
        rows("reference", normal_replicates(truth=1.0, n=5), status=NOT_ESTIMABLE)
    ).row(0, named=True)
    assert (row["verdict"], row["reason"]) == ("not estimable", "why")


@pytest.fixture(scope="module")
def study():
    designs = [load_design("postings"), load_design("postings-screening")]
    worlds = [load_world("reference"), load_world("no_ai")]
    return plan(load_params(), designs, worlds, seed=3, replicates=BLOCK + 5, estimators=ESTIMATORS)


@pytest.fixture(scope="module")
def serial(study):
    return replicate(study)


def test_every_replicate_has_a_row_for_every_term(study, serial):
    assert serial.height == study.n_replicates * 2
    assert (
        serial.unique(["world", "design", "replicate", "estimator", "term"]).height == serial.height
    )


def test_replicates_differ_and_designs_share_their_shocks(serial):
    one = serial.filter(
        (pl.col("estimator") == "linear_probability") & (pl.col("world") == "reference")
    )
    assert one.filter(pl.col("design") == "postings")["estimate"].n_unique() == BLOCK + 5
    estimates = [
        one.filter(pl.col("design") == d)["estimate"] for d in ("postings", "postings-screening")
    ]
    assert estimates[0].equals(estimates[1])


@pytest.mark.parametrize("engine", ["threads", "processes"])
def test_engines_give_identical_rows(engine, study, serial):
    with open_executor(engine, 2) as executor:
        assert replicate(study, executor=executor).equals(serial, null_equal=True)


def test_a_killed_run_resumes_and_ends_with_the_same_bytes(study, serial, tmp_path):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    replicate(study, ledger=whole)
    calls = []

    def stop_early(done, total):
        calls.append(done)
        if len(calls) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        replicate(study, ledger=broken, on_progress=stop_early)
    assert 0 < len(list(broken.glob("*.parquet"))) < len(list(whole.glob("*.parquet")))
    assert replicate(study, ledger=broken).equals(serial, null_equal=True)
    names = sorted(path.name for path in whole.iterdir())
    assert names == sorted(path.name for path in broken.iterdir())
    assert all((whole / n).read_bytes() == (broken / n).read_bytes() for n in names)


def test_a_resumed_run_computes_only_what_is_missing(study, tmp_path, monkeypatch):
    replicate(study, ledger=tmp_path)
    monkeypatch.setattr(
        "withintask.tests_of_model.harness.replicate.run_block",
        lambda *a: pytest.fail("ran a stored block"),
    )
    replicate(study, ledger=tmp_path)


def test_a_new_version_of_an_estimator_is_run_again(study, tmp_path, monkeypatch):
    from dataclasses import replace

    from withintask.tests_of_model.harness import replicate as module

    replicate(study, ledger=tmp_path)
    module._estimators.cache_clear()
    current = module.choose()
    newer = tuple(
        (h, replace(e, version=e.version + 1) if e.name == "compression_iv" else e)
        for h, e in current
    )
    monkeypatch.setattr(module, "choose", lambda *a: newer)
    ran = []
    monkeypatch.setattr(
        module, "run_block", lambda block, named: ran.append(named) or run_block(block, named)
    )
    frame = replicate(study, ledger=tmp_path)
    module._estimators.cache_clear()
    assert set(ran) == {(("H3", "compression_iv"),)}
    raised = {e.version for _, e in newer if e.name == "compression_iv"}
    assert set(frame.filter(pl.col("estimator") == "compression_iv")["estimator_version"]) == raised


def test_a_damaged_part_is_refused_by_name(study, tmp_path):
    replicate(study, ledger=tmp_path)
    part = next(tmp_path.glob("*.parquet"))
    part.write_bytes(part.read_bytes()[:100])
    with pytest.raises(SourceError, match=part.name):
        replicate(study, ledger=tmp_path)


@pytest.mark.parametrize("spoil", ["too few", "twice", "of another seed"])
def test_a_part_without_every_replicate_once_is_run_again(study, serial, tmp_path, spoil):
    replicate(study, ledger=tmp_path)
    part = next(tmp_path.glob("*.parquet"))
    rows = pl.read_parquet(part)
    spoilt = {
        "too few": rows.filter(pl.col("replicate") > pl.col("replicate").min()),
        "twice": pl.concat([rows, rows.head(1)]),
        "of another seed": rows.with_columns(seed=pl.col("seed") + 1),
    }[spoil]
    spoilt.write_parquet(part)
    assert replicate(study, ledger=tmp_path).equals(serial)


def test_a_failed_fit_is_a_row_with_its_message(serial):
    gaps = not_estimable(serial)
    assert (
        gaps.filter(pl.col("design") == "postings")["message"]
        .str.contains("screening.work_sample_log")
        .all()
    )
    assert failures(serial).filter(pl.col("estimator") == "linear_probability").is_empty()
    assert wide(diagnose(serial))["n_failed"].sum() == 0


@pytest.mark.parametrize("world", ["sorting", "firm_shocks", "selection", "weak_null"])
def test_estimates_that_read_no_outputs_are_the_same_where_outputs_are_not_drawn(world):
    sizes = {"n_workers": 480, "n_firms": 24, "n_occupations": 24, "n_postings_by_occupation": 20}
    design = change_design(load_design("everything-linked"), **sizes)
    names = ["mincer_iv", "linear_probability", "variance_contrast", "leave_out"]

    def rows(estimators):
        study = plan(
            load_params(),
            [design],
            [load_world(world)],
            seed=2,
            replicates=1,
            estimators=estimators,
        )
        return replicate(study).filter(pl.col("estimator").is_in(names))

    assert rows(names).equals(rows([*names, "gradient"]), null_equal=True)


def test_bad_requests_are_refused():
    with pytest.raises(ParameterError, match="expected at least 1"):
        plan(load_params(), [load_design("rct")], load_worlds()[:1], seed=1, replicates=0)
    with pytest.raises(ParameterError, match="unknown hypothesis or estimator: nonsense"):
        plan(
            load_params(),
            [load_design("rct")],
            load_worlds()[:1],
            seed=1,
            replicates=1,
            estimators=["nonsense"],
        )
    with (
        pytest.raises(ParameterError, match="expected serial, threads or processes"),
        open_executor("gpu", 1),
    ):
        pass
    with pytest.raises(ParameterError, match="did you mean reference"):
        load_world("refrence")
    with pytest.raises(ParameterError, match="unknown; known are"):
        diagnose(pl.DataFrame(schema=SCHEMA), ("biass",))


def test_threads_share_one_economy(study):
    with ThreadPoolExecutor(2) as threads:
        assert replicate(study, executor=threads).height > 0


def test_dask_gives_the_same_rows_though_a_worker_is_killed(study, serial, tmp_path):
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            processes=True,
            host="127.0.0.1",
            dashboard_address=None,
            silence_logs=50,
        ) as cluster,
        distributed.Client(cluster) as client,
        client.get_executor(pure=False) as executor,
    ):
        victim = next(iter(client.scheduler_info()["workers"].values()))["id"]
        pid = next(w.pid for name, w in cluster.workers.items() if name == victim)
        seen = []

        def kill_one(done, total):
            if not seen:
                os.kill(pid, signal.SIGKILL)
            seen.append(done)

        frame = replicate(study, executor=executor, ledger=tmp_path, on_progress=kill_one)
    assert frame.equals(serial, null_equal=True)
    assert seen[-1] == study.n_replicates


SLOW_RUN = f"""
import sys, time
from pathlib import Path
from withintask.sim.designs import load_design
from withintask.sim.params import load_params
from withintask.sim.worlds import load_world
from withintask.tests_of_model.harness.replicate import plan, replicate

study = plan(load_params(), [load_design("postings")], [load_world("reference")], seed=3,
             replicates={8 * BLOCK}, estimators=["linear_probability"])
replicate(study, ledger=Path(sys.argv[1]), on_progress=lambda done, total: time.sleep(0.3))
"""


def test_a_process_killed_outright_leaves_a_valid_ledger(tmp_path):
    process = subprocess.Popen([sys.executable, "-c", SLOW_RUN, str(tmp_path)])
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob("[!.]*.parquet")) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.kill()
    process.wait()
    parts = [pl.read_parquet(path) for path in tmp_path.glob("[!.]*.parquet")]
    assert 0 < len(parts) < 8
    assert all(dict(part.schema) == SCHEMA for part in parts)


def test_a_share_without_a_miss_has_a_monte_carlo_error_and_replicates_two_digits():
    worlds = {
        "reference": normal_replicates(truth=-60.0, n=20),
        "no_ai": normal_replicates(truth=0.0, n=20),
    }
    frame = pl.concat([rows(world, one) for world, one in worlds.items()])
    (row,) = rule.verdicts(frame).iter_rows(named=True)
    assert row["power"] == 1.0
    assert row["power_mc_se"] > 0
    assert [rounded(x) for x in (3.2, 61.0, 1303.0, 98_765.0)] == [4, 61, 1400, 99_000]
