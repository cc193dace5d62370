import numpy as np
import pytest
import sklearn.datasets
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import Bunch

from paradime.datasets import fetch_covertype, load_covertype

FEATURE_NAMES = [
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
]


def test_sample_holds_a_thousand_rows_of_each_class():
    forest = load_covertype()
    assert forest.data.shape == (7000, 10)
    assert forest.data.dtype == np.float64
    assert np.isfinite(forest.data).all()
    assert np.issubdtype(forest.target.dtype, np.integer)
    assert np.bincount(forest.target).tolist() == [0] + [1000] * 7


def test_columns_hold_the_attributes_that_their_names_say():
    forest = load_covertype()
    assert forest.feature_names == FEATURE_NAMES
    column = dict(zip(forest.feature_names, forest.data.T, strict=True))
    # ranges in the documentation of the source, which are different for all columns
    assert column["Elevation"].min() > 1800
    assert column["Elevation"].max() < 3900
    assert 340 < column["Aspect"].max() <= 360
    assert column["Slope"].max() < 70
    assert column["Vertical_Distance_To_Hydrology"].min() < 0
    assert all(0 <= column[name].min() <= column[name].max() <= 255 for name in FEATURE_NAMES[6:9])


def test_class_names_fit_the_classes():
    forest = load_covertype()
    assert len(forest.target_names) == 7
    elevation = {
        name: forest.data[forest.target == index + 1, 0].mean() for index, name in enumerate(forest.target_names)
    }
    # krummholz grows at the tree line, cottonwood and willow along the rivers below
    assert max(elevation, key=elevation.get) == "Krummholz"
    assert min(elevation, key=elevation.get) == "Cottonwood/Willow"


def test_any_slice_of_the_sample_holds_every_class():
    target = load_covertype().target
    assert all(len(np.unique(target[start : start + 100])) == 7 for start in range(0, 7000, 100))


def test_rows_are_distinct_and_stay_with_their_classes():
    X, y = load_covertype(return_X_y=True)
    assert len(np.unique(X, axis=0)) > 6990
    classifier = make_pipeline(StandardScaler(), KNeighborsClassifier(5)).fit(X[:5000], y[:5000])
    assert classifier.score(X[5000:], y[5000:]) > 0.6  # chance is 0.14


def test_return_x_y_gives_the_arrays_of_the_bunch():
    X, y = load_covertype(return_X_y=True)
    forest = load_covertype()
    np.testing.assert_array_equal(X, forest.data)
    np.testing.assert_array_equal(y, forest.target)


def test_every_call_gives_arrays_of_its_own():
    load_covertype().data[:] = 0
    assert load_covertype().data.max() > 0


def test_description_names_author_source_and_licence():
    description = load_covertype().DESCR
    for words in ("Blackard", "10.24432/C50K5N", "CC BY 4.0", "1,000 rows per class"):
        assert words in description


@pytest.fixture
def full_data():
    rng = np.random.default_rng(0)
    return Bunch(data=rng.random((50, 54)), target=rng.integers(1, 8, 50).astype(np.int32))


def test_fetch_gives_the_ten_numeric_columns_of_all_rows(monkeypatch, full_data):
    asked = {}

    def fetch_covtype(**kwargs):
        asked.update(kwargs)
        return full_data

    monkeypatch.setattr(sklearn.datasets, "fetch_covtype", fetch_covtype)
    forest = fetch_covertype(data_home="cache", download_if_missing=False)
    assert asked == {"data_home": "cache", "download_if_missing": False}
    np.testing.assert_array_equal(forest.data, full_data.data[:, :10])
    np.testing.assert_array_equal(forest.target, full_data.target)
    assert forest.data.base is None  # else all 54 columns would stay in memory
    assert set(forest) == set(load_covertype())
    assert forest.feature_names == FEATURE_NAMES
    assert "Blackard" in forest.DESCR


def test_fetch_without_data_or_download_points_to_the_sample(tmp_path):
    with pytest.raises(OSError, match=r"load_covertype\(\)"):
        fetch_covertype(data_home=tmp_path, download_if_missing=False)


def test_fetch_passes_a_failed_download_on(monkeypatch):
    def fetch_covtype(**kwargs):
        raise OSError("no route to host")

    monkeypatch.setattr(sklearn.datasets, "fetch_covtype", fetch_covtype)
    with pytest.raises(OSError, match="no route to host"):
        fetch_covertype()
