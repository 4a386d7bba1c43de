"""The `metrla` command as it begins, as a script and as `python -m metrla`."""

import signal


def main() -> None:
    """Import the command and run it.

    Imports take a second, and there is nothing to tidy up yet: Ctrl-C ends them at once and in silence, instead of with
    a traceback through whatever module was being imported.
    """
    impatient = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if impatient:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from metrla.cli.main import main as run  # noqa: PLC0415 - this is what may be interrupted

    if impatient:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    run()


if __name__ == "__main__":
    main()
