"""What files of others cannot do; the page on security names a test for each claim."""

import pickle
import re
from pathlib import Path

import numpy as np
import pytest

from paradime import ParametricMDS
from paradime.exceptions import ModelFileError

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")


def test_each_claim_has_tests_that_exist():
    sources = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    existing = set(re.findall(r"def (test_\w+)", sources))
    claims = [line for line in PAGE.splitlines() if line.startswith("| ") and not line.startswith("| claim")]
    assert len(claims) > 10
    for claim in claims:
        named = re.findall(r"`(test_\w+)`", claim)
        assert named, claim
        assert set(named) <= existing, claim


class Harmful:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


@pytest.mark.row(50)
def test_a_pickle_in_place_of_a_checkpoint_is_refused_and_not_executed(tmp_path):
    (tmp_path / "training.ckpt").write_bytes(pickle.dumps(Harmful(tmp_path / "harmed")))
    with pytest.raises(ModelFileError, match="checkpoint"):
        ParametricMDS(epochs=1).fit(np.eye(5), resume_from=tmp_path / "training.ckpt")
    assert not (tmp_path / "harmed").exists()
