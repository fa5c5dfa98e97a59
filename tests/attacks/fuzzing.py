"""Fuzz workbooks and panels, and compare what is read with an independent reader: the standard library's.

``python tests/attacks/fuzzing.py CASES [SEED]`` prints one JSON object: how often a file was read or refused, and every
case in which something was lost in silence, crashed, hung over ten seconds or took over two gigabytes.
"""

import csv
import io
import json
import random
import resource
import signal
import sys
import tempfile
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from xml.etree import ElementTree

import xlsxwriter

from withintask.ingest.text_tables import read_workbook
from withintask.panel.errors import ModelError
from withintask.panel.store import load_panel

SECONDS, BYTES = 10, 2 * 1024**3
NAMES = ("worker_id", "task_id", "period", "output", "unit")
TEXTS = (
    "007",
    "a",
    "é",
    "=1+1",
    "a,b",
    'say "x"',
    "two\nlines",
    " ",
    "",
    "NA",
    "1e5",
    "٣",
    "x" * 300,
    "\t",
)
PIECES = (
    b'"',
    b",",
    b"\n",
    b"\r",
    b"\r\n",
    b'""',
    b"\xff",
    b"\x00",
    b"\xef\xbb\xbf",
    b";",
    b"\\",
    b"1e999",
    b"\xc3",
)
XML_PIECES = (
    *(
        b"<c>",
        b"</c>",
        b"</row>",
        b"<row>",
        b'<c r="A2">',
        b'<c r="B1" t="s"><v>0</v></c>',
        b"<v>1</v>",
    ),
    *(
        b' t="s"',
        b' t="e"',
        b"&amp;",
        b"<!--",
        b"-->",
        b"<![CDATA[x]]>",
        b"&#0;",
        b'r="ZZ9"',
        b"<is><t>x</t></is>",
    ),
)


def main() -> None:
    n_cases = int(sys.argv[1])
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    kinds: tuple[Callable[[random.Random, Path], str], ...] = (fuzz_panel, fuzz_workbook)
    outcomes: Counter[str] = Counter()
    problems = []
    signal.signal(signal.SIGALRM, too_slow)
    with tempfile.TemporaryDirectory() as scratch:
        for number in range(n_cases):
            kind = kinds[number % len(kinds)]
            rng = random.Random(f"{seed} {number}")
            signal.alarm(SECONDS)
            try:
                outcome = kind(rng, Path(scratch))
            except BaseException as error:
                outcome = f"crashed: {type(error).__name__}: {error}"[:300]
            signal.alarm(0)
            outcomes[f"{kind.__name__}: {outcome.partition(':')[0]}"] += 1
            if outcome not in ("read", "refused"):
                problems.append(f"case {number}: {kind.__name__}: {outcome}")
    peak = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    if peak > BYTES:
        problems.append(f"peak of memory: {peak:,} bytes")
    print(
        json.dumps({"n_cases": n_cases, "outcomes": outcomes, "peak": peak, "problems": problems})
    )


def too_slow(*_: object) -> None:
    raise TimeoutError(f"over {SECONDS} seconds")


def fuzz_panel(rng: random.Random, scratch: Path) -> str:
    """A CSV panel whose bytes were changed: what is read is what the csv module reads, or it is refused."""
    folder = scratch / "panel"
    folder.mkdir(exist_ok=True)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator=rng.choice(("\n", "\r\n")))
    writer.writerow(NAMES)
    for row in range(rng.randrange(8)):
        name = rng.choice((f"w{row}", rng.choice(TEXTS)))
        writer.writerow(
            (name, "t", rng.choice((1, 2)), rng.choice((1.5, 2, "3")), rng.choice(TEXTS))
        )
    content = mutated(text.getvalue().encode(), rng, PIECES)
    (folder / "outputs.csv").write_bytes(content)
    (folder / "panel.toml").write_text(
        '[panel]\nschema = 1\nname = "p"\n[tables.outputs]\nfile = "outputs.csv"\n'
    )
    try:
        loaded = load_panel(folder)
        if loaded.problems.height:
            return "refused"
        frame = loaded.panel.lazy().outputs.collect()
    except ModelError:
        return "refused"
    try:
        expected = list(
            csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True)
        )
    except (csv.Error, UnicodeDecodeError) as error:
        return f"silent: read what the csv module refuses ({error})"
    names, rows = expected[0], [row for row in expected[1:] if row]
    if frame.height != len(rows):
        return f"silent: {frame.height} rows instead of {len(rows)}"
    for name in frame.columns:
        column = [row[names.index(name)] for row in rows]
        if not all(map(same, frame[name], column)):
            return f"silent: {name} is {frame[name].to_list()} instead of {column}"
    return "read"


