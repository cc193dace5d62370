"""An HTML page to explore an embedding, in which sliders change features and the model moves the point.

Example:
    >>> import numpy as np, tempfile
    >>> folder = tempfile.mkdtemp()
    >>> page = explore(embedding=np.random.randn(50, 2), y=["a", "b"] * 25, path=f"{folder}/map.html")
    >>> page.path.name, page.n_points
    ('map.html', 50)
"""

from paradime.explorer.page import ExplorerPage
from paradime.explorer.writing import explore

__all__ = ["ExplorerPage", "explore"]
