import json

import numpy as np
import pytest
import torch
from sklearn.datasets import load_iris

from paradime import ParametricTSNE, ParametricUMAP, loss, relations, transforms
from paradime.data import DataField
from paradime.data.derived import pca
from paradime.dr import DerivedData, ParametricDR, TrainingPhase
from paradime.exceptions import SpecificationError
from paradime.models import FullyConnectedEmbeddingModel, ModelRecipe
from paradime.training import Cosine, EarlyStopping, ProgressBar

pytestmark = pytest.mark.usefixtures("few_first_steps")

X = load_iris().data.astype(np.float32)


def composed(**settings):
    """A routine of blocks made in code, none of which has its defaults."""
    return ParametricDR(
        global_relations={
            "near": relations.NeighborBasedPDist(
                n_neighbors=20,
                metric="manhattan",
                transform=[
                    transforms.PerplexityBasedRescale(perplexity=6, bracket=[0.01, 100]),
                    transforms.Symmetrize(),
                    transforms.Normalize(),
                ],
            )
        },
        batch_relations={
            "embedded": relations.DifferentiablePDist(
                transform=[transforms.StudentTTransform(alpha=2.0), transforms.Normalize()]
            )
        },
        losses={
            "start": loss.PositionLoss(position_key="pca"),
            "near": loss.RelationLoss(loss.kullback_leibler_div, "near", "embedded", normalize_sub=False),
            "far": loss.StressLoss(weighting="sammon"),
        },
        derived_data={"pca": DerivedData(pca, whiten=True)},
        training_phases=[
            TrainingPhase("first", 2, 30, loss_keys=["start"], learning_rate=0.02),
            TrainingPhase(
                "second",
                3,
                40,
                loss_keys=["near", "far"],
                loss_weights=[2, (3, 0.5)],
                optimizer=torch.optim.AdamW,
                weight_decay=0.1,
                schedule=Cosine(end_factor=0.1, warmup=0.1),
                clip_norm=1.5,
                early_stopping=EarlyStopping(patience=3),
                report_interval=2,
            ),
        ],
        hidden_dims=[7],
        **settings,
    )


def weights(routine):
    return torch.cat([p.detach().reshape(-1) for p in routine.model.parameters()])


@pytest.mark.parametrize("form", ["yaml", "json", "dict"])
def test_routine_from_its_text_trains_to_the_same_weights(form):
    first = composed(random_state=5)
    text = first.to_spec(format=form)
    second = ParametricDR.from_spec(text, random_state=5)
    first.train(X)
    second.train(X)
    assert torch.equal(weights(first), weights(second))
    assert second.training_phases[1].loss.history == first.training_phases[1].loss.history


def test_text_says_the_same_after_a_round_trip_and_after_training():
    routine = composed(random_state=0)
    text = routine.to_spec()
    again = ParametricDR.from_spec(text)
    assert again.to_spec() == text
    again.train(X)
    assert again.to_spec() == text


def test_another_setting_is_another_text():
    routine = composed()
    before = routine.to_spec()
    routine.training_phases[1] = routine.training_phases[1].replace(epochs=4)
    routine.global_relations["near"].transform[0].perplexity = 7
    after = routine.to_spec()
    assert "epochs: 4" in after
    assert "perplexity: 7" in after
    assert "perplexity: 7" not in before


@pytest.mark.parametrize("preset", [ParametricTSNE, ParametricUMAP])
def test_preset_and_its_text_train_to_the_same_weights(preset):
    settings = {"epochs": 2, "init_epochs": 1, "hidden_dims": (10,)}
    first = preset(**settings, random_state=1)
    second = ParametricDR.from_spec(first.to_spec(), random_state=1)
    first.fit(X)
    second.fit(X)
    assert torch.equal(weights(first), weights(second))


@pytest.mark.parametrize("preset", [ParametricTSNE, ParametricUMAP])
def test_text_of_a_preset_that_was_trained_trains_to_the_same_weights(preset):
    first = preset(epochs=2, init_epochs=1, init_batch_size=50, batch_size=50, random_state=1)
    first.train(X)
    second = ParametricDR.from_spec(first.to_spec(), random_state=1)
    second.train(X)
    assert torch.equal(weights(first), weights(second))


def test_text_that_was_edited_by_hand_trains():
    text = ParametricTSNE(epochs=2).to_spec().replace("perplexity: auto", "perplexity: 12")
    routine = ParametricDR.from_spec(text, random_state=0)
    routine.train(X)
    assert routine.global_relations["rel"].transform[0].perplexity == 12
    assert routine.apply(X).isfinite().all()


def test_kernel_that_was_fitted_is_written_as_it_was_said():
    spec = ParametricUMAP(min_dist=0.3).to_spec(format="dict")
    options = spec["relations"][1]["transforms"][0]["options"]
    assert options == {"min_dist": 0.3, "spread": 1.0}
    routine = ParametricUMAP(min_dist=0.3, a=1.25)
    options = routine.to_spec(format="dict")["relations"][1]["transforms"][0]["options"]
    assert options == {"min_dist": 0.3, "spread": 1.0, "a": 1.25}


