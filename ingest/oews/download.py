"""Download OEWS archives from BLS: polite, resumable, checked before they take their name."""

import http.client
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from threading import Event, Thread
from typing import Any
from urllib.parse import urlsplit

from withintask.ingest.files import LIMITS, check_archive
from withintask.ingest.oews.vintages import load_layouts
from withintask.panel.atomic import put_in_place
from withintask.panel.errors import ParameterError, SourceError, list_problems, quoted

_CHUNK = 1 << 16
_FORBIDDEN, _NOT_FOUND, _BAD_RANGE, _PARTIAL = 403, 404, 416, 206
_TEMPORARY = (408, 425, 429, 500, 502, 503, 504)
_ADVICE = {
    _FORBIDDEN: "BLS refuses the request: give your own e-mail address with --email and try later",
    _NOT_FOUND: "there is no such file: is the year published at this level?",
}
_THIS_MACHINE = ("localhost", "127.0.0.1", "::1")
_TRANSIENT = (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How to talk to the server."""

    base_url: str
    email: str
    """Sent in the User-Agent, as BLS asks."""
    n_attempts: int = 4
    pause_seconds: float = 2.0
    """Pause before the second attempt; it doubles with every further one."""
    timeout_seconds: float = 60.0
    """Longest silence of the server."""
    limit_seconds: float = 3600.0
    """Longest time for one archive, all attempts and pauses included."""


@dataclass(frozen=True, kw_only=True)
class Downloaded:
    """One archive that is in its place."""

    path: Path
    n_bytes: int
    was_there: bool
    """It was complete already, and nothing was fetched."""
    n_attempts: int


class _IncompleteError(Exception):
    """The transfer ended early or the archive is damaged; another attempt may help."""


def download_oews(
    target_dir: str | Path,
    *,
    years: Collection[int],
    settings: Settings,
    level: str = "national",
    on_progress: Callable[[str, int, int | None], None] | None = None,
) -> tuple[Downloaded, ...]:
    """Fetch the BLS archives of some years; complete ones are left alone, partial ones resumed.

    Parameters
    ----------
    target_dir
        Folder for the archives; a transfer in progress ends in ``.part``.
    years
        Years of May estimates.
    settings
        Server, e-mail address, attempts and pauses.
    level
        One of national, industry, state, metro, all.
    on_progress
        Called with the file name, the bytes there are and the bytes expected, if known.

    Raises
    ------
    ParameterError
        If the years, the level, the address or the server's address make no sense.
    SourceError
        With every archive that could not be fetched; the others are in place.
    """
    names = _names(years, level)
    _check_settings(settings)
    folder = Path(target_dir)
    folder.mkdir(parents=True, exist_ok=True)
    done, problems = [], []
    for name in names:
        try:
            done.append(_fetch(folder / name, settings, on_progress))
        except SourceError as fault:
            problems.append(str(fault))
    if problems:
        where = f"{len(problems)} of {len(names)} archives were not downloaded"
        raise SourceError(list_problems(where, problems, advice="Run the same command to resume."))
    return tuple(done)


def default_base_url() -> str:
    """Return the address of the archives at BLS."""
    return load_layouts().download_url


def _names(years: Collection[int], level: str) -> list[str]:
    layouts = load_layouts()
    if level not in layouts.download_files:
        known = ", ".join(layouts.download_files)
        raise ParameterError(f"level {quoted(level)} has no archive; choose one of {known}")
    if not years:
        raise ParameterError("no years: give some, such as --years 2019-2024")
    for year in years:
        layouts.vintage(year)
    return [layouts.download_files[level].format(yy=str(year)[2:]) for year in sorted(years)]


def _check_settings(settings: Settings) -> None:
    local, _, domain = settings.email.partition("@")
    problems = []
    if not local or "." not in domain or any(c.isspace() for c in settings.email):
        problems.append(f"e-mail address {quoted(settings.email)}: BLS asks for a real one")
    parts = urlsplit(settings.base_url)
    if not _is_safe(settings.base_url) or not parts.hostname:
        problems.append(f"base URL {quoted(settings.base_url)} is no https address")
    if settings.n_attempts < 1:
        problems.append(f"{settings.n_attempts} attempts: at least one is needed")
    if problems:
        raise ParameterError(list_problems("download", problems))


def _fetch(
    path: Path, settings: Settings, on_progress: Callable[[str, int, int | None], None] | None
) -> Downloaded:
    if path.is_file() and _is_complete(path):
        return Downloaded(path=path, n_bytes=path.stat().st_size, was_there=True, n_attempts=0)
    part = path.with_name(f"{path.name}.part")
    fault: Exception | None = None
    end = time.monotonic() + settings.limit_seconds
    for attempt in range(1, settings.n_attempts + 1):
        if attempt > 1:
            pause = settings.pause_seconds * 2 ** (attempt - 2)
            time.sleep(max(0.0, min(pause, end - time.monotonic())))
        try:
            _within(end, path.name, partial(_transfer, path.name, part, settings, on_progress))
            put_in_place(part, path)
            return Downloaded(
                path=path, n_bytes=path.stat().st_size, was_there=False, n_attempts=attempt
            )
        except (_IncompleteError, *_TRANSIENT) as error:
            _raise_if_final(path.name, error)
            fault = error
    raise SourceError(f"{path.name}: gave up after {settings.n_attempts} attempts: {fault}")


def _within(end: float, name: str, transfer: Callable[[Event], None]) -> None:
    """Run a transfer until it ends or the time is over: a server that sends a byte a minute is never silent."""
    stop, faults = Event(), list[BaseException]()

    def run() -> None:
        try:
            transfer(stop)
        except BaseException as fault:
            faults.append(fault)

    thread = Thread(target=run, daemon=True)
    thread.start()
    try:
        thread.join(max(0.0, end - time.monotonic()))
    finally:
        stop.set()
    if thread.is_alive():
        raise SourceError(f"{name}: the time limit is over; run the same command to resume")
    if faults:
        raise faults[0]


def _is_safe(url: str) -> bool:
    """Tell whether an address is https, or on this machine."""
    parts = urlsplit(url)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _THIS_MACHINE)


class _SafeRedirects(urllib.request.HTTPRedirectHandler):
    """Follows https alone."""

    def redirect_request(
        self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        if not _is_safe(newurl):
            fp.close()
            raise SourceError(f"{newurl}: the server redirects to an address without https")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _is_complete(path: Path) -> bool:
    try:
        check_archive(path.read_bytes(), path.name)
    except SourceError:
        return False
    return True


def _raise_if_final(name: str, error: Exception) -> None:
    """Turn an answer that another attempt will not change into an error."""
    if isinstance(error, urllib.error.HTTPError):
        error.close()
        if error.code not in (*_TEMPORARY, _BAD_RANGE):
            advice = _ADVICE.get(error.code, "the server refuses the request")
            raise SourceError(f"{name}: HTTP {error.code}: {advice}") from error


def _transfer(
    name: str,
    part: Path,
    settings: Settings,
    on_progress: Callable[[str, int, int | None], None] | None,
    stop: Event,
) -> None:
    """Fetch what is missing of one file into `part`, and check that it is a whole archive."""
    there = part.stat().st_size if part.is_file() else 0
    try:
        opener = urllib.request.build_opener(_SafeRedirects)
        with opener.open(
            _request(name, there, settings), timeout=settings.timeout_seconds
        ) as answer:
            start = there if answer.status == _PARTIAL and _starts_at(answer, there) else 0
            total = _total(answer, start)
            if total is not None and total > LIMITS.max_bytes:
                raise SourceError(
                    f"{name}: {total:,} bytes; at most {LIMITS.max_bytes:,} are fetched"
                )
            size = _append(
                answer, part, start, stop, lambda n: on_progress and on_progress(name, n, total)
            )
    except urllib.error.HTTPError as error:
        if error.code == _BAD_RANGE:
            part.unlink(missing_ok=True)
        raise
    if total is not None and size < total:
        raise _IncompleteError(f"{size:,} of {total:,} bytes arrived")
    try:
        check_archive(part.read_bytes(), name)
    except SourceError as fault:
        part.unlink()
        raise _IncompleteError(str(fault)) from fault


def _request(name: str, there: int, settings: Settings) -> urllib.request.Request:
    headers = {
        "User-Agent": f"withintask/{version('withintask')} ({settings.email})",
        "Accept": "*/*",
    }
    if there:
        headers["Range"] = f"bytes={there}-"
    return urllib.request.Request(f"{settings.base_url.rstrip('/')}/{name}", headers=headers)


def _starts_at(answer: http.client.HTTPResponse, there: int) -> bool:
    return (answer.headers.get("Content-Range") or "").startswith(f"bytes {there}-")


def _total(answer: http.client.HTTPResponse, start: int) -> int | None:
    length = answer.headers.get("Content-Length")
    return start + int(length) if length and length.isdigit() else None


def _append(
    answer: http.client.HTTPResponse,
    part: Path,
    start: int,
    stop: Event,
    report: Callable[[int], object],
) -> int:
    size = start
    with part.open("ab" if start else "wb") as stream:
        for block in _blocks(answer):
            if stop.is_set():
                break
            stream.write(block)
            size += len(block)
            if size > LIMITS.max_bytes:
                raise SourceError(f"{part.name}: more than {LIMITS.max_bytes:,} bytes arrived")
            report(size)
    return size


def _blocks(answer: http.client.HTTPResponse) -> Iterator[bytes]:
    while block := answer.read1(_CHUNK):
        yield block
