"""Words on disk: passages, queries, judgments and runs, and the readers that bring them in.

What lives here: plain Python and numpy; records, memory-mapped collections, ranked lists, and one reader a format
(`auto`: one for whatever lies at a path; `packed`: gzip, zstandard and zip beneath all of them).
What may not: torch, Lightning, Hydra, downloading, tokenising for a model, measuring.
To add a format: one file with a `Source` (corpus.py) that names what it reads, and an option file in conf/corpus/.
"""
