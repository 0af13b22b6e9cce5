"""`engate demo`: a tour through two sandboxes."""

from __future__ import annotations

import argparse

from engate_api.demo import command


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="engate demo", description=command.__doc__)
    command.arguments(parser)
    return command.run(parser.parse_args(argv))
