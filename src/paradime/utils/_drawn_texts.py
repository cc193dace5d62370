"""Names of users in pictures: drawn as they are written."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.text import Text

__all__ = ["draw_as_written", "printable"]


def draw_as_written(*texts: Text) -> None:
    """Lets matplotlib draw texts as they are written: dollars are no mathematics, backslashes no commands.

    Characters that no font has a picture of, such as tabs, are drawn as spaces.

    Args:
        texts: Titles, labels, entries of a legend.

    Example:
        >>> from matplotlib.figure import Figure
        >>> title = Figure().subplots().set_title("from $5 to $10")
        >>> draw_as_written(title)
        >>> title.get_text(), title.get_parse_math()
        ('from $5 to $10', False)
    """
    for text in texts:
        text.set_parse_math(False)
        text.set_usetex(False)
        text.set_text(printable(text.get_text()))


def printable(text: str) -> str:
    r"""Returns a text in which characters that no font has a picture of, but for line breaks, are spaces.

    Example:
        >>> printable("a\tb\x07")
        'a b '
    """
    return "".join(character if character.isprintable() or character == "\n" else " " for character in text)
