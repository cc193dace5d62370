"""The card of a saved model: what people read who find the folder."""

from __future__ import annotations

import json

from paradime._version import __version__
from paradime.persistence.config import Config

__all__ = ["model_card"]

_CARD = """---
library_name: paradime
tags:
- paradime
- dimensionality-reduction
- parametric
---

# {name}

A parametric dimensionality reduction, trained and saved with ParaDime {version}.

```python
import paradime

routine = paradime.load("path/of/this/folder")
embedding = routine.transform(X)  # {rows}
```

- Rows: {rows}
- Dimensions of the embedding, and all settings: `spec.json`, `config.json`
- Weights: `model.safetensors`
{more}
The training data are no part of these files.
"""


def model_card(config: Config, methods: list[str]) -> str:
    """Returns the text of a card, with a header as the Hugging Face Hub reads it.

    Args:
        config: What was saved.
        methods: What the routine can do beside ``transform``.
    """
    shape = config.fitted.row_shape
    rows = f"shape (n, {', '.join(map(str, shape))})"
    more = [f"- Also: {', '.join(f'`{name}`' for name in methods)}"] if methods else []
    names = config.fitted.feature_names
    if names is not None:
        # names come from the data, and must not become markup
        shown = json.dumps(names[:50], ensure_ascii=True).replace("`", "'").replace("<", "\\u003c")
        more.append(f"- Columns: `{shown}`{' and more' if len(names) > 50 else ''}")
    return _CARD.format(
        name=config.routine.rpartition(":")[2],
        version=__version__,
        rows=rows,
        more="".join(f"{m}\n" for m in more),
    )
