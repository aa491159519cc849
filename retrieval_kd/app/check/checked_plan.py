"""A plan is checked before anything loads or is written: all that is wrong with it together."""

from collections.abc import Sequence
from dataclasses import replace

from retrieval_kd.app.check.forms import form_notes
from retrieval_kd.app.check.problems import faults_of, root_faults, unread_faults
from retrieval_kd.app.check.unread_overrides import Idle, idle_overrides
from retrieval_kd.app.check.zero_loss import idle_notes
from retrieval_kd.app.cli.user_errors import refuse
from retrieval_kd.app.plan import plugins, resolved_config
from retrieval_kd.app.plan.instantiate import targets
from retrieval_kd.app.plan.options import Options
from retrieval_kd.app.plan.plan import Draft, Plan, draft_of
from retrieval_kd.app.plan.unused_overrides import unheard
from retrieval_kd.text.module_source import within


def checked_plan(texts: Sequence[str], options: Options) -> Plan:
    """The plan of a command line, whose plugins are allowed while it is made. Raises UserErrors: all that is wrong with
    it, so far as is seen before a model loads.
    """
    with plugins.allowed(plugins.named(texts)):
        return _checked(texts, options)


def _checked(texts: Sequence[str], options: Options) -> Plan:
    draft = draft_of(texts, options)
    refuse(unread_faults(draft.stay))
    found = problems(draft)
    fits = not found and not draft.unkeyed
    idle = idle_overrides(draft.overrides, draft.made, draft.stay) if fits else Idle([], [])
    refuse([*found, *idle.refused, *draft.unkeyed, *(() if draft.plan.dry_run else draft.unreached)])
    return replace(draft.plan, notes=(*draft.plan.notes, *_notes(draft, idle.named)))


def problems(draft: Draft) -> list[str]:
    """A sentence for each thing that is wrong with what the stages read, but for what has no effect."""
    overrides, root = draft.overrides, resolved_config.resolved(draft.root)
    found = unheard(overrides, draft.made, draft.stay, draft.root, draft.options)
    found += faults_of(draft.stay, root, overrides, draft.options)
    found += [fault for key, value in root.items() for fault in root_faults(key, value)]
    return found


def _notes(draft: Draft, unread: Sequence[str]) -> list[str]:
    guessed = (f"{it}: planned without a look at it, and under keys of its name alone" for it in draft.unreached)
    return [*form_notes(draft.stay), *idle_notes(draft.stay), *unread, *guessed, *_unread_plugins(draft)]


def _unread_plugins(draft: Draft) -> list[str]:
    """The plugins of which no stage reads a class."""
    read = [target for stage in draft.stay for _, target in targets(stage.config)]
    idle = [name for name in draft.plan.plugins if not any(within(target, name) for target in read)]
    return [f"{plugins.KEY}=[{name}]: no stage reads a class of {name}" for name in idle]
