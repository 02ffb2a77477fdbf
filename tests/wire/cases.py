"""Cases register themselves here, in the order of their files."""
import dataclasses
import typing

ALL = []


@dataclasses.dataclass
class Case:
    name: str
    rule: str       # the paragraph that is tested
    families: tuple
    function: typing.Callable


def case(rule, families=("v4", "v6")):
    """A function of one Peer, which fails by an exception."""
    def register(function):
        topic = function.__module__.removeprefix("test_")
        ALL.append(Case(f"{topic}.{function.__name__}", rule, families, function))
        return function
    return register
