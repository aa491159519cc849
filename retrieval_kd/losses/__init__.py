"""Arrows from a guide to a learner: how far the learner is from where it should be.

Each file has one pure function with the file's name (formula, shapes, source) and the Term that says which views it
reads. Nothing here encodes, knows of ranks or logs. To add a loss: one file like `listwise_kl`, one option in
conf/loss/; the tests in tests/contracts/test_losses.py find it there.
"""
