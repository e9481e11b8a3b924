"""Grammar: what the verbs of the command line share."""

from __future__ import annotations

import argparse
from typing import NoReturn, TypeAlias

from model.errors import PartRMError


class Parser(argparse.ArgumentParser):
    """Says what is wrong with the words like every other failure: a title and a hint."""

    def error(self, message: str) -> NoReturn:
        raise PartRMError(message[:1].upper() + message[1:], f"Try: {self.prog} --help")


Verbs: TypeAlias = "argparse._SubParsersAction[Parser]"


def verb(verbs: Verbs, name: str, summary: str, description: str = "") -> Parser:
    """Add a verb; without a description its summary is one."""
    text = description or summary[:1].upper() + summary[1:] + "."
    return verbs.add_parser(name, help=summary, description=text, formatter_class=argparse.RawDescriptionHelpFormatter)


def add_networks(p: Parser) -> None:
    """Add what chooses the networks: weights, device, sides."""
    known = "embedded (default), partdrag4d, objaverse_hq or a path"
    p.add_argument("--weights", default="embedded", metavar="NAME", help=known)
    p.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto", help="where the networks run")
    what = "who draws PartRM's other three views: Zero123++, the state's own splats (default: Zero123++ on a GPU)"
    p.add_argument("--sides", choices=["auto", "zero123", "own"], default="auto", help=what)


def add_renderer(p: Parser) -> None:
    """Add what chooses the renderer."""
    p.add_argument("--renderer", choices=["auto", "gl", "cpu", "cuda"], default="auto", help="what draws the splats")
