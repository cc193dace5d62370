"""Bad and unusual data: rows 1 to 30 of the fault matrix, as far as arrays are concerned."""

import re
import warnings

import numpy as np
import pytest
import torch
from scipy.spatial.distance import pdist, squareform
from sklearn.exceptions import NotFittedError

from paradime import ParametricTSNE, ParametricUMAP
from paradime.dr import DerivedData, ParametricDR
from paradime.exceptions import NotTrainedError
from paradime.loss import ClassificationLoss, RelationLoss, kullback_leibler_div
from paradime.models import Model
from paradime.neighbors import nearest_neighbors
from paradime.relations import DifferentiablePDist, NeighborBasedPDist, Precomputed
from paradime.transforms import Normalize, PerplexityBasedRescale, StudentTTransform, Symmetrize

pytestmark = pytest.mark.usefixtures("few_first_steps")


def assert_finite(embedding):
    assert np.isfinite(embedding).all()


def fit_quietly(routine, X):
    """Fits and returns the messages of what was warned of, each of which must be a UserWarning."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        routine.fit(X)
    assert all(issubclass(warning.category, UserWarning) for warning in caught), caught
    return [str(warning.message) for warning in caught]


class TestNonFinite:
    @pytest.mark.row(1)
    @pytest.mark.parametrize("method", ["fit", "transform"])
    def test_nan_names_the_place_and_a_remedy(self, method, X, make_tsne):
        tsne = make_tsne().fit(X)
        X[7, 3] = X[9, 0] = np.nan
        with pytest.raises(ValueError, match=r"contains NaN.*row 7, column 3\b.*([Ii]mpute|[Dd]rop)"):
            getattr(tsne, method)(X)

    @pytest.mark.row(2)
    @pytest.mark.parametrize("method", ["fit", "transform"])
    @pytest.mark.parametrize("value", [np.inf, -np.inf])
    def test_infinity_names_the_place(self, method, value, X, make_tsne):
        tsne = make_tsne().fit(X)
        X[4, 2] = value
        with pytest.raises(ValueError, match=r"infinity.*row 4, column 2\b"):
            getattr(tsne, method)(X)

    @pytest.mark.row(3)
    @pytest.mark.parametrize("method", ["fit", "transform"])
    def test_number_beyond_single_precision_names_the_column(self, method, X, make_tsne):
        tsne = make_tsne().fit(X)
        X[4, 2] = 1e39
        with pytest.raises(ValueError, match=r"1e\+39.*column 2\b"):
            getattr(tsne, method)(X)

    @pytest.mark.row(1)
    def test_nan_in_a_further_entry_names_the_entry(self, X, make_tsne):
        with pytest.raises(ValueError, match=r"'weights' contains NaN.*row 2"):
            make_tsne().fit({"main": X, "weights": np.where(np.arange(90) == 2, np.nan, 1)})

    @pytest.mark.row(1)
    def test_nan_in_half_precision_and_tensors_is_found(self, X, make_tsne):
        X[3, 1] = np.nan
        for kind in (lambda x: x.astype(np.float16), torch.tensor):
            with pytest.raises(ValueError, match=r"contains NaN.*row 3, column 1"):
                make_tsne().fit(kind(X))

    @pytest.mark.row(1)
    def test_derived_data_that_are_not_finite_are_refused(self, X):
        routine = ParametricDR(derived_data={"bad": DerivedData(lambda x: x / 0)}, losses=ClassificationLoss())
        routine.add_training_phase()
        with pytest.raises(ValueError, match="'bad' contains"):
            routine.train(X)


class TestScale:
    @pytest.mark.row(4)
    @pytest.mark.parametrize("routine", [ParametricTSNE, ParametricUMAP])
    @pytest.mark.parametrize("scale", [1e30, -1e30, 3e37])
    def test_huge_scale_is_finite_or_an_error(self, routine, scale, X):
        made = routine(epochs=2, init_epochs=1, random_state=0, **small(routine))
        try:
            fit_quietly(made, scale * X)
        except (ValueError, RuntimeError) as error:
            message = str(error)
        else:
            assert_finite(made.transform(scale * X))
            message = "scale"
        assert re.search("scale|infin|precision|diverge|finite", message)

    @pytest.mark.row(5)
    @pytest.mark.parametrize("routine", [ParametricTSNE, ParametricUMAP])
    @pytest.mark.parametrize("scale", [1e-30, 1e-18, 1e-6])
    def test_tiny_scale_is_finite(self, routine, scale, X):
        made = routine(epochs=2, init_epochs=1, random_state=0, **small(routine))
        fit_quietly(made, scale * X)
        assert_finite(made.transform(scale * X))

    @pytest.mark.row(6)
    @pytest.mark.parametrize("offset", [1e4, 1e5, 1e6])
    def test_offset_does_not_blur_neighbours(self, offset, X):
        exact = np.argsort(squareform(pdist(X)) + np.diag(np.full(90, np.inf)), axis=1)[:, :10]
        indices, _ = NeighborBasedPDist(n_neighbors=10).compute_relations(X + offset).data
        assert recall(indices, exact) >= 0.99

    @pytest.mark.row(6)
    @pytest.mark.parametrize("offset", [1e4, 1e6])
    def test_offset_does_not_blur_neighbours_within_a_routine(self, offset, X):
        exact = np.argsort(squareform(pdist(X)) + np.diag(np.full(90, np.inf)), axis=1)[:, :10]
        routine = ParametricDR(global_relations=NeighborBasedPDist(n_neighbors=10))
        routine.add_data({"main": X + offset})
        routine.compute_global_relations()
        assert recall(routine.global_relation_data["rel"].data[0], exact) >= 0.99

    @pytest.mark.row(26)
    def test_one_outlier_does_no_harm(self, X, make_tsne):
        X[0] = 1e8
        tsne = make_tsne()
        fit_quietly(tsne, X)
        assert_finite(tsne.transform(X))


def small(routine):
    return {"perplexity": 5, "batch_size": 30} if routine is ParametricTSNE else {"n_neighbors": 5}


def recall(found, exact):
    return np.mean([len(set(f) & set(e)) / len(e) for f, e in zip(found.tolist(), exact.tolist(), strict=True)])


class TestShape:
    @pytest.mark.row(7)
    def test_no_rows(self, make_tsne, X):
        with pytest.raises(ValueError, match=r"0 sample\(s\)"):
            make_tsne().fit(X[:0])
        with pytest.raises(ValueError, match=r"0 sample\(s\)"):
            make_tsne().fit(X).transform(X[:0])

    @pytest.mark.row(8)
    def test_no_features(self, make_tsne, X):
        with pytest.raises(ValueError, match=r"0 feature\(s\)"):
            make_tsne().fit(X[:, :0])

    @pytest.mark.row(9)
    def test_one_row_cannot_be_learned_from(self, make_tsne, X):
        for routine in (make_tsne(), make_tsne(initialization=None), ParametricUMAP()):
            with pytest.raises(ValueError, match=r"\b1\b.*(sample|point)"):
                routine.fit(X[:1])

    @pytest.mark.row(9)
    def test_one_row_can_be_embedded(self, make_tsne, X):
        tsne = make_tsne().fit(X)
        np.testing.assert_allclose(tsne.transform(X[:1]), tsne.transform(X)[:1], rtol=1e-5, atol=1e-6)

    @pytest.mark.row(10)
    @pytest.mark.parametrize("n", [2, 3, 5, 10])
    @pytest.mark.parametrize("initialization", ["pca", "spectral"])
    def test_fewer_rows_than_neighbours_warn_and_are_finite(self, n, initialization, X):
        umap = ParametricUMAP(
            n_neighbors=10, initialization=initialization, epochs=2, init_epochs=1, random_state=0
        )
        with pytest.warns(UserWarning, match="n_neighbors reduced to n-1"):
            umap.fit(X[:n])
        assert_finite(umap.transform(X[:n]))

    @pytest.mark.row(10)
    def test_fewer_rows_than_neighbours_warn_in_the_relations(self, X):
        for n in (2, 5, 10):
            with pytest.warns(UserWarning, match="n_neighbors reduced to n-1"):
                indices, values = NeighborBasedPDist(n_neighbors=10).compute_relations(X[:n]).data
            assert indices.shape == (n, n)
            assert_finite(values)

    @pytest.mark.row(11)
    @pytest.mark.parametrize("perplexity", [90, 100, 1000])
    def test_perplexity_of_at_least_n_names_both_numbers(self, perplexity, X, make_tsne):
        with pytest.raises(ValueError, match=rf"perplexity.*\b{perplexity}\b.*\b90\b"):
            make_tsne(perplexity=perplexity).fit(X)

    @pytest.mark.row(12)
    @pytest.mark.parametrize("shape", [(90,), (9, 10, 5)])
    def test_tabular_model_wants_two_dimensions(self, shape, make_tsne):
        with pytest.raises(ValueError, match="Expected 2D"):
            make_tsne().fit(np.random.default_rng(0).normal(size=shape))

    @pytest.mark.row(12)
    @pytest.mark.parametrize("shape", [(5,), (2, 3, 5)])
    def test_tabular_model_wants_them_at_transform_too(self, shape, X, make_tsne):
        with pytest.raises(ValueError, match="Expected 2D"):
            make_tsne().fit(X).transform(np.ones(shape))

    @pytest.mark.row(30)
    def test_other_number_of_features_at_transform(self, X, make_tsne):
        tsne = make_tsne().fit(X)
        for use in (tsne.transform, tsne.apply, tsne.embed, tsne):
            with pytest.raises(ValueError, match=r"X has 4 features, but \w+ is expecting 5"):
                use(X[:, :4])

    @pytest.mark.row(30)
    def test_in_dim_that_does_not_fit_the_data(self, X, make_tsne):
        with pytest.raises(ValueError, match=r"X has 5 features, but \w+ is expecting 7"):
            make_tsne(in_dim=7).fit(X)

    def test_entries_of_other_lengths(self, X, make_tsne):
        with pytest.raises(ValueError, match=r"rows.*90.*89"):
            make_tsne().fit({"main": X, "other": X[:89]})

    def test_labels_of_another_length(self, X, make_tsne):
        with pytest.raises(ValueError, match=r"\(90,\), one per row, got \(89,\)"):
            make_tsne().fit(X, np.arange(89))


class TestKind:
    @pytest.mark.row(13)
    def test_ragged_list(self, make_tsne):
        with pytest.raises(ValueError, match="ragged"):
            make_tsne().fit([[1.0, 2.0], [3.0]])

    @pytest.mark.row(13)
    @pytest.mark.parametrize("data", [None, "data.csv", 3.0])
    def test_no_array_at_all(self, data, X, make_tsne):
        with pytest.raises(TypeError, match=type(data).__name__):
            make_tsne().fit(data)
        with pytest.raises(TypeError, match=type(data).__name__):
            make_tsne().fit(X).transform(data)

    @pytest.mark.row(14)
    @pytest.mark.parametrize("kind", [np.complex64, np.complex128])
    def test_complex_numbers(self, kind, X, make_tsne):
        with pytest.raises(ValueError, match="complex"):
            make_tsne().fit(X.astype(kind))
        with pytest.raises(ValueError, match="complex"):
            make_tsne().fit(torch.tensor(X.astype(kind)))

    @pytest.mark.row(15)
    def test_objects_that_are_numbers_are_cast(self, X, make_tsne):
        expected = make_tsne().fit_transform(X)
        np.testing.assert_array_equal(make_tsne().fit_transform(X.astype(object)), expected)

    @pytest.mark.row(15)
    def test_text_among_objects_names_the_column(self, X, make_tsne):
        objects = X.astype(object)
        objects[6, 2] = "tall"
        with pytest.raises(ValueError, match=r"tall.*column 2\b|column 2\b.*tall"):
            make_tsne().fit(objects)

    @pytest.mark.row(16)
    @pytest.mark.parametrize(
        "kind",
        [
            np.int8,
            np.int16,
            np.int32,
            np.int64,
            np.uint8,
            np.uint16,
            np.uint32,
            np.float16,
            np.float64,
            bool,
            ">f4",
            ">f8",
            ">i4",
        ],
        ids=str,
    )
    def test_kinds_of_numbers_make_no_difference(self, kind, X, make_tsne):
        whole = np.clip(X, 0, 10).round().astype(kind)
        expected = make_tsne().fit_transform(whole.astype(np.float32))
        np.testing.assert_allclose(make_tsne().fit_transform(whole), expected, rtol=1e-5, atol=1e-5)

    @pytest.mark.row(16)
    @pytest.mark.parametrize(
        "kind", [torch.float16, torch.bfloat16, torch.int32, torch.bool, torch.uint8], ids=str
    )
    def test_kinds_of_tensors_make_no_difference(self, kind, X, make_tsne):
        whole = torch.tensor(X).clamp(0, 10).round().to(kind)
        expected = make_tsne().fit_transform(whole.float())
        np.testing.assert_allclose(make_tsne().fit_transform(whole), expected, rtol=1e-5, atol=1e-5)

    @pytest.mark.row(16)
    def test_float16_is_accepted_at_transform(self, X, make_tsne):
        tsne, half = make_tsne().fit(X), X.astype(np.float16)
        np.testing.assert_array_equal(tsne.transform(half), tsne.transform(half.astype(np.float32)))


class TestMemory:
    @pytest.fixture(params=["read-only", "memmap", "Fortran order", "negative strides", "every other column"])
    def odd(self, request, X, tmp_path):
        if request.param == "memmap":
            np.save(tmp_path / "X.npy", X)
            return np.load(tmp_path / "X.npy", mmap_mode="r")
        if request.param == "Fortran order":
            return np.asfortranarray(X)
        if request.param == "negative strides":
            return X[::-1, ::-1].copy()[::-1, ::-1]
        if request.param == "every other column":
            return np.repeat(X, 2, axis=1)[:, ::2]
        X = X.copy()
        X.flags.writeable = False
        return X

    @pytest.mark.row(20)
    def test_layout_in_memory_makes_no_difference(self, odd, X, make_tsne):
        np.testing.assert_array_equal(make_tsne().fit_transform(odd), make_tsne().fit_transform(X))

    @pytest.mark.row(20)
    def test_input_is_left_as_it_is(self, odd, X, make_tsne):
        make_tsne().fit(odd).transform(odd)
        np.testing.assert_array_equal(odd, X)

    @pytest.mark.row(20)
    def test_tensors_are_left_as_they_are(self, X, make_tsne):
        given = torch.tensor(X, dtype=torch.float32)
        before = given.clone()
        make_tsne().fit(given).transform(given)
        assert torch.equal(given, before)


class TestDegenerate:
    @pytest.mark.row(21)
    def test_constant_columns_are_finite(self, X, make_tsne):
        X[:, 1] = X[:, 3] = 5.0
        with pytest.warns(UserWarning, match="2 of 5 columns of X are constant") as caught:
            tsne = make_tsne().fit(X)
        assert len(caught) == 1
        assert_finite(tsne.transform(X))

    @pytest.mark.row(22)
    @pytest.mark.parametrize("routine", [ParametricTSNE, ParametricUMAP])
    @pytest.mark.parametrize("initialization", ["pca", "spectral", None])
    def test_identical_rows_warn_and_are_finite(self, routine, initialization):
        X = np.full((40, 5), 3.0)
        made = routine(initialization=initialization, epochs=2, init_epochs=1, random_state=0, **small(routine))
        with pytest.warns(UserWarning, match="40 rows of X are identical") as caught:
            made.fit(X)
        assert len(caught) == 1
        assert_finite(made.transform(X))

    @pytest.mark.row(23)
    @pytest.mark.parametrize("routine", [ParametricTSNE, ParametricUMAP])
    def test_many_duplicates_are_finite_and_stay_together(self, routine, X):
        X[:45] = X[0]
        made = routine(epochs=2, init_epochs=1, random_state=0, **small(routine))
        fit_quietly(made, X)
        embedding = made.transform(X)
        assert_finite(embedding)
        np.testing.assert_allclose(embedding[:45], np.broadcast_to(embedding[0], (45, 2)), rtol=1e-5, atol=1e-5)

    @pytest.mark.row(24)
    def test_disconnected_components_warn_with_their_number(self, X):
        rng = np.random.default_rng(0)
        X = np.concatenate([rng.normal(size=(30, 5)) + centre for centre in (0, 1e3, 1e6)])
        umap = ParametricUMAP(n_neighbors=5, initialization="spectral", epochs=2, init_epochs=1, random_state=0)
        with pytest.warns(UserWarning, match=r"\b3\b.*components"):
            umap.fit(X)
        assert_finite(umap.transform(X))

    @pytest.mark.row(25)
    def test_zero_vectors_with_cosine(self, X):
        X[:3] = 0
        relations = NeighborBasedPDist(n_neighbors=5, metric="cosine")
        try:
            _, values = relations.compute_relations(X).data
        except ValueError as error:
            message = str(error)
        else:
            assert_finite(values)
            message = "row"
        assert "row" in message

    @pytest.mark.row(25)
    def test_zero_vectors_with_cosine_in_the_embedding(self):
        embedded = torch.zeros(4, 2, requires_grad=True)
        found = DifferentiablePDist(metric="cosine").compute_relations(embedded).to_square()
        (gradient,) = torch.autograd.grad(found.sum(), embedded)
        assert bool(found.isfinite().all())
        assert bool(gradient.isfinite().all())


class TestPrecomputed:
    """Distances and neighbours that the user computed."""

    def fit(self, relations, X):
        routine = ParametricDR(
            global_relations=relations,
            batch_relations=DifferentiablePDist(transform=[StudentTTransform(1.0), Normalize()]),
            losses=RelationLoss(kullback_leibler_div),
            random_state=0,
        )
        routine.add_training_phase(epochs=1)
        routine.train(X)

    @pytest.mark.row(27)
    def test_matrix_that_is_not_square(self):
        with pytest.raises(ValueError, match=r"square|\(4, 3\)"):
            Precomputed(np.ones((4, 3)))

    @pytest.mark.row(27)
    def test_matrix_of_other_points(self, X):
        with pytest.raises(ValueError, match=r"\b80\b.*\b90\b"):
            self.fit(Precomputed(squareform(pdist(X[:80]))), X)

    @pytest.mark.row(27)
    def test_distances_that_are_negative(self, X):
        dists = squareform(pdist(X))
        dists[3, 4] = dists[4, 3] = -1
        with pytest.raises(ValueError, match="negative"):
            self.fit(Precomputed(dists, transform=PerplexityBasedRescale(5)), X)

    @pytest.mark.row(27)
    def test_distances_that_are_not_symmetric(self, X):
        dists = squareform(pdist(X))
        dists[3, 4] = 100
        with pytest.raises(ValueError, match="symmetric"):
            Precomputed(dists).compute_relations().to_triangular_array()

    @pytest.mark.row(27)
    @pytest.mark.parametrize("value", [np.nan, np.inf])
    def test_relations_that_are_not_finite(self, value, X):
        dists = squareform(pdist(X))
        dists[3, 4] = value
        with pytest.raises(ValueError, match="NaN or infinity"):
            Precomputed(dists)

    @pytest.mark.row(28)
    @pytest.mark.parametrize("index", [-1, 90, 1000])
    def test_neighbour_out_of_range_names_the_row(self, index, X):
        indices, dists = (part.numpy() for part in nearest_neighbors(torch.tensor(X), 5))
        indices[6, 2] = index
        with pytest.raises(ValueError, match=rf"{index}.*row 6\b"):
            Precomputed((indices, dists))


class TestUse:
    @pytest.mark.row(32)
    def test_unfitted_is_scikit_learns_error_too(self, X, make_tsne):
        tsne = make_tsne()
        for use in (tsne.transform, tsne.apply, tsne.embed, tsne.classify, tsne):
            with pytest.raises(NotTrainedError, match="not trained"):
                use(X)
        with pytest.raises(NotFittedError):
            tsne.transform(X)

    @pytest.mark.row(32)
    def test_training_that_fails_leaves_a_routine_unfitted(self, X, make_tsne):
        tsne = make_tsne(perplexity=100)
        with pytest.raises(ValueError, match="perplexity"):
            tsne.fit(X)
        with pytest.raises(NotTrainedError):
            tsne.transform(X)

    def test_training_that_fails_keeps_what_was_learned(self, X, make_tsne):
        # nothing already learned is lost
        tsne = make_tsne().fit(X)
        before = tsne.transform(X)
        with pytest.raises(ValueError, match="NaN"):
            tsne.fit(np.full((90, 5), np.nan))
        np.testing.assert_array_equal(tsne.transform(X), before)

    def test_further_entry_that_fails_keeps_what_was_learned(self, X, make_tsne):
        tsne = make_tsne().fit(X)
        before = tsne.transform(X)
        with pytest.raises(ValueError, match="rows"):
            tsne.add_data({"more": X[:3]})
        np.testing.assert_array_equal(tsne.transform(X), before)


class Shape(Model):
    """A model whose output has whatever shape is asked for."""

    def __init__(self, make):
        super().__init__()
        self.linear = torch.nn.Linear(5, 3)
        self.make = make

    def forward(self, X):
        return self.make(self.linear(X))


class TestModelOutput:
    @pytest.mark.row(39)
    def test_positions_of_another_dimension_name_both_shapes(self, X, make_tsne):
        with pytest.raises(ValueError, match=r"\(2, 2\).*\(2, 3\)"):
            make_tsne(model=torch.nn.Linear(5, 3)).fit(X)

    @pytest.mark.row(39)
    @pytest.mark.parametrize(
        "make", [lambda y: y[:, 0], lambda y: y[None], lambda y: y[:1]], ids=["1-D", "3-D", "rows"]
    )
    def test_embedding_of_the_wrong_shape_names_both(self, make, X, make_tsne):
        with pytest.raises(ValueError, match=r"must have shape \(2, any\), got \(.*\)"):
            make_tsne(model=Shape(make), initialization=None).fit(X)

    @pytest.mark.row(39)
    def test_scores_of_the_wrong_shape_name_both(self, X):
        routine = ParametricDR(
            model=Shape(lambda y: y[:, 0]), losses=ClassificationLoss(classification_method="forward")
        )
        routine.add_training_phase()
        with pytest.raises(ValueError, match=r"\(2, any\), got \(2,\)"):
            routine.train({"main": X, "labels": np.zeros(90, int)})

    @pytest.mark.row(39)
    def test_fewer_scores_than_classes_is_an_error_before_training(self, X):
        routine = ParametricDR(
            model=torch.nn.Linear(5, 3), losses=ClassificationLoss(classification_method="forward")
        )
        routine.add_training_phase()
        with pytest.raises(ValueError, match=r"label.*\b7\b|\b7\b.*label"):
            routine.train({"main": X, "labels": np.arange(90) % 8})

    @pytest.mark.row(39)
    def test_no_tensor_is_an_error(self, X, make_tsne):
        with pytest.raises(ValueError, match="tensor, got tuple"):
            make_tsne(model=Shape(lambda y: (y, y)), initialization=None).fit(X)


class TestBatches:
    @pytest.mark.row(40)
    @pytest.mark.parametrize("batch_size", [89, 44, 1])
    def test_batch_norm_never_sees_one_row(self, batch_size, X):
        sizes = []

        class Normed(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.layers = torch.nn.Sequential(
                    torch.nn.Linear(5, 8), torch.nn.BatchNorm1d(8), torch.nn.Linear(8, 2)
                )

            def forward(self, rows):
                if self.training:
                    sizes.append(len(rows))
                return self.layers(rows) if batch_size > 1 else self.layers[0](rows)[:, :2]

        routine = ParametricDR(
            model=Normed(),
            global_relations=NeighborBasedPDist(10, transform=[Symmetrize(), Normalize()]),
            batch_relations=DifferentiablePDist(transform=[StudentTTransform(1.0), Normalize()]),
            losses=RelationLoss(kullback_leibler_div),
            random_state=0,
        )
        routine.add_training_phase(epochs=2, batch_size=batch_size)
        routine.fit(X)
        # a last batch of a single row joins the one before; single rows are what was asked for
        assert sum(sizes) == 180
        assert min(sizes) >= min(batch_size, 2)
        assert_finite(routine.transform(X))

    def test_batch_norm_is_in_evaluation_mode_in_transform(self, X):
        model = torch.nn.Sequential(
            torch.nn.Linear(5, 8), torch.nn.BatchNorm1d(8), torch.nn.Dropout(0.5), torch.nn.Linear(8, 2)
        )
        tsne = ParametricTSNE(
            refine=False, model=model, perplexity=5, epochs=2, init_epochs=1, batch_size=30, random_state=0
        )
        tsne.fit(X)
        together = tsne.transform(X)
        one_by_one = np.concatenate([tsne.transform(row[None]) for row in X])
        np.testing.assert_allclose(one_by_one, together, rtol=1e-5, atol=1e-6)

    @pytest.mark.row(41)
    @pytest.mark.parametrize("batch_size", [90, 91, 10_000])
    def test_batch_larger_than_the_data_is_all_of_them(self, batch_size, X, make_tsne):
        expected = make_tsne(batch_size=90).fit_transform(X)
        np.testing.assert_array_equal(make_tsne(batch_size=batch_size).fit_transform(X), expected)

    @pytest.mark.row(41)
    def test_batches_of_edges_may_be_larger_than_the_data(self, X):
        umap = ParametricUMAP(n_neighbors=5, batch_size=1000, epochs=1, init_epochs=1, random_state=0)
        fit_quietly(umap, X)
        assert_finite(umap.transform(X))


def test_batch_against_row_by_row(X):
    # figures to reach: batch against row by row ≤ 1e-6
    tsne = ParametricTSNE(refine=False, perplexity=5, epochs=2, init_epochs=1, batch_size=30, random_state=0).fit(
        X
    )
    one_by_one = np.concatenate([tsne.transform(row[None]) for row in X])
    together = tsne.transform(X)
    # the last bit may differ where a sum lies next to the middle between two numbers, once in millions
    np.testing.assert_allclose(one_by_one, together, rtol=2e-7, atol=0)
