"""What is refused of a training: roles that nobody has, wants that nobody offers, guides that were never taught."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from functools import partial
from typing import Any

from hydra.errors import InstantiationException
from omegaconf import OmegaConf

from retrieval_kd.app.check.attention import attention_problems, tokenizer_problems
from retrieval_kd.app.check.required_features import features
from retrieval_kd.app.check.roles import tower_problems, unteachable_problems
from retrieval_kd.app.check.scorers import encoder_begun
from retrieval_kd.app.check.stored import stored_problems
from retrieval_kd.app.cli.overrides import Override
from retrieval_kd.app.plan import roles
from retrieval_kd.app.plan.class_facts import fact
from retrieval_kd.app.plan.instantiate import SCORER, build, class_of
from retrieval_kd.app.plan.options import Options
from retrieval_kd.encoders.weights import locate
from retrieval_kd.errors import UserError
from retrieval_kd.scorers.record import kind_and_form

Node = Mapping[str, Any]


def train_problems(
    config: Node, overrides: Sequence[Override], options: Options, made_by: Mapping[str, Node]
) -> list[str]:
    """A sentence for each problem of one train stage's config; `made_by` are the configs of stages by name."""
    unknown = list(role_problems(config, options))
    built = {
        key: _built(key, config[key])
        for key in ("data", "optim", "curriculum", "loss")
        if not (unknown and key == "loss")
    }
    wrong = [problem for _, problem in built.values() if problem]
    objective = built.get("loss", (None, None))[0]
    return [
        *unknown,
        *wrong,
        *tied_problems(config, overrides),
        *(() if objective is None else want_problems(objective, config)),
        *(() if objective is None else attention_problems(objective, config)),
        *(() if objective is None else tokenizer_problems(objective, config, partial(encoder_begun, made_by=made_by))),
        *(() if objective is None else unteachable_problems(objective, config)),
        *tower_problems(config),
        *refresh_problems(config),
        *(() if objective is None else learner_problems(objective, config["optim"])),
        *(() if unknown else stored_problems(config, options)),
        *(() if unknown else untaught_problems(config)),
    ]


def role_problems(config: Node, options: Options) -> Iterator[str]:
    """Roles that a term, an echo or the curriculum names and nobody has, with the teacher or loss that would fit."""
    known = {"student", *roles.group(config), *roles.echoes(config)}
    lacking = {role: where for where, role in roles.named(config) if role not in known and where != roles.TOWER}
    for role, where in lacking.items():
        available = ", ".join(roles.group(config)) or "none"
        if role == roles.ONLY and roles.group(config):
            only = next(iter(roles.group(config)))
            explanation = f" means the group's only role, and the teacher group has {available}: set {where}={only}"
        elif role == roles.ONLY:
            explanation = (
                f" means the only role of the teacher group, which has none: set {_teachers(options, _has_one_role)}"
            )
        elif near := get_close_matches(role, known, n=1, cutoff=0.6):
            explanation = f": there is no role named {role}; did you mean {near[0]}?"
        else:
            wanted = set(lacking) | roles.read(config)
            explanation = (
                f": there is no role named {role}; available: {available}; {_choices(config, wanted, options)}"
            )
        yield f"{where}={role}{explanation}"


def _choices(config: Node, wanted: set[str], options: Options) -> str:
    """The teachers that have the wanted roles, and the losses that do with the roles there are."""
    teachers = _teachers(options, wanted.issubset)
    losses = [name for name in options.plain("loss") if _suits(name, config, options)]
    with_these = f", or with this teacher loss={' or loss='.join(losses)}" if losses else ""
    return f"set {teachers}{with_these}" if teachers else f"name one that is there{with_these}"


def _teachers(options: Options, fits: Callable[[set[str]], object]) -> str:
    """`teacher=a or teacher=b`: the options whose roles fit."""
    roles_of = {
        name: set(options.compose([f"teacher={name}"]).get("teacher") or {}) for name in options.plain("teacher")
    }
    fitting = [name for name, roles_there in roles_of.items() if fits(roles_there)]
    return f"teacher={' or teacher='.join(fitting)}" if fitting else ""


def _has_one_role(there: set[str]) -> bool:
    return len(there) == 1


