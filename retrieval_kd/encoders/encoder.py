"""A text encoder: a transformer cut to the layers that are kept, that looks word embeddings up apart from the rest."""

from collections.abc import Collection
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from retrieval_kd.batch.tokens import Tokens
from retrieval_kd.encoders import packed
from retrieval_kd.encoders.blocks import blocks_of, cut
from retrieval_kd.encoders.classifier import ClassifierHead
from retrieval_kd.encoders.dropout import configure_dropout, set_dropout
from retrieval_kd.encoders.families import config_of
from retrieval_kd.encoders.reading import Attention, first_line, read_model
from retrieval_kd.encoders.trial import CLOSE, last_line, states_of, try_out
from retrieval_kd.encoders.weights import layers_to_keep
from retrieval_kd.errors import UserError


@dataclass(frozen=True)
class Encoded:
    """What an encoder gives for a group of texts: last states [text token dim]; wanted blocks' states; one block's
    attention [text head token token].
    """

    text: Tokens
    states: Float[Tensor, "text token dim"]
    layers: dict[int, Float[Tensor, "text token dim"]] = field(default_factory=dict)
    attention: Float[Tensor, "text head token token"] | None = None


class TextEncoder(nn.Module):
    """A backbone with its tokenizer's folder. `kept_layers` are its blocks as indices of the original backbone of
    `depth` blocks. `computes_in` is the type that its products are made in, or None: the caller's. `packs`: whether
    texts are run end to end with variable-length attention; None: where that is faster.
    """

    def __init__(self, backbone: nn.Module, *, folder: Path, kept_layers: list[int], depth: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.folder = folder
        self.kept_layers = kept_layers
        self.depth = depth
        self.computes_in: torch.dtype | None = None
        self.packs: bool | None = None

    @classmethod
    def load(
        cls,
        folder: Path,
        *,
        layers: int | list[int] | None,
        dropout: float,
        attention: Attention | None = None,
        apart: Collection[str] = (),
    ) -> "TextEncoder":
        """Read a backbone (safetensors only), keep some layers of it, and set every dropout probability. `apart` are
        tensors of its folder that are read elsewhere (a scorer's head).
        """
        model = read_model(folder, _configuration(folder, dropout), attention=attention, apart=apart)
        return cls._cut_of(model, folder, layers, dropout)

    @classmethod
    def load_with_head(
        cls, folder: Path, *, layers: int | list[int] | None, dropout: float, attention: Attention | None = None
    ) -> "tuple[TextEncoder, ClassifierHead]":
        """Read a sequence classifier so: its backbone, and its head."""
        model = read_model(folder, _configuration(folder, dropout), attention=attention, classifier=True)
        backbone, head = ClassifierHead.apart(model, dropout)
        return cls._cut_of(backbone, folder, layers, dropout), head

    @classmethod
    def _cut_of(cls, backbone: Any, folder: Path, layers: int | list[int] | None, dropout: float) -> "TextEncoder":
        """The encoder with these layers of a folder's backbone."""
        kept_layers, places = layers_to_keep(folder, layers)
        depth = getattr(backbone.config, "retrieval_kd_depth", None) or backbone.config.num_hidden_layers
        set_dropout(backbone, dropout)
        try_out(backbone, folder)
        cut(backbone, places)
        backbone.config.retrieval_kd_layers, backbone.config.retrieval_kd_depth = kept_layers, depth
        return cls(backbone, folder=folder, kept_layers=kept_layers, depth=depth)

    @property
    def width(self) -> int:
        return _number(self.backbone, "hidden_size")

    @property
    def words(self) -> int:
        """How many pieces it has an embedding for."""
        table: nn.Embedding = self.backbone.get_input_embeddings()  # type: ignore[operator]
        return table.num_embeddings

    @property
    def has_segments(self) -> bool:
        """Whether it tells a pair's second text from its first by an embedding of its own (`token_type_ids`)."""
        return bool(getattr(self.backbone.config, "type_vocab_size", 0) > 1)

    def embed(self, ids: Int[Tensor, "token"]) -> Float[Tensor, "token dim"]:
        """Word embeddings, looked up once a step: each look-up brings a dense gradient of the whole table (47 MB for
        MiniLM).
        """
        vectors: Tensor = self.backbone.get_input_embeddings()(ids)  # type: ignore[operator]
        return vectors

    def forward(
        self,
        text: Tokens,
        embedded: Float[Tensor, "text token dim"],
        *,
        layers: Collection[int] = (),
        attention: int | None = None,
        unattended: int = -1,
        segments: bool = True,
    ) -> Encoded:
        """Encode a padded group whose word embeddings are given; `layers` and `attention` name blocks of this encoder,
        from 0. No token attends to those pieces `unattended` that end a text. Without `segments` all is of segment 0.
        """
        types = text.segment if segments else torch.zeros_like(text.segment)
        extra = {"token_type_ids": types} if self.has_segments else {}
        with self._products(embedded.device):
            if attention is None and unattended < 0 and self._packs(embedded):
                last, states = packed.run_packed(self.backbone, text, embedded, layers, types)
                return Encoded(text, full(last), {layer: full(value) for layer, value in states.items()})
            out = self.backbone(
                inputs_embeds=embedded,
                attention_mask=_attention_mask(text, unattended).long(),
                output_hidden_states=bool(layers),
                output_attentions=attention is not None,
                **extra,
            )
        states = {layer: full(out.hidden_states[layer + 1]) for layer in layers}
        attention_weights = None if attention is None else full(out.attentions[attention])
        return Encoded(text, full(out.last_hidden_state), states, attention_weights)

    def _products(self, device: torch.device) -> AbstractContextManager[Any]:
        return nullcontext() if self.computes_in is None else torch.autocast(device.type, dtype=self.computes_in)

    def _packs(self, embedded: Tensor) -> bool:
        wanted = packed.has_kernel(self.backbone, embedded.device, embedded.dtype) if self.packs is None else self.packs
        return wanted and self._packable

    @cached_property
    def _packable(self) -> bool:
        return packed.can_pack(self.backbone)

    def compile_blocks(self) -> None:
        """From now on run the blocks as `torch.compile` makes them, for padded groups of any shape, with the same
        dropout.
        """
        self.packs = False
        for block in blocks_of(self.backbone):
            block.compile(dynamic=True, options={"fallback_random": True})

    def save(self, folder: Path, *, head: ClassifierHead | None = None) -> None:
        """Write weights (safetensors), configuration and tokenizer, as `transformers` loads them; with the head of a
        sequence classifier, as one.
        """
        from transformers import AutoTokenizer

        model_context: AbstractContextManager[Any] = (
            nullcontext(self.backbone) if head is None else head.with_backbone(self.backbone)
        )
        with model_context as model:
            model.save_pretrained(folder)
        AutoTokenizer.from_pretrained(self.folder, trust_remote_code=False).save_pretrained(folder)

    def rehearse(self, folder: Path, *, head: ClassifierHead | None = None) -> None:
        """Save into a folder and read again, so that what is trained can surely be saved. Raises UserError if it cannot
        be, or is another encoder then.
        """
        subject = f"layers={self.kept_layers} of {self.folder}: this {type(self.backbone).__name__}"
        options: dict[str, Any] = {"layers": None, "dropout": 0.0}
        try:
            with torch.random.fork_rng():
                before = states_of(self.backbone)
                self.save(folder, head=head)
                reloaded = TextEncoder.load_with_head(folder, **options)[0] if head else self.load(folder, **options)
                after = states_of(reloaded.backbone).to(before.device)
        except Exception as error:  # whatever it is, it would come when training ends
            raise UserError(
                f"{subject} cannot be saved and read again ({last_line(error)}); give other layers, or null"
            ) from error
        if not torch.allclose(before, after, atol=CLOSE, rtol=CLOSE):
            raise UserError(f"{subject} is another one when it is read again; give other layers, or null")


def _configuration(folder: Path, dropout: float) -> Any:
    """A folder's configuration, with every dropout probability set."""
    from transformers import AutoConfig
    from transformers.utils import logging

    logging.set_verbosity_error()  # `read_model` says in a sentence what its report says in a table
    logging.disable_progress_bar()
    try:
        config = AutoConfig.from_pretrained(folder, trust_remote_code=False)
    except Exception as error:  # of whatever kind the family's own code raises
        if "auto_map" in (written := config_of(folder)):
            raise UserError(
                f"{folder}: its config.json names code of its own (auto_map), which is not run, and transformers has "
                f"no model_type {written.get('model_type')}: give an encoder such as bert or modernbert"
            ) from error
        raise UserError(
            f"{folder}: transformers does not read its config.json ({first_line(error)}): give one "
            "that save_pretrained wrote"
        ) from error
    configure_dropout(config, dropout)
    return config


def full(numbers: Tensor) -> Tensor:
    """Half-precision numbers in float32, others as they are: a backbone may compute in half, scores never do."""
    return numbers.float() if numbers.dtype in (torch.float16, torch.bfloat16) else numbers


def _attention_mask(text: Tokens, but: int) -> Bool[Tensor, "text token"]:
    """The real tokens without the pieces `but` (-1: none) behind a text's last other one."""
    if but < 0:
        return text.mask
    other = (text.mask & (text.ids != but)).flip(1)
    return text.mask & (other.cumsum(1) > 0).flip(1)


def _number(backbone: nn.Module, name: str) -> int:
    """A number of a backbone's configuration, whatever its family calls it."""
    config: Any = backbone.config
    return int(getattr(config, name))
