"""What a ranking leaves on disk while it runs: a killed one goes on from there, and other processes help.

Here live the folder of a ranking (`scratch`), a tall array in files (`shards`), scores of listed pairs in such files
(`pairs`) and a search of the whole collection part by part (`parts`). No rankers, no scorers.
"""
