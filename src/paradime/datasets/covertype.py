"""Forest cover types: attributes of the terrain of 30 m × 30 m cells, and their tree cover."""

from __future__ import annotations

import os
from importlib import resources
from typing import Literal, overload

import numpy as np
import sklearn.datasets
from sklearn.utils import Bunch

from paradime.types import AnyArray

__all__ = ["fetch_covertype", "load_covertype"]

_FEATURE_NAMES = (
    "Elevation",
    "Aspect",
    "Slope",
    "Horizontal_Distance_To_Hydrology",
    "Vertical_Distance_To_Hydrology",
    "Horizontal_Distance_To_Roadways",
    "Hillshade_9am",
    "Hillshade_Noon",
    "Hillshade_3pm",
    "Horizontal_Distance_To_Fire_Points",
)

_TARGET_NAMES = (
    "Spruce/Fir",
    "Lodgepole Pine",
    "Ponderosa Pine",
    "Cottonwood/Willow",
    "Aspen",
    "Douglas-fir",
    "Krummholz",
)

_DESCR = """\
Forest cover types ({extent})

Each row describes a 30 m x 30 m cell of forest in the Roosevelt National Forest of northern Colorado by ten
numeric attributes of its terrain; the target is the type of its tree cover, 1 to 7. The binary columns for
wilderness areas and soil types of the full data are left out.

Source: Blackard, J. (1998). Covertype. UCI Machine Learning Repository. https://doi.org/10.24432/C50K5N
Licence: Creative Commons Attribution 4.0 International (CC BY 4.0),
https://creativecommons.org/licenses/by/4.0/
"""


@overload
def load_covertype(*, return_X_y: Literal[False] = False) -> Bunch: ...


@overload
def load_covertype(*, return_X_y: Literal[True]) -> tuple[AnyArray, AnyArray]: ...


def load_covertype(*, return_X_y: bool = False) -> Bunch | tuple[AnyArray, AnyArray]:
    """Loads the bundled forest cover sample: 1,000 rows of each of the seven cover types, in shuffled order.

    The values are those of the source, in metres, degrees, and hillshade 0 to 254. Standardise them before
    computing distances.

    Args:
        return_X_y: Whether to return the pair (data, target) alone.

    Returns:
        A ``Bunch`` with ``data``, float64, shape (7000, 10); ``target``, int64, shape (7000,), values 1 to 7;
        ``feature_names``, the 10 column names; ``target_names``, the 7 class names, where index i is that of class
        i + 1; and ``DESCR``, with credit and licence. With ``return_X_y``, the tuple (data, target).

    Source:
        Blackard, J. (1998). Covertype. UCI Machine Learning Repository. https://doi.org/10.24432/C50K5N
        (CC BY 4.0).

    Example:
        >>> forest = load_covertype()
        >>> forest.data.shape
        (7000, 10)
        >>> forest.target_names[forest.target[0] - 1]
        'Douglas-fir'
        >>> X, y = load_covertype(return_X_y=True)
    """
    with resources.files("paradime.datasets").joinpath("covertype.npz").open("rb") as file:
        archive = np.load(file)
        data, target = archive["data"], archive["target"]
    bunch = _as_bunch(data, target, extent="a sample: 1,000 rows per class, 7,000 in all")
    return (bunch.data, bunch.target) if return_X_y else bunch


def fetch_covertype(*, data_home: str | os.PathLike[str] | None = None, download_if_missing: bool = True) -> Bunch:
    """Loads all 581,012 rows of the forest cover data, through scikit-learn's cache.

    The first call downloads the data (about 11 MB); later ones read scikit-learn's data folder.

    Args:
        data_home: Folder of scikit-learn's data sets; by default ``~/scikit_learn_data``.
        download_if_missing: Whether to download the data if they are not in this folder.

    Returns:
        A ``Bunch`` like that of :func:`load_covertype`, with ``data`` of shape (581012, 10) and ``target`` of
        shape (581012,), in the order of the source.

    Raises:
        OSError: If the data are missing and ``download_if_missing`` is False, or if the download fails.

    Source:
        Blackard, J. (1998). Covertype. UCI Machine Learning Repository. https://doi.org/10.24432/C50K5N
        (CC BY 4.0).

    Example::

        forest = fetch_covertype()
        assert forest.data.shape == (581012, 10)
    """
    try:
        full = sklearn.datasets.fetch_covtype(data_home=data_home, download_if_missing=download_if_missing)
    except OSError as error:
        if download_if_missing:
            raise
        raise OSError(
            "download_if_missing=False needs the complete forest cover data in data_home, "
            f"got data_home={data_home!r} without them. Pass "
            "download_if_missing=True, or use load_covertype(), whose sample is bundled."
        ) from error
    return _as_bunch(full.data[:, : len(_FEATURE_NAMES)], full.target, extent="complete: 581,012 rows")


def _as_bunch(data: AnyArray, target: AnyArray, *, extent: str) -> Bunch:
    return Bunch(
        # a copy, because a view of the first ten columns would keep all 54 in memory
        data=np.array(data, dtype=np.float64, order="C"),
        target=np.array(target, dtype=np.int64),
        feature_names=list(_FEATURE_NAMES),
        target_names=list(_TARGET_NAMES),
        DESCR=_DESCR.format(extent=extent),
    )
