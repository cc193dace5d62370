"""What users of scikit-learn do with a routine."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse
import sklearn
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits, load_iris, load_wine
from sklearn.exceptions import NotFittedError
from sklearn.manifold import trustworthiness
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import kneighbors_graph
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from paradime import ParametricAutoencoder, ParametricContrastive, ParametricMDS, ParametricUMAP
from paradime.dr import ParametricDR
from paradime.exceptions import NotTrainedError
from paradime.loss import GlobalStructureLoss
from paradime.models import FullyConnectedEmbeddingModel, Model, ModelRecipe
from paradime.training import TrainingPhase

pytestmark = pytest.mark.usefixtures("few_first_steps")

X, y = load_iris(return_X_y=True)
FRAME = load_iris(as_frame=True).data


def mds(**settings):
    return ParametricMDS(**{"epochs": 3, "batch_size": 50, "random_state": 0, **settings})


class TestWhatWasFitted:
    def test_features_are_counted_and_named(self):
        routine = mds(epochs=1).fit(FRAME)
        assert routine.n_features_in_ == 4
        assert routine.feature_names_in_.tolist() == FRAME.columns.tolist()
        routine.fit(X[:, :3])
        assert routine.n_features_in_ == 3
        assert not hasattr(routine, "feature_names_in_")

    def test_images_have_a_shape_and_no_number_of_features(self):
        images = load_digits().images[:60]
        routine = mds(model=ModelRecipe("mlp", options={"hidden_dims": [8]}), epochs=1).fit(images)
        assert not hasattr(routine, "n_features_in_")
        assert routine.transform(images[:2]).shape == (2, 2)
        with pytest.raises(ValueError, match=r"rows of shape \(8, 7\)"):
            routine.transform(images[:, :, :7])

    def test_embedding_is_that_of_the_training_rows(self):
        routine = mds()
        assert not hasattr(routine, "embedding_")
        routine.fit(X)
        first = routine.embedding_
        np.testing.assert_array_equal(first, routine.transform(X))
        assert routine.embedding_ is first
        assert routine.fit(X[:50]).embedding_.shape == (50, 2)

    def test_embedding_follows_further_training(self):
        routine = mds().fit(X)
        before = routine.embedding_
        routine.train()
        assert not np.array_equal(routine.embedding_, before)
        np.testing.assert_array_equal(routine.embedding_, routine.transform(X))

    def test_embedding_of_a_frame_and_of_an_entry_by_name(self):
        expected = mds().fit(X).embedding_
        np.testing.assert_allclose(mds().fit(FRAME).embedding_, expected)
        named = mds(data_key="sepals").fit({"sepals": X})
        np.testing.assert_allclose(named.embedding_, expected)
        np.testing.assert_allclose(named.transform({"sepals": X}), expected)
        with pytest.raises(ValueError, match="no entry 'sepals'"):
            named.transform({"petals": X})

    def test_graph_joins_nearest_neighbors(self):
        routine = ParametricUMAP(n_neighbors=10, epochs=1, random_state=0).fit(X)
        graph = routine.graph_
        assert scipy.sparse.issparse(graph)
        assert graph.shape == (150, 150)
        assert graph.format == "csr"
        nearest = kneighbors_graph(X, 5)
        # each of the five nearest is joined, but for ties
        assert graph.astype(bool).multiply(nearest).sum() > 0.98 * nearest.sum()
        graph.data[:] = 0
        assert routine.graph_.sum() > 0

    def test_routine_without_relations_has_no_graph(self):
        routine = ParametricAutoencoder(epochs=1, init_epochs=1).fit(X)
        assert not hasattr(routine, "graph_")
        with pytest.raises(AttributeError, match="no global relations"):
            _ = routine.graph_

    @pytest.mark.parametrize("attribute", ["embedding_", "graph_", "n_features_in_"])
    def test_nothing_is_there_before_the_fit(self, attribute):
        assert not hasattr(mds(), attribute)

    @pytest.mark.row(31)
    def test_names_that_are_reordered_or_unseen_are_refused(self):
        routine = mds(epochs=1).fit(FRAME)
        with pytest.raises(ValueError, match="must be in the same order"):
            routine.transform(FRAME[FRAME.columns[::-1]])
        with pytest.raises(ValueError, match="unseen at fit time"):
            routine.transform(FRAME.rename(columns={FRAME.columns[0]: "other"}))
        with pytest.raises(ValueError, match="unseen at fit time"):
            routine.transform(pl.DataFrame(X, schema=list("abcd")))

    def test_refused_names_leave_what_was_learned(self):
        routine = mds().fit(X)
        before = routine.transform(X)
        with pytest.raises(TypeError, match="string"):
            routine.fit(pd.DataFrame(X, columns=["a", "b", "c", 4]))
        np.testing.assert_array_equal(routine.transform(X), before)


class TestOutput:
    def test_frames_come_out(self):
        routine = mds().set_output(transform="pandas").fit(FRAME)
        out = routine.transform(FRAME[10:20])
        assert out.columns.tolist() == ["parametricmds0", "parametricmds1"]
        assert out.index.tolist() == list(range(10, 20))
        assert isinstance(routine.set_output(transform="polars").transform(FRAME), pl.DataFrame)

    def test_names_count_the_dimensions(self):
        assert mds(n_components=3, epochs=1).fit(X).get_feature_names_out().tolist() == [
            "parametricmds0",
            "parametricmds1",
            "parametricmds2",
        ]
        with pytest.raises(NotFittedError):
            mds().get_feature_names_out()

    def test_tensors_come_out_on_request(self):
        routine = mds().fit(X)
        expected = routine.transform(X)
        for rows in (torch.tensor(X), X, FRAME.to_numpy()):
            out = clone(routine).set_output(transform="torch").fit(X).transform(rows)
            assert isinstance(out, torch.Tensor)
            np.testing.assert_array_equal(out.numpy(), expected)
        with sklearn.config_context(transform_output="pandas"):
            assert isinstance(routine.set_output(transform="torch").transform(X), torch.Tensor)
        assert isinstance(routine.set_output(transform="default").transform(X), np.ndarray)

    def test_request_for_tensors_is_cloned(self):
        assert isinstance(clone(mds().set_output(transform="torch")).fit_transform(X), torch.Tensor)

    def test_unknown_output_is_refused(self):
        with pytest.raises(ValueError, match="'torch' or None, got 'jax'"):
            mds().set_output(transform="jax")
        routine = mds().set_output(transform="torch")
        assert isinstance(routine.set_output(transform=None).fit_transform(X), torch.Tensor)

    def test_fit_transform_is_fit_and_transform(self):
        routine = ParametricContrastive(epochs=2, random_state=0)
        np.testing.assert_array_equal(clone(routine).fit_transform(X), routine.fit(X).transform(X))


class TestScore:
    def test_score_is_trustworthiness(self):
        routine = mds().fit(X)
        expected = trustworthiness(X, routine.transform(X), n_neighbors=15)
        assert routine.score(X) == pytest.approx(expected, abs=0.002)  # ties are ranked otherwise
        assert routine.score(X, y) == routine.score(FRAME.to_numpy()) == routine.score(torch.tensor(X))

    def test_score_tells_a_trained_routine_from_one_that_is_not(self, outcome):
        digits = load_digits().data[:500]

        def measure(seed):
            routine = ParametricContrastive(epochs=5, init_epochs=1, random_state=seed).fit(digits)
            flat = ParametricAutoencoder(
                epochs=1, init_epochs=1, initialization=None, learning_rate=1e-9, random_state=seed
            )
            return {"gain": routine.score(digits) - flat.fit(digits).score(digits)}

        outcome(measure, at_least={"gain": 0.05})

    def test_score_samples_the_same_rows_of_many(self):
        many = np.random.default_rng(0).normal(size=(2500, 3))
        routine = mds(epochs=1, batch_size=500).fit(many)
        assert routine.score(many) == routine.score(many)
        assert 0 < routine.score(many) <= 1

    def test_few_rows_and_no_training_are_refused(self):
        routine = mds(epochs=1).fit(X)
        assert 0 <= routine.score(X[:3]) <= 1
        with pytest.raises(ValueError, match=r"at least 3 rows, .* got 2"):
            routine.score(X[:2])
        with pytest.raises(NotTrainedError):
            mds().score(X)


class TestParts:
    @pytest.mark.parametrize("method", ["predict", "predict_proba", "inverse_transform"])
    def test_methods_are_there_with_the_part(self, method):
        with_parts, plain = mds(classifier=True, decoder=True, epochs=1), mds(epochs=1)
        assert hasattr(with_parts, method)
        assert hasattr(with_parts.fit(X, y), method)
        assert not hasattr(plain, method)
        assert not hasattr(plain.fit(X), method)
        assert callable(getattr(ParametricMDS, method))

    def test_models_of_users_are_asked(self):
        class Both(Model):
            def __init__(self):
                super().__init__()
                self.encoder, self.decoder = torch.nn.Linear(4, 2), torch.nn.Linear(2, 4)

            def embed(self, X):
                return self.encoder(X)

            def decode(self, X):
                return self.decoder(X)

        routine = mds(model=Both())
        assert hasattr(routine, "inverse_transform")
        assert not hasattr(routine, "predict")
        assert routine.fit(X).inverse_transform(np.zeros((3, 2))).shape == (3, 4)
        assert hasattr(mds(model=ModelRecipe(classifier=True)), "predict")
        assert hasattr(ParametricAutoencoder(), "inverse_transform")
        assert not hasattr(mds(model=FullyConnectedEmbeddingModel(4, 2, [8])), "inverse_transform")

    def test_pipeline_offers_what_its_last_step_can(self):
        assert not hasattr(make_pipeline(StandardScaler(), mds()), "inverse_transform")
        pipeline = make_pipeline(StandardScaler(), mds(decoder=True)).fit(X)
        assert pipeline.inverse_transform(pipeline.transform(X)).shape == X.shape


class TestParameters:
    def test_fit_leaves_losses_and_phases_that_were_given(self):
        loss, phase = GlobalStructureLoss(), TrainingPhase(epochs=2, batch_size=50)
        routine = ParametricDR(losses=loss, training_phases=[phase], random_state=0).fit(X)
        assert loss.history == []
        assert phase.loss is None
        assert len(routine.losses["loss"].history) == 2
        assert len(routine.training_phases[0].loss.history) == 2
        # as 1.x's users read them
        routine = ParametricDR(losses=loss, training_phases=[phase], random_state=0)
        routine.train(X)
        assert len(loss.history) == len(phase.loss.history) == 2

    @pytest.mark.parametrize(
        "make",
        [np.random.RandomState, np.random.default_rng, torch.Generator().manual_seed],
        ids=["old", "new", "torch"],
    )
    def test_generators_are_random_states(self, make):
        first, second = (mds(random_state=make(3)).fit(X).transform(X) for _ in range(2))
        np.testing.assert_array_equal(first, second)
        routine = mds(random_state=make(3))
        again = [routine.fit(X).transform(X) for _ in range(2)]
        np.testing.assert_array_equal(again[0], first)
        assert not np.array_equal(*again)

    def test_integers_of_numpy_are_seeds(self):
        np.testing.assert_array_equal(
            mds(random_state=np.int64(3)).fit_transform(X), mds(random_state=3).fit_transform(X)
        )

    def test_other_random_states_are_refused(self):
        with pytest.raises(TypeError, match=r"random_state must be an integer, a generator .* got str"):
            mds(random_state="seed").fit(X)

    def test_metadata_is_asked_for_by_name_only(self):
        with sklearn.config_context(enable_metadata_routing=True):
            with pytest.raises(TypeError, match="sample_weight"):
                mds().set_fit_request(sample_weight=True)
            assert "sample_weight" not in mds().get_metadata_routing().fit.requests

    def test_sparse_matrix_by_keys_is_no_dict_of_entries(self):
        embedded = mds().fit(scipy.sparse.dok_array(X)).transform(scipy.sparse.dok_array(X))
        np.testing.assert_allclose(embedded, mds().fit_transform(X), atol=1e-4)


class TestHtml:
    def test_fitted_routine_shows_its_model_and_phases(self):
        routine = mds(epochs=7).fit(X)
        html = routine._repr_html_()
        n_parameters = sum(p.numel() for p in routine.model.parameters())
        assert f"{n_parameters:,} parameters" in html
        assert "7 epochs, loss" in html
        assert "n_features_in_" in html
        # nothing is computed to be shown
        assert "_embedding" not in routine.__dict__

    def test_routine_that_is_not_fitted_shows_its_parameters(self):
        html = mds(metric="cosine")._repr_html_()
        assert "cosine" in html
        assert "Model and training" not in html
        assert "many" in mds(epochs="many")._repr_html_()

    def test_pipeline_shows_it(self):
        assert "ParametricMDS" in make_pipeline(StandardScaler(), mds()).fit(X)._repr_html_()


@pytest.mark.row(58)
def test_grid_search_in_two_processes_finds_the_better_setting(outcome):
    # rows are in the order of their classes, and halves without shuffling would have different ones
    wine = np.random.default_rng(0).permutation(StandardScaler().fit_transform(load_wine().data))
    rates = [1e-9, 0.01]

    def measure(seed):
        pipeline = make_pipeline(StandardScaler(), mds(epochs=10, initialization=None, random_state=seed))
        search = GridSearchCV(
            pipeline, {"parametricmds__learning_rate": rates}, cv=2, n_jobs=None if seed else 2
        ).fit(wine)
        scores = search.cv_results_["mean_test_score"]
        assert search.best_params_ == {"parametricmds__learning_rate": rates[int(np.argmax(scores))]}
        assert search.best_score_ == scores.max() <= 1
        assert search.transform(wine).shape == (178, 2)
        return {"score": scores[1], "gain": scores[1] - scores[0]}

    outcome(measure, at_least={"score": 0.6, "gain": 0.0})
