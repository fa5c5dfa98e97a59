"""The page of performance: what is measured, what is not, and what is kept."""

import importlib
import json
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "benchmarks"
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.fixture
def benchmarks(monkeypatch):
    """Import modules of the folder of benchmarks, which is no package."""
    monkeypatch.syspath_prepend(str(FOLDER))
    names = ("rows", "peers", "page_of_rows", "bench_all")
    yield {name: importlib.import_module(name) for name in names}
    for name in names:
        sys.modules.pop(name, None)


def stored(rows=(), **changed):
    return {
        "name": "regression",
        "rows": list(rows),
        "load_before": 0.1,
        "load_after": 0.4,
        "seconds": 12.0,
        "moment": "2026-01-02 03:04",
        "failed": False,
    } | changed


ROW = {"key": "two_way", "what": "two-way effects", "ours": 0.3, "peer": "fereg"}


def written(modules, row, earlier=()):
    """The line of one row on the page, and the page."""
    plan, _ = modules["bench_all"].read_plan()
    answer = modules["page_of_rows"].Measured.from_stored(stored([row]))
    text = modules["page_of_rows"].page(plan, [answer], earlier, versions={})
    (line,) = (line for line in text.splitlines() if line.startswith("| two-way effects"))
    return line, text


def test_a_peer_that_is_here_has_its_time_and_ratio(benchmarks):
    line, _ = written(benchmarks, {**ROW, "theirs": 0.15, "ratio_limit": 1.0})
    assert "| 0.3 s |  | fereg | 0.15 s | **2.00** | ratio 1 |" in line


def test_a_peer_that_is_not_here_is_not_measured_and_the_earlier_figure_labelled(benchmarks):
    entry = {"key": "two_way", "peer": "fereg", "theirs": 0.15, "ours": 0.27, "note": "0.4.1"}
    line, text = written(benchmarks, ROW, [entry])
    assert "not measured here (earlier: 0.15 s) |  |" in line
    assert "on another day 0.15 s, ours 0.27 s (0.4.1)" in text


def test_without_an_earlier_figure_none_is_shown(benchmarks):
    line, text = written(benchmarks, ROW)
    assert "not measured here |" in line
    assert "another day" not in text


def test_a_limit_that_is_missed_is_bold_and_counted(benchmarks):
    line, text = written(benchmarks, {**ROW, "limit": 0.2})
    assert "**0.3 s**" in line
    assert "0 of 1 rows keep theirs" in text


def test_the_page_says_load_command_and_what_was_not_run(benchmarks):
    _, text = written(benchmarks, ROW)
    plan, _ = benchmarks["bench_all"].read_plan()
    (shown,) = (one.shown for one in plan if one.name == "regression")
    assert "Load 0.1 before, 0.4 after" in text
    assert f"    {shown}" in text
    assert "Not measured in this run: Commands" in text


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"ours": 2.0, "limit": 1.0}, ("time",)),
        ({"ours": 2.0, "limit": 1.0, "more_is_better": True}, ()),
        ({"ours": 1.0, "theirs": 2.0, "ratio_limit": 0.4}, ("ratio",)),
        ({"ours": 1.0, "peak": 3.0, "peak_limit": 2.0}, ("memory",)),
        ({"ours": 1.0}, ()),
    ],
)
def test_limits_are_of_time_ratio_and_memory(benchmarks, row, expected):
    assert expected == benchmarks["rows"].Row(key="k", what="w", **row).misses


def test_a_peak_over_its_limit_and_a_failure_end_the_run(benchmarks):
    make = benchmarks["page_of_rows"].Measured.from_stored
    high = make(stored([{**ROW, "peak": 3.0, "peak_limit": 2.0}]))
    failed = make(stored(failed=True, name="panel"))
    assert benchmarks["bench_all"].problems([high, failed]) == [
        "panel failed",
        "two-way effects: peak 3.00 GB, limit 2.00 GB",
    ]


