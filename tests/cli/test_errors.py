"""What a user can cure is one line with the cure, without a traceback."""

from __future__ import annotations

import errno

import pytest
from sqlalchemy import exc

from callqa_assets import cli
from resources.storage.home import Home, HomeError


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (
            exc.OperationalError("BEGIN", {}, Exception("database is locked")),
            "error: the warehouse cannot be used now: database is locked; see whether another",
        ),
        (
            OSError(errno.ENOSPC, "No space left on device", "/data/callqa/lake"),
            "error: /data/callqa/lake: No space left on device; give callqa room",
        ),
        (HomeError("a cause: a cure"), "error: a cause: a cure"),
    ],
)
def test_a_fault_that_a_user_can_cure_is_one_line(error, told, monkeypatch, capsys):
    def fail() -> None:
        raise error

    monkeypatch.setattr(cli, "app", fail)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 1
    printed = capsys.readouterr().err
    assert printed.startswith(told)
    assert printed.count("\n") == 1


def test_an_error_of_the_program_keeps_its_traceback(monkeypatch):
    def fail() -> None:
        raise OSError(errno.EBADF, "Bad file descriptor")

    monkeypatch.setattr(cli, "app", fail)
    with pytest.raises(OSError, match="Bad file descriptor"):
        cli.main()


@pytest.mark.parametrize("below", ["", "deeper/still"])
def test_a_home_that_is_a_file_is_said_to_be_one(tmp_path, below):
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(HomeError, match="is a file; choose another folder"):
        Home(file / below).read_record()
