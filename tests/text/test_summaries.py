"""What docstrings ask for, and what they may not give away."""

from retrieval_kd.text.python_source import Docstring
from retrieval_kd.text.summaries import Lengths, Task, body, summary, task_of

LENGTHS = Lengths(query_from=4, query_to=6, passage=5)


def task(**docstrings: str) -> Task:
    return task_of([Docstring(name, text) for name, text in docstrings.items()], lengths=LENGTHS)


def texts(of: Task) -> dict[str, str]:
    return {passage.id: passage.text for passage in of.passages}


def relevant(of: Task) -> dict[str, tuple[str, ...]]:
    return {query.id: query.relevant for query in of.judged}


def test_a_docstring_is_a_paragraph_and_the_rest() -> None:
    docstring = Docstring("a", "One\ntwo.\n  \n\nThree.\n\n    Four.")
    assert (summary(docstring), body(docstring)) == ("One two.", "Three.\n\n    Four.")
    assert (summary(Docstring("a", "One.")), body(Docstring("a", "One."))) == ("One.", "")


def test_a_summary_looks_for_the_rest_and_every_other_docstring_is_a_passage() -> None:
    result = task(
        f="Say it\nto everybody.\n\nOne two three four five.",
        short="Too short, it.\n\nOne two three four seven.",
        long="Much too long to be asked.\n\nOne two three four eight.",
        thin="Say it to somebody.\n\nOne two three four.",
        alone="Nothing else is said.",
    )
    assert [(query.id, query.text, query.relevant) for query in result.judged] == [
        ("f?", "Say it to everybody.", ("f",)),
        ("long?", "Much too long to be asked.", ("long",)),
    ]
    assert texts(result) == {
        "f": "One two three four five.",
        "short": "Too short, it.\n\nOne two three four seven.",
        "long": "One two three four eight.",
        "thin": "Say it to somebody.\n\nOne two three four.",
        "alone": "Nothing else is said.",
    }
    assert {passage.title for passage in result.passages} == {""}


def test_a_summary_that_stands_in_its_own_body_is_no_query() -> None:
    result = task(f="Say it to everybody.\n\nFirst say it, to everybody, twice.")
    assert result.judged == []
    assert texts(result) == {"f": "Say it to everybody.\n\nFirst say it, to everybody, twice."}


def test_a_summary_that_stands_in_a_foreign_passage_is_no_query() -> None:
    result = task(f="Say it to everybody.\n\nOne two three four five.", g="Now say it to everybody!")
    assert relevant(result) == {}


def test_a_leak_may_make_another_one() -> None:
    result = task(
        f="Say it to everybody.\n\nOne two three four five.",
        g="Now say it to everybody.\n\nOne two three four six.",
        h="Well, now say it to everybody.",
    )
    # h holds g's summary, so g stays whole; g then holds f's
    assert relevant(result) == {}
    assert relevant(
        task(
            f="Say it to everybody.\n\nOne two three four five.",
            g="Now say it to everybody.\n\nOne two three four six.",
        )
    ) == {
        "f?": ("f",),
        "g?": ("g",),
    }


def test_equal_bodies_are_one_passage_and_equal_queries_one_query() -> None:
    result = task(
        f="Say it to everybody.\n\nOne two three four five.",
        g="Say it to nobody.\n\nOne two three\nfour five!",
        h="say it to everybody\n\nSix seven eight nine ten.",
    )
    assert relevant(result) == {"f?": ("f", "h"), "g?": ("f",)}
    assert set(texts(result)) == {"f", "h"}


def test_queries_with_equal_or_near_equal_bodies_fall_in_one_split() -> None:
    numbered = {
        f"f{number}": f"Say number {number} here.\n\nOne two three four five six seven {number}."
        for number in range(40)
    }
    apart = {f"g{number}": f"Tell number {number} there.\n\n" + f"w{number} " * 8 for number in range(40)}
    splits = {query.id: query.split for query in task(**numbered, **apart).judged}
    assert len({splits[f"{name}?"] for name in numbered}) == 1
    assert {splits[f"{name}?"] for name in apart} == {"train", "dev", "test"}


def test_others_are_what_nobody_was_asked() -> None:
    result = task(
        f="Say it to everybody.\n\nOne two three four five. Tell it to nobody here!\n\nSee there. A B C D",
        g="Nothing else is said.",
        h="Tell it to nobody here.",
    )
    assert result.unjudged == {
        "f?1": "One two three four five.",
        "f?2": "Tell it to nobody here!",
        "f?4": "A B C D",
        "g?0": "Nothing else is said.",
    }
