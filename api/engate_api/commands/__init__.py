"""The commands of `engate`, one module each."""
