"""Reading the body of a request. One that cannot be read is a clear 400."""

from __future__ import annotations

from typing import Any, TypeGuard

from litestar import Request
from litestar.exceptions import ClientException, SerializationException

from engate.fields import translated
from engate.text import Text

SEND_JSON = Text(
    "Envie JSON, com o cabeçalho Content-Type: application/json; onde não há nada a dizer, {}.",
    "Send JSON, with the header Content-Type: application/json; where there is nothing to say, {}.",
)


def is_object(value: object) -> TypeGuard[dict[str, Any]]:
    """An object of JSON or TOML: its names are texts."""
    return isinstance(value, dict)


class Unread(ClientException):
    """The body is not the JSON that the route takes."""

    def __init__(self, text: Text, hint: Text = SEND_JSON) -> None:
        super().__init__(text.en)
        self.text, self.hint = text, hint


EMPTY = Text("O corpo da requisição está vazio.", "The body of the request is empty.")


class Body(Request[Any, Any, Any]):
    """Says what is wrong with a body that cannot be read: no JSON, another encoding, or too many levels."""

    async def json(self) -> Any:
        try:
            return await super().json()
        except UnicodeDecodeError:
            raise Unread(Text("O JSON deve estar em UTF-8.", "JSON has to be UTF-8.")) from None
        except RecursionError:
            raise Unread(Text("O JSON tem níveis demais.", "The JSON is nested too deeply.")) from None
        except SerializationException as error:
            raise Unread(self._no_json(error)) from None

    def _no_json(self, error: SerializationException) -> Text:
        media = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        if "form" in media:
            return Text(f"O corpo veio como formulário ({media[:60]}).", f"The body came as a form ({media[:60]}).")
        why = translated(str(error.__cause__ or error))
        return Text(f"{why.pt[:1].upper()}{why.pt[1:]}.", f"{why.en}.")
