"""What a real browser says of a page: errors, overflow, contrast as painted, links, keyboard."""

import shutil
from contextlib import contextmanager
from functools import partial

import pytest
from page_checks import problems_of

WIDTHS = (360, 768, 1280)
_NAMES = ("chromium", "chromium-browser", "google-chrome")
_OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
_OVERFLOW = """() => {
  const wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
  if (wide <= 0) return [];
  const edge = document.documentElement.clientWidth + 1;
  const inBox = e => e.closest('.wide, pre');
  const bad = [...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > edge && !inBox(e));
  return [`${wide} px too wide: ` + bad.slice(0, 3).map(e => e.tagName + ' ' + e.textContent.slice(0, 30)).join('; ')];
}"""
_TALL = """() => [...document.querySelectorAll('td, th')].filter(e => e.getBoundingClientRect().height > 480)
  .slice(0, 3).map(e => `a cell of ${Math.round(e.getBoundingClientRect().height)} px: ` + e.textContent.slice(0, 40))"""
_CONTRAST = """() => {
  const parse = c => (c.match(/[\\d.]+/g) || []).map(Number);
  const lum = ([r, g, b]) => { const f = v => { v /= 255; return v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4 };
    return .2126 * f(r) + .7152 * f(g) + .0722 * f(b) };
  const ground = e => { for (let n = e; n; n = n.parentElement) { const c = parse(getComputedStyle(n).backgroundColor);
    if (c.length >= 3 && (c.length < 4 || c[3] > .99)) return c } return matchMedia('(prefers-color-scheme: dark)').matches ? [18, 18, 18] : [255, 255, 255] };
  const bad = new Set();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const e = walker.currentNode.parentElement;
    if (!walker.currentNode.textContent.trim() || ['SCRIPT', 'STYLE'].includes(e.tagName) || !e.getClientRects().length) continue;
    const [a, b] = [lum(parse(getComputedStyle(e).color)), lum(ground(e))].sort((x, y) => y - x);
    const ratio = (a + .05) / (b + .05);
    const style = getComputedStyle(e), size = parseFloat(style.fontSize);
    const least = size >= 24 || (size >= 18.66 && style.fontWeight >= 700) ? 3 : 4.5;
    if (ratio < least) bad.add(`${ratio.toFixed(2)}: ${e.tagName} ${e.className} ${walker.currentNode.textContent.trim().slice(0, 30)}`);
  }
  return [...bad];
}"""
_FOCUS = """() => { const e = document.activeElement; const s = getComputedStyle(e);
  return [e.tagName, s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 1] }"""
_PRESSES = 4


def find_browser():
    """Path of a browser, or None."""
    return next((where for name in _NAMES if (where := shutil.which(name))), None)


@contextmanager
def browser():
    """Start a headless browser; the test is skipped, with the reason, where there is none."""
    path = find_browser()
    if path is None:
        pytest.skip(f"no browser here: none of {', '.join(_NAMES)} (Debian's package: chromium)")
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=_OPTIONS)
        try:
            yield started
        finally:
            started.close()


def _note(problems, what):
    problems.append(f"{what} {getattr(what, 'url', '')[:80]}")


def _note_error(problems, message):
    if message.type == "error":
        _note(problems, message.text)


def problems_in_browser(started, file):
    """Open a page at three widths, light and dark, and return what is wrong, one sentence each."""
    problems = []
    for scheme in ("light", "dark"):
        context = started.new_context(color_scheme=scheme, offline=True)
        page = context.new_page()
        page.on("console", partial(_note_error, problems))
        page.on("pageerror", partial(_note, problems))
        page.on("requestfailed", partial(_note, problems))
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 800})
            page.goto(file.resolve().as_uri())
            page.evaluate("document.querySelectorAll('details').forEach(e => e.open = true)")
            for check in (_OVERFLOW, _TALL):
                problems += [f"{scheme}, {width} px: {p}" for p in page.evaluate(check)]
        problems += [f"{scheme}: contrast {p}" for p in page.evaluate(_CONTRAST)]
        for _ in range(_PRESSES):
            page.keyboard.press("Tab")
            tag, is_seen = page.evaluate(_FOCUS)
            if tag != "BODY" and not is_seen:
                problems.append(f"{scheme}: focus of {tag} is not seen")
        context.close()
    return problems


def page_problems(file):
    """What is wrong with a page, read as text and, where there is a browser, in it: for tests that made the page at a cost."""
    problems = problems_of(file.read_text(encoding="utf-8"), file.parent)
    if find_browser() is None:
        return problems
    with browser() as started:
        return [*problems, *problems_in_browser(started, file)]
