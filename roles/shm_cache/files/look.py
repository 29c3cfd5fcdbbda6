# ruff: noqa: INP001
"""Print as JSON what the role decides on: one look instead of a task for each question.

Arguments: the tmpfiles.d file, then the directories to look at, each after ``directory`` or ``sweep``.
"""

import json
import os
import stat
import sys
import time
from pathlib import Path

SHM = "/dev/shm"  # noqa: S108 - this one is the point
FLAGS = {"ro", "nosuid", "nodev", "noexec"}
# Empty by nature, not by a full disk.
EMPTY_BY_NATURE = (".lock", "__init__.py", "py.typed")


def read(path):
    try:
        return Path(path).read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""


def flags():
    """The flags of the mount on top."""
    mounts = [line.split() for line in read("/proc/self/mountinfo").splitlines()]
    options = [fields[5] for fields in mounts if fields[4] == SHM]
    return sorted(FLAGS & set(options[-1].split(","))) if options else None


def fstab():
    lines = [line for line in read("/etc/fstab").splitlines() if not line.lstrip().startswith("#")]
    found = [" ".join(line.split()) for line in lines if line.split()[1:2] == [SHM]]
    return found[-1] if found else ""


def is_private(path):
    """Whether *path* is a directory of root's alone."""
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return False
    return (status.st_mode, status.st_uid, status.st_gid) == (stat.S_IFDIR | 0o700, 0, 0)


def empty_files(directory):
    """Files without content, but for those that a running server is just writing."""
    for parent, _directories, names in os.walk(directory):
        for path in (Path(parent, name) for name in names if not name.endswith(EMPTY_BY_NATURE)):
            try:
                status = path.lstat()
            except FileNotFoundError:
                continue
            if stat.S_ISREG(status.st_mode) and not status.st_size and time.time() - status.st_mtime > 2:
                yield str(path)


tmpfiles, *rest = sys.argv[1:]
pairs = list(zip(rest[::2], rest[1::2], strict=True))
space = os.statvfs(SHM)
look = {
    "size": space.f_blocks * space.f_frsize,
    "free": space.f_bavail * space.f_frsize,
    "flags": flags(),
    "fstab": fstab(),
    "tmpfiles": read(tmpfiles),
    "not_private": [path for kind, path in pairs if kind == "directory" and not is_private(path)],
    "empty": sorted(path for kind, root in pairs if kind == "sweep" for path in empty_files(root)),
}
json.dump(look, sys.stdout)
