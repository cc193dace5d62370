"""Components that scripts set or change once a routine is made: `train` takes them, `fit` does or refuses them."""

import copy

import numpy as np
import pytest
import torch
from sklearn.base import clone

import paradime
import paradime.loss
import paradime.relations
import paradime.routines
import paradime.transforms
from paradime.dr import DerivedData, ParametricDR, TrainingPhase
from paradime.exceptions import UnsupportedConfigurationError

X = np.random.default_rng(0).normal(size=(60, 4))


class Centred(paradime.loss.Loss):
    """The simplest loss: points should lie at the origin."""

    def forward(self, model, global_relations, batch_relations, batch, device):
        return model.embed(batch["main"].to(device)).square().mean()


def tsne(**settings):
    settings = {"in_dim": 4, "perplexity": 5, "epochs": 1, "init_epochs": 1, "batch_size": 30, **settings}
    return paradime.routines.ParametricTSNE(**settings, random_state=0)


def composed(**settings):
    settings = {"in_dim": 4, "losses": {"loss": Centred()}, "random_state": 0, **settings}
    return ParametricDR(**settings, training_phases=[TrainingPhase("main", epochs=1, batch_size=30)])


def start(routine, how):
    (routine.train if how == "train" else routine.fit)(X)


both_ways = pytest.mark.parametrize("how", ["train", "fit"])


class TestPreset:
    """Components of a preset that are set as a whole, before anything was read."""

    @both_ways
    def test_takes_global_relations(self, how):
        routine = tsne()
        relations = paradime.relations.PDist(transform=paradime.transforms.Normalize())
        routine.global_relations = {"rel": relations}
        start(routine, how)
        assert routine.global_relations == {"rel": relations}
        assert (
            routine.global_relation_data["rel"]
            .to_square_array()
            .data.min(where=~np.eye(60, dtype=bool), initial=1)
            > 0
        )

    @both_ways
    def test_takes_batch_relations(self, how):
        seen = []

        class Seen(paradime.transforms.StudentTTransform):
            def transform(self, reldata):
                seen.append(reldata)
                return super().transform(reldata)

        routine = tsne()
        routine.batch_relations = {"rel": paradime.relations.DifferentiablePDist(transform=Seen(alpha=1.0))}
        start(routine, how)
        assert seen

    @both_ways
    def test_takes_losses(self, how):
        routine = tsne()
        routine.losses = {"init": Centred(), "pca_init": Centred(), "embedding": Centred()}
        start(routine, how)
        assert [type(phase.loss) for phase in routine.training_phases] == [Centred, Centred]
        assert all(len(phase.loss.history) == 1 for phase in routine.training_phases)

    @both_ways
    def test_takes_derived_data(self, how):
        routine = tsne()
        routine.derived_data = {"pca": DerivedData(lambda rows: 7 * rows[:, :2])}
        start(routine, how)
        torch.testing.assert_close(routine.dataset["pca"], 7 * torch.tensor(X[:, :2], dtype=torch.float32))

    @both_ways
    def test_takes_training_phases(self, how):
        routine = tsne()
        routine.training_phases = [TrainingPhase("mine", epochs=3, batch_size=30, loss_keys=["embedding"])]
        start(routine, how)
        assert [(phase.name, len(phase.loss.history)) for phase in routine.training_phases] == [("mine", 3)]

    def test_leaves_what_was_set_as_it_is_when_it_fits(self):
        routine, loss = tsne(), Centred()
        phase = TrainingPhase(epochs=2, batch_size=30, loss_keys=["mine"])
        routine.losses, routine.training_phases = {"mine": loss}, [phase]
        assert len(routine.fit(X).training_phases[0].loss.history) == 2
        assert len(routine.fit(X).training_phases[0].loss.history) == 2
        assert loss.history == []
        assert phase.loss is None

    def test_has_what_was_set_in_its_clone(self):
        routine = tsne()
        routine.training_phases = [TrainingPhase("mine", epochs=3, batch_size=30, loss_keys=["embedding"])]
        (phase,) = clone(routine).training_phases
        assert (phase.name, phase.epochs) == ("mine", 3)
        assert phase is not routine.training_phases[0]

    def test_is_saved_without_what_was_set(self, tmp_path):
        routine = tsne()
        routine.losses = {**routine.losses, "other": Centred()}
        routine.train(X)
        with pytest.raises(UnsupportedConfigurationError, match=r"losses .*set by hand.*training=False"):
            routine.save(tmp_path / "routine")
        routine.save(tmp_path / "routine", training=False)
        torch.testing.assert_close(paradime.load(tmp_path / "routine").apply(X), routine.apply(X))

    def test_can_be_composed_of_its_own_parts(self):
        # what is set goes together with what 1.x has, whatever fit would choose
        routine = tsne()
        init, main = routine.training_phases
        routine.training_phases = [init, main.replace(epochs=4)]
        assert [len(phase.loss.history) for phase in routine.fit(X).training_phases] == [1, 4]
        assert isinstance(routine.losses["embedding"], paradime.loss.RelationLoss)

    def test_refuses_relations_at_a_level_they_are_not_for(self):
        routine = tsne()
        routine.global_relations = paradime.relations.DistsFromTo()
        with pytest.raises(UnsupportedConfigurationError, match="global relations"):
            routine.train(X)


