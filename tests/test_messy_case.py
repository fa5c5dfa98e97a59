"""From an export as it is to the recommended estimate, table and figure: five commands, no code."""

import json

import pytest
from command_line import run
from messy_export import write_export

# |estimate - truth| > 4 standard errors happens once in 16,000 draws of one figure.
WIDE = 4


COMMANDS = """
panel from calls.csv --out calls --leave-out-zeros
panel validate calls
panel describe calls
estimate calls --recommended --format json --out estimates.json
estimate calls --recommended --figure estimates.png
"""


def five_commands(folder, *, n_agents, n_rows):
    export = write_export(folder / "calls.csv", n_agents=n_agents, n_rows=n_rows)
    shown = []
    for command in COMMANDS.strip().splitlines():
        done = run(*command.split(), cwd=folder)
        assert done.returncode == 0, f"{command}: {done.stderr}"
        shown.append(done.stdout)
    assert (folder / "estimates.png").read_bytes().startswith(b"\x89PNG")
    rows = json.loads((folder / "estimates.json").read_text(encoding="utf-8"))
    return export, {row["term"]: row for row in rows}, shown


def assert_recovered(export, rows):
    assert rows["delta_log_sd"]["estimator"] == "pairs_staggered"
    row = rows["delta_log_sd"]
    assert abs(row["estimate"] - export.log_sd_change) < WIDE * row["std_error"]


def test_five_commands_lead_from_an_export_to_estimate_table_and_figure(tmp_path):
    export, rows, shown = five_commands(tmp_path, n_agents=400, n_rows=27_000)
    assert_recovered(export, rows)
    _, validated, described, _, estimated = (" ".join(text.split()) for text in shown)
    assert "valid" in validated
    assert "staggered over 3 periods: 13, 15, 17; 5 firms never" in described
    assert "pairs_staggered is recommended" in described
    assert "staggered over 3 periods" in estimated


@pytest.mark.slow
def test_the_export_of_2000_agents_and_270000_tickets_is_no_other(tmp_path):
    export, rows, _ = five_commands(tmp_path, n_agents=2_000, n_rows=270_000)
    assert_recovered(export, rows)
