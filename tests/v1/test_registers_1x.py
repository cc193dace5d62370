"""Names of specifications and of the functions that register them, as scripts of version 1 call them."""

import json

import numpy as np
import pytest
import sklearn.decomposition
import torch

import paradime.dr
import paradime.loss
import paradime.relations
import paradime.transforms
from paradime import _registry
from paradime.exceptions import SpecificationError
from paradime.relations import NeighborBasedPDist
from paradime.spec import register
from paradime.transforms import ConnectivityBasedRescale, Symmetrize


@pytest.fixture(autouse=True)
def restored(monkeypatch):
    """What a test registers is gone afterwards."""
    for registry in vars(_registry).values():
        if isinstance(registry, _registry.Registry):
            for table in ("_entries", "_aliases", "_own"):
                monkeypatch.setattr(registry, table, getattr(registry, table).copy())


@pytest.fixture
def data():
    return np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32)


class Far(paradime.relations.Relations):
    def compute_relations(self, X=None, **kwargs):
        rows = np.asarray(X, dtype=float)
        return paradime.relationdata.relation_factory(np.abs(rows[:, None] - rows[None]).max(axis=2))


class Twice(paradime.transforms.RelationTransform):
    def transform(self, reldata):
        reldata.data = 2 * reldata.data
        return reldata


class Centred(paradime.loss.Loss):
    def forward(self, model, global_relations, batch_relations, batch, device):
        return model.embed(batch["main"].to(device)).square().mean()


def first_columns(x, n=2):
    return x[:, :n]


def absolute(p, q):
    return (p - q).abs().mean()


# the second argument's name, a block to register, and the names that version 1 has
REGISTERS = {
    "data_func": ("data_func", first_columns, ["pca", "spectral"]),
    "relations": ("rel", Far, ["precomp", "pdist", "neighbor", "pdistdiff", "fromto"]),
    "transform": (
        "tf",
        Twice,
        ["symmetrize", "normalize", "normalize rows", "perplexity", "t-dist", "connect"],
    ),
    "loss": ("loss", Centred, ["relation", "classification", "reconstruction", "position"]),
    "loss_func": ("loss_func", absolute, ["mse", "kl div", "cross entropy", "umap cross entropy"]),
}
# names that came with version 2, and were free
NEW = {
    "data_func": "local radius",
    "relations": "precomputed",
    "transform": "zero diagonal",
    "loss": "triplet",
    "loss_func": "huber",
}
TABLES = {
    "data_func": _registry.DATA_FUNCTIONS,
    "relations": _registry.RELATIONS,
    "transform": _registry.TRANSFORMS,
    "loss": _registry.LOSSES,
    "loss_func": _registry.LOSS_FUNCTIONS,
}
each = pytest.mark.parametrize("part", REGISTERS)


@each
def test_argument_is_given_by_the_name_of_version_1(part):
    argument, block, _ = REGISTERS[part]
    getattr(paradime.dr, f"register_{part}")(name="of a test", **{argument: block})
    assert TABLES[part]["of a test"] is block


@pytest.mark.parametrize(("part", "name"), [(part, name) for part, row in REGISTERS.items() for name in row[2]])
def test_name_of_version_1_is_taken(part, name):
    before = TABLES[part][name]
    with pytest.raises(KeyError, match=rf"the name '{name}' is taken.*Choose another name"):
        getattr(paradime.dr, f"register_{part}")(name, REGISTERS[part][1])
    assert TABLES[part][name] is before


@each
def test_name_that_came_later_stands_for_the_users_block_with_a_warning(part):
    name, block = NEW[part], REGISTERS[part][1]
    assert name in TABLES[part]
    with pytest.warns(UserWarning, match=f"'{name}' is a built-in .* stands for yours") as caught:
        getattr(paradime.dr, f"register_{part}")(name, block)
    assert caught[0].filename == __file__
    assert TABLES[part][name] is block


@each
def test_own_name_is_bound_anew_when_a_cell_of_a_notebook_runs_twice(part):
    again = getattr(paradime.dr, f"register_{part}")
    for _ in range(2):
        again("of a test", REGISTERS[part][1])
    assert TABLES[part]["of a test"] is REGISTERS[part][1]


