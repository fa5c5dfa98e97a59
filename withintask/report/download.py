"""Download the archives of BLS with a bar each, and say what came."""

from pathlib import Path

from withintask.ingest.oews.download import Settings, download_oews
from withintask.report.progress import stages


def run_download(
    to: Path, *, years: tuple[int, ...], settings: Settings, level: str = "national"
) -> None:
    """Download archives to a folder and print one line each.

    Parameters
    ----------
    to
        Folder for the archives.
    years
        Years wanted.
    settings
        Server, address and patience.
    level
        Which archive of each year.
    """
    with stages(in_bytes=True) as report:
        archives = download_oews(
            to, years=years, settings=settings, level=level, on_progress=report
        )
    for archive in archives:
        how = (
            "already there"
            if archive.was_there
            else f"downloaded in {archive.n_attempts} attempt(s)"
        )
        print(f"{archive.path}: {archive.n_bytes:,} bytes, {how}")
