"""``jupyter views …``: the same views from a shell.

Data goes to standard output, talk to standard error. Exit status: 0 done, 1
our failure, 2 wrong usage, 3 not found, 4 refused, 5 not fresh where fresh
was required.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from . import _past, _sharing
from ._transport import NAMING
from ._version import __version__
from .client import NoAnswer, NoServer, NoSuchView, RefreshFailed, View, Views, connect
from .core.errors import Forbidden, Invalid, NotFound, Unauthenticated, ViewsError

EXAMPLE = "first_view.ipynb"


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="jupyter views")
@click.option("--url", help="Address of the server; found by itself when absent.")
@click.option(
    "--token",
    envvar="JUPYTER_VIEWS_TOKEN",
    help="API key or token; better kept in JUPYTER_VIEWS_TOKEN.",
)
@click.pass_context
def main(context: click.Context, url: str | None, token: str | None) -> None:
    """Named, versioned, refreshable views of a notebook's queries."""
    context.obj = (url, token)


@main.command()
@click.option("--no-browser", is_flag=True, help="Print the address and open nothing.")
@click.option("--port", type=int, help="Port to listen on; Jupyter's choice when absent.")
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("jupyter-views-demo"),
    show_default=True,
    help="Where the example and its data live; kept as it is when it is there.",
)
def demo(no_browser: bool, port: int | None, folder: Path) -> None:
    """Open JupyterLab on an example with real data."""
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / EXAMPLE
    if not target.exists():
        shutil.copyfile(_example(), target)
    arguments = [
        sys.executable,
        "-m",
        "jupyterlab",
        f"--ServerApp.root_dir={folder.resolve()}",
        f"--LabApp.default_url=/lab/tree/{EXAMPLE}",
    ]
    if no_browser:
        arguments.append("--no-browser")
    if port is not None:
        arguments.append(f"--port={port}")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        arguments.append("--allow-root")
    click.echo(f"Starting JupyterLab on {target}; the address follows.", err=True)
    os.execv(sys.executable, arguments)  # noqa: S606 every argument is ours


def _example() -> Path:
    package = Path(__file__).parent
    found = (folder / "examples" / EXAMPLE for folder in (package, package.parent))
    return next(path for path in found if path.exists())


