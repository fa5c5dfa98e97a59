"""A cluster is asked for an answer and for its versions before any work; who joins or lags changes no byte."""

import socket
import time

import pytest

from withintask.panel.errors import ParameterError
from withintask.sim.designs import load_design
from withintask.sim.params import load_params
from withintask.sim.worlds import load_world
from withintask.tests_of_model.harness import cluster as clusters
from withintask.tests_of_model.harness.parallel import open_executor
from withintask.tests_of_model.harness.replicate import BLOCK, plan, replicate

distributed = pytest.importorskip("distributed")


def start(n_workers):
    return distributed.LocalCluster(
        n_workers=n_workers,
        threads_per_worker=1,
        processes=True,
        host="127.0.0.1",
        dashboard_address=":0",
        silence_logs=50,
    )


@pytest.fixture(scope="module")
def cluster():
    with start(1) as started:
        yield started


@pytest.fixture
def listener():
    """A port that takes calls and never answers."""
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen(5)
        yield f"tcp://127.0.0.1:{mute.getsockname()[1]}"


def refused(address):
    with pytest.raises(ParameterError) as error, open_executor("serial", 1, dask=address):
        pass
    return str(error.value)


def test_a_port_that_nobody_listens_at_is_one_error():
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{closed.getsockname()[1]}"
    assert f"--dask {address}: no scheduler answers there within 4 seconds" in refused(address)


def test_a_port_that_never_answers_is_given_up(listener):
    assert "no scheduler answers there within 4 seconds" in refused(listener)


@pytest.mark.parametrize("address", ["gibberish", "tcp://", "http://127.0.0.1:1"])
def test_what_is_no_address_is_one_error(address):
    assert f"--dask {address}: no scheduler answers" in refused(address)


def test_workers_with_other_code_are_named_before_the_work(cluster, monkeypatch):
    monkeypatch.setattr(clusters, "code_hash", lambda: "f" * 64)
    clusters.versions.cache_clear()
    try:
        message = refused(cluster.scheduler_address)
    finally:
        clusters.versions.cache_clear()
    assert "1 problem" in message
    assert "instead of ffffffffffff" in message


def test_a_worker_that_joins_with_another_version_fails_at_its_first_task():
    expected = {**clusters.versions(), "numpy": "0.1"}
    with pytest.raises(ParameterError, match=r"has numpy .* instead of 0\.1"):
        clusters.run_checked(expected, abs, -1)


def test_a_task_runs_where_versions_agree():
    assert clusters.run_checked(clusters.versions(), max, 1, 2) == 2


def test_a_scheduler_without_workers_is_one_error():
    with start(0) as empty:
        assert "the scheduler has no worker" in refused(empty.scheduler_address)


def test_a_worker_that_joins_or_lags_changes_no_byte(cluster, tmp_path):
    study = plan(
        load_params(),
        [load_design("postings")],
        [load_world("reference")],
        seed=5,
        replicates=3 * BLOCK,
        estimators=["linear_probability"],
    )
    serial = replicate(study)
    joined = []

    def add_one(done, total):
        if not joined:
            cluster.scale(2)
            time.sleep(0.5)
        joined.append(done)

    with open_executor("serial", 1, dask=cluster.scheduler_address) as executor:
        frame = replicate(study, executor=executor, ledger=tmp_path, on_progress=add_one)
    assert joined[-1] == study.n_replicates
    assert frame.equals(serial, null_equal=True)
