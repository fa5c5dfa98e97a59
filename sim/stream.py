"""Panels larger than memory: drawn in chunks of whole firms and written as partitioned Parquet."""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import numpy as np

from withintask.panel.arrays import Array
from withintask.panel.atomic import replacing_folder
from withintask.panel.errors import ParameterError, SourceError, list_problems
from withintask.panel.folder import publish
from withintask.panel.panel import TABLES, Frame
from withintask.panel.store import is_panel, read_sections
from withintask.sim import tables
from withintask.sim.design import Design
from withintask.sim.design_checks import check_design
from withintask.sim.economy import Economy
from withintask.sim.rollout import Rollout, roll_out
from withintask.sim.sample import Setting, draw_sample, draw_setting, worker_firm
from withintask.sim.shocks import ShockStreams, common_shapes, worker_shapes
from withintask.sim.simulate import panel_info, sample_frames, setting_frames

Progress = Callable[[int, int], None]
"""Called with workers drawn and workers in all, after every chunk."""

ROWS_PER_CHUNK = 2**19
"""Rows drawn and written at a time, about 50 MB with all columns; larger arrays would be fresh memory each time."""

_AGGREGATES = ("occupation_pay", "education_pay")
_PART = "part-{:05d}.parquet"
_COMPRESSION: Literal["zstd"] = "zstd"
_LEVEL = 1


@dataclass(frozen=True, kw_only=True)
class Written:
    """A streamed panel on disk."""

    folder: Path
    """Where it is."""
    n_rows: int
    """Rows of its largest table."""
    n_chunks: int
    """Parts of each table of workers."""


@dataclass(frozen=True, kw_only=True, eq=False)
class _Source:
    economy: Economy
    design: Design
    setting: Setting
    rollout: Rollout
    common: dict[str, Array]
    streams: ShockStreams


def write_streamed(
    economy: Economy,
    design: Design,
    *,
    seed: int,
    folder: Path | str,
    replicate: int = 0,
    rows_per_chunk: int = ROWS_PER_CHUNK,
    on_progress: Progress | None = None,
    sections: Mapping[str, Mapping[str, Any]] | None = None,
) -> Written:
    """Draw a panel chunk by chunk into a folder of partitioned Parquet.

    Parameters
    ----------
    economy, design
        As for :func:`withintask.sim.simulate.simulate`; designs whose tables pool workers cannot be streamed.
    seed, replicate
        Equal numbers give the panel that ``simulate(economy, design, draw_shocks(design, seed=seed))`` holds.
    folder
        Folder that does not exist yet, or holds a panel with the same sections, which is replaced;
        it appears only when complete.
    rows_per_chunk
        Rows of the largest table drawn at a time, rounded to whole firms; memory grows with it, the
        panel does not depend on it.
    on_progress
        Called after every chunk.
    sections
        Further sections of the manifest, as for :func:`withintask.panel.store.write_panel`.

    Returns
    -------
    Written
        ``folder/<table>/part-00000.parquet`` for tables of workers, ``folder/<table>.parquet`` for the
        others, and a manifest; read it with :func:`withintask.panel.store.read_panel`.

    Raises
    ------
    ParameterError
        If the design cannot be streamed or filled, or rows_per_chunk is not positive.
    SourceError
        If the folder exists, or another process is writing it.

    Notes
    -----
    One thread draws the next chunk while another writes the last one.

    Examples
    --------
    >>> import tempfile
    >>> import withintask as wt
    >>> design = wt.change_design(wt.load_design("rct"), n_workers=60, n_firms=6, n_tasks=2)
    >>> economy = wt.solve_economy(wt.load_params(), n_workers=2**10)
    >>> written = wt.write_streamed(economy, design, seed=1, folder=f"{tempfile.mkdtemp()}/large")
    >>> written.n_rows > 0
    True
    """
    target = Path(folder)
    _fail_if_not_streamable(economy, design, target, rows_per_chunk, sections)
    source = _open(economy, design, seed=seed, replicate=replicate)
    bounds = chunk_bounds(design, rows_per_chunk)
    with replacing_folder(target) as staging:
        _fail_if_there(target, sections)
        counts = _write_chunks(source, bounds, staging, on_progress)
        _write_rest(source, staging, counts, sections)
    return Written(folder=target, n_rows=max(counts.values(), default=0), n_chunks=len(bounds))


def draw_chunks(
    economy: Economy,
    design: Design,
    *,
    seed: int,
    replicate: int = 0,
    rows_per_chunk: int = ROWS_PER_CHUNK,
) -> Iterator[dict[str, Frame]]:
    """Draw the tables of workers chunk by chunk, in order; joined, they are those of the panel.

    Parameters
    ----------
    economy, design, seed, replicate, rows_per_chunk
        As for :func:`write_streamed`.

    Yields
    ------
    dict
        Table to the rows of one block of firms.
    """
    source = _open(economy, design, seed=seed, replicate=replicate)
    for first, last in chunk_bounds(design, rows_per_chunk):
        yield _draw_chunk(source, first, last)


