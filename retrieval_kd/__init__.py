"""Distil dense retrievers: a teacher is a scorer, a student a scorer that we keep, a loss an arrow between them.

The rooms, each importing only from those before it:
text, measures, batch, encoders, scorers, losses | curricula, ranking, distil, app.
Every room's `__init__.py` is its sign: what lives there, what may not, and how to add one.
"""

__version__ = "0.1.0"
