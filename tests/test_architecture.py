"""Import directions, walked in the syntax trees."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ALLOWED = {
    "panel": {"panel"},
    "ingest": {"panel", "ingest"},
    "sim": {"panel", "sim"},
    "tests_of_model": {"panel", "sim", "tests_of_model"},
}
ROOMS = (
    "evidence", "moments", "harness", "hypotheses", "components", "samples", "regression", "estimands",
)  # fmt: skip
"""Rooms of tests_of_model, highest first; a room imports itself and lower ones."""
MODEL = "withintask.tests_of_model"
HYPOTHESES = sorted(
    path.stem for path in (ROOT / "tests_of_model" / "hypotheses").glob("h[1-9]_*.py")
)
NOT_FOR_HYPOTHESES = {"registry", "replicate", "diagnose", "verdict", "estimate"}
LONGEST_FILE, LONGEST_FUNCTION = 430, 50


def modules(folder):
    return sorted((ROOT / folder).rglob("*.py"))


def imported(path):
    """Dotted names under withintask that a module imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


@pytest.mark.parametrize("folder", ALLOWED)
def test_imports_go_one_way(folder):
    wrong = [
        (str(path.relative_to(ROOT)), name)
        for path in modules(folder)
        for name in imported(path)
        if name.startswith("withintask")
        and name.split(".")[1:2]
        and name.split(".")[1] not in ALLOWED[folder]
    ]
    assert wrong == []


def rooms_of(path):
    """Rooms that a module imports."""
    for name in imported(path):
        if name.startswith(f"{MODEL}."):
            yield name.split(".")[2]


def test_every_module_of_the_model_tests_is_in_a_room():
    folder = ROOT / "tests_of_model"
    assert [path.name for path in folder.glob("*.py")] == ["__init__.py"]
    assert {path.parent.name for path in folder.glob("*/*.py")} == set(ROOMS)


@pytest.mark.parametrize("room", ROOMS)
def test_rooms_import_downwards_only(room):
    allowed = set(ROOMS[ROOMS.index(room) :])
    wrong = [
        (path.name, other)
        for path in modules(f"tests_of_model/{room}")
        for other in rooms_of(path)
        if other not in allowed
    ]
    assert wrong == []


def test_the_harness_does_not_know_the_studies_of_power():
    wrong = [
        (path.name, name)
        for path in (ROOT / "tests_of_model" / "harness").glob("*.py")
        for name in imported(path)
        if name.startswith(f"{MODEL}.harness.power")
    ]
    assert wrong == []


@pytest.mark.parametrize(
    ("room", "packages"), [("estimands", {"panel", "sim"}), ("regression", {"panel"})]
)
def test_the_lowest_rooms_import_little(room, packages):
    wrong = [
        (path.name, name)
        for path in modules(f"tests_of_model/{room}")
        for name in imported(path)
        if name.startswith("withintask.")
        and not name.startswith(f"{MODEL}.{room}")
        and name.split(".")[1] not in packages
    ]
    assert wrong == []


def test_only_truths_moments_harness_and_evidence_know_the_economy():
    closed = ("hypotheses", "components", "samples", "regression")
    wrong = [
        path.name
        for room in closed
        for path in modules(f"tests_of_model/{room}")
        if "withintask.sim.economy" in set(imported(path))
    ]
    assert wrong == []


def test_reports_import_no_command():
    wrong = [
        (path.name, name)
        for path in modules("withintask/report")
        for name in imported(path)
        if name.startswith("withintask.cli")
    ]
    assert wrong == []


@pytest.mark.parametrize("folder", [*ALLOWED, "withintask"])
def test_nobody_imports_a_private_name_of_another_file(folder):
    wrong = [
        (path.name, node.module, alias.name)
        for path in modules(folder)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("withintask")
        for alias in node.names
        if alias.name.startswith("_")
    ]
    assert wrong == []


@pytest.mark.parametrize("name", HYPOTHESES)
def test_a_hypothesis_knows_neither_its_siblings_nor_the_harness(name):
    forbidden = {*HYPOTHESES, *NOT_FOR_HYPOTHESES} - {name}
    (path,) = (ROOT / "tests_of_model").rglob(f"{name}.py")
    assert forbidden & {module.split(".")[-1] for module in imported(path)} == set()


def test_there_are_four_hypotheses():
    assert [name[:2] for name in HYPOTHESES] == ["h1", "h2", "h3", "h4"]


@pytest.mark.parametrize("folder", [*ALLOWED, "withintask"])
def test_nothing_imports_a_bare_top_level_folder(folder):
    bare = set(ALLOWED)
    wrong = [
        (p.name, n) for p in modules(folder) for n in imported(p) if n and n.split(".")[0] in bare
    ]
    assert wrong == []


@pytest.mark.parametrize("folder", [*ALLOWED, "withintask"])
def test_files_and_functions_stay_short(folder):
    long = []
    for path in modules(folder):
        text = path.read_text(encoding="utf-8")
        if text.count("\n") > LONGEST_FILE:
            long.append((path.name, text.count("\n")))
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef):
                body = node.body[1:] if ast.get_docstring(node) else node.body
                length = (node.end_lineno - body[0].lineno + 1) if body else 0
                if length > LONGEST_FUNCTION:
                    long.append((path.name, node.name, length))
    assert long == []


def test_draws_happen_only_in_shocks():
    allowed = {"shocks.py", "population.py"}
    wrong = [
        path.name
        for path in modules("sim")
        if path.name not in allowed and ".standard_normal(" in path.read_text(encoding="utf-8")
    ]
    assert wrong == []


def test_nothing_outside_tests_is_called_test():
    wrong = [
        (path.name, node.name)
        for folder in (*ALLOWED, "withintask")
        for path in modules(folder)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
        and node.name.lower().startswith("test_")
    ]
    assert wrong == []
