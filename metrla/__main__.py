"""`python -m metrla`: the command, where its script is not on the path."""

from metrla.cli.main import main

if __name__ == "__main__":
    main()