def _suits(loss: str, config: Node, options: Options) -> bool:
    """Whether a loss names teachers, all of them there and offering what it wants of them."""
    chosen: Any = OmegaConf.to_container(options.compose([f"loss={loss}"]), resolve=True)
    there = roles.group(config)
    plain = roles.with_roles_named({"loss": chosen["loss"], "teacher": there})
    named = {role for _, role in roles.named(plain)} - {"student", *roles.echoes(plain)}
    if not named or not named <= set(there):
        return False
    objective, _ = _built("loss", plain["loss"])
    return objective is not None and not list(want_problems(objective, {"student": config["student"], **plain}))


def _built(key: str, node: Node) -> tuple[Any, str | None]:
    """What a light node builds, or why it cannot."""
    try:
        return build(node, key), None
    except UserError as error:
        return None, str(error)
    except InstantiationException as error:
        if isinstance(error.__cause__, ValueError | TypeError):
            return None, f"{key}: {error.__cause__}"
        raise


def tied_problems(config: Node, overrides: Sequence[Override]) -> Iterator[str]:
    """Weights given to a role that reads through another's encoder."""
    tied = list((config.get("loss") or {}).get("tied") or [])
    given_keys = {override.key for override in overrides}
    for role in tied[1:]:
        for key in ("checkpoint", "backbone", "layers", "shared"):
            path = f"teacher.{role}.{key}"
            value = (roles.group(config).get(role) or {}).get(key)
            if path in given_keys or (key == "checkpoint" and value is not None):
                yield (
                    f"{path}={value}: in this loss {role} reads through the encoder of {tied[0]} and has no weights of "
                    "its own: set loss=tight_coupling for a teacher apart"
                )


def want_problems(objective: Any, config: Node) -> Iterator[str]:
    """Features that a term wants of a role and its scorer does not offer; learners that have nothing to learn with."""
    nodes = {"student": config["student"], **roles.group(config)}
    for name, term in objective.terms.items():
        for role, wanted in features(objective, term).items():
            scorer: Any = class_of(nodes[role], SCORER)
            for feature in sorted(wanted - scorer.offers):
                instead = (
                    f": set loss.terms.{name}.over=list" if feature == "pool" and "scores" in scorer.offers else ""
                )
                yield (
                    f"loss.terms.{name} wants {feature} of {role}, and a {scorer.kind} scorer offers "
                    f"{', '.join(sorted(scorer.offers))}{instead}"
                )


def learner_problems(objective: Any, optim: Node) -> Iterator[str]:
    """Settings of a learner that is none."""
    for role in set(optim.get("learners") or {}) - objective.learners:
        yield f"optim.learners.{role}: no term trains {role}; the learners are {', '.join(sorted(objective.learners))}"


def refresh_problems(config: Node) -> Iterator[str]:
    """Lists that are to be mined anew by a student that does not rank by one vector a text."""
    every, student = (config.get("data") or {}).get("refresh_every"), str(config["student"].get("_target_"))
    if every is not None and fact(student, "ranker") != "dense":
        yield (
            f"data.refresh_every={every}: a student mines anew by one vector a text, and this one is "
            f"{fact(student, 'kind')}: leave it null, or set student=dual"
        )


def _brings_its_head(node: Node) -> bool:
    """Whether a backbone's folder holds a scorer of this kind: a sequence classifier, a sentence-transformer."""
    if not node.get("backbone"):
        return False
    try:
        return bool(kind_and_form(locate(str(node["backbone"])))[0] == class_of(node, SCORER).saved_as())
    except UserError:
        return False  # refused by a check of its own


def untaught_problems(config: Node) -> Iterator[str]:
    """Guides and judges with a fresh head that nobody trains: they teach noise."""
    learners = roles.learners(config)
    guides = {f"teacher.{role}": node for role, node in roles.group(config).items() if role not in learners}
    for path, node in (scorer for role, guide in guides.items() for scorer in roles.scorers(guide, role)):
        if node.get("checkpoint") is not None or _brings_its_head(node):
            continue
        kind = class_of(node, SCORER)
        if kind.head_of({kind.HEAD: node.get(kind.HEAD)}):
            yield (
                f"{path} has a head that was never trained, and no term trains it, so it teaches noise: give "
                f"{path}.checkpoint=<folder>, or leave experiment= out, which trains one first"
            )
