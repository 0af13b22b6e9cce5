"""engate over REST: the API, the workers and the command line."""
