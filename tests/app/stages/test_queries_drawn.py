"""Where a stage's draw begins: behind what its student's checkpoint was trained on."""

from pathlib import Path

import pytest

from retrieval_kd.app.stages import queries_drawn
from retrieval_kd.errors import UserError


def test_a_draw_begins_where_that_of_the_checkpoint_ended(tmp_path: Path) -> None:
    queries_drawn.note(tmp_path, queries_drawn=96)
    assert queries_drawn.begins(None, {"checkpoint": str(tmp_path)}) == 96
    assert queries_drawn.begins(0, {"checkpoint": str(tmp_path)}) == 0
    assert queries_drawn.begins(7, {"checkpoint": None}) == 7


def test_without_a_checkpoint_or_with_somebody_else_s_it_begins_at_the_first_query(tmp_path: Path) -> None:
    assert queries_drawn.begins(None, {"checkpoint": None}) == 0
    assert queries_drawn.begins(None, {"checkpoint": str(tmp_path)}) == 0
    assert queries_drawn.begins(None, {"checkpoint": "some/hub-id"}) == 0


def test_a_file_that_does_not_say_so_is_refused(tmp_path: Path) -> None:
    (tmp_path / queries_drawn.FILE).write_text("{}")
    with pytest.raises(UserError, match=r"does not say queries_drawn: give data\.start"):
        queries_drawn.begins(None, {"checkpoint": str(tmp_path)})
