"""Errors that end a command, as one sentence that says what to do. Only faults of engate show a traceback."""

from __future__ import annotations

import errno

from engate.errors import EngateError
from engate.store.broken import FREE, FULL, OWNED, broken
from engate.text import Text

HINTS = {
    errno.EACCES: OWNED,
    errno.EPERM: OWNED,
    errno.EROFS: OWNED,
    errno.ENOENT: Text("Confira o caminho: a pasta precisa existir.", "Check the path: the folder has to exist."),
    errno.ENOTDIR: Text("Confira o caminho: uma parte dele não é pasta.", "Check the path: a part of it is no folder."),
    errno.EISDIR: Text("Confira o caminho: é uma pasta.", "Check the path: it is a folder."),
    errno.EEXIST: Text("Escolha outro nome: nada é sobrescrito.", "Choose another name: nothing is overwritten."),
    errno.EMFILE: Text("Aumente o limite de arquivos abertos (ulimit -n).", "Raise the limit of open files (ulimit -n)."),
}
SEE = Text("Corrija e inicie de novo.", "Correct it, then start again.")


def in_words(error: Exception) -> EngateError | None:
    """None: the error is a fault of engate."""
    if isinstance(error, EngateError):
        return error
    if isinstance(error, OSError) and error.errno is not None:
        if error.errno == errno.ENOSPC:
            return EngateError(FULL, FREE, code="disk_full")
        where = f"{error.filename}: " if error.filename else ""
        said = f"{where}{error.strerror or type(error).__name__}"
        return EngateError(Text(f"O sistema recusou: {said}", f"The system refused: {said}"), HINTS.get(error.errno, SEE), code="system")
    return broken(error)
