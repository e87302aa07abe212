"""The reviewed catalogue of the engine's functions, kept in ``catalogue.json``.

``python -m tests.engines.stored_catalogue`` writes it anew. Do that only after
looking at what a new engine version added: see docs on upgrading the engine.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb

from jupyter_views.engines.catalog import GENERATORS, READERS, catalogue

STORED = Path(__file__).with_name("catalogue.json")


def current() -> dict[str, Any]:
    """What the installed engine offers, and what the gate makes of it."""
    with duckdb.connect() as connection:
        known = catalogue(connection)
    allowed = READERS | GENERATORS
    by_effect: dict[str, list[str]] = {"pure": [], "volatile": [], "denied": []}
    for name in sorted(known.effects):
        by_effect[known.effects[name]].append(name)
    return {
        "engine": duckdb.__version__,
        "expressions": by_effect,
        "table_functions": {
            "allowed": sorted(known.table_functions & allowed),
            "denied": sorted(known.table_functions - allowed),
        },
        "system_views": sorted(known.system_views),
    }


if __name__ == "__main__":
    STORED.write_text(json.dumps(current(), indent=1) + "\n", "utf-8")
