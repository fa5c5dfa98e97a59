"""Fits, banks and answers from a cluster are those from one process, and a worker that is killed changes no byte."""

import os
import signal

import numpy as np
import polars as pl
import pytest

from withintask.cli.app import app
from withintask.panel.errors import ParameterError
from withintask.sim.designs import load_design
from withintask.sim.economy import solve_economy
from withintask.sim.params import load_params, vary
from withintask.sim.worlds import load_world
from withintask.tests_of_model.harness.parallel import processes
from withintask.tests_of_model.harness.replicate import BLOCK, plan, replicate
from withintask.tests_of_model.moments.bank import make_bank
from withintask.tests_of_model.moments.fit import fit_msm
from withintask.tests_of_model.moments.priors import load_prior
from withintask.tests_of_model.moments.targets import target_from_economy

distributed = pytest.importorskip("distributed")
pytestmark = pytest.mark.slow
DEAD = "tcp://127.0.0.1:1"


@pytest.fixture(scope="module")
def cluster():
    with distributed.LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        processes=True,
        host="127.0.0.1",
        dashboard_address=":0",
        silence_logs=50,
    ) as started:
        yield started


def test_a_fit_from_a_cluster_is_the_same_to_the_last_digit(cluster):
    start = vary(load_params(), n_occupations=10)
    exact = target_from_economy(solve_economy(vary(start, ai_floor=0.7), n_workers=2**10))
    target = exact.with_covariance(np.diag((1e-3 * exact.value) ** 2))
    options = {"n_starts": 2, "n_workers": 2**10, "free": ("ai_floor", "substitution")}
    serial = fit_msm(target, start, **options)
    with processes(1, dask=cluster.scheduler_address) as executor:
        fitted = fit_msm(target, start, executor=executor, **options)
    assert serial.best.point.tobytes() == fitted.best.point.tobytes()
    assert [root.objective for root in serial.roots] == [root.objective for root in fitted.roots]


def test_a_bank_from_a_cluster_is_the_same_to_the_last_digit(cluster):
    made_of = (load_params(), load_prior())
    serial = make_bank(*made_of, n_draws=2**11, n_workers=2**8)
    with processes(1, dask=cluster.scheduler_address) as executor:
        bank = make_bank(*made_of, n_draws=2**11, n_workers=2**8, executor=executor)
    assert serial.features.tobytes() == bank.features.tobytes()


def test_a_worker_that_is_killed_changes_no_byte(cluster):
    study = plan(
        load_params(),
        [load_design("postings")],
        [load_world("reference")],
        seed=5,
        replicates=4 * BLOCK,
        estimators=["linear_probability"],
    )
    serial = replicate(study)
    with distributed.Client(cluster.scheduler_address, set_as_default=False) as client:
        victim = next(iter(client.run(os.getpid).values()))
    killed = []

    def kill_one(done, total):
        if not killed:
            os.kill(victim, signal.SIGKILL)
        killed.append(done)

    with processes(1, dask=cluster.scheduler_address) as executor:
        frame = replicate(study, executor=executor, on_progress=kill_one)
    assert killed[-1] == study.n_replicates
    assert frame.equals(serial, null_equal=True)


def test_a_command_writes_the_same_files_from_a_cluster(cluster, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = ["msm", "noise", "--replicates", "2", "--processes", "1"]
    for name, more in (("one", []), ("many", ["--dask", cluster.scheduler_address])):
        app([*words, "--out", name, *more], result_action="return_value")
    one, many = ((tmp_path / name / "panel_noise.toml").read_bytes() for name in ("one", "many"))
    assert one == many
    parts = [sorted((tmp_path / name / "ledger").iterdir()) for name in ("one", "many")]
    assert [path.name for path in parts[0]] == [path.name for path in parts[1]]
    for first, second in zip(*parts, strict=True):
        assert pl.read_parquet(first).equals(pl.read_parquet(second), null_equal=True)


@pytest.mark.parametrize(
    "words",
    [
        ["msm", "fit"],
        ["msm", "noise", "--out", "n"],
        ["msm", "bank"],
        ["headline", "--out", "h"],
        ["sign"],
    ],
)
def test_every_command_refuses_a_dead_address_before_the_work(words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ParameterError, match=f"--dask {DEAD}: no scheduler answers there"):
        app([*words, "--dask", DEAD], result_action="return_value")


def test_blas_has_one_thread_on_a_worker(cluster):
    def threads():
        from threadpoolctl import threadpool_info

        return [pool["num_threads"] for pool in threadpool_info()]

    with processes(1, dask=cluster.scheduler_address) as executor:
        counts = executor.submit(threads).result()
    assert np.all(np.array(counts) == 1)
