"""Faults injected into whole recipes: killed, asked to stop, or out of room, and started again with the same command.

`python -m tests.faults` does this to every recipe and prints a table; `test_faults.py` to one, a few times.
"""
