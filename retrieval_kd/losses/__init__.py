"""Arrows from a guide to a learner: how far the learner is from where it should be.

Each loss is a file with a pure function of the file's name (formula, shapes, source) and the Term that says which views
it reads. Nothing here encodes, knows of ranks or logs. To add a loss: one file like `listwise_kl`, one option in
conf/loss/, which tests/contracts/test_losses.py finds there. Two records are kept in tests/contracts: the function's
signature in test_signatures.py, and the pairs with every teacher in crosses.md (`python -m tests.contracts.crosses`).
"""
