"""What one training step sees: ids, masks and tokens; no model and no trainer.

Here live tokenisation (`tokens`, `store`), the stateless draw of lists (`sampling`), passages made up of what is listed
(`dark`), and the batch itself (`candidates`, made by `collate`). Nothing here knows a model or Lightning. To write a
scorer's texts in another form, add a field to `tokens.Tokenisation` and its meaning to `tokens.write`; for another kind
of dark example, add a pure function on words to `dark` and its name to the values of an argument of `Dark`.
"""
