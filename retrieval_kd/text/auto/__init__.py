"""A corpus from whatever files there are: what they hold is recognised by looking at them.

Files: `tables` (CSV, TSV, JSON, JSON lines, parquet and Arrow as rows), `columns` (which column holds what), `examples`
(a row as a query with its passages), `documents` (text, Markdown and HTML files cut into passages), `recognise` (what a
path holds), `pseudo` (queries made of passages), `source` (the reader).

To add a format: a function in `tables` that gives rows, and its ending in `READERS`.
"""
