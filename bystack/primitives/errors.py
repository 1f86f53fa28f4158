"""Whose fault an error is: a peer broke a rule (`Invalid`) or we did (`Misuse`).

One class per reason; the class name is the rule's name on the wire, in RPC and in logs; the facts
are keyword arguments and readable as attributes. A database error is neither.
"""

from __future__ import annotations


def shown(fact: object) -> str:
    """A fact as text: bytes in hex, several of them one after another; `name: fact` of a table."""
    match fact:
        case bytes():
            return fact.hex()
        case list() | tuple() if fact and all(isinstance(one, bytes) for one in fact):
            return " ".join(one.hex() for one in fact)
        case dict() if fact:
            return " ".join(f"{shown(name)}: {shown(one)}" for name, one in fact.items())
        case dict():
            return "none"
        case _:
            return str(fact)


class Invalid(Exception):
    """Input from outside broke a rule: refuse it, change nothing, go on."""

    def __init__(self, **facts: object) -> None:
        self.facts = facts
        super().__init__(facts)

    def __getattr__(self, name: str) -> object:
        facts = self.__dict__.get("facts", {})
        if name in facts:
            return facts[name]
        raise AttributeError(name)

    @property
    def rule(self) -> str:
        """The name of the rule that refused."""
        return type(self).__name__

    def __str__(self) -> str:
        # A class of another's package may have no sentence.
        sentence = (type(self).__doc__ or "").strip().partition("\n")[0].strip().rstrip(".")
        facts = ", ".join(f"{k}={shown(v)}" for k, v in self.facts.items())
        told = f"{self.rule}: {sentence}" if sentence else self.rule
        return told + (f" ({facts})" if facts else "")


class Misuse(Exception):
    """Our own code broke a contract: a bug, never a verdict on input."""
