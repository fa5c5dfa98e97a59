"""Messages quote at most 80 characters of a cell, a name or a value of a file, wherever the text comes from."""

import ast
from pathlib import Path

import pytest

import withintask.panel as panel_package
from withintask.ingest.exposure.own import add_measure
from withintask.ingest.oews.harmonize import harmonize
from withintask.ingest.panels.adapters import import_panel
from withintask.panel.errors import ModelError, quoted
from withintask.panel.propose import propose
from withintask.panel.report import violation_report
from withintask.panel.validate import violation_message
from withintask.sim.designs import load_design
from withintask.sim.params import load_params
from withintask.sim.policies import load_policies
from withintask.sim.worlds import load_world
from withintask.tests_of_model.evidence.measurements import load_measurements
from withintask.tests_of_model.evidence.pooled import load_evidence
from withintask.tests_of_model.moments.priors import load_prior
from withintask.tests_of_model.moments.targets import load_target

LONGEST = 80
LONG = "secret words " * 400
ROWS = "worker_id,task_id,period,output\nw1,t,1,2.0\n"
MANIFEST = '[panel]\nschema = 1\nname = "p"\n[tables.outputs]\nfile = "outputs.csv"\n'

TOML = {
    "a key": f'"{LONG}" = 5\n',
    "a section": f'["{LONG}"]\nvalue = 5\n',
    "a key of a section": f'[ability_sd]\n"{LONG}" = 5\n',
    "text for a number": f'ability_sd = "{LONG}"\n[m1]\nvalue = "{LONG}"\nstd_error = "{LONG}"\n',
}
READERS = {
    "parameters": load_params,
    "design": load_design,
    "world": load_world,
    "policies": load_policies,
    "priors": load_prior,
    "targets": load_target,
    "evidence": load_evidence,
    "measurements": load_measurements,
}
MANIFESTS = {
    "head": MANIFEST.replace("[tables", f'"{LONG}" = 1\n[tables'),
    "type": MANIFEST.replace('"p"', f'["{LONG}"]'),
    "outcome": MANIFEST.replace("[tables", f'outcome = "{LONG}"\n[tables'),
    "arm": MANIFEST.replace("[tables", f'control_arm = "{LONG}"\n[tables'),
    "format": MANIFEST.replace("[tables", f'format = "{LONG}"\n[tables'),
    "table": f'{MANIFEST}[tables."{LONG}"]\nfile = "outputs.csv"\n',
    "file": MANIFEST.replace("outputs.csv", LONG[:200]),
    "key of a table": f'{MANIFEST}"{LONG}" = 1\n',
    "their column": f'{MANIFEST}[tables.outputs.columns]\noutput = "{LONG}"\n',
    "our column": f'{MANIFEST}[tables.outputs.columns]\n"{LONG}" = "output"\n',
    "scale": f'{MANIFEST}[tables.outputs.scale]\n"{LONG}" = 2.0\n',
    "constant": f'{MANIFEST}[tables.outputs.constants]\nai_used = "{LONG}"\n',
    "covariate": f'{MANIFEST}[tables.outputs.covariates]\n"{LONG}" = "{LONG}"\n',
    "dates": f'{MANIFEST}[tables.outputs.dates.period]\nby = "{LONG}"\nstart = "{LONG}"\n"{LONG}" = 1\n',
    "function": f'{MANIFEST}[tables.outputs.functions]\noutput = "{LONG}"\n',
    "items": f'{MANIFEST}items = "{LONG}"\n',
}
CSV = {
    "a header too many": ROWS.replace("output\n", f"output,{LONG}\n").replace("2.0", "2.0,1"),
    "a header twice": ROWS.replace("output\n", f"output,{LONG},{LONG}\n").replace("2.0", "2.0,1,1"),
    "a cell for a number": ROWS.replace("2.0", LONG),
    "an id": ROWS.replace("w1", f" {LONG}"),
    "a unit": ROWS.replace("output\n", "output,unit\n").replace(
        "2.0\n", f"2.0,{LONG}\nw2,t,1,3.0,x\n"
    ),
}


def fail_if_long(message):
    """A message may not hold more of the text than 80 characters in a row."""
    assert LONG[: LONGEST + 1] not in message
    assert len(message) < 20 * LONGEST


