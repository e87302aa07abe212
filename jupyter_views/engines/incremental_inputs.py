"""What the parts of a query were made of, and whether that is still so."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable

import duckdb
import msgspec
from msgspec import Struct, structs

from ..core.ports import Draft, Read, Signature
from . import paths, sources, tokens
from .finding import Finder
from .incremental_plan import Rewritten
from .incremental_state import Known, Part
from .incremental_trees import NotIncremental
from .protocol import pack_value

_FORMAT = 1


class Inputs(Struct, frozen=True, kw_only=True):
    """All that the parts of a query depend on, at the time of a run.

    Attributes
    ----------
    identity
        Equal as long as parts may stand beside each other.
    pattern, statics
        Signatures of the files that have parts, and of everything else.
    names
        In the pattern's signature, by the path under which a file is read.
    size
        Bytes of all files of the pattern.
    """

    identity: str
    pattern: Signature
    statics: tuple[Signature, ...]
    names: dict[str, str]
    size: int

    def usable(self, known: Known) -> dict[str, Part]:
        """The parts that are proved to be what would be made now."""
        if self.identity != known.identity or sources.moved(known.statics, self.statics) != ():
            return {}
        entries = dict(self.pattern.entries)
        return {
            path: part
            for path, part in known.files.items()
            if path in self.names and _is_proved(part.token, entries[self.names[path]])
        }

    def trusted(self, known: Known, after: Iterable[Signature]) -> Known:
        """The state with tokens for its new parts, as far as they prove anything.

        Parameters
        ----------
        after
            Signatures of the same reads, taken after the parts were made.

        Raises
        ------
        NotIncremental
            An input moved while it was read: nobody knows what the parts hold.
        """
        now = {(signature.kind, signature.name): signature for signature in after}
        statics = [now[signature.kind, signature.name] for signature in self.statics]
        if sources.moved(self.statics, statics) != ():
            raise NotIncremental("has inputs that move")
        was = dict(self.pattern.entries)
        entries = dict(now[self.pattern.kind, self.pattern.name].entries)
        files = dict(known.files)
        for path, part in known.files.items():
            if not part.token:
                name = self.names[path]
                token = self._token(was[name], entries.get(name, ""))
                files[path] = structs.replace(part, token=token)
        return structs.replace(known, files=files)

    def _token(self, was: str, now: str) -> str:
        """The token to keep for a file that was read between two looks."""
        if not _is_proved(was, now):
            return ""
        token = tokens.parse(was)
        if self.pattern.strength == "exact" and not token.is_doubted:
            return was
        return tokens.written("", token.content)


def _is_proved(kept: str, now: str) -> bool:
    """Whether a file is surely the one that a token was kept for; see :class:`Part`."""
    was, new = tokens.parse(kept), tokens.parse(now)
    if was.content and new.content:
        return was.content == new.content
    return bool(was.stamps) and was.stamps == new.stamps


def inputs_of(
    finder: Finder,
    query: Rewritten,
    draft: Draft,
    before: Iterable[Signature],
) -> Inputs:
    """Look at the inputs of a query.

    Parameters
    ----------
    finder
        Of the files that queries may read.
    draft
        With its parameter values as they are bound; the process stands in its
        ``base_dir``.
    before
        Signatures of its reads.

    Raises
    ------
    NotIncremental
        An input cannot be verified, or its files come and go.
    """
    known = {(signature.kind, signature.name): signature for signature in before}
    pattern = _signature(query.pattern, known)
    names, size = _names(finder, query.pattern)
    if sorted(names.values()) != sorted(name for name, _ in pattern.entries):
        raise NotIncremental("has files that come and go")
    used = sorted(query.part.parameters & draft.params.keys())
    values = [(name, draft.params[name]) for name in used]
    facts = (
        (duckdb.__version__, _FORMAT),
        (query.pattern.path, os.getcwd()),
        query.part.text,
        [(name, type(value).__name__, pack_value(value)) for name, value in values],
        query.looks,
    )
    return Inputs(
        identity=hashlib.sha256(msgspec.json.encode(facts)).hexdigest(),
        pattern=pattern,
        statics=tuple(_signature(read, known) for read in query.statics),
        names=names,
        size=size,
    )


def _signature(read: Read, known: dict[tuple[str, str], Signature]) -> Signature:
    signature = known.get((read.kind, read.name))
    if signature is None or signature.strength not in ("exact", "content"):
        raise NotIncremental(f"reads {paths.shown(read.name)}, which cannot be verified")
    return signature


def _names(finder: Finder, pattern: Read) -> tuple[dict[str, str], int]:
    """The files' names in a signature, by the paths under which they are read; their bytes."""
    # Relative where the query is: folders further up could look like columns.
    here = "" if os.path.isabs(pattern.name) else os.path.join(os.getcwd(), "")
    names, size = {}, 0
    for name, path, status in finder.files(pattern):
        names[path[len(here) :] if here and path.startswith(here) else path] = name
        size += status.st_size if status is not None else 0
    return names, size
