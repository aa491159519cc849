"""Following a teacher that knows the planted secret, the student of every guided recipe beats both of its controls.

The controls take as many steps over the same lists: no teacher, and the same recipe with what its teacher says of a
query's candidates shuffled within its list.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pytest

from tests.recipes.classroom import Classroom
from tests.recipes.test_recipes import recipes

pytestmark = pytest.mark.slow

CLEARLY = 0.12  # of nDCG@10
NO_TEACHER = ("distil", "baseline")  # recipes that follow nobody, or whomever the command line says
SHUFFLED = "loss.shuffle=0"


@dataclass(frozen=True)
class Job:
    """What is run of a recipe: the stages in which the student learns, and what is said of them.

    `teachers`: which stage of the recipe makes a teacher of which kind. `last`: the last rank that a negative has.
    """

    words: tuple[str, ...] = ()
    stages: tuple[str, ...] = ("distil",)
    teachers: Mapping[str, str] = field(default_factory=lambda: {"ranker": "cross_encoder", "taught": "cross_encoder"})
    negatives: int = 15
    last: int = 60
    steps: int = 60
    lr: float = 5e-3

    @property
    def lists(self) -> tuple[str, ...]:
        """What a control without a teacher shares with it."""
        return (
            f"optim.steps={self.steps * len(self.stages)}",
            f"optim.lr={self.lr}",
            f"data.negatives={self.negatives}",
            f"data.last={self.last}",
        )


LATE = {"teacher": "colbert", "teacher_again": "colbert", "late": "colbert"}
JOBS = {
    "adam": Job(),
    "aligned": Job(teachers={"teacher": "dual"}),
    "cl_drd": Job(stages=("coarse", "finer", "finest"), steps=40),
    "ensemble": Job(teachers={**LATE, "ranker": "cross_encoder"}),
    "ernie_search": Job(stages=("cascade",), steps=120, lr=1e-2),
    "lead": Job(("++at.distil.optim.learners.late.lr=2e-4",), teachers=LATE, negatives=1, steps=80),
    "listwise_kl": Job(),
    "margin_mse": Job(steps=120),
    "md2pr": Job(),
    "prod": Job(stages=("from_bigger_cross",), last=15),  # as many as the stage before it keeps
    "rank_net": Job(),
    "tct_colbert": Job(teachers=LATE, negatives=1, steps=80),
}


def test_no_guided_recipe_is_forgotten() -> None:
    assert set(JOBS) == set(recipes()) - set(NO_TEACHER)


def test_the_teachers_know_the_secret(classroom: Classroom) -> None:
    qualities = {kind: classroom.quality(kind) for kind in ("dual", "colbert", "cross_encoder")}
    print(qualities)
    assert min(qualities.values()) > 0.6, qualities


def guided(classroom: Classroom, recipe: str, *more: str) -> float:
    """A student of the recipe, taught by planted teachers."""
    job, secret = JOBS[recipe], classroom.secret
    given = {stage: classroom.teacher(kind) for stage, kind in job.teachers.items()}
    given |= {"mined": secret.student_lists, "remined": secret.student_lists, "score": secret.grades}
    common = (f"optim.steps={job.steps}", f"optim.lr={job.lr}", "data.unjudged=true", *job.words, *more)
    if recipe == "cl_drd":  # its lists are its own: windows of what the secret ranks
        return classroom.student(job.stages, given, "experiment=cl_drd", *common, "data.queries_per_step=32")
    if recipe == "margin_mse":  # margins need a judged passage: what is graded is the rest
        return classroom.student(("train",), given, *graded(classroom), *job.lists, *more)
    return classroom.student(job.stages, given, f"experiment={recipe}", *job.lists, *common)


def graded(classroom: Classroom) -> tuple[str, ...]:
    """MarginMSE from a file of scores, lists of judged queries alone."""
    secret = classroom.secret
    stored = ("teacher=stored", f"teacher.stored.file={secret.grades}", "teacher.stored.scale=6.0")
    where = (f"data.candidates={secret.student_lists}", f"student.checkpoint={classroom.start}")
    return ("experiment=distil", "loss=margin_mse", *stored, *where, "data.queries_per_step=16")


@pytest.fixture(scope="module")
def alone(classroom: Classroom) -> Callable[[Job], float]:
    """The student without a teacher, at a job's steps and lists; trained once for all jobs that share them."""
    known: dict[tuple[str, ...], float] = {}

    def control(job: Job) -> float:
        given = {"mined": classroom.secret.student_lists}
        if job.lists not in known:
            known[job.lists] = classroom.student(
                ("again",), given, "experiment=baseline", "data.unjudged=true", *job.lists
            )
        return known[job.lists]

    return control


@pytest.mark.parametrize("recipe", JOBS)
def test_the_student_beats_no_teacher_and_a_shuffled_teacher(
    recipe: str, classroom: Classroom, alone: Callable[[Job], float]
) -> None:
    student = guided(classroom, recipe)
    control, shuffled = alone(JOBS[recipe]), guided(classroom, recipe, SHUFFLED)
    results = f"{recipe}: student {student:.3f}, no teacher {control:.3f}, shuffled {shuffled:.3f}"
    print(results)
    assert student > max(control, shuffled) + CLEARLY, results
