"""The guided example: a t-SNE of forest cover data whose x-axis follows an attribute of your choice.

Four embeddings are trained. All keep each point's neighbours near (a t-SNE loss); three are also guided: a second
loss asks that the x-axis correlate with the attribute "Hillshade_Noon". The smaller the weight of the t-SNE loss
relative to the guiding loss, the more the attribute turns into the x-axis.

    python examples/guided.py --out out/demo

writes ``gallery.png``, ``importance.png``, ``results.csv`` and ``index.html``, which shows them on one page.
"""

from __future__ import annotations

import argparse
import base64
import csv
import html
import io
import string
import time
from pathlib import Path

import matplotlib as mpl
import numpy as np
import sklearn.decomposition
import sklearn.preprocessing
import torch

import paradime
from paradime.training import ProgressBar

mpl.use("Agg")
import matplotlib.pyplot as plt

ATTRIBUTE = "Hillshade_Noon"
EPOCHS = (0, 2, 10, 20, 38)
# Weights of the embedding and the guiding loss, and the loss at these epochs as published by Hinterreiter et al.
PUBLISHED = {
    (1, 0): (0.0502, 0.0435, 0.0412, 0.0401, 0.0393),
    (5000, 1): (258.9, 227.1, 215.7, 209.4, 204.7),
    (1000, 1): (56.2, 51.6, 48.8, 47.5, 46.1),
    (100, 1): (6.978, 5.372, 5.037, 4.868, 4.740),
}


PAGE = string.Template("""<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>ParaDime: the guided example</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; color: #17323a; max-width: 1500px; margin: 2rem auto }
img { width: 100% } figure + figure img { max-width: 1000px }
figure { margin: 1.5rem 0 } figcaption { color: #4b626a }
.table { overflow-x: auto } table { border-collapse: collapse; font-size: 14px }
th, td { text-align: left; padding: .35rem .7rem; border-bottom: 1px solid #dde6e8 }
td:first-child { font-weight: 600; white-space: nowrap }
</style>
<h1>A guided embedding of forest cover data</h1>
<p>A network embeds 7,000 patches of forest by their 10 cartographic attributes, such that neighbours stay
neighbours (parametric t-SNE). A second, guiding loss asks the x-axis to correlate with one attribute: $attribute.
The further to the right in the row below, the more it counts.</p>
$figures
<div class="table"><table>$table</table></div>
<p>Losses stand beside those published by Hinterreiter et al., <i>ParaDime: A Framework for Parametric
Dimensionality Reduction</i>, 2023. Data: Covertype (J. Blackard), UCI Machine Learning Repository, CC BY 4.0; a
class-balanced sample of 7,000 rows.</p>
</html>
""")


# ---- What a user writes: a loss of one's own, and a routine of building blocks ----


class GuidingLoss(paradime.loss.Loss):
    """Asks one axis of the embedding to correlate with one attribute of the data."""

    def __init__(self, attr_index: int, emb_dim: int, data_key: str = "main", name: str | None = None) -> None:
        super().__init__(name)
        self.attr_index = attr_index
        self.emb_dim = emb_dim
        self.data_key = data_key

    def forward(self, model, global_relations, batch_relations, batch, device):
        """Returns 1 − r², with Pearson's correlation r between attribute and axis."""
        data = batch[self.data_key].to(device)
        emb = model.embed(data)
        a, e = data[:, self.attr_index], emb[:, self.emb_dim]
        corr = torch.cov(torch.stack((a, e)))[0, 1] / (a.std() * e.std())
        return 1 - corr**2


