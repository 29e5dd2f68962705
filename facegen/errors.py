"""The one exception for what the user can put right, and others in a few words."""


class UserError(Exception):
    """A mistake in an argument or a file: one line with the rule, what was received, the remedy.

    cli.py prints it as `error: ...` and exits with code 2; any other exception is a bug of ours and
    keeps its traceback.
    """


def one_line(error: Exception) -> str:
    """What an exception says, on one line, at most 200 characters."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:200]
