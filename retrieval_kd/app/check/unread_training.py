"""What the groups of a train stage leave without effect in each other."""

from collections.abc import Iterator, Mapping
from typing import Any

from retrieval_kd.app.check.required_features import features
from retrieval_kd.app.plan import roles
from retrieval_kd.app.plan.instantiate import SCORER, build, class_of

Node = Mapping[str, Any]
Unread = Iterator[tuple[str, str]]
_POOLED = frozenset({"pool", "pool_layers"})
_SHOWS = {  # feature of a view → a loss that reads it
    "scores": "loss=listwise_kl",
    "pool": "loss=listwise_kl",
    "attention": "loss=word_and_sentence",
    "vectors": "loss=aligned",
    "layers": "loss=layers_list",
}


def unread_in_training(config: Node, *, ranked: bool) -> Unread:
    """Keys of a train stage that cannot act beside its others."""
    built = {group: build(config[group], group) for group in ("loss", "data", "curriculum", "optim")}
    yield from _of_query_weights(**built)
    yield from _of_lists(**built)
    yield from _of_optim(built["loss"], built["optim"])
    yield from _of_teachers(built["loss"], config)
    yield from _of_forms(built["loss"], built["curriculum"], config, ranked=ranked)


def unread_groups(config: Node) -> Unread:
    """Whole groups and nodes of a train stage that teach nothing there."""
    objective, data, curriculum = (build(config[group], group) for group in ("loss", "data", "curriculum"))
    terms = dict(objective.terms.items())
    weights_alone = curriculum.weights_queries and not (curriculum.filters or curriculum.labels)
    if weights_alone and not any(term.paced for term in terms.values()):
        yield (
            "curriculum",
            f"no term of the loss is paced; give loss.terms.{next(iter(terms))}.paced=true or curriculum=constant",
        )
    elif curriculum.labels and not any(term.reads_labels for term in terms.values()):
        yield "curriculum", "no term of the loss reads labels; set loss=rank_groups, or curriculum=constant"
    elif why := curriculum.idle(sum(window.negatives for window in data.windows)):
        yield "curriculum", f"{why}, or set curriculum=constant"
    reads_dark = not curriculum.drops_dark and any(term.reads_dark for term in terms.values())
    if data.dark is not None and data.dark.copies and not reads_dark:
        why = "the curriculum drops dark examples" if curriculum.drops_dark else "no term of the loss reads them"
        yield "data.dark", f"{why}; give a term with a guide over the own list, as loss=listwise_kl, or data.dark=null"
    yield from _of_echoes(objective, config)


def _of_echoes(objective: Any, config: Node) -> Unread:
    """Echoes that nobody names, and those that are read as what they echo is."""
    term_nodes = (config["loss"].get("terms") or {}).values()
    named = {role for term in term_nodes for role in (term.get("learner"), term.get("guide"))}
    read = {role for term in objective.terms.values() for role in term.roles}
    for name, echo in objective.echoes.items():
        if name not in named:
            yield f"loss.echoes.{name}", f"no term names it; give a term with guide: {name}, or leave it out"
        elif name in read and (why := _why_alike(name, echo, objective, config)):
            yield f"loss.echoes.{name}", why


def _why_alike(name: str, echo: Node, objective: Any, config: Node) -> str | None:
    """What makes an echo's second reading the first one."""
    role, redraw = str(echo["of"]), echo["redraw"]
    first = objective.tied[0] if role in objective.tied else role
    node, owner = roles.scorers_by_role(config)[role], roles.scorers_by_role(config)[first]
    tower = roles.passages_of(config) if role == "student" else None
    if redraw == "passage" and tower is not None:
        first, owner = tower, roles.scorers_by_role(config)[tower]
    if class_of(node, SCORER).reads_pairs and redraw != "both":
        return f"a cross-encoder reads a pair in one text; give loss.echoes.{name}.redraw=both, not {redraw}"
    if first not in objective.learners:
        return f"no term trains {first}, so that it is read without dropout both times; echo a learner"
    own = [value for key, value in node.items() if key.endswith("_dropout")]  # of what is not the encoder's
    if any([*own, owner.get("dropout")]):
        return None
    return f"{roles.path(first)}.dropout=0 reads {role} alike both times; give {roles.path(first)}.dropout, as 0.1"


def _of_query_weights(loss: Any, data: Any, curriculum: Any, optim: Any) -> Unread:
    if not curriculum.weights_queries:
        for name in loss.terms:
            yield f"loss.terms.{name}.paced", "the curriculum gives every query the weight 1; set curriculum=self_paced"
    if data.refresh_every is None:
        for key in curriculum.refresh_options:
            yield f"curriculum.{key}", "the bar moves at a re-mining alone; give data.refresh_every"
    shown = any(term.guide is not None or term.reads_labels for term in loss.terms.values())
    if not shown and curriculum.judge is None:
        yield "loss.shuffle", "no term follows a guide or labels; give a loss with a guide, as loss=listwise_kl"


