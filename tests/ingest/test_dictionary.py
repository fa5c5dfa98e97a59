"""The data dictionary is generated; the page in docs is the generated one."""

from pathlib import Path

from withintask.cli.data import app as data
from withintask.ingest.dictionary import data_dictionary
from withintask.ingest.registry import TABLES
from withintask.ingest.views import VIEWS

PAGE = Path(__file__).parents[2] / "docs" / "data_dictionary.md"


def test_the_page_in_docs_is_up_to_date():
    assert PAGE.read_text(encoding="utf-8") == data_dictionary()


def test_every_column_of_every_table_is_described():
    page = data_dictionary()
    for table in [*TABLES, *(view.table for view in VIEWS)]:
        assert f"## `{table.name}`" in page
        assert all(column.description for column in table.columns)


def test_keys_are_columns_of_their_table():
    for table in [*TABLES, *(view.table for view in VIEWS)]:
        assert set(table.key) <= set(table.names), table.name


def test_the_command_writes_the_page(tmp_path, capsys):
    out = tmp_path / "dictionary.md"
    data(["dictionary", "--out", str(out)], exit_on_error=False, result_action="return_value")
    assert out.read_text(encoding="utf-8") == data_dictionary()
    assert capsys.readouterr().out == f"{out}: written\n"
    data(["dictionary"], exit_on_error=False, result_action="return_value")
    assert capsys.readouterr().out == data_dictionary()
