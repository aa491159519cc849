"""Batch to scores: how relevant is a passage to a query, in one view that losses read.

A scorer is a teacher or a student by its role in the config alone. Nothing here knows losses, or decides who learns.
`foreign` reads what the folders of other libraries say of a scorer's form, each kind of folder in a file `foreign_…`.
To add one: a file with a subclass of `scorer.Scorer` that says what it `offers`, and an option in conf/scorer/.
"""
