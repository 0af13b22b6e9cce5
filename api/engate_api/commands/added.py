"""Commands that distributions add to `engate`: entry points of one group, each a function of the arguments that returns the exit status.
A command is imported when it runs, so a broken one fails alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Set
from importlib.metadata import EntryPoint, entry_points
from typing import cast

from engate.errors import Invalid
from engate.text import Text

GROUP = "engate.commands"
Command = Callable[[list[str]], int]
OURS = {"demo": ("engate-demo", "demo/")}
"""Commands of distributions of our own that an installation may lack: which one, and its folder in the sources."""


def added() -> dict[str, list[EntryPoint]]:
    """The entry points by name; more than one where several distributions use the same name."""
    found: dict[str, list[EntryPoint]] = {}
    for entry in sorted(entry_points(group=GROUP), key=lambda each: (each.name, distribution(each))):
        found.setdefault(entry.name, []).append(entry)
    return found


def distribution(entry: EntryPoint) -> str:
    return (entry.dist.name if entry.dist else "") or entry.value


def command(name: str) -> Command | None:
    """What runs it; None where no distribution brings it. Raises Invalid."""
    bringing = added().get(name, [])
    if len(bringing) > 1:
        raise _twice(name, bringing)
    if bringing:
        return _loaded(bringing[0])
    if name in OURS:
        raise _lacking(name)
    return None


def lines(own: Set[str], width: int) -> Iterator[str]:
    """What `engate --help` says of them. `own`: the commands that nobody else can bring."""
    for name, bringing in added().items():
        who = [distribution(entry) for entry in bringing]
        if name in own:
            about = f"refused: engate-api has one of that name ({', '.join(who)})"
        elif len(who) > 1:
            about = f"refused: {' and '.join(who)} both bring it"
        else:
            about = f"{_summary(bringing[0])} ({who[0]})"
        yield f"  {name:{width}}  {about}"


def _summary(entry: EntryPoint) -> str:
    return str(entry.dist.metadata.json.get("summary", "")) if entry.dist else ""


def _loaded(entry: EntryPoint) -> Command:
    try:
        found = entry.load()
        if not callable(found):
            raise TypeError(f"{entry.value} is no function")
    except Exception as error:
        who, why = distribution(entry), f"{type(error).__name__}: {error}"
        raise Invalid(
            Text(f"'engate {entry.name}' é de {who}, que não pôde ser carregado: {why}",
                 f"'engate {entry.name}' is of {who}, which cannot be loaded: {why}"),
            Text(f"Reinstale {who}, ou avise quem o mantém.", f"Install {who} again, or tell whoever maintains it."),
            code="command_broken",
        ) from error  # fmt: skip
    return cast(Command, found)


def _twice(name: str, bringing: list[EntryPoint]) -> Invalid:
    who = [distribution(entry) for entry in bringing]
    return Invalid(
        Text(f"Mais de uma distribuição traz 'engate {name}': {', '.join(who)}.",
             f"Several distributions bring 'engate {name}': {', '.join(who)}."),
        Text("Desinstale todas menos uma.", "Uninstall all but one."),
        code="command_twice",
    )  # fmt: skip


def _lacking(name: str) -> Invalid:
    who, folder = OURS[name]
    return Invalid(
        Text(f"Instale {who} (a pasta {folder} do código-fonte): esta instalação não tem 'engate {name}'.",
             f"Install {who} (the folder {folder} of the sources): this installation has no 'engate {name}'."),
        code="command_lacking",
    )  # fmt: skip
