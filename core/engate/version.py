"""The version of engate: of everything in this repository. The distributions take theirs from this file when they are built."""

VERSION = "0.1.0"
