"""Building blocks whose settings are NumPy's numbers and texts."""

import numpy as np
import pytest

from paradime import _registry
from paradime.exceptions import UnsupportedConfigurationError
from paradime.spec.options import parameters_of
from paradime.spec.settings import settings_of
from paradime.training import EarlyStopping

PLAIN = (bool, int, float, str)
REGISTRIES = [
    getattr(_registry, name)
    for name in ("TRANSFORMS", "LOSSES", "SAMPLINGS", "SCHEDULES", "CALLBACKS", "RELATIONS")
]
BLOCKS = [registry[name] for registry in REGISTRIES for name in registry]


def is_made_of_defaults(block):
    try:
        block()
    except (TypeError, UnsupportedConfigurationError):
        return False
    return True


CASES = [
    pytest.param(block, name, parameter.default, id=f"{block.__name__} {name}")
    for block in dict.fromkeys([*filter(is_made_of_defaults, BLOCKS), EarlyStopping])
    for name, parameter in parameters_of(block).items()
    if type(parameter.default) in PLAIN
]


@pytest.mark.parametrize(("block", "name", "value"), CASES)
def test_settings_of_numpy_are_written_as_plain_ones(block, name, value):
    written = settings_of(block(**{name: np.array(value)[()]}), "options", numbers=True)
    plain = settings_of(block(**{name: value}), "options", numbers=True)
    # one that has its default may be written, too
    assert {**plain, name: written.get(name, value)} == {**written, name: value}
    assert type(written.get(name, value)) in PLAIN
