"""Files that are damaged, hostile, half written, or of another time; rows 46 to 54 of the table of faults."""

import contextlib
import copy
import errno
import io
import json
import multiprocessing
import os
import pickle
import random
import resource
import shutil
import signal
import stat
import time
import zipfile
from pathlib import Path

import joblib
import numpy as np
import pytest
import torch
from sklearn.datasets import load_iris

import paradime
from paradime import ParametricMDS
from paradime.exceptions import ModelFileError
from paradime.persistence import FORMAT_VERSION
from paradime.persistence.config import _checksum, _sum

FORMS = ("folder", "file.paradime")


@pytest.fixture(scope="module")
def iris():
    return load_iris().data


def fitted(seed, X):
    return ParametricMDS(epochs=1, hidden_dims=(6,), random_state=seed).fit(X)


@pytest.fixture(scope="module")
def first(iris):
    return fitted(0, iris)


@pytest.fixture(scope="module")
def second(iris):
    return fitted(1, iris)


@pytest.fixture(params=FORMS)
def path(request, tmp_path):
    return tmp_path / request.param


def resigned(folder, change=None):
    """Makes checksums fit after a file was changed, as somebody would who means harm."""
    config = json.loads((folder / "config.json").read_text())
    if change is not None:
        change(config)
    config["files"] = {name: _sum((folder / name).read_bytes()) for name in config["files"]}
    config.pop("checksum")
    config["checksum"] = _checksum(config)
    (folder / "config.json").write_text(json.dumps(config))


# -- 46, 47: saving that does not come to its end


@pytest.mark.row(46)
def test_a_save_that_is_killed_at_any_step_leaves_the_old_files_or_the_new(
    first, second, iris, tmp_path, path, monkeypatch
):
    first.save(path)
    photographs = []

    def photographing(function):
        def act(*args, **kwargs):
            target = tmp_path / "photographs" / str(len(photographs))
            shutil.copytree(path.parent, target, ignore=shutil.ignore_patterns("photographs"))
            photographs.append(target / path.name)
            return function(*args, **kwargs)

        return act

    with monkeypatch.context() as patched:
        for name in ("replace", "fsync", "unlink"):
            patched.setattr(os, name, photographing(getattr(os, name)))
        second.save(path)
    old, new = first.transform(iris), second.transform(iris)
    seen = [paradime.load(photograph).transform(iris) for photograph in photographs]
    is_new = [np.array_equal(embedding, new) for embedding in seen]
    assert all(fresh or np.array_equal(embedding, old) for fresh, embedding in zip(is_new, seen, strict=True))
    assert is_new == sorted(is_new)  # never back again
    assert len(photographs) >= 2
    assert np.array_equal(paradime.load(path).transform(iris), new)
    # and whoever saves again finishes what was left
    first.save(photographs[-1])
    assert np.array_equal(paradime.load(photographs[-1]).transform(iris), old)


@pytest.mark.row(44, 46)
@pytest.mark.parametrize("number", range(1, 9))
def test_an_interrupt_leaves_the_old_files_or_the_new(number, first, second, iris, tmp_path, monkeypatch):
    first.save(tmp_path)
    replace, calls = os.replace, []

    def interrupted(*args):
        replace(*args)
        calls.append(args)
        if len(calls) == number:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched, contextlib.suppress(KeyboardInterrupt):
        patched.setattr(os, "replace", interrupted)
        second.save(tmp_path)
    found = paradime.load(tmp_path).transform(iris)
    assert np.array_equal(found, second.transform(iris))  # the first renaming makes the new files valid
    first.save(tmp_path)
    assert np.array_equal(paradime.load(tmp_path).transform(iris), first.transform(iris))
    assert not list(tmp_path.glob(".*"))


@pytest.mark.row(46)
def test_a_save_in_the_middle_of_loading_does_no_harm(first, second, iris, tmp_path, monkeypatch):
    from paradime.persistence import bundle

    first.save(tmp_path)
    read, calls = bundle._read_file, []

    def interrupted(path, most):
        contents = read(path, most)
        calls.append(path)
        if len(calls) == 3:
            second.save(tmp_path)
        return contents

    monkeypatch.setattr(bundle, "_read_file", interrupted)
    assert np.array_equal(paradime.load(tmp_path).transform(iris), second.transform(iris))


