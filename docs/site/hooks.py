"""What the site adds to the pages: the reference from docstrings, executed tutorials, links into the code as names."""

import inspect
import re
import sys
from functools import cache
from pathlib import Path

import jupytext
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from nbclient import NotebookClient

import withintask as wt

ROOT = Path(__file__).resolve().parents[2]
_OUTSIDE = re.compile(r"\[([^\]]+)\]\(\.\./(?!\w+\.md)([^)]+)\)")
_IMAGE = re.compile(r"!\[([^\]]+)\]\(([\w/.-]+\.(?:png|svg))\)")
_SECTION = re.compile(r"^(\w[\w ]+)\n-{3,}$", re.MULTILINE)
_ENTRY = re.compile(r"^(\*?\*?\w[\w., ]*)\n(?=    \S)", re.MULTILINE)
_SECONDS = 600


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the reference, and tutorials as pages and notebooks."""
    files.append(File.generated(config, "reference.md", content=reference()))
    files.append(File.generated(config, "gallery.md", content=gallery()))
    for path in sorted((ROOT / "docs" / "tutorials").glob("*.py")):
        notebook = executed(path)
        content = jupytext.writes(notebook, fmt="ipynb")
        files.append(File.generated(config, f"tutorials/{path.stem}.ipynb", content=content))
        page = as_markdown(notebook, path.stem)
        files.append(File.generated(config, f"tutorials/{path.stem}.md", content=page))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Show links to files outside the docs as their paths: the site holds the docs alone."""
    del config, files
    if page.file.src_uri.count("/"):
        return markdown
    return _OUTSIDE.sub(r"\1 (`\2`)", markdown)


def gallery() -> str:
    """Show every figure of the pages once, with a link to the page that explains it."""
    parts = [
        "# Gallery of figures\n\nFigures of your own panel: `withintask report PANEL`, or `result.plot()`.\n"
    ]
    shown = set()
    for page in sorted((ROOT / "docs").glob("*.md")):
        text = page.read_text(encoding="utf-8")
        title = text.partition("\n")[0].removeprefix("# ")
        for words, path in _IMAGE.findall(text):
            if path not in shown:
                parts.append(
                    f"## {words}\n\nExplained in [{title}]({page.name}).\n\n![{words}]({path})\n"
                )
            shown.add(path)
    return "\n".join(parts)


def reference() -> str:
    """Write the public door: each name with its signature and docstring."""
    names = sorted((name for name in wt.__all__ if not name.startswith("__")), key=str.lower)
    head = "# Reference\n\nEvery name of `import withintask as wt`.\n"
    return "\n".join([head, *(_entry(name, getattr(wt, name)) for name in names)])


def _entry(name: str, value: object) -> str:
    if not callable(value):
        return f"## {name}\n\n{len(value)} entries of type `{type(value[0]).__name__}`.\n"  # type: ignore[arg-type, index]
    try:
        signature = f"{name}{_on_lines(inspect.signature(value))}"
    except (TypeError, ValueError):
        signature = name
    signature = re.sub(r"withintask\.[\w.]+\.|collections\.abc\.|polars\.[\w.]+\.", "", signature)
    text = _SECTION.sub(r"**\1**\n", inspect.getdoc(value) or "")
    text = _ENTRY.sub(r"- **\1**:", text)
    text = re.sub(r"^>>> .*(?:\n(?!\n|\*\*).*)*", r"```pycon\n\g<0>\n```", text, flags=re.MULTILINE)
    text = re.sub(r":\w+:`~?\.?([^`]+)`", r"`\1`", text)
    example = _examples().get(name, "")
    shown = f"**Example**\n\n```python\n{example}\n```\n" if example else ""
    return f"## {name}\n\n```python\n{signature}\n```\n\n{text}\n\n{shown}"


def _on_lines(signature: inspect.Signature) -> str:
    """Write a signature with a parameter a line."""
    keyword_only = inspect.Parameter.KEYWORD_ONLY
    lines, has_star = [], False
    for parameter in signature.parameters.values():
        if parameter.kind is keyword_only and not has_star:
            lines.append("    *,")
            has_star = True
        lines.append(f"    {parameter},")
    if not lines:
        return "()"
    returned = signature.return_annotation
    plain = inspect.formatannotation(returned) if returned is not inspect.Signature.empty else ""
    return "\n".join(["(", *lines, f") -> {plain}" if plain else ")"])


@cache
def _examples() -> dict[str, str]:
    """Examples by name; those of data on occupations are the scripts in examples/."""
    text = (ROOT / "docs" / "site" / "examples.py").read_text(encoding="utf-8")
    cells = re.split(r"^# %% (.*)$", text, flags=re.MULTILINE)[1:]
    named = zip(cells[::2], cells[1::2], strict=True)
    return {name: code.strip() for names, code in named for name in names.split(", ")}


def executed(path: Path) -> jupytext.jupytext.NotebookNode:
    """Run a tutorial as a notebook in the root of the project."""
    print(f"tutorial {path.stem}", file=sys.stderr)
    notebook = jupytext.read(path)
    notebook.metadata["kernelspec"] = {
        "name": "python3",
        "display_name": "Python 3",
        "language": "python",
    }
    NotebookClient(
        notebook, timeout=_SECONDS, resources={"metadata": {"path": str(ROOT)}}
    ).execute()
    return notebook


def as_markdown(notebook: jupytext.jupytext.NotebookNode, name: str) -> str:
    """Write cells and what they print."""
    parts = []
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            parts.append(cell.source)
            continue
        parts.append(f"```python\n{cell.source}\n```")
        parts += [f"```text\n{text.rstrip()}\n```" for text in map(_output, cell.outputs) if text]
    link = f"[Notebook]({name}.ipynb) of this page, executed."
    return "\n\n".join([*parts, link]) + "\n"


def _output(output: dict) -> str:
    if output["output_type"] == "stream":
        return output["text"] if output["name"] == "stdout" else ""
    return output.get("data", {}).get("text/plain", "")
