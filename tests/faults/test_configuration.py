"""Bad parameters and specifications: rows 33 to 38 of the fault matrix."""

import sys
import time

import pytest

from paradime import ParametricTSNE, ParametricUMAP
from paradime.dr import DerivedData, ParametricDR, TrainingPhase, validate_spec
from paradime.exceptions import SpecificationError
from paradime.loss import ClassificationLoss, CompoundLoss, PositionLoss
from paradime.models import FullyConnectedEmbeddingModel
from paradime.relations import DifferentiablePDist, DistsFromTo, NeighborBasedPDist, PDist
from paradime.transforms import (
    ConnectivityBasedRescale,
    Functional,
    ModifiedCauchyTransform,
    PerplexityBasedRescale,
    StudentTTransform,
)

pytestmark = pytest.mark.usefixtures("few_first_steps")

SPEC = """
relations:
  - {name: rel, level: global, type: neighbor, transforms: [{type: perplexity, options: {perplexity: 30}}]}
  - {name: rel, level: batch, type: pdistdiff}
losses:
  - {name: loss, type: relation, func: kl div, keys: {rels: [rel, rel]}}
training phases:
  - epochs: 2
    sampling: {type: item, options: {batch_size: 50}}
    optimizer: {type: adam, options: {learning_rate: 0.01}}
    loss: {components: [loss], weights: [1]}
"""


