"""Every name, signature and default that scripts of version 1 may use, and what subclasses may rely on."""

import importlib
import inspect
import logging
import re

import numpy as np
import pytest
import torch
from scipy.sparse import issparse
from scipy.spatial.distance import pdist, squareform

import paradime.dr
import paradime.exceptions
import paradime.loss
import paradime.models
import paradime.relationdata
import paradime.relations
import paradime.routines
import paradime.transforms
import paradime.types
import paradime.utils
from paradime.dr import DerivedData, ParametricDR, TrainingPhase
from paradime.exceptions import CUDANotAvailableError

# as they were: what is compared are names, order and defaults
V1 = """
dr.ParametricDR(model=None, in_dim=None, out_dim=2, hidden_dims=[100, 50], derived_data=None,
    global_relations=None, batch_relations=None, losses=None, training_defaults=TrainingPhase(),
    training_phases=None, use_cuda=False, verbose=False)
dr.ParametricDR.train(self, data=None)
dr.ParametricDR.add_data(self, data)
dr.ParametricDR.add_training_phase(self, training_phase=None, name=None, epochs=None, batch_size=None,
    batches_per_epoch=None, sampling=None, edge_rel_key=None, neg_sampling_rate=None, loss_keys=None,
    loss_weights=None, optimizer=None, learning_rate=None, report_interval=None, **kwargs)
dr.ParametricDR.set_training_defaults(self, training_phase=None, epochs=None, batch_size=None,
    batches_per_epoch=None, sampling=None, edge_rel_key=None, neg_sampling_rate=None, loss_keys=None,
    loss_weights=None, optimizer=None, learning_rate=None, **kwargs)
dr.ParametricDR.compute_global_relations(self, force=False)
dr.ParametricDR.compute_derived_data(self, only=None)
dr.ParametricDR.run_training_phase(self, training_phase)
dr.ParametricDR.apply(self, X, method=None)
dr.ParametricDR.embed(self, X)
dr.ParametricDR.classify(self, X)
dr.ParametricDR.__call__(self, X)
dr.ParametricDR.from_spec(file_or_spec, model=None)
dr.ParametricDR._prepare_training(self)
dr.TrainingPhase(name=None, epochs=5, batch_size=50, batches_per_epoch=-1, sampling="standard",
    edge_rel_key="rel", neg_sampling_rate=5, loss_keys=["loss"], loss_weights=None, optimizer=Adam,
    learning_rate=0.01, report_interval=5, **optimizer_kwargs)
dr.DerivedData(func, type_key_tuples=[("data", "main")], **kwargs)
relations.Precomputed(X, transform=None)
relations.PDist(metric=None, transform=None, keep_result=True, data_key="main", verbose=False)
relations.NeighborBasedPDist(n_neighbors=None, metric=None, transform=None, data_key="main", verbose=False)
relations.DifferentiablePDist(p=2, metric=None, transform=None, data_key="main")
relations.DistsFromTo(metric=None, transform=None, data_key="main")
relations.Relations.compute_relations(self, X=None, **kwargs)
transforms.AdaptiveNeighborhoodRescale(kernel, find_param, verbose=False, **root_scalar_kwargs)
transforms.PerplexityBasedRescale(perplexity=30, verbose=False, **kw)
transforms.ConnectivityBasedRescale(n_neighbors=15, verbose=False, **kw)
transforms.Symmetrize(subtract_product=False)
transforms.StudentTTransform(alpha)
transforms.ModifiedCauchyTransform(min_dist=0.1, spread=1.0, a=None, b=None)
transforms.Functional(f, in_place=True, check_valid=False)
transforms.RelationTransform.transform(self, reldata)
relationdata.relation_factory(relations, force_flat=False)
relationdata.SquareRelationArray.sub(self, indices)
loss.Loss(name=None)
loss.Loss.forward(self, model, global_relations, batch_relations, batch, device)
loss.Loss.checkpoint(self)
loss.RelationLoss(loss_function, global_relation_key="rel", batch_relation_key="rel",
    embedding_method="embed", normalize_sub=True, name=None)
loss.ClassificationLoss(loss_function=CrossEntropyLoss(), data_key="main", label_key="labels",
    classification_method="classify")
loss.PositionLoss(loss_function=MSELoss(), data_key="main", position_key="pos", embedding_method="embed")
loss.ReconstructionLoss(loss_function=MSELoss(), data_key="main", encoding_method="encode",
    decoding_method="decode")
loss.CompoundLoss(losses, weights=None, name=None)
loss.CompoundLoss.detailed_history(self)
loss.kullback_leibler_div(p, q, epsilon=1e-7)
loss.cross_entropy_loss(p, q, epsilon=1e-7)
models.FullyConnectedEmbeddingModel(in_dim, out_dim, hidden_dims)
routines.ParametricTSNE(perplexity=30.0, alpha=1.0, model=None, in_dim=None, out_dim=2, hidden_dims=[100,
    50], initialization="pca", epochs=30, init_epochs=10, batch_size=500, init_batch_size=None,
    learning_rate=0.01, init_learning_rate=None, data_key="main", use_cuda=False, verbose=False)
routines.ParametricUMAP(n_neighbors=30, min_dist=0.01, spread=1.0, a=None, b=None, model=None, in_dim=None,
    out_dim=2, hidden_dims=[100, 50], initialization="spectral", epochs=30, init_epochs=5, batch_size=10,
    negative_sampling_rate=5, init_batch_size=100, learning_rate=0.005, init_learning_rate=0.05,
    data_key="main", dataset=None, use_cuda=False, verbose=False)
utils.plotting.scatterplot(coords, labels=None, colormap=None, labels_to_index=None, figsize=(10, 10),
    bgcolor="#fcfcfc", legend=True, legend_options=None, ax=None, **scatter_kwargs)
utils.plotting.get_color_palette()
utils.plotting.get_colormap()
utils.logging.log(message)
utils.logging.set_logfile(filename, mode="a", disable_stdout=False, disable_other_files=False)
utils.seed.seed_all(seed)
utils.convert.to_numpy(X)
utils.convert.to_torch(X)
"""
VALUES = {
    "Adam": torch.optim.Adam,
    "CrossEntropyLoss": torch.nn.CrossEntropyLoss,
    "MSELoss": torch.nn.MSELoss,
    "TrainingPhase": TrainingPhase,
}

