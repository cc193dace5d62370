"""The pages on judging and explaining run as they stand, and say what is so."""

import re
from pathlib import Path

import numpy as np
import pytest

import paradime.explain
import paradime.metrics
from pages import python_blocks

ROOT = Path(__file__).resolve().parents[3]
PAGES = {"judging": paradime.metrics, "explaining": paradime.explain}


@pytest.fixture
def few_steps(monkeypatch):
    monkeypatch.setattr("paradime.training.budget.steps_for", lambda n_rows: 100)
    monkeypatch.setattr("paradime.estimators.umap.INIT_BATCHES", 10)


def run_python_of(page, seed):
    names: dict = {}
    text = (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8")
    for block in python_blocks(text.replace("random_state=0", f"random_state={seed}")):
        exec(block, names)
    return names


def test_judging_page_does_what_it_says(few_steps, outcome):
    def measure(seed):
        names = run_python_of("judging", seed)
        return {"area": names["curve"].area, "accuracy": names["accuracy"]}

    outcome(measure, seeds=2, at_least={"area": 0.22, "accuracy": 0.7})


def test_explaining_page_does_what_it_says(few_steps, outcome):
    def measure(seed):
        names = run_python_of("explaining", seed)
        row = names["routine"].transform(names["X_new"].iloc[[0]])[0, 0]
        start = names["routine"].transform(names["X"].mean().to_frame().T)[0, 0]
        assert len(names["torn"]) == len(names["false_neighbors"]) == 10
        return {
            "error": names["importance"].completeness_error,
            "error of a row": abs(sum(names["to_the_right"].values()) - (row - start)) / max(abs(row - start), 1),
            "novelty": np.median(names["scores"].novelty),
        }

    outcome(measure, seeds=2, at_most={"error": 0.1, "error of a row": 0.2, "novelty": 0.9})


@pytest.mark.parametrize("page", PAGES)
def test_pages_name_every_function_and_their_links_lead_somewhere(page):
    text = (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8")
    functions = {name for name in PAGES[page].__all__ if name[0].islower()} - {"axis_correlation", "shepard_pairs"}
    assert {name for name in functions if name not in text} == set()
    assert all((ROOT / "docs" / link).exists() for link in re.findall(r"\]\(([^)#]+)\)", text))