def make_routine(weights: tuple[float, float], attr_index: int) -> paradime.dr.ParametricDR:
    """Composes the routine: first the positions of a PCA are taught, then t-SNE and guiding together."""
    global_rel = paradime.relations.NeighborBasedPDist(
        transform=[
            paradime.transforms.PerplexityBasedRescale(perplexity=200, bracket=[0.001, 1000]),
            paradime.transforms.Symmetrize(),
            paradime.transforms.Normalize(),
        ]
    )
    batch_rel = paradime.relations.DifferentiablePDist(
        transform=[
            paradime.transforms.StudentTTransform(alpha=1.0),
            paradime.transforms.Normalize(),
            paradime.transforms.ToSquareTensor(),
        ]
    )
    pca = paradime.dr.DerivedData(lambda x: sklearn.decomposition.PCA(n_components=2).fit_transform(x))
    losses = {
        "init": paradime.loss.PositionLoss(position_key="pca"),
        "embedding": paradime.loss.RelationLoss(loss_function=paradime.loss.kullback_leibler_div),
        "guiding": GuidingLoss(attr_index, 0),
    }
    routine = paradime.dr.ParametricDR(
        global_relations=global_rel,
        batch_relations=batch_rel,
        derived_data={"pca": pca},
        losses=losses,
        in_dim=10,
        out_dim=2,
        hidden_dims=[100, 50],
    )
    routine.add_training_phase(name="pca_init", loss_keys=["init"], batch_size=500, epochs=10, learning_rate=0.01)
    routine.add_training_phase(
        name="embedding",
        loss_keys=["embedding", "guiding"],
        loss_weights=list(weights),
        batch_size=500,
        epochs=40,
        learning_rate=0.02,
        report_interval=2,
    )
    return routine


# ---- What became of it: pictures and figures ----


def name_of(weights: tuple[float, float]) -> str:
    """Returns how the routine with these weights is called in pictures and tables."""
    return "unguided" if weights[1] == 0 else f"weights {weights[0]:g} : {weights[1]:g}"


def draw_gallery(embeddings: dict, attribute: np.ndarray, path: Path) -> None:
    """Draws a row of scatter plots, coloured by the attribute."""
    low, high = np.percentile(attribute, [2, 98])
    fig, axes = plt.subplots(1, len(embeddings), figsize=(4.2 * len(embeddings), 4.9), layout="constrained")
    fig.patch.set_facecolor("white")
    for ax, (weights, emb) in zip(axes, embeddings.items(), strict=True):
        # the sign of an axis means nothing: let the attribute grow to the right in every picture
        sign = 1 if np.corrcoef(emb[:, 0], attribute)[0, 1] >= 0 else -1
        shown = np.column_stack((sign * emb[:, 0], emb[:, 1]))
        paradime.utils.plotting.scatterplot(
            shown, c=attribute, cmap=paradime.utils.plotting.get_colormap(), ax=ax, s=5, vmin=low, vmax=high
        )
        ax.set_aspect("auto")  # a guided axis is short: let every picture fill its panel
        corr = paradime.metrics.axis_correlation(emb, attribute)[0]
        ax.set_title(f"{name_of(weights)}\n|r(x, attribute)| = {corr:.2f}", fontsize=13)
        ax.set_xlabel("x", fontsize=12)
    bar = fig.colorbar(axes[0].collections[0], ax=axes, shrink=0.75, pad=0.01, aspect=25)
    bar.set_label(ATTRIBUTE.replace("_", " "), fontsize=12)
    bar.outline.set_visible(False)
    fig.savefig(path, dpi=110)
    plt.close(fig)


def feature_importance(routine: paradime.dr.ParametricDR, X: np.ndarray, n_rows: int = 1000) -> np.ndarray:
    """Returns each feature's share in the mean |integrated gradients| of either axis, shape (2, n_features)."""
    # the data are standardised: the baseline of zeros is the average forest patch
    found = paradime.explain.feature_importance(routine, X[:n_rows], baseline="zeros", n_steps=32)
    return found.shares.T


def draw_importance(
    unguided: np.ndarray, guided: np.ndarray, names: list[str], guided_name: str, path: Path
) -> None:
    """Draws the importance of all features for both axes, unguided against guided."""
    colors = paradime.utils.plotting.get_color_palette()
    fig, axes = plt.subplots(1, 2, figsize=(11, 4.8), sharey=True, sharex=True, layout="constrained")
    for axis, ax in enumerate(axes):
        paradime.plot.importance(
            np.stack((unguided[axis], guided[axis]), axis=1),
            [name.replace("_", " ") for name in names],
            series=["unguided", f"guided ({guided_name})"],
            colors=[colors["aqua"], colors["petrol"]],
            sort=False,
            as_share=True,
            highlight=ATTRIBUTE.replace("_", " "),
            title=f"importance for the {'xy'[axis]}-axis",
            ax=ax,
        )
    axes[0].get_legend().remove()  # one is enough
    fig.savefig(path, dpi=110)
    plt.close(fig)


