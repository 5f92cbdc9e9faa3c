"""A field of a dataclass that may be given as a function, which makes its value when it is read.

So a memory of a thousand documents is opened without reading their texts.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, Generic, TypeVar, overload

T = TypeVar("T")
D = TypeVar("D")


class Deferred(Generic[T]):
    """`name: Deferred[T] = Deferred()` in a dataclass: takes a T or a function without arguments.

    The function is called once. Values that can be called themselves won't do.

    Args:
        default: of the field, if there is one.
    """

    def __init__(self, *default: T) -> None:
        self._default = default

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = f"_{name}"

    @overload
    def __get__(self, instance: None, owner: type) -> Deferred[T]: ...
    @overload
    def __get__(self, instance: object, owner: type) -> T: ...
    def __get__(self, instance: object | None, owner: type) -> Any:
        if instance is None:  # a dataclass asks for the default
            if self._default:
                return self._default[0]
            raise AttributeError(self._name)
        held = instance.__dict__
        if callable(held[self._name]):
            held[self._name] = held[self._name]()
        return held[self._name]

    def __set__(self, instance: object, value: T | Callable[[], T]) -> None:
        instance.__dict__[self._name] = value  # also of a frozen dataclass, as it is made


def changed(instance: D, **fields: Any) -> D:
    """`dataclasses.replace` that reads no deferred field, but for those that it sets."""
    made = copy.copy(instance)
    for name, value in fields.items():
        deferred = isinstance(vars(type(made)).get(name), Deferred)
        made.__dict__[f"_{name}" if deferred else name] = value
    return made
