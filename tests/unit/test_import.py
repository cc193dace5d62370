import re
import subprocess
import sys
from importlib.metadata import version

import pytest


def run(program):
    """Runs a program in a fresh interpreter and returns what it prints."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_import_gives_the_version_without_torch():
    heavy = ("torch", "sklearn", "scipy", "numpy", "matplotlib", "pydantic")
    printed = run(
        f"import sys, paradime; print(paradime.__version__, [name for name in {heavy!r} if name in sys.modules])"
    )
    assert re.fullmatch(r"\d+\.\d+\S* \[\]", printed)
    assert printed.split()[0] == version("paradime")


def test_import_of_utils_gives_four_submodules():
    printed = run(
        "import paradime.utils\n"
        "from types import ModuleType\n"
        "parts = [getattr(paradime.utils, name) for name in ('convert', 'logging', 'plotting', 'seed')]\n"
        "print(all(isinstance(part, ModuleType) for part in parts))"
    )
    assert printed == "True"


def test_extras_are_imported_when_they_are_needed():
    printed = run(
        "import sys, paradime.dr, paradime.routines, paradime.utils\n"
        "print([name for name in ('matplotlib', 'captum', 'faiss', 'pynndescent') if name in sys.modules])"
    )
    assert printed == "[]"


def test_modules_are_found_by_their_names_alone():
    names = "dr routines relations relationdata transforms loss models utils exceptions types"
    printed = run(
        "import paradime\n"
        f"print(all(getattr(paradime, name).__name__ == f'paradime.{{name}}' for name in {names!r}.split()))"
    )
    assert printed == "True"


def test_every_name_that_is_promised_exists():
    import paradime

    for name in paradime.__all__:
        assert getattr(paradime, name) is not None
    assert set(dir(paradime)) >= set(paradime.__all__)


def test_unknown_name_is_an_attribute_error():
    import paradime

    with pytest.raises(AttributeError, match="'paradime' has no attribute 'nonsense'"):
        paradime.nonsense  # noqa: B018


def test_import_changes_no_global_state():
    printed = run(
        "import random\n"
        "import torch, sklearn.decomposition, scipy.sparse, numpy as np\n"
        "state = random.getstate()\n"
        "numbers, seed = np.random.get_state()[1].copy(), torch.random.get_rng_state()\n"
        "import paradime.dr, paradime.routines, paradime.utils\n"
        "print((numbers == np.random.get_state()[1]).all(), torch.equal(seed, torch.random.get_rng_state()),\n"
        "      state == random.getstate(), torch.get_default_dtype(), torch.is_grad_enabled())"
    )
    assert printed == "True True True torch.float32 True"
