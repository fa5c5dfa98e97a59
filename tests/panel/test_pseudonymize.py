"""Pseudonyms are keyed, consistent between tables, and lose no link."""

import hashlib

import polars as pl
import pytest
from hypothesis import given, settings
from strategies import panels

from withintask.panel.errors import ParameterError
from withintask.panel.panel import Panel, PanelInfo
from withintask.panel.pseudonymize import KEY_VARIABLE, pseudonymize, read_key
from withintask.panel.validate import panel_violations

KEY = b"0123456789abcdef"
PANEL = Panel(
    info=PanelInfo(name="p"),
    workers=pl.DataFrame({"worker_id": ["007", "008"], "ability_log": [0.5, None]}),
    pay=pl.DataFrame(
        {
            "worker_id": ["008", "007"],
            "period": [1, 1],
            "pay": [2.0, 3.0],
            "firm_id": ["007", None],
        }
    ),
)


def test_a_pseudonym_is_keyed_blake2b():
    expected = hashlib.blake2b(b"007", key=KEY, digest_size=16, person=b"worker_id").hexdigest()
    assert pseudonymize(PANEL, KEY).workers["worker_id"][0] == "w" + expected


def test_links_survive():
    def linked(panel):
        pairs = panel.pay.join(panel.workers, on="worker_id").select("pay", "ability_log")
        return sorted(pairs.rows(), key=str)

    assert linked(pseudonymize(PANEL, KEY)) == linked(PANEL)


def test_equal_ids_of_a_worker_and_a_firm_get_unequal_pseudonyms():
    found = pseudonymize(PANEL, KEY)
    assert found.pay["firm_id"][0][1:] != found.workers["worker_id"][0][1:]


def test_rows_and_other_columns_stay():
    found = pseudonymize(PANEL, KEY).pay
    assert found.drop("worker_id", "firm_id").equals(PANEL.pay.drop("worker_id", "firm_id"))
    assert found["firm_id"].is_null().to_list() == [False, True]


def test_another_key_gives_other_pseudonyms():
    one, other = (pseudonymize(PANEL, key).workers["worker_id"] for key in (KEY, KEY[::-1]))
    assert not set(one) & set(other)


def test_a_lazy_panel_stays_lazy():
    found = pseudonymize(PANEL.lazy(), KEY)
    assert isinstance(found.pay, pl.LazyFrame)
    assert found.collect().pay.equals(pseudonymize(PANEL, KEY).pay)


@settings(max_examples=25, deadline=None)
@given(panel=panels())
def test_a_valid_panel_stays_valid(panel):
    assert panel_violations(pseudonymize(panel, KEY)).is_empty()


@pytest.mark.parametrize("key", [b"short", b"x" * 65])
def test_a_key_of_wrong_length_is_refused_without_showing_it(key):
    with pytest.raises(ParameterError, match=f"the key has {len(key)} bytes") as caught:
        pseudonymize(PANEL, key)
    assert key.decode() not in str(caught.value)


def test_a_column_that_is_nowhere_is_refused():
    with pytest.raises(ParameterError, match="no table has a column mood"):
        pseudonymize(PANEL, KEY, columns=("mood",))


def test_the_key_is_read_from_a_file_or_the_environment(tmp_path, monkeypatch):
    file = tmp_path / "key.txt"
    file.write_bytes(KEY + b"\n")
    monkeypatch.setenv(KEY_VARIABLE, "from the environment")
    assert read_key(file) == KEY
    assert read_key(None) == b"from the environment"


def test_no_key_is_an_error(monkeypatch):
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    with pytest.raises(ParameterError, match="no key"):
        read_key(None)


def test_a_key_that_lies_with_the_data_is_refused(tmp_path):
    file = tmp_path / "data" / "key.txt"
    file.parent.mkdir()
    file.write_bytes(KEY)
    with pytest.raises(ParameterError, match="the key lies with the data"):
        read_key(file, keep_out_of=(tmp_path / "data",))
