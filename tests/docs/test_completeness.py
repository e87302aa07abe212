"""Nothing of the surface is missing in the docs, and nothing in them leads nowhere."""

from __future__ import annotations

import re

import msgspec
import pytest
from jupyter_events.schema import EventSchema

from jupyter_views.app import ViewsApp
from jupyter_views.core.errors import BY_CODE
from jupyter_views.http.routes import ROUTES
from jupyter_views.kernel.grammar import OPTIONS, flags
from jupyter_views.kernel.showing import VERBS
from jupyter_views.wire.views import SCOPE_NOUNS

from .pages import HOME, PAGES, anchors, in_code, links, prose

REST = [page for page in map(PAGES.get, (
    "docs/rest.md", "docs/insights.md", "docs/sharing.md", "docs/dashboards.md",
    "docs/charts.md", "docs/endpoints.md", "docs/query-references.md",
)) if page is not None]  # fmt: skip
VERBS_OF_HTTP = ("get", "head", "post", "put", "patch", "delete")
ALIASES = ("api/v1/query/statement", "api/environments/")
ENVIRONMENTS = ("api/environments/", "api/projects/")
WORDS_NOT_HERE = (
    "powerful", "seamless", "blazing", "effortless", "simply", "easily", "magical", "robust",
    "cutting-edge", "state-of-the-art", "world-class", "please", "successfully",
)  # fmt: skip


def rest_prose():
    return "\n".join(prose(page) for page in REST)


def rest_words():
    return set().union(*(in_code(page) for page in REST))


def operations():
    for route in ROUTES:
        for verb in VERBS_OF_HTTP:
            operation = getattr(getattr(route.handler, verb, None), "operation", None)
            if operation is not None:
                yield route.path, verb.upper(), operation


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.path)
def test_every_address_is_on_the_rest_page(route):
    assert route.path.replace(*ENVIRONMENTS) in rest_words()


def test_every_verb_stands_beside_its_address_with_its_scope():
    page = rest_prose()
    gets = [operation for _, verb, operation in operations() if verb == "GET"]
    for path, verb, operation in operations():
        # HEAD of most addresses is their GET without a body.
        if path.startswith(ALIASES) or (verb == "HEAD" and operation in gets):
            continue
        rows = re.findall(rf"^\| `{re.escape(path)}` \| {verb} \| (.*?) \|", page, re.MULTILINE)
        assert len(rows) == 1, (path, verb, rows)
        if operation.scope is not None:
            assert f"`{operation.scope}`" in rows[0], (path, verb)


def test_every_parameter_and_field_is_on_the_rest_page():
    named = rest_words()
    words = {word for code in named for word in re.findall(r"[A-Za-z_0-9]+", code)}
    for path, verb, operation in operations():
        for kind in (operation.query, operation.body):
            for field in msgspec.structs.fields(kind) if kind is not None else ():
                assert field.encode_name in words, (path, verb, field.encode_name)


def test_every_error_that_can_reach_a_caller_is_on_the_rest_page_with_its_status():
    rows = dict(re.findall(r"^\| `([A-Z_]+)` \| (\d+) \|", rest_prose(), re.MULTILINE))
    package = HOME / "jupyter_views"
    sources = [path for path in package.rglob("*.py") if path != package / "core" / "errors.py"]
    named = {word for path in sources for word in re.findall(r"\w+", path.read_text())}

    reachable = {code: kind for code, kind in BY_CODE.items() if kind.__name__ in named}
    assert len(reachable) > 25
    assert rows == {code: str(kind.status) for code, kind in reachable.items()}


def test_every_event_is_on_the_rest_page_with_what_it_tells():
    page = rest_prose()
    for path in sorted((HOME / "jupyter_views" / "events").glob("*.yaml")):
        rows = re.findall(rf"^\| `{path.stem}` \| .*$", page, re.MULTILINE)
        schema = EventSchema(path)
        facts = schema.properties.keys() - {"short_id", "at"}
        assert len(rows) == 1, path.stem
        assert {f"`{fact}`" for fact in facts} <= set(re.findall(r"`\w+`", rows[0])), path.stem


def test_every_scope_is_on_the_rest_page():
    named = rest_words()
    for noun in SCOPE_NOUNS:
        assert {noun, f"{noun}:read", f"{noun}:write"} & named, noun


def test_every_setting_is_on_the_install_page_with_its_default():
    page = prose(PAGES["docs/install.md"])
    rows = dict(re.findall(r"^\| `([a-z_]+)` \| (.*?) \|", page, re.MULTILINE))
    own = {
        name: trait
        for name, trait in ViewsApp.class_traits(config=True).items()
        if trait.this_class is ViewsApp
    }

    assert rows.keys() == own.keys()
    app = ViewsApp()
    for name in own:
        value = getattr(app, name)
        if isinstance(value, bool):
            assert rows[name] == f"`{value}`", name
        elif isinstance(value, (int, float)):
            assert rows[name] == f"`{value:.0f}`", name
        elif isinstance(value, list):
            assert rows[name] == f"`{value}`", name


def test_every_option_and_verb_of_the_magics_is_on_the_first_view_page():
    words = {word for code in in_code(PAGES["docs/first-view.md"]) for word in code.split()}

    assert set(flags(OPTIONS)) <= words
    assert set(VERBS) <= words


def test_the_settings_that_the_security_page_names_exist():
    for name in re.findall(r"ViewsApp\.([a-z_]+)", prose(PAGES["docs/security.md"])):
        assert name in ViewsApp.class_trait_names(config=True)


@pytest.mark.parametrize("name", [*PAGES, "CHANGELOG.md"])
def test_links_lead_somewhere(name):
    page = HOME / name
    for link in links(page):
        if link.startswith("https://"):
            continue
        target, _, anchor = link.partition("#")
        file = (page.parent / target).resolve() if target else page
        assert file.exists(), link
        if anchor:
            assert anchor in anchors(file), link


@pytest.mark.parametrize("name", [*PAGES, "CHANGELOG.md"])
def test_pages_are_plain_sentences(name):
    text = prose(HOME / name)
    assert "!" not in text.replace("![", "[")
    for word in WORDS_NOT_HERE:
        assert not re.search(rf"\b{word}\b", text, re.IGNORECASE), word


@pytest.mark.parametrize("name", PAGES)
def test_headings_are_in_sentence_case(name):
    names = {"Jupyter", "Views", "REST", "DataFrame", "Python", "SQL", "DuckDB", "R", "Excel"}
    names |= {"Google", "Sheets", "LibreOffice"}
    for heading in re.findall(r"^#+ (.+)$", prose(PAGES[name]), re.MULTILINE):
        first, *others = heading.split()
        assert not first[0].islower(), heading
        assert all(word.islower() or word in names or word[0].isdigit() for word in others), heading