@pytest.mark.row(33)
class TestParameters:
    """The name, the range, the value."""

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("epochs", -1),
            ("epochs", 2.5),
            ("batch_size", 0),
            ("batch_size", "many"),
            ("batches_per_epoch", 0),
            ("batches_per_epoch", -2),
            ("batches_per_epoch", 1.5),
            ("sampling", "edges"),
            ("neg_sampling_rate", -1),
            ("report_interval", 0),
            ("learning_rate", 0.0),
            ("learning_rate", -0.1),
            ("learning_rate", float("nan")),
            ("learning_rate", float("inf")),
        ],
    )
    def test_phase(self, name, value):
        with pytest.raises(ValueError, match=rf"{name}.*{str(value).replace('.', '[.]')}"):
            TrainingPhase(**{name: value})

    def test_losses_of_a_phase(self):
        with pytest.raises(ValueError, match="loss_keys"):
            TrainingPhase(loss_keys=[])
        with pytest.raises(ValueError, match=r"loss_weights.*3.*2"):
            TrainingPhase(loss_keys=["a", "b"], loss_weights=[1, 2, 3])

    @pytest.mark.parametrize("weight", [float("nan"), float("inf")])
    def test_weights_of_a_phase_are_finite(self, weight, X):
        def train():
            routine = ParametricDR(losses=PositionLoss(position_key="main"), out_dim=5)
            routine.add_training_phase(loss_weights=[weight])
            routine.train(X)

        with pytest.raises(ValueError, match=r"weights.*(nan|inf)"):
            train()

    @pytest.mark.parametrize(
        ("make", "message"),
        [
            (lambda: PerplexityBasedRescale(perplexity=1), r"perplexity.*greater than 1.*\b1\b"),
            (lambda: PerplexityBasedRescale(perplexity=float("nan")), r"perplexity.*nan"),
            (lambda: ConnectivityBasedRescale(n_neighbors=2), r"n_neighbors.*greater than 2.*\b2\b"),
            (lambda: StudentTTransform(alpha=0), r"alpha.*positive.*0"),
            (lambda: ModifiedCauchyTransform(min_dist=-1), r"min_dist.*-1"),
            (lambda: ModifiedCauchyTransform(min_dist=4, spread=1), r"min_dist.*3.*4"),
            (lambda: ModifiedCauchyTransform(spread=0), r"spread.*positive.*0"),
            (lambda: ModifiedCauchyTransform(a=-1.0, b=1.0), r"a must be a positive number, got -1"),
            (lambda: NeighborBasedPDist(n_neighbors=0), r"n_neighbors.*1.*0"),
            (lambda: DifferentiablePDist(p=-1), r"p must not be negative.*-1"),
            (lambda: FullyConnectedEmbeddingModel(0, 2, [5]), r"in_dim.*positive.*0"),
            (lambda: FullyConnectedEmbeddingModel(5, 2, [-5]), r"hidden_dims.*positive.*-5"),
            (lambda: CompoundLoss([]), "at least one"),
            (lambda: CompoundLoss([PositionLoss()], [1, 2]), r"weights.*2.*1"),
            (lambda: DerivedData(len, [("date", "main")]), r"'data'"),
        ],
    )
    def test_building_block(self, make, message):
        with pytest.raises(ValueError, match=message):
            make()

    @pytest.mark.parametrize(
        ("settings", "message"),
        [
            ({"perplexity": 1}, r"perplexity.*\b1\b"),
            ({"perplexity": float("nan")}, r"perplexity.*nan"),
            ({"alpha": -1.0}, r"alpha.*-1"),
            ({"epochs": -2}, r"epochs.*-2"),
            ({"init_epochs": -3}, r"epochs.*-3"),
            ({"batch_size": 0}, r"batch_size.*0"),
            ({"learning_rate": -1.0}, r"learning_rate.*-1"),
            ({"init_batch_size": 0}, r"batch_size.*0"),
            ({"init_learning_rate": 0.0}, r"learning_rate.*0"),
            ({"initialization": "pcs"}, r"initialization.*'pca'.*'pcs'"),
            ({"n_components": 0}, r"n_components.*0"),
            ({"hidden_dims": [0]}, r"hidden_dims.*0"),
        ],
        ids=str,
    )
    def test_t_sne(self, settings, message, X, make_tsne):
        with pytest.raises(ValueError, match=message):
            make_tsne(**settings).fit(X)

    @pytest.mark.parametrize(
        ("settings", "message"),
        [
            ({"n_neighbors": 1}, r"n_neighbors.*\b1\b"),
            ({"min_dist": -0.5}, r"min_dist.*-0.5"),
            ({"min_dist": 4.0}, r"min_dist.*4"),
            ({"spread": 0.0}, r"spread.*0"),
            ({"a": -1.0, "b": 1.0}, r"\ba\b.*-1"),
            ({"negative_sampling_rate": -1}, r"neg\w*_sampling_rate.*-1"),
            ({"init_batch_size": 0}, r"batch_size.*0"),
            ({"init_learning_rate": 0.0}, r"learning_rate.*0"),
        ],
        ids=str,
    )
    def test_umap(self, settings, message, X):
        with pytest.raises(ValueError, match=message):
            ParametricUMAP(**settings).fit(X)

    @pytest.mark.parametrize(
        "make", [lambda: PDist("no such metric"), lambda: NeighborBasedPDist(5, "no such metric")]
    )
    def test_metric(self, make, X, monkeypatch):
        monkeypatch.setitem(sys.modules, "pynndescent", None)  # whose import compiles
        with pytest.raises(ValueError, match="no such metric"):
            make().compute_relations(X)

    def test_metric_of_the_embedding(self, X):
        with pytest.raises(ValueError, match=r"'euclidian'.*'euclidean'"):
            DifferentiablePDist(metric="euclidian").compute_relations(X)

    def test_setting_that_nobody_knows(self, X):
        routine = ParametricDR(losses=PositionLoss(position_key="main", embedding_method="forward"), out_dim=5)
        routine.add_training_phase(epochz=3)
        with pytest.raises(ValueError, match="epochz"):
            routine.train(X)

    @pytest.mark.parametrize(
        ("argument", "value"),
        [
            ("global_relations", "pdist"),
            ("batch_relations", 3),
            ("losses", "kl div"),
            ("losses", {"loss": len}),
            ("derived_data", {"pca": len}),
        ],
    )
    def test_part_of_the_wrong_kind(self, argument, value, X):
        routine = ParametricDR(**{argument: value})
        with pytest.raises(TypeError, match=type(value).__name__ if not isinstance(value, dict) else "builtin"):
            routine.train(X)

    @pytest.mark.parametrize("value", [len, "symmetrize", 3])
    def test_transform_of_the_wrong_kind(self, value):
        with pytest.raises(TypeError, match="RelationTransform"):
            PDist(transform=[value])
        with pytest.raises(TypeError):
            Functional("no function")

    def test_relations_at_the_wrong_level(self, X):
        for wrong, level in ((DistsFromTo(), "global"), (PDist(), "batch")):
            with pytest.raises(ValueError, match=rf"{type(wrong).__name__}.*{level}"):
                ParametricDR(**{f"{level}_relations": wrong}).train(X)

    def test_loss_that_does_not_exist(self, X):
        routine = ParametricDR(losses={"embedding": ClassificationLoss()})
        routine.add_training_phase(loss_keys=["embeding"])
        with pytest.raises(KeyError, match=r"'embeding'.*Did you mean 'embedding'"):
            routine.train(X)


