"""What a decoder says of a form is said in each language, by the titles of its fields, and never with a secret."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
import pytest

from engate.errors import Invalid
from engate.fields import translated
from engate.settings import Secret, called, field, load


class Form(msgspec.Struct, forbid_unknown_fields=True):
    address: Annotated[str, field("Endereço", "Address", min_length=1)]
    mode: Annotated[Literal["one", "all"], field("Modo", "Mode"), called(one=("um", "one"), all=("todos", "all"))] = "one"
    rows: Annotated[int, field("Linhas", "Rows", ge=1)] = 1
    password: Annotated[Secret, field("Senha", "Password")] = msgspec.field(default_factory=lambda: Secret(""))


@pytest.mark.parametrize(
    ("values", "where", "pt", "en"),
    [
        ({}, "address", "falta 'Endereço'", "'Address' is missing"),
        ({"address": ""}, "address", "Endereço: valor inválido: precisa ser um texto que não fique vazio", "it must be a text"),
        ({"address": "x", "mode": "two"}, "mode", "Modo: 'two' não serve: há: all (todos), one (um)", "there are: all, one"),
        (
            {"address": "x", "rows": 0},
            "rows",
            "Linhas: '0' não serve: precisa ser um número inteiro a partir de 1",
            "a whole number from 1",
        ),
        ({"address": "x", "zeilen": 1}, "zeilen", "não há um campo 'zeilen'. Há: address, mode, rows, password", "there is no field"),
    ],
)
def test_what_is_wrong_is_said_by_its_title_in_both_languages(values: dict[str, object], where: str, pt: str, en: str) -> None:
    with pytest.raises(Invalid) as found:
        load(Form, values)
    assert found.value.where == where
    assert pt in found.value.text.pt and en in found.value.text.en
    assert "`" not in found.value.text.pt


@pytest.mark.trap("engine.secret-in-refusal")
def test_a_secret_that_does_not_fit_is_not_shown() -> None:
    with pytest.raises(Invalid) as found:
        load(Form, {"address": "x", "password": 12345678})
    assert found.value.where == "password" and "12345678" not in str(found.value.text)


@pytest.mark.parametrize(
    ("message", "pt"),
    [
        ("Expected `int`, got `str`", "precisa ser número inteiro, e veio texto"),
        ("Expected `int | null`, got `str`", "precisa ser número inteiro ou nada (null), e veio texto"),
        ("Expected `str` of length >= 1", "precisa ser texto de tamanho >= 1"),
        ("Expected `array` of length 2", "precisa ser lista de tamanho 2"),
        ("Expected `int` >= 1", "precisa ser número inteiro >= 1"),
        ("Expected `str` matching regex '^a$'", "não tem a forma esperada: '^a$'"),
        ("Object missing required field `name`", "falta o campo 'name'"),
        ("Object contains unknown field `nome`", "não há um campo 'nome'"),
        ("Invalid enum value 'foo'", "'foo' não existe"),
        ("JSON is malformed: invalid character (byte 9)", "o corpo não é JSON válido (posição 9)"),
        ("Input data was truncated", "o corpo não é JSON válido (posição ?)"),
        ("O vendedor 3 saiu.", "O vendedor 3 saiu."),
    ],
)
def test_every_complaint_of_the_decoder_is_known_in_portuguese(message: str, pt: str) -> None:
    said = translated(message)
    assert (said.pt, said.en) == (pt, message)


def test_the_complaints_are_those_that_the_decoder_makes() -> None:
    """A release of it that says them otherwise turns this red."""
    kinds: list[tuple[type, object]] = [
        (Form, {"address": 1}),
        (Form, {}),
        (Form, {"address": "x", "y": 1}),
        (Form, {"address": "x", "mode": "z"}),
    ]
    for kind, value in kinds:
        with pytest.raises(msgspec.ValidationError) as found:
            msgspec.convert(value, kind)
        said = translated(str(found.value))
        assert said.pt != said.en
