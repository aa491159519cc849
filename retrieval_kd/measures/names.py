"""From a name to a measure of ir-measures that can be computed here, or one sentence that says why not."""

from collections.abc import Iterator, Mapping
from typing import Any

import ir_measures
from ir_measures.measures import MeanAgg

from retrieval_kd.errors import UserError
from retrieval_kd.text.judgments import GREATEST_GRADE, Judgments

EXAMPLES = "give such as nDCG@10, RR@10, R@100, AP, P@5, Success@1"
GDEVAL = "gdeval"  # ir-measures' provider of ERR and of nDCG with exponential gains, a Perl script of TREC
GDEVAL_GREATEST = 4  # the greatest grade that it takes


def measure_of(name: Any) -> Any:
    """The measure of this name.

    Raises UserError for a name that ir-measures does not know, parameters that are missing or none, a cut-off below 1,
    a measure whose provider is not installed, and one that is not a mean over queries.
    """
    try:
        measure = ir_measures.parse_measure(name)
    except (ValueError, NameError, SyntaxError, KeyError, TypeError, AttributeError):
        raise UserError(f"there is no measure {name!r}; {EXAMPLES}") from None
    for problem in _parameter_problems(name, measure):
        raise UserError(problem)
    if not isinstance(measure.aggregator(), MeanAgg):
        raise UserError(f"measure {name} is no mean over queries; {EXAMPLES}")
    if _provider(measure) is None:
        raise UserError(f"measure {name} cannot be computed here: {_instruction(measure)}; or {EXAMPLES}")
    return measure


def cannot_measure(measures: Mapping[str, Any], judgments: Judgments) -> Iterator[str]:
    """What keeps measures (by name) from being computed of these judgments."""
    scripted = [name for name, measure in measures.items() if _provider(measure) == GDEVAL]
    high = next((row for row in judgments if row.grade > GDEVAL_GREATEST), None) if scripted else None
    if high is not None:
        yield (
            f"measure {scripted[0]} is computed by TREC's gdeval, which takes grades up to {GDEVAL_GREATEST}, and "
            f"{high.passage_id!r} has {high.grade} for query {high.query_id!r}: leave the measure out, or grade anew"
        )


def _parameter_problems(name: str, measure: Any) -> Iterator[str]:
    supported = measure.SUPPORTED_PARAMS
    for key, value in measure.params.items():
        if key not in supported:
            yield f"measure {name} has no parameter {key}; it has {', '.join(supported) or 'none'}"
        elif not supported[key].validate(value) or isinstance(value, bool) != isinstance(supported[key].default, bool):
            yield f"measure {name}: {key}={value!r} cannot be; {EXAMPLES}"
        elif key in ("cutoff", "rel", "max_rel") and value < 1:
            yield f"measure {name}: {key}={value} is below 1; {EXAMPLES}"
        elif key == "gains" and not all(type(gain) is int for gain in value.values()):
            yield f"measure {name}: gains is no mapping of grades to whole numbers, such as {{1: 5}}"
        elif key in ("rel", "max_rel", "gains") and _greatest(value) > GREATEST_GRADE:
            yield f"measure {name}: {key} is above {GREATEST_GRADE}, the greatest grade"
    for key, parameter in supported.items():
        if parameter.required and key not in measure.params:
            name_alone, at, cutoff = name.partition("@")
            how = f"{name}@10" if key == "cutoff" else f"{name_alone}({key}=3){at}{cutoff}"
            yield f"measure {name} needs {key}: give such as {how}"


def _greatest(value: Any) -> int:
    return max(map(abs, value.values()), default=0) if isinstance(value, Mapping) else abs(value)


def _provider(measure: Any) -> str | None:
    """The name of the provider by which ir-measures computes it; None where none that is installed does."""
    return next(
        (p.NAME for p in ir_measures.DefaultPipeline.providers if p.is_available() and p.supports(measure)), None
    )


def _instruction(measure: Any) -> str:
    """What is to be installed for it."""
    able = [p for p in ir_measures.DefaultPipeline.providers if not p.is_available() and p.supports(measure)]
    return " or ".join(f"{p.NAME} is not installed ({p.install_instructions()})" for p in able) or "nothing computes it"