NAMES = {
    "dr": "Dataset NegSampledEdgeDataset validate_spec register_data_func register_relations register_transform "
    "register_loss register_loss_func",
    "relations": "Relations",
    "transforms": "Identity ToFlatArray ToFlatTensor ToSquareArray ToSquareTensor ToTriangularArray "
    "ToTriangularTensor ToNeighborTuple ToSparseArray NormalizeRows Normalize ZeroDiagonal RelationTransform",
    "relationdata": "FlatRelationArray FlatRelationTensor SquareRelationArray SquareRelationTensor "
    "TriangularRelationArray TriangularRelationTensor NeighborRelationTuple SparseRelationArray",
    "models": "Model",
    "exceptions": "NotTrainedError RelationsNotComputedError NoDatasetRegisteredError LossNotDeterminedError "
    "UnsupportedConfigurationError SpecificationError CUDANotAvailableError",
    "types": "",
    "utils": "convert logging plotting seed",
}


def signatures():
    """The text above: the signature of version 1 by where it is found."""
    entries = re.findall(r"^(\S+?)\((.*?)\)$", re.sub(r"\n +", " ", V1), re.MULTILINE)
    return {path: inspect.signature(eval(f"lambda {arguments}: 0", VALUES)) for path, arguments in entries}


def found(path):
    entry = paradime
    for part in path.split("."):
        entry = getattr(entry, part)
    return entry


def same_default(was, now):
    if isinstance(was, list):
        return list(now or ()) == was
    if isinstance(was, (TrainingPhase, torch.nn.Module)):
        # an object that is made for each caller is better than one that all share
        return now is None or type(now) is type(was)
    # a default that is known as nobody's choice is of a type of its own
    return isinstance(now, type(was)) and now == was


@pytest.mark.parametrize(("path", "signature"), signatures().items(), ids=signatures())
def test_signature_is_that_of_version_1(path, signature):
    now = list(inspect.signature(found(path)).parameters.values())
    was = list(signature.parameters.values())
    kinds = inspect.Parameter
    swallow = {kinds.VAR_KEYWORD, kinds.VAR_POSITIONAL}
    named = [p for p in was if p.kind not in swallow]
    if {p.kind for p in was} & swallow:
        assert any(p.kind is kinds.VAR_KEYWORD for p in now)
    positional = [p for p in now if p.kind is kinds.POSITIONAL_OR_KEYWORD]
    keyword_only = {p.name: p for p in now if p.kind is kinds.KEYWORD_ONLY}
    assert [p.name for p in positional][: len(named)] == [p.name for p in named]
    for before, after in zip(named, positional, strict=False):
        if before.default is not kinds.empty:
            assert same_default(before.default, after.default), (before, after)
    for extra in (*positional[len(named) :], *keyword_only.values()):
        assert extra.default is not kinds.empty, f"{extra} is new and required"


