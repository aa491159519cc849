"""Queries and a collection in, a run out.

Here live the rankers, one file each: BM25 (`lexical`, `lucene`), single vectors (`dense`, with `encode` for the vectors
on disk and `index` for the search), late interaction (`late`), a scorer over another ranker's lists (`rerank`), two
rankers fused (`hybrid`) and a run from a file (`run_file`); `exclude_query` wraps one of them, `analysis` splits texts
for BM25, `mining` selects among a run's passages, and `resume` holds what a killed ranking goes on from. No losses, no
Lightning, no BM25 of our own.

To add a ranker: a file with a subclass of `ranker.Ranker` and an option file in conf/ranker/ that spells its arguments.
Three keywords stand in no option file, since only who builds a ranker knows them: `scorer` (a loaded scorer),
`artifacts` (the folder whose vectors every stage shares) and `tokens_per_group` (how many tokens an encoder reads at
once). A ranker, or a ranker within one, is given those that its signature names.
"""
