"""A proposed manifest, and how it is written."""

from dataclasses import dataclass
from pathlib import Path

from withintask.panel.atomic import save_text
from withintask.panel.consent import remember_outside
from withintask.panel.errors import SourceError
from withintask.panel.manifest import MANIFEST, read_manifest


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """A manifest and what is not certain in it."""

    text: str
    """the manifest, doubts as comments"""
    doubts: tuple[str, ...]
    """every doubt, one a line"""


def write_proposal(proposal: Proposal, folder: Path) -> Path:
    """Write the manifest into a folder that has none.

    Raises
    ------
    SourceError
        If it has one: a manifest may have been edited and is never replaced.
    """
    manifest = folder / MANIFEST
    if manifest.exists():
        raise SourceError(f"{manifest}: is there already and may have been edited; name a folder")
    folder.mkdir(parents=True, exist_ok=True)
    save_text(manifest, proposal.text)
    tables = read_manifest(manifest).get("tables", {}).values()
    remember_outside(folder, {table["file"] for table in tables if "file" in table})
    return manifest
