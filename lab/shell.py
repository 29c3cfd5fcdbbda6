"""Run commands; a failure says which command failed and shows what it printed."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

# How much of a failed command's own words an error repeats, in characters.
_TOLD = 2000


class LabError(RuntimeError):
    """Something the lab needs did not work; the message is for the user."""


def run(argv: Sequence[str], *, check: bool = True, quiet: bool = True, env: dict[str, str] | None = None) -> str:
    """The command's standard output. With *quiet* off, the command's own output goes to the terminal."""
    done = subprocess.run(
        list(argv),
        check=False,
        text=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE if quiet else None,
        stderr=subprocess.PIPE if quiet else None,
        env={**os.environ, **(env or {})},
    )
    if check and done.returncode:
        told = (done.stderr or "")[-_TOLD:]
        raise LabError(f"{' '.join(argv)} failed with exit code {done.returncode}\n{told}".rstrip())
    return done.stdout or ""


def succeeds(argv: Sequence[str]) -> bool:
    """Whether the command's exit code is 0."""
    return subprocess.run(list(argv), check=False, capture_output=True, stdin=subprocess.DEVNULL).returncode == 0


def wait_for(what: str, ready: Callable[[], bool], timeout: float = 30) -> None:
    """Poll *ready* until it holds; LabError names *what* did not come up in *timeout* seconds."""
    deadline = time.monotonic() + timeout
    while not ready():
        if time.monotonic() > deadline:
            raise LabError(f"{what} was not ready after {timeout:.0f} s")
        time.sleep(0.1)


def daemon_pid(pidfile: Path) -> int | None:
    """The process that *pidfile* names, if it still runs the program that was started under it."""
    try:
        pid, marker = pidfile.read_text().split(maxsplit=1)
        command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except (OSError, ValueError):
        return None
    return int(pid) if marker.strip() in command else None


def start_daemon(
    name: str, argv: Sequence[str], directory: Path, env: dict[str, str] | None = None, cwd: Path | None = None
) -> None:
    """Start *argv* in a session of its own unless it runs already; its log is NAME.log, its pid NAME.pid."""
    pidfile = directory / f"{name}.pid"
    if daemon_pid(pidfile):
        return
    with (directory / f"{name}.log").open("ab") as log:
        process = subprocess.Popen(
            list(argv),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env={**os.environ, **(env or {})},
            cwd=cwd,
        )
    pidfile.write_text(f"{process.pid} {argv[-1]}\n")


def stop_daemon(name: str, directory: Path, timeout: float = 60) -> None:
    """Stop what start_daemon has started, and only that."""
    pidfile = directory / f"{name}.pid"
    pid = daemon_pid(pidfile)
    if pid:
        os.kill(pid, signal.SIGTERM)
        wait_for(f"the end of {name}", lambda: daemon_pid(pidfile) is None or _is_zombie(pid), timeout)
    pidfile.unlink(missing_ok=True)


def _is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True
