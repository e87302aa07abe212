from __future__ import annotations

import pytest


@pytest.mark.parametrize(
    "make",
    [
        "import pandas; df = pandas.DataFrame({'a': [1, 2, 3]})",
        "import polars; df = polars.DataFrame({'a': [1, 2, 3]})",
        "import pyarrow; df = pyarrow.table({'a': [1, 2, 3]})",
    ],
)
def test_a_frame_named_in_from_is_read_by_the_server(kernel, make):
    kernel.run(make)

    ran = kernel.run("%%perspective Sum\nSELECT sum(a) AS total FROM df")

    assert ran.error is None, ran.error
    assert ran.shown[0]["text/plain"].splitlines()[3].strip() == "6"


def test_a_view_over_a_frame_survives_the_kernels_variable(kernel, server):
    kernel.run("import pandas; df = pandas.DataFrame({'a': [1, 2, 3]})")
    kernel.run("%%perspective Stays\nSELECT sum(a) AS total FROM df")
    kernel.run("del df")

    ran = kernel.run("%views refresh stays")

    assert ran.error is None, ran.error
    assert ran.shown[0]["text/plain"].splitlines()[3].strip() == "6"


def test_a_changed_frame_is_sent_again_and_an_unchanged_one_is_not(kernel, server):
    def versions():
        return server.request("GET", "views/api/v1/perspectives/changing").json()["version"]

    cell = "%%perspective Changing\nSELECT sum(a) AS total FROM df"
    kernel.run("import pandas; df = pandas.DataFrame({'a': [1]})")
    kernel.run(cell)
    kernel.run(cell)
    before = versions()

    kernel.run("df.loc[0, 'a'] = 10")
    ran = kernel.run(cell)

    assert before == 1
    assert ran.shown[0]["text/plain"].splitlines()[3].strip() == "10"
    assert versions() == 1, "new rows of a frame are no new definition"


def test_a_column_with_the_name_of_a_frame_is_no_frame(kernel):
    kernel.run("import pandas; day = pandas.DataFrame({'mixed': [1, object()]})")

    ran = kernel.run("%%perspective Column\nSELECT 5 AS day")

    assert ran.error is None, ran.error


def test_a_frame_that_arrow_cannot_hold_is_refused_by_column(kernel):
    kernel.run("import pandas; df = pandas.DataFrame({'mixed': [1, object()]})")

    ran = kernel.run("%%perspective Mixed\nFROM df")

    assert "mixed" in ran.error[0]
    assert ran.error[-1] == "Nothing was saved."


def test_put_stores_a_frame_under_a_name(kernel, server):
    kernel.run("import pandas; orders = pandas.DataFrame({'a': [1, 2]})")

    ran = kernel.run("%views put orders All my orders --tag mine")

    assert ran.error is None, ran.error
    assert "Saved as all-my-orders" in ran.shown[0]["text/plain"]
    view = server.request("GET", "views/api/v1/perspectives/all-my-orders").json()
    assert (view["row_count"], view["tags"]) == (2, ["mine"])


def test_put_of_something_else_names_the_frames_there_are(kernel):
    kernel.run("import pandas; orders = pandas.DataFrame({'a': [1, 2]})")

    assert kernel.run("%views put ordres Sales").error == [
        "ordres is no frame of this kernel.",
        "Did you mean orders?",
    ]
