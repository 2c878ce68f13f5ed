"""States that walkers start or restart from, seen through the order parameter."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from wepy.ensemble import StartState
from wepy.errors import ConfigurationError
from wepy.protocols import Engine, OrderParameter
from wepy.work import in_words


def restart_features(
    states: Sequence[StartState],
    engine: Engine,
    order_parameter: OrderParameter,
) -> NDArray[np.float64]:
    """Return the order parameter of every state, (n_states, n_dims).

    Parameters
    ----------
    states : sequence of StartState
        Initial states, then sources.
    engine, order_parameter : Engine, OrderParameter
        Make the frames, and their features.

    Raises
    ------
    ConfigurationError
        If a state has no order parameter.
    """
    return np.stack([_features(state, engine, order_parameter) for state in states])


def _features(state: StartState, engine: Engine, order_parameter: OrderParameter) -> NDArray[np.float64]:
    wanted = (1, len(order_parameter.labels))
    try:
        values = np.asarray(order_parameter(engine.frame(state.arrays)), np.float64)
    except Exception as error:
        raise ConfigurationError(f"state {state.label!r}: it has no order parameter: {in_words(error)}") from error
    if values.shape != wanted or not np.isfinite(values).all():
        raise ConfigurationError(
            f"state {state.label!r}: order parameter: expected finite numbers of shape {wanted}, "
            f"got {values.tolist()} of shape {values.shape}"
        )
    return values.reshape(-1)
