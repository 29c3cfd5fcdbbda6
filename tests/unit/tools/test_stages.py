"""The runner of the stages: nothing passes by running nothing, and every stage runs."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

TOOLS = Path(__file__).parents[3] / "tools"
MAKEFILE = """
good:; @echo ok one; echo ok two
tests:; @echo '=== 3 passed, 1 skipped in 0.12s ==='
nothing:; @echo all is well
no-tests:; @echo 'no tests ran in 0.01s'
broken:; @echo ok one; exit 3
not-ok:; @echo ok one; echo not ok two; exit 1
hidden:; @echo not ok two
tests-failed:; @echo '2 failed, 5 passed, 1 error in 61.00s (0:01:01)'; exit 1
boxed:; @echo '  | ======= 4 passed, 1 warning in 9.5s ======='; echo 'token 7 passed by'
"""


def stages(directory: Path, *names: str) -> tuple[int, list[str]]:
    """Exit code, and the lines of the summary."""
    (directory / "tools").mkdir()
    shutil.copy(TOOLS / "stages.sh", directory / "tools")
    (directory / "Makefile").write_text(MAKEFILE)
    done = subprocess.run(
        [directory / "tools" / "stages.sh", *names], cwd="/", check=False, capture_output=True, text=True
    )
    lines = done.stdout.splitlines()
    return done.returncode, lines[-len(names) - 1 :]


@pytest.mark.parametrize(
    ("stage", "passed", "failed", "result"),
    [
        pytest.param("good", 2, 0, "passed", id="lines"),
        pytest.param("tests", 3, 0, "passed, 1 skipped", id="pytest"),
        pytest.param("boxed", 4, 0, "passed", id="pytest within another tool's output"),
        pytest.param("nothing", 0, 1, "FAILED: it ran nothing", id="nothing"),
        pytest.param("no-tests", 0, 1, "FAILED: it ran nothing", id="pytest without tests"),
        pytest.param("broken", 1, 1, "FAILED (exit code 2)", id="a failure outside of any check"),
        pytest.param("not-ok", 1, 1, "FAILED (exit code 2)", id="a failed check"),
        pytest.param("hidden", 0, 1, "FAILED, though its exit code is 0", id="a failed check and exit code 0"),
        pytest.param("tests-failed", 5, 3, "FAILED (exit code 2)", id="failed tests and errors"),
        pytest.param("missing", 0, 1, "FAILED (exit code 2)", id="no such stage"),
    ],
)
def test_a_stage_is_counted(tmp_path: Path, stage: str, passed: int, failed: int, result: str) -> None:
    code, (line, total) = stages(tmp_path, stage)
    assert code == (1 if failed else 0)
    assert line.split()[0] == stage
    assert line.endswith(f"   {result}")
    assert total == f"{passed} passed, {failed} failed"


def test_all_stages_run_and_are_summed(tmp_path: Path) -> None:
    code, (*lines, total) = stages(tmp_path, "good", "broken", "tests")
    assert code == 1
    assert [line.split()[0] for line in lines] == ["good", "broken", "tests"]
    assert total == "6 passed, 1 failed"


@pytest.mark.parametrize(
    ("count", "command", "line"),
    [
        ("3", "true", "ok it (3 files)"),
        ("0", "true", "not ok it: it looked at no file"),
        ("3", "echo why; exit 4", "not ok it: `bash` ended with exit code 4"),
        ("-", "echo no issues found in 20 source files", "ok it (20 files)"),
        ("-", "echo in 1 file processed", "ok it (1 files)"),
        ("-", "echo nothing told", "not ok it: it looked at no file"),
    ],
)
def test_a_check_says_ok_only_where_it_looked_at_something(count: str, command: str, line: str) -> None:
    done = subprocess.run(
        [TOOLS / "check.sh", "it", count, "bash", "-c", command], check=False, capture_output=True, text=True
    )
    assert done.stdout.splitlines()[-1] == line
    assert (done.returncode == 0) == line.startswith("ok")
