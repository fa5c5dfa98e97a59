"""Numbers of honestdid on the published example: ``python make_honestdid.py`` writes honestdid.json.

Needs honestdid 0.1.1 and about ten minutes. Estimates and covariance are those of Benzarti and Carloni (2019) on profits, as
Rambachan and Roth (2023, section 6.1) use them and the R package HonestDiD ships them (BCdata_EventStudy): four leads, the
reference year 2008, four years after. ``r`` holds what the R package gives for the smoothness restriction, from its
reference figures; it simulates the quantile of the folded normal, to about 1e-3. Relative magnitudes are found on a grid of
1,000 points over forty standard errors, so that ends hold to its step; an end at the edge of the grid is left out.
"""

import json
import warnings
from importlib.metadata import version
from pathlib import Path

import honestdid
import numpy as np

HERE = Path(__file__).parent
ESTIMATE = [
    0.006696351804, 0.02934503369, -0.006472972222, 0.0730149895,
    0.1959611177, 0.3120639026, 0.2395415455, 0.1260425001,
]  # fmt: skip
COVARIANCE = [
    [8.428358124e-4, 4.768686777e-4, 2.618051076e-4, 2.354220342e-4, 1.676371467e-4, 1.128707663e-4, 1.992816215e-5, -1.368265366e-4],
    [4.768686777e-4, 6.425420288e-4, 3.987425007e-4, 2.435515198e-4, 2.201960306e-4, 1.804591157e-4, 3.84376508e-5, -2.960421989e-5],
    [2.618051076e-4, 3.987425007e-4, 5.229949602e-4, 2.11768609e-4, 1.840722252e-4, 1.45852784e-4, 7.005197403e-5, 5.952994979e-5],
    [2.354220342e-4, 2.435515198e-4, 2.11768609e-4, 3.089595411e-4, 1.197866077e-4, 1.334081317e-4, 1.016335009e-4, 1.079051726e-4],
    [1.676371467e-4, 2.201960306e-4, 1.840722252e-4, 1.197866077e-4, 3.59970436e-4, 2.478818642e-4, 1.749579242e-4, 1.654256921e-4],
    [1.128707663e-4, 1.804591157e-4, 1.45852784e-4, 1.334081317e-4, 2.478818642e-4, 4.263949813e-4, 2.171437809e-4, 2.892747871e-4],
    [1.992816215e-5, 3.84376508e-5, 7.005197403e-5, 1.016335009e-4, 1.749579242e-4, 2.171437809e-4, 4.886697861e-4, 3.805322049e-4],
    [-1.368265366e-4, -2.960421989e-5, 5.952994979e-5, 1.079051726e-4, 1.654256921e-4, 2.892747871e-4, 3.805322049e-4, 7.61739444e-4],
]  # fmt: skip
R = {
    "original": [0.15877494280765, 0.233147292681241],
    "smooth": {
        "0": [0.131411316, 0.2161696482],
        "0.1": [0.1194440001, 0.4185082143],
        "0.2": [0.01944400015, 0.5185082143],
    },
}
N_POINTS, REACH = 1000, 20


def main() -> None:
    warnings.simplefilter("ignore")
    estimate, covariance = np.array(ESTIMATE), np.array(COVARIANCE)
    relative = {}
    error = float(np.sqrt(covariance[4, 4]))
    edge = REACH * error
    for multiple in (0.5, 1.0, 1.5, 2.0):
        row = honestdid.createSensitivityResults_relativeMagnitudes(
            estimate, covariance, 4, 4, Mbarvec=[multiple], gridPoints=N_POINTS
        ).iloc[0]
        ends = [float(row["lb"]), float(row["ub"])]
        relative[str(multiple)] = [end if abs(end) < 0.99 * edge else None for end in ends]
    smooth = {
        str(row["M"]): [float(row["lb"]), float(row["ub"])]
        for _, row in honestdid.createSensitivityResults(
            estimate, covariance, 4, 4, Mvec=[0.0, 0.1, 0.2]
        ).iterrows()
    }
    content = {
        "script": Path(__file__).name,
        "versions": {"honestdid": version("honestdid")},
        "estimate": ESTIMATE,
        "covariance": COVARIANCE,
        "grid_step": 2 * edge / (N_POINTS - 1),
        "relative": relative,
        "smooth": smooth,
        "r": R,
    }
    (HERE / "honestdid.json").write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