def test_model_that_was_given_is_written_if_its_class_has_a_name():
    model = FullyConnectedEmbeddingModel(4, 3, [8], activation="relu")
    spec = composed(model=model).to_spec(format="dict")
    assert spec["model"] == {
        "type": "mlp",
        "options": {"in_dim": 4, "out_dim": 3, "hidden_dims": [8], "activation": "relu"},
    }


def test_recipe_is_written_as_it_was_given():
    recipe = ModelRecipe("mlp", options={"hidden_dims": [8], "residual": True}, decoder=True)
    spec = composed(model=recipe).to_spec(format="dict")
    assert spec["model"] == {"type": "mlp", "options": {"hidden_dims": [8], "residual": True}, "decoder": True}


def test_model_without_a_name_is_refused_with_a_way_out():
    routine = composed(model=torch.nn.Linear(4, 2))
    with pytest.raises(SpecificationError, match=r"^model: .*Linear.*register.*to_spec\(model=False\)"):
        routine.to_spec()
    assert "model" not in routine.to_spec(model=False, format="dict")


def test_data_fields_are_written_and_checked():
    routine = composed(data_fields=[DataField("main", shape=[4]), DataField("species", "classes")])
    text = routine.to_spec()
    again = ParametricDR.from_spec(text)
    with pytest.raises(ValueError, match="expects data 'species'"):
        again.train(X)
    with pytest.raises(ValueError, match=r"'main'.*shape \(4,\), got \(3,\)"):
        again.train({"main": X[:, :3], "species": np.zeros(len(X), int)})
    with pytest.raises(ValueError, match=r"'species'.*must be integer class labels"):
        again.train({"main": X, "species": X[:, 0]})
    again.train({"main": X, "species": np.zeros(len(X), int)})


def test_text_is_written_to_a_file_by_its_suffix(tmp_path):
    routine = composed()
    routine.to_spec(tmp_path / "routine.yaml")
    routine.to_spec(tmp_path / "routine.json")
    assert json.loads((tmp_path / "routine.json").read_text()) == routine.to_spec(format="dict")
    for name in ("routine.yaml", "routine.json"):
        assert ParametricDR.from_spec(tmp_path / name).to_spec() == routine.to_spec()


def test_lambda_has_no_name_and_the_error_says_where_it_stands():
    routine = composed()
    routine.derived_data["pca"] = DerivedData(lambda rows: rows[:, :2])
    with pytest.raises(SpecificationError, match=r"^derived data\[0\]\.data func: .*lambda.*@register"):
        routine.to_spec()


def test_class_that_forgets_its_arguments_is_named():
    class Forgetful(loss.Loss):
        def __init__(self, level, name=None):
            super().__init__(name)

    from paradime.spec import register

    register("forgetful of a test")(Forgetful)
    routine = composed()
    routine.losses["more"] = Forgetful(3)
    with pytest.raises(SpecificationError, match=r"losses\[3\].*Forgetful.*'level'.*self\.level = level"):
        routine.to_spec()


def test_parameter_of_the_model_cannot_be_written():
    routine = composed()
    routine.batch_relations["embedded"].transform[0].alpha = torch.nn.Parameter(torch.tensor(1.0))
    with pytest.raises(SpecificationError, match=r"relations\[1\]\.transforms\[0\]\.options\.alpha: .*trained"):
        routine.to_spec()


def test_long_arrays_belong_into_the_data():
    routine = composed()
    routine.global_relations["given"] = relations.Precomputed(np.ones((150, 150)))
    with pytest.raises(SpecificationError, match=r"relations\[1\]\.options\.X: .*\(150, 150\).*entry of the data"):
        routine.to_spec()


def test_callbacks_of_a_phase_are_written():
    routine = composed()
    routine.training_phases[0] = routine.training_phases[0].replace(callbacks=[ProgressBar("Slowly")])
    spec = routine.to_spec(format="dict")
    assert spec["training phases"][0]["callbacks"] == [
        {"type": "progress bar", "options": {"description": "Slowly"}}
    ]
    again = ParametricDR.from_spec(spec)
    assert again.training_phases[0].callbacks[0].description == "Slowly"


def test_modules_of_torch_are_written_as_the_function_they_are():
    routine = composed()
    routine.losses["start"] = loss.PositionLoss(torch.nn.L1Loss(), position_key="pca")
    assert routine.to_spec(format="dict")["losses"][0]["func"] == "mae"
    routine.losses["start"] = loss.PositionLoss(torch.nn.L1Loss(reduction="sum"), position_key="pca")
    with pytest.raises(SpecificationError, match=r"losses\[0\]\.func: .*L1Loss"):
        routine.to_spec()


def test_column_by_its_number_stands_among_the_options():
    routine = composed()
    routine.add_loss("guide", loss.CorrelationLoss(2, axis=1), share=0.3)
    spec = routine.to_spec(format="dict")
    assert spec["losses"][-1]["options"] == {"attribute": 2, "axis": 1, "temperature": 0.1}
    assert "keys" not in spec["losses"][-1]
    assert ParametricDR.from_spec(spec).losses["guide"].attribute == 2