def add_relations(routine):
    routine.global_relations["more"] = paradime.relations.PDist()


def add_loss(routine):
    routine.losses["more"] = Centred()


def remove_loss(routine):
    routine.losses.pop("loss", None)
    routine.losses.pop("embedding", None)


def add_phase(routine):
    routine.training_phases.append(
        TrainingPhase("more", epochs=2, batch_size=30, loss_keys=list(routine.losses)[-1:])
    )


def change_phase(routine):
    routine.training_phases[-1].epochs += 2


def change_keys(routine):
    routine.training_phases[-1].loss_keys.append(next(iter(routine.losses)))


CHANGES = {
    add_relations: "global_relations",
    add_loss: "losses",
    remove_loss: "losses",
    add_phase: "training_phases",
    change_phase: "training_phases",
    change_keys: "training_phases",
}
changed_in_place = pytest.mark.parametrize(
    ("change", "name"), CHANGES.items(), ids=[change.__name__ for change in CHANGES]
)


class TestChangesInPlace:
    @pytest.mark.parametrize("make", [tsne, composed])
    def test_are_trained(self, make):
        routine = make()
        for change in (add_relations, add_loss, change_phase, add_phase):
            change(routine)
        routine.train(X)
        assert "more" in routine.global_relation_data
        *_, last, more = routine.training_phases
        assert len(last.loss.history) == 3
        assert more.loss is routine.losses["more"]
        assert len(more.loss.history) == 2

    @pytest.mark.parametrize("make", [tsne, composed])
    @changed_in_place
    def test_are_refused_by_fit(self, make, change, name):
        routine = make()
        change(routine)
        if (make, change) in ((composed, change_phase), (composed, change_keys)):
            # the phase is a parameter, which fit takes as it is
            routine.fit(X)
            assert len(routine.training_phases[-1].loss.history) in (1, 3)
            change(routine)  # this one is a copy of it
        with pytest.raises(
            UnsupportedConfigurationError, match=rf"{name} of this .*routine\.{name} = .*train\(X\)"
        ):
            routine.fit(X)

    def test_are_refused_before_what_was_learned_is_forgotten(self):
        routine = composed().fit(X)
        before = routine.apply(X)
        add_loss(routine)
        with pytest.raises(UnsupportedConfigurationError, match="losses of this ParametricDR"):
            routine.fit(X[:30])
        assert torch.equal(routine.apply(X), before)
        assert len(routine.dataset) == 60

    @pytest.mark.parametrize(
        "use",
        [
            lambda routine: routine.partial_fit(X),
            lambda routine: routine.update(X),
            lambda routine: routine.set_params(warm_start=True).fit(X),
            clone,
        ],
        ids=["partial_fit", "update", "warm_start", "clone"],
    )
    def test_are_refused_by_whatever_makes_components_anew(self, use):
        routine = composed()
        add_loss(routine)
        routine.train(X)
        with pytest.raises(
            UnsupportedConfigurationError, match="losses of this ParametricDR were changed in place"
        ):
            use(routine)

    def test_are_refused_by_parameters_of_an_untrained_routine(self):
        routine = tsne()
        add_loss(routine)
        with pytest.raises(UnsupportedConfigurationError, match=r"losses .*set_params"):
            routine.set_params(epochs=2)

    def test_are_not_saved_with_a_preset(self, tmp_path):
        routine = tsne()
        change_phase(routine)
        routine.train(X)
        with pytest.raises(UnsupportedConfigurationError, match=r"training_phases .*saving"):
            routine.save(tmp_path / "routine")

    def test_are_saved_with_a_composed_routine(self, tmp_path):
        routine = composed(losses={"loss": paradime.loss.StressLoss()})
        routine.losses["more"] = paradime.loss.StressLoss()
        routine.train(X)
        routine.save(tmp_path / "routine")
        assert set(paradime.load(tmp_path / "routine").losses) == {"loss", "more"}


