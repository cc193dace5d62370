"""Films of the training: frames in order, aligned with the last, in files that are whole."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image, ImageSequence

from paradime import plot

RNG = np.random.default_rng(0)
LAST = np.concatenate((RNG.normal(0, 0.1, (20, 2)), RNG.normal([3, 0], 0.1, (20, 2))))
LABELS = np.repeat(["left", "right"], 20)


class Snapshots:
    """What a callback that keeps embeddings has."""

    frames = np.stack([RNG.normal(size=(40, 2)), LAST @ [[0, 1], [-1, 0]], LAST])
    epochs = (0, 5, 10)


def pictures(path):
    with Image.open(path) as film:
        return [np.asarray(frame.convert("RGB")).astype(int) for frame in ImageSequence.Iterator(film)]


def amount(picture, color):
    rgb = [int(color[i : i + 2], 16) for i in (1, 3, 5)]
    return (np.abs(picture - rgb).max(axis=2) < 40).nonzero()


def test_frames_are_aligned_with_the_last(tmp_path):
    path = plot.animate(Snapshots(), tmp_path / "film.gif", labels=LABELS, legend="none", hold=0, fps=5, alpha=1)
    assert path == tmp_path / "film.gif"
    first, turned, last = pictures(path)
    left, right = plot.palette(2)
    # the class on the left is there in the turned frame, too, since that is turned back
    for picture in (turned, last):
        assert amount(picture, left)[1].max() < amount(picture, right)[1].min()
    assert amount(first, left)[1].max() > amount(first, right)[1].min()
    assert plt.get_fignums() == []


def test_last_frame_stays_for_a_while(tmp_path):
    path = plot.animate(Snapshots(), tmp_path / "film.gif", fps=10, hold=1.0, figsize=(2, 2))
    with Image.open(path) as film:
        durations = [frame.info["duration"] for frame in ImageSequence.Iterator(film)]
    assert sum(durations) == 1300


def test_page_holds_all_frames_and_replaces_what_was_there(tmp_path):
    path = tmp_path / "film.html"
    path.write_text("old")
    plot.animate(list(Snapshots.frames), path, values=np.arange(40.0), hold=0, figsize=(2, 2), theme="dark")
    page = path.read_text()
    assert page.count("data:image/png;base64") == 3
    assert [child.name for child in tmp_path.iterdir()] == ["film.html"]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"path": "film.avi"}, ValueError, "path must end in .gif, .mp4, .html, got 'film.avi'"),
        ({"path": "no/such/folder/film.gif"}, OSError, "no folder"),
        ({"fps": 0}, ValueError, "fps must lie in"),
        ({"hold": -1}, ValueError, "hold must lie in"),
        ({"legend": "direct"}, ValueError, "names that move"),
        ({"titles": ["a"]}, ValueError, "got 1 for 3 frames"),
        ({"labels": LABELS[:3]}, ValueError, "one per row"),
        ({"labels": LABELS, "colors": ["red"]}, ValueError, "got 1 for 2 classes"),
        ({"frames": []}, ValueError, "at least one frame"),
        ({"frames": [LAST, LAST[:3]]}, ValueError, "the same points"),
        ({"frames": [LAST * np.nan]}, ValueError, r"frames\[0\] must be finite"),
    ],
)
def test_wrong_options_are_refused_before_a_file_is_written(tmp_path, monkeypatch, options, error, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=message):
        plot.animate(**({"frames": Snapshots.frames} | options))
    assert not list(tmp_path.iterdir())
    assert plt.get_fignums() == []


def test_film_that_needs_ffmpeg_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(OSError, match=r"needs ffmpeg.*\.gif"):
        plot.animate(Snapshots(), tmp_path / "film.mp4")
