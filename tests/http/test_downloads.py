"""Rows as files, and windows of them: names, marks, odd columns, odd numbers, links."""

from __future__ import annotations

import csv
import io
import json
import re
from urllib.parse import quote, urlsplit

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

FORMATS = ("json", "ndjson", "csv", "arrow", "parquet")
NO_WINDOW = ("9" * 25, str(2**63), str(2**64), "-1", "1.5", "x", "")


async def result_path(api, sql: str, **fields) -> str:
    statement = await api.run(sql, **fields)
    assert statement["status"] == "SUCCESS", statement["error"]
    return f"api/v1/statements/{statement['id']}/result"


def links_of(answer) -> dict[str, str]:
    """Relations and addresses of a Link header, below ``views/``."""
    found = re.findall(r'<([^>]*)>; rel="(\w+)"', answer.headers["Link"])
    return {rel: href.partition("/views/")[2] for href, rel in found}


@pytest.mark.parametrize("format", FORMATS)
async def test_a_download_is_named_by_slug_day_and_format(api, format):
    await api.save("SELECT 1 AS a", "MAU by Region")
    path = f"api/v1/perspectives/mau-by-region/result?format={format}"

    shown = await api("GET", path)
    saved = await api("GET", f"{path}&download=true")

    day = saved.headers["X-Result-Computed-At"][:10].replace("-", "")
    assert saved.headers["Content-Disposition"] == (
        f'attachment; filename="mau-by-region_{day}.{format}"'
    )
    assert saved.body == shown.body
    assert saved.headers["Content-Type"] == shown.headers["Content-Type"]
    assert "Content-Disposition" not in shown.headers


async def test_a_download_that_was_cut_says_so_in_its_name(api):
    path = await result_path(api, "SELECT range AS n FROM range(100)", row_limit=3)
    statement_id = path.split("/")[3]
    body = {"name": "Cut", "statement_id": statement_id}
    assert (await api("POST", "api/v1/perspectives", body)).status == 201

    of_view = await api("GET", "api/v1/perspectives/cut/result?format=csv&download=true")
    of_statement = await api("GET", f"{path}?format=csv&download=true")

    day = of_view.headers["X-Result-Computed-At"][:10].replace("-", "")
    assert of_view.headers["Content-Disposition"] == (
        f'attachment; filename="cut_{day}_truncated.csv"'
    )
    assert of_statement.headers["Content-Disposition"] == (
        f'attachment; filename="{statement_id}_{day}_truncated.csv"'
    )
    assert of_view.headers["X-Truncated"] == "true"
    assert of_view.body == b"n\r\n0\r\n1\r\n2\r\n"


async def test_a_byte_order_mark_is_only_for_csv_and_only_when_asked_for(api):
    path = await result_path(api, "SELECT 'ü' AS a")

    marked = await api("GET", f"{path}?format=csv&bom=true")
    plain = await api("GET", f"{path}?format=csv&bom=false")

    assert marked.body == b"\xef\xbb\xbf" + plain.body
    assert plain.body == "a\r\nü\r\n".encode()
    assert marked.headers["Etag"] != plain.headers["Etag"]
    for format in ("json", "ndjson"):
        other = await api("GET", f"{path}?format={format}&bom=true")
        assert other.status == 200
        assert not other.body.startswith(b"\xef\xbb\xbf")
    assert (await api("GET", f"{path}?format=csv&bom=perhaps")).status == 422


async def test_guarded_cells_are_no_formulas_and_everything_else_stays(api):
    risky = ["=1+1", "+1", "-1", "@cmd", "\tx", "\rx", "=a,b"]
    harmless = ["a=1", " -1", "", "'quoted", "1-1"]
    values = ", ".join(f"({n}, $v{n}, -{n})" for n in range(len(risky + harmless)))
    params = {f"v{n}": value for n, value in enumerate(risky + harmless)}
    sql = f'SELECT v AS "=head", -k AS k FROM (VALUES {values}) t(k, v, minus) ORDER BY t.k'
    path = await result_path(api, sql, params=params)

    guarded = await api("GET", f"{path}?format=csv&guard=true")
    plain = await api("GET", f"{path}?format=csv")

    def cells(answer):
        return list(csv.reader(io.StringIO(answer.body.decode(), newline="")))

    numbers = [str(-n) for n in range(len(risky + harmless))]
    assert cells(guarded)[0] == ["'=head", "k"]
    assert [row[0] for row in cells(guarded)[1:]] == ["'" + cell for cell in risky] + harmless
    assert [row[1] for row in cells(guarded)[1:]] == numbers
    assert cells(plain)[0] == ["=head", "k"]
    assert [row[0] for row in cells(plain)[1:]] == risky + harmless
    assert guarded.headers["Etag"] != plain.headers["Etag"]