@pytest.mark.parametrize(("module", "name"), [(m, n) for m, names in NAMES.items() for n in names.split()])
def test_name_exists(module, name):
    assert hasattr(importlib.import_module(f"paradime.{module}"), name)


@pytest.mark.parametrize(
    "module",
    [*NAMES, "loss", "routines", "utils.convert", "utils.logging", "utils.plotting", "utils.seed"],
)
def test_module_can_be_imported_on_its_own(module):
    importlib.import_module(f"paradime.{module}")


def test_attributes_of_a_routine():
    routine = ParametricDR(
        in_dim=3,
        global_relations=paradime.relations.PDist(),
        batch_relations=paradime.relations.DifferentiablePDist(),
        losses=paradime.loss.RelationLoss(paradime.loss.kullback_leibler_div),
    )
    assert isinstance(routine.model, paradime.models.FullyConnectedEmbeddingModel)
    assert routine.device == torch.device("cpu")
    assert routine.dataset is None
    assert list(routine.global_relations) == ["rel"]
    assert routine.global_relation_data == {}
    assert list(routine.batch_relations) == ["rel"]
    assert list(routine.losses) == ["loss"]
    assert routine.training_phases == []
    assert routine.trained is False


@pytest.mark.parametrize("name", ["batch_size", "epochs", "learning_rate", "loss_keys", "batches_per_epoch"])
def test_phase_keeps_what_it_was_given(name):
    value = {"loss_keys": ["a"], "learning_rate": 0.5}.get(name, 7)
    assert getattr(TrainingPhase(**{name: value}), name) == value


def test_phase_passes_further_settings_to_the_optimizer():
    phase = TrainingPhase(optimizer=torch.optim.SGD, learning_rate=0.1, momentum=0.9)
    (group,) = phase.make_optimizer([torch.nn.Parameter(torch.zeros(1))]).param_groups
    assert (group["lr"], group["momentum"]) == (0.1, 0.9)


@pytest.fixture
def data():
    return np.random.default_rng(0).normal(size=(60, 4))


class Centred(paradime.loss.Loss):
    """The simplest loss: points should lie at the origin."""

    def forward(self, model, global_relations, batch_relations, batch, device):
        return model.embed(batch["main"].to(device)).square().mean()


def make_routine(**settings):
    paradime.utils.seed.seed_all(0)
    settings = {"in_dim": 4, "losses": Centred(), **settings}
    routine = ParametricDR(**settings)
    routine.add_training_phase(epochs=2, batch_size=20)
    return routine