def chunk_bounds(design: Design, rows_per_chunk: int) -> list[tuple[int, int]]:
    """Return first and last (exclusive) worker of each chunk; firms are never split."""
    by_period = design.n_tasks_by_worker * design.n_rows_by_task if design.has_outputs else 1
    by_worker = design.n_periods * by_period
    firm = worker_firm(np.arange(design.n_workers), design.n_firms, design.n_workers)
    starts = np.append(np.flatnonzero(np.diff(firm, prepend=-1)), design.n_workers)
    bounds = [0]
    while bounds[-1] < design.n_workers:
        reach = bounds[-1] + max(rows_per_chunk // by_worker, 1)
        fitting = starts[np.searchsorted(starts, reach, side="right") - 1]
        following = starts[np.searchsorted(starts, bounds[-1], side="right")]
        bounds.append(int(max(fitting, following)))
    return list(pairwise(bounds))


def _open(economy: Economy, design: Design, *, seed: int, replicate: int) -> _Source:
    streams = ShockStreams(seed=seed, replicate=replicate)
    common = _draw(streams, common_shapes(design))
    setting = draw_setting(economy, design, common)
    rollout = roll_out(economy, design, setting)
    return _Source(
        economy=economy,
        design=design,
        setting=setting,
        rollout=rollout,
        common=common,
        streams=streams,
    )


def _draw(streams: ShockStreams, shapes: dict[str, tuple[int, ...]]) -> dict[str, Array]:
    return {name: streams.draw(name, shape) for name, shape in shapes.items()}


def _draw_chunk(source: _Source, first: int, last: int) -> dict[str, Frame]:
    economy, design, setting = source.economy, source.design, source.setting
    draws = {**source.common, **_draw(source.streams, worker_shapes(design, last - first))}
    sample = draw_sample(economy, design, setting, draws, first)
    frames = sample_frames(economy, design, setting, source.rollout, sample, draws)
    columns = {name: names for name, names in design.columns.items() if name in frames}
    return tables.visible(frames, columns)


def _write_chunks(
    source: _Source, bounds: list[tuple[int, int]], staging: Path, on_progress: Progress | None
) -> dict[str, int]:
    """Write every chunk, drawing the next one meanwhile; return rows by table."""
    counts: dict[str, int] = {}
    pending: Future[None] | None = None
    with ThreadPoolExecutor(1) as writer:
        for number, (first, last) in enumerate(bounds):
            frames = _draw_chunk(source, first, last)
            for name, frame in frames.items():
                counts[name] = counts.get(name, 0) + frame.height  # type: ignore[union-attr]
            if pending is not None:
                pending.result()
            pending = writer.submit(_write_parts, frames, staging, number)
            if on_progress is not None:
                on_progress(last, source.design.n_workers)
        if pending is not None:
            pending.result()
    return counts


def _write_parts(frames: dict[str, Frame], staging: Path, number: int) -> None:
    for name, frame in frames.items():
        (staging / name).mkdir(exist_ok=True)
        _write(frame, staging / name / _PART.format(number))


def _write(frame: Frame, file: Path) -> None:
    frame.lazy().collect().write_parquet(file, compression=_COMPRESSION, compression_level=_LEVEL)


def _write_rest(
    source: _Source,
    staging: Path,
    counts: dict[str, int],
    sections: Mapping[str, Mapping[str, Any]] | None,
) -> None:
    """Write the tables that firms, tasks and occupations share, and the manifest."""
    design = source.design
    frames = setting_frames(source.economy, design, source.setting, source.rollout, source.common)
    files = {
        name: {"n_rows": n_rows, "file": f"{name}/*.parquet"} for name, n_rows in counts.items()
    }
    columns = {name: names for name, names in design.columns.items() if name in frames}
    for name, frame in tables.visible(frames, columns).items():
        _write(frame, staging / f"{name}.parquet")
        files[name] = {"n_rows": frame.height, "file": f"{name}.parquet"}  # type: ignore[union-attr]
    in_order = {name: files[name] for name in TABLES if name in files}
    publish(staging, panel_info(design), in_order, layout="parquet", sections=sections)


def _fail_if_not_streamable(
    economy: Economy,
    design: Design,
    target: Path,
    rows_per_chunk: int,
    sections: Mapping[str, Mapping[str, Any]] | None,
) -> None:
    check_design(design, economy.params)
    problems = [
        f"columns.{name}: pools workers of all chunks"
        for name in _AGGREGATES
        if name in design.columns
    ]
    if rows_per_chunk < 1:
        problems.append(f"rows_per_chunk = {rows_per_chunk}: expected at least 1")
    if problems:
        raise ParameterError(list_problems(f"streaming design {design.name}", problems))
    _fail_if_there(target, sections)


def _fail_if_there(target: Path, sections: Mapping[str, Mapping[str, Any]] | None) -> None:
    """Refuse a folder that is there, unless it is the very panel: its writer may have been killed when it was done."""
    if target.exists() and not (
        sections and is_panel(target) and read_sections(target) == sections
    ):
        raise SourceError(f"{target}: exists already; name a new folder or remove it")
