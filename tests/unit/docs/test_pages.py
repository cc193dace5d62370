"""The page that lists every public name is up to date, and the documents do not name what is not there."""

import inspect
import multiprocessing
import re
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest

import paradime
from pages import is_notebook, python_blocks
from paradime._registry import LOSSES
from paradime.metrics import knn_accuracy
from paradime.utils.seed import seed_all

ROOT = Path(__file__).resolve().parents[3]


MAKE_PAGES = """
import contextlib, io, runpy, sys, traceback
sys.path.insert(0, str(tools))
sys.argv = ["make_pages.py", "--check"]
code, told = None, io.StringIO()
with contextlib.redirect_stdout(told):
    try:
        runpy.run_path(str(tools / "make_pages.py"), run_name="__main__")
    except SystemExit as ended:
        code = ended.code
    except Exception:
        traceback.print_exc(file=told)
result.send((code, told.getvalue()))
"""


def other_versions(*libraries):
    """Returns the libraries of which another minor version than that of ``constraints.txt`` is installed."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = dict(line.split("==") for line in lines if "==" in line)
    return [name for name in libraries if version(name).split(".")[:2] != pinned[name].split(".")[:2]]


@pytest.mark.skipif(
    bool(other_versions("typer", "pydantic")),
    reason="helps and schemas differ between versions of typer and pydantic",
)
def test_files_that_are_made_from_the_code_are_up_to_date(forked):
    # in a process of its own: tests of this one register blocks
    receiver, sender = multiprocessing.Pipe(duplex=False)
    process = forked(MAKE_PAGES, tools=ROOT / "tools", result=sender)
    sender.close()
    code, told = receiver.recv()
    process.join()
    assert code == 0, f"out of date: {told}; run: python tools/make_pages.py"


def test_every_public_name_is_on_the_reference_page():
    page = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
    public = {name: getattr(paradime, name) for name in paradime.__all__ if name != "__version__"}
    modules = {name: module for name, module in public.items() if inspect.ismodule(module) and name != "utils"}
    assert all(f"## `paradime.{name}`" in page for name in modules)
    assert all(f"`{name}" in page for module in modules.values() for name in module.__all__)
    assert all(f"`{name}`" in page for name in public.keys() - modules.keys() - {"utils"})


def test_lists_of_the_grammar_are_described_in_the_plural():
    page = (ROOT / "docs" / "specification.md").read_text(encoding="utf-8")
    assert "a list of integers" in page
    assert not re.findall(r"a list of (?:a |integer\b|number\b|text\b|mapping\b)", page)


PAGES = ["README.md", *sorted(f"docs/{page.name}" for page in (ROOT / "docs").glob("*.md"))]
RUN_BELOW = ("estimators", "input", "larger_than_memory", "training", "continuing", "reproducibility")
# the page on other libraries needs them: make docs alone has them
NOTEBOOKS = sorted(
    page.stem
    for page in (ROOT / "docs").glob("*.md")
    if is_notebook(page.read_text(encoding="utf-8")) and page.stem != "coming_from"
)


@pytest.mark.parametrize("page", PAGES)
def test_links_of_a_page_lead_somewhere(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    targets = [t for t in re.findall(r"\]\(([^)#]+)\)", text) if not t.startswith("http")]
    assert all((ROOT / page).parent.joinpath(target).exists() for target in targets)


def run_python_of(page, seed=0, few_epochs=False):
    """Runs all Python blocks of a page, one after the other, with a seed; returns what they define."""
    text = (ROOT / page).read_text(encoding="utf-8").replace("random_state=0", f"random_state={seed}")
    if few_epochs:  # of presets whose epochs do not follow from the number of rows
        text = re.sub(r"\bParametric(PaCMAP|LargeVis|MDS|Autoencoder)\(r", r"Parametric\1(epochs=3, r", text)
    names: dict = {}
    for block in python_blocks(text):
        exec(block, names)
    return names


@pytest.fixture
def few_steps(monkeypatch):
    """Routines of the pages are trained for fewer steps than by default, which is quicker."""
    monkeypatch.setattr("paradime.training.budget.steps_for", lambda n_rows: 100)
    for preset in ("contrastive", "tsne", "umap"):
        monkeypatch.setattr(f"paradime.estimators.{preset}.INIT_BATCHES", 10)


def test_guiding_page_does_what_it_says(few_steps, outcome):
    def measure(seed):
        names = run_python_of("docs/guiding.md", seed)
        unlabelled = names["labels"] == -1
        return {
            "correlation": abs(np.corrcoef(names["embedding"][:, 0], names["X"]["mean area"])[0, 1]),
            "accuracy": (names["classes"] == names["y"])[unlabelled].mean(),
            "error": ((names["rows"] - names["X"].to_numpy()) ** 2).mean(),  # of a variance of 1
        }

    outcome(measure, seeds=2, at_least={"correlation": 0.8, "accuracy": 0.85}, at_most={"error": 0.6})


def test_presets_page_does_what_it_says(few_steps, outcome):
    def measure(seed):
        names = run_python_of("docs/presets.md", seed)
        assert "n_neighbors: 30" in names["spec"]
        seen = names["routine"].transform(names["X"])
        found = knn_accuracy(seen, names["y"], test_embedding=names["new"], test_labels=names["y_new"])
        return {"accuracy": found}

    # in the plane of principal components it is 0.6
    outcome(measure, seeds=2, at_least={"accuracy": 0.75})


@pytest.mark.parametrize("page", [*RUN_BELOW, *NOTEBOOKS])
def test_examples_of_a_page_run(page, tmp_path, monkeypatch, few_first_steps, fewer_digits):
    import matplotlib as mpl

    mpl.use("Agg")
    # what the pages promise of outcomes is asserted elsewhere: few steps and fewer rows do
    monkeypatch.setattr("paradime.training.budget.steps_for", lambda n_rows: 20)
    monkeypatch.chdir(tmp_path)  # where they write their files
    seed_all(0)
    assert run_python_of(f"docs/{page}.md", few_epochs=True)


def test_every_loss_of_the_specification_is_on_the_pages_of_guiding_and_constraints():
    page = "".join((ROOT / "docs" / name).read_text(encoding="utf-8") for name in ("guiding.md", "constraints.md"))
    own = {name for name, block in LOSSES.items() if block.__module__.startswith("paradime.")}
    # those that make up the embeddings themselves
    assert {name for name in own if f"`{name}`" not in page} <= {
        "relation",
        "contrastive",
        "attraction",
        "repulsion",
    }


def test_every_preset_is_on_the_presets_page():
    page = (ROOT / "docs" / "presets.md").read_text(encoding="utf-8")
    names = [name for name in paradime.estimators.__all__ if name.startswith("Parametric")]
    assert len(names) == 7
    assert all(f"| `{name}` |" in page for name in names)


def test_mds_text_of_the_readme_learns(tmp_path, outcome):
    from sklearn.datasets import load_diabetes

    from paradime.dr import ParametricDR

    (spec,) = re.findall(r"```yaml\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), flags=re.S)
    (tmp_path / "mds.yaml").write_text(spec, encoding="utf-8")

    def measure(seed):
        routine = ParametricDR.from_spec(tmp_path / "mds.yaml", random_state=seed)
        routine.train(load_diabetes().data * 10)
        history = routine.training_phases[0].loss.history
        return {"decline": history[-1] / history[0]}

    outcome(measure, at_most={"decline": 0.5})


def test_blocks_of_the_readme_run(few_steps, fewer_digits, tmp_path, monkeypatch):
    import matplotlib as mpl

    mpl.use("Agg")
    monkeypatch.chdir(tmp_path)
    names = run_python_of("README.md")
    assert names["new"].shape == (len(names["y_new"]), 2)
    assert issubclass(names["GuidingLoss"], paradime.loss.Loss)
    written = {path.name for path in tmp_path.iterdir()}
    assert written == {"digits.png", "digits.paradime", "report.html", "explore.html"}
