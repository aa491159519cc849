"""All rows, by group of inputs."""

from tests.bad_inputs import checkpoints, configs, environment, read_collections, runs

TABLE = (*read_collections.ROWS, *runs.ROWS, *checkpoints.ROWS, *configs.ROWS, *environment.ROWS)