async def test_columns_may_be_a_json_list_and_so_hold_commas(api):
    path = await result_path(api, 'SELECT 1 AS "a,b", 2 AS "c d", 3 AS e')

    wanted = quote(json.dumps(["e", "a,b"]))
    listed = await api("GET", f"{path}?columns={wanted}")
    plain = await api("GET", f"{path}?columns={quote('c d,e')}")

    assert (listed.json["cols"], listed.json["rows"]) == (["e", "a,b"], [[3, 1]])
    assert [column["name"] for column in listed.json["types"]] == ["e", "a,b"]
    assert (plain.json["cols"], plain.json["rows"]) == (["c d", "e"], [[2, 3]])
    for broken in ('["e"', '["e", 5]', '[["e"]]'):
        answer = await api("GET", f"{path}?columns={quote(broken)}")
        assert (answer.status, answer.json["details"]["field"]) == (422, "columns")


async def test_an_unknown_column_is_refused_in_every_format_that_has_windows(api):
    path = await result_path(api, "SELECT 1 AS region")

    for format in ("json", "ndjson", "csv", "arrow"):
        answer = await api("GET", f"{path}?format={format}&columns=regoin")
        assert (answer.status, answer.json["error"]) == (400, "INVALID_COLUMNS")
        assert "regoin" in answer.json["message"]


async def test_equal_column_names_are_all_there_and_agree_with_their_types(api):
    path = await result_path(api, "SELECT 1 AS a, 'x' AS a, 2 AS b")

    for query, cols, types, rows in (
        ("", ["a", "a", "b"], ["integer", "string", "integer"], [[1, "x", 2]]),
        ("?columns=a", ["a", "a"], ["integer", "string"], [[1, "x"]]),
        ("?columns=b", ["b"], ["integer"], [[2]]),
        ("?columns=b,a", ["b", "a", "a"], ["integer", "integer", "string"], [[2, 1, "x"]]),
    ):
        answer = await api("GET", path + query)
        assert answer.json["cols"] == cols, query
        assert [column["name"] for column in answer.json["types"]] == cols
        assert [column["type"] for column in answer.json["types"]] == types
        assert answer.json["rows"] == rows


async def test_equal_column_names_lose_nothing_in_the_other_formats(api):
    path = await result_path(api, "SELECT 1 AS a, 'x' AS a, 2 AS b")

    lines = await api("GET", f"{path}?format=ndjson&columns=a")
    text = await api("GET", f"{path}?format=csv&columns=a")
    arrow = await api("GET", f"{path}?format=arrow&columns=a")
    parquet = await api("GET", f"{path}?format=parquet")

    assert list(json.loads(lines.body).values()) == [1, "x"]
    assert text.body == b"a,a\r\n1,x\r\n"
    table = pa.ipc.open_stream(arrow.body).read_all()
    assert [column.to_pylist() for column in table.columns] == [[1], ["x"]]
    assert list(pq.read_table(io.BytesIO(parquet.body)).to_pylist()[0].values()) == [1, "x", 2]


async def test_numbers_that_a_browser_would_round_come_as_text_when_asked_for(api):
    sql = (
        "SELECT 9007199254740993::BIGINT AS wide, 9007199254740991::BIGINT AS safe,"
        " -9007199254740993::BIGINT AS low, 1.10::DECIMAL(10, 2) AS exact,"
        " 170141183460469231731687303715884105727::HUGEINT AS huge, 7 AS small, NULL::BIGINT AS nil"
    )
    path = await result_path(api, sql)

    text = await api("GET", f"{path}?big=string")
    number = await api("GET", f"{path}?big=number")

    huge = 170141183460469231731687303715884105727
    assert text.json["rows"] == [
        ["9007199254740993", 9007199254740991, "-9007199254740993", "1.10", str(huge), 7, None]
    ]
    assert number.json["rows"][0][:3] == [9007199254740993, 9007199254740991, -9007199254740993]
    assert number.json["rows"][0][3:] == [1.1, huge, 7, None]
    assert (await api("GET", path)).body == number.body
    assert text.headers["Etag"] != number.headers["Etag"]
    assert (await api("GET", f"{path}?big=double")).status == 422


@pytest.mark.parametrize("name", ["limit", "offset"])
async def test_windows_out_of_range_are_refused_by_name_wherever_rows_are_read(api, name):
    view = await api.save("SELECT 1 AS a", "W")
    paths = [
        f"api/v1/statements/{view['request_id']}/result",
        "api/v1/perspectives/w/result",
        f"api/views/{view['short_id']}/result",
    ]
    for path in paths:
        for value in NO_WINDOW:
            answer = await api("GET", f"{path}?{name}={value}")
            assert answer.status == 422, (path, value, answer.body)
            assert answer.json["error"] == "VALIDATION"
            assert answer.json["details"]["field"] == name