def test_loss_of_a_script_that_is_called_as_a_new_one_is_used(data):
    class TripletLoss(Centred):
        pass

    with pytest.warns(UserWarning, match="triplet"):
        paradime.dr.register_loss("triplet", TripletLoss)
    spec = {
        "losses": [{"name": "mine", "type": "triplet"}],
        "training phases": [{"epochs": 1, "loss": {"components": ["mine"]}}],
    }
    routine = paradime.dr.ParametricDR.from_spec(file_or_spec=spec)
    assert type(routine.losses["mine"]) is TripletLoss
    routine.train(data)


@pytest.mark.parametrize("name", ["pca", "local radius"])
def test_decorator_of_version_2_takes_no_built_in_name(name):
    with pytest.raises(KeyError, match=f"the name '{name}' is taken"):
        register(name, kind="data function")(first_columns)
    with pytest.raises(KeyError, match=f"the name '{name}' is taken"):
        register("of a test", name, kind="data function")(first_columns)
    assert "of a test" not in _registry.DATA_FUNCTIONS


def spec_with(data_func, keys, **options):
    return {
        "derived data": [{"name": "start", "data func": data_func, "keys": keys, "options": options}],
        "relations": [
            {
                "name": "graph",
                "level": "global",
                "type": "neighbor",
                "options": {"n_neighbors": 15},
                "transforms": [
                    {"type": "connect", "options": {"n_neighbors": 15}},
                    {"type": "symmetrize", "options": {"subtract_product": True}},
                ],
            }
        ],
        "losses": [{"name": "init", "type": "position", "func": "mse", "keys": {"data": ["main", "start"]}}],
        "training phases": [{"epochs": 1, "loss": {"components": ["init"]}}],
    }


def derived(spec, data):
    routine = paradime.dr.ParametricDR.from_spec(spec, model=torch.nn.Linear(4, 2))
    routine.add_data({"main": torch.tensor(data)})
    routine.compute_global_relations()
    routine.compute_derived_data()
    return routine.dataset["start"].numpy()


@pytest.mark.parametrize(
    "options", [{"out_dim": 3}, {"n_components": 3}, {"n_components": 2, "out_dim": 3}], ids=str
)
def test_pca_takes_the_number_of_dimensions_by_both_names(options, data):
    expected = sklearn.decomposition.PCA(3).fit_transform(data)
    found = derived(spec_with("pca", [["data", "main"]], **options), data)
    np.testing.assert_allclose(np.abs(found), np.abs(expected), atol=1e-4)


@pytest.mark.parametrize(
    "options", [{"out_dim": 3}, {"n_components": 3}, {"n_components": 2, "out_dim": 3}], ids=str
)
def test_spectral_takes_the_number_of_dimensions_by_both_names(options, data):
    graph = NeighborBasedPDist(
        15, transform=[ConnectivityBasedRescale(15), Symmetrize(subtract_product=True)]
    ).compute_relations(data)
    found = derived(spec_with("spectral", [["rels", "graph"]], **options), data)
    assert found.shape == (60, 3)
    expected = paradime.functional.spectral_positions(graph.to_sparse_array().data, 3)
    np.testing.assert_allclose(np.corrcoef(found.T, expected.T)[:3, 3:].diagonal(), 1, atol=1e-4)


@pytest.mark.parametrize("data_func", ["pca", "spectral"])
def test_two_dimensions_are_the_default(data_func, data):
    keys = [["data", "main"]] if data_func == "pca" else [["rels", "graph"]]
    assert derived(spec_with(data_func, keys), data).shape == (60, 2)


@pytest.mark.parametrize(("data_func", "keys"), [("pca", [["data", "main"]]), ("spectral", [["rels", "graph"]])])
def test_number_of_dimensions_must_be_positive(data_func, keys, data):
    with pytest.raises(ValueError, match="must be an integer of at least 1, got 0"):
        derived(spec_with(data_func, keys, out_dim=0), data)


def test_specification_is_given_by_its_name(tmp_path):
    spec = spec_with("pca", [["data", "main"]], out_dim=2)
    path = tmp_path / "spec.json"
    path.write_text(json.dumps(spec))
    for given in (spec, str(path)):
        assert paradime.dr.validate_spec(file_or_spec=given)["losses"][0]["name"] == "init"
        assert "init" in paradime.dr.ParametricDR.from_spec(file_or_spec=given).losses
    with pytest.raises(SpecificationError, match="losses"):
        paradime.dr.validate_spec(file_or_spec={})
