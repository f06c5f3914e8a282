"""What an operating system's error means for the local store: one table from errno to error."""

import errno
import os
from pathlib import Path

from platform_assets.core.errors import PlatformError
from resources.objects import failures

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_DENIED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
_SHAPE = frozenset(
    {errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.EEXIST, errno.ENOTEMPTY, errno.ENOENT}
)
_PASSING = frozenset({errno.EMFILE, errno.ENFILE, errno.EAGAIN, errno.ENOLCK, errno.ESTALE})


def translate_os_error(error: OSError, action: str, url: str, root: Path) -> PlatformError:
    """The platform's error for what the system said while doing `action` on `url` in the store at `root`.

    Anything unknown (a broken disk) is a `RefusedError`: a person must look.
    """
    number = error.errno or 0
    reason = f"{os.strerror(number)} in the folder {root}"
    if number in _PASSING:
        return failures.busy(action, url, reason)
    kind, advice = _advise(number, root)
    return failures.refused(action, url, reason, advice, kind=kind)


def _advise(number: int, root: Path) -> tuple[str, str]:
    if number in _FULL:
        return "full", f"free space on the disk of {root} or move the store, then run again"
    if number in _DENIED:
        return "denied", f"let this user read and write in {root}, then run again"
    if number in _SHAPE:
        return "path_taken", f"a file, link or folder below {root} is in the way: move it away"
    return "io", f"check the disk of {root}"
