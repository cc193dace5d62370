"""The page that lists every public name is up to date, and the documents do not name what is not there."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


def test_reference_page_is_up_to_date():
    done = subprocess.run([sys.executable, ROOT / "tools" / "make_reference.py", "--check"], check=False)
    assert done.returncode == 0, "run: python tools/make_reference.py"


def test_every_public_name_is_on_the_reference_page():
    import paradime.dr
    import paradime.loss

    page = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
    assert all(f"`{name}" in page for module in (paradime.dr, paradime.loss) for name in module.__all__)


@pytest.mark.parametrize("page", ["README.md", "docs/architecture.md", "docs/migrating.md"])
def test_links_of_a_page_lead_somewhere(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    targets = [t for t in re.findall(r"\]\(([^)#]+)\)", text) if not t.startswith("http")]
    assert all((ROOT / page).parent.joinpath(target).exists() for target in targets)


def test_mds_text_and_ten_lines_of_the_readme_run(tmp_path):
    import matplotlib as mpl

    mpl.use("Agg")
    from sklearn.datasets import load_diabetes

    from paradime.dr import ParametricDR

    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (spec,) = re.findall(r"```yaml\n(.*?)```", text, flags=re.S)
    (tmp_path / "mds.yaml").write_text(spec, encoding="utf-8")
    X = load_diabetes().data * 10
    routine = ParametricDR.from_spec(tmp_path / "mds.yaml", random_state=0)
    routine.train(X)
    history = routine.training_phases[0].loss.history
    assert history[-1] < 0.5 * history[0]
    first = re.findall(r"```python\n(.*?)```", text, flags=re.S)[0]
    names: dict = {}
    exec(first, names)
    assert names["new"].shape == (len(names["y_new"]), 2)
