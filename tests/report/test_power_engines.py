"""A study of power is the same bytes on every engine, and a scheduler that is not there is refused first."""

import socket

import pytest

from tests.command_line import run
from withintask.report.power_study import HowToRun, run_and_write
from withintask.tests_of_model.harness.power.study import PowerStudy

SMALL = PowerStudy(
    effect="average_effect_log=15%",
    settings=("n_tasks=3", "n_items=1", "n_firms=4"),
    vary={"workers": [16, 24, 32]},
    costs={"worker": 10.0},
    budget=1_000.0,
    replicates=25,
    explore=25,
)


def written(out, **how):
    """Every file of a study by its place, but for the page, which says with what command it was made."""
    run_and_write(SMALL, HowToRun(out=out, is_robust=False, has_frontier=False, **how))
    files = (path for path in out.rglob("*") if path.is_file())
    return {str(path.relative_to(out)): path.read_bytes() for path in files}


@pytest.fixture(scope="module")
def serial(tmp_path_factory):
    return written(tmp_path_factory.mktemp("serial"), engine="serial")


@pytest.mark.parametrize("engine", ["threads", "processes"])
def test_threads_and_processes_write_the_bytes_of_a_serial_run(serial, engine, tmp_path):
    assert written(tmp_path, engine=engine, n_workers=2) == serial


def test_a_cluster_of_two_workers_writes_the_bytes_of_a_serial_run(serial, tmp_path):
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        processes=True,
        host="127.0.0.1",
        dashboard_address=None,
        silence_logs=50,
    ) as cluster:
        assert written(tmp_path, dask=cluster.scheduler_address) == serial


@pytest.mark.parametrize(
    "words", [("--budget", 1_000, "--cost", "worker=10"), ("--vary", "workers=16,24")]
)
def test_a_scheduler_that_is_not_there_is_refused_before_anything_else(words, tmp_path):
    pytest.importorskip("distributed")
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{closed.getsockname()[1]}"
    done = run("power", "--effect", "no such term", *words, "--dask", address, cwd=tmp_path)
    assert done.returncode == 1
    assert f"--dask {address}: no scheduler answers" in done.stderr
    assert "no such term" not in done.stderr
