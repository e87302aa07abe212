from __future__ import annotations

import json
import time

import duckdb

from jupyter_views.engines.catalog import GENERATORS, READERS, catalogue

from .stored_catalogue import STORED, current


def test_the_engine_offers_exactly_the_reviewed_functions():
    # Red after an upgrade: look at every name that is new or changed, decide,
    # then run python -m tests.engines.stored_catalogue.
    assert current() == json.loads(STORED.read_text("utf-8"))


def test_every_allowed_table_function_exists():
    with duckdb.connect() as connection:
        assert catalogue(connection).table_functions >= READERS | GENERATORS


def test_no_function_is_called_pure_whose_value_moves_by_itself():
    with duckdb.connect() as connection:
        known = catalogue(connection)
        names = [
            name
            for (name,) in connection.execute(
                "SELECT DISTINCT function_name FROM duckdb_functions() "
                "WHERE function_type IN ('scalar', 'macro') AND len(parameters) = 0 "
                "AND function_name NOT LIKE '\\_\\_%' ESCAPE '\\'"
            ).fetchall()
            if known.effects[name.lower()] == "pure"
        ]
        first = [_value(connection, name) for name in names]
        time.sleep(0.02)
        second = [_value(connection, name) for name in names]

    assert len(names) > 5
    assert dict(zip(names, first, strict=True)) == dict(zip(names, second, strict=True))


def _value(connection: duckdb.DuckDBPyConnection, name: str) -> str:
    try:
        return str(connection.execute(f'SELECT "{name}"()').fetchall())
    except duckdb.Error as error:
        return type(error).__name__


def test_what_depends_on_the_fixed_time_zone_alone_is_pure():
    zoned = "date_trunc date_part year month week strftime time_bucket date_diff timezone"
    with duckdb.connect() as connection:
        effects = catalogue(connection).effects

    for name in (*"+-", *zoned.split(), "make_timestamptz", "generate_series"):
        assert effects[name] == "pure", name


def test_what_asks_the_clock_or_the_session_is_volatile():
    clock = "now today current_date get_current_timestamp get_current_time current_localtimestamp"
    session = "current_database current_schema current_schemas getvariable txid_current"
    with duckdb.connect() as connection:
        effects = catalogue(connection).effects

    for name in (*clock.split(), *session.split(), "current_localtime", "transaction_timestamp"):
        assert effects[name] == "volatile", name


def test_macros_are_judged_by_what_they_call():
    with duckdb.connect() as connection:
        effects = catalogue(connection).effects

    assert effects["ago"] == "volatile"
    assert effects["pg_sleep"] == "denied"
    assert effects["get_block_size"] == "denied"
    assert effects["split_part"] == "pure"
    assert effects["json_group_object"] == "pure"


def test_functions_that_show_the_server_are_denied():
    with duckdb.connect() as connection:
        effects = catalogue(connection).effects

    for name in ("current_setting", "json_serialize_plan", "current_query", "write_log"):
        assert effects[name] == "denied", name
