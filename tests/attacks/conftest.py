"""Long attacks run where they are asked for: ``make attack`` sets WITHINTASK_ATTACK=1."""

import os

import pytest


def pytest_collection_modifyitems(items):
    if os.environ.get("WITHINTASK_ATTACK") != "1":
        for item in items:
            if item.get_closest_marker("attack"):
                item.add_marker(pytest.mark.skip(reason="a long attack: make attack"))
