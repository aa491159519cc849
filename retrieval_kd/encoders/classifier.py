"""The head of a sequence classifier: what `transformers` computes of a backbone's last states, for any family."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from retrieval_kd.batch.tokens import Tokens
from retrieval_kd.encoders.dropout import set_dropout
from retrieval_kd.encoders.trial import CLOSE, example
from retrieval_kd.errors import UserError


class ClassifierHead(nn.Module):
    """Last states to logits, one a label, by the family's own `…ForSequenceClassification`.

    `model` is that classifier, in whose place for a backbone stands what gives the states back that it is given: so its
    own code pools them and maps them. The backbone's pooler, where it has one, belongs to the head.
    """

    def __init__(self, model: nn.Module, pooler: nn.Module | None, activation: nn.Module | None) -> None:
        super().__init__()
        self.model = model
        self.name: str = model.base_model_prefix  # type: ignore[assignment]
        setattr(model, self.name, _StandIn(pooler, activation))

    @classmethod
    def apart(cls, model: nn.Module, dropout: float) -> "tuple[nn.Module, ClassifierHead]":
        """(the backbone, the head) of a classifier, with this dropout in the head; together they are the classifier.

        Raises UserError if the two do not give the classifier's own logits.
        """
        backbone: Any = model.base_model
        kind = type(model).__name__
        if backbone is model or model.config.is_encoder_decoder:  # type: ignore[union-attr]
            raise UserError(
                f"{kind}: its head does not read the states of one encoder; give a classifier over an encoder"
            )
        pooler = getattr(backbone, "pooler", None)
        activation = getattr(backbone, "pooler_activation", getattr(backbone, "activation", None))
        text = example(model.config)
        with torch.no_grad():
            lengths = text.mask.sum(1).tolist()
            alone = [model(input_ids=ids[None, :length]).logits for ids, length in zip(text.ids, lengths, strict=True)]
            head = cls(model, pooler, activation if isinstance(activation, nn.Module) else None)
            head.check(backbone, text, torch.cat(alone))
        if pooler is not None:
            backbone.pooler = nn.Identity()
        set_dropout(head, dropout)
        return backbone, head

    def check(self, backbone: nn.Module, text: Tokens, expected: Float[Tensor, "text label"]) -> None:
        """Raises UserError if the head does not make these logits, of texts alone, of what the backbone makes
        of both.
        """
        embedded = backbone.get_input_embeddings()(text.ids)  # type: ignore[operator]
        try:
            states = backbone(inputs_embeds=embedded, attention_mask=text.mask.long()).last_hidden_state
            equal = torch.allclose(self(states, text), expected, atol=CLOSE, rtol=CLOSE)
        except (AttributeError, RuntimeError, TypeError):
            equal = False
        if not equal:
            raise UserError(
                f"{type(self.model).__name__}: its logits are not what its head makes of its encoder's last states "
                "(they count padding, or more than states); give a sequence classifier of another family"
            )

    @property
    def config(self) -> Any:
        """The classifier's configuration."""
        return self.model.config

    def forward(self, states: Float[Tensor, "text token dim"], text: Tokens) -> Float[Tensor, "text label"]:
        """Logits of each text. Padding's states count for nothing."""
        padding = getattr(self.config, "pad_token_id", None) or 0  # some families look for a text's last piece
        logits: Tensor = self.model(
            input_ids=text.ids.masked_fill(~text.mask, padding),
            attention_mask=text.mask.long(),
            inputs_embeds=states,
        ).logits
        return logits

    @contextmanager
    def with_backbone(self, backbone: Any) -> Iterator[Any]:
        """The classifier whole, over this backbone."""
        stand_in, config = getattr(self.model, self.name), self.model.config
        own_pooler = backbone.pooler if stand_in.pooler is not None else None
        if stand_in.pooler is not None:
            backbone.pooler = stand_in.pooler
        setattr(self.model, self.name, backbone)
        self.model.config = backbone.config
        try:
            yield self.model
        finally:
            setattr(self.model, self.name, stand_in)
            self.model.config = config
            if stand_in.pooler is not None:
                backbone.pooler = own_pooler


class _StandIn(nn.Module):
    """In a backbone's place: the states that it is given as embeddings, and its pooler's answer to them."""

    def __init__(self, pooler: nn.Module | None, activation: nn.Module | None) -> None:
        super().__init__()
        self.pooler = pooler
        self.activation = activation

    def forward(self, *_: Any, inputs_embeds: Tensor, **__: Any) -> Any:
        from transformers.modeling_outputs import BaseModelOutputWithPoolingAndCrossAttentions as Output

        return Output(last_hidden_state=inputs_embeds, pooler_output=self._pooled(inputs_embeds))

    def _pooled(self, states: Tensor) -> Tensor | None:
        if isinstance(self.pooler, nn.Linear):  # of some families the first state's alone, its activation beside it
            pooled: Tensor = self.pooler(states[:, 0])
            return pooled if self.activation is None else self.activation(pooled)
        return None if self.pooler is None else self.pooler(states)
