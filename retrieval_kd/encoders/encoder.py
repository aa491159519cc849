"""A text encoder: a transformer cut to the layers that are kept, that looks word embeddings up apart from the rest."""

from collections.abc import Collection as Layers
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from retrieval_kd.batch.tokens import Tokens
from retrieval_kd.encoders import packed
from retrieval_kd.encoders.weights import layers_to_keep


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
    """A backbone with its tokenizer's folder. `kept` are its blocks as indices of the original backbone of `depth`
    blocks. `computes_in` is the type that its products are made in, or None: as whoever runs it says. `packs`: whether
    texts are run end to end with variable-length attention; None: where that is faster.
    """

    def __init__(self, backbone: nn.Module, *, folder: Path, kept: list[int], depth: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.folder = folder
        self.kept = kept
        self.depth = depth
        self.computes_in: torch.dtype | None = None
        self.packs: bool | None = None

    @classmethod
    def load(
        cls, folder: Path, *, layers: int | list[int] | None, dropout: float, attention: str = "sdpa"
    ) -> "TextEncoder":
        """Read a backbone (safetensors only), keep some layers of it, and set every dropout probability."""
        from transformers import AutoConfig, AutoModel
        from transformers.utils import logging

        logging.set_verbosity_error()  # it reports the pooler's weights, which are left aside on purpose
        logging.disable_progress_bar()
        config = AutoConfig.from_pretrained(folder, trust_remote_code=False)
        for name in ("hidden_dropout_prob", "attention_probs_dropout_prob", "dropout", "attention_dropout"):
            if name in config.to_dict():
                setattr(config, name, dropout)
        kept, places = layers_to_keep(folder, layers)
        options: dict[str, Any] = (
            {"add_pooling_layer": False} if config.model_type in {"bert", "roberta", "xlm-roberta"} else {}
        )
        backbone = AutoModel.from_pretrained(
            folder,
            config=config,
            use_safetensors=True,
            trust_remote_code=False,
            attn_implementation=attention,
            dtype=torch.float32,
            **options,
        )
        depth = getattr(config, "retrieval_kd_depth", None) or config.num_hidden_layers
        _cut(backbone, places)
        backbone.config.retrieval_kd_layers, backbone.config.retrieval_kd_depth = kept, depth
        return cls(backbone, folder=folder, kept=kept, depth=depth)

    @property
    def width(self) -> int:
        return _number(self.backbone, "hidden_size")

    def embed(self, ids: Int[Tensor, "token"]) -> Float[Tensor, "token dim"]:
        """Word embeddings, looked up once a step: each look-up brings a dense gradient of the whole table (47 MB for
        MiniLM).
        """
        found: Tensor = self.backbone.get_input_embeddings()(ids)  # type: ignore[operator]
        return found

    def forward(
        self,
        text: Tokens,
        embedded: Float[Tensor, "text token dim"],
        *,
        layers: Layers[int] = (),
        attention: int | None = None,
    ) -> Encoded:
        """Encode a padded group whose word embeddings are given; `layers` and `attention` name blocks of this encoder,
        from 0.
        """
        extra = {"token_type_ids": text.segment} if getattr(self.backbone.config, "type_vocab_size", 0) > 1 else {}
        with self._products(embedded.device):
            if attention is None and self._packs(embedded):
                last, states = packed.run_packed(self.backbone, text, embedded, layers)
                return Encoded(text, full(last), {layer: full(value) for layer, value in states.items()})
            out = self.backbone(
                inputs_embeds=embedded,
                attention_mask=text.mask.long(),
                output_hidden_states=bool(layers),
                output_attentions=attention is not None,
                **extra,
            )
        states = {layer: full(out.hidden_states[layer + 1]) for layer in layers}
        seen = None if attention is None else full(out.attentions[attention])
        return Encoded(text, full(out.last_hidden_state), states, seen)

    def _products(self, device: torch.device) -> AbstractContextManager[Any]:
        return nullcontext() if self.computes_in is None else torch.autocast(device.type, dtype=self.computes_in)

    def _packs(self, embedded: Tensor) -> bool:
        wanted = packed.faster(self.backbone, embedded.device, embedded.dtype) if self.packs is None else self.packs
        return wanted and self._packable

    @cached_property
    def _packable(self) -> bool:
        return packed.offered(self.backbone)

    def compile_blocks(self) -> None:
        """From now on run the blocks as `torch.compile` makes them, for padded groups of any shape, with the same
        dropout.
        """
        self.packs = False
        for block in _blocks(self.backbone)[1]:
            block.compile(dynamic=True, options={"fallback_random": True})

    def save(self, folder: Path) -> None:
        """Write weights (safetensors), configuration and tokenizer, as `transformers` loads them."""
        from transformers import AutoTokenizer

        self.backbone.save_pretrained(folder)  # type: ignore[operator]
        AutoTokenizer.from_pretrained(self.folder, trust_remote_code=False).save_pretrained(folder)


def full(numbers: Tensor) -> Tensor:
    """Half-precision numbers in float32, others as they are: a backbone may compute in half, scores never do."""
    return numbers.float() if numbers.dtype in (torch.float16, torch.bfloat16) else numbers


def _cut(backbone: nn.Module, places: list[int]) -> None:
    """Keep these blocks."""
    if places == list(range(_number(backbone, "num_hidden_layers"))):
        return
    (parent, name), blocks = _blocks(backbone)
    setattr(parent, name, nn.ModuleList(blocks[place] for place in places))
    backbone.config.num_hidden_layers = len(places)  # type: ignore[union-attr]


def _blocks(backbone: nn.Module) -> tuple[tuple[nn.Module, str], nn.ModuleList]:
    """(who holds the blocks and under which name, the one ModuleList that is as long as the backbone is deep)."""
    depth = _number(backbone, "num_hidden_layers")
    for parent in backbone.modules():
        for name, child in parent.named_children():
            if isinstance(child, nn.ModuleList) and len(child) == depth:
                return (parent, name), child
    raise ValueError(f"{type(backbone).__name__} has no list of {depth} blocks: leave layers=null and compile=false")


def _number(backbone: nn.Module, name: str) -> int:
    """A number of a backbone's configuration, whatever its family calls it."""
    config: Any = backbone.config
    return int(getattr(config, name))
