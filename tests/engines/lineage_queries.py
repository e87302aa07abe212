"""Queries that are hard to trace, each with what it reads.

A read is written ``kind:name``. ``volatile`` names what makes two runs differ.
``code`` marks a query that must be refused instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

_NO_PARAMS: Mapping[str, Any] = MappingProxyType({})


class Query(NamedTuple):
    """One query, what it reads, and whether it can run on the test folder."""

    kind: str
    sql: str
    reads: tuple[str, ...] = ()
    params: Mapping[str, Any] = _NO_PARAMS
    frames: tuple[str, ...] = ()
    volatile: tuple[str, ...] = ()
    code: str = ""


_EVENTS, _USERS, _DAYS = "file:events.csv", "file:users.parquet", "file:days.csv"
_DF = ("df",)
_SHOP, _LITE = "database:shop.duckdb", "database:shop.sqlite"
_DELTA, _ICEBERG = "table:lake/sales", "table:ice/main/sales"

QUERIES: tuple[Query, ...] = (
    # Names of table expressions.
    Query("cte hides a file", """WITH "events.csv" AS (SELECT 1) FROM "events.csv\""""),
    Query(
        "cte reads the file of its own name",
        """WITH "events.csv" AS (FROM "events.csv" WHERE id > 1) FROM "events.csv\"""",
        (_EVENTS,),
    ),
    Query(
        "cte only inside a subquery",
        """SELECT (WITH "days.csv" AS (SELECT 5 n) SELECT n FROM "days.csv"), d.id
           FROM "days.csv" d""",
        (_DAYS,),
    ),
    Query(
        "cte of an inner query is not seen outside",
        """WITH a AS (WITH "days.csv" AS (SELECT 1 id) FROM "days.csv")
           SELECT * FROM a, "days.csv\"""",
        (_DAYS,),
    ),
    Query(
        "cte sees the one before",
        "WITH a AS (FROM 'events.csv'), b AS (FROM a) SELECT * FROM b",
        (_EVENTS,),
    ),
    Query("cte in other case", "WITH Ab AS (SELECT 1) SELECT * FROM aB"),
    Query(
        "letters beyond ascii keep their case in names",
        """WITH "NAÏVE.csv" AS (SELECT 1) FROM "naïve.csv\"""",
        ("file:naïve.csv",),
    ),
    Query("cte never used still reads", "WITH a AS (FROM 'events.csv') SELECT 1", (_EVENTS,)),
    Query(
        "materialized cte",
        "WITH a AS MATERIALIZED (FROM 'events.csv') SELECT * FROM a x, a y",
        (_EVENTS,),
    ),
    Query(
        "recursive cte",
        """WITH RECURSIVE r(n) AS (SELECT min(id) FROM 'events.csv'
           UNION ALL SELECT n + 1 FROM r WHERE n < 5) FROM r""",
        (_EVENTS,),
    ),
    Query(
        "recursive cte joins a file in its step",
        """WITH RECURSIVE r(n) AS (SELECT 0 UNION SELECT d.id FROM r JOIN 'days.csv' d
           ON d.id = r.n + 1) FROM r""",
        (_DAYS,),
    ),
    Query(
        "recursive cte: its start is not itself",
        """WITH RECURSIVE "days.csv" AS (SELECT id FROM "days.csv" UNION
           SELECT id + 1 FROM "days.csv" WHERE id < 2) FROM "days.csv\"""",
        (_DAYS,),
    ),
    Query(
        "recurring table",
        """WITH RECURSIVE t(a, b) USING KEY (a) AS (SELECT 1, 2 UNION
           SELECT a, b + 1 FROM recurring.t WHERE b < 4) FROM t""",
    ),
    Query(
        "a file in a folder-like schema named recurring",
        "WITH csv AS (SELECT 1) FROM recurring.csv",
        ("file:recurring.csv",),
    ),
    # Ways to name a file.
    Query("quoted file", "SELECT * FROM 'events.csv'", (_EVENTS,)),
    Query("file as identifier", 'SELECT * FROM "events.csv"', (_EVENTS,)),
    Query("file as schema and table", "SELECT * FROM events.csv", (_EVENTS,)),
    Query(
        "quotes in a name",
        """SELECT * FROM "we'ird name.csv\"""",
        ("file:we'ird name.csv",),
    ),
    Query("keyword as name", 'FROM "select.csv"', ("file:select.csv",)),
    Query("brackets in a name", "FROM 'odd[1].csv'", ("file:odd[1].csv",)),
    Query("dot before the name", "FROM './events.csv'", ("file:./events.csv",)),
    Query("folder and back", "FROM 'sub/../events.csv'", ("file:sub/../events.csv",)),
    Query("link inside the root", "FROM 'leads-in.csv'", ("file:leads-in.csv",)),
    Query(
        "glob with alias and join",
        "SELECT * FROM 'daily/*.csv' AS d JOIN 'events.csv' USING (id)",
        ("file:daily/*.csv", _EVENTS),
    ),
    Query("deep glob", "SELECT count(*) FROM 'parts/**/*.parquet'", ("file:parts/**/*.parquet",)),
    Query("question mark and set", "FROM 'daily/2026-0[12].cs?'", code="NOT_ALLOWED"),
    Query("set in a pattern", "FROM 'daily/2026-0[12].csv'", ("file:daily/2026-0[12].csv",)),
    Query("read_csv", "FROM read_csv('events.csv', header = true)", (_EVENTS,)),
    Query("read_csv with walrus", "FROM read_csv('events.csv', header := true)", (_EVENTS,)),
    Query(
        "read_csv list",
        "FROM read_csv(['daily/2026-01.csv', 'daily/2026-02.csv'])",
        ("file:daily/2026-01.csv", "file:daily/2026-02.csv"),
    ),
    Query("read_csv list_value", "FROM read_csv(list_value('events.csv'))", (_EVENTS,)),
    Query("reader with schema", "FROM main.read_csv('events.csv')", (_EVENTS,)),
    Query("reader in capitals", "FROM READ_CSV('events.csv')", (_EVENTS,)),
    Query("read_parquet", "SELECT name FROM read_parquet('users.parquet')", (_USERS,)),
    Query("parquet_scan", "FROM parquet_scan(['users.parquet'])", (_USERS,)),
    Query("parquet_schema", "FROM parquet_schema('users.parquet')", (_USERS,)),
    Query("ndjson", "SELECT nested.a FROM 'lines.ndjson'", ("file:lines.ndjson",)),
    Query("json", "SELECT nested->>'a' FROM read_json('list.json')", ("file:list.json",)),
    Query("json objects", "FROM read_json_objects('list.json')", ("file:list.json",)),
    Query("glob function", "SELECT * FROM glob('daily/*.csv')", ("file:daily/*.csv",)),
    Query("bound file", "FROM read_csv($f)", (_EVENTS,), {"f": "events.csv"}),
    Query(
        "bound files",
        "FROM read_csv($f, union_by_name = true)",
        (_EVENTS, _DAYS),
        {"f": ["events.csv", "days.csv"]},
    ),
    Query(
        "bound file in a list",
        "FROM read_csv(['days.csv', $f], union_by_name = true)",
        (_DAYS, _EVENTS),
        {"f": "events.csv"},
    ),
    Query(
        "bound value is no file",
        "SELECT * FROM 'events.csv' WHERE kind = $x",
        (_EVENTS,),
        {"x": "days.csv"},
    ),
    Query("computed file", "FROM read_csv('eve' || 'nts.csv')", code="NOT_ALLOWED"),
    Query(
        "computed in a list", "FROM read_csv(['events.csv', lower('DAYS.csv')])", code="NOT_ALLOWED"
    ),
    Query("file from a column name", "FROM read_csv(events)", code="NOT_ALLOWED"),
    Query("dynamic query", "FROM query('FROM ''events.csv''')", code="NOT_ALLOWED"),
    Query("dynamic table", "FROM query_table('events.csv')", code="NOT_ALLOWED"),
    Query("dynamic histogram", "FROM histogram('events.csv', id)", code="NOT_ALLOWED"),
    Query("sequence", "SELECT nextval('s')", code="NOT_ALLOWED"),
    Query(
        "pivot without values", "PIVOT 'events.csv' ON kind USING sum(amount)", code="NOT_ALLOWED"
    ),
    # Places where a query may hide.
    Query("subquery in select", "SELECT (SELECT max(id) FROM 'events.csv')", (_EVENTS,)),
    Query(
        "exists",
        "SELECT * FROM 'days.csv' d WHERE EXISTS (FROM 'events.csv' e WHERE e.id = d.id)",
        (_DAYS, _EVENTS),
    ),
    Query("in", "SELECT 1 WHERE 1 IN (SELECT id FROM 'events.csv')", (_EVENTS,)),
    Query("any", "SELECT 1 = ANY (SELECT id FROM 'events.csv')", (_EVENTS,)),
    Query("array", "SELECT ARRAY (SELECT id FROM 'events.csv' ORDER BY id)", (_EVENTS,)),
    Query(
        "order by",
        "SELECT id FROM 'days.csv' ORDER BY (SELECT max(id) FROM 'events.csv'), id",
        (_DAYS, _EVENTS),
    ),
    Query(
        "limit",
        "SELECT id FROM 'days.csv' LIMIT (SELECT max(id) FROM 'events.csv')",
        (_DAYS, _EVENTS),
    ),
    Query(
        "offset",
        "SELECT id FROM 'days.csv' LIMIT 1 OFFSET (SELECT 1 FROM 'events.csv' LIMIT 1)",
        (_DAYS, _EVENTS),
    ),
    Query(
        "having",
        """SELECT kind FROM 'events.csv' GROUP BY kind
          HAVING count(*) < (SELECT count(*) FROM 'users.parquet')""",
        (_EVENTS, _USERS),
    ),
    Query(
        "qualify",
        """SELECT id FROM 'events.csv' QUALIFY row_number() OVER (ORDER BY id) <=
          (SELECT count(*) FROM 'days.csv')""",
        (_EVENTS, _DAYS),
    ),
    Query("case", "SELECT CASE WHEN true THEN (SELECT min(id) FROM 'days.csv') END", (_DAYS,)),
    Query(
        "list comprehension",
        "SELECT [x + 1 FOR x IN (SELECT list(id) FROM 'events.csv')]",
        (_EVENTS,),
    ),
    Query(
        "lambda",
        "SELECT list_transform((SELECT list(id) FROM 'days.csv'), lambda x: x + 1)",
        (_DAYS,),
    ),
    Query(
        "window argument",
        """SELECT sum(id + (SELECT min(id) FROM 'days.csv')) OVER ()
          FROM 'events.csv'""",
        (_DAYS, _EVENTS),
    ),
    Query(
        "aggregate filter",
        "SELECT count(*) FILTER (id IN (SELECT id FROM 'days.csv')) FROM 'events.csv'",
        (_DAYS, _EVENTS),
    ),
    Query(
        "function argument", "SELECT coalesce((SELECT max(id) FROM 'events.csv'), 0)", (_EVENTS,)
    ),
    Query(
        "table function argument", "FROM unnest((SELECT list(id) FROM 'events.csv'))", (_EVENTS,)
    ),
    Query("summary function", "FROM summary((FROM 'events.csv'))", (_EVENTS,)),
    Query("summary of a bare name", "FROM summary(events)", code="NOT_ALLOWED"),
    Query("values", "FROM (VALUES ((SELECT max(id) FROM 'events.csv'))) t(x)", (_EVENTS,)),
    Query("values alone", "VALUES ((SELECT max(id) FROM 'events.csv'))", (_EVENTS,)),
    Query(
        "lateral",
        "SELECT * FROM 'days.csv' d, LATERAL (SELECT e.kind FROM 'events.csv' e WHERE e.id = d.id)",
        (_DAYS, _EVENTS),
    ),
    Query("lateral unnest", "SELECT name, t FROM 'users.parquet', unnest(tags) u(t)", (_USERS,)),
    Query("positional join", "FROM 'days.csv' POSITIONAL JOIN 'events.csv'", (_DAYS, _EVENTS)),
    Query(
        "asof join", "FROM 'days.csv' d ASOF JOIN 'events.csv' e ON d.id >= e.id", (_DAYS, _EVENTS)
    ),
    Query(
        "semi and anti join",
        "FROM 'days.csv' SEMI JOIN 'events.csv' USING (id) ANTI JOIN 'users.parquet' USING (id)",
        (_DAYS, _EVENTS, _USERS),
    ),
    Query(
        "unused left join",
        "SELECT d.id FROM 'days.csv' d LEFT JOIN 'events.csv' e ON d.id = e.id",
        (_DAYS, _EVENTS),
    ),
    Query("filter that is always false", "SELECT * FROM 'events.csv' WHERE false", (_EVENTS,)),
    Query(
        "join condition",
        "FROM 'days.csv' d JOIN 'events.csv' e ON d.id = e.id AND d.id < "
        "(SELECT count(*) FROM 'users.parquet')",
        (_DAYS, _EVENTS, _USERS),
    ),
    Query(
        "union",
        "SELECT id FROM 'days.csv' UNION ALL BY NAME SELECT id FROM 'events.csv'",
        (_DAYS, _EVENTS),
    ),
    Query(
        "intersect and except",
        """(SELECT id FROM 'days.csv' INTERSECT SELECT id FROM
          'events.csv') EXCEPT SELECT id FROM 'users.parquet'""",
        (_DAYS, _EVENTS, _USERS),
    ),
    Query("pivot", "PIVOT 'events.csv' ON kind IN ('a', 'b') USING sum(amount)", (_EVENTS,)),
    Query(
        "pivot of a subquery",
        "FROM (SELECT kind, amount FROM 'events.csv') PIVOT (sum(amount) FOR kind IN ('a'))",
        (_EVENTS,),
    ),
    Query("unpivot", "UNPIVOT 'events.csv' ON id, amount INTO NAME n VALUE v", (_EVENTS,)),
    Query("summarize", "SUMMARIZE 'events.csv'", (_EVENTS,)),
    Query("describe", "DESCRIBE SELECT * FROM 'events.csv'", (_EVENTS,)),
    Query("summarize in from", "SELECT column_name FROM (SUMMARIZE 'events.csv')", (_EVENTS,)),
    Query(
        "distinct on", "SELECT DISTINCT ON (kind) id FROM 'events.csv' ORDER BY kind", (_EVENTS,)
    ),
    Query(
        "grouping sets",
        "SELECT kind, sum(amount) FROM 'events.csv' GROUP BY CUBE (kind)",
        (_EVENTS,),
    ),
    Query(
        "star expressions",
        "SELECT * EXCLUDE (id) REPLACE (amount + 1 AS amount) FROM 'events.csv'",
        (_EVENTS,),
    ),
    Query("columns", "SELECT min(COLUMNS(lambda c: c LIKE 'a%')) FROM 'events.csv'", (_EVENTS,)),
    Query("from first", "FROM 'events.csv' SELECT kind", (_EVENTS,)),
    Query("method chain", "SELECT kind.upper().lower() FROM 'events.csv'", (_EVENTS,)),
    Query("case folding of keywords", "sElEcT * fRoM 'events.csv'", (_EVENTS,)),
    Query(
        "comments and strings",
        """SELECT 'FROM ''days.csv''' /* FROM 'days.csv' */ -- days.csv
          FROM 'events.csv'""",
        (_EVENTS,),
    ),
    Query("dollar quotes", "SELECT $$ FROM 'days.csv' $$ FROM 'events.csv'", (_EVENTS,)),
    Query(
        "alias like a file", """SELECT "days.csv".id FROM 'events.csv' AS "days.csv\"""", (_EVENTS,)
    ),
    Query("column like a file", """SELECT 1 AS "days.csv" FROM 'events.csv'""", (_EVENTS,)),
    Query("nothing read", "SELECT 42"),
    Query("generators", "SELECT * FROM range(3) r, generate_series(1, 2) g, repeat('x', 2) x"),
    # Frames and names of nothing.
    Query("frame", "SELECT * FROM df", ("frame:df",), frames=_DF),
    Query("frame in other case", "SELECT * FROM DF", ("frame:df",), frames=_DF),
    Query("frame hidden by a cte", "WITH df AS (SELECT 1) FROM df", frames=_DF),
    Query("frame in its own cte", "WITH df AS (FROM df) FROM df", ("frame:df",), frames=_DF),
    Query("frame with a dot", 'FROM "a.b"', ("frame:a.b",), frames=("a.b",)),
    Query("frame named like a file", 'FROM "days.csv"', ("frame:days.csv",), frames=("days.csv",)),
    Query(
        "frame and file", "FROM df JOIN 'events.csv' USING (id)", ("frame:df", _EVENTS), frames=_DF
    ),
    Query("unknown name", "SELECT * FROM orders", ("unknown:orders",)),
    Query("unknown name with schema", 'FROM sales."daily-users"', ("unknown:sales.daily-users",)),
    Query(
        "unknown in a subquery",
        "SELECT (SELECT max(id) FROM orders) FROM 'days.csv'",
        ("unknown:orders", _DAYS),
    ),
    # What changes by itself.
    Query("now", "SELECT now()", volatile=("now",)),
    Query("today", "SELECT today()", volatile=("today",)),
    Query(
        "clock words",
        "SELECT current_date, CURRENT_TIMESTAMP, current_time, localtimestamp, localtime",
        volatile=(
            "current_date",
            "current_timestamp",
            "current_time",
            "localtimestamp",
            "localtime",
        ),
    ),
    Query("age of one", "SELECT age(TIMESTAMP '2020-01-01')", volatile=("age",)),
    Query("age of two", "SELECT age(TIMESTAMP '2020-01-01', TIMESTAMP '2021-01-01')"),
    Query(
        "age behind a dot",
        "SELECT t.age() FROM (SELECT TIMESTAMP '2020-01-01' AS t)",
        volatile=("age",),
    ),
    Query(
        "age behind a dot in a lambda",
        "SELECT list_transform([TIMESTAMP '2020-01-01'], lambda x: x.age())",
        volatile=("age",),
    ),
    Query(
        "parts of times",
        """SELECT date_trunc('month', t), date_part('year', t), extract('week' FROM t), year(t),
           month(t), t.day(), strftime(t, '%Y'), time_bucket(INTERVAL 1 DAY, t), dayname(t),
           t + INTERVAL 1 DAY, t - t, date_diff('day', t, t), last_day(t),
           t AT TIME ZONE 'Asia/Tokyo'
           FROM (SELECT TIMESTAMP '2020-01-01' AS t)""",
    ),
    Query(
        "parts of times with a zone",
        """SELECT date_trunc('month', t), date_part('year', t), extract('week' FROM t), year(t),
           month(t), t.day(), strftime(t, '%Y'), time_bucket(INTERVAL 1 DAY, t), dayname(t),
           t + INTERVAL 1 DAY, t - t, date_diff('day', t, t), last_day(t),
           t AT TIME ZONE 'Asia/Tokyo'
           FROM (SELECT TIMESTAMPTZ '2020-01-01 00:00+02' AS t)""",
    ),
    Query(
        "everyday functions",
        """SELECT round(amount, 1), lower(kind), substr(kind, 1, 2), coalesce(kind, '-'),
           concat(kind, '!'), kind || '?', regexp_matches(kind, 'a'),
           regexp_replace(kind, 'a', 'b'),
           regexp_extract(kind, '(a)', 1),
           CASE WHEN id > 1 THEN id - 1 ELSE -id END, amount * 2 + id,
           nullif(kind, 'a'), greatest(id, 1), try_cast(kind AS INTEGER), trim(kind), length(kind)
           FROM 'events.csv'""",
        (_EVENTS,),
    ),
    Query("macro over the clock", "SELECT ago(INTERVAL 1 DAY)", volatile=("ago",)),
    Query("local clock", "SELECT current_localtimestamp()", volatile=("current_localtimestamp",)),
    Query("random", "SELECT random(), uuid()", volatile=("random", "uuid")),
    Query(
        "random in a filter",
        "FROM 'events.csv' WHERE random() < 0.5",
        (_EVENTS,),
        volatile=("random",),
    ),
    Query("sample", "FROM 'events.csv' USING SAMPLE 1", (_EVENTS,), volatile=("sample",)),
    Query("table sample", "FROM 'events.csv' TABLESAMPLE 50%", (_EVENTS,), volatile=("sample",)),
    Query(
        "repeatable sample",
        "FROM 'events.csv' TABLESAMPLE reservoir(1) REPEATABLE (7)",
        (_EVENTS,),
        volatile=("sample",),
    ),
    Query(
        "sampled quantile",
        "SELECT reservoir_quantile(id, 0.5) FROM 'events.csv'",
        (_EVENTS,),
        volatile=("reservoir_quantile",),
    ),
    Query(
        "transaction time", "SELECT transaction_timestamp()", volatile=("transaction_timestamp",)
    ),
    # Views.
    Query("view", 'FROM views."daily-users"', ("view:daily-users",)),
    Query("view without quotes", "FROM views.events", ("view:events",)),
    Query("view in other case", 'FROM VIEWS."Daily-Users"', ("view:daily-users",)),
    Query("view named by a keyword", 'FROM views."select"', ("view:select",)),
    Query(
        "cte of a slug's name does not hide the view",
        "WITH events AS (SELECT 1 id) SELECT * FROM events e, views.events v",
        ("view:events",),
    ),
    Query(
        "view in the cte of its own name",
        "WITH events AS (FROM views.events) FROM events",
        ("view:events",),
    ),
    Query("cte named views", "WITH views AS (SELECT 1 AS events) FROM views"),
    Query("alias named views", "SELECT views.id FROM 'days.csv' AS views", (_DAYS,)),
    Query(
        "alias named views beside a view",
        "SELECT views.id FROM 'days.csv' AS views, views.events",
        (_DAYS, "view:events"),
    ),
    Query(
        "column named like a view",
        "SELECT views.events FROM (SELECT {'events': 1} AS views)",
    ),
    Query(
        "view in a subquery",
        "SELECT (SELECT max(id) FROM views.events) FROM 'days.csv'",
        ("view:events", _DAYS),
    ),
    Query(
        "view in exists",
        "FROM 'days.csv' d WHERE EXISTS (FROM views.events e WHERE e.id = d.id)",
        ("view:events", _DAYS),
    ),
    Query(
        "view twice",
        "SELECT 1 FROM views.events a JOIN views.events b USING (id)",
        ("view:events",),
    ),
    Query(
        "view that is pivoted",
        "PIVOT views.events ON kind IN ('a', 'b') USING sum(id)",
        ("view:events",),
    ),
    Query(
        "view that is unpivoted", "UNPIVOT views.events ON id INTO NAME n VALUE v", ("view:events",)
    ),
    Query("view that is summarized", "SUMMARIZE views.events", ("view:events",)),
    Query("view that is described", "DESCRIBE views.events", ("view:events",)),
    Query("view with renamed columns", "SELECT a FROM views.events AS v(a, b)", ("view:events",)),
    Query(
        "view in a lambda's list",
        "SELECT list_transform((SELECT list(id) FROM views.events), lambda x: x + 1)",
        ("view:events",),
    ),
    Query(
        "view in the step of a recursive cte",
        """WITH RECURSIVE r(n) AS (SELECT 0 UNION SELECT e.id FROM r JOIN views.events e
           ON e.id = r.n + 1) FROM r""",
        ("view:events",),
    ),
    Query(
        "view in a lateral join",
        "FROM 'days.csv' d, LATERAL (SELECT kind FROM views.events e WHERE e.id = d.id)",
        ("view:events", _DAYS),
    ),
    Query(
        "view and frame",
        "SELECT 1 FROM views.events JOIN df USING (id)",
        ("view:events", "frame:df"),
        frames=_DF,
    ),
    Query("view at an earlier time", "FROM views.events AT (VERSION => 1)", code="NOT_ALLOWED"),
    Query("view named in one piece", 'FROM "views.events"', code="NOT_ALLOWED"),
    Query("view with its catalog", "FROM memory.views.events", ("unknown:memory.views.events",)),
    Query("file named views", "FROM views.csv", ("file:views.csv",)),
    # Database files.
    Query("table of a database", 'FROM "shop.duckdb".orders', (_SHOP,)),
    Query("table with its schema", 'FROM "shop.duckdb".main.orders', (_SHOP,)),
    Query("table of another schema", 'FROM "shop.duckdb".other.orders', (_SHOP,)),
    Query("table in other case", 'FROM "shop.duckdb".ORDERS', (_SHOP,)),
    Query("table named like a file", 'FROM "shop.duckdb".csv', (_SHOP,)),
    Query("database in a folder", 'FROM "sub/shop.duckdb".orders', ("database:sub/shop.duckdb",)),
    Query("database by a dot", 'FROM "./shop.duckdb".orders', ("database:./shop.duckdb",)),
    Query(
        "database behind a folder and back",
        'FROM "sub/../shop.duckdb".orders',
        ("database:sub/../shop.duckdb",),
    ),
    Query(
        "column with the name of its database",
        'SELECT "shop.duckdb".main.orders.id FROM "shop.duckdb".main.orders',
        (_SHOP,),
    ),
    Query(
        "two tables of a database",
        'SELECT 1 FROM "shop.duckdb".orders, "shop.duckdb".csv',
        (_SHOP,),
    ),
    Query(
        "database and file",
        """SELECT name FROM "shop.duckdb".orders JOIN 'events.csv' USING (id)""",
        (_SHOP, _EVENTS),
    ),
    Query(
        "database in a subquery",
        """SELECT id, (SELECT max(id) FROM "shop.duckdb".orders) FROM 'days.csv'""",
        (_SHOP, _DAYS),
    ),
    Query("view inside a database", 'FROM "shop.duckdb".big', (_SHOP,)),
    Query("view on a view inside a database", 'FROM "shop.duckdb".bigger', (_SHOP,)),
    Query("view with odd names inside a database", 'FROM "shop.duckdb"."odd AS name"', (_SHOP,)),
    Query(
        "cte named like a database",
        'WITH "shop.duckdb" AS (SELECT 1 AS orders) FROM "shop.duckdb"',
    ),
    Query("sqlite", 'FROM "shop.sqlite".orders', (_LITE,)),
    Query("sqlite with its schema", 'FROM "shop.sqlite".main.orders', (_LITE,)),
    Query("view inside sqlite", 'FROM "shop.sqlite".paid', (_LITE,)),
    Query("sqlite named .db", 'FROM "lite.db".orders', ("database:lite.db",)),
    Query(
        "both kinds of databases",
        'SELECT 1 FROM "shop.duckdb".orders JOIN "shop.sqlite".orders USING (id)',
        (_SHOP, _LITE),
    ),
    Query("database without its table", "FROM 'shop.duckdb'", code="NOT_ALLOWED"),
    Query("database without quotes", "FROM shop.duckdb.orders", code="NOT_ALLOWED"),
    Query("database that is hidden", 'FROM ".shop.duckdb".orders', code="NOT_ALLOWED"),
    Query("database in the store", 'FROM "store/shop.duckdb".orders', code="NOT_ALLOWED"),
    Query("database outside", 'FROM "../root-secret/shop.duckdb".t', code="NOT_ALLOWED"),
    Query("database behind an address", 'FROM "http://x/shop.duckdb".t', code="NOT_ALLOWED"),
    Query("database that is a folder", 'FROM "folder.db".t', code="NOT_ALLOWED"),
    Query(
        "catalogue of a database",
        'FROM "shop.duckdb".information_schema.tables',
        code="NOT_ALLOWED",
    ),
    Query("macro of a database", 'SELECT "shop.duckdb".twice(1)', code="NOT_ALLOWED"),
    Query("macro with its schema", 'SELECT "shop.duckdb".main.twice(1)', code="NOT_ALLOWED"),
    Query("table macro of a database", 'FROM "shop.duckdb".latest(1)', code="NOT_ALLOWED"),
    Query(
        "sequence of a database", """SELECT nextval('"shop.duckdb".numbers')""", code="NOT_ALLOWED"
    ),
    # Tables that are folders.
    Query("delta", "FROM delta_scan('lake/sales')", (_DELTA,)),
    Query("delta in capitals", "FROM DELTA_SCAN('lake/sales')", (_DELTA,)),
    Query("delta by a parameter", "FROM delta_scan($t)", (_DELTA,), {"t": "lake/sales"}),
    Query(
        "delta joined with a file and filtered by a parameter",
        """SELECT d.region, e.kind FROM delta_scan('lake/sales') d JOIN 'events.csv' e USING (id)
           WHERE d.id > $least""",
        (_DELTA, _EVENTS),
        {"least": 0},
    ),
    Query(
        "delta joined with itself by way of a cte",
        """WITH d AS (FROM delta_scan('lake/sales'))
           SELECT count(*) FROM d a JOIN d b USING (id)""",
        (_DELTA,),
    ),
    Query(
        "delta in a subquery", "SELECT (SELECT max(id) FROM delta_scan('lake/sales'))", (_DELTA,)
    ),
    Query(
        "delta without an alias", "SELECT delta_scan.id FROM delta_scan('lake/sales')", (_DELTA,)
    ),
    Query("delta with renamed columns", "SELECT a FROM delta_scan('lake/sales') d(a)", (_DELTA,)),
    Query(
        "delta that is pivoted",
        "PIVOT (FROM delta_scan('lake/sales')) ON region IN ('EU') USING sum(amount)",
        (_DELTA,),
    ),
    Query("iceberg", "FROM iceberg_scan('ice/main/sales')", (_ICEBERG,)),
    Query(
        "iceberg scanned twice",
        """WITH i AS (FROM iceberg_scan('ice/main/sales'))
           SELECT count(*) FROM i a JOIN i b USING (id)""",
        (_ICEBERG,),
    ),
    Query(
        "everything at once",
        """SELECT count(*) FROM delta_scan('lake/sales') d, iceberg_scan('ice/main/sales') i,
           "shop.duckdb".orders o, "shop.sqlite".orders s, views.events v, 'days.csv' f""",
        (_DELTA, _ICEBERG, _SHOP, _LITE, "view:events", _DAYS),
    ),
    Query("computed folder", "FROM delta_scan('lake/' || 'sales')", code="NOT_ALLOWED"),
    Query("list of folders", "FROM delta_scan(['lake/sales', 'lake/b'])", code="NOT_ALLOWED"),
    Query("delta at a version", "FROM delta_scan('lake/sales', version => 0)", code="NOT_ALLOWED"),
    Query("delta outside", "FROM delta_scan('../root-secret')", code="NOT_ALLOWED"),
    Query("delta behind an address", "FROM delta_scan('s3://bucket/sales')", code="NOT_ALLOWED"),
    Query("delta of a file", "FROM delta_scan('events.csv')", code="NOT_ALLOWED"),
    Query("delta as a value", "SELECT delta_scan('lake/sales')", code="PARSE_ERROR"),
)
