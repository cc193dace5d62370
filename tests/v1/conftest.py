import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from paradime.datasets import load_covertype
from paradime.metrics import knn_accuracy


class Digits:
    """Handwritten digits as rows in [0, 1], split into rows to learn from and rows to be judged by."""

    def __init__(self):
        X, y = load_digits(return_X_y=True)
        split = train_test_split(X / 16, y, test_size=0.25, random_state=0, stratify=y)
        self.X, self.X_test, self.y, self.y_test = split
        pca = PCA(2, random_state=0).fit(self.X)
        self.pca_accuracy = self.accuracy(pca.transform)

    def accuracy(self, embed):
        """Share of held-out rows whose ten nearest neighbours in the embedding say their class."""
        return knn_accuracy(
            np.asarray(embed(self.X)),
            self.y,
            test_embedding=np.asarray(embed(self.X_test)),
            test_labels=self.y_test,
        )


@pytest.fixture(scope="session")
def digits():
    return Digits()


class Forest:
    """Patches of forest, standardised: 150 rows per class to learn from, and as many to be judged by."""

    def __init__(self):
        raw, labels = load_covertype(return_X_y=True)
        data = StandardScaler().fit_transform(raw)
        rows = [np.flatnonzero(labels == label) for label in np.unique(labels)]
        train, test = (np.concatenate([r[part] for r in rows]) for part in (slice(150), slice(150, 300)))
        self.X, self.y, self.X_test, self.y_test = data[train], labels[train], data[test], labels[test]

    def accuracy(self, embed):
        """Share of held-out rows whose ten nearest neighbours in the embedding say their class."""
        return knn_accuracy(embed(self.X), self.y, test_embedding=embed(self.X_test), test_labels=self.y_test)


@pytest.fixture(scope="session")
def forest():
    return Forest()
