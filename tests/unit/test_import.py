"""What an import of the library does and does not do, in one fresh interpreter: each costs seconds to start."""

import json
import re
import subprocess
import sys
from importlib.metadata import packages_distributions, version

import pytest

PROGRAM = """
import json, sys
facts = {}
loaded = lambda names: [name for name in names.split() if name in sys.modules]

import paradime
facts["version"] = paradime.__version__
facts["heavy"] = loaded("torch sklearn scipy numpy matplotlib pydantic")

# what numpy, torch and others set up themselves is none of the library's doing
import random
import torch, sklearn.base, scipy.sparse, numpy as np
theirs = set(sys.modules)
before = random.getstate(), np.random.get_state()[1].copy(), torch.random.get_rng_state()

paradime.ParametricUMAP
late = (
    "sklearn.decomposition sklearn.linear_model sklearn.metrics sklearn.model_selection sklearn.neighbors "
    "sklearn.preprocessing rich ruamel.yaml safetensors sympy torch._dynamo torch._inductor typer"
)
facts["late"] = [name for name in loaded(late) if name not in theirs]

names = "dr routines relations relationdata transforms loss models utils exceptions types".split()
facts["unlike"] = [name for name in names if getattr(paradime, name).__name__ != f"paradime.{name}"]
facts["extras"] = loaded("matplotlib captum faiss pynndescent")
facts["tab"] = [name for name in ("convert", "logging", "plotting", "seed") if name in dir(paradime.utils)]
facts["plots"] = loaded("paradime.plot paradime.utils.plotting")
parts = [getattr(paradime.utils, name) for name in ("convert", "logging", "plotting", "seed")]
facts["utils"] = [type(part).__name__ for part in parts]
facts["random"] = [
    random.getstate() == before[0],
    bool((np.random.get_state()[1] == before[1]).all()),
    torch.equal(torch.random.get_rng_state(), before[2]),
]
facts["torch"] = [str(torch.get_default_dtype()), torch.is_grad_enabled()]
import logging
facts["handlers"] = [len(logging.getLogger(name).handlers) for name in ("", "paradime")]
print(json.dumps(facts))
"""


@pytest.fixture(scope="module")
def facts():
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_import_gives_the_version_without_torch(facts):
    assert re.fullmatch(r"\d+\.\d+\S*", facts["version"])
    assert facts["version"] in {version(name) for name in packages_distributions()["paradime"]}
    assert facts["heavy"] == []


def test_modules_are_found_by_their_names_alone(facts):
    assert facts["unlike"] == []


def test_extras_are_imported_when_they_are_needed(facts):
    assert facts["extras"] == []


def test_libraries_that_few_functions_need_are_imported_on_first_use(facts):
    assert facts["late"] == []


def test_import_of_utils_gives_four_submodules(facts):
    assert facts["utils"] == ["module"] * 4
    assert facts["tab"] == ["convert", "logging", "plotting", "seed"]


def test_plots_are_imported_only_when_they_are_used(facts):
    assert facts["plots"] == []


def test_import_changes_no_global_state(facts):
    assert facts["random"] == [True] * 3
    assert facts["torch"] == ["torch.float32", True]


def test_every_name_that_is_promised_exists():
    import paradime

    for name in paradime.__all__:
        assert getattr(paradime, name) is not None
    assert set(dir(paradime)) >= set(paradime.__all__)


def test_unknown_name_is_an_attribute_error():
    import paradime

    with pytest.raises(AttributeError, match="'paradime' has no attribute 'nonsense'"):
        paradime.nonsense  # noqa: B018


def test_logging_is_left_as_it_is(facts):
    assert facts["handlers"] == [0, 0]
