"""However the files change, a refresh by parts gives what a run over all files gives."""

from __future__ import annotations

import os
import random
import time
from pathlib import Path

import pytest

from tests.engines.refreshing import Refreshing, same_rows

ROUNDS = 100
PER_ROUND = 2
PLAIN = (
    "SELECT (hash(i) % 5)::INTEGER AS shop, i AS id, (hash(i + 1) % 1000)::DECIMAL(18, 2) AS price,"
    " (hash(i + 2) % 1000) / 7.0 AS ratio, nullif('n' || (hash(i + 3) % 6), 'n0') AS name,"
    " DATE '2026-01-01' + (i % 9)::INTEGER AS day, i % 3 = 0 AS flag,"
    " (hash(i + 4)::HUGEINT * 1000000007) AS big FROM range({first}, {last}) t(i)"
)
"""Rows that differ with their numbers; ``id`` occurs once in all files."""

QUERIES = {
    "groups": "SELECT shop, sum(price) AS total, count(*) AS n, min(id) AS lo, max(id) AS hi,"
    " avg(price) AS mean FROM 'sales/*.parquet' GROUP BY shop ORDER BY shop",
    "global": "SELECT count(*), sum(price), avg(ratio), sum(big), max(name)"
    " FROM 'sales/*.parquet' WHERE ratio > 40",
    "null keys": "SELECT name, count(ratio), sum(ratio), stddev(ratio), var_pop(price)"
    " FROM read_parquet('sales/*.parquet') GROUP BY ALL ORDER BY ALL",
    "expressions": "SELECT date_trunc('week', day) AS week, upper(name) || '!' AS who,"
    " sum(price) / count(*) AS each, CASE WHEN bool_and(flag) THEN 'all' ELSE 'some' END AS flags"
    " FROM 'sales/*.parquet' s GROUP BY week, who HAVING count(*) FILTER (flag) > 0"
    " ORDER BY week DESC, 2 NULLS LAST",
    "having": "SELECT day FROM 'sales/*.parquet' GROUP BY 1 HAVING sum(price) > 3000 ORDER BY day",
    "top": "SELECT id % 50 AS slot, sum(price) AS price FROM 'sales/*.parquet'"
    " GROUP BY slot ORDER BY price DESC, slot LIMIT 7 OFFSET 1",
    "join": "SELECT label, sum(price * weight) AS total, arg_max(s.id, s.id) AS last"
    " FROM 'sales/*.parquet' s JOIN 'labels.csv' l ON s.shop = l.shop WHERE weight > 1"
    " GROUP BY label ORDER BY label",
    "distinct": "SELECT shop, approx_count_distinct(name), bit_xor(id), bool_or(flag),"
    " arg_min(name, id) FROM 'sales/*.parquet' GROUP BY shop ORDER BY shop",
    "parameters": "SELECT shop % $modulus AS part, sum(id + $more) AS ids, count_if(flag)"
    " FROM 'sales/*.parquet' WHERE day >= $since GROUP BY part ORDER BY part",
    "nothing left": "SELECT shop, sum(price) FROM 'sales/*.parquet' WHERE id < 0 GROUP BY shop",
}
PARAMETERS = {"parameters": {"modulus": 3, "more": 7, "since": "2026-01-03"}}


class Sales:
    """A folder of small files, and the ways in which people change it."""

    def __init__(self, world: Refreshing, chance: random.Random) -> None:
        self._world = world
        self._chance = chance
        self._next = 0
        self._odd: str | None = None
        for _ in range(6):
            self.add()
        self.relabel()

    def _files(self) -> list[Path]:
        return sorted((self._world.data / "sales").glob("*.parquet"))

    def _one(self) -> Path:
        return self._chance.choice(self._files())

    def _write(self, name: str, more: str = "") -> None:
        first = self._next * 1000
        self._next += 1
        query = PLAIN.format(first=first, last=first + self._chance.randint(1, 300))
        self._world.write(f"sales/{name}", query.replace(" FROM", f"{more} FROM", 1))

    def add(self) -> None:
        self._write(f"{self._chance.randint(0, 99):02}-{self._next}.parquet")

    def modify(self) -> None:
        self._write(self._one().name)

    def delete(self) -> None:
        if len(self._files()) > 3:
            self._one().unlink()

    def touch(self) -> None:
        os.utime(self._one())

    def rewrite_in_place(self) -> None:
        path, stamps = self._one(), os.stat(self._one())
        other = self._one().read_bytes()
        path.write_bytes(other)
        os.utime(path, ns=(stamps.st_atime_ns, stamps.st_mtime_ns))

    def empty(self) -> None:
        query = PLAIN.format(first=0, last=0)
        self._world.write(f"sales/{self._one().name}", query)

    def rename(self) -> None:
        path = self._one()
        path.rename(path.with_name(f"{self._chance.randint(0, 99):02}-{self._next}.parquet"))
        self._next += 1

    def swap(self) -> None:
        one, other = self._one(), self._one()
        spare = one.with_name(".spare")
        one.rename(spare)
        if one != other:
            other.rename(one)
        spare.rename(other)

    def relabel(self) -> None:
        weights = ", ".join(f"({at}, 'l{at % 3}', {self._chance.randint(0, 4)})" for at in range(5))
        self._world.write("labels.csv", f"SELECT * FROM (VALUES {weights}) t(shop, label, weight)")

    def grow_a_column(self) -> None:
        """One file gets another look; the next change of the kind heals it."""
        if self._odd is not None and (path := self._world.data / "sales" / self._odd).exists():
            self._write(path.name)
            self._odd = None
        else:
            self._odd = self._one().name
            self._write(self._odd, ", 1 AS extra")

    def change(self) -> str:
        ways = [self.add, self.modify, self.modify, self.delete, self.touch, self.rewrite_in_place]
        ways += [self.empty, self.rename, self.swap, self.relabel]
        if self._odd is not None or self._chance.random() < 0.05:
            ways = [self.grow_a_column]
        if len(self._files()) < 6:
            ways = [self.add]
        way = self._chance.choice(ways)
        way()
        return way.__name__


@pytest.mark.parametrize("seed", range(5))
def test_rows_by_parts_equal_rows_of_a_full_run_whatever_changes(tmp_path, seed):
    chance = random.Random(seed)
    world = Refreshing(tmp_path)
    sales = Sales(world, chance)
    methods: list[str] = []
    changes: list[str] = []
    # Files of some age are trusted by their stamps, young ones by content.
    time.sleep(3.1 if seed == 0 else 0)

    for turn in range(ROUNDS):
        changes.append(sales.change())
        for name in chance.sample([*QUERIES], PER_ROUND):
            params = PARAMETERS.get(name)
            got = world.run(QUERIES[name], params=params, key=name)
            wanted = world.full(QUERIES[name], params)
            methods.append(got.method)
            where = f"seed {seed}, turn {turn}, {name}, {got.method}, {changes[-9:]}"
            if "ORDER BY" not in QUERIES[name]:
                got.rows.sort(), wanted.sort()
            assert same_rows(got.rows, wanted), (where, got.rows, wanted)

    by_parts = [method for method in methods if method.startswith("incremental")]
    assert len(by_parts) > len(methods) / 2
    assert len(set(by_parts)) > 5
    assert set(methods) - set(by_parts) <= {"full", "full: has files with different columns"}
