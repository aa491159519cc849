"""What is refused: exit status 2, one sentence that says what to write instead, nothing written."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Program = Callable[..., int]
ROOT = Path(__file__).parents[3]
REFUSED = [
    (["teacher=colbrt"], "teacher=colbrt: there is no such option; did you mean teacher=colbert?"),
    (["techer=colbert"], "techer=colbert: there is no key techer; did you mean teacher?"),
    (["experiment=tct"], "did you mean experiment=tct_colbert?"),
    (["optim.stepz=3"], "did you mean optim.steps?"),
    (["teacher.latte.scale=2"], "did you mean teacher.late.scale?"),
    (["loss.terms.kll.weight=2"], "did you mean loss.terms.kl.weight?"),
    (["~loss.terms.kll"], "did you mean loss.terms.kl?"),
    (["+student.pool=cls"], "student.pool: Dual has no argument pool; did you mean pooling?"),
    (["student.pooling=maximum"], "student.pooling=maximum: give cls or mean or mean_words or max or last"),
    (["optim.steps=many"], "optim.steps=many: give a whole number"),
    (["seed=one"], "seed=one: Value 'one'"),
    (["+at.trian.optim.lr=1"], "distil has no such stage; did you mean train?"),
    (["+at.train.optim.lrr=1"], "there is no key optim.lrr; did you mean optim.lr?"),
    (["stage=trian"], "stage=trian: distil has no such stage; did you mean train?"),
    (["fresh=trian"], "fresh=trian: distil has no such stage; did you mean train?"),
    (["data.negatives=1,2"], "several values are a sweep: add -m"),
    (["scorer=late"], "scorer is part of other groups' options"),
    (["+ranker@ranker.candidates=bm25"], "to put it inside another one, write an option file"),
    (["~student@elsewhere"], "to put it inside another one, write an option file"),
    (["ranker@ranker.dense=rerank"], "to put it inside another one, write an option file"),
    (["student={layers: 2}"], "give one option of this group"),
    (["--multirun", "optim.lr"], "optim.lr: give group=option or group.key=value"),
    (["seed=0", "colbert"], "colbert: give group=option or group.key=value"),
    (["corpus=beir", "~corpus.path"], "corpus.path"),
    (
        ["teacher=cross_encoder"],
        "loss.terms.kl.guide=late: there is no role named late; available: cross; set teacher=",
    ),
    (["loss.terms.kl.guide=lat"], "loss.terms.kl.guide=lat: there is no role named lat; did you mean late?"),
    (["teacher=none", "loss=listwise_kl"], "means the only role of the teacher group, which has none: set teacher="),
    (["teacher=cascade", "loss=listwise_kl"], "set loss.terms.kl.guide=late"),
    (["teacher.late.checkpoint=minilm"], "set loss=tight_coupling"),
    (["student=colbert", "ranker=dense"], "ranks by a dual student, and this one is late: give ranker=late"),
    (
        ["teacher=cross_encoder", "loss=listwise_kl", "loss.terms.kl.over=pool"],
        "loss.terms.kl wants pool of cross, and a cross scorer offers attention, layers, scores, states: set",
    ),
    (["loss.terms.kl.detach_guide=false", "~loss.terms.late_contrastive"], "detach_guide=false moves late"),
    (["machine.devices=3"], "data.queries_per_step=32 cannot be divided over 3 processes: give a multiple, such as 33"),
    (["machine.devices=0"], "machine.devices=0: give a number from 1 on"),
    (["machine.nodes=2"], "start this command on every node with torchrun"),
    (["data.queries_per_pool=5"], "no multiple of data.queries_per_pool=5"),
    (["tracking=wandb", "tracking.mode=onlin"], "tracking.mode=onlin: give offline or online"),
    (["save_every=0"], "save_every=0: give at least 1 step"),
    (["seed=-1"], "seed=-1: give a number from 0 on"),
    (["+at.train.seed=-2"], "seed=-2: give a number from 0 on"),
    (["student.dropout=1"], "student.dropout=1: give a number from 0 on, below 1"),
    (["student.query_length=2"], "student.query_length=2: give at least 3"),
    (["student.passage_length=600"], "student.passage_length=600: minilm reads 512 tokens at most"),
    (
        ["teacher=cross_encoder", "loss=listwise_kl", "teacher.cross.passage_length=500"],
        "teacher.cross.query_length=64 and teacher.cross.passage_length=500: minilm reads 512 tokens at most",
    ),
    (
        ["teacher=cross_encoder", "loss=word_and_sentence", "teacher.cross.word_attention=false"],
        "loss.terms.words reads the attention of cross: set teacher.cross.word_attention=true",
    ),
    (["teacher=stored", "loss=margin_mse", "teacher.stored.file=pyproject"], "file=pyproject: there is no such file"),
    (
        ["teacher=stored", "loss=listwise_kl", "data=dark", "teacher.stored.file=lost.trec"],
        "data.dark: teacher.stored looks scores up in a file",
    ),
    (
        ["experiment=adam", "teacher=colbert"],
        "there are: late; the recipe wires this itself: leave teacher= out, or experiment= (the default takes any)",
    ),
    (["evaluation.whom=everybody"], "evaluation.whom=everybody: give student or teacher"),
    (["data.candidates=lost.trec"], "data.candidates=lost.trec: there is no such file"),
    (["student.checkpoint=./lost"], "student.checkpoint=./lost: "),
    (["stages.train.run=trian"], "stages.train.run=trian: there is no such kind of stage; did you mean train?"),
    (["curriculum._target_=subprocess.Popen"], "give a class that an option of curriculum names"),
    (["--config-dir=lost"], "--config-dir=lost: there is no such folder"),
    (["--config-name=other"], "--config-name: there is one root config"),
    (["a=[1"], "a=[1: this is not key=value"),
    (["stage=${nothing}"], "nothing"),
    (["seed=${nothing}"], "nothing"),
    (["hydra/launcher=nothing"], "Could not find 'hydra/launcher/nothing'"),
    (["hydra.nothing=1"], "Could not override 'hydra.nothing'"),
    (["-m", "teacher=colbrt,dual", "seed=0,1"], "teacher=colbrt: there is no such option"),
    (["-m", "experiment=glob(nothing*)"], "nothing"),
]


@pytest.mark.slow  # each looks through the options for what would do
@pytest.mark.parametrize(("words", "message"), REFUSED, ids=[" ".join(words) for words, _ in REFUSED])
def test_what_can_be_mended_is_refused_with_what_to_write_instead(
    program: Program, capsys: pytest.CaptureFixture[str], tmp_path: Path, words: list[str], message: str
) -> None:
    assert program(*words) == 2
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error
    assert list(tmp_path.iterdir()) == []


def test_all_faults_are_told_together(program: Program, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("teacher=colbrt", "optim.stepz=3", "loss=x")
    assert program(*words) == 2
    assert len(capsys.readouterr().err.splitlines()) == 3
    assert program("machine.devices=3", "optim.stepz=3", "data.candidates=lost.trec", "teacher.late.layers=2") == 2
    assert len(capsys.readouterr().err.splitlines()) == 4


def test_a_collection_that_is_not_given_is_asked_for(program: Program, capsys: pytest.CaptureFixture[str]) -> None:
    assert program("corpus.path=???") == 2
    assert "corpus.path is left to you: give corpus.path=…" in capsys.readouterr().err


def test_an_untaught_cross_encoder_is_refused_where_no_stage_trains_one(
    program: Program, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ("teacher=cross_encoder", "loss=listwise_kl", "stages.train.with=['data.candidates=${artifact:mined}']")
    assert program(*asked) == 2
    assert "teacher.cross has a head that was never trained" in capsys.readouterr().err


def in_a_process(*words: str, code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *words], capture_output=True, text=True, cwd=ROOT, timeout=120, check=False
    )


HEAVY = ("torch", "transformers", "pytorch_lightning", "wandb", "pandas", "faiss", "scipy", "bm25s", "numpy")


def test_help_lists_groups_and_options_and_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom retrieval_kd.app.main import run\n"
        f"run(sys.argv[1:])\nprint('heavy:', [name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = in_a_process("--help", code=code)
    assert done.returncode == 0
    assert "colbert* cross_and_previous cross_encoder" in done.stdout
    assert done.stdout.splitlines()[-1] == "heavy: []"


@pytest.mark.slow
def test_planning_imports_torch_at_most() -> None:
    code = (
        "import sys\nfrom retrieval_kd.app.main import run\n"
        f"run(sys.argv[1:])\nprint('heavy:', [name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = in_a_process("dry_run=true", "experiment=tct_colbert", code=code)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "heavy: ['torch', 'numpy']"


def test_train_py_gives_the_exit_status() -> None:
    done = subprocess.run(
        [sys.executable, "train.py", "teacher=colbrt"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "teacher=colbrt: there is no such option; did you mean teacher=colbert?\n"


def test_cfg_job_shows_every_key_with_its_value(program: Program, capsys: pytest.CaptureFixture[str]) -> None:
    assert program("--cfg", "job", "optim.steps=3") == 0
    assert "steps: 3" in capsys.readouterr().out
