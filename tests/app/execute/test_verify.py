"""What was sealed or cached is compared with its digests: when it is read, and by `verify`."""

from collections.abc import Callable
from pathlib import Path

import pytest

from retrieval_kd.app.execute import artifacts as folders
from retrieval_kd.app.execute.verify import checked
from retrieval_kd.app.main import run
from retrieval_kd.io.atomic import atomic_folder
from retrieval_kd.text.beir import Beir
from retrieval_kd.text.corpus import open_corpus

Program = Callable[..., int]
LADDER = "experiment=ladder"


def flip(path: Path) -> None:
    """Changes the last byte of a file."""
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def made(kind: str) -> list[Path]:
    return sorted(path for path in Path("artifacts").glob(f"{kind}-*") if not path.suffix)


@pytest.mark.parametrize("damage", [flip, lambda path: path.write_bytes(path.read_bytes()[:-1]), Path.unlink])
def test_a_stage_does_not_read_a_damaged_input(
    program: Program, capsys: pytest.CaptureFixture[str], damage: Callable[[Path], None]
) -> None:
    program(LADDER, "stage=lexical")
    (mined,) = made("mine")
    damage(mined / "payload" / "run.trec")
    capsys.readouterr()
    assert program(LADDER) == 2
    assert capsys.readouterr().err == (
        f"{mined}: payload/run.trec is not what was sealed there; make it again: the same command with fresh=lexical\n"
    )
    assert made("train") == []
    assert program(LADDER, "fresh=lexical") == 0


@pytest.mark.parametrize("name", ["metrics.json", "manifest.json"])
def test_a_table_is_not_made_of_a_damaged_evaluation(
    program: Program, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    program(LADDER)
    (judged, *_) = made("evaluate")
    path = judged / name
    path.write_text(path.read_text()[:-4])
    assert program(LADDER) == 2
    assert f"{judged}: {name} is not what was sealed there; make it again" in capsys.readouterr().err


def test_a_collection_that_is_damaged_is_read_from_its_source_again(
    collection: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source = Beir(path=collection, drop_same_id=False)
    before = open_corpus(source, tmp_path).digest
    (store,) = tmp_path.glob("corpus-*")
    flip(store / "passages" / "texts.bin")
    assert open_corpus(source, tmp_path).digest == before
    assert open_corpus(source, tmp_path).collection["p0"].text == "all about the heron"
    assert caplog.messages == [f"{store} is not what was written there (passages/texts.bin): it is made again"]


def test_what_comes_into_a_folder_later_is_no_damage(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = atomic_folder(tmp_path / "f", lambda aside: (aside / "x").write_text("1"))
    (folder / "later").write_text("2")
    atomic_folder(folder, lambda aside: (aside / "x").write_text("3"))
    assert (folder / "x").read_text() == "1"
    assert caplog.messages == []


def test_verify_names_all_that_is_damaged(program: Program, capsys: pytest.CaptureFixture[str]) -> None:
    program(LADDER)
    capsys.readouterr()
    assert run(["verify"]) == 0
    assert "everything is what was written" in capsys.readouterr().out
    (mined,), (store,) = made("mine"), made("corpus")
    flip(mined / "payload" / "run.trec")
    flip(store / "passages" / "ids.bin")
    assert run(["verify"]) == 1
    first, second, last = capsys.readouterr().out.splitlines()
    assert first == f"{store}: passages/ids.bin: not what was written there; made again when next read"
    assert second.startswith(
        f"{mined}: payload/run.trec is not what was sealed there; make it again: retrieval-kd corpus="
    )
    assert second.endswith("experiment=ladder fresh=lexical")
    assert last.endswith("2 damaged")


def test_the_manifest_covers_every_sealed_file(program: Program) -> None:
    program(LADDER)
    for one in (*made("train"), *made("mine"), *made("evaluate")):
        there = {path.relative_to(one).as_posix() for path in one.rglob("*") if path.is_file()}
        assert there - {"manifest.json"} == set(folders.read_manifest(one)["files"])


def test_verify_wants_a_folder_and_no_other_key(program: Program, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["verify"]) == 2
    assert "artifacts=artifacts: there is no such folder" in capsys.readouterr().err
    assert run(["verify", "teacher=none"]) == 2
    assert "verify teacher=none: takes artifacts= alone" in capsys.readouterr().err


def test_single_files_and_segments_are_verified_too(tmp_path: Path) -> None:
    import numpy as np

    from retrieval_kd.ranking.resume.shards import Shards, fill
    from retrieval_kd.scorers.embedding_cache import EmbeddingCache

    fill(Shards(tmp_path / "vectors-0", 8, 4), lambda rows: np.zeros((len(rows), 2), np.float32), label="rows")
    cache = EmbeddingCache(tmp_path / "memory-0")
    cache.add([b"0" * 16], np.ones((1, 2), np.float32))
    cache.write()
    assert [one.damage for one in checked(tmp_path)] == [None, None]
    flip(tmp_path / "vectors-0" / "00001.npy")
    (segment,) = (tmp_path / "memory-0").glob("*.npz")
    content = bytearray(segment.read_bytes())
    content[-200] ^= 1
    segment.write_bytes(content)
    assert [one.damage is not None for one in checked(tmp_path)] == [True, True]
    assert len(EmbeddingCache(tmp_path / "memory-0")) == 0
    assert not segment.exists()
