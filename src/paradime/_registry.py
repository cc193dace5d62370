"""Names for building blocks: one registry a kind, with suggestions for mistyped names."""

from __future__ import annotations

import difflib
import warnings
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from typing import Any, Generic, TypeVar, cast

T = TypeVar("T")
C = TypeVar("C")


def did_you_mean(name: object, known: Iterable[str]) -> str:
    """Returns a sentence that suggests a close match for ``name`` or lists what is known.

    Example:
        >>> did_you_mean("relatoin", ["relation", "position"])
        "Did you mean 'relation'?"
        >>> did_you_mean("x", ["relation", "position"])
        "Known: 'position', 'relation'."
    """
    names = sorted(known)
    close = difflib.get_close_matches(str(name), names, n=1, cutoff=0.6)
    if close:
        return f"Did you mean {close[0]!r}?"
    return f"Known: {', '.join(map(repr, names))}." if names else "None is known."


def with_article(name: str) -> str:
    """Returns a name, such as that of a class, with its indefinite article.

    Example:
        >>> with_article("int"), with_article("ParametricMDS"), with_article("UserWarning")
        ('an int', 'a ParametricMDS', 'a UserWarning')
    """
    return f"{'an' if name[:1].lower() in ('a', 'e', 'i', 'o') else 'a'} {name}"


class Registry(Mapping[str, T], Generic[T]):
    """A mapping from names in specifications to components of one kind.

    Args:
        kind: What the entries are, in words, for messages (``"transform"``).

    Example:
        >>> colors = Registry("color")
        >>> colors.add("red", "#f00")
        >>> colors["red"]
        '#f00'
        >>> colors["rde"]
        Traceback (most recent call last):
        ...
        KeyError: "unknown color 'rde'. Did you mean 'red'?"
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._entries: dict[str, T] = {}
        self._aliases: dict[str, str] = {}
        self._own: set[str] = set()

    def add(self, name: str, entry: T, *, aliases: Iterable[str] = ()) -> None:
        """Binds ``name`` (and ``aliases``) to a built-in ``entry``; a name that exists is bound anew.

        Raises:
            TypeError: If the name is not a string.
            ValueError: If the name is empty.
        """
        self._check_name(name)
        self._aliases.pop(name, None)
        self._entries[name] = entry
        for alias in aliases:
            self._aliases[alias] = name

    def extend(
        self, name: str, entry: T, *, aliases: Iterable[str] = (), reserved: Container[str] | None = None
    ) -> None:
        """Binds ``name`` (and ``aliases``) to an entry of the user's own.

        The user's own names may be bound anew, as a notebook does whose cells run twice.

        Args:
            name: The name.
            entry: What it stands for.
            aliases: Further names.
            reserved: The built-in names that stay what they are; all of them if ``None``. Another one stands for
                the user's entry from now on, with a warning.

        Raises:
            KeyError: If a name is reserved.
            TypeError: If the name is not a string.
            ValueError: If the name is empty.
        """
        names = (name, *aliases)
        for given in names:
            self._check_name(given)
        for built_in in (given for given in names if given in self and given not in self._own):
            if reserved is None or built_in in reserved:
                raise KeyError(
                    f"the name {built_in!r} is taken: it is a built-in {self.kind}. Choose another name for yours."
                )
            warnings.warn(
                f"{built_in!r} is a built-in {self.kind}; in specifications, it stands for yours from now on. "
                "Choose another name to have both.",
                stacklevel=4,
            )
        self.add(name, entry, aliases=names[1:])
        self._own.update(names)

    def _check_name(self, name: object) -> None:
        if not isinstance(name, str):
            raise TypeError(f"the name of {with_article(self.kind)} must be a string, got {type(name).__name__}.")
        if not name:
            raise ValueError(f"the name of {with_article(self.kind)} must not be empty.")

    def register(self, name: str, *aliases: str) -> Callable[[C], C]:
        """Returns a decorator that binds what it decorates to ``name`` (and ``aliases``)."""

        def bind(entry: C) -> C:
            self.add(name, cast("T", entry), aliases=aliases)
            return entry

        return bind

    def __getitem__(self, name: str) -> T:
        try:
            return self._entries[self._aliases.get(name, name)]
        except (KeyError, TypeError):
            raise KeyError(self.describe_unknown(name)) from None

    def __contains__(self, name: object) -> bool:
        return name in self._entries or name in self._aliases

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def names(self) -> list[str]:
        """Returns all names under which an entry can be asked for, aliases included, in order."""
        return sorted([*self._entries, *self._aliases])

    def aliases_of(self, name: str) -> list[str]:
        """Returns the further names of what is bound to a name."""
        return [alias for alias, meant in self._aliases.items() if meant == name]

    def name_of(self, entry: object) -> str | None:
        """Returns the (first) name that is bound to this very object, or ``None``."""
        return next((name for name, value in self._entries.items() if value is entry), None)

    def describe_unknown(self, name: object) -> str:
        """Returns the message for a name that is not there."""
        return f"unknown {self.kind} {name!r}. {did_you_mean(name, self.names())}"


# The names in specifications. Each component is registered beside its definition.
DATA_FUNCTIONS: Registry[Callable[..., Any]] = Registry("data function")
RELATIONS: Registry[type[Any]] = Registry("relation type")
TRANSFORMS: Registry[type[Any]] = Registry("transform")
LOSSES: Registry[type[Any]] = Registry("loss")
LOSS_FUNCTIONS: Registry[Callable[..., Any]] = Registry("loss function")
OPTIMIZERS: Registry[type[Any]] = Registry("optimizer")
MODELS: Registry[type[Any]] = Registry("model")
SAMPLINGS: Registry[type[Any]] = Registry("sampling")
SCHEDULES: Registry[type[Any]] = Registry("schedule")
CALLBACKS: Registry[type[Any]] = Registry("callback")