@pytest.mark.parametrize("name", ["limit", "offset"])
async def test_pages_out_of_range_are_refused_by_name_in_every_list(api, name):
    for path in ("api/v1/statements", "api/v1/perspectives"):
        for value in NO_WINDOW:
            answer = await api("GET", f"{path}?{name}={value}")
            assert answer.status == 422, (path, value, answer.body)
            assert answer.json["details"]["field"] == name


@pytest.mark.parametrize("window", ["offset=3", f"offset={2**53}", "limit=0", "limit=0&offset=1"])
async def test_a_window_without_rows_is_empty_and_whole_in_every_format(api, window):
    path = await result_path(api, "SELECT range AS n, 'x' AS s FROM range(3)")

    answers = {f: await api("GET", f"{path}?format={f}&{window}") for f in FORMATS[:4]}

    for answer in answers.values():
        assert answer.status == 200, answer.body
        assert (answer.headers["X-Row-Count"], answer.headers["X-Total-Row-Count"]) == ("0", "3")
    assert answers["json"].json["rows"] == []
    assert answers["json"].json["cols"] == ["n", "s"]
    assert (answers["json"].json["row_count"], answers["json"].json["total_row_count"]) == (0, 3)
    assert answers["ndjson"].body == b""
    assert answers["csv"].body == b"n,s\r\n"
    table = pa.ipc.open_stream(answers["arrow"].body).read_all()
    assert (table.column_names, table.num_rows) == (["n", "s"], 0)


async def test_a_parquet_file_is_whole_whatever_window_is_asked_for(api):
    path = await result_path(api, "SELECT range AS n, 'x' AS s FROM range(3)")

    file = await api("GET", f"{path}?format=parquet&limit=1&offset=1&columns=n")

    table = pq.read_table(io.BytesIO(file.body))
    assert (table.column_names, table.num_rows) == (["n", "s"], 3)
    assert file.headers["X-Row-Count"] == "3"


async def test_following_the_links_reads_every_row_once_in_both_directions(api):
    path = await result_path(api, "SELECT range AS n, -range AS m FROM range(25)")
    first = await api("GET", f"{path}?limit=10&columns=n&format=json")

    seen, answer, offsets = [], first, []
    while True:
        seen += answer.json["rows"]
        links = links_of(answer)
        offsets.append(links)
        if "next" not in links:
            break
        answer = await api("GET", links["next"])

    assert seen == [[n] for n in range(25)]
    assert [sorted(links) for links in offsets] == [
        ["first", "last", "next"],
        ["first", "last", "next", "prev"],
        ["first", "last", "prev"],
    ]
    last = await api("GET", offsets[0]["last"])
    assert last.json["rows"] == [[n] for n in range(20, 25)]
    assert "next" not in links_of(last)
    assert (await api("GET", links_of(last)["first"])).body == first.body
    back = await api("GET", links_of(last)["prev"])
    assert back.json["rows"] == [[n] for n in range(10, 20)]


async def test_links_keep_what_else_was_asked_for_and_no_secret(api):
    await api.save("SELECT range AS n, 'a&b' AS \"x y\" FROM range(4)", "Linked")
    token = api._authorization.split()[1]

    answer = await api(
        "GET",
        f"api/v1/perspectives/linked/result?limit=2&format=csv&columns=x%20y&token={token}",
    )

    following = links_of(answer)["next"]
    assert following.startswith("api/v1/perspectives/linked/result?")
    assert "token" not in urlsplit(following).query
    again = await api("GET", following)
    assert again.body == b"x y\r\na&b\r\na&b\r\n"
    assert set(links_of(again)) == {"first", "prev", "last"}


async def test_a_page_that_ends_with_the_rows_has_no_next_and_the_last_page_is_not_empty(api):
    path = await result_path(api, "SELECT range AS n FROM range(20)")

    first = links_of(await api("GET", f"{path}?limit=10"))
    second = await api("GET", first["last"])
    whole = links_of(await api("GET", f"{path}?limit=20"))

    assert second.json["rows"] == [[n] for n in range(10, 20)]
    assert set(links_of(second)) == {"first", "prev", "last"}
    assert set(whole) == {"first", "last"}


async def test_lists_have_the_same_links(api):
    for number in range(5):
        await api.save(f"SELECT {number} AS n", f"View {number}")

    for path in ("api/v1/perspectives", "api/v1/statements"):
        first = await api("GET", f"{path}?limit=2")
        second = await api("GET", links_of(first)["next"])
        third = await api("GET", links_of(second)["next"])
        ids = [item["id"] for page in (first, second, third) for item in page.json["items"]]
        assert len(set(ids)) == 5
        assert "prev" not in links_of(first)
        assert "next" not in links_of(third)
        assert (await api("GET", links_of(second)["prev"])).json["items"] == first.json["items"]
