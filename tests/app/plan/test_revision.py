"""A verb's REVISION is raised when its code changes, since the key of an artifact must tell what made it."""

import pytest

from retrieval_kd.app.cli.schema import VERBS
from retrieval_kd.app.plan.revision import revision
from tests.app import revisions

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("verb", VERBS)
def test_the_code_of_a_verb_is_that_of_its_recorded_revision(verb: str) -> None:
    assert revisions.present()[verb] == revisions.recorded()[verb], (
        f"the code that {verb} depends on changed: raise REVISION in app/stages/{verb}.py if its numbers may change, "
        "then record it by `python -m tests.app.revisions` (with --same-numbers if they do not)"
    )


def test_a_revision_is_read_without_importing_the_verb() -> None:
    assert {verb: revision(verb) > 0 for verb in VERBS} == dict.fromkeys(VERBS, True)


def test_comments_layout_and_docstrings_are_no_code() -> None:
    bare = revisions.code("def f(x):\n    return x + 1\n")
    assert revisions.code('"""Why."""\n\ndef f(x):\n    """What."""\n    return (x  # here\n            + 1)\n') == bare
    assert revisions.code("REVISION = 7\ndef f(x):\n    return x + 1\n") == bare
    assert revisions.code("def f(x):\n    return x + 2\n") != bare
