"""The rows of the views that a run reads, lent to its worker for the time of the run.

Run workers see nothing of the store. What a run may read is linked into a
folder of its own, so that a result which is forgotten meanwhile stays whole.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Mapping

from ..core.errors import Gone


def lend(results_dir: str, inputs_dir: str, views: Mapping[str, str]) -> str:
    """Link stored results into a new folder; call in a thread.

    Parameters
    ----------
    views
        sha256 of the stored rows by slug.

    Returns
    -------
    str
        The folder; files are named ``{sha256}.arrow``. Empty text where a run
        reads no views.

    Raises
    ------
    Gone
        The rows of a view are not stored any more.
    """
    if not views:
        return ""
    folder = os.path.join(inputs_dir, secrets.token_hex(8))
    os.mkdir(folder, mode=0o700)
    try:
        for slug, sha256 in views.items():
            source = os.path.join(results_dir, sha256[:2], f"{sha256}.arrow")
            _link(source, os.path.join(folder, f"{sha256}.arrow"), slug)
    except BaseException:
        take_back(folder)
        raise
    return folder


def take_back(folder: str) -> None:
    """Remove what :func:`lend` gave; call in a thread."""
    if folder:
        shutil.rmtree(folder, ignore_errors=True)


def _link(source: str, target: str, slug: str) -> None:
    try:
        _link_or_copy(source, target)
    except FileExistsError:
        return  # two views with the same rows
    except (FileNotFoundError, IsADirectoryError):
        raise Gone(
            f'The rows of the view "{slug}" are not stored any more.',
            hint="Refresh that view, then run this again.",
            details={"view": slug},
        ) from None


def _link_or_copy(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except (FileExistsError, FileNotFoundError):
        raise
    except OSError:
        # Another file system, or one without links.
        shutil.copyfile(source, target)
