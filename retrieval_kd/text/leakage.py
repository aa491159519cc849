"""What train may not know of dev and test."""

from collections.abc import Mapping

from retrieval_kd.text.collection import Collection
from retrieval_kd.text.judgments import Judgments
from retrieval_kd.text.split import equal_pairs, groups, share, words


def drop_known(splits: Mapping[str, Judgments], queries: Mapping[str, str]) -> tuple[dict[str, Judgments], int]:
    """The splits without those train queries whose words equal a dev or test query's, and how many those were."""
    if "train" not in splits:
        return dict(splits), 0
    held_out, query_ids = held_out_words(splits, queries), list(splits["train"].queries)
    unknown = [query_id for query_id in query_ids if words(queries[query_id]) not in held_out]
    return {**splits, "train": splits["train"].only(unknown)}, len(query_ids) - len(unknown)


def held_out_words(splits: Mapping[str, Judgments], queries: Mapping[str, str]) -> frozenset[tuple[str, ...]]:
    """The words of every dev and test query."""
    query_ids = (query_id for split, judgments in splits.items() if split != "train" for query_id in judgments.queries)
    return frozenset(words(queries[query_id]) for query_id in query_ids)


def carve_dev(
    splits: Mapping[str, Judgments], queries: Mapping[str, str], collection: Collection, *, fraction: float, seed: int
) -> dict[str, Judgments]:
    """The splits with a dev split taken out of train: whole groups of connected queries, drawn by the seed.

    Groups are taken while they fit into `fraction` of the queries (at least 1). Nothing is taken where no group fits,
    or nothing would be left.

    Queries are connected if their words are equal, or those of a passage relevant to each.
    """
    train = splits["train"]
    query_ids = list(train.queries)
    keys = [
        {("query", words(queries[query_id]))}
        | {("passage", words(collection[passage_id].words)) for passage_id in train.relevant(query_id)}
        for query_id in query_ids
    ]
    drawn = sorted(
        groups(len(query_ids), equal_pairs(keys)), key=lambda group: share(seed, min(query_ids[i] for i in group))
    )
    room, dev = max(1, round(fraction * len(query_ids))), set[str]()
    for group in drawn:
        if len(dev) + len(group) <= room:
            dev.update(query_ids[item] for item in group)
    rest = [query_id for query_id in query_ids if query_id not in dev]
    carved = [query_id for query_id in query_ids if query_id in dev]
    if not rest or not carved:
        return dict(splits)
    return {"train": train.only(rest), "dev": train.only(carved)} | {k: v for k, v in splits.items() if k != "train"}
