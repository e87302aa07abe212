"""``python -m benchmarks [names] [--runs N]``: measure, and print one table."""

from __future__ import annotations

import argparse
import importlib
import sys
import tempfile
import time
from pathlib import Path

from .figures import Figure, machine, table

FAMILIES = {
    "gets": ("P1", "P2"),
    "encodings": ("P3", "P4"),
    "ping": ("P5",),
    "magic": ("P6", "P7"),
    "start": ("P10",),
    "memory": ("P12",),
    "incremental": ("P18",),
    "freshness": ("P13", "P14", "P15", "P19"),
    "watching": ("P16", "P17"),
    "insights": ("P20", "P21"),
    "pages": ("P22",),
    "endpoints": ("P23", "P24"),
}


def main() -> None:
    """Measure the named families, all of them by default."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", help=_names_help())
    parser.add_argument("--runs", type=int, default=7, help="rounds of each figure (7)")
    asked = parser.parse_args()
    chosen = [family for family in FAMILIES if not asked.names or _is_named(family, asked.names)]
    known = {name.lower() for family in FAMILIES for name in (family, *FAMILIES[family])}
    unknown = [name for name in asked.names if name.lower() not in known]
    if unknown:
        parser.error(f"no figure named {', '.join(unknown)}; {_names_help()}")
    print(machine(), flush=True)
    found: list[Figure] = []
    for family in chosen:
        begun = time.monotonic()
        figures = importlib.import_module(f"benchmarks.{family}")
        with tempfile.TemporaryDirectory(prefix=f"bench-{family}-") as folder:
            measured = figures.measure(Path(folder), asked.runs)
        found += measured
        print(f"\n{family}, {time.monotonic() - begun:.0f} s\n{table(measured)}", flush=True)
    if len(chosen) > 1:
        print(f"\n{machine()}\n{table(found)}")
    sys.exit(0)


def _names_help() -> str:
    return "one of " + "; ".join(
        f"{family} ({', '.join(names)})" for family, names in FAMILIES.items()
    )


def _is_named(family: str, names: list[str]) -> bool:
    asked = {name.lower() for name in names}
    return family in asked or any(name.lower() in asked for name in FAMILIES[family])


if __name__ == "__main__":
    main()