def table_rows(
    histories: dict, embeddings: dict, X: np.ndarray, y: np.ndarray, attribute: np.ndarray
) -> list[list]:
    """Returns the table: losses beside the published ones, and what the embedding is worth."""
    header = ["routine", *[f"loss at epoch {epoch} (published)" for epoch in EPOCHS], "|r(x, attribute)|"]
    rows: list[list] = [[*header, "10-NN accuracy", "trustworthiness"]]
    for weights, history in histories.items():
        emb = embeddings[weights]
        losses = [
            f"{history[epoch]:.4g} ({published:g}, {history[epoch] / published - 1:+.1%})"
            for epoch, published in zip(EPOCHS, PUBLISHED[weights], strict=True)
        ]
        corr = paradime.metrics.axis_correlation(emb, attribute)[0]
        accuracy = paradime.metrics.knn_accuracy(emb, y, n_neighbors=10)
        trust = paradime.metrics.trustworthiness(X, emb, n_neighbors=5)
        rows.append([name_of(weights), *losses, f"{corr:.3f}", f"{accuracy:.3f}", f"{trust:.3f}"])
    return rows


def write_page(rows: list[list], pictures: dict[str, Path], path: Path) -> None:
    """Writes one self-contained page with the pictures and the table."""
    lines = [
        "".join(
            f"<{'th' if i == 0 else 'td'}>{html.escape(str(cell))}</{'th' if i == 0 else 'td'}>" for cell in row
        )
        for i, row in enumerate(rows)
    ]
    table = "".join(f"<tr>{line}</tr>" for line in lines)
    figures = "".join(
        f'<figure><img alt="{html.escape(caption)}" src="data:image/png;base64,'
        f'{base64.b64encode(picture.read_bytes()).decode()}">'
        f"<figcaption>{html.escape(caption)}</figcaption></figure>"
        for caption, picture in pictures.items()
    )
    page = PAGE.substitute(attribute=html.escape(ATTRIBUTE.replace("_", " ")), figures=figures, table=table)
    path.write_text(page, encoding="utf-8")


def print_table(rows: list[list]) -> None:
    """Prints the table, one block a routine, so that it fits any terminal."""
    for row in rows[1:]:
        print(f"\n{row[0]}")
        for title, cell in zip(rows[0][1:], row[1:], strict=True):
            print(f"  {title:<29} {cell}")


def main() -> None:
    """Trains, draws, and writes the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--out", type=Path, default=Path("out/demo"), help="folder to write to (default: out/demo)"
    )
    parser.add_argument("--seed", type=int, default=42, help="seed of all random numbers (default: 42)")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    # a second thread gains little for a network this small, and costs much where other programs run
    torch.set_num_threads(1)
    start = time.perf_counter()

    covertype = paradime.datasets.load_covertype()
    X = sklearn.preprocessing.StandardScaler().fit_transform(covertype.data)
    attr_index = covertype.feature_names.index(ATTRIBUTE)

    routines, embeddings, histories = {}, {}, {}
    for weights in PUBLISHED:
        paradime.utils.seed.seed_all(args.seed)
        routine = make_routine(weights, attr_index)
        routine.train(X, callbacks=[ProgressBar(f"{name_of(weights):<16}")])
        routines[weights] = routine
        embeddings[weights] = routine.apply(X).numpy()
        histories[weights] = routine.training_phases[1].loss.history
    trained = time.perf_counter()

    pictures = {
        "Coloured by the attribute: it turns into the x-axis as the guiding loss gains weight.": args.out
        / "gallery.png",
        "Share of each feature in the position on either axis (integrated gradients).": args.out
        / "importance.png",
    }
    gallery, bars = pictures.values()
    draw_gallery(embeddings, covertype.data[:, attr_index], gallery)
    guided = (100, 1)
    before, after = feature_importance(routines[1, 0], X), feature_importance(routines[guided], X)
    draw_importance(before, after, covertype.feature_names, name_of(guided), bars)
    rows = table_rows(histories, embeddings, X, covertype.target, X[:, attr_index])
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    (args.out / "results.csv").write_text(text.getvalue(), encoding="utf-8")
    write_page(rows, pictures, args.out / "index.html")

    print_table(rows)
    print(f"\nshare of {ATTRIBUTE} in the position, unguided and guided ({name_of(guided)})")
    for axis in (0, 1):
        print(f"  {'xy'[axis]}-axis  {before[axis, attr_index]:.1%}  {after[axis, attr_index]:.1%}")
    done = time.perf_counter()
    print(f"\nTrained in {trained - start:.1f} s, all done in {done - start:.1f} s. See {args.out / 'index.html'}")


if __name__ == "__main__":
    main()
