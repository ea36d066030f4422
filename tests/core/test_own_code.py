"""What is told of errors of a user's own code."""

from __future__ import annotations

import pytest

from sqnn.core import is_own, raised


@pytest.mark.parametrize(("folder", "own"), [("projects", True), ("site-packages", False), ("dist-packages", False)])
def test_code_is_a_users_own_where_it_is_not_installed(folder: str, own: bool) -> None:
    file, space = f"/home/x/{folder}/made.py", {"__name__": "made"}
    exec(compile("def run():\n    raise SystemExit(3)", file, "exec"), space)  # type: ignore[arg-type]
    with pytest.raises(SystemExit) as caught:
        space["run"]()  # type: ignore[operator]
    assert caught.tb.tb_next is not None
    error = caught.value.with_traceback(caught.tb.tb_next)  # without this test, which is a user's own code as well
    assert is_own(error) is own
    assert raised(error) == f"SystemExit in line 2 of {file} (3)"
