"""What is refused: a draft of a plan comes in, sentences come out, each of which says what to give.

Here: `checked_plan` asks all of them; `problems` goes through stages; the others look at one thing each (roles, forms,
depths, what a training reads, overrides without effect).

Not here: printing, exiting, loading a model.

To add a check: a function that yields sentences, called in `problems` or `training`.
"""
