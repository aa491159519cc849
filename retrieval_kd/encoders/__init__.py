"""Text to vectors: a transformer backbone, cut to the layers that are kept, run on real tokens only.

Nothing here knows queries, passages or scores. `weights` finds a backbone and gives its digest without importing torch;
`reading` reads it, and refuses one that is not whole; `classifier` is the head that a sequence classifier brings along;
`tiny` makes a random small one for tests. A backbone of another family works if `transformers.AutoModel` loads it, its
blocks are one ModuleList and it takes `inputs_embeds`.
"""
