"""What one training step sees: ids, masks and tokens; no model and no trainer.

Here live tokenisation (`tokens`, `store`), the stateless draw of lists (`sampling`), and the batch itself
(`candidates`, made by `collate`). Nothing here knows a model or Lightning. To show a scorer texts in another form, add
a field to `tokens.Tokenisation` and its meaning to `tokens.write`.
"""
