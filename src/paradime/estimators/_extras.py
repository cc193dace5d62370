"""Further components for the specification of any preset."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from paradime._registry import did_you_mean
from paradime.estimators._parts import fuzzy_neighbors

__all__ = ["extend_spec"]

_N_NEIGHBORS = 15  # for the density, where the method itself has no neighbours
_SHARES = {"reconstruction": 0.1, "labels": 0.3, "density": 0.2, "structure": 0.1}
_COMPARED = 128  # points of a batch whose distances are correlated


def extend_spec(
    spec: Mapping[str, Any],
    *,
    decoder: bool | Mapping[str, Any] = False,
    classifier: bool | Mapping[str, Any] = False,
    targets: Literal["classes", "numbers"] | None = None,
    density: bool = False,
    structure: bool = False,
    shares: Mapping[str, float] | None = None,
    data_key: str = "main",
) -> dict[str, Any]:
    """Adds further components to the specification of a preset, each with a share of the gradient.

    Args:
        spec: The specification; stays as it is.
        decoder: Whether to learn to reconstruct the data, or options of the decoder.
        classifier: Whether a head learns the targets, or options of the head.
        targets: What the entry ``"labels"`` is, if it is to take part.
        density: Whether to preserve density, by the neighbours of the global relations ``"rel"``; these are
            added where there are none.
        structure: Whether to correlate all distances with those in the data.
        shares: The shares of the components in the gradient, by name; see :class:`Preset`.
        data_key: The entry of the data set that is embedded.

    Returns:
        The specification, with losses ``"reconstruction"``, ``"labels"``, ``"density"``, ``"structure"`` as far
        as they are asked for, in all phases but the one that teaches positions.

    Raises:
        ValueError: If a share is unknown or out of range.

    Example:
        >>> from paradime.estimators import tsne_spec
        >>> spec = extend_spec(tsne_spec(), decoder=True, shares={"reconstruction": 0.3})
        >>> spec["training phases"][-1]["loss"]
        {'components': ['embedding', 'reconstruction'], 'shares': {'reconstruction': 0.3}}
    """
    made: dict[str, Any] = _copied(spec)
    head = {"decoder": decoder, "classifier": classifier}
    made["model"] = {**made.get("model", {}), **{name: part for name, part in head.items() if part}}
    known = {loss["name"] for loss in made["losses"]}
    losses = []
    if decoder and "reconstruction" not in known:
        losses.append(_loss("reconstruction", "reconstruction", data_key, func="mse"))
    if targets is not None:
        losses.append(_labels_loss(bool(classifier), targets, data_key))
    if density:
        if not any(part["name"] == "rel" and part["level"] == "global" for part in made.get("relations", ())):
            made["relations"] = [*made.get("relations", []), fuzzy_neighbors(_N_NEIGHBORS, "euclidean", data_key)]
        radius = {"name": "radius", "data func": "local radius", "keys": [["rels", "rel"], ["data", data_key]]}
        made["derived data"] = [*made.get("derived data", []), radius]
        losses.append(_loss("density", "density", data_key, "radius"))
    if structure:
        part = _loss("structure", "global structure", data_key)
        losses.append({**part, "options": {"n_points": _COMPARED}})
    made["losses"] += losses
    _add_shares(made, {loss["name"]: _SHARES[loss["name"]] for loss in losses}, shares or {})
    return made


def _copied(part: Any) -> Any:
    """Copies mappings and lists, but nothing within: a parameter of a model must stay the same object."""
    if isinstance(part, Mapping):
        return {key: _copied(value) for key, value in part.items()}
    return [_copied(value) for value in part] if isinstance(part, list) else part


def _loss(name: str, kind: str, *keys: str, func: str | None = None) -> dict[str, Any]:
    function = {} if func is None else {"func": func}
    return {"name": name, "type": kind, **function, "keys": {"data": list(keys)}}


def _labels_loss(classifier: bool, targets: str, data_key: str) -> dict[str, Any]:
    if not classifier:
        return _loss("labels", "supervised contrastive", data_key, "labels")
    if targets == "numbers":
        return _loss("labels", "regression", data_key, "labels", func="mse")
    return _loss("labels", "classification", data_key, "labels", func="cross entropy")


def _add_shares(spec: dict[str, Any], present: Mapping[str, float], given: Mapping[str, float]) -> None:
    for name, share in given.items():
        if name not in present:
            raise ValueError(f"loss_shares: no component {name!r}. {did_you_mean(name, present)}")
        if not 0 < share < 1:
            raise ValueError(f"loss_shares: the share of {name!r} must lie in (0, 1), got {share!r}.")
    shares = {name: given.get(name, share) for name, share in present.items()}
    if sum(shares.values()) >= 1:
        raise ValueError(
            f"loss_shares must sum to less than 1, the method's own losses keep the rest; got {shares}."
        )
    kinds = {loss["name"]: loss["type"] for loss in spec["losses"]}
    for phase in spec["training phases"]:
        loss = phase["loss"]
        if shares and not all(kinds[name] == "position" for name in loss["components"]):
            loss["components"] = [*loss["components"], *shares]
            loss["shares"] = {**loss.get("shares", {}), **shares}
            if isinstance(loss.get("weights"), list):
                loss["weights"] = [*loss["weights"], *[1] * len(shares)]
