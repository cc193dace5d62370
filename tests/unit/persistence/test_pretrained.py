"""Folders in the layout of the Hugging Face Hub."""

import json

import numpy as np
import pytest

import paradime
from paradime import ParametricMDS, ParametricTSNE
from paradime.dr import ParametricDR
from paradime.spec.formats import load as load_text


def test_folder_has_the_files_that_the_hub_knows(fitted, tmp_path):
    fitted.save_pretrained(tmp_path / "model")
    found = {file.name for file in (tmp_path / "model").iterdir()}
    assert {"config.json", "model.safetensors", "README.md", "spec.json"} <= found
    config = json.loads((tmp_path / "model" / "config.json").read_text())
    assert config["library_name"] == "paradime"
    assert config["routine"] == "paradime.estimators:ParametricContrastive"


def test_card_has_a_header_and_says_what_the_model_can_do(fitted, tmp_path):
    fitted.save_pretrained(tmp_path)
    card = (tmp_path / "README.md").read_text()
    _, header, body = card.split("---\n", 2)
    told = load_text(header)
    assert told["library_name"] == "paradime"
    assert "dimensionality-reduction" in told["tags"]
    assert "`inverse_transform`, `predict`" in body
    assert "shape (n, 64)" in body


def test_names_of_columns_cannot_break_out_of_the_card(iris, tmp_path):
    import pandas as pd

    frame = pd.DataFrame(iris, columns=["a\n---\nb", "<script>", "`x`", "ü"])
    ParametricMDS(epochs=1, random_state=0).fit(frame).save_pretrained(tmp_path)
    card = (tmp_path / "README.md").read_text()
    assert "<script>" not in card
    assert card.count("---\n") == 2


def test_weights_are_those_of_the_model_by_name(mds, tmp_path):
    from safetensors.torch import load_file

    mds.save_pretrained(tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    assert weights.keys() == mds.model.state_dict().keys()


def test_text_of_the_folder_is_one_of_the_grammar(mds, iris, tmp_path):
    mds.save_pretrained(tmp_path)
    routine = ParametricDR.from_spec(tmp_path / "spec.json", random_state=0)
    routine.train(iris)
    assert routine.trained


@pytest.mark.parametrize("kind", [ParametricMDS, ParametricDR])
def test_class_and_its_base_read_the_folder(kind, mds, iris, tmp_path):
    mds.save_pretrained(tmp_path)
    again = kind.from_pretrained(tmp_path)
    assert type(again) is ParametricMDS
    assert np.array_equal(again.transform(iris), mds.transform(iris))


def test_another_class_refuses_the_folder(mds, tmp_path):
    mds.save_pretrained(tmp_path)
    with pytest.raises(ValueError, match=r"holds a ParametricMDS, not a ParametricTSNE. Use paradime.load"):
        ParametricTSNE.from_pretrained(tmp_path)


def test_nothing_is_downloaded(tmp_path):
    with pytest.raises(FileNotFoundError):
        ParametricMDS.from_pretrained(tmp_path / "somebody" / "some-model")


def test_class_of_a_user_reads_its_own_folder_without_permission(mine, iris, tmp_path):
    routine = mine.MyMDS(epochs=1, random_state=0).fit(iris)
    routine.save_pretrained(tmp_path)
    assert type(mine.MyMDS.from_pretrained(tmp_path)) is mine.MyMDS
    with pytest.raises(ValueError, match=r"Pass allow_imports=\['users_module'\], or use MyMDS.from_pretrained"):
        paradime.load(tmp_path)
    assert type(paradime.load(tmp_path, allow_imports="users_module")) is mine.MyMDS


def test_a_file_is_no_folder(mds, tmp_path):
    with pytest.raises(ValueError, match="writes a folder"):
        mds.save_pretrained(tmp_path / "m.paradime")
