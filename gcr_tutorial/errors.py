"""Errors that a user can mend, apart from errors of this program.

The command line shows a `UserError` in one sentence. It shows every other error with its traceback, because somebody must
mend the program then. Each class here is also the built-in class that Python code expects: `except ValueError` catches a
`UserValueError`. So raise these where an argument, a file or a machine is wrong, and the built-in classes where the
program itself must be wrong.
"""


class UserError(Exception):
    """Something that the user can mend. The message is one sentence that says what is wrong and what to do."""


class UserValueError(UserError, ValueError):
    """An argument, an option or the content of a file that cannot be used."""


class UserTypeError(UserError, TypeError):
    """An argument of the wrong type."""


class UserFileNotFoundError(UserError, FileNotFoundError):
    """A file, a folder or a model on the Hub that is not there."""


class UserNotADirectoryError(UserError, NotADirectoryError):
    """A file where a folder is needed."""


class UserOSError(UserError, OSError):
    """A file or a folder that is there but cannot be read or written."""


class UserImportError(UserError, ImportError):
    """A package that is needed for what was asked and is not installed."""


class UserFloatingPointError(UserError, FloatingPointError):
    """A loss or a score that is not a finite number."""


class NonFiniteScoreError(UserFloatingPointError):
    """A model's scores after one query are NaN or infinite, so no ranking can be made of them.

    `query` is the number of the query in the batch, from 0; `text` is shown beside it where the words of the query are known.
    """

    def __init__(self, query: int, text: str | None = None) -> None:
        self.query = query
        super().__init__(
            f"the model's scores for query {query}{'' if text is None else f' ({text!r})'} are NaN or infinite: load the model "
            "in float32 or bfloat16, and if that does not help, train it again, because its weights are damaged"
        )