class TestUse:
    """What the methods of a routine do, in few words."""

    def test_history_has_one_value_an_epoch(self, data):
        routine = make_routine()
        routine.train(data)
        assert len(routine.training_phases[0].loss.history) == 2
        assert routine.training_phases[0].loss.detailed_history().shape == (1, 2)

    def test_loss_of_an_epoch_is_the_sum_over_its_batches(self, data):
        class One(paradime.loss.Loss):
            def forward(self, model, global_relations, batch_relations, batch, device):
                return model.embed(batch["main"].to(device)).sum() * 0 + 1

        routine = make_routine(losses=One())
        routine.train(data)
        assert routine.training_phases[0].loss.history == [3, 3]

    def test_batches_hold_the_entries_at_the_sampled_rows(self, data):
        seen = []

        class Look(Centred):
            def forward(self, model, global_relations, batch_relations, batch, device):
                seen.append({key: batch[key] for key in batch})
                return super().forward(model, global_relations, batch_relations, batch, device)

        make_routine(losses=Look()).train({"main": data, "labels": np.arange(60)})
        for batch in seen:
            assert {"main", "labels", "indices"} <= set(batch)
            indices = batch["indices"].numpy()
            np.testing.assert_allclose(batch["main"], data[indices], rtol=1e-6)
            np.testing.assert_array_equal(batch["labels"], indices)
        once = np.concatenate([batch["indices"].numpy() for batch in seen[:3]])
        np.testing.assert_array_equal(np.sort(once), np.arange(60))

    @pytest.mark.parametrize(
        "wrap", [np.array, torch.tensor, lambda X: {"main": X}], ids=["array", "tensor", "dict"]
    )
    def test_train_takes_arrays_tensors_and_dicts(self, wrap, data):
        expected = make_routine()
        expected.train(data)
        routine = make_routine()
        routine.train(wrap(data))
        torch.testing.assert_close(routine.apply(data), expected.apply(data))
        torch.testing.assert_close(routine.apply(torch.tensor(data)), expected.apply(data))

    def test_train_without_data_takes_those_that_were_added(self, data):
        expected = make_routine()
        expected.train(data)
        routine = make_routine()
        routine.add_data({"main": torch.tensor(data)})
        routine.train()
        torch.testing.assert_close(routine.apply(data), expected.apply(data))

    def test_calling_is_applying(self, data):
        routine = make_routine()
        routine.train(data)
        torch.testing.assert_close(routine(data), routine.apply(data))
        torch.testing.assert_close(routine.embed(data), routine.apply(data, method="embed"))

    def test_phases_are_run_one_by_one(self, data):
        routine = make_routine()
        routine.add_data({"main": data})
        phase = TrainingPhase(epochs=3)
        routine.run_training_phase(phase)
        assert len(phase.loss.history) == 3
        assert routine.trained

    def test_derived_data_come_from_data_and_relations(self, data):
        routine = make_routine(
            global_relations=paradime.relations.PDist(),
            derived_data={
                "twice": DerivedData(lambda x: 2 * x),
                "mean": DerivedData(
                    lambda rels, x: rels.to_square_array().data.mean(1), [("rels", "rel"), ("data", "main")]
                ),
                "scaled": DerivedData(lambda x, by: x * by, [("data", "twice")], by=5),
            },
        )
        routine.train(data)
        np.testing.assert_allclose(routine.dataset["scaled"], 10 * data, rtol=1e-5)
        np.testing.assert_allclose(routine.dataset["mean"], squareform(pdist(data)).mean(1), rtol=1e-5)


