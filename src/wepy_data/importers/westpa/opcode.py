"""What a pickle says, without loading it: its opcodes are read, and nothing that they name is looked up or called.

Loading a pickle runs whatever its author wants. This reader knows only opcodes that put values together; a class or a
function is a name (`Named`), and an object is what would be called with what (`Made`).
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

_MOST = 1 << 26  # bytes of a pickle
_DEPTH, _MOST_SAID, _BITS = 40, 20_000, 64
_ARRAYS = {"_frombuffer", "_reconstruct", "scalar"}


@dataclass(frozen=True, slots=True)
class Named:
    """A class or a function that a pickle names."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


@dataclass(slots=True, eq=False)
class Made:
    """An object that loading the pickle would make: what would be called, with what, and the state it would get."""

    maker: Any
    args: Any
    state: Any = None


@dataclass(slots=True, eq=False)
class Table:
    """A dictionary; its keys may be objects."""

    items: list[tuple[Any, Any]] = field(default_factory=list)


def read_pickle(data: bytes) -> Any:
    """Return what a pickle holds: plain values, lists, tuples, arrays, and `Table`, `Named` and `Made` for the rest.

    Raises
    ------
    ValueError
        If it is no pickle, or uses opcodes that do more than put values together.

    Examples
    --------
    >>> import pickle
    >>> read_pickle(pickle.dumps([1, "a", 2.5]))
    [1, 'a', 2.5]
    >>> class Shell:
    ...     def __reduce__(self):
    ...         return print, ("this is never printed",)
    >>> str(read_pickle(pickle.dumps(Shell())).maker)
    'builtins.print'
    """
    if len(data) > _MOST:
        raise ValueError(f"a pickle of {len(data)} bytes, at most {_MOST} are read")
    machine = _Machine()
    try:
        for opcode, argument, _ in pickletools.genops(data):
            if opcode.name == "STOP":
                return machine.pop()
            machine.step(opcode.name, argument)
    except _UnknownError:
        raise
    except (IndexError, KeyError, TypeError, OverflowError, RecursionError, ValueError) as error:
        raise ValueError(f"the pickle is malformed ({error!r:.80})") from error
    raise ValueError("the pickle is cut off")


class _UnknownError(ValueError):
    """An opcode that does more than put values together."""


_MARK = object()
_CONSTANTS: dict[str, Any] = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_IGNORED = {"PROTO", "FRAME"}
_NUMBERS = {"INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"}
_TEXTS = {"STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"}
_BYTES = {"BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"}
_LITERALS = _NUMBERS | _TEXTS | _BYTES
_PUTS, _GETS = {"PUT", "BINPUT", "LONG_BINPUT"}, {"GET", "BINGET", "LONG_BINGET"}


