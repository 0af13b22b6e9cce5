"""CPF and CNPJ: the numbers that identify persons and companies in Brazil."""

from __future__ import annotations

from stdnum.br import cnpj, cpf

CPF_LENGTH, CNPJ_LENGTH = 11, 14


def valid_document(document: str) -> bool:
    """Whether this is a CPF or a CNPJ ([0-9A-Z] only; a CNPJ may hold letters) with right check digits."""
    if len(document) == CPF_LENGTH:
        return cpf.is_valid(document)
    return len(document) == CNPJ_LENGTH and cnpj.is_valid(document)


def inscribed(inscription: str) -> bool:
    """Whether this is a state inscription. Buyers without one write some form of ISENTO, a dash, zeros or nothing."""
    return not inscription.strip().upper().startswith("ISENT") and any(digit in inscription for digit in "123456789")
