"""A tokenizer's pieces: of texts, of markers, and those that frame a text or a pair."""

import hashlib
import json
from collections.abc import Sequence
from functools import cached_property, lru_cache
from pathlib import Path

from retrieval_kd.batch.ragged import Ragged
from retrieval_kd.batch.tokenizer_files import tokenizer_files
from retrieval_kd.errors import UserError
from retrieval_kd.io.digests import file_state

_BRACKETS = ("[", "<")


class Vocabulary:
    """A tokenizer's special pieces, and its raw word pieces of texts; read from a folder with `transformers`' fast
    tokenizer.
    """

    def __init__(self, folder: str) -> None:
        from transformers import AutoTokenizer  # here, so that planning does not import it

        try:
            self._tokenizer = AutoTokenizer.from_pretrained(folder, use_fast=True, trust_remote_code=False)
        except Exception as error:  # of whatever kind the tokenizer's own code raises
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise UserError(
                f"{folder}: transformers does not load its tokenizer ({reason}): give a folder with the files that its "
                "save_pretrained wrote"
            ) from error
        self.cls, self.sep, self.mask = (
            self._special(name) for name in ("cls_token_id", "sep_token_id", "mask_token_id")
        )
        self.mask_text: str = self._tokenizer.mask_token  # the mask as it is written in a text

    @cached_property
    def digest(self) -> str:
        """The content digest of all that makes pieces of a text: the loaded tokenizer's whole serialisation, but for
        cutting and padding, which are not its to say here, and its special pieces. Equal ones share their tokens.
        """
        rules = json.loads(self._tokenizer.backend_tokenizer.to_str())
        relevant = {key: value for key, value in rules.items() if key not in ("truncation", "padding")}
        about = [relevant, self.cls, self.sep, self.mask, self.mask_text]
        return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()

    @cached_property
    def pair(self) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
        """The pieces before, between and behind two texts that are joined, as the tokenizer's own template has them:
        [CLS] q [SEP] p [SEP] for BERT, <s> q </s></s> p </s> for RoBERTa.
        """
        backend = self._tokenizer.backend_tokenizer
        encoded = backend.encode("a", "a", add_special_tokens=True)
        sides = list(encoded.sequence_ids)
        first, second = sides.index(0), sides.index(1)
        end = len(sides) - sides[::-1].index(1)
        between = [
            piece for piece, side in zip(encoded.ids[first:second], sides[first:second], strict=True) if side is None
        ]
        return tuple(encoded.ids[:first]), tuple(between), tuple(encoded.ids[end:])

    @cached_property
    def last(self) -> int:
        """The highest number of its pieces, added ones too."""
        return max(self._tokenizer.get_vocab().values())

    def _special(self, name: str) -> int:
        piece = getattr(self._tokenizer, name)
        if piece is None:
            raise UserError(
                f"the tokenizer has no {name.removesuffix('_id')}: give the backbone of an encoder such as BERT"
            )
        return int(piece)

    def pieces(self, marker: str | None) -> tuple[int, ...]:
        """A marker's pieces: a token of the vocabulary in brackets is one, which a text would be broken up around."""
        if marker is None:
            return ()
        first, _, rest = marker.partition(" ")
        for token, behind in ((marker, ""), (f"{first} ", rest), (first, rest)):
            if token[:1] in _BRACKETS and (numbers := self.known([token])):
                return (*numbers, *(self.pieces(behind) if behind else ()))
        return tuple(self.ragged([marker]).ids.tolist())

    def known(self, words: Sequence[str]) -> list[int]:
        """The pieces of those of these words that the vocabulary has whole."""
        pieces = self._tokenizer.get_vocab()
        return [pieces[word] for word in words if word in pieces]

    def ragged(self, texts: Sequence[str]) -> Ragged:
        return Ragged.of(self._word_pieces(texts))

    def parted(self, titles: Sequence[str], texts: Sequence[str]) -> Ragged:
        """The pieces of titles and texts as of two texts that are joined, without those before and behind them: between
        the two, where both have any, stands what parts such a pair.
        """
        both = zip(self._word_pieces(titles), self._word_pieces(texts), strict=True)
        between = self.pair[1]
        return Ragged.of([[*title, *between, *text] if title and text else title or text for title, text in both])

    def _word_pieces(self, texts: Sequence[str]) -> list[list[int]]:
        backend = self._tokenizer.backend_tokenizer
        backend.no_truncation()
        backend.no_padding()
        return [encoding.ids for encoding in backend.encode_batch_fast(list(texts), add_special_tokens=False)]


def vocabulary(folder: str) -> Vocabulary:
    """The vocabulary of a folder, read once a process, and again when a file of the folder has changed."""
    return _vocabulary_of(folder, tuple(file_state(path) for path in tokenizer_files(Path(folder))))


@lru_cache(maxsize=8)
def _vocabulary_of(folder: str, state: tuple[object, ...]) -> Vocabulary:
    """The vocabulary of a folder whose files are in this state."""
    return Vocabulary(folder)