class TestSubclasses:
    """What users build on the base classes."""

    def test_relations_and_transform_and_model(self, data):
        class Hamming(paradime.relations.Relations):
            def compute_relations(self, X=None, **kwargs):
                signs = np.sign(np.asarray(X))
                return paradime.relationdata.relation_factory((signs[:, None] != signs[None]).mean(axis=2))

        class Flip(paradime.transforms.RelationTransform):
            def transform(self, reldata):
                reldata.data = 1 - reldata.data
                return reldata

        class Linear(paradime.models.Model):
            def __init__(self):
                super().__init__()
                self.weight = torch.nn.Parameter(torch.ones(4, 2))

            def forward(self, X):
                return X @ self.weight

        routine = make_routine(
            model=Linear(),
            global_relations={"signs": Hamming(), "distances": paradime.relations.PDist(transform=Flip())},
            batch_relations=paradime.relations.DifferentiablePDist(transform=[Flip()]),
            losses=paradime.loss.RelationLoss(torch.nn.MSELoss(), global_relation_key="signs"),
        )
        routine.train(data)
        differ = (np.sign(data[0]) != np.sign(data[1])).mean()
        assert float(routine.global_relation_data["signs"].sub([0, 1])[0, 1]) == pytest.approx(differ)
        distance = np.linalg.norm(data[0] - data[1])
        found = routine.global_relation_data["distances"].to_square_array().data[0, 1]
        assert found == pytest.approx(1 - distance, rel=1e-5)
        assert not bool((routine.model.weight == 1).any())

    def test_loss_with_parameters_of_its_own_is_trained_along(self, data):
        class Shifted(paradime.loss.Loss):
            def __init__(self):
                super().__init__("shifted")
                self.shift = torch.nn.Parameter(torch.zeros(2))

            def forward(self, model, global_relations, batch_relations, batch, device):
                return (model.embed(batch["main"].to(device)) - self.shift - 5).square().mean()

        loss = Shifted()
        make_routine(losses=loss).train(data)
        assert float(loss.shift.detach().abs().min()) > 0
        assert len(loss.history) == 2

    @pytest.mark.parametrize("method", ["embed", "encode", "decode", "classify"])
    def test_model_has_the_methods_that_losses_name(self, method):
        assert callable(getattr(paradime.models.Model, method))

    def test_routine_in_the_style_of_version_1(self, data):
        class ParametricMDS(ParametricDR):
            def __init__(
                self, scale=1.0, model=None, in_dim=None, out_dim=2, epochs=3, use_cuda=False, verbose=False
            ):
                self.scale = scale
                self.epochs = epochs
                super().__init__(
                    model=model,
                    in_dim=in_dim,
                    out_dim=out_dim,
                    hidden_dims=[20],
                    global_relations=paradime.relations.PDist(
                        transform=paradime.transforms.Functional(lambda x: scale * x)
                    ),
                    batch_relations=paradime.relations.DifferentiablePDist(),
                    losses={
                        "init": paradime.loss.PositionLoss(position_key="pca"),
                        "embedding": paradime.loss.RelationLoss(torch.nn.MSELoss(), normalize_sub=False),
                    },
                    use_cuda=use_cuda,
                    verbose=verbose,
                )

            def _prepare_training(self):
                main = self.dataset["main"]
                start = torch.pca_lowrank(main, 2, niter=5)
                self.add_data({"pca": main @ start[2]})
                self.add_training_phase(name="init", epochs=self.epochs, loss_keys=["init"])
                self.add_training_phase(name="embedding", epochs=self.epochs, loss_keys=["embedding"])
                super()._prepare_training()

        paradime.utils.seed.seed_all(0)
        mds = ParametricMDS(scale=2.0, in_dim=4)
        mds.train(data)
        assert [phase.name for phase in mds.training_phases] == ["init", "embedding"]
        assert [len(phase.loss.history) for phase in mds.training_phases] == [3, 3]
        assert mds.apply(data).shape == (60, 2)
        assert float(mds.global_relation_data["rel"].sub([0, 1])[0, 1]) == pytest.approx(
            2 * np.linalg.norm(data[0] - data[1]), rel=1e-5
        )

    def test_rescale_of_the_users_own(self, data):
        calls = []

        def find_param(relations, value, **options):
            calls.append(options)
            return relations.mean()

        rescale = paradime.transforms.AdaptiveNeighborhoodRescale(
            lambda relations, param: relations / param, find_param, bracket=[0, 1]
        )
        relations = paradime.relations.NeighborBasedPDist(n_neighbors=5, transform=rescale)
        _, values = relations.compute_relations(data).data
        np.testing.assert_allclose(values.mean(axis=1), 1, rtol=1e-5)
        assert rescale.param_values.shape == (60,)
        assert calls == [{"bracket": [0, 1]}] * 60


class TestDevice:
    def test_cuda_that_is_not_there_is_an_error_that_names_the_remedy(self, monkeypatch):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
        with pytest.raises(CUDANotAvailableError, match=re.escape('device="auto"')):
            make_routine(use_cuda=True).train(np.eye(4))

    @pytest.mark.parametrize("routine", [paradime.routines.ParametricTSNE, paradime.routines.ParametricUMAP])
    def test_so_it_is_with_the_routines(self, routine, monkeypatch):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
        with pytest.raises(CUDANotAvailableError, match=re.escape('device="auto"')):
            routine(in_dim=4, use_cuda=True).train(np.eye(4))

    @pytest.mark.parametrize("device", ["cpu", "auto", torch.device("cpu")], ids=str)
    def test_device_can_be_chosen(self, device, data, monkeypatch):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
        routine = make_routine(device=device)
        routine.train(data)
        assert routine.device == torch.device("cpu")
        assert next(routine.model.parameters()).device.type == "cpu"

    def test_unknown_device_is_refused(self):
        with pytest.raises(ValueError, match="'gpu'"):
            make_routine(device="gpu").train(np.eye(4))


