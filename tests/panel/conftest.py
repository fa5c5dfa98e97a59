"""Let tests of the panel import the shared generators (importlib mode adds no folder)."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))