def _of_lists(loss: Any, data: Any, curriculum: Any, optim: Any) -> Unread:
    wanted = {feature for term in loss.terms.values() for wants in features(loss, term).values() for feature in wants}
    if not wanted & _POOLED:
        yield "data.queries_per_pool", "no term of the loss is over the pool; give one, as loss.terms.<name>.over=pool"
    if not any(window.negatives for window in data.windows):
        for key in ("first", "last", "order", *(() if curriculum.refresh_options else ("refresh_every",))):
            yield f"data.{key}", "no negative is drawn; give data.negatives"
    elif not data.unjudged:
        yield from _of_ranks(data)
    if data.refresh_every is not None and data.refresh_every >= optim.steps:
        yield "data.refresh_every", f"training ends after {optim.steps} steps; give fewer, or more optim.steps"


def _of_ranks(data: Any) -> Unread:
    """What a window that takes its first ranks, or all of them, leaves without effect."""
    ranks = data.last - data.first + 1
    if data.order == "best" and ranks > data.negatives:
        yield "data.last", f"data.order=best takes {data.negatives} from data.first on; set data.order=drawn"
    if ranks == data.negatives and data.dark is None:
        yield "data.order", "every rank from data.first to data.last is listed; give a larger data.last"


def _of_optim(loss: Any, optim: Any) -> Unread:
    for key in ("lr", "weight_decay", "clip"):
        if all(key in optim.learners.get(role, {}) for role in loss.learners):
            yield f"optim.{key}", f"every learner has its own; leave optim.learners.<role>.{key} out"
    if optim.warmup and not optim.num_warmup_steps:
        yield "optim.warmup", warmup_message(optim)
    if optim.schedule == "linear_from_start" and not optim.num_warmup_steps:
        yield "optim.schedule", "without a warm-up it is linear; give optim.warmup, or set optim.schedule=linear"


def warmup_message(optim: Any) -> str:
    """The message for a share of the steps that is less than one step."""
    rounding = f"{optim.warmup} of {optim.steps} steps is less than one, rounded down to none"
    return f"{rounding}; give optim.warmup=0, or at least {round(1 / optim.steps + 5e-5, 4)}"


def _of_teachers(loss: Any, config: Node) -> Unread:
    for role in roles.group(config):
        path = f"teacher.{role}"
        if role in loss.tied[1:]:
            why = f"{role} reads through the encoder of {loss.tied[0]}; give {roles.path(loss.tied[0])}.dropout"
            yield f"{path}.dropout", f"{why}, or set loss=tight_coupling for a teacher apart"
        elif role not in loss.learners:
            why = f"no term trains {role}, which is read without; name it as a term's learner"
            for where, node in roles.scorers(roles.group(config)[role], path):
                yield from ((f"{where}.{key}", why) for key in dropouts(node))


def dropouts(node: Node) -> list[str]:
    """The keys of a scorer that say a dropout: the encoder's, and what else of it has one."""
    return [key for key in node if key.endswith("dropout")]


def _of_forms(loss: Any, curriculum: Any, config: Node, *, ranked: bool) -> Unread:
    """Keys of scorers that act on nothing that is read of them here, nor on an order that is asked of them later."""
    wanted = _wanted(loss, curriculum)
    for role, node in roles.scorers_by_role(config).items():
        read = wanted.get(role, set())
        if not read:
            yield from unread_beside_passages(role, node) if not ranked else ()
            continue
        kind = class_of(node, SCORER)
        keys = kind.keeps_order(node)
        later = role == "student" or role in loss.learners or ranked
        for key in keys if later else (*keys, *kind.ACTS_ON):
            acting = kind.ACTS_ON.get(key, kind.offers)
            if not acting & read:
                shown = next(option for feature, option in _SHOWS.items() if feature in acting)
                yield f"{roles.path(role)}.{key}", f"no term reads its {' or '.join(sorted(acting))}; set {shown}"
            elif key in keys and _by_order(role, loss, curriculum):
                why = (
                    f"of {role} the order of its scores alone is read; give a term that reads them, as loss=margin_mse"
                )
                yield f"{roles.path(role)}.{key}", why


def _wanted(loss: Any, curriculum: Any) -> dict[str, set[str]]:
    """Role → the features of its view that some term or the curriculum reads."""
    wanted: dict[str, set[str]] = {}
    for term in loss.terms.values():
        for role, of_term in features(loss, term).items():
            wanted.setdefault(role, set()).update(of_term)
    for role, wants in curriculum.wants().items():
        wanted.setdefault(loss.source(role), set()).update(want.feature for want in wants)
    return wanted


def _by_order(role: str, loss: Any, curriculum: Any) -> bool:
    """Whether every term that reads a role follows the order of its scores."""
    reading = [term for term in loss.terms.values() if role in map(loss.source, term.roles)]
    return curriculum.judge != role and all(term.reads_order and loss.source(term.learner) != role for term in reading)


def unread_beside_passages(role: str, node: Node) -> Unread:
    """The keys of a teacher that matter to queries and scores alone, where its passages are all that is read."""
    for key in node:
        if key.startswith("query_") or key in ("pad_queries", "scale"):
            yield f"{roles.path(role)}.{key}", f"its passages alone are read; give student.{key}"
