"""A backbone tried out on two short texts before anything is trained: what holds of every family that can be read."""

from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from retrieval_kd.batch.tokens import Tokens
from retrieval_kd.errors import UserError

CLOSE = 1e-4  # of numbers that must be equal up to rounding
_GIVE = "give an encoder such as bert or roberta"


def example(config: Any) -> Tokens:
    """Two texts, one of them shorter, of the vocabulary's last pieces without its padding."""
    padding = getattr(config, "pad_token_id", None) or 0
    size = int(config.vocab_size)
    ids = size - 1 - torch.arange(12).view(2, 6) % max(size // 2, 1)
    ids = ids.masked_fill(ids == padding, size - 1 if padding != size - 1 else max(size - 2, 0))
    mask = torch.ones_like(ids, dtype=torch.bool)
    mask[1, 4:] = False
    return Tokens(ids.masked_fill(~mask, padding), mask, mask, torch.zeros_like(ids))


@torch.no_grad()
def try_out(backbone: Any, folder: Path) -> None:
    """Raises UserError if a backbone does not make the same states of a text's embeddings beside padding as of its
    pieces alone, or if its words see only what is before them.
    """
    kind, text = type(backbone).__name__, example(backbone.config)
    if any(getattr(module, "is_causal", False) is True for module in backbone.modules()):
        raise UserError(f"{folder}: its {kind} reads from left to right; {_GIVE}")
    lengths = text.mask.sum(1).tolist()
    try:
        embedded = backbone.get_input_embeddings()(text.ids)
        states = backbone(inputs_embeds=embedded, attention_mask=text.mask.long()).last_hidden_state
        unpadded = (ids[None, :size] for ids, size in zip(text.ids, lengths, strict=True))
        alone = torch.cat([backbone(input_ids=ids).last_hidden_state[0] for ids in unpadded])
    except (AttributeError, IndexError, NotImplementedError, RuntimeError, TypeError, ValueError) as error:
        raise UserError(f"{folder}: its {kind} does not read two short texts ({last_line(error)}); {_GIVE}") from error
    if not _equal(states[text.mask], alone):
        raise UserError(
            f"{folder}: its {kind} makes other states of a text beside padding, or of its embeddings, than of its "
            f"pieces alone; {_GIVE}"
        )


def last_line(error: Exception) -> str:
    """The last line of another library's error message."""
    return (str(error).strip() or type(error).__name__).splitlines()[-1].strip()


def _equal(states: Float[Tensor, "token dim"], expected: Float[Tensor, "token dim"]) -> bool:
    room = CLOSE * max(1.0, float(expected.abs().max()))
    return states.shape == expected.shape and torch.allclose(states, expected, atol=room, rtol=CLOSE)


def states_of(backbone: nn.Module) -> Float[Tensor, "token dim"]:
    """What a backbone makes of the example, without dropout."""
    text, training = example(backbone.config), backbone.training
    device = next(backbone.parameters()).device
    backbone.eval()
    with torch.no_grad():
        embedded = backbone.get_input_embeddings()(text.ids.to(device))  # type: ignore[operator]
        states: Tensor = backbone(inputs_embeds=embedded, attention_mask=text.mask.long().to(device)).last_hidden_state
    backbone.train(training)
    return states[text.mask.to(device)]
