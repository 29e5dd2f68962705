"""Writing files so that a kill, a crash or a full disk leaves the old file or the new one whole."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from facegen.errors import UserError

PARTIAL = ".partial"
"""How the name of a file that is still being written ends."""


def write_atomic(path: Path, data: bytes) -> None:
    """Write data to path: a temporary file beside it, fsync, rename, fsync of the folder.

    Raises OSError with the path as its filename; an older file of that name is then untouched.
    """
    # The process's number keeps an orphan of a killed run from writing into our temporary file.
    partial = path.with_name(f".{path.name}.{os.getpid()}{PARTIAL}")
    try:
        with open(partial, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
        _fsync_folder(path.parent)
    except OSError as error:
        reason = f"{error.strerror} while writing {len(data):,} bytes"
        raise OSError(error.errno, reason, str(path)) from error
    finally:
        # What a disk that has become read-only says of it would take the place of our own words.
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)


def check_target(path: Path, ending: str = "") -> None:
    """Make sure, before the long part, that a file can be written to path; makes its folder.

    Raises UserError where something else than a file is there, or another ending is asked for;
    OSError where the folder cannot be made or written to.
    """
    if ending and path.suffix.lower() != ending:
        raise UserError(f"{path}: written as {ending}; choose a name that ends so")
    # A link would be replaced and not followed: /dev/stdout is one.
    if path.is_symlink() or (path.exists() and not path.is_file()):
        raise UserError(f"{path}: not a file of its own; choose another name")
    make_folder(path.parent)


def make_folder(path: Path) -> None:
    """Make a folder, unless it is there, and make sure that files can be made in it.

    Raises UserError where something else is in its way; OSError, with the folder as its filename,
    where nothing can be written to it.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise UserError(f"{error.filename}: not a folder; choose another place") from error
    # Permissions alone do not tell: the whole disk may be read-only.
    probe = path / f".probe.{os.getpid()}{PARTIAL}"
    try:
        probe.touch()
        probe.unlink(missing_ok=True)
    except OSError as error:
        raise OSError(
            error.errno, f"{error.strerror} (nothing can be written)", str(path)
        ) from error


def _fsync_folder(folder: Path) -> None:
    """Make a rename in the folder outlive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_partial(folder: Path) -> None:
    """Remove what killed runs were writing; only for who holds the folder's lock."""
    for partial in folder.glob(f".*{PARTIAL}"):
        partial.unlink(missing_ok=True)


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the folder's lock; the kernel drops it when the process ends, however it ends.

    Raises UserError at once when another process holds it.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(
                f"{folder}: another process is writing here; wait for it, or choose another folder"
            ) from None
        yield
    finally:
        os.close(descriptor)
