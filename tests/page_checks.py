"""What must hold of every page, read from its text alone; a browser checks the rest where there is one."""

import re
from html.parser import HTMLParser
from pathlib import Path

_VOID = {
    "meta",
    "img",
    "br",
    "input",
    "link",
    "hr",
    "path",
    "rect",
    "circle",
    "line",
    "area",
    "col",
}
TEXT_CONTRAST = 4.5
"""Least ratio of luminances of text and ground (WCAG 2, level AA)."""
PAIRS = (
    ("--ink", "--paper"),
    ("--faint", "--paper"),
    ("--link", "--paper"),
    ("--ink", "--head"),
    ("--warn-ink", "--warn"),
    ("--on-mark", "--good"),
    ("--on-mark", "--mixed"),
    ("--on-mark", "--bad"),
)
"""Colours of text and of its ground in the one design of pages."""


class _Page(HTMLParser):
    def __init__(self):
        super().__init__()
        self.elements, self.open, self.headings = [], [], []

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.elements.append((tag, attributes, [(t, a) for t, a in self.open]))
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if tag not in _VOID:
            self.open.append((tag, attributes))

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs), list(self.open)))

    def handle_endtag(self, tag):
        for place in range(len(self.open) - 1, -1, -1):
            if self.open[place][0] == tag:
                del self.open[place:]
                return


def problems_of(text, folder):
    """Return what is wrong with a page that lies in a folder, one sentence each."""
    page = _Page()
    page.feed(text)
    page.close()
    of = {}
    for tag, attributes, around in page.elements:
        of.setdefault(tag, []).append((attributes, around))
    return [
        *_frame(of, page.headings),
        *_figures(of),
        *_tables(of),
        *_links(page.elements, Path(folder)),
        *contrast_problems(text),
    ]


def _frame(of, headings):
    if not of["html"][0][0].get("lang"):
        yield "html without lang"
    if not any(a.get("name") == "viewport" for a, _ in of["meta"]):
        yield "no viewport"
    if len(of.get("title", [])) != 1 or headings.count(1) != 1:
        yield "expected one title and one h1"
    yield from (
        f"h{b} after h{a}" for a, b in zip(headings, headings[1:], strict=False) if b > a + 1
    )


def _figures(of):
    for attributes, _ in of.get("img", []):
        if not (attributes.get("alt") or "").strip():
            yield f"image without words: {attributes.get('src', '')[:60]}"


def _tables(of):
    for _, around in of.get("table", []):
        boxes = [a for _, a in around if "wide" in (a.get("class") or "").split()]
        if not boxes:
            yield "a table that does not scroll in its place"
        elif not all(boxes[-1].get(name) for name in ("tabindex", "aria-label", "role")):
            yield "a table that scrolls, and not by keyboard, or has no name"


def _links(elements, folder):
    ids = [a["id"] for _, a, _ in elements if a.get("id")]
    if len(ids) != len(set(ids)):
        yield "an id is used twice"
    for tag, attributes, _ in elements:
        for name in ("href", "src"):
            target = attributes.get(name)
            if target is None or target.startswith("data:"):
                continue
            if target.startswith("#"):
                if target[1:] not in ids:
                    yield f"link to nothing: {target}"
            elif re.match(r"[a-z]+:|//", target):
                if tag != "a":
                    yield f"needs the network: {target}"
            elif not (folder / target.partition("#")[0]).exists():
                yield f"link to a file that is not there: {target}"


def contrast_problems(text):
    """Return pairs of colours of the design that are too alike, in light and in the dark."""
    light = _variables(text.partition("@media")[0])
    dark = {
        **light,
        **_variables(text.partition("prefers-color-scheme:dark")[2].partition("}}")[0]),
    }
    for name, colors in (("light", light), ("dark", dark)):
        for ink, ground in PAIRS:
            if ink in colors and ground in colors:
                ratio = contrast(colors[ink], colors[ground])
                if ratio < TEXT_CONTRAST:
                    yield f"{name}: {ink} on {ground} has a contrast of {ratio:.2f}"


def contrast(first, second):
    """Ratio of luminances of two colours, #rrggbb, 1 to 21."""
    high, low = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def _variables(css):
    return dict(re.findall(r"(--[a-z-]+):(#[0-9a-f]{6})", css))


def _luminance(color):
    parts = (int(color[i : i + 2], 16) / 255 for i in (1, 3, 5))
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
