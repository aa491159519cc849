"""How good a run is, and whether it is better than another.

What lives here: measures by ir-measures, tests by scipy. What may not: torch, printing, a measure or test of our own
where a library has one. To add a measure: nothing, any name that ir-measures knows will do.
"""
