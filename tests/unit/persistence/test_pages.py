"""The pages about saving and exporting say what is so."""

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[3] / "docs"


@pytest.mark.parametrize("page", ["saving", "exporting"])
@pytest.mark.filterwarnings("ignore:.* are constant:UserWarning")  # corners of the digits
def test_python_of_a_page_runs(page, fewer_digits):
    names: dict = {}
    for block in re.findall(r"```python\n(.*?)```", (DOCS / f"{page}.md").read_text(encoding="utf-8"), flags=re.S):
        exec(block, names)