class TestRemedies:
    """What the refusal tells to do."""

    def test_mapping_that_is_set_as_a_whole(self):
        routine = composed()
        routine.losses = {**routine.losses, "more": Centred()}
        routine.global_relations = {**routine.global_relations, "far": paradime.relations.PDist()}
        routine.add_training_phase(epochs=2, batch_size=30, loss_keys=["more"])
        for _ in range(2):
            routine.fit(X)
            assert set(routine.losses) == {"loss", "more"}
            assert set(routine.global_relation_data) == {"far"}
            assert [len(phase.loss.history) for phase in routine.training_phases] == [1, 2]

    def test_phases_that_are_set_as_a_whole_contain_what_was_added(self):
        routine = composed()
        routine.add_training_phase(epochs=2, batch_size=30)
        first, second = routine.training_phases
        routine.training_phases = [first, second.replace(epochs=3)]
        for _ in range(2):
            routine.fit(X)
            assert [record["epoch"] for record in routine.history_] == [0, 0, 1, 2]

    @pytest.mark.parametrize("make", [tsne, composed])
    def test_loss_that_was_added_stays_when_phases_are_set(self, make):
        routine = make().add_loss("more", Centred(), weight=2.0)
        *others, last = routine.training_phases
        routine.training_phases = [*others, last.replace(epochs=3)]
        for _ in range(2):
            routine.fit(X)
            assert routine.training_phases[-1].loss_keys == [*last.loss_keys]
            assert "more" in routine.losses
            assert routine.training_phases[-1].loss.detailed_history().shape == (2, 3)

    def test_loss_that_was_added_goes_when_losses_and_phases_are_set(self):
        routine = composed().add_loss("more", Centred())
        routine.losses = {"other": Centred()}
        routine.training_phases = [TrainingPhase(epochs=1, batch_size=30, loss_keys=["other"])]
        routine.fit(X)
        assert list(routine.losses) == ["other"]

    def test_recipe_that_was_added_goes_when_recipes_are_set(self):
        routine = composed()
        routine.add_data({"first": DerivedData(lambda rows: rows[:, :1])})
        routine.derived_data = {"second": DerivedData(lambda rows: rows[:, 1:2])}
        routine.fit(X)
        assert set(routine.derived_data) == {"second"}

    def test_methods_that_add_are_no_changes_in_place(self):
        routine = composed()
        routine.add_training_phase(epochs=1, batch_size=30)
        routine.add_loss("more", Centred())
        routine.add_data({"first": DerivedData(lambda rows: rows[:, :1])})
        for _ in range(2):
            routine.fit(X)
        assert set(routine.losses) == {"loss", "more"}
        assert "first" in routine.dataset

    def test_methods_do_not_hide_changes_in_place(self):
        routine = composed()
        add_loss(routine)
        routine.add_training_phase(epochs=1, batch_size=30)
        with pytest.raises(UnsupportedConfigurationError, match="losses of this ParametricDR"):
            routine.fit(X)

    def test_copies_know_what_was_set(self):
        routine = tsne()
        routine.training_phases = [TrainingPhase("mine", epochs=2, batch_size=30, loss_keys=["embedding"])]
        assert [phase.name for phase in copy.deepcopy(routine).fit(X).training_phases] == ["mine"]
