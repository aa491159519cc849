"""A plan is checked before anything loads or is written: all that is wrong with it together."""

from collections.abc import Sequence
from dataclasses import replace

from retrieval_kd.app.check.forms import form_notes
from retrieval_kd.app.check.problems import root_problems, stage_problems, unread_student_problems
from retrieval_kd.app.check.unjudged import unjudged_notes, unjudged_problems
from retrieval_kd.app.check.unread_overrides import WithoutEffect, overrides_without_effect
from retrieval_kd.app.check.zero_loss import zero_loss_notes
from retrieval_kd.app.cli.user_errors import refuse
from retrieval_kd.app.plan import plugins, resolved_config
from retrieval_kd.app.plan.instantiate import targets
from retrieval_kd.app.plan.options import Options
from retrieval_kd.app.plan.plan import Draft, Plan, draft_of
from retrieval_kd.app.plan.unused_overrides import unused_override_problems
from retrieval_kd.text.module_source import within


def checked_plan(texts: Sequence[str], options: Options) -> Plan:
    """The plan of a command line, whose plugins are allowed while it is made. Raises UserErrors: all that is wrong with
    it, so far as is seen before a model loads.
    """
    with plugins.allowed(plugins.named(texts)):
        return _checked(texts, options)


def _checked(texts: Sequence[str], options: Options) -> Plan:
    draft = draft_of(texts, options)
    refuse(unread_student_problems(draft.stages))
    sentences = problems(draft)
    fits = not sentences and not draft.unkeyed
    without_effect = (
        overrides_without_effect(draft.overrides, draft.composed, draft.stages) if fits else WithoutEffect([], [])
    )
    unkeyed = _not_told(draft.unkeyed, sentences)
    refuse([*sentences, *without_effect.refused, *unkeyed, *(() if draft.plan.dry_run else draft.unreached)])
    return replace(draft.plan, notes=(*draft.plan.notes, *_notes(draft, without_effect.noted)))


def _not_told(unkeyed: Sequence[str], told: Sequence[str]) -> list[str]:
    """What keeps stages from having a key, but for what another sentence gives the reason of already."""
    reasons = [reason for sentence in told if (reason := sentence.partition(": ")[2])]
    return [sentence for sentence in unkeyed if not any(reason in sentence for reason in reasons)]


def problems(draft: Draft) -> list[str]:
    """A sentence for each thing that is wrong with what the stages read, but for what has no effect."""
    overrides, root = draft.overrides, resolved_config.resolved(draft.root)
    sentences = unused_override_problems(overrides, draft.composed, draft.stages, draft.root, draft.options)
    sentences += stage_problems(draft.stages, root, overrides, draft.options)
    sentences += unjudged_problems(draft.stages, overrides) if not sentences else []
    sentences += [problem for key, value in root.items() for problem in root_problems(key, value)]
    return sentences


def _notes(draft: Draft, unread: Sequence[str]) -> list[str]:
    guessed = (
        f"{weights}: planned without a look at it, and under keys of its name alone" for weights in draft.unreached
    )
    return [
        *form_notes(draft.stages),
        *zero_loss_notes(draft.stages),
        *unjudged_notes(draft.stages, draft.overrides),
        *unread,
        *guessed,
        *_unread_plugins(draft),
    ]


def _unread_plugins(draft: Draft) -> list[str]:
    """The plugins of which no stage reads a class."""
    read = [target for stage in draft.stages for _, target in targets(stage.config)]
    unread = [name for name in draft.plan.plugins if not any(within(target, name) for target in read)]
    return [f"{plugins.KEY}=[{name}]: no stage reads a class of {name}" for name in unread]
