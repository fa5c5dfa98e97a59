"""Archives that are too large, leave their folder or lie about themselves are refused."""

import io
import zipfile

import pytest

from withintask.ingest.files import Limits, check_archive, is_inside_folder
from withintask.panel.errors import SourceError


def archive(members, compression=zipfile.ZIP_DEFLATED):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as book:
        for name, content in members.items():
            book.writestr(name, content)
    return buffer.getvalue()


def test_a_sound_archive_passes():
    check_archive(archive({"a.xlsx": b"x" * 1000}), "a.zip")


def test_a_zip_bomb_is_refused_by_its_ratio():
    bomb = archive({"bomb.xlsx": b"\0" * (8 << 20)})
    with pytest.raises(SourceError, match=r"'bomb.xlsx' unpacks from .* \(zip bomb\?\)"):
        check_archive(bomb, "bomb.zip")


def test_an_archive_is_refused_by_its_total_size():
    with pytest.raises(SourceError, match="unpacks to 2,000 bytes; at most 1,000"):
        check_archive(archive({"a": b"x" * 2000}), "a.zip", limits=Limits(max_bytes=1000))


def test_an_archive_of_too_many_members_is_refused():
    many = archive({f"{n}": b"" for n in range(5)})
    with pytest.raises(SourceError, match="5 members; at most 4"):
        check_archive(many, "many.zip", limits=Limits(max_members=4))


def test_a_size_declared_too_small_is_found():
    content = bytearray(archive({"a.xlsx": b"y" * 5000}))
    central = content.rindex(b"PK\x01\x02")
    content[central + 24 : central + 28] = (10).to_bytes(4, "little")
    with pytest.raises(SourceError, match=r"'a\.xlsx' is damaged"):
        check_archive(bytes(content), "lie.zip")


@pytest.mark.parametrize(
    "name",
    ["../evil.xlsx", "/etc/evil.xlsx", "a/../../evil.xlsx", "C:\\evil.xlsx", "..\\evil.xlsx"],
)
def test_a_member_that_leaves_its_folder_is_refused(name):
    assert not is_inside_folder(name)
    with pytest.raises(SourceError, match="leaves the target folder"):
        check_archive(archive({name: b"x"}), "evil.zip")


@pytest.mark.parametrize("name", ["a.xlsx", "oesm24nat/national_M2024_dl.xlsx", "a..b/c.xlsx"])
def test_ordinary_names_stay_inside(name):
    assert is_inside_folder(name)


def test_all_problems_are_listed_at_once():
    content = archive({"../a": b"x", "/b": b"x"})
    with pytest.raises(SourceError, match="2 problems"):
        check_archive(content, "evil.zip")
