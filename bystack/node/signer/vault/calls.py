"""The methods of a signer's socket: by name, with typed parameters.

Each room adds its own; a parameter of another type is refused before the room hears of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, get_type_hints

import msgspec

from bystack.node.signer.votes import MethodUnknown
from bystack.primitives.errors import Invalid


class ParameterInvalid(Invalid):
    """A parameter of the call is of another type or out of range."""


class Calls:
    """Methods by name. Parameters are positional, their types those of the annotations."""

    def __init__(self) -> None:
        self._methods: dict[str, tuple[Callable[..., Any], Any]] = {}

    def add(self, *methods: Callable[..., Any]) -> None:
        """Methods under their own names; a name counts once."""
        for method in methods:
            hints = get_type_hints(method, include_extras=True)
            hints.pop("return", None)
            assert method.__name__ not in self._methods, f"{method.__name__} is there already"
            self._methods[method.__name__] = method, tuple.__class_getitem__(tuple(hints.values()))

    def call(self, name: str, params: Sequence[Any]) -> Any:
        """Call a method; raises `MethodUnknown`, `ParameterInvalid` and what it raises."""
        if name not in self._methods:
            raise MethodUnknown(method=name)
        method, kinds = self._methods[name]
        try:
            taken = msgspec.convert(list(params), kinds, builtin_types=(bytes,))
        except msgspec.ValidationError as error:
            raise ParameterInvalid(reason=str(error)) from None
        return method(*taken)