KILLED = """
import itertools
import paradime
saved = [paradime.load(path) for path in paths]
for routine in itertools.cycle(saved):
    routine.save(folder)
    begun.send(True)
"""


@pytest.mark.row(46)
def test_a_process_that_is_killed_while_it_saves_leaves_a_whole_model(first, second, iris, tmp_path, forked):
    paths = [tmp_path / "a.paradime", tmp_path / "b.paradime"]
    for routine, path in zip((first, second), paths, strict=True):
        routine.save(path)
    receiver, sender = multiprocessing.Pipe(duplex=False)
    process = forked(KILLED, paths=paths, folder=tmp_path / "model", begun=sender)
    sender.close()
    for _ in range(3):
        assert receiver.recv()
    time.sleep(random.uniform(0, 0.05))  # at any point of another save
    process.kill()
    process.join()
    found = paradime.load(tmp_path / "model").transform(iris)
    assert np.array_equal(found, first.transform(iris)) or np.array_equal(found, second.transform(iris))


@pytest.mark.row(47)
@pytest.mark.parametrize("call", ["fsync", "replace"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EIO])
def test_a_disk_that_refuses_is_an_error_with_the_path_and_nothing_is_lost(
    call, number, first, second, iris, path, monkeypatch
):
    first.save(path)
    files = sorted(path.iterdir()) if path.is_dir() else None

    def refuse(*args, **kwargs):
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patched:
        patched.setattr(os, call, refuse)
        with pytest.raises(OSError, match=path.name) as caught:
            second.save(path)
    assert caught.value.errno == number
    assert np.array_equal(paradime.load(path).transform(iris), first.transform(iris))
    assert files is None or sorted(path.iterdir()) == files
    assert np.isfinite(second.transform(iris)).all()


@pytest.mark.row(47)
def test_a_file_that_may_not_grow_any_more_is_an_error_with_the_path(first, iris, path):
    first.save(path)
    larger = ParametricMDS(epochs=1, hidden_dims=(300, 300), random_state=0).fit(iris)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
        with pytest.raises(OSError, match=path.name):
            larger.save(path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)
    assert np.array_equal(paradime.load(path).transform(iris), first.transform(iris))


@pytest.mark.row(47)
def test_a_path_below_a_file_is_an_error_with_the_path(first, tmp_path):
    (tmp_path / "file").write_text("x")
    for name in FORMS:
        with pytest.raises(OSError, match="file"):
            first.save(tmp_path / "file" / name)
    with pytest.raises(FileExistsError):
        first.save(tmp_path / "file")
    assert (tmp_path / "file").read_text() == "x"


# -- 48: damaged files


