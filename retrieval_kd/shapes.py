"""Axis words and array aliases: the one legend that every signature is written in.

| word | one entry for each |
|---|---|
| `query` | query of the step (all ranks) |
| `candidate` | passage of a query's own list |
| `pool` | candidate of the query's pool: the lists of all queries that share a softmax |
| `text` | query, passage or joined pair handed to an encoder |
| `token` | position of a text; `query_token`, `passage_token` where both sides meet |
| `dim` | component of a vector |
| `layer` | block of an encoder, or pair of blocks |
"""

from jaxtyping import Bool, Float, Int
from torch import Tensor

Scalar = Float[Tensor, ""]
PerQuery = Float[Tensor, "query"]
ListScores = Float[Tensor, "query candidate"]
ListMask = Bool[Tensor, "query candidate"]
PoolScores = Float[Tensor, "query pool"]
PoolMask = Bool[Tensor, "query pool"]
LayerScores = Float[Tensor, "layer query pool"]
Column = Int[Tensor, "query"]
Attention = Float[Tensor, "query candidate query_token passage_token"]
QueryWords = Bool[Tensor, "query query_token"]
PassageWords = Bool[Tensor, "query candidate passage_token"]
