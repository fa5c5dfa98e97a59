"""Designs of one item a cell and hardly any noise, for tests of one thing at a time: the packaged ones before they were noisy."""

from functools import cache
from pathlib import Path

from withintask.sim.designs import load_designs

FILE = Path(__file__).resolve().parent / "golden" / "finished_designs.toml"


@cache
def plain_designs():
    """Return the twelve by name, in the order of their numbers."""
    return {design.name: design for design in load_designs(FILE)}


def plain_design(name):
    """Return the one of a name."""
    return plain_designs()[name]