def test_rows_are_kept_and_measured_anew_when_code_or_command_differ(benchmarks, tmp_path):
    bench = benchmarks["bench_all"]
    code = (
        "import json, os; from pathlib import Path; "
        f"row = {ROW!r}; Path(os.environ['WITHINTASK_BENCH_ROWS']).write_text(json.dumps(row))"
    )
    benchmark = bench.Benchmark(name="b", title="B", pages=(), command="python -c x", tiny="")
    job = bench.Job(
        benchmark=benchmark, words=[sys.executable, "-c", code], code="1", kept=tmp_path
    )
    assert job.stored() is None
    answer = job.run()
    assert answer == job.stored()
    assert answer.rows == (benchmarks["rows"].Row(**ROW),)
    other = bench.Job(benchmark=benchmark, words=job.words, code="2", kept=tmp_path)
    assert other.stored() is None


def test_a_benchmark_that_failed_is_run_again(benchmarks, tmp_path):
    bench = benchmarks["bench_all"]
    benchmark = bench.Benchmark(name="b", title="B", pages=(), command="python -c x", tiny="")
    words = [sys.executable, "-c", "raise SystemExit(3)"]
    job = bench.Job(benchmark=benchmark, words=words, code="1", kept=tmp_path)
    assert job.run().failed
    assert job.stored() is None


def test_rows_are_printed_and_kept_where_they_are_asked_for(
    benchmarks, tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv("WITHINTASK_BENCH_ROWS", str(tmp_path / "rows"))
    benchmarks["rows"].compare(
        {"withintask": 0.02, "a": 0.04}, absent={"b": None}, key="k", what="w"
    )
    kept = [json.loads(line) for line in (tmp_path / "rows").read_text().splitlines()]
    assert [(row["peer"], row["theirs"]) for row in kept] == [("b", None), ("a", 0.04)]
    assert "w: 20 ms; a 40 ms, ours/theirs 0.500" in capsys.readouterr().out


def test_candidates_are_run_in_turns_and_one_may_time_itself(benchmarks):
    calls = []

    def own():
        calls.append("own")

    def timed():
        calls.append("timed")
        return 7.0

    seconds = benchmarks["rows"].in_turns({"own": own, "timed": timed}, 2)
    assert calls == ["own", "timed"] * 3
    assert seconds["timed"] == 7.0
    assert seconds["own"] < 7.0


@pytest.mark.parametrize(("before", "is_busy"), [((0.5, 40.0), False), ((40.0, 50.0), True)])
def test_a_machine_is_busy_if_it_was_before_every_benchmark(
    benchmarks, before, is_busy, monkeypatch
):
    module = benchmarks["page_of_rows"]
    facts = module.machine() | {"cores": "2"}
    monkeypatch.setattr(module, "machine", lambda: facts)
    measured = [module.Measured.from_stored(stored(load_before=load)) for load in before]
    text = "\n".join(module.head(measured, {}))
    assert ("the machine was busy" in text) == is_busy


def test_without_peers_the_option_that_names_them_is_left_out(benchmarks):
    plan, _ = benchmarks["bench_all"].read_plan()
    (regression,) = (one for one in plan if one.name == "regression")
    assert "--peer-python" not in regression.words(None, is_tiny=False)
    assert regression.words("/p", is_tiny=False)[-2:] == ["--peer-python", "/p"]


def test_every_benchmark_that_pages_name_is_in_the_plan_or_is_no_benchmark(benchmarks):
    plan, _ = benchmarks["bench_all"].read_plan()
    planned = {one.command.split()[1] for one in plan}
    assert all((ROOT / name).exists() for name in planned)
    named = {
        name
        for page in PAGES
        for name in re.findall(r"benchmarks/bench_\w+\.py", page.read_text(encoding="utf-8"))
    }
    assert named <= planned


def test_pages_that_the_plan_names_exist_and_link_to_performance(benchmarks):
    plan, _ = benchmarks["bench_all"].read_plan()
    for name in {name for one in plan for name in one.pages}:
        text = (ROOT / "docs" / name).read_text(encoding="utf-8")
        assert "(performance.md)" in text, name


def test_figures_of_earlier_days_are_of_rows_that_exist(benchmarks):
    _, earlier = benchmarks["bench_all"].read_plan()
    sources = "".join(path.read_text(encoding="utf-8") for path in FOLDER.glob("*.py"))
    for entry in earlier:
        stem = re.split(r"_(?=\d|linear|gradient|values)", entry["key"])[0]
        assert f'"{stem}' in sources, entry["key"]
