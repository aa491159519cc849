"""A plan is checked before anything loads or is written: all that is wrong with it together."""

from collections.abc import Sequence
from dataclasses import replace

from retrieval_kd.app.check.forms import form_notes
from retrieval_kd.app.check.problems import root_problems, stage_problems, unread_student_problems
from retrieval_kd.app.check.unread_overrides import Idle, idle_overrides
from retrieval_kd.app.check.zero_loss import idle_notes
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
    found = problems(draft)
    fits = not found and not draft.unkeyed
    idle = idle_overrides(draft.overrides, draft.composed, draft.stages) if fits else Idle([], [])
    refuse([*found, *idle.refused, *draft.unkeyed, *(() if draft.plan.dry_run else draft.unreached)])
    return replace(draft.plan, notes=(*draft.plan.notes, *_notes(draft, idle.named)))


def problems(draft: Draft) -> list[str]:
    """A sentence for each thing that is wrong with what the stages read, but for what has no effect."""
    overrides, root = draft.overrides, resolved_config.resolved(draft.root)
    found = unused_override_problems(overrides, draft.composed, draft.stages, draft.root, draft.options)
    found += stage_problems(draft.stages, root, overrides, draft.options)
    found += [fault for key, value in root.items() for fault in root_problems(key, value)]
    return found


def _notes(draft: Draft, unread: Sequence[str]) -> list[str]:
    guessed = (f"{it}: planned without a look at it, and under keys of its name alone" for it in draft.unreached)
    return [*form_notes(draft.stages), *idle_notes(draft.stages), *unread, *guessed, *_unread_plugins(draft)]


def _unread_plugins(draft: Draft) -> list[str]:
    """The plugins of which no stage reads a class."""
    read = [target for stage in draft.stages for _, target in targets(stage.config)]
    idle = [name for name in draft.plan.plugins if not any(within(target, name) for target in read)]
    return [f"{plugins.KEY}=[{name}]: no stage reads a class of {name}" for name in idle]
