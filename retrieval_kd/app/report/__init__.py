"""Artifacts to tables, comparisons and records.

Here: `results` (rows of evaluations), `significance` (paired tests), `tables` (what is printed), `record` (what
experiments/ holds of a recipe), `sweep` (one table of a multirun).

Not here: making or changing an artifact.

To add a report: a module that reads `results` and `artifacts`, called in run_plan or main.
"""