@pytest.mark.row(48)
def test_a_file_cut_short_is_refused_with_its_path(first, path):
    first.save(path)
    file = path / "model.safetensors" if path.is_dir() else path
    contents = file.read_bytes()
    for length in (0, 1, 7, 100, len(contents) // 2, len(contents) - 1):
        file.write_bytes(contents[:length])
        with pytest.raises(ModelFileError, match=path.name):
            paradime.load(path)


@pytest.mark.row(48)
@pytest.mark.parametrize("garbage", [b"", b"garbage", b"\0" * 5000, b"{}", b"PK\x03\x04" + b"x" * 500])
def test_garbage_is_refused(garbage, first, tmp_path):
    (tmp_path / "a.paradime").write_bytes(garbage)
    with pytest.raises(ModelFileError, match=r"a\.paradime"):
        paradime.load(tmp_path / "a.paradime")
    for name in ("config.json", "model.safetensors", "spec.json", "state.safetensors", "history.json"):
        first.save(tmp_path / "folder")
        (tmp_path / "folder" / name).write_bytes(garbage)
        with pytest.raises(ModelFileError, match="folder"):
            paradime.load(tmp_path / "folder")


@pytest.mark.row(48)
@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "spec.json", "state.safetensors"])
def test_a_missing_file_is_named(name, first, tmp_path):
    first.save(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(ModelFileError, match=name):
        paradime.load(tmp_path)


@pytest.mark.row(48)
def test_a_file_of_another_save_is_refused(first, second, tmp_path):
    first.save(tmp_path / "a")
    second.save(tmp_path / "b")
    shutil.copy(tmp_path / "a" / "model.safetensors", tmp_path / "b")
    with pytest.raises(ModelFileError, match="damaged, or belongs to another save"):
        paradime.load(tmp_path / "b")


@pytest.mark.parametrize("name", ["README.md", "config.json", "model.safetensors"])
def test_saving_overwrites_no_file_of_others_in_a_folder(name, first, tmp_path):
    (tmp_path / name).write_text("{}")
    with pytest.raises(FileExistsError, match=rf"holds a file '{name}' .* folder of its own, such as '.*model'"):
        first.save(tmp_path)
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [(name, "{}")]
    (tmp_path / name).rename(tmp_path / "mine.md")
    first.save(tmp_path)
    first.save(tmp_path)
    assert (tmp_path / "mine.md").read_text() == "{}"


@pytest.mark.row(48)
def test_a_folder_of_another_library_is_refused(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(ModelFileError, match="not that of a routine saved by ParaDime"):
        paradime.load(tmp_path)
    with pytest.raises(FileNotFoundError):
        paradime.load(tmp_path / "nothing")


@pytest.mark.row(48)
@pytest.mark.parametrize("form", FORMS)
def test_flipped_bytes_and_cuts_are_refused_or_change_nothing(form, first, iris, tmp_path):
    path, expected = tmp_path / form, first.transform(iris)
    first.save(path)
    generator = random.Random(form)
    files = [path] if path.is_file() else sorted(path.iterdir())
    originals = [file.read_bytes() for file in files]
    refused = 0
    for _ in range(250):
        which = generator.randrange(len(files))
        contents = bytearray(originals[which])
        if generator.random() < 0.25:
            del contents[generator.randrange(len(contents)) :]
        else:
            for _ in range(generator.choice([1, 1, 3, 20])):
                contents[generator.randrange(len(contents))] = generator.randrange(256)
        files[which].write_bytes(contents)
        try:
            again = paradime.load(path)
        except ValueError:  # which ModelFileError is
            refused += 1
        else:
            assert np.array_equal(again.transform(iris), expected)
            assert again.get_params() == first.get_params()
        files[which].write_bytes(originals[which])
    assert refused > 100


@pytest.mark.row(48)
def test_nonsense_with_the_right_checksums_is_refused(first, iris, tmp_path):
    first.save(tmp_path / "good")
    config = json.loads((tmp_path / "good" / "config.json").read_text())
    generator = random.Random(0)
    nonsense = [None, -1, 10**30, "x", [], {}, {"@": "block"}, {"@": "x" * 99}, ["\0"], 1.5, True, {"@": "decode"}]
    for number in range(90):
        folder = tmp_path / "bad"
        shutil.copytree(tmp_path / "good", folder, dirs_exist_ok=True)
        changed = copy.deepcopy(config)
        place = changed
        for _ in range(generator.choice([1, 2, 3])):
            keys = list(place) if isinstance(place, dict) else list(range(len(place)))
            key = generator.choice(keys)
            if not isinstance(place[key], (dict, list)) or not place[key]:
                break
            place, parent = place[key], place
            if generator.random() < 0.2:
                place = parent
                break
        key = generator.choice(list(place) if isinstance(place, dict) else list(range(len(place))))
        place[key] = nonsense[number % len(nonsense)]
        changed["checksum"] = _checksum({name: part for name, part in changed.items() if name != "checksum"})
        (folder / "config.json").write_text(json.dumps(changed))
        with contextlib.suppress(ValueError):
            paradime.load(folder).transform(iris)


@pytest.mark.row(48)
def test_a_part_of_a_folder_is_refused_with_the_folder(first, tmp_path):
    first.save(tmp_path / "model")
    for name in ("config.json", "model.safetensors"):
        with pytest.raises(ModelFileError, match=r"Load its folder, .*model"):
            paradime.load(tmp_path / "model" / name)


# -- 49: files of another time


@pytest.mark.row(49)
def test_a_newer_format_says_who_wrote_it(first, tmp_path):
    first.save(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    config |= {"format_version": FORMAT_VERSION + 1, "paradime_version": "9.1.0", "news": [1]}
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match=rf"written by ParaDime 9\.1\.0; this is ParaDime {paradime.__version__}"):
        paradime.load(tmp_path)


# -- 50: files that want to run


class Harmful:
    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return Path.touch, (self.marker,)


@pytest.mark.row(50)
def test_a_pickle_is_refused_and_not_executed(first, tmp_path):
    marker = tmp_path / "executed"
    pickled = pickle.dumps(Harmful(marker))
    saved = io.BytesIO()
    torch.save(Harmful(marker), saved)
    first.save(tmp_path / "folder")
    for contents in (pickled, saved.getvalue()):
        (tmp_path / "model.paradime").write_bytes(contents)
        with pytest.raises(ModelFileError):
            paradime.load(tmp_path / "model.paradime")
        for name in ("model.safetensors", "state.safetensors"):
            first.save(tmp_path / "folder")
            (tmp_path / "folder" / name).write_bytes(contents)
            resigned(tmp_path / "folder")
            with pytest.raises(ModelFileError):
                paradime.load(tmp_path / "folder")
    assert not marker.exists()
    pickle.loads(pickled)
    assert marker.exists()  # the file is one that would have


@pytest.mark.row(50)
@pytest.mark.parametrize(
    "routine",
    [
        "os:system",
        "paradime.utils.files:atomic_write",
        "paradime.dr:Dataset",
        "paradime.__main__:x",
        "builtins:eval",
    ],
)
def test_other_classes_than_routines_are_not_made(routine, first, tmp_path):
    first.save(tmp_path)
    resigned(tmp_path, lambda config: config.update(routine=routine))
    with pytest.raises(ValueError, match=r"may not be imported|is not a routine"):
        paradime.load(tmp_path)


@pytest.mark.row(50)
@pytest.mark.parametrize("name", ["os:system", "paradime.utils.files:atomic_write", "subprocess:Popen"])
@pytest.mark.parametrize("kind", ["model", "loss", "callback", "loss function"])
def test_names_in_parameters_import_nothing(name, kind, first, tmp_path):
    first.save(tmp_path)
    block = {"@": "block", "kind": kind, "name": name, "options": {}}
    resigned(tmp_path, lambda config: config["parameters"].update(callbacks=[block]))
    with pytest.raises(ValueError, match=r"importing .* is not allowed"):
        paradime.load(tmp_path)


# -- 51: files that lead elsewhere


def archive(path, members):
    with zipfile.ZipFile(path, "w") as file:
        for info, contents in members:
            file.writestr(info, contents)


@pytest.mark.row(51)
@pytest.mark.parametrize("name", ["../config.json", "/tmp/x", "a/config.json", "C:\\x", "folder/"])
def test_other_names_in_a_file_are_refused_before_it_is_read(name, first, tmp_path):
    first.save(tmp_path / "good.paradime")
    with zipfile.ZipFile(tmp_path / "good.paradime") as good:
        members = [(info.filename, good.read(info)) for info in good.infolist()]
    archive(tmp_path / "bad.paradime", [*members, (name, b"")])
    with pytest.raises(ModelFileError, match="Nothing was read"):
        paradime.load(tmp_path / "bad.paradime")


@pytest.mark.row(51)
def test_links_in_a_file_are_refused(tmp_path):
    link = zipfile.ZipInfo("config.json")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    archive(tmp_path / "bad.paradime", [(link, "/etc/passwd")])
    with pytest.raises(ModelFileError, match="is a link"):
        paradime.load(tmp_path / "bad.paradime")


@pytest.mark.row(51)
@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_links_in_a_folder_are_refused(name, first, tmp_path):
    first.save(tmp_path / "model")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_bytes((tmp_path / "model" / "config.json").read_bytes())
    (tmp_path / "model" / name).unlink(missing_ok=True)
    (tmp_path / "model" / name).symlink_to(elsewhere)
    with pytest.raises(ModelFileError, match="is a link"):
        paradime.load(tmp_path / "model")


@pytest.mark.row(48)
def test_a_pipe_in_place_of_a_file_does_not_hang(first, tmp_path):
    first.save(tmp_path / "model")
    (tmp_path / "model" / "config.json").unlink()
    os.mkfifo(tmp_path / "model" / "config.json")
    with pytest.raises(ModelFileError, match="regular file"):
        paradime.load(tmp_path / "model")


@pytest.mark.row(51)
@pytest.mark.parametrize("name", ["../victim", "/tmp/victim", "a/../../victim"])
def test_a_configuration_cannot_reach_out_of_its_folder(name, first, iris, tmp_path):
    first.save(tmp_path / "model")
    (tmp_path / "victim").write_text("x")
    config = json.loads((tmp_path / "model" / "config.json").read_text())
    config["files"][name] = _sum(b"x")
    config["checksum"] = _checksum({key: value for key, value in config.items() if key != "checksum"})
    (tmp_path / "model" / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelFileError, match="victim is missing"):
        paradime.load(tmp_path / "model")
    first.save(tmp_path / "model")
    assert np.array_equal(paradime.load(tmp_path / "model").transform(iris), first.transform(iris))
    assert (tmp_path / "victim").read_text() == "x"


# -- sizes that lie


@pytest.mark.row(48)
def test_compressed_bombs_are_refused_before_they_unfold(tmp_path):
    with zipfile.ZipFile(tmp_path / "bomb.paradime", "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("config.json", b"0" * 50_000_000)
    assert (tmp_path / "bomb.paradime").stat().st_size < 100_000
    with pytest.raises(ModelFileError, match="compressed"):
        paradime.load(tmp_path / "bomb.paradime")


@pytest.mark.row(48)
@pytest.mark.parametrize(
    "contents",
    [
        (2**62).to_bytes(8, "little") + b"{}",
        (200).to_bytes(8, "little") + b"{}".ljust(200),
        b"".join(
            (len(header).to_bytes(8, "little") + header)
            for header in [b'{"x": {"dtype": "F32", "shape": [1000000000, 1000000000], "data_offsets": [0, 4]}}']
        )
        + b"\0" * 4,
        (100_000).to_bytes(8, "little") + (b"[" * 100_000),
    ],
)
def test_headers_of_tensors_that_lie_are_refused(contents, first, tmp_path):
    first.save(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(contents)
    resigned(tmp_path)
    with pytest.raises(ModelFileError):
        paradime.load(tmp_path)


@pytest.mark.row(48)
def test_a_model_that_claims_to_be_huge_takes_no_memory(first, tmp_path):
    first.save(tmp_path)

    def grow(config):
        config["architecture"]["recipe"]["options"]["hidden_dims"] = [10**9, 10**9]

    resigned(tmp_path, grow)
    with pytest.raises(ModelFileError, match="do not belong together"):
        paradime.load(tmp_path)


@pytest.mark.row(48)
def test_deep_nesting_is_refused(first, tmp_path):
    first.save(tmp_path)
    for name in ("config.json", "spec.json"):
        (tmp_path / name).write_text("[" * 200_000)
        with pytest.raises(ModelFileError):
            paradime.load(tmp_path)


@pytest.mark.row(48)
def test_a_loss_without_its_parameters_is_refused(iris, tmp_path):
    from paradime.dr import ParametricDR
    from paradime.loss import ClassificationLoss
    from paradime.models import ModelRecipe

    weights = torch.nn.CrossEntropyLoss(weight=torch.ones(3))
    routine = ParametricDR(ModelRecipe(classifier=True), losses=ClassificationLoss(weights), random_state=0)
    routine.add_training_phase(epochs=1)
    routine.fit(iris, np.repeat([0, 1, 2], 50))
    with pytest.raises(ValueError, match="training=False"):
        routine.save(tmp_path)
    routine.save(tmp_path, training=False)
    resigned(tmp_path, lambda config: config.update(with_training=True))
    with pytest.raises(ValueError):
        paradime.load(tmp_path)


# -- 52, 53: copies, and other machines


@pytest.mark.row(52)
@pytest.mark.parametrize(
    "copied",
    [copy.deepcopy, lambda routine: pickle.loads(pickle.dumps(routine)), "joblib"],
    ids=["deepcopy", "pickle", "joblib"],
)
def test_copies_of_a_loaded_routine_embed_the_same(copied, first, iris, tmp_path):
    first.save(tmp_path / "m")
    loaded = paradime.load(tmp_path / "m")
    if copied == "joblib":
        joblib.dump(loaded, tmp_path / "copy")
        again = joblib.load(tmp_path / "copy")
    else:
        again = copied(loaded)
    assert np.array_equal(again.transform(iris), first.transform(iris))


@pytest.mark.row(53)
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_saved_on_a_gpu_is_loaded_on_the_cpu(iris, path):
    routine = ParametricMDS(epochs=1, random_state=0, device="cuda").fit(iris)
    routine.save(path)
    again = paradime.load(path)
    assert again.device.type == "cpu"
    assert np.allclose(again.transform(iris), routine.transform(iris), atol=1e-4)
    assert paradime.load(path, device="cuda").device.type == "cuda"
