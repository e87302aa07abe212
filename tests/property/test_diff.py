"""Any two results, compared by the engine and by plain Python."""

from __future__ import annotations

import json
import math
from collections import Counter
from itertools import combinations

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jupyter_views.core.errors import Invalid
from jupyter_views.core.ports import Comparing, Stored
from jupyter_views.engines import diff, sandbox
from jupyter_views.engines.columns import to_column
from jupyter_views.engines.encode import Verified
from jupyter_views.engines.storing import store

NAMES = ("n", "word", "x")
MAY_BE_GUESSED = (0, 1)
SCHEMA = pa.schema([("n", pa.int64()), ("word", pa.string()), ("x", pa.float64())])
rows = st.lists(
    st.tuples(
        st.none() | st.integers(-2, 12),
        st.none() | st.sampled_from(["", "a", "b", "ä", 'q"', "\n"]),
        st.none() | st.sampled_from([0.0, -0.0, 1.5, math.nan, math.inf, -math.inf]),
    ),
    max_size=12,
)


class Desk:
    """A connection as a worker's, and a folder of stored results."""

    def __init__(self, folder) -> None:
        self.folder = folder
        self.verified = Verified()
        self.count = 0
        self.connection = sandbox.open_connection(
            readable=(),
            scratch=str(folder),
            memory_bytes=256 << 20,
            threads=1,
            temp_bytes=64 << 20,
            seconds=60,
        )

    def stored(self, given) -> Stored:
        columns = list(zip(*given, strict=True)) if given else [[], [], []]
        table = pa.table(
            [pa.array(c, f.type) for c, f in zip(columns, SCHEMA, strict=True)], SCHEMA
        )
        self.count += 1
        path = str(self.folder / f"{self.count}.arrow")
        with self.connection.cursor() as cursor:
            cursor.register("given", table)
            relation = cursor.sql("SELECT * FROM given")
            kinds = map(to_column, relation.columns, relation.types)
            columns = tuple(kinds)
            written = store(
                relation.to_arrow_reader(8),
                path,
                max_rows=100,
                max_bytes=1 << 20,
                on_rows=lambda _: None,
            )
        return Stored(path=path, sha256=written.sha256, columns=columns)

    def compare(self, **facts):
        return diff.compare(self.connection, self.verified, Comparing(**facts))


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    return Desk(tmp_path_factory.mktemp("diff"))


def plain(row):
    """A row in which NaN equals itself; zeros of both signs are equal already."""
    return tuple("nan" if isinstance(v, float) and math.isnan(v) else v for v in row)


def shown(row):
    """A row as JSON has it."""
    return tuple(None if isinstance(v, float) and not math.isfinite(v) else v for v in row)


def identifies(key, given) -> bool:
    values = [tuple(row[at] for at in key) for row in map(plain, given)]
    return len(set(values)) == len(values) and all(None not in value for value in values)


def expected_key(before, after):
    tries = [*((at,) for at in MAY_BE_GUESSED), *combinations(MAY_BE_GUESSED, 2)]
    return next((k for k in tries if identifies(k, before) and identifies(k, after)), ())


def expected_counts(key, before, after):
    before, after = list(map(plain, before)), list(map(plain, after))
    if not key:
        lost, won = Counter(before) - Counter(after), Counter(after) - Counter(before)
        return won.total(), lost.total(), 0
    old, new = ({tuple(r[at] for at in key): r for r in given} for given in (before, after))
    changed = sum(old[k] != new[k] for k in old.keys() & new.keys())
    return len(new.keys() - old.keys()), len(old.keys() - new.keys()), changed


def applied(before, found):
    """The older rows with the difference applied to them, as JSON has them."""
    made = Counter(map(shown, before))
    for each in found:
        if each["before"] is not None:
            made[tuple(each["before"])] -= 1
        if each["after"] is not None:
            made[tuple(each["after"])] += 1
    return {row: count for row, count in made.items() if count}


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(before=rows, after=rows, window=st.tuples(st.integers(1, 5), st.integers(0, 10)))
def test_counts_and_rows_are_those_of_dicts_and_multisets(desk, before, after, window):
    sides = {"before": desk.stored(before), "after": desk.stored(after)}

    found = desk.compare(**sides, limit=1000)

    if sides["before"].sha256 == sides["after"].sha256:
        assert found.is_empty
        return
    key = expected_key(before, after)
    assert found.key == tuple(NAMES[at] for at in key)
    assert (found.added, found.removed, found.changed) == expected_counts(key, before, after)
    listed = json.loads(found.rows)
    kinds = Counter(each["change"] for each in listed)
    assert kinds == Counter(added=found.added, removed=found.removed, changed=found.changed)
    assert applied(before, listed) == dict(Counter(map(shown, after)))
    limit, offset = window
    part = desk.compare(**sides, limit=limit, offset=offset)
    assert json.loads(part.rows) == listed[offset : offset + limit]


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(before=rows, after=rows, key=st.lists(st.sampled_from([0, 1, 2]), min_size=1, unique=True))
def test_a_named_key_is_used_or_refused_and_nothing_between(desk, before, after, key):
    sides = {"before": desk.stored(before), "after": desk.stored(after)}
    names = tuple(NAMES[at] for at in key)
    if sides["before"].sha256 == sides["after"].sha256:
        return
    if not (identifies(key, before) and identifies(key, after)):
        with pytest.raises(Invalid):
            desk.compare(**sides, key=names)
        return

    found = desk.compare(**sides, key=names)

    assert (found.key, found.is_key_guessed) == (names, False)
    assert (found.added, found.removed, found.changed) == expected_counts(key, before, after)


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data(), given_rows=rows)
def test_a_result_in_another_order_is_the_same_result(desk, data, given_rows):
    shuffled = data.draw(st.permutations(given_rows))

    assert desk.compare(before=desk.stored(given_rows), after=desk.stored(shuffled)).is_empty
