"""Pseudonyms are keyed, consistent between tables, and lose no link."""

import hashlib
import os
from dataclasses import replace

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import panels

from withintask.panel.errors import ParameterError
from withintask.panel.keys import KEY_VARIABLE, key_problems, read_key
from withintask.panel.panel import Panel, PanelInfo
from withintask.panel.pseudonymize import PSEUDONYMIZED, pseudonymize, pseudonymize_to
from withintask.panel.store import read_panel, write_panel
from withintask.panel.validate import panel_violations
from withintask.sim.designs import change_design, load_design
from withintask.sim.economy import solve_economy
from withintask.sim.params import load_params
from withintask.sim.stream import write_streamed

KEY = b"k7Qp-0xW9.zLm3vT"
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

ON_DISK = Panel(
    info=PanelInfo(name="on disk"),
    outputs=pl.DataFrame(
        {
            "worker_id": ["alice", "bob"],
            "task_id": ["t", "t"],
            "period": [1, 1],
            "rater_id": ["carol", "dora"],
            "assignment_id": ["alice", "bob"],
            "output": [1.0, 2.0],
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


@pytest.mark.parametrize("key", [b"short", b"kQ7p0x" * 11])
def test_a_key_of_wrong_length_is_refused_without_showing_it(key):
    with pytest.raises(ParameterError, match=f"the key has {len(key)} bytes") as caught:
        pseudonymize(PANEL, key)
    assert key.decode() not in str(caught.value)


def test_a_column_that_is_nowhere_is_refused():
    with pytest.raises(ParameterError, match="no table has a column mood"):
        pseudonymize(PANEL, KEY, columns=("mood",))


@pytest.mark.parametrize(
    "key",
    [
        b"aaaaaaaaaaaaaaaa",
        b"0123456789abcdef",
        b"abcdefghijklmnop",
        b"passwordpassword",
        b"qwertyuiopasdfgh",
        b"2024010120240202",
        b"zyxwvutsrqponmlk",
        b"1111222233334444",
    ],
)
def test_a_key_that_can_be_guessed_is_refused_without_showing_it(key):
    with pytest.raises(ParameterError, match="the key can be guessed") as caught:
        pseudonymize(PANEL, key)
    assert key.decode() not in str(caught.value)


@settings(max_examples=200, deadline=None)
@given(key=st.binary(min_size=16, max_size=32).map(lambda raw: hashlib.sha256(raw).hexdigest()))
def test_a_random_key_is_never_taken_for_a_weak_one(key):
    assert list(key_problems(key.encode())) == []


def secret(file, content=KEY):
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    file.chmod(0o600)
    return file


@pytest.mark.parametrize("around", [b"%s", b"%s\n", b" %s\r\n"])
def test_the_key_is_the_same_from_a_file_and_from_the_environment(tmp_path, monkeypatch, around):
    file = secret(tmp_path / "key.txt", around % KEY)
    monkeypatch.setenv(KEY_VARIABLE, (around % KEY).decode())
    assert read_key(file) == read_key(None) == KEY


def test_no_key_is_an_error(monkeypatch):
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    with pytest.raises(ParameterError, match="no key"):
        read_key(None)


def test_a_key_that_is_no_text_is_one_error(tmp_path):
    with pytest.raises(ParameterError, match="no text in UTF-8"):
        read_key(secret(tmp_path / "key", bytes(range(128, 160))))


@pytest.mark.parametrize("place", ["data/key", "data/deeper/key", "key"])
def test_a_key_that_lies_with_the_data_or_beside_them_is_refused(tmp_path, place):
    with pytest.raises(ParameterError, match="the key lies with the data"):
        read_key(secret(tmp_path / place), keep_out_of=(tmp_path / "data",))


@pytest.mark.skipif(os.name != "posix", reason="rights of others are told on POSIX alone")
@pytest.mark.parametrize("mode", [0o644, 0o640, 0o602])
def test_a_key_that_others_can_read_or_change_is_refused(tmp_path, mode):
    file = secret(tmp_path / "key")
    file.chmod(mode)
    with pytest.raises(ParameterError, match="others can read or change the key"):
        read_key(file)


def test_every_problem_of_a_key_file_is_named_at_once(tmp_path):
    file = secret(tmp_path / "data" / "key")
    file.chmod(0o644)
    with pytest.raises(ParameterError, match="2 problems"):
        read_key(file, keep_out_of=(tmp_path / "data",))


def test_a_panel_is_pseudonymized_once():
    again = "is pseudonymized already; hashes of hashes"
    with pytest.raises(ParameterError, match=again):
        pseudonymize(pseudonymize(PANEL, KEY), KEY[::-1])


def test_pseudonyms_of_a_panel_whose_manifest_does_not_say_so_are_recognized():
    hashed = replace(pseudonymize(PANEL, KEY), info=PANEL.info)
    with pytest.raises(ParameterError, match="every worker_id looks like a pseudonym"):
        pseudonymize(hashed, KEY)


@pytest.mark.parametrize("layout", ["parquet", "csv", "duckdb"])
def test_the_copy_says_that_it_is_pseudonymized(tmp_path, layout):
    suffix = ".duckdb" if layout == "duckdb" else ""
    source = write_panel(ON_DISK, tmp_path / f"p{suffix}", layout=layout)
    out = pseudonymize_to(source, tmp_path / f"q{suffix}", KEY)
    assert read_panel(out).info.is_pseudonymized
    with pytest.raises(ParameterError, match="is pseudonymized already"):
        pseudonymize_to(out, tmp_path / f"r{suffix}", KEY)


@pytest.mark.parametrize("out", ["p", "p/inner", ".", "./p/../p"])
def test_a_copy_in_or_around_its_source_is_refused_and_nothing_is_touched(tmp_path, out):
    source = write_panel(ON_DISK, tmp_path / "p")
    before = {file: file.read_bytes() for file in source.iterdir()}
    for named in (source, source / "panel.toml"):
        with pytest.raises(ParameterError, match="lies in the panel"):
            pseudonymize_to(named, tmp_path / out, KEY)
    assert {file: file.read_bytes() for file in source.iterdir()} == before


def test_a_link_to_the_source_is_the_source(tmp_path):
    source = write_panel(ON_DISK, tmp_path / "p")
    (tmp_path / "link").symlink_to(source)
    with pytest.raises(ParameterError, match="lies in the panel"):
        pseudonymize_to(source, tmp_path / "link", KEY)


def test_a_database_is_not_pseudonymized_onto_itself(tmp_path):
    source = write_panel(ON_DISK, tmp_path / "p.duckdb")
    for out in (source, tmp_path):
        with pytest.raises(ParameterError, match="lies in the panel"):
            pseudonymize_to(source, out, KEY)
    assert not read_panel(source).info.is_pseudonymized


def test_a_copy_does_not_replace_a_panel_that_is_no_copy(tmp_path):
    source, other = (write_panel(ON_DISK, tmp_path / name) for name in "pq")
    with pytest.raises(ParameterError, match="may be an original"):
        pseudonymize_to(source, other, KEY)
    assert read_panel(other).outputs.equals(ON_DISK.outputs)


def test_an_earlier_copy_is_replaced(tmp_path):
    source = write_panel(ON_DISK, tmp_path / "p")
    first = read_panel(pseudonymize_to(source, tmp_path / "q", KEY)).outputs["worker_id"]
    second = read_panel(pseudonymize_to(source, tmp_path / "q", KEY[::-1])).outputs["worker_id"]
    assert not set(first) & set(second)


@pytest.mark.parametrize("streams", [False, True])
def test_no_raw_id_is_in_any_file_of_the_copy(tmp_path, streams):
    source = tmp_path / "p"
    if streams:
        design = change_design(load_design("rct"), n_workers=40, n_firms=4)
        economy = solve_economy(load_params(), n_workers=2**9)
        write_streamed(economy, design, seed=1, folder=source, rows_per_chunk=200)
    else:
        write_panel(ON_DISK, source)
    original = read_panel(source)
    out = pseudonymize_to(source, tmp_path / "q", KEY)
    raw = {
        str(value)
        for frame in original.tables().values()
        for column in set(PSEUDONYMIZED) & set(frame.columns)
        for value in frame[column].drop_nulls()
    }
    for file in (file for file in out.rglob("*") if file.suffix == ".parquet"):
        cells = {str(value) for row in pl.read_parquet(file).rows() for value in row}
        assert not raw & cells