def same(value: object, cell: str) -> bool:
    if value is None:
        return cell == ""
    if isinstance(
        value, str
    ):  # a carriage return ends a line for one reader and is text for the other
        return value.strip("\r") == cell.strip("\r")
    return value == float(cell)


def fuzz_workbook(rng: random.Random, scratch: Path) -> str:
    """A workbook whose sheet, whose shared texts or whose bytes were changed: no cell vanishes."""
    content = mutated_book(rng)
    try:
        sheet = read_workbook(content, "fuzz.xlsx")[0]
    except ModelError:
        return "refused"
    found = {
        (row, column): value.strip()
        for row, cells in enumerate(sheet.cells.rows())
        for column, value in enumerate(cells)
        if value is not None and value.strip()
    }
    errors = {(cell.row, cell.position) for cell in sheet.errors}
    try:
        expected = dict(cells_of(content))
    except (
        ElementTree.ParseError,
        zipfile.BadZipFile,
        ValueError,
        KeyError,
        IndexError,
        UnicodeError,
    ) as error:
        return f"silent: read what an XML parser refuses ({type(error).__name__}: {error})"
    lost = [
        place
        for place, text in expected.items()
        if text.strip() and place not in found and place not in errors
    ]
    if lost and len(found) + len(errors) < sum(bool(text.strip()) for text in expected.values()):
        return f"silent: {len(lost)} cells lost, such as {lost[0]}: {expected[lost[0]]!r}"
    return "read"


def mutated_book(rng: random.Random) -> bytes:
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer, {"in_memory": True}) as book:
        sheet = book.add_worksheet()
        for row in range(rng.randrange(1, 8)):
            for column in range(rng.randrange(1, 6)):
                sheet.write(row, column, rng.choice((row, 1.5, *TEXTS, "late #", True)))
    if rng.random() < 0.2:
        return mutated(buffer.getvalue(), rng, XML_PIECES)
    with zipfile.ZipFile(buffer) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    target = rng.choice(
        (
            "xl/worksheets/sheet1.xml",
            "xl/worksheets/sheet1.xml",
            "xl/sharedStrings.xml",
            "xl/workbook.xml",
        )
    )
    members[target] = mutated(members.get(target, b""), rng, XML_PIECES)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


def mutated(content: bytes, rng: random.Random, pieces: tuple[bytes, ...]) -> bytes:
    """Flip, insert, delete, double or cut a few times."""
    changed = bytearray(content)
    for _ in range(rng.randrange(4)):
        place = rng.randrange(len(changed) + 1)
        act = rng.randrange(5)
        if act == 0 and place < len(changed):
            changed[place] ^= 1 << rng.randrange(8)
        elif act == 1:
            changed[place:place] = rng.choice(pieces)
        elif act == 2:
            del changed[place : place + rng.randrange(1, 20)]
        elif act == 3:
            changed[place:place] = changed[place : place + rng.randrange(1, 40)]
        elif rng.random() < 0.3:
            del changed[place:]
    return bytes(changed)


def cells_of(content: bytes) -> Iterator[tuple[tuple[int, int], str]]:
    """Read the first sheet with the standard library alone."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        sheet = ElementTree.fromstring(archive.read("xl/worksheets/sheet1.xml"))
        names = archive.namelist()
        shared = (
            ElementTree.fromstring(archive.read("xl/sharedStrings.xml"))
            if "xl/sharedStrings.xml" in names
            else []
        )
        texts = [
            "".join(t.text or "" for t in item.iter() if local(t) == "t")
            for item in shared
            if local(item) == "si"
        ]
    n_row = -1
    for row in (
        row for data in sheet if local(data) == "sheetData" for row in data if local(row) == "row"
    ):
        n_row = int(row.get("r", n_row + 2)) - 1
        column = -1
        for cell in (cell for cell in row if local(cell) == "c"):
            name = cell.get("r")
            place = position(name) if name else (n_row, column + 1)
            column = place[1]
            value = ([part.text or "" for part in cell if local(part) == "v"] or [""])[-1]
            inline = "".join(
                t.text or ""
                for part in cell
                if local(part) == "is"
                for t in part.iter()
                if local(t) == "t"
            )
            text = texts[int(value)] if cell.get("t") == "s" and value else value or inline
            yield place, text


def local(element: ElementTree.Element) -> str:
    return str(element.tag).rpartition("}")[2]


def position(name: str) -> tuple[int, int]:
    letters = name.rstrip("0123456789")
    column = 0
    for letter in letters.upper():
        column = column * 26 + ord(letter) - ord("A") + 1
    return int(name[len(letters) :]) - 1, column - 1


if __name__ == "__main__":
    main()
