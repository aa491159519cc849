"""A planted secret: the concepts of tests/planted.py, told in full to teachers and for a few queries to a student.

Two folders hold the same passages. The teacher's judges every phrasing of every pair of concepts but the dev and test
queries; the student's judges `JUDGED` queries and brings many more that nobody judged. What queries call a concept is
never what passages call it, so a student must learn both sides, from few labels or from its teacher.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from retrieval_kd.text.run import Run
from tests.planted import PAIRS, concept_words, write_judgments, write_lines

JUDGED = 20  # of the student's train queries
PHRASINGS = 4  # of each pair of concepts, other words of the same
TRAIN, DEV, TEST = range(75), range(75, 90), range(90, len(PAIRS))  # pairs: those of dev and test are nobody's in train
DEPTH = 60  # passages of each list, in an order that knows nothing
TWIN = "twin"  # p7twin is as relevant as p7, and the student's folder does not say so


@dataclass(frozen=True)
class Secret:
    """BEIR folders of student and teacher, a run for each over its train queries, and a run that knows the secret.

    `grades`: every passage for every train query of the student, its score the number of concepts that both name.
    """

    student: Path
    teacher: Path
    student_lists: Path
    teacher_lists: Path
    grades: Path


def write_secret(folder: Path, *, seed: int = 0) -> Secret:
    """Write it all; the same seed writes the same bytes."""
    chance = np.random.default_rng(seed)
    written, asked, beside = concept_words(chance)
    pairs = [PAIRS[place] for place in chance.permutation(len(PAIRS))]

    def text(form: np.ndarray, pair: tuple[int, int], fillers: int) -> str:
        words = [word for concept in pair for word in chance.permutation(form[:, concept])[:2]]
        return " ".join(map(str, chance.permutation([*words, *chance.permutation(beside[0])[:fillers]])))

    passages = {f"p{n}": text(written, pair, 4) for n, pair in enumerate(pairs)}
    passages |= {f"p{n}{TWIN}": text(written, pairs[n], 4) for n in range(JUDGED)}
    queries = {f"q{n}": text(asked, pair, 1) for n, pair in enumerate(pairs)}
    more = {f"q{n}again{k}": text(asked, pairs[n], 1) for k in range(1, PHRASINGS) for n in range(len(pairs))}
    trained = [f"q{n}" for n in TRAIN] + [name for name in more if _number(name) in TRAIN]
    every = [*trained, *(name for name in more if name not in trained)]
    both = {name: {f"p{_number(name)}", f"p{_number(name)}{TWIN}"} & set(passages) for name in every}

    def lists(names: Iterable[str], path: Path) -> Path:
        Run.of({name: _shuffled(chance, passages, first=both[name]) for name in names}).write(path)
        return path

    grades = {
        name: sorted(((other, _shared(pairs, name, other)) for other in passages), key=lambda row: -row[1])
        for name in trained
    }
    Run.of(grades).write(folder / "grades.trec")
    return Secret(
        student=_write(
            folder / "student",
            passages,
            {**queries, **{name: more[name] for name in more if name in grades}},
            {f"q{n}": {f"p{n}"} for n in range(JUDGED)},
        ),
        teacher=_write(folder / "teacher", passages, {**queries, **more}, both),
        student_lists=lists(trained, folder / "student.trec"),
        teacher_lists=lists(every, folder / "teacher.trec"),
        grades=folder / "grades.trec",
    )


def _write(
    folder: Path, passages: Mapping[str, str], queries: Mapping[str, str], train: Mapping[str, set[str]]
) -> Path:
    write_lines(folder / "corpus.jsonl", ({"_id": name, "title": "", "text": passages[name]} for name in passages))
    write_lines(folder / "queries.jsonl", ({"_id": name, "text": queries[name]} for name in queries))
    held = {split: {f"q{n}": {f"p{n}"} for n in numbers} for split, numbers in (("dev", DEV), ("test", TEST))}
    for split, judged in {"train": train, **held}.items():
        grades = {name: dict.fromkeys(sorted(relevant), 1) for name, relevant in judged.items()}
        write_judgments(folder / "qrels" / f"{split}.tsv", grades)
    return folder


def _shuffled(chance: np.random.Generator, passages: Iterable[str], *, first: set[str]) -> list[tuple[str, float]]:
    """DEPTH passages in a drawn order, `first` among them wherever they fall."""
    others = [str(name) for name in chance.permutation([name for name in passages if name not in first])]
    chosen = chance.permutation([*sorted(first), *others[: DEPTH - len(first)]])
    return [(str(name), float(DEPTH - rank)) for rank, name in enumerate(chosen)]


def _shared(pairs: list[tuple[int, int]], query: str, passage: str) -> float:
    return float(len(set(pairs[_number(query)]) & set(pairs[_number(passage)])))


def _number(name: str) -> int:
    """Which pair of concepts a query or passage is about."""
    return int("".join(letter for letter in name[1:].partition("again")[0] if letter.isdigit()))
