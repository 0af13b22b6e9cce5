"""`engate <command>`: a table of commands, each in its own module with a `main(argv) -> exit status`, and those that distributions add."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence

from engate.version import VERSION
from engate_api.commands import added
from engate_api.words import in_words

COMMANDS: dict[str, tuple[str, str]] = {
    "serve": ("engate_api.commands.serve", "the API, and (without Redis) the lanes; --sandboxes: with every installed sandbox beside it"),
    "worker": ("engate_api.worker", "one worker, for scale mode"),
    "sandbox": ("engate_api.commands.sandbox", "one platform's sandbox"),
    "new-plugin": ("engate_api.commands.new_plugin", "a new plugin with its sandbox and tests, to go on from"),
    "conformance": ("engate_api.commands.conformance", "the suite that a plugin is held to, on an account"),
    "services": ("engate_api.commands.services", "a real PostgreSQL and a real Valkey on free local ports"),
    "call": ("engate_api.commands.call", "one hook of a plugin against an account, its pages and its calls"),
    "backup": ("engate_api.commands.backup", "the database into a file, while it is in use"),
    "restore": ("engate_api.commands.restore", "the database from such a file"),
}


def main(argv: Sequence[str] | None = None) -> int:
    given = list(sys.argv[1:] if argv is None else argv)
    if given == ["--version"]:
        print(f"engate {VERSION}")
        return 0
    if not given or given[0] in ("-h", "--help"):
        print(_usage())
        return 0
    try:
        command = _command(given[0])
        if command is None:
            print(_usage(), file=sys.stderr)
            return 2
        return command(given[1:])
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        said = in_words(error)
        if said is None:
            raise
        print(f"engate: {said.text.pt} / {said.text.en}", file=sys.stderr)
        if said.hint.pt:
            print(f"        {said.hint.pt} / {said.hint.en}", file=sys.stderr)
        return 1


def _command(name: str) -> added.Command | None:
    if name in COMMANDS:
        return importlib.import_module(COMMANDS[name][0]).main
    return added.command(name)


def _usage() -> str:
    width = max(map(len, COMMANDS))
    lines = [f"  {name:{width}}  {about}" for name, (_, about) in COMMANDS.items()]
    return "\n".join(["usage: engate <command> [--help]", "       engate --version", "", *lines, *added.lines(COMMANDS.keys(), width)])


if __name__ == "__main__":
    sys.exit(main())
