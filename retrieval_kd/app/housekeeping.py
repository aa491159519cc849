"""`retrieval-kd verify`, `clean` and `replay`: what lies in the folder of artifacts, whole, wanted, or gone wrong."""

import json
import shlex
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from hydra import initialize_config_dir

from retrieval_kd.app.cli.arguments import CLEAN, DATA, REPLAY, VERIFY, Line
from retrieval_kd.app.cli.conf_folder import conf_folder
from retrieval_kd.app.cli.suggest import did_you_mean
from retrieval_kd.app.cli.user_errors import FAILED, refuse
from retrieval_kd.app.execute.clean import Removable, planned_by, removable, remove
from retrieval_kd.app.execute.verify import checked
from retrieval_kd.app.plan.compose_overrides import overrides_of, root_of
from retrieval_kd.app.plan.instantiate import build
from retrieval_kd.app.plan.options import Options
from retrieval_kd.app.plan.resolved_config import resolved
from retrieval_kd.app.plan.signatures import problems
from retrieval_kd.errors import UserError
from retrieval_kd.text.lines import at_home

_FOLDER = "artifacts"  # the key of the folder, and its default
_TRUTH = {"true": True, "false": False}


def verify(asked: Line) -> int:
    """Reads everything again and names what is damaged; exit status 1 where something is. Raises UserError."""
    root = _root(_settings(asked, VERIFY, (_FOLDER,)))
    entries = list(checked(root))
    damaged = [entry.damage for entry in entries if entry.damage]
    print("\n".join(damaged) if damaged else f"{root}: everything is what was written")
    size = _size(sum(entry.size for entry in entries))
    print(f"{len(entries)} artifacts and caches, {size} read, {len(damaged)} damaged")
    return FAILED if damaged else 0


def clean(asked: Line, search_path: Sequence[str], version: str) -> int:
    """Lists what no recipe refers to and removes it, once that is allowed. Raises UserError."""
    settings = _settings(asked, CLEAN, (_FOLDER, "caches", "yes"))
    root, caches, allowed = _root(settings), _truth(settings, "caches"), _truth(settings, "yes")
    with initialize_config_dir(str(conf_folder()), version_base=version):
        listed = list(removable(root, planned_by(Options(search_path)), caches=caches))
    _print_removable(root, listed)
    if listed and (allowed or _user_agrees()):
        gone = [entry for entry in listed if remove(entry)]
        print(f"removed {len(gone)} folders, {_size(sum(entry.size for entry in gone))}")
        for entry in listed:
            if entry not in gone:
                print(f"{entry.folder.name}: stays, another process is at it")
    return 0


def show_data(asked: Line, search_path: Sequence[str], version: str) -> int:
    """Prints what a collection holds; overrides of corpus.* say how it is read. Raises UserError."""
    from retrieval_kd.app.report.data_report import data_report, lines_of

    quoted = asked.place.replace("\\", "\\\\").replace('"', '\\"')
    texts = [f'corpus.path="{quoted}"', *asked.overrides]
    if other := [text for text in texts if not text.lstrip("+").startswith(("corpus=", "corpus."))]:
        raise UserError(f"{DATA} {other[0]}: takes overrides of the corpus alone, as in corpus.columns={{text: body}}")
    with initialize_config_dir(str(conf_folder()), version_base=version):
        options = Options(search_path)
        overrides = overrides_of(texts, options)
        root = root_of(overrides, options)
        refuse(problem for one in overrides if not one.chooses and (problem := options.problem_of_key(one, [root])))
        node = resolved(root)["corpus"]
        refuse(problems(node, "corpus"))
        command = shlex.join([f"corpus.path={asked.place}", *asked.overrides])
        report = data_report(build(node, "corpus"), asked.place, command=command, backbone="minilm")
    print(json.dumps(report, ensure_ascii=False, indent=1) if asked.as_json else "\n".join(lines_of(report)))
    return 0


def replay_step(asked: Line) -> int:
    """Runs a training step that went wrong again and prints what comes of it. Raises UserError."""
    from retrieval_kd.app.stages.replay import replay

    _settings(asked, f"{REPLAY} {asked.place}", ())
    print("\n".join(replay(Path(asked.place))))
    return 0


def _print_removable(root: Path, listed: Iterable[Removable]) -> None:
    listed = list(listed)
    for entry in listed:
        print(f"{_size(entry.size):>10}  {entry.folder.name}: {entry.why}")
    total = _size(sum(entry.size for entry in listed))
    print(f"{root}: {len(listed)} folders to remove, {total}" if listed else f"{root}: nothing to remove")


def _user_agrees() -> bool:
    """What the user answers; no, where nobody can be asked."""
    if not sys.stdin.isatty():
        print("nothing was removed: set yes=true to remove these")
        return False
    return input("Remove them? [y/N] ").strip().lower() in ("y", "yes")


def _settings(asked: Line, command: str, known: Sequence[str]) -> dict[str, str]:
    """The command's own key=value. Raises UserError for another key."""
    settings = {}
    for text in (*asked.overrides, *asked.hydra):
        key, _, value = text.partition("=")
        if key not in known:
            shown = ", ".join(f"{name}=" for name in known) or "no override"
            raise UserError(f"{command} {text}: takes {shown} alone{did_you_mean(key, known)}")
        settings[key] = value.strip("\"'")
    return settings


def _root(settings: Mapping[str, str]) -> Path:
    folder = at_home(settings.get(_FOLDER, _FOLDER))
    if not folder.is_dir():
        raise UserError(f"{_FOLDER}={folder}: there is no such folder; give the one that a run wrote to")
    return folder


def _truth(settings: Mapping[str, str], key: str) -> bool:
    value = settings.get(key, "false").lower()
    if value not in _TRUTH:
        raise UserError(f"{key}={settings[key]}: give true or false")
    return _TRUTH[value]


def _size(count: int) -> str:
    """Bytes as a person reads them."""
    size, units = float(count), ["B", "KiB", "MiB", "GiB", "TiB"]
    while size >= 1024 and len(units) > 1:
        size, units = size / 1024, units[1:]
    return f"{size:.0f} {units[0]}" if units[0] == "B" else f"{size:.1f} {units[0]}"