class TestSpec:
    @pytest.mark.row(34)
    @pytest.mark.parametrize(
        ("right", "wrong", "path", "suggestion"),
        [
            ("losses:", "loses:", "loses", "losses"),
            ("level:", "levl:", "relations[0].levl", "level"),
            ("type: item", "tpye: item", "training phases[0].sampling.tpye", "type"),
            ("components:", "component:", "training phases[0].loss.component", "components"),
            ("{rels:", "{rel:", "losses[0].keys.rel", "rels"),
            ("batch_size:", "batchsize:", "training phases[0].sampling.options.batchsize", "batch_size"),
            ("perplexity: 30", "perplexty: 30", "relations[0].transforms[0].options.perplexty", "perplexity"),
        ],
    )
    def test_unknown_key_names_its_place_and_a_likely_one(self, right, wrong, path, suggestion):
        assert right in SPEC
        with pytest.raises(SpecificationError) as caught:
            ParametricDR.from_spec(SPEC.replace(right, wrong, 1))
        lines = str(caught.value).splitlines()
        assert any(line.startswith(f"{path}:") and f"Did you mean {suggestion!r}?" in line for line in lines), (
            lines
        )

    @pytest.mark.row(35)
    @pytest.mark.parametrize(
        ("text", "value"), [("1e-3", 0.001), ("1E-3", 0.001), ("1.0e-3", 0.001), ("2e2", 200.0), (".5", 0.5)]
    )
    def test_numbers_with_an_exponent_are_floats(self, text, value):
        routine = ParametricDR.from_spec(SPEC.replace("0.01", text))
        assert routine.training_phases[0].learning_rate == value

    @pytest.mark.row(36)
    @pytest.mark.parametrize("where", ["losses:", "training phases:"])
    def test_duplicate_key_names_the_line(self, where):
        text = SPEC + f"\n{where} []\n"
        line = text.rstrip("\n").count("\n") + 1
        with pytest.raises(SpecificationError, match=rf"line {line}\b.*duplicate"):
            validate_spec(text)

    @pytest.mark.row(36)
    def test_duplicate_key_within_an_entry_names_the_line(self):
        text = SPEC.replace("  - epochs: 2\n", "  - epochs: 2\n    epochs: 3\n")
        line = text[: text.index("epochs: 3")].count("\n") + 1
        with pytest.raises(SpecificationError, match=rf"line {line}\b.*duplicate"):
            validate_spec(text)

    @pytest.mark.row(37)
    @pytest.mark.parametrize(
        "tag",
        [
            "!!python/object/apply:os.system",
            "!!python/object/new:subprocess.Popen",
            "!!python/name:os.system",
            "!!python/module:os",
            "!!python/object:paradime.dr.ParametricDR",
            "!command",
        ],
    )
    def test_tag_runs_nothing(self, tag, tmp_path):
        traces = tmp_path / "traces"
        call = f'{tag} ["touch {traces}"]' if "name" not in tag and "module" not in tag else f'{tag} ""'
        for text in (f"losses: {call}\ntraining phases: []\n", SPEC + f"\nderived data: {call}\n"):
            with pytest.raises(SpecificationError):
                ParametricDR.from_spec(text)
        path = tmp_path / "spec.yaml"
        path.write_text(f"losses: {call}\n")
        with pytest.raises(SpecificationError):
            ParametricDR.from_spec(path)
        assert not traces.exists()

    @pytest.mark.row(38)
    def test_alias_bomb_is_refused_at_once(self):
        lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
        lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 12)]
        start = time.process_time()
        with pytest.raises(SpecificationError, match="alias"):
            validate_spec("\n".join(lines) + "\n")
        # the matrix promises a second; a bomb that goes off never ends
        assert time.process_time() - start < 5

    @pytest.mark.row(38)
    def test_alias_bomb_of_keys_is_refused(self):
        lines = ["a0: &a0 {k: x, l: x, m: x, n: x, o: x, p: x, q: x, r: x}"]
        names = "klmnopqr"
        lines += [f"a{i}: &a{i} {{{', '.join(f'{name}: *a{i - 1}' for name in names)}}}" for i in range(1, 12)]
        with pytest.raises(SpecificationError, match="alias"):
            validate_spec("\n".join(lines) + "\n")

    @pytest.mark.row(38)
    def test_alias_that_contains_itself_is_refused(self):
        with pytest.raises(SpecificationError):
            validate_spec("losses: &a [*a]\ntraining phases: []\n")

    @pytest.mark.row(38)
    def test_text_over_a_megabyte_is_refused(self, tmp_path):
        text = SPEC + "# " + "x" * 1_000_000 + "\n"
        path = tmp_path / "large.yaml"
        path.write_text(text)
        for given in (text, path):
            with pytest.raises(SpecificationError, match=r"1000000|1,000,000|megabyte"):
                validate_spec(given)


@pytest.mark.parametrize("routine", [ParametricTSNE, ParametricUMAP])
def test_constructor_stores_and_does_not_judge(routine):
    # scikit-learn's clone and set_params need constructors that take whatever they are given
    assert routine(epochs=-1).get_params()["epochs"] == -1