@pytest.mark.parametrize("kind", TOML)
@pytest.mark.parametrize("reader", READERS)
def test_a_settings_file_is_quoted_in_part(tmp_path, reader, kind):
    path = tmp_path / "mine.toml"
    path.write_text(TOML[kind])
    with pytest.raises(ModelError) as refused:
        READERS[reader](path)
    fail_if_long(str(refused.value))


@pytest.mark.parametrize("kind", [*MANIFESTS, *CSV])
def test_a_panel_is_quoted_in_part(tmp_path, kind):
    (tmp_path / "panel.toml").write_text(MANIFESTS.get(kind, MANIFEST))
    (tmp_path / "outputs.csv").write_text(CSV.get(kind, ROWS))
    try:
        report = violation_report(tmp_path)
    except ModelError as refused:
        fail_if_long(str(refused))
        return
    assert report.violations.height
    fail_if_long(violation_message("panel", report.violations))


@pytest.mark.parametrize(
    "text",
    [f"{LONG}\n1\n", f"{LONG},{LONG}\n1,2\n"],
    ids=["one", "twice"],
)
def test_a_file_that_is_described_is_quoted_in_part(tmp_path, text):
    (tmp_path / "data.csv").write_text(text)
    with pytest.raises(ModelError) as refused:
        propose(tmp_path / "data.csv", folder=tmp_path / "panel")
    fail_if_long(str(refused.value))


@pytest.mark.parametrize(
    "text",
    [f"soc,score\n{LONG},1\n", f"soc,score\n11-1011,{LONG}\n", f"soc,{LONG}\n11-1011,1\n"],
    ids=["code", "value", "header"],
)
def test_a_measure_is_quoted_in_part(tmp_path, text):
    (tmp_path / "mine.csv").write_text(text)
    with pytest.raises(ModelError) as refused:
        add_measure(tmp_path / "mine.csv", code="soc2018", value="score")
    fail_if_long(str(refused.value))


HEADER = "AREA,OCC_CODE,OCC_TITLE,O_GROUP,TOT_EMP,A_MEAN"


@pytest.mark.parametrize(
    "text",
    [
        f"{LONG}\n1\n",
        f"{HEADER}\n99,00-0000,All,major,{LONG},1\n",
        f"{HEADER},{LONG}\n99,{LONG},All,major,1,1,1\n",
    ],
    ids=["no header", "number", "code"],
)
def test_a_table_of_oews_is_quoted_in_part(tmp_path, text):
    (tmp_path / "national_M2023_dl.csv").write_text(text)
    with pytest.raises(ModelError) as refused:
        harmonize(tmp_path)
    fail_if_long(str(refused.value))


@pytest.mark.parametrize("name", ["radiology", "echoes", "cps", "nlsy", "arellano-bond"])
def test_a_published_panel_is_quoted_in_part(tmp_path, name):
    for file in ("data.csv", "CPS1988.csv", "nlsy.csv", "echoes.csv", "EmplUK.csv"):
        (tmp_path / file).write_text(f"{LONG},{LONG}2\n{LONG},1\n")
    with pytest.raises(ModelError) as refused:
        import_panel(name, tmp_path)
    fail_if_long(str(refused.value))


@pytest.mark.parametrize("value", [LONG, [LONG], {LONG: 1}, LONG.encode(), "\x1b" * 200, "'" * 200])
def test_a_quote_is_no_longer_than_80_characters_and_its_marks(value):
    assert len(quoted(value)) <= LONGEST + 2
    assert "\x1b" not in quoted(value)


def test_a_short_quote_is_whole():
    assert quoted("Café 'A'") == repr("Café 'A'")


ROOTS = [
    Path(panel_package.__file__).parents[1] / name
    for name in ("panel", "ingest", "sim", "withintask")
]
MAY = {"__init__.py": "names of Python, not of files"}


def test_no_reader_of_files_quotes_in_another_way():
    """An f-string with !r would have no limit."""
    offending = [
        f"{file.name}:{node.lineno}"
        for root in ROOTS
        for file in root.rglob("*.py")
        if file.name not in MAY
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.FormattedValue) and node.conversion == ord("r")
    ]
    assert offending == []
