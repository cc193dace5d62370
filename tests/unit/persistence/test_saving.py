"""What is saved comes back: to the last bit, with all that belongs to it, and without the data."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone

import paradime
from paradime import (
    ParametricAutoencoder,
    ParametricContrastive,
    ParametricLargeVis,
    ParametricMDS,
    ParametricPaCMAP,
    ParametricTSNE,
    ParametricUMAP,
    loss,
    relations,
    transforms,
)
from paradime.dr import DerivedData, ParametricDR, TrainingPhase
from paradime.exceptions import NotTrainedError, SpecificationError, UnsupportedConfigurationError
from paradime.models import ModelRecipe
from paradime.training import Callback, EarlyStopping, ProgressBar


@pytest.fixture(params=["folder", "file.paradime"])
def each_path(request, tmp_path):
    return tmp_path / request.param


@pytest.fixture
def path(tmp_path):
    return tmp_path / "file.paradime"


def composed(**settings):
    routine = ParametricDR(
        global_relations=relations.NeighborBasedPDist(
            transform=[
                transforms.PerplexityBasedRescale(perplexity=10),
                transforms.Symmetrize(),
                transforms.Normalize(),
            ]
        ),
        batch_relations=relations.DifferentiablePDist(
            transform=[transforms.StudentTTransform(1.0), transforms.Normalize(), transforms.ToSquareTensor()]
        ),
        losses=loss.RelationLoss(loss.kullback_leibler_div),
        hidden_dims=(20,),
        random_state=0,
        **settings,
    )
    routine.add_training_phase(epochs=2, batch_size=50)
    return routine


def round_trip(routine, path, **settings):
    routine.save(path)
    return paradime.load(path, **settings)


@pytest.mark.parametrize(
    "make",
    [
        lambda: ParametricTSNE(refine=False, perplexity=10, epochs=2, init_epochs=1, random_state=0),
        lambda: ParametricUMAP(n_neighbors=10, epochs=2, batch_size=100, random_state=0),
        lambda: ParametricMDS(epochs=2, random_state=0),
        lambda: ParametricPaCMAP(epochs=3, random_state=0),
        lambda: ParametricLargeVis(epochs=2, batch_size=100, random_state=0),
        lambda: ParametricAutoencoder(epochs=2, random_state=0),
    ],
)
def test_any_preset_comes_back_as_itself(make, iris, path):
    routine = make().fit(iris)
    again = round_trip(routine, path)
    assert type(again) is type(routine)
    assert np.array_equal(again.transform(iris), routine.transform(iris))
    assert again.get_params() == routine.get_params()
    assert again.to_spec() == routine.to_spec()
    assert repr(again) == repr(routine)


def test_prediction_and_the_way_back_are_the_same(fitted, digits, each_path):
    X, _ = digits
    again = round_trip(fitted, each_path)
    embedded = fitted.transform(X)
    assert np.array_equal(again.inverse_transform(embedded), fitted.inverse_transform(embedded))
    assert again.predict(X).tolist() == fitted.predict(X).tolist()
    assert np.array_equal(again.predict_proba(X), fitted.predict_proba(X))
    assert again.classes_.tolist() == fitted.classes_.tolist()
    assert again.classes_.dtype == fitted.classes_.dtype


@pytest.mark.parametrize("y", [np.arange(150) % 3, np.arange(150) % 2 == 0, np.linspace(100, 300, 150)])
def test_targets_of_any_kind_are_restored(y, iris, path):
    routine = ParametricMDS(epochs=2, random_state=0, classifier=True).fit(iris, y)
    again = round_trip(routine, path)
    assert np.array_equal(again.predict(iris), routine.predict(iris))
    assert again.predict(iris).dtype == routine.predict(iris).dtype


def test_names_of_columns_are_checked_after_loading(iris, path):
    frame = pd.DataFrame(iris, columns=["a", "b", "c", "d"])
    routine = ParametricMDS(epochs=1, random_state=0).fit(frame)
    again = round_trip(routine, path)
    assert again.feature_names_in_.tolist() == ["a", "b", "c", "d"]
    assert np.array_equal(again.transform(frame), routine.transform(frame))
    with pytest.raises(ValueError, match="feature names"):
        again.transform(frame[["b", "a", "c", "d"]])


def test_shape_of_rows_is_checked_after_loading(mds, path):
    again = round_trip(mds, path)
    assert again.n_features_in_ == 4
    with pytest.raises(ValueError, match="X has 3 features"):
        again.transform(np.ones((2, 3)))


def test_output_that_was_set_stays_set(iris, path):
    routine = ParametricMDS(epochs=1, random_state=0).set_output(transform="pandas").fit(iris)
    assert isinstance(round_trip(routine, path).transform(iris), pd.DataFrame)


def test_training_goes_on_from_the_weights(mds, iris, each_path):
    again = round_trip(mds, each_path)
    before = again.transform(iris)
    again.train(iris)
    moved = np.abs(again.transform(iris) - before).max()
    assert 0 < moved < 0.5 * np.ptp(before)


def test_loaded_routine_fits_as_a_new_one_does(mds, iris, path):
    again = round_trip(mds, path)
    assert np.array_equal(again.fit(iris).transform(iris), clone(mds).fit(iris).transform(iris))


def test_loaded_routine_updates_its_map(mds, iris, path):
    again = round_trip(mds, path)
    again.update(iris[:50], old=iris[50:])
    assert np.isfinite(again.transform(iris)).all()


def test_history_is_restored_and_goes_on(mds, iris, path):
    again = round_trip(mds, path)
    assert again.history_ == mds.history_
    again.train(iris)
    assert len(again.history_) == 2 * len(mds.history_)


def test_parameters_that_nobody_set_stay_unset(iris, path):
    routine = ParametricUMAP(epochs=2, batch_size=100, random_state=0).fit(iris)
    again = round_trip(routine, path)
    assert repr(again) == repr(routine)
    again.train(iris)  # as fit, which trained it
    assert again.to_spec() == routine.to_spec()


def test_trained_by_train_has_the_network_of_train(iris, path):
    routine = ParametricTSNE(refine=False, perplexity=10, epochs=1, init_epochs=1, random_state=0)
    routine.train(iris)
    again = round_trip(routine, path)
    assert again.to_spec() == routine.to_spec()
    assert torch.equal(again.embed(iris), routine.embed(iris))


def test_composed_routine_comes_back(iris, path):
    routine = composed()
    routine.train(iris)
    again = round_trip(routine, path)
    assert type(again) is ParametricDR
    assert torch.equal(again.embed(iris), routine.embed(iris))
    assert again.to_spec(allow_imports="paradime") == routine.to_spec(allow_imports="paradime")
    again.train(iris)
    again.fit(iris)


def test_derived_data_and_training_defaults_come_back(iris, path):
    routine = composed(derived_data={"pca": DerivedData(paradime._registry.DATA_FUNCTIONS["pca"], n_components=2)})
    routine.set_training_defaults(batch_size=25, optimizer=torch.optim.SGD)
    routine.train(iris)
    again = round_trip(routine, path)
    again.add_training_phase(epochs=3)
    last = again.training_phases[-1]
    assert (last.batch_size, last.optimizer, last.epochs) == (25, torch.optim.SGD, 3)
    assert "pca" in again.derived_data


def test_what_was_added_to_a_preset_is_still_an_addition(iris, path):
    routine = ParametricMDS(epochs=1, random_state=0, decoder=True)
    routine.add_loss("smooth", loss.GlobalStructureLoss(), share=0.2)
    routine.add_training_phase(name="last", epochs=1, loss_keys=["stress"], batch_size=30)
    routine.fit(iris)
    again = round_trip(routine, path)
    assert again.to_spec() == routine.to_spec()
    assert np.array_equal(again.transform(iris), routine.transform(iris))
    assert again.fit(iris).to_spec() == routine.to_spec()


def test_loss_with_a_parameter_keeps_what_it_learned(mine, iris, path):
    routine = ParametricDR(losses=mine.Size(2.0), hidden_dims=(5,), random_state=0)
    routine.add_training_phase(epochs=3, batch_size=30)
    routine.train(iris)
    routine.save(path, allow_imports="users_module")
    again = paradime.load(path, allow_imports="users_module")
    assert float(again.losses["loss"].offset.detach()) == float(routine.losses["loss"].offset.detach()) != 0.5
    assert again.losses["loss"].scale == 2.0
    with pytest.raises(ValueError, match="not allowed"):
        paradime.load(path)


def test_loss_without_a_name_is_refused_and_can_be_left_out(iris, path):
    class Local(loss.Loss):
        def forward(self, model, global_relations, batch_relations, batch, device):
            return model.embed(batch["main"].to(device)).square().mean()

    routine = ParametricDR(losses=Local(), hidden_dims=(5,), random_state=0)
    routine.add_training_phase(epochs=1)
    routine.train(iris)
    with pytest.raises(SpecificationError, match=r"(?s)has no name as a loss.*training=False"):
        routine.save(path)
    assert not path.exists()
    routine.save(path, training=False)
    again = paradime.load(path)
    assert torch.equal(again.embed(iris), routine.embed(iris))
    with pytest.raises(UnsupportedConfigurationError, match="no training phase"):
        again.train(iris)


def test_callback_that_no_text_can_hold_is_refused_and_can_be_left_out(iris, path):
    class Silent(Callback):
        pass

    routine = ParametricMDS(epochs=1, random_state=0, callbacks=[Silent()]).fit(iris)
    with pytest.raises(ValueError, match=r"the parameter 'callbacks'\[0\].*training=False"):
        routine.save(path)
    routine.save(path, training=False)
    assert paradime.load(path).callbacks is None


def test_callbacks_and_stopping_with_names_come_back(iris, path):
    settings = {"callbacks": [ProgressBar("Mine", disable=True)], "early_stopping": EarlyStopping(patience=3)}
    again = round_trip(ParametricMDS(epochs=1, random_state=0, **settings).fit(iris), path)
    assert isinstance(again.callbacks[0], ProgressBar)
    assert again.callbacks[0].tqdm_kwargs == {"disable": True}
    assert again.early_stopping == EarlyStopping(patience=3)


def test_alpha_of_the_model_is_its_parameter_again(iris, path):
    model = ModelRecipe("mlp").make((4,))
    routine = ParametricTSNE(
        refine=False, perplexity=10, model=model, alpha=model.alpha, epochs=1, init_epochs=1, random_state=0
    )
    routine.train(iris)
    again = round_trip(routine, path)
    assert again.get_params()["alpha"] is again.model.alpha
    assert float(again.model.alpha.detach()) == float(model.alpha.detach())


def test_numbers_of_numpy_and_tensors_among_the_parameters(iris, path):
    routine = ParametricUMAP(
        n_neighbors=np.int64(10), a=torch.tensor(1.5), b=0.9, hidden_dims=(7, 8), epochs=1, batch_size=100
    ).fit(iris)
    params = round_trip(routine, path).get_params()
    assert params["n_neighbors"] == 10
    assert float(params["a"]) == 1.5
    assert params["hidden_dims"] == (7, 8)


def test_the_data_are_not_in_the_files(iris, tmp_path):
    marked = iris.copy()
    marked[17] = [3.14159, 2.71828, 1.61803, 1.41421]
    routine = ParametricMDS(epochs=1, random_state=0, network="mlp").fit(marked)
    routine.save(tmp_path / "m")
    contents = b"".join(file.read_bytes() for file in (tmp_path / "m").iterdir())
    for value in marked[17]:
        assert np.float32(value).tobytes() not in contents
        assert str(value).encode() not in contents
    again = paradime.load(tmp_path / "m")
    assert again.dataset is None
    with pytest.raises(AttributeError, match="does not hold the data"):
        _ = again.embedding_


def test_metadata_come_back_and_stay(mds, iris, path):
    told = {"data": "iris", "rows": 150, "by": ["me"], "share": 0.5}
    mds.save(path, metadata=told)
    again = paradime.load(path)
    assert again.metadata_ == told
    again.save(path)
    assert paradime.load(path).metadata_ == told
    with pytest.raises(TypeError, match="metadata must be a dict"):
        mds.save(path, metadata="iris")


def test_what_was_loaded_is_saved_the_same(mds, iris, tmp_path):
    mds.save(tmp_path / "a.paradime")
    paradime.load(tmp_path / "a.paradime").save(tmp_path / "b.paradime")
    assert (tmp_path / "a.paradime").read_bytes() == (tmp_path / "b.paradime").read_bytes()


def test_saving_again_replaces_and_keeps_what_is_not_ours(mds, fitted, iris, tmp_path):
    (tmp_path / "note.txt").write_text("mine")
    fitted.save(tmp_path)
    mds.save(tmp_path, training=False)
    assert np.array_equal(paradime.load(tmp_path).transform(iris), mds.transform(iris))
    assert (tmp_path / "note.txt").read_text() == "mine"
    assert not list(tmp_path.glob(".*"))


def test_an_edited_model_card_stays_and_another_is_replaced(mds, fitted, tmp_path):
    mds.save(tmp_path)
    assert "ParametricMDS" in (tmp_path / "README.md").read_text()
    fitted.save(tmp_path)
    assert "ParametricContrastive" in (tmp_path / "README.md").read_text()
    with (tmp_path / "README.md").open("a") as file:
        file.write("Trained by me.")
    for routine in (mds, fitted, mds):
        routine.save(tmp_path)
        assert (tmp_path / "README.md").read_text().endswith("Trained by me.")
    (tmp_path / "README.md").unlink()
    mds.save(tmp_path)
    assert "ParametricMDS" in (tmp_path / "README.md").read_text()


def test_a_file_that_only_has_a_name_of_ours_stays(iris, fitted, tmp_path):
    unnamed = ParametricMDS(epochs=1, random_state=0, metric=lambda a, b: (a - b).abs().sum(-1)).fit(iris)
    unnamed.save(tmp_path, training=False)
    assert not (tmp_path / "spec.json").exists()
    (tmp_path / "spec.json").write_text("mine")
    unnamed.save(tmp_path, training=False)
    assert (tmp_path / "spec.json").read_text() == "mine"


def test_a_folder_behind_a_link_is_written_where_it_lies(mds, iris, tmp_path):
    (tmp_path / "volume").mkdir()
    (tmp_path / "model").symlink_to(tmp_path / "volume")
    mds.save(tmp_path / "model")
    mds.save(tmp_path / "model")
    assert (tmp_path / "model").is_symlink()
    assert np.array_equal(paradime.load(tmp_path / "volume").transform(iris), mds.transform(iris))


def test_generator_as_random_state_is_saved_as_the_seed_drawn(iris, path):
    routine = ParametricMDS(epochs=1, random_state=np.random.default_rng(3)).fit(iris)
    again = round_trip(routine, path)
    assert isinstance(again.random_state, int)
    assert np.array_equal(again.fit(iris).embedding_, routine.embedding_)


def test_loading_leaves_the_global_generator_alone(mds, path):
    mds.save(path)
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    mds.save(path)
    paradime.load(path)
    assert torch.equal(torch.rand(3), expected)


def test_device_is_that_of_load(iris, path):
    routine = ParametricMDS(epochs=1, random_state=0, device="auto").fit(iris)
    again = round_trip(routine, path, device="cpu")
    assert again.device == torch.device("cpu")
    with pytest.raises(ValueError, match="device must be"):
        paradime.load(path, device="abacus")


def test_saved_where_cuda_was_asked_for_is_loaded_on_the_cpu(mds, iris, tmp_path):
    mds.save(tmp_path)
    rewrite_config(tmp_path, lambda config: config["parameters"].update(device="cuda"))
    again = paradime.load(tmp_path)
    assert again.get_params()["device"] == "cpu"
    assert np.array_equal(again.transform(iris), mds.transform(iris))


def rewrite_config(folder, change):
    from paradime.persistence.config import _checksum

    config = json.loads((folder / "config.json").read_text())
    change(config)
    config.pop("checksum")
    config["checksum"] = _checksum(config)
    (folder / "config.json").write_text(json.dumps(config))


def test_not_trained_is_refused(path):
    with pytest.raises(NotTrainedError, match="not trained yet"):
        ParametricMDS().save(path)
    assert not path.exists()


@pytest.mark.parametrize("name", ["model.pt", "model.pkl", "model.onnx", "model.safetensors"])
def test_names_of_other_formats_are_refused(name, mds, tmp_path):
    with pytest.raises(ValueError, match=r"write 'model\.paradime'"):
        mds.save(tmp_path / name)


def test_phase_encodes_with_its_optimizer_and_callbacks():
    from paradime.persistence.values import Decoder, Encoder
    from paradime.spec import Vocabulary

    phase = TrainingPhase(
        name="x",
        optimizer=torch.optim.SGD,
        momentum=0.5,
        early_stopping=EarlyStopping(patience=2),
        schedule="cosine",
    )
    told = json.loads(json.dumps(Encoder(Vocabulary()).encode(phase, "phase")))
    again = Decoder(Vocabulary(), {}).decode(told)
    assert again.settings() == phase.settings()


def test_values_that_json_has_no_words_for():
    from paradime.persistence.values import Decoder, Encoder
    from paradime.spec import Vocabulary

    value = {
        "a": (1, [2.5, float("inf")]),
        "@": {3: "x", (1, 2): None},
        "d": torch.device("cpu"),
        "n": np.float32(0.1),
    }
    encoder = Encoder(Vocabulary())
    told = json.loads(json.dumps(encoder.encode(value, "value"), allow_nan=False))
    again = Decoder(Vocabulary(), encoder.tensors).decode(told)
    assert again == value
    assert type(again["n"]) is np.float32
    with pytest.raises(ValueError, match=r"value\[0\]: an object of type object cannot be saved"):
        encoder.encode([object()], "value")


def test_tuned_settings_of_contrastive_come_back(iris, path):
    routine = ParametricContrastive(epochs=1, batch_size=50, schedule="cosine", clip_norm=1.0, random_state=1).fit(
        iris
    )
    assert round_trip(routine, path).get_params() == routine.get_params()
