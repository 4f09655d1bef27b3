"""Files that are written whole or not at all, and that replace nothing but regular files."""

import os
import re
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows: drafts of killed processes stay
    fcntl = None  # type: ignore[assignment]

__all__ = ["check_replaceable", "replacing"]

_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
}


def check_replaceable(
    path: str | os.PathLike[str],
    sources: dict[str, str | os.PathLike[str]] | None = None,
    name: str = "The 'path' parameter",
) -> None:
    """Check that a file may be written: it does not exist, or is a regular file of its own.

    Parameters
    ----------
    path : str or path-like
        The file to write. Links are followed.
    sources : dict of str to path-like, default=None
        Files that are still to be read, by what they are: "the table". They must be other files.
    name : str, default="The 'path' parameter"
        What names the file, for errors.

    Raises
    ------
    ValueError
        If the path is a folder, device, pipe or socket, or one of the sources.
    """
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISREG(mode):
        kind = _KINDS.get(stat.S_IFMT(mode), "no file")
        raise ValueError(f"{name} must name a regular file. Got '{path}', which is {kind}.")
    for what, source in (sources or {}).items():
        if os.path.exists(source) and os.path.samefile(path, source):
            raise ValueError(
                f"{name} must name another file than {what}, which would be lost. Got '{path}'."
            )


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield an empty draft to write to, which replaces `path` if all goes well.

    A link stays a link, and the file that it points to is replaced. Drafts of the same file that
    killed processes left behind are removed.
    """
    check_replaceable(path)
    path = Path(os.path.realpath(path))
    if not path.parent.is_dir():
        raise FileNotFoundError(
            f"The folder of the 'path' parameter must exist. Got {str(path)!r}."
        )
    _remove_old_drafts(path)
    draft, lock = _new_draft(path)
    try:
        yield draft
        with open(draft, "r+b") as file:
            os.fsync(file.fileno())
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)
        if lock is not None:
            os.close(lock)


def _new_draft(path: Path) -> tuple[Path, int | None]:
    """A new file beside `path`, and the handle whose lock says that the file is in use."""
    while True:
        draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
        lock = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
        if fcntl is None:
            os.close(lock)
            return draft, None
        with suppress(OSError):  # of a file system without locks, where old drafts stay, too
            fcntl.flock(lock, fcntl.LOCK_EX)
        if draft.exists():
            return draft, lock
        os.close(lock)  # taken for an old draft before it was locked


def _remove_old_drafts(path: Path) -> None:
    """Remove drafts of `path` that no process holds: the system unlocks those of killed ones."""
    if fcntl is None:
        return
    of_path = re.compile(rf"\.{re.escape(path.name)}\.[0-9a-f]{{8}}\.tmp")
    with suppress(OSError):  # of a folder that cannot be listed
        for draft in map(path.with_name, filter(of_path.fullmatch, os.listdir(path.parent))):
            with suppress(OSError):  # it is locked, or gone, or no regular file
                handle = os.open(draft, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    if stat.S_ISREG(os.fstat(handle).st_mode):
                        draft.unlink()
                finally:
                    os.close(handle)
