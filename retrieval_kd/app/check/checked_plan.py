"""A plan is checked before anything loads or is written: all that is wrong with it together."""

from collections.abc import Sequence
from dataclasses import replace

from retrieval_kd.app.check.forms import form_notes
from retrieval_kd.app.check.problems import faults_of, root_faults, unread_faults
from retrieval_kd.app.check.unread_overrides import Idle, idle_overrides
from retrieval_kd.app.check.zero_loss import idle_notes
from retrieval_kd.app.cli.user_errors import refuse
from retrieval_kd.app.plan import resolved_config
from retrieval_kd.app.plan.options import Options
from retrieval_kd.app.plan.plan import Draft, Plan, draft_of
from retrieval_kd.app.plan.unused_overrides import unheard


def checked_plan(texts: Sequence[str], options: Options) -> Plan:
    """The plan of a command line. Raises UserErrors: all that is wrong with it, so far as is seen before a
    model loads.
    """
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
    return [*form_notes(draft.stay), *idle_notes(draft.stay), *unread, *guessed]