@main.command("list")
@click.option("--stale", is_flag=True, help="Only views that are not fresh.")
@click.option("--search", help="Only views with this text in name, slug, tag or SQL.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.pass_obj
def list_views(
    server: tuple[str | None, str | None], stale: bool, search: str | None, as_json: bool
) -> None:
    """List the views that you may read."""
    with _views(server) as views:
        found = [v for v in views.list(search) if v.is_stale or not stale]
    if as_json:
        for view in found:
            click.echo(json.dumps(_facts(view)))
    elif sys.stdout.isatty():
        _show_table(
            ("Slug", "Name", "Status", "Computed", "Owner"),
            (map(_cell, _facts(view).values()) for view in found),
        )
    else:
        for view in found:
            click.echo("\t".join(str(value) for value in _facts(view).values()))


@main.command()
@click.argument("slug")
@click.option("--rows", type=int, help="Rows at most; all when absent.")
@click.option(
    "--format",
    "kind",
    type=click.Choice(["csv", "ndjson", "table"]),
    help="table on a terminal, csv elsewhere.",
)
@click.option("--require-fresh", is_flag=True, help="Exit with 5 when the rows are not fresh.")
@click.pass_obj
def show(
    server: tuple[str | None, str | None],
    slug: str,
    rows: int | None,
    kind: str | None,
    require_fresh: bool,
) -> None:
    """Print the rows of a view."""
    with _views(server) as views:
        view = views[slug]
        if require_fresh and view.is_stale:
            click.echo(f"{slug} is stale: {view.reason}.", err=True)
            sys.exit(5)
        kind = kind or ("table" if sys.stdout.isatty() else "csv")
        if kind == "table":
            _show_table(view.columns, (map(_cell, row) for row in view.rows(rows)))
            return
        for piece in view.text(kind, limit=rows):
            click.get_binary_stream("stdout").write(piece)


@main.command()
@click.argument("slug")
@click.option("--wait", type=float, default=60.0, show_default=True, help="Seconds to wait.")
@click.pass_obj
def refresh(server: tuple[str | None, str | None], slug: str, wait: float) -> None:
    """Run a view's query now."""
    with _views(server) as views:
        view = views[slug]
        view.refresh(wait=wait)
        click.echo(repr(view), err=True)


@main.command()
@click.argument("slug")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.pass_obj
def history(server: tuple[str | None, str | None], slug: str, as_json: bool) -> None:
    """List the refreshes and the versions of a view, newest first."""
    with _views(server) as views:
        view = views[slug]
        refreshes, versions = view.history(), view.versions()
    if as_json:
        click.echo(json.dumps({"refreshes": refreshes, "versions": versions}))
        return
    click.echo(f"{_past.history_text(refreshes)}\n\n{_past.versions_text(versions)}")


@main.command()
@click.argument("slug")
@click.option("--before", metavar="ID", help="The earlier refresh, or version.")
@click.option("--after", metavar="ID", help="The later one; the current one when absent.")
@click.option("--key", metavar="COLUMN,COLUMN", help="What identifies a row; guessed when absent.")
@click.option("--rows", type=click.IntRange(0, 1000), default=100, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.pass_obj
def diff(
    server: tuple[str | None, str | None],
    slug: str,
    before: str | None,
    after: str | None,
    key: str | None,
    rows: int,
    as_json: bool,
) -> None:
    """Show what changed: the rows at the last change, or between two refreshes or versions."""
    try:
        numbers = _past.version_numbers(before, after)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    columns = [name.strip() for name in key.split(",")] if key else None
    with _views(server) as views:
        view = views[slug]
        if numbers is not None:
            lines = view.sql_diff(*numbers)
            click.echo(json.dumps(lines) if as_json else _past.sql_diff_text(lines))
            return
        found = view.diff(before, after, key=columns, limit=rows)
    click.echo(json.dumps(asdict(found), default="{:f}".format) if as_json else str(found))


@main.command()
@click.argument("slug")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.pass_obj
def log(server: tuple[str | None, str | None], slug: str, as_json: bool) -> None:
    """Show what was noticed about a view and what was done, oldest first."""
    with _views(server) as views:
        lines = views[slug].log()
    if as_json:
        for line in reversed(lines):
            click.echo(json.dumps(line))
    elif lines:
        click.echo(_past.log_text(lines))


@main.command()
@click.argument("slug")
@click.argument("version", type=click.IntRange(min=1))
@click.option("--note", help="For the version history.")
@click.pass_obj
def restore(
    server: tuple[str | None, str | None], slug: str, version: int, note: str | None
) -> None:
    """Bring an earlier version back as a new one."""
    with _views(server) as views:
        view = views[slug].restore(version, note)
        click.echo(f"Version {view.version} is version {version} again.", err=True)


@main.command()
@click.argument("slug")
@click.option(
    "--expires",
    metavar="TIME",
    default=_sharing.EXPIRES,
    show_default=True,
    help="How long the link works, such as 12h, or never.",
)
@click.option("--password", is_flag=True, help="Make a password and print it after the address.")
@click.pass_obj
def share(server: tuple[str | None, str | None], slug: str, expires: str, password: bool) -> None:
    """Make a link that anyone may open, and print its address."""
    try:
        _sharing.end_of(expires)
    except Invalid as error:
        raise click.UsageError(f"{error} {error.hint}") from None
    with _views(server) as views:
        made = views[slug].share(expires, password or None)
    click.echo(_sharing.told(made), err=True)
    for line in filter(None, (made.url, made.password)):
        click.echo(line)


@main.command()
@click.argument("slug")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def revoke(server: tuple[str | None, str | None], slug: str, yes: bool) -> None:
    """End the link of a view: its address opens nothing any more."""
    if not yes and not sys.stdin.isatty():
        raise click.UsageError("Nobody can be asked here: say --yes.")
    with _views(server) as views:
        view = views[slug]
        found = view.link
        if found is None:
            raise NotFound(f"{slug} has no link.")
        words = f"Revoke the link of {slug}, {_sharing.opened_words(found)}?"
        if not yes and not click.confirm(words, err=True):
            click.echo("Nothing was changed.", err=True)
            sys.exit(1)
        view.revoke()


@main.command()
@click.option(
    "--store",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the store; found by itself when absent.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.pass_obj
def doctor(server: tuple[str | None, str | None], store: Path | None, as_json: bool) -> None:
    """Check server, store, machine and views; say what to do. Exit with 1 for a problem."""
    from ._doctor import examine

    report = examine(*server, store)
    if as_json:
        click.echo(json.dumps(report.to_dict()))
    else:
        findings = ((f.state, f.about, f.text, f.next or "") for f in report.findings)
        if sys.stdout.isatty():
            _show_table(("State", "About", "What was found", "Next"), findings)
        else:
            for finding in findings:
                click.echo("\t".join(finding))
    if not report.is_healthy:
        sys.exit(1)


@main.group()
def keys() -> None:
    """API keys: make, list and revoke them."""


@keys.command("create")
@click.argument("label")
@click.option("--scope", "scopes", multiple=True, help="Such as perspective:read; repeatable.")
@click.option("--user", help="Whom the key speaks for; yourself when absent.")
@click.option("--days", type=int, default=90, show_default=True, help="Days until it expires.")
@click.pass_obj
def create_key(
    server: tuple[str | None, str | None],
    label: str,
    scopes: tuple[str, ...],
    user: str | None,
    days: int,
) -> None:
    """Make a key and print it: this once, and nowhere else."""
    with _views(server) as views:
        key = views.create_key(
            label, scopes or ("perspective:read",), user=user, expires_in_days=days
        )
    click.echo(f"{key['label']}: {', '.join(key['scopes'])}, until {key['expires_at']}", err=True)
    click.echo(key["key"])


@keys.command("list")
@click.pass_obj
def list_keys(server: tuple[str | None, str | None]) -> None:
    """List your keys, without their secrets."""
    with _views(server) as views:
        for key in views.api_keys():
            fields = (key["id"], key["prefix"], key["user"], key["label"], key["expires_at"])
            click.echo("\t".join(map(_cell, fields)))


@keys.command("revoke")
@click.argument("key_id")
@click.pass_obj
def revoke_key(server: tuple[str | None, str | None], key_id: str) -> None:
    """End a key: the next request with it is refused."""
    with _views(server) as views:
        views.revoke_key(key_id)


@contextmanager
def _views(server: tuple[str | None, str | None]) -> Iterator[Views]:
    try:
        views = connect(*server)
        yield views
        views.close()
    except (NoSuchView, NotFound) as error:
        _leave(error, 3)
    except (Forbidden, Unauthenticated) as error:
        _leave(error, 4)
    except RefreshFailed as error:
        _leave(error, 5)
    except (ViewsError, NoServer, NoAnswer) as error:
        _leave(error, 1)


def _leave(error: Exception, status: int) -> None:
    words = [str(error)]
    hint = getattr(error, "hint", None)
    if hint and hint not in words[0]:
        words.append(hint)
    for line in words:
        click.echo(line.replace(NAMING, "jupyter views --url http://localhost:8888 …"), err=True)
    sys.exit(status)


def _facts(view: View) -> dict[str, Any]:
    return {
        "slug": view.slug,
        "name": view.name,
        "status": view.status,
        "computed_at": view.computed_at.isoformat() if view.computed_at else None,
        "owner": view.owner,
    }


def _cell(value: Any) -> str:
    return "" if value is None else str(value)


def _show_table(names: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table()
    for name in names:
        table.add_column(Text(name))
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    Console().print(table)