class TestWhereVersion1WasWrong:
    """One test for each item of the list, as far as it concerns scripts of version 1."""

    def test_modified_cauchy_heeds_a_on_arrays(self):
        dists = np.array([0.5, 1.0, 2.0])
        found = paradime.transforms.ModifiedCauchyTransform(a=3.0, b=0.7)(dists).data
        np.testing.assert_allclose(found, 1 / (1 + 3.0 * dists**1.4), rtol=1e-6)

    def test_fuzzy_union_works_on_triangular_data(self):
        values = np.array([0.2, 0.5, 0.9])
        found = paradime.transforms.Symmetrize(subtract_product=True)(values).data
        np.testing.assert_allclose(found, 2 * values - values**2, rtol=1e-6)

    def test_student_t_keeps_sparse_and_neighbour_data_as_they_are(self, data):
        neighbors = paradime.relations.NeighborBasedPDist(n_neighbors=5).compute_relations(data)
        transform = paradime.transforms.StudentTTransform(alpha=1.0)
        sparse = transform(neighbors.to_sparse_array()).data
        assert issparse(sparse)
        assert sparse.nnz == 60 * 5
        indices, values = transform(neighbors).data
        np.testing.assert_array_equal(indices, neighbors.data[0])
        np.testing.assert_allclose(values[:, 1:], 1 / (1 + neighbors.data[1][:, 1:] ** 2), rtol=1e-6)
        dense = np.zeros((60, 60))
        dense[np.arange(60)[:, None], indices] = values
        np.testing.assert_allclose(sparse.toarray(), dense, rtol=1e-6)

    @pytest.mark.parametrize(
        "transform",
        [
            paradime.transforms.Symmetrize(),
            paradime.transforms.Symmetrize(subtract_product=True),
            paradime.transforms.Normalize(),
            paradime.transforms.NormalizeRows(),
            paradime.transforms.ZeroDiagonal(),
            paradime.transforms.StudentTTransform(alpha=2.0),
            paradime.transforms.ModifiedCauchyTransform(),
            paradime.transforms.PerplexityBasedRescale(perplexity=3),
            paradime.transforms.ConnectivityBasedRescale(n_neighbors=4),
            paradime.transforms.Functional(lambda x: x.__imul__(2)),
        ],
        ids=lambda transform: type(transform).__name__,
    )
    @pytest.mark.parametrize("kind", [np.array, torch.tensor], ids=["array", "tensor"])
    def test_transforms_leave_the_callers_arrays_alone(self, transform, kind, data):
        given = kind(squareform(pdist(data[:8])))
        before = np.asarray(given).copy()
        transform(paradime.relationdata.relation_factory(given))
        np.testing.assert_array_equal(given, before)

    def test_pdist_computes_new_distances_for_new_data(self, data):
        relations = paradime.relations.PDist()
        for points in (data, 2 * data, data):
            np.testing.assert_allclose(relations.compute_relations(points).data, pdist(points), rtol=1e-5)
        points = data.copy()
        relations.compute_relations(points)
        points += np.arange(4)  # the same array with other numbers
        points[0] += 1
        np.testing.assert_allclose(relations.compute_relations(points).data, pdist(points), rtol=1e-5)

    def test_default_of_batches_per_epoch_is_not_that_of_the_batch_size(self):
        routine = ParametricDR(in_dim=4, losses=Centred())
        routine.set_training_defaults(batches_per_epoch=3)
        routine.add_training_phase()
        (phase,) = routine.training_phases
        assert (phase.batches_per_epoch, phase.batch_size) == (3, 50)

    def test_defaults_are_not_shared_between_routines(self):
        first, second = (ParametricDR(in_dim=4, losses=Centred()) for _ in range(2))
        first.set_training_defaults(epochs=99)
        second.add_training_phase()
        assert second.training_phases[0].epochs == 5
        assert TrainingPhase().epochs == 5

    def test_defaults_that_were_passed_are_left_alone(self):
        defaults = TrainingPhase(epochs=7)
        routine = ParametricDR(in_dim=4, losses=Centred(), training_defaults=defaults)
        routine.set_training_defaults(batch_size=10)
        routine.add_training_phase()
        assert (routine.training_phases[0].epochs, routine.training_phases[0].batch_size) == (7, 10)
        assert (defaults.epochs, defaults.batch_size) == (7, 50)

    @pytest.mark.parametrize("scale", [1e-4, 1.0, 1e4])
    def test_perplexity_is_found_at_any_scale(self, scale, data):
        rescale = paradime.transforms.PerplexityBasedRescale(perplexity=8)
        relations = paradime.relations.NeighborBasedPDist(n_neighbors=24, transform=rescale)
        _, weights = relations.compute_relations(scale * data).data
        entropy = -(weights * np.log2(np.maximum(weights, 1e-30))).sum(axis=1)
        np.testing.assert_allclose(2**entropy, 8, rtol=1e-3)
        assert rescale.betas.shape == (60,)

    def test_edges_of_any_relations_are_sampled(self, data):
        seen = []

        class Look(Centred):
            def forward(self, model, global_relations, batch_relations, batch, device):
                seen.append((batch["row"], batch["col"]))
                return super().forward(model, global_relations, batch_relations, batch, device)

        ring = np.roll(np.eye(60), 1, axis=1)
        routine = make_routine(losses=Look(), global_relations={"ring": paradime.relations.Precomputed(ring)})
        phase = TrainingPhase(epochs=1, sampling="negative_edge", edge_rel_key="ring", neg_sampling_rate=0)
        routine.add_data({"main": data})
        routine.run_training_phase(phase)
        for row, col in seen:
            assert bool(((row + 1) % 60 == col).all())

    def test_length_of_the_edge_dataset_is_the_number_of_edges(self, data):
        graph = paradime.relationdata.relation_factory(
            np.roll(np.eye(60), 1, axis=1) + np.roll(np.eye(60), 2, axis=1)
        )
        assert len(paradime.dr.NegSampledEdgeDataset(paradime.dr.Dataset(data), graph)) == 120

    def test_compound_losses_nest(self, data):
        inner = paradime.loss.CompoundLoss([Centred("a"), Centred("b")], weights=[1, 2], name="inner")
        outer = paradime.loss.CompoundLoss([inner, Centred("c")], weights=[10, 1], name="outer")
        routine = make_routine(losses=outer)
        routine.train(data)
        first, second = outer.detailed_history()
        np.testing.assert_allclose(first, 30 * second, rtol=1e-5)
        np.testing.assert_allclose(first + second, outer.history, rtol=1e-5)
        np.testing.assert_allclose(inner.history, first / 10, rtol=1e-5)

    def test_quiet_routine_prints_nothing(self, data, capsys):
        make_routine().train(data)
        make_routine(verbose=False).train(data)
        assert capsys.readouterr().out == ""

    def test_points_are_embedded_in_chunks(self):
        sizes = []

        class Watch(torch.nn.Linear):
            def forward(self, X):
                sizes.append(X.numel())
                return super().forward(X)

        routine = make_routine(model=Watch(4, 2), losses=paradime.loss.PositionLoss(position_key="main2"))
        routine.train({"main": np.eye(4), "main2": np.eye(4)[:, :2]})
        sizes.clear()
        n = 3_000_000
        embedding = routine.apply(torch.ones(n, 4))
        assert embedding.shape == (n, 2)
        assert len(sizes) > 1
        assert sum(sizes) == 4 * n

    def test_spectral_positions_need_no_square_matrix(self, monkeypatch):
        def refuse(self, *args):
            raise AssertionError("the n × n matrix was built")

        monkeypatch.setattr(paradime.relationdata.SparseRelationArray, "to_square", refuse)
        paradime.utils.seed.seed_all(0)
        X = np.random.default_rng(0).normal(size=(300, 4))
        tsne = paradime.routines.ParametricTSNE(
            in_dim=4, initialization="spectral", perplexity=10, epochs=1, init_epochs=1, batch_size=100
        )
        tsne.train(X)
        assert tsne.dataset["spectral"].shape == (300, 2)


class TestLogging:
    """Log files, as users set them."""

    @pytest.fixture(autouse=True)
    def restore(self):
        logger = logging.getLogger("paradime")
        handlers, level = list(logger.handlers), logger.level
        pending = paradime.utils.logging._stdout_pending
        yield
        for handler in set(logger.handlers) - set(handlers):
            logger.removeHandler(handler)
            handler.close()
        logger.handlers[:] = handlers
        logger.setLevel(level)
        paradime.utils.logging._stdout_pending = pending

    def test_messages_go_to_standard_output_and_to_the_file(self, tmp_path, capsys):
        paradime.utils.logging.set_logfile(tmp_path / "run.log")
        paradime.utils.logging.log("Ten rows left out.")
        for text in (capsys.readouterr().out, (tmp_path / "run.log").read_text()):
            assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}: Ten rows left out\.\n", text)

    def test_standard_output_can_be_left_out(self, tmp_path, capsys):
        paradime.utils.logging.set_logfile(tmp_path / "run.log", mode="w", disable_stdout=True)
        make_routine(verbose=True).train(np.random.default_rng(0).normal(size=(60, 4)))
        assert capsys.readouterr().out == ""
        assert "Loss after epoch 0" in (tmp_path / "run.log").read_text()
