"""The habits around the code: make, the pins, the wheel, and what holds while tests run."""

import os
import re
import socket
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import requires, version
from pathlib import Path

import pytest
import torch
from jaxtyping import TypeCheckError
from packaging.requirements import Requirement

from retrieval_kd.scorers.dual import dot
from tests.conftest import NetworkRefused, stays_here
from tests.house.tree import ROOT, kept_files


def pins() -> dict[str, str]:
    lines = (ROOT / ".ci/constraints.txt").read_text().splitlines()
    return dict(line.lower().replace("_", "-").split("==") for line in lines if line and not line.startswith("#"))


def test_make_help_lists_every_target_with_a_sentence() -> None:
    targets = re.findall(r"^\.PHONY: (\S+)$", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    answer = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    listed = dict(re.findall(r"^  make (\S+) +(\S.*)$", answer, flags=re.MULTILINE))
    assert set(listed) == set(targets)
    assert all(sentence.endswith(".") for sentence in listed.values())


def test_make_alone_gives_help() -> None:
    answer = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "make train" in answer


def test_every_direct_requirement_is_pinned_within_its_range() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    needed = [Requirement(line) for line in [*project["dependencies"], *extras["weights"], *extras["dev"]]]
    outside = [str(need) for need in needed if not need.specifier.contains(pins()[need.name.lower().replace("_", "-")])]
    assert outside == []


def test_torch_is_pinned_to_one_version_and_any_build() -> None:
    assert re.fullmatch(r"[\d.]+", pins()["torch"])
    assert version("torch").split("+")[0] == pins()["torch"]


def test_the_installed_package_asks_for_what_pyproject_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = {Requirement(line).name.lower() for line in requires("retrieval-kd") or [] if "extra ==" not in line}
    assert asked == {Requirement(line).name.lower() for line in project["dependencies"]}


def test_the_wheel_carries_conf_and_the_command(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        (entries,) = (name for name in names if name.endswith("entry_points.txt"))
        commands = archive.read(entries).decode()
    options = {f"retrieval_kd/{name}" for name in kept_files() if name.startswith("conf/")}
    code = {name for name in kept_files() if name.startswith("retrieval_kd/")}
    assert options | code == {name for name in names if ".dist-info/" not in name}
    assert "retrieval-kd = retrieval_kd.app.main:main" in commands


def test_the_ci_script_can_be_run() -> None:
    assert os.access(ROOT / ".ci/run", os.X_OK)


def test_arrays_are_checked_against_their_annotations_in_this_very_run() -> None:
    assert dot(torch.ones(2, 4), torch.ones(3, 4)).shape == (2, 3)
    with pytest.raises(TypeCheckError):
        dot(torch.ones(2, 4), torch.ones(3, 5))


def test_a_test_can_reach_this_machine_and_no_other() -> None:
    assert stays_here("127.0.0.1")
    assert stays_here("::1")
    assert not stays_here("192.0.2.1")
    with pytest.raises(NetworkRefused, match=r"example\.invalid"):
        socket.create_connection(("example.invalid", 80), timeout=1)
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()):
        pass


def test_no_hub_and_no_tracking_service_is_asked() -> None:
    assert os.environ["HF_HUB_OFFLINE"] == "1"
    assert os.environ["WANDB_MODE"] == "offline"