class _Machine:
    """A stack and a memo, as unpickling has them."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def pop(self) -> Any:
        found = self.stack.pop()
        if found is _MARK:
            raise IndexError("a mark in the place of a value")
        return found

    def marked(self) -> list[Any]:
        """Return what lies above the last mark, and take both away."""
        place = len(self.stack) - 1
        while self.stack[place] is not _MARK:
            place -= 1
            if place < 0:
                raise IndexError("no mark")
        found = self.stack[place + 1 :]
        del self.stack[place:]
        return found

    def step(self, name: str, argument: Any) -> None:
        if name in _LITERALS:
            self.stack.append(argument)
        elif name in _CONSTANTS:
            self.stack.append(_CONSTANTS[name])
        elif name == "MEMOIZE":
            self.memo[len(self.memo)] = self.stack[-1]
        elif name in _PUTS:
            self.memo[int(argument)] = self.stack[-1]
        elif name in _GETS:
            self.stack.append(self.memo[int(argument)])
        elif name in _ACTIONS:
            _ACTIONS[name](self)
        elif name == "GLOBAL":
            self.stack.append(Named(*str(argument).split(" ", 1)))
        elif name not in _IGNORED:
            raise _UnknownError(f"the pickle uses the opcode {name}, which this reader does not follow")


def _tuple(count: int) -> Callable[[_Machine], None]:
    def act(m: _Machine) -> None:
        parts = [m.pop() for _ in range(count)]
        m.stack.append(tuple(reversed(parts)))

    return act


def _appends(m: _Machine, values: list[Any]) -> None:
    if not isinstance(m.stack[-1], list):
        raise TypeError("values for something that is no list")
    m.stack[-1].extend(values)


def _set_items(m: _Machine, flat: list[Any]) -> None:
    if not isinstance(m.stack[-1], Table) or len(flat) % 2:
        raise TypeError("items for something that is no dictionary")
    m.stack[-1].items.extend(zip(flat[::2], flat[1::2], strict=True))


def _append(m: _Machine) -> None:
    value = m.pop()
    _appends(m, [value])


def _set_item(m: _Machine) -> None:
    value, key = m.pop(), m.pop()
    _set_items(m, [key, value])


def _new(m: _Machine) -> None:
    args, maker = m.pop(), m.pop()
    m.stack.append(Made(maker, args))


def _new_with_names(m: _Machine) -> None:
    names, args, maker = m.pop(), m.pop(), m.pop()
    m.stack.append(Made(maker, (args, names)))


def _build(m: _Machine) -> None:
    state = m.pop()
    if not isinstance(m.stack[-1], Made):
        raise TypeError("a state for something that is no object")
    m.stack[-1].state = state


def _global(m: _Machine) -> None:
    name, module = m.pop(), m.pop()
    m.stack.append(Named(str(module), str(name)))


def _dictionary(m: _Machine) -> None:
    flat = m.marked()
    m.stack.append(Table())
    _set_items(m, flat)


_ACTIONS: dict[str, Callable[[_Machine], Any]] = {
    "MARK": lambda m: m.stack.append(_MARK),
    "EMPTY_LIST": lambda m: m.stack.append([]),
    "EMPTY_TUPLE": lambda m: m.stack.append(()),
    "EMPTY_DICT": lambda m: m.stack.append(Table()),
    "LIST": lambda m: m.stack.append(m.marked()),
    "TUPLE": lambda m: m.stack.append(tuple(m.marked())),
    "TUPLE1": _tuple(1),
    "TUPLE2": _tuple(2),
    "TUPLE3": _tuple(3),
    "DICT": _dictionary,
    "APPEND": _append,
    "APPENDS": lambda m: _appends(m, m.marked()),
    "SETITEM": _set_item,
    "SETITEMS": lambda m: _set_items(m, m.marked()),
    "STACK_GLOBAL": _global,
    "NEWOBJ": _new,
    "NEWOBJ_EX": _new_with_names,
    "REDUCE": _new,
    "BUILD": _build,
    "POP": lambda m: m.stack.pop(),
    "POP_MARK": lambda m: m.marked(),
    "DUP": lambda m: m.stack.append(m.stack[-1]),
}


def state_of(value: Any) -> dict[str, Any]:
    """Return the attributes that an object would get; empty for anything else."""
    state = value.state if isinstance(value, Made) else None
    return {key: held for key, held in state.items if isinstance(key, str)} if isinstance(state, Table) else {}


def array_of(value: Any) -> NDArray[Any]:
    """Return the numpy array or number that an object would be.

    Raises
    ------
    ValueError
        If it is none of numbers.
    """
    if isinstance(value, int | float):
        return np.asarray(value)
    if not isinstance(value, Made) or not isinstance(value.maker, Named) or value.maker.name not in _ARRAYS:
        raise ValueError(f"{type(value).__name__} in the place of an array")
    try:
        if value.maker.name == "scalar":
            code, data = value.args
            return np.frombuffer(data, _dtype(code)).reshape(())
        if value.maker.name == "_frombuffer":
            data, code, shape, order = value.args
        else:
            _, shape, code, fortran, data = value.state
            order = "F" if fortran else "C"
        data = data.encode("latin-1") if isinstance(data, str) else data
        if any(length > len(data) for length in shape):
            raise ValueError("a shape that is larger than its values")
        return np.frombuffer(data, _dtype(code)).reshape(tuple(map(int, shape)), order=order).copy()
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise ValueError(f"an array that is malformed ({error!r:.80})") from error


def _dtype(value: Any) -> np.dtype[Any]:
    code, order = value.args[0], "<"
    if isinstance(value.state, tuple) and len(value.state) > 1:
        order = value.state[1]
    if (
        not isinstance(code, str)
        or code[:1] not in "biuf"
        or not code[1:].isdecimal()
        or order not in ("<", ">", "|", "=")
    ):
        raise ValueError(f"an array of {code!r:.20}")
    return np.dtype(("" if order == "|" else order) + code)


def plain(value: Any) -> Any:
    """Return what can be said of a value in JSON, objects and functions by their names; what is too much is cut off."""
    return _plain(value, [_MOST_SAID], 0)


def _plain(value: Any, left: list[int], depth: int) -> Any:
    """Return a value in JSON; `left` counts how many more may be said, for a pickle may hold one value many times."""
    left[0] -= 1
    if left[0] < 0 or depth > _DEPTH:
        return "..."
    if isinstance(value, int) and value.bit_length() > _BITS:
        return f"a number of {value.bit_length()} bits"
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if np.isfinite(value) else str(value)
    if isinstance(value, bytes | bytearray):
        return f"{len(value)} bytes"
    if isinstance(value, list | tuple):
        return [_plain(one, left, depth + 1) for one in value[: max(left[0], 0) + 1]]
    if isinstance(value, Table):
        items = value.items[: max(left[0], 0) + 1]
        return {str(_plain(key, left, depth + 1)): _plain(held, left, depth + 1) for key, held in items}
    if isinstance(value, Made):
        try:
            return _plain(array_of(value).tolist(), left, depth + 1)
        except ValueError:
            name = str(value.maker) if isinstance(value.maker, Named) else "an object"
            return {"object": name, **{key: _plain(held, left, depth + 1) for key, held in state_of(value).items()}}
    return str(value)
