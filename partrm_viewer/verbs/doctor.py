"""Doctor: what this computer has."""

from __future__ import annotations

import argparse

from partrm_viewer.grammar import Verbs, verb


def add(verbs: Verbs) -> None:
    p = verb(verbs, "doctor", "say what this computer has, which renderer and device will be used, and why")
    p.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    from partrm_viewer import doctor

    print(doctor.text())
    return 0
