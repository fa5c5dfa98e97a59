# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---
# %% [markdown]
# # A published trial, from file to paper
#
# Eleven radiologists read brain scans without AI and then with it (Ruffle et al. 2026, arXiv:2512.19707; data under Apache-2.0). We read
# the published file, see what the design lets us compare, estimate, and write a table and a figure for a paper.
#
# A file of your own goes the same way: `withintask panel from FILE` proposes what each column is, and `withintask panel items` makes
# the panel. See [From a trial to a panel](../trial.md).

# %%
import os
import tempfile
from pathlib import Path

import withintask as wt

data = Path(os.environ.get("WITHINTASK_DATA", "../shared/data").split(os.pathsep)[0])
panel = wt.import_panel("radiology-times", data / "panels" / "ruffle_radiology")
panel.outputs.head(4)

# %% [markdown]
# Which estimators can run, and what do the others lack? No estimate decides which one is recommended: the design does.

# %%
result = wt.estimate(panel, hypotheses="H1")
print(result.summary(width=88))

# %% [markdown]
# Eleven readers do not tell whether AI narrows the spread: a set without an end says that the data cannot say how large the change is. What
# the mean effect shows may be practice, since everybody read with AI second. A page on all of it is `withintask report PANEL`.
#
# For the paper, the table as LaTeX with booktabs (Word, Typst, HTML and others by another suffix) and the figure as PDF, its fonts within:

# %%
folder = Path(tempfile.mkdtemp())
recommended = wt.estimate(panel, estimators=list(result.recommended))
recommended.save(folder / "table.tex")
recommended.plot("estimates", folder / "figure.pdf")
print((folder / "table.tex").read_text())

# %% [markdown]
# Whom to cite:

# %%
print(recommended.cite())
